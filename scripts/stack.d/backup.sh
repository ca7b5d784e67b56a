# Backs the databases up and restores them.

# backup_with COMMAND...: adds what comes before pg_dump and services/db/restore, by which they find this stack's Postgres.
backup_with() {
	"$@" env "PATH=$(postgres_bin):$root/services/db:$PATH" "PGPASSFILE=$RUN_DIR/secrets/pgpass" PGHOST=127.0.0.1 "PGPORT=$postgres_port"
}

backup() {
	supervisor_is_running || die "Abacus is not up"
	RUN_DIR=$(readlink -f "$RUN_DIR")
	backup_with scripts/backup "${1:-backups/$(date -u +%Y-%m-%dT%H-%M-%SZ)}"
}

# Second factors in a backup are sealed with the SECRET_KEY of its time. So those from before are kept, for this alone: no daemon accepts them.
reseal() {
	for key in "$RUN_DIR/secrets/former.keys"/*; do
		(
			SECRET_KEY_PREVIOUS_FILE=$key
			export SECRET_KEY_PREVIOUS_FILE
			stack_manage users reseal_factors >/dev/null 2>&1
		) || true # the last call reports what no key opens
	done
	stack_manage users reseal_factors >/dev/null || echo "stack: these users need a recovery code to log in" >&2
}

# A new SECRET_KEY makes every token invalid, because a token issued after the backup could name a user who no longer exists, or another one who
# gets the same id. Redis holds data from after the backup too and is emptied: values queues unfinished jobs again, users publishes revocations.
restore() {
	[ $# = 1 ] || die "name the backup: make restore FROM=folder"
	scripts/restore "$1"
	supervisor_is_running || die "Abacus is not up"
	user_prepare
	stopped=
	for name in $(daemons_names); do
		case $name in users* | values* | worker* | mailer*) stopped="$stopped $name" ;; esac
	done
	export SVDIR="$RUN_DIR/service"
	# shellcheck disable=SC2086 # a list of names
	sv -w 15 force-stop $stopped >/dev/null
	status=0
	backup_with scripts/restore "$1" || status=$?
	if [ $status != 1 ]; then
		(redis_cli flushdb >/dev/null) || { status=3; echo "stack: Redis could not be emptied; run this again" >&2; }
		mkdir -p "$RUN_DIR/secrets/former.keys"
		chmod 700 "$RUN_DIR/secrets/former.keys"
		for key in "$RUN_DIR/secrets/SECRET_KEY_PREVIOUS" "$RUN_DIR/secrets/SECRET_KEY"; do
			[ ! -e "$key" ] || mv "$key" "$RUN_DIR/secrets/former.keys/$(date -u +%Y-%m-%dT%H-%M-%S.%NZ)"
		done
		rm -f "$RUN_DIR/secrets/SECRET_KEY.next"
		secrets_make
		daemons_make
		reseal
	fi
	# shellcheck disable=SC2086 # a list of names
	sv start $stopped >/dev/null
	wait_ready
	[ $status = 0 ] || exit $status
	echo "restored from $1; all users have to log in again"
}
