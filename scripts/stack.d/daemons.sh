# Installs users, values, worker, mailer and healthcheck: binaries, migrations, environment, and a service of each under the supervisor.

daemons_names() {
	echo users values worker mailer healthcheck
	[ "$INSTANCES" -lt 2 ] || echo users-2 values-2 worker-2 mailer-2 healthcheck-2
}

# What is added to the ports of the daemon NAME or NAME-2.
daemon_shift() {
	case $1 in *-2) echo $((PORT_OFFSET + 100)) ;; *) echo "$PORT_OFFSET" ;; esac
}

daemon_port() {
	case $1 in
	users*) echo $((5001 + $(daemon_shift "$1"))) ;;
	values*) echo $((5002 + $(daemon_shift "$1"))) ;;
	healthcheck*) echo $((5003 + $(daemon_shift "$1"))) ;;
	esac
}

daemon_admin_port() {
	case $1 in
	users*) echo $((9001 + $(daemon_shift "$1"))) ;;
	values*) echo $((9002 + $(daemon_shift "$1"))) ;;
	healthcheck*) echo $((9003 + $(daemon_shift "$1"))) ;;
	worker*) echo $((9004 + $(daemon_shift "$1"))) ;;
	mailer*) echo $((9005 + $(daemon_shift "$1"))) ;;
	esac
}

daemons_admin_ports() {
	for name in $(daemons_names); do daemon_admin_port "$name"; done
}

daemons_ports() {
	for name in $(daemons_names); do daemon_port "$name"; done
	daemons_admin_ports
}

# users=http://127.0.0.1:9001,…: the instances that healthcheck watches, itself included.
daemons_targets() {
	comma=
	for name in $(daemons_names); do
		printf '%s%s=http://127.0.0.1:%s' "$comma" "${name%-2}" "$(daemon_admin_port "$name")"
		comma=,
	done
}

daemon_redis() {
	case $REDIS_TLS$1 in
	1*-2) echo "export REDIS_URL_FILE=$RUN_DIR/secrets/redis.tls REDIS_CA_FILE=$RUN_DIR/secrets/redis.pem" ;;
	*) echo "export REDIS_URL_FILE=$RUN_DIR/secrets/redis.url" ;;
	esac
}

# daemon_environment NAME: prints the exports for the daemon, among them every variable of this script's caller that the daemon's --help lists.
daemon_environment() {
	cat <<ENVIRONMENT
export APP_ENV=$APP_ENV INSTANCE=$1 HTTP_HOST=127.0.0.1 ADMIN_PORT=$(daemon_admin_port "$1") PORT=$(daemon_port "$1")
export SECRET_KEY_FILE=$RUN_DIR/secrets/SECRET_KEY
ENVIRONMENT
	daemon_redis "$1"
	case ${1%-2} in
	users) echo "export DATABASE_URL_FILE=$RUN_DIR/secrets/users.url" ;;
	values) echo "export DATABASE_URL_FILE=$RUN_DIR/secrets/values.url USERS_URL=http://127.0.0.1:$(daemon_port users)" ;;
	mailer)
		case $APP_ENV in development | testing)
			[ -n "${SMTP_URL:-}${MAIL_DIR:-}" ] || echo "export MAIL_DIR=$RUN_DIR/mail"
			[ -n "${PUBLIC_URL:-}" ] || echo "export PUBLIC_URL=http://localhost:$PORT"
			;;
		esac
		;;
	healthcheck)
		echo "export HEALTHCHECK_TARGETS=$(daemons_targets) HEALTHCHECK_POSTGRES_FILE=$RUN_DIR/secrets/healthcheck.url"
		echo "export HEALTHCHECK_NGINX_URL=http://127.0.0.1:$nginx_status_port/nginx_status"
		;;
	esac
	"$RUN_DIR/bin/${1%-2}" --help | sed -n 's/^  \([A-Z][A-Z0-9_]*\) .*/\1/p' | while read -r variable; do
		case $variable in APP_ENV | INSTANCE | HTTP_HOST | ADMIN_PORT | PORT | SECRET_KEY | REDIS_URL | DATABASE_URL) continue ;; esac
		eval "value=\${$variable:-}"
		[ -z "$value" ] || printf "export %s='%s'\n" "$variable" "$value"
	done
}

daemons_install() {
	for name in users values worker mailer healthcheck; do
		for binary in $name $name-manage; do
			cmp -s "$BUILD/bin/$binary" "$RUN_DIR/bin/$binary" && continue
			cp "$BUILD/bin/$binary" "$RUN_DIR/bin/.$binary"
			mv "$RUN_DIR/bin/.$binary" "$RUN_DIR/bin/$binary"
			note_change "$RUN_DIR/bin/$binary"
		done
		mkdir -p "$RUN_DIR/share/$name"
		[ ! -d "services/$name/migrations" ] || cp -R "services/$name/migrations" "$RUN_DIR/share/$name/"
	done
	chmod -R a+rX "$RUN_DIR/bin" "$RUN_DIR/share"
}

daemons_make() {
	daemons_install
	for service in users values; do
		stack_manage "$service" db upgrade
	done
	case $APP_ENV in development | testing) stack_manage users seed_db ;; esac
	for name in $(daemons_names); do
		install_text "$RUN_DIR/service.$name.run" 755 <<RUN
#!/bin/sh
exec 2>&1
$(daemon_environment "$name")
${DAEMON_SETUP:-}
exec $RUN_DIR/bin/${name%-2}
RUN
		supervisor_service "$name" "$RUN_DIR/service.$name.run" "$RUN_DIR/bin/${name%-2}"
	done
}

# In a subshell, so that the daemon's environment does not leak into this script.
stack_manage() (
	service=$1
	shift
	eval "$(daemon_environment "$service")"
	MIGRATIONS_DIR=$RUN_DIR/share/$service/migrations
	export MIGRATIONS_DIR
	exec "$RUN_DIR/bin/$service-manage" "$@"
)

manage() {
	[ $# -gt 0 ] || usage
	RUN_DIR=$(readlink -f "$RUN_DIR")
	stack_manage "$@"
}
