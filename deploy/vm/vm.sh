# Read by the numbered scripts, which run on the host itself, as root; deploy/vm/on runs them there from elsewhere.
# All that makes this host this host is in $place, so the tree can be replaced: env (what Compose is told, one NAME='value' a line), secrets/, and
# docker-compose.override.yml, which is the operator's and which Compose reads last.
set -eu
cd "$(dirname "$0")/../.."
place=/etc/abacus
# shellcheck disable=SC2034 # read by the scripts that source this
backups=/var/backups/abacus

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

usage() {
	sed -n 's/^# usage: //p' "$0" >&2
	exit 64
}

[ "$(id -u)" = 0 ] || die "must be run as root, on the host; from elsewhere: deploy/vm/on USER@HOST $(basename "$0")"

# For Compose 1.29, which builds by itself unless it is told to let the engine do it.
export COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1

# alone [SECONDS]: nobody else changes this host meanwhile; deploy/vm/on takes the same lock while it replaces the tree.
# shellcheck disable=SC2120 # deploy/vm/on gives the argument
alone() {
	exec 9>/run/abacus.lock
	flock -w "${1:-0}" 9 || die "another of these scripts is at work on this host; try again when it is done"
}

# load: the settings, for Compose and for the scripts; they win over the caller's.
load() {
	[ -r "$place/env" ] || die "this host is not prepared; run deploy/vm/1-prepare first"
	docker info >/dev/null 2>&1 || die "the Docker engine does not answer: $(docker info 2>&1 | tail -1)"
	set -a
	# shellcheck source=/dev/null
	. "$place/env"
	set +a
}

# set_env NAME VALUE
set_env() {
	case $2 in *[\'\"\\]*) die "$1 must not have quotes in it" ;; esac
	touch "$place/env"
	{
		grep -v "^$1=" "$place/env" || true
		echo "$1='$2'"
	} >"$place/env.new"
	mv "$place/env.new" "$place/env"
}

# build SERVICE...: none for all. The daemons know which commit they are of; of the others the image is a new one only when it has changed.
build() {
	scripts/offline-base-images # what is never used for a container, 3-start takes away when it is a week old
	revision=$(cat COMMIT 2>/dev/null || git rev-parse --short=8 HEAD 2>/dev/null || echo unknown)
	# shellcheck disable=SC2046 # a list
	[ $# -gt 0 ] || set -- $(docker-compose config --services)
	daemons='' others=''
	for service; do
		case $service in users* | values* | worker | healthcheck) daemons="$daemons $service" ;; *) others="$others $service" ;; esac
	done
	version=$(sed -n 's/^VERSION := //p' Makefile)
	# shellcheck disable=SC2086 # lists
	[ -z "$others" ] || docker-compose build $fresh --build-arg VERSION="$version" $others >"$log" 2>&1 || failed
	# shellcheck disable=SC2086 # lists
	[ -z "$daemons" ] || docker-compose build $fresh --build-arg VERSION="$version" --build-arg REVISION="$revision" $daemons >"$log" 2>&1 || failed
}

fresh=
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' HUP INT TERM

failed() {
	tail -n 40 "$log" >&2
	die "the lines above say why it failed"
}

# healthy SERVICE...: within two minutes, all that have a health check.
healthy() {
	limit=$(($(date +%s) + 120))
	for service; do
		for container in $(docker-compose ps -q "$service"); do
			until [ "$(docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}' "$container")" = healthy ]; do
				[ "$(date +%s)" -lt $limit ] || { docker-compose logs --tail 10 "$service" >&2 || true; die "$service does not become healthy; the lines above say why"; }
				sleep 0.5
			done
		done
	done
}

# Those that run all the time.
services() {
	docker-compose config --services | grep -v -- '-migrate$'
}

is_running() {
	# shellcheck disable=SC2046 # a list
	[ -n "$(docker-compose ps -q "$1" 2>/dev/null)" ] && [ "$(docker inspect -f '{{.State.Running}}' $(docker-compose ps -q "$1") | sort -u)" = true ]
}

# What runs is of the image that is there now.
is_current() {
	container=$(docker-compose ps -q "$1" | head -1)
	[ "$(docker inspect -f '{{.Image}}' "$container")" = "$(docker image inspect -f '{{.Id}}' "$(docker inspect -f '{{.Config.Image}}' "$container")")" ]
}

# replace SERVICE...: what runs becomes what was built. users, values and healthcheck without a failed request.
replace() {
	for service; do
		case $service in
		users | values) docker-compose run --rm -T "$service-migrate" >"$log" 2>&1 </dev/null || failed ;;
		esac
		case $service in
		users | values | healthcheck)
			if is_running "$service" && is_running nginx; then
				scripts/rolling-replace "$service" || die "$service was not replaced"
				continue
			fi
			;;
		esac
		docker-compose up -d --no-build --no-deps "$service" >"$log" 2>&1 || failed
	done
}
