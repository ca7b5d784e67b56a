# shellcheck shell=sh disable=SC2034 # the scripts that read this file use its variables
# Shared by the numbered scripts, which run on the host itself, as root; deploy/vm/on runs them there from another machine.
# Everything particular to this host is in $place, so the tree can be replaced: env (variables for Compose, one NAME='value' a line), secrets/, and
# docker-compose.override.yml, which Compose reads last and which the operator may edit. HOST_ROOT is empty; tests put a folder in the place of /.
set -eu
cd "$(dirname "$0")/../.."
: "${HOST_ROOT:=}"
place=$HOST_ROOT/etc/abacus
backups=$HOST_ROOT/var/backups/abacus
state=$HOST_ROOT/var/lib/abacus # what the timers remember
former=$place/secrets/former.keys # with which second factors in backups are sealed; no daemon accepts them

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

usage() {
	sed -n 's/^# usage: //p' "$0" >&2
	exit 64
}

[ "$(id -u)" = 0 ] || die "must be run as root, on the host; from elsewhere: deploy/vm/on USER@HOST $(basename "$0")"

# take_lock [SECONDS]: takes the lock that keeps other scripts from changing this host, waiting up to SECONDS (0) for it. deploy/vm/on takes the same
# lock while it replaces the tree.
take_lock() {
	exec 9>"$HOST_ROOT/run/abacus.lock"
	flock -w "${1:-0}" 9
}

# alone [SECONDS]: the same, and dies where another script has it.
# shellcheck disable=SC2120 # 7-backup gives the argument
alone() {
	take_lock "${1:-0}" || die "another of these scripts is at work on this host; try again when it is done"
}

has_systemd() {
	[ -d "$HOST_ROOT/run/systemd/system" ]
}

# The newest backup of this host, without those that 8-restore made.
newest_backup() {
	ls -d "$backups"/????-??-??T??-??-??Z 2>/dev/null | tail -1
}

# load: exports the settings of $place/env, for Compose and for the scripts. They override the caller's variables.
load() {
	[ -r "$place/env" ] || die "this host is not prepared; run deploy/vm/1-prepare first"
	docker info >/dev/null 2>&1 || die "the Docker engine does not answer: $(docker info 2>&1 | tail -1)"
	set -a
	# shellcheck source=/dev/null # the host's settings
	. "$place/env"
	set +a
}

# load_offsite: exports what restic needs to reach the off-site repository. Its password is in a file, because arguments are in the list of processes.
load_offsite() {
	[ -r "$place/offsite" ] || die "there is no off-site repository; deploy/vm/README.md says how to make one"
	set -a
	# shellcheck source=/dev/null # the host's settings
	. "$place/offsite"
	set +a
	[ -n "${RESTIC_REPOSITORY:-}" ] || die "RESTIC_REPOSITORY is not set; set it in $place/offsite"
	export RESTIC_PASSWORD_FILE="$place/offsite.password" RESTIC_CACHE_DIR="$state/restic"
	mkdir -p "$state"
}

# fetch_offsite FOLDER SNAPSHOT: writes an off-site backup below FOLDER, by its whole path, and prints the path of the backup there.
fetch_offsite() {
	restic -q restore "$2" --tag abacus --target "$1" >"$log" 2>&1 || failed
	ls -d "$1$backups"/????-??-??T??-??-??Z
}

# keep_key FILE: moves a key that is replaced to the former ones, unless FILE is empty.
keep_key() {
	mkdir -p "$former"
	chmod 700 "$former"
	[ ! -s "$1" ] || mv "$1" "$former/$(date -u +%Y-%m-%dT%H-%M-%S.%NZ)"
}

# set_env NAME VALUE: writes it to $place/env.
set_env() {
	case $2 in *[\'\"\\]*) die "$1 must not contain quotes or backslashes" ;; esac
	touch "$place/env"
	{
		grep -v "^$1=" "$place/env" || true
		echo "$1='$2'"
	} >"$place/env.new"
	mv "$place/env.new" "$place/env"
}

# build [SERVICE...]: all, unless some are named. Only the daemons' labels get the commit, so the images of the others change only when their files do.
# shellcheck disable=SC2046,SC2086 # lists of words
build() {
	scripts/offline-base-images # each time, because no container uses the base image and 3-start removes it when it is a week old
	[ $# -gt 0 ] || set -- $(scripts/compose config --services)
	daemons='' others=''
	for service; do
		case $service in users* | values* | worker | mailer | healthcheck) daemons="$daemons $service" ;; *) others="$others $service" ;; esac
	done
	[ -z "$others" ] || REVISION=unknown CREATED=unknown scripts/compose build $fresh $others >"$log" 2>&1 || failed
	[ -z "$daemons" ] || scripts/compose build $fresh $daemons >"$log" 2>&1 || failed
}

fresh=
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' HUP INT TERM

failed() {
	tail -n 40 "$log" >&2
	die "it failed; the lines above say why"
}

# healthy SERVICE...: waits until all their containers that have a health check are healthy; dies after two minutes.
healthy() {
	limit=$(($(date +%s) + 120))
	for service; do
		for container in $(scripts/compose ps -q "$service"); do
			until [ "$(docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}' "$container")" = healthy ]; do
				[ "$(date +%s)" -lt $limit ] || { scripts/compose logs --tail 10 "$service" >&2 || true; die "$service did not become healthy; the lines above say why"; }
				sleep 0.5
			done
		done
	done
}

# The services that run all the time.
services() {
	scripts/compose config --services | grep -v -- '-migrate$'
}

# known SERVICE...: dies unless there are services of these names.
known() {
	for service; do services | grep -qxF -e "$service" || die "there is no service $service; there are: $(services | sort | tr '\n' ' ')"; done
}

# is_running SERVICE: it has containers, and all of them run.
is_running() {
	# shellcheck disable=SC2046 # one word a container
	[ -n "$(scripts/compose ps -q "$1" 2>/dev/null)" ] && [ "$(docker inspect -f '{{.State.Running}}' $(scripts/compose ps -q "$1") | sort -u)" = true ]
}

# is_current SERVICE: its container runs the image that its tag names now.
is_current() {
	container=$(scripts/compose ps -q "$1" | head -1)
	[ "$(docker inspect -f '{{.Image}}' "$container")" = "$(docker image inspect -f '{{.Id}}' "$(docker inspect -f '{{.Config.Image}}' "$container")")" ]
}

# replace SERVICE...: replaces their containers by ones of the new images; those of users, values and healthcheck without a failed request.
replace() {
	for service; do
		case $service in
		users | values) scripts/compose run --rm -T "$service-migrate" >"$log" 2>&1 </dev/null || failed ;;
		esac
		case $service in
		users | values | healthcheck)
			if is_running "$service" && is_running nginx; then
				scripts/rolling-replace "$service" || die "$service was not replaced; the lines above say why"
				continue
			fi
			;;
		esac
		scripts/compose up -d --no-build --no-deps "$service" >"$log" 2>&1 || failed
	done
}
