# `status`: a table of what runs. State and reason are what /readyz says; version, uptime and memory are those of the running process.

status() {
	supervisor_is_running || die "Abacus is not up"
	RUN_DIR=$(readlink -f "$RUN_DIR")
	status_line SERVICE INSTANCE STATE ADDRESS VERSION UPTIME MEMORY PID REASON
	for name in $(daemons_names) postgres redis nginx; do
		[ ! -e "$RUN_DIR/service/$name" ] || status_of "$name"
	done
}

status_line() {
	printf '%-11s %-13s %-9s %-16s %-17s %7s %8s %7s' "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8"
	[ -z "$9" ] && echo || echo "  $9"
}

# status_of NAME: its line.
status_of() {
	read -r pid seconds <<SUPERVISED
$(sv status "$RUN_DIR/service/$1" | sed -n 's/; [a-z]*: log: .*//; s/^run: .*: (pid \([0-9]*\)) \([0-9]*\)s.*/\1 \2/p')
SUPERVISED
	reason=''
	if [ -z "$pid" ]; then
		status_line "${1%-2}" "$1" down "$(status_address "$1")" - - - - "it does not run; make logs SERVICE=$1 says why"
		return
	fi
	status_ask "$1"
	status_line "${1%-2}" "$1" "$state" "$(status_address "$1")" "$(status_version "$1")" "$(status_duration "$seconds")" "$(status_memory "$pid")" "$pid" "$reason"
}

# worker and mailer have only the admin listener.
status_address() {
	case $1 in
	worker* | mailer*) echo "127.0.0.1:$(daemon_admin_port "$1")" ;;
	postgres) echo "127.0.0.1:$postgres_port" ;;
	redis) echo "127.0.0.1:$redis_port" ;;
	nginx) echo "*:$PORT" ;;
	*) echo "127.0.0.1:$(daemon_port "$1")" ;;
	esac
}

# Sets state and reason.
status_ask() {
	state=ready
	case $1 in
	postgres) reason=$("$(postgres_bin)/pg_isready" -h 127.0.0.1 -p "$postgres_port") && reason='' ;;
	redis) reason=$( (redis_cli ping) 2>&1) && [ "$reason" = PONG ] && reason='' ;;
	nginx) reason=$(curl -sS --max-time 2 -o /dev/null "http://127.0.0.1:$nginx_status_port/nginx_status" 2>&1) ;;
	*) reason=$(status_of_daemon "$(daemon_admin_port "$1")") ;;
	esac || true
	[ -z "$reason" ] || state='not ready'
}

# status_of_daemon PORT: prints why it is not ready, and nothing when it is.
status_of_daemon() {
	said=$(curl -s --max-time 3 "http://127.0.0.1:$1/readyz") || { echo "it does not answer"; return; }
	case $said in *'"status":"success"'*) return ;; esac
	printf '%s\n' "$said" | sed 's/.*"message":"\(Not ready: \)\{0,1\}\([^"]*\)".*/\2/; s/\.$//' | tr -d '\000-\037\177'
}

status_version() {
	case $1 in
	postgres) "$(postgres_bin)/postgres" -V | sed 's/^[^0-9]*\([0-9.]*\).*/\1/' ;;
	redis) redis-server -v | sed 's/.* v=\([0-9.]*\).*/\1/' ;;
	nginx) /usr/sbin/nginx -v 2>&1 | sed 's/.*nginx\///' ;;
	*)
		curl -s --max-time 3 "http://127.0.0.1:$(daemon_admin_port "$1")/metrics" |
			sed -n 's/^build_info{version="\([^"]*\)",revision="\([^"]*\)"} .*/\1 \2/p' | head -n 1 | grep . || echo -
		;;
	esac
}

status_duration() {
	if [ "$1" -ge 86400 ]; then
		echo "$(($1 / 86400))d $(($1 % 86400 / 3600))h"
	elif [ "$1" -ge 3600 ]; then
		echo "$(($1 / 3600))h $(($1 % 3600 / 60))m"
	elif [ "$1" -ge 60 ]; then
		echo "$(($1 / 60))m $(($1 % 60))s"
	else
		echo "$1s"
	fi
}

status_family() {
	echo "$1"
	# shellcheck disable=SC2013 # it is words that are wanted
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do status_family "$child"; done
}

# Of the process and its children. What they share counts once: Pss.
status_memory() {
	for process in $(status_family "$1"); do cat "/proc/$process/smaps_rollup" 2>/dev/null; done |
		awk '/^Pss:/ { kb += $2 } END { if (kb) printf "%.1f MB", kb / 1024; else printf "-" }'
}
