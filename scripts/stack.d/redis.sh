# Runs a Redis for this stack alone, with a password and an append-only file. It never evicts, because eviction would silently lose jobs. There
# is no maxmemory: unlike a container, a developer's machine has more memory than a queue needs.

redis_make() {
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
