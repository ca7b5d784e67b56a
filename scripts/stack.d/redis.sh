# Runs a Redis for this stack alone, with a password and an append-only file. Beyond REDIS_MAXMEMORY (160mb, as in a container) it evicts what
# expires, which is the cache of long results; jobs never expire, so none is lost.

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
tls-cert-file "$RUN_DIR/secrets/redis.pem"
tls-key-file "$RUN_DIR/secrets/redis.key"
tls-ca-cert-file "$RUN_DIR/secrets/redis.pem"
tls-auth-clients no
CONF
}

# A cluster of one server that has all slots refuses a script or command whose keys have several, as a cluster of many would.
redis_cluster_lines() {
	cat <<CONF
cluster-enabled yes
cluster-config-file nodes.conf
cluster-port $redis_cluster_port
CONF
}

# Redis goes on writing to this file, so it is made once.
redis_cluster_make() {
	[ ! -e "$RUN_DIR/redis/nodes.conf" ] || return 0
	install_text "$RUN_DIR/redis/nodes.conf" 600 <<CONF
$(head -c 20 /dev/urandom | od -An -v -tx1 | tr -d ' \n') 127.0.0.1:$redis_port@$redis_cluster_port myself,master - 0 0 1 connected 0-16383
vars currentEpoch 1 lastVoteEpoch 0
CONF
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR/redis/nodes.conf"
}

redis_make() {
	[ "$REDIS_TLS" = 0 ] || redis_certificate_make
	mkdir -p "$RUN_DIR/redis"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR/redis"
	[ "$REDIS_CLUSTER" = 0 ] || redis_cluster_make
	install_text "$RUN_DIR/redis/redis.conf" 600 <<CONF
bind 127.0.0.1
port $redis_port
requirepass $(secret redis)
dir "$RUN_DIR/redis"
appendonly yes
maxmemory ${REDIS_MAXMEMORY:-160mb}
maxmemory-policy volatile-lru
save ""
$([ "$REDIS_TLS" = 0 ] || redis_tls_lines)
$([ "$REDIS_CLUSTER" = 0 ] || redis_cluster_lines)
CONF
	install_text "$RUN_DIR/service.redis.run" 755 <<RUN
#!/bin/sh
exec 2>&1
exec redis-server $(quote "$RUN_DIR/redis/redis.conf")
RUN
	supervisor_service redis "$RUN_DIR/service.redis.run"
}

redis_cli() {
	supervisor_is_running || die "Abacus is not up"
	REDISCLI_AUTH=$(secret redis) exec redis-cli -h 127.0.0.1 -p "$redis_port" "$@"
}
