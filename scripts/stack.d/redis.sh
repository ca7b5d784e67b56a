# A Redis of our own, with a password and an append-only file. It never evicts: it would lose jobs without a word. No
# maxmemory here: nothing else limits it, unlike in a container, and a developer's machine has more than a queue fills.

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
