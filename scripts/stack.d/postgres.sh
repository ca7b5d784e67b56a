# Runs a Postgres cluster for this stack alone: reached over loopback with passwords; the role of each service owns its database and nothing else.

postgres_bin() {
	for dir in /usr/lib/postgresql/*/bin; do last=$dir; done
	[ -x "$last/postgres" ] || die "Postgres is missing; run scripts/install-packages run"
	echo "$last"
}

postgres_make() {
	if [ ! -e "$RUN_DIR/postgres/PG_VERSION" ]; then
		as_user "$(postgres_bin)/initdb" -D "$RUN_DIR/postgres" -U postgres --pwfile="$RUN_DIR/secrets/postgres" \
			--auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$RUN_DIR/log/initdb" 2>&1 ||
			{ tail -5 "$RUN_DIR/log/initdb" >&2; die "initdb failed"; }
	fi
	install_text "$RUN_DIR/service.postgres.run" 755 <<RUN
#!/bin/sh
exec 2>&1
# On SIGTERM Postgres waits until every client has disconnected; control/t sends SIGINT instead, which ends it at once.
exec $(postgres_bin)/postgres -D $(quote "$RUN_DIR/postgres") -c listen_addresses=127.0.0.1 -c port=$postgres_port \\
	-c unix_socket_directories= -c max_connections=100 -c shared_buffers=64MB -c jit=off -c log_min_messages=warning
RUN
	supervisor_service postgres "$RUN_DIR/service.postgres.run"
	install_text "$RUN_DIR/staged/postgres/control/t" 755 <<'CONTROL'
#!/bin/sh
exec kill -INT "$(cat supervise/pid)"
CONTROL
}

postgres_admin() {
	PGPASSFILE=$RUN_DIR/secrets/pgpass "$(postgres_bin)/psql" -h 127.0.0.1 -p "$postgres_port" -U postgres -d postgres -qAtX -v ON_ERROR_STOP=1 "$@"
}

postgres_reason() {
	reason=$(grep -hE '(FATAL|PANIC): ' "$RUN_DIR/log/postgres/current" | tail -1 | sed 's/.*\(\(FATAL\|PANIC\): .*\)/\1/')
	echo "${reason:-see $RUN_DIR/log/postgres/current}"
}

postgres_wait() {
	limit=$(($(date +%s) + START_SECONDS))
	until "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$postgres_port"; do
		[ "$(date +%s)" -lt $limit ] || die "Postgres did not start: $(postgres_reason)"
		sleep 0.05
	done
	for name in users values; do
		[ "$(postgres_admin -c "SELECT count(*) FROM pg_database WHERE datname = '$name'")" = 1 ] || {
			postgres_create "$name"
			[ "$name" != users ] || key_renew
		}
	done
	[ "$(postgres_admin -c "SELECT count(*) FROM pg_roles WHERE rolname = 'healthcheck'")" = 1 ] || postgres_create_watcher
}

# healthcheck's role owns nothing: it counts connections, connected to the database `postgres`, which every role may use.
postgres_create_watcher() {
	printf "CREATE ROLE healthcheck LOGIN PASSWORD '%s' CONNECTION LIMIT 10;\n" "$(secret healthcheck)" | postgres_admin -f - >/dev/null
	note_change "role healthcheck"
}

# postgres_create NAME: the password goes over the connection, because other users can read command lines.
postgres_create() {
	{
		printf "CREATE ROLE %s LOGIN PASSWORD '%s';\n" "$1" "$(secret "$1")"
		printf 'CREATE DATABASE %s OWNER %s;\nREVOKE ALL ON DATABASE %s FROM PUBLIC;\n' "$1" "$1" "$1"
		printf '\\connect %s\nALTER SCHEMA public OWNER TO %s;\n' "$1" "$1"
	} | postgres_admin -f - >/dev/null
	note_change "database $1"
}

psql() {
	database=${1:-}
	case $database in
	users | values) shift ;;
	'') die "name the database: make psql DB=users or DB=values" ;;
	*) die "there is no database \"$database\": make psql DB=users or DB=values" ;;
	esac
	supervisor_is_running || die "Abacus is not up"
	RUN_DIR=$(readlink -f "$RUN_DIR")
	PGPASSFILE=$RUN_DIR/secrets/pgpass exec "$(postgres_bin)/psql" -X -h 127.0.0.1 -p "$postgres_port" -U "$database" -d "$database" "$@"
}
