# Backups of the databases, and the way back.

# Where pg_dump, and services/db/restore, find this stack's Postgres.
backup_environment() {
	echo "env PATH=$(postgres_bin):$root/services/db:$PATH PGPASSFILE=$RUN_DIR/secrets/pgpass PGHOST=127.0.0.1 PGPORT=$postgres_port"
}

backup() {
	supervisor_is_running || die "Abacus is not up"
	RUN_DIR=$(readlink -f "$RUN_DIR")
	# shellcheck disable=SC2046 # a command with its arguments
	scripts/backup "${1:-backups/$(date -u +%Y-%m-%dT%H-%M-%SZ)}" $(backup_environment)
}

# Everybody must log in anew, by a new SECRET_KEY: a token from after the backup would name a user who is not there, or somebody else who got
# that id since. What Redis holds is from after the backup too; it is told and calculated anew.
restore() {
	[ $# = 1 ] || die "which backup? make restore FROM=folder"
	scripts/restore "$1"
	supervisor_is_running || die "Abacus is not up"
	user_prepare
	stopped=
	for name in $(daemons_names); do
		case $name in users* | values* | worker*) stopped="$stopped $name" ;; esac
	done
	export SVDIR="$RUN_DIR/service"
	# shellcheck disable=SC2086 # a list
	sv -w 15 force-stop $stopped >/dev/null
	status=0
	# shellcheck disable=SC2046 # a command with its arguments
	scripts/restore "$1" $(backup_environment) || status=$?
	if [ $status != 1 ]; then
		(redis_cli flushdb >/dev/null) || { status=3; echo "stack: Redis could not be emptied; run this again" >&2; }
		rm "$RUN_DIR/secrets/SECRET_KEY"
		secrets_make
		daemons_make
	fi
	# shellcheck disable=SC2086 # a list
	sv start $stopped >/dev/null
	wait_ready
	[ $status = 0 ] || exit $status
	echo "restored from $1; everybody has to log in anew"
}
