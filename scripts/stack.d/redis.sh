# Runs a Redis for this stack alone, with a password and an append-only file. It never evicts, because eviction would silently lose jobs. There
# is no maxmemory: unlike a container, a developer's machine has more memory than a queue needs.

# A certificate that signed itself, which is also the only authority that the daemons believe.
redis_certificate_make() {
	[ ! -s "$RUN_DIR/secrets/redis.pem" ] || return 0
	command -v openssl >/dev/null || die "openssl is missing, which REDIS_TLS=1 needs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=redis \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$RUN_DIR/secrets/redis.key" -out "$RUN_DIR/secrets/redis.pem" 2>/dev/null ||
		die "openssl made no certificate for Redis"
	chmod 600 "$RUN_DIR/secrets/redis.key" "$RUN_DIR/secrets/redis.pem"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR/secrets/redis.key" "$RUN_DIR/secrets/redis.pem"
}

redis_tls_lines() {
	cat <<CONF
tls-port $redis_tls_port
tls-cert-file $RUN_DIR/secrets/redis.pem
tls-key-file $RUN_DIR/secrets/redis.key
tls-ca-cert-file $RUN_DIR/secrets/redis.pem
tls-auth-clients no
CONF
}

redis_make() {
	[ "$REDIS_TLS" = 0 ] || redis_certificate_make
	mkdir -p "$RUN_DIR/redis"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR/redis"
	install_text "$RUN_DIR/redis/redis.conf" 600 <<CONF
bind 127.0.0.1
port $redis_port
requirepass $(secret redis)
dir $RUN_DIR/redis
appendonly yes
maxmemory-policy noeviction
save ""
$([ "$REDIS_TLS" = 0 ] || redis_tls_lines)
CONF
	install_text "$RUN_DIR/service.redis.run" 755 <<RUN
#!/bin/sh
exec 2>&1
exec redis-server $RUN_DIR/redis/redis.conf
RUN
	supervisor_service redis "$RUN_DIR/service.redis.run"
}

redis_cli() {
	REDISCLI_AUTH=$(secret redis) exec redis-cli -h 127.0.0.1 -p "$redis_port" "$@"
}
