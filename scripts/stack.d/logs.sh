# `logs [SERVICE [LEVEL]]`: follows the logs of all services or of one, from a level on: lines to read on a terminal, JSON elsewhere.

logs() {
	RUN_DIR=$(readlink -f "$RUN_DIR")
	case ${2:-} in '' | debug | info | warn | error) ;; *) die "LEVEL is debug, info, warn or error, and not \"$2\"" ;; esac
	[ -d "$RUN_DIR/log" ] || die "$run_dir_given has no logs; run make up first"
	if [ -n "${1:-}" ]; then
		case $1 in *[!a-z0-9-]*) set -- '' "${2:-}" ;; *) set -- "$1" "${2:-}" "$RUN_DIR/log/$1/current" "$RUN_DIR/log/$1-2/current" ;; esac
	else
		set -- '' "${2:-}" "$RUN_DIR"/log/*/current
	fi
	logs_follow "$@"
}

logs_follow() {
	least=${2:-debug} lines=20
	[ -z "$2" ] || lines=1000 # most of which the level leaves out
	shift 2
	for file; do
		shift
		[ ! -e "$file" ] || set -- "$@" "$file"
	done
	[ $# -gt 0 ] || die "there is no such service; SERVICE is one of$(cd "$RUN_DIR/log" && for file in */current; do printf ' %s' "${file%/current}"; done)"
	shown=0 colours=0 interactive=''
	[ ! -t 1 ] || shown=1
	[ $shown = 0 ] || [ -n "${NO_COLOR:-}" ] || colours=1
	# mawk, Debian's, would otherwise wait for a whole block of lines.
	case $(readlink -f "$(command -v awk)") in *mawk) interactive='-W interactive' ;; esac
	# --pid, because otherwise tail would outlive this script until the next line of a log.
	# shellcheck disable=SC2086 # an option and its value
	tail -v -n $lines -F --pid=$$ "$@" 2>/dev/null | LC_ALL=C awk $interactive -v least="$least" -v shown=$shown -v colours=$colours -f scripts/stack.d/logs.awk
}
