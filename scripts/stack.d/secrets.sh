# Secrets are made once and kept in files that only the stack's user can read. A process gets the name of the file, never the secret itself.

secret_make() {
	[ -s "$RUN_DIR/secrets/$1" ] || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' | install_text "$RUN_DIR/secrets/$1" 600
}

# Of a new database of users: ids begin anew, and a token from before would be another user's.
key_renew() {
	rm -f "$RUN_DIR/secrets/SECRET_KEY" "$RUN_DIR/secrets/SECRET_KEY_PREVIOUS" "$RUN_DIR/secrets/SECRET_KEY.next"
	secret_make SECRET_KEY
}

secret() {
	cat "$RUN_DIR/secrets/$1"
}

secrets_make() {
	for name in SECRET_KEY postgres users values healthcheck redis; do secret_make "$name"; done
	for name in users values; do
		printf 'postgres://%s:%s@127.0.0.1:%s/%s' "$name" "$(secret "$name")" "$postgres_port" "$name" |
			install_text "$RUN_DIR/secrets/$name.url" 600
	done
	printf 'postgres://healthcheck:%s@127.0.0.1:%s/postgres' "$(secret healthcheck)" "$postgres_port" |
		install_text "$RUN_DIR/secrets/healthcheck.url" 600
	printf 'redis://:%s@127.0.0.1:%s/0' "$(secret redis)" "$redis_port" | install_text "$RUN_DIR/secrets/redis.url" 600
	printf 'rediss://:%s@127.0.0.1:%s/0' "$(secret redis)" "$redis_tls_port" | install_text "$RUN_DIR/secrets/redis.tls" 600
	{
		for name in postgres users values; do printf '127.0.0.1:%s:*:%s:%s\n' "$postgres_port" "$name" "$(secret "$name")"; done
	} | install_text "$RUN_DIR/secrets/pgpass" 600
}
