# Replaces secrets while the system runs: `stack rotate key`, `stack rotate passwords`. The daemons read secrets when they start, so they are restarted
# one by one; with INSTANCES=2 no request fails meanwhile. A rotation that was interrupted goes on when the command is given again: a new secret lies
# in NAME.next until every daemon has it.

# rotate_next NAME: makes the file secrets/NAME.next, unless an interrupted rotation has left one.
rotate_next() {
	secret_make "$1.next"
}

# nginx_serves PID...: whether one of these processes is a worker of nginx that takes requests.
nginx_serves() {
	for pid; do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *"worker process is shutting down"*) ;; *"worker process"*) return 0 ;; esac
	done 2>/dev/null
	return 1
}

# rotate_nginx MARK [PORT]: nginx serves by its configuration with MARK at the servers of that port: "down" leaves them out. Without PORT by the whole one.
rotate_nginx() {
	sed "s/ down max_fails/ max_fails/g${2:+; s/server 127.0.0.1:$2 max_fails/server 127.0.0.1:$2 $1 max_fails/g}" "$RUN_DIR/nginx/nginx.conf" |
		install_text "$RUN_DIR/nginx/nginx.conf" 644
	master=$(cat "$RUN_DIR/service/nginx/supervise/pid")
	serving=$(cat "/proc/$master/task/$master/children" 2>/dev/null || true)
	sv hup "$RUN_DIR/service/nginx" >/dev/null
	limit=$(($(date +%s) + 10))
	# shellcheck disable=SC2086 # one word a process
	while nginx_serves $serving && [ "$(date +%s)" -lt $limit ]; do sleep 0.05; done
	sleep 0.1 # for what they are about to send
}

# rotate_restart NAME...: restarts these daemons one by one, each when the one before is ready.
rotate_restart() {
	for name; do
		port=$(daemon_port "$name")
		[ -z "$port" ] || [ "$INSTANCES" = 1 ] || rotate_nginx down "$port"
		sv -w 30 restart "$RUN_DIR/service/$name" >/dev/null || { rotate_nginx whole; die "$name did not restart; make logs says why"; }
		limit=$(($(date +%s) + START_SECONDS)) port=$(daemon_admin_port "$name")
		until curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$port/readyz"; do
			[ "$(date +%s)" -lt $limit ] || { rotate_nginx whole; not_ready "$port"; }
			sleep 0.05
		done
	done
	[ "$INSTANCES" = 1 ] || rotate_nginx whole
}

# rotate_of SERVICE...: their daemons.
rotate_of() {
	for name in $(daemons_names); do
		for service; do [ "${name%-2}" != "$service" ] || echo "$name"; done
	done
}

# First every process accepts tokens that the new key signed, then each begins to sign with it. The former key verifies until `rotate forget`. Either file
# is replaced at once, and a process that is restarted between the two verifies all tokens that exist then.
# shellcheck disable=SC2046 # one word a daemon
rotate_key() {
	former=$RUN_DIR/secrets/SECRET_KEY_PREVIOUS next=$RUN_DIR/secrets/SECRET_KEY.next
	[ ! -e "$RUN_DIR/forgetting" ] || die "the key before may still be accepted; finish that by \"stack rotate forget\""
	[ -e "$next" ] || [ ! -e "$former" ] ||
		die "the key before is still accepted; end that by \"stack rotate forget\", which logs out those who were not here since it was replaced"
	rotate_next SECRET_KEY
	if ! cmp -s "$next" "$RUN_DIR/secrets/SECRET_KEY"; then
		say "every process learns the new key"
		install_text "$former" 600 <"$next"
		rotate_restart $(rotate_of users values)
		install_text "$former" 600 <"$RUN_DIR/secrets/SECRET_KEY"
		install_text "$RUN_DIR/secrets/SECRET_KEY" 600 <"$next"
	fi
	say "every process signs with the new key"
	rotate_restart $(rotate_of users values)
	stack_manage users reseal_factors
	rm "$next"
	echo "the key is replaced; the one before is accepted until \"stack rotate forget\""
}

# shellcheck disable=SC2046 # one word a daemon
rotate_forget() {
	[ ! -e "$RUN_DIR/secrets/SECRET_KEY.next" ] || die "a rotation was interrupted; finish it by \"stack rotate key\""
	[ -e "$RUN_DIR/forgetting" ] || [ -e "$RUN_DIR/secrets/SECRET_KEY_PREVIOUS" ] || die "there is no key from before"
	stack_manage users reseal_factors
	: >"$RUN_DIR/forgetting" # until no daemon accepts it
	rm -f "$RUN_DIR/secrets/SECRET_KEY_PREVIOUS"
	rotate_restart $(rotate_of users values)
	rm "$RUN_DIR/forgetting"
	echo "the key from before is not accepted any more"
}

# Redis takes both passwords while the daemons are restarted. Postgres has one for each role, and asks for it when a connection is made, so those that
# exist stay: a daemon that loses its connection in these seconds answers 503 until it is restarted.
rotate_passwords() {
	for name in postgres users values healthcheck redis; do rotate_next $name; done
	# Where an interruption came between the statement that changed this one and the file.
	postgres_admin -c 'SELECT 1' >/dev/null 2>&1 || { install_text "$RUN_DIR/secrets/postgres" 600 <"$RUN_DIR/secrets/postgres.next" && secrets_make; }
	say "Postgres and Redis learn the new passwords"
	printf 'ACL SETUSER default ">%s"\n' "$(secret redis.next)" | (redis_cli) | grep -qx OK || die "Redis did not take the new password"
	for name in postgres users values healthcheck; do
		printf "ALTER ROLE %s PASSWORD '%s';\n" $name "$(secret $name.next)" | postgres_admin -f - >/dev/null
		install_text "$RUN_DIR/secrets/$name" 600 <"$RUN_DIR/secrets/$name.next"
		secrets_make # the URLs, and the file by which the next statement logs in
	done
	install_text "$RUN_DIR/secrets/redis" 600 <"$RUN_DIR/secrets/redis.next"
	secrets_make
	# awk reads the password from its file, because a process list shows arguments.
	awk '/^requirepass / && (getline password <file) > 0 { $2 = password } { print }' file="$RUN_DIR/secrets/redis" "$RUN_DIR/redis/redis.conf" |
		install_text "$RUN_DIR/redis/redis.conf" 600
	say "every daemon is restarted with them"
	# shellcheck disable=SC2046 # one word a daemon
	rotate_restart $(daemons_names)
	printf 'ACL SETUSER default resetpass ">%s"\n' "$(secret redis)" | (redis_cli) | grep -qx OK || die "Redis still takes the former password, too"
	for name in postgres users values healthcheck redis; do rm "$RUN_DIR/secrets/$name.next"; done
	echo "the passwords of Postgres and Redis are replaced"
}

rotate() {
	case ${1:-} in
	key | forget | passwords) ;;
	'') die "name what to rotate: make rotate WHAT=key, WHAT=forget (the key from before) or WHAT=passwords" ;;
	*) die "there is no \"$1\" to rotate: make rotate WHAT=key, WHAT=forget (the key from before) or WHAT=passwords" ;;
	esac
	supervisor_is_running || die "Abacus is not up"
	user_prepare
	"rotate_$1"
}
