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

# Not among daemons_ports, because healthcheck does without it if it is taken.
daemon_dashboard_port() {
	case $1,$APP_ENV in
	*-2,*) echo 0 ;; # because two processes of one user would share the port
	*,development | *,testing) echo "${DASHBOARD_PORT:-$((5000 + PORT_OFFSET))}" ;;
	*) echo "${DASHBOARD_PORT:-0}" ;;
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
	1*-2) echo "export REDIS_URL_FILE=$secrets/redis.tls REDIS_CA_FILE=$secrets/redis.pem" ;;
	*) echo "export REDIS_URL_FILE=$secrets/redis.url" ;;
	esac
}

# Of the users that seed_db makes with mTAN.
seeded_codes=maxmustermann@gmail.com:1001,gabimusterfrau@gmail.com:1002,erikatest@gmail.com:1003

# daemon_environment NAME: prints the exports for the daemon, among them every variable of this script's caller that the daemon's --help lists.
daemon_environment() {
	secrets=$(quote "$RUN_DIR/secrets")
	cat <<ENVIRONMENT
export APP_ENV=$APP_ENV INSTANCE=$1 HTTP_HOST=127.0.0.1 ADMIN_PORT=$(daemon_admin_port "$1") PORT=$(daemon_port "$1")
export SECRET_KEY_FILE=$secrets/SECRET_KEY
ENVIRONMENT
	# Only while keys are changed (rotate.sh), and at each start, because that makes and removes it.
	[ -n "${SECRET_KEY_PREVIOUS:-}${SECRET_KEY_PREVIOUS_FILE:-}" ] ||
		echo "[ ! -e $secrets/SECRET_KEY_PREVIOUS ] || export SECRET_KEY_PREVIOUS_FILE=$secrets/SECRET_KEY_PREVIOUS"
	daemon_redis "$1"
	case $APP_ENV:${1%-2} in
	development:users | testing:users | development:mailer | testing:mailer)
		[ -n "${PUBLIC_URL:-}" ] || echo "export PUBLIC_URL=http://localhost:$PORT"
		;;
	esac
	case ${1%-2} in
	users)
		echo "export DATABASE_URL_FILE=$secrets/users.url"
		case $APP_ENV in development | testing) [ -n "${MTAN_TEST_CODES:-}" ] || echo "export MTAN_TEST_CODES=$seeded_codes" ;; esac
		;;
	values) echo "export DATABASE_URL_FILE=$secrets/values.url USERS_URL=http://127.0.0.1:$(daemon_port users)" ;;
	mailer)
		case $APP_ENV in development | testing)
			{ [ -n "${SMTP_URL:-}" ] && [ -n "${SMS_URL:-}" ]; } || [ -n "${MAIL_DIR:-}" ] || echo "export MAIL_DIR=$(quote "$RUN_DIR/mail")"
			;;
		esac
		;;
	healthcheck)
		echo "export HEALTHCHECK_TARGETS=$(daemons_targets) HEALTHCHECK_POSTGRES_FILE=$secrets/healthcheck.url"
		echo "export HEALTHCHECK_NGINX_URL=http://127.0.0.1:$nginx_status_port/nginx_status USERS_URL=http://127.0.0.1:$(daemon_port users)"
		echo "export DASHBOARD_PORT=$(daemon_dashboard_port "$1")"
		;;
	esac
	"$RUN_DIR/bin/${1%-2}" --help | sed -n 's/^  \([A-Z][A-Z0-9_]*\) .*/\1/p' | while read -r variable; do
		case $variable in APP_ENV | INSTANCE | HTTP_HOST | ADMIN_PORT | PORT | DASHBOARD_PORT | SECRET_KEY | REDIS_URL | DATABASE_URL) continue ;; esac
		eval "value=\${$variable:-}"
		[ -z "$value" ] || printf 'export %s=%s\n' "$variable" "$(quote "$value")" # because echo would change a \n in it
	done
}

# Those of another branch that were here go, because two branches may have used one number.
daemons_install_migrations() {
	to=$RUN_DIR/share/$1/migrations
	cp -R "services/$1/migrations" "$RUN_DIR/share/$1/"
	for file in "$to"/*; do [ -e "services/$1/migrations/${file##*/}" ] || rm "$file"; done
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
		[ ! -d "services/$name/migrations" ] || daemons_install_migrations "$name"
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
exec $(quote "$RUN_DIR/bin/${name%-2}")
RUN
		supervisor_service "$name" "$RUN_DIR/service.$name.run" "$RUN_DIR/bin/${name%-2}" "$RUN_DIR/secrets/SECRET_KEY"
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
	case ${1:-} in
	users | values | worker | mailer | healthcheck) ;;
	'') die "name the service: make manage SERVICE=users, values, worker, mailer or healthcheck, and its command in ARGS=\"db current\"" ;;
	*) die "there is no service \"$1\": SERVICE is users, values, worker, mailer or healthcheck" ;;
	esac
	[ -x "$RUN_DIR/bin/$1-manage" ] || die "$run_dir_given has no $1-manage; run make up first"
	RUN_DIR=$(readlink -f "$RUN_DIR")
	stack_manage "$@"
}
