# Runs nginx with nginx/abacus.conf.template, in the foreground under the supervisor, as the stack's user.
. nginx/settings.sh

# nginx_servers NAME: the servers of an upstream, each listed twice as the template's first lines explain.
nginx_servers() {
	for how in 'max_fails=1 fail_timeout=1s' 'max_fails=0 backup'; do
		for name in $(daemons_names); do
			case $name in "$1" | "$1-2") printf 'server 127.0.0.1:%s %s; ' "$(daemon_port "$name")" "$how" ;; esac
		done
	done
}

# All requests go to the first healthcheck, so that a page shows the view of one process; the second serves while the first is down.
nginx_healthcheck_servers() {
	how='max_fails=1 fail_timeout=1s'
	for name in $(daemons_names); do
		case $name in healthcheck*) printf 'server 127.0.0.1:%s %s; ' "$(daemon_port "$name")" "$how" ;; esac
		# The high weight makes nginx try the second before it tries the first again, which may be hanging.
		case $name in healthcheck*) how='weight=1000 max_fails=0 backup' ;; esac
	done
	printf 'server 127.0.0.1:%s max_fails=0 backup; ' "$(daemon_port healthcheck)"
}

settings_die() {
	die "$@"
}

# The addresses of proxies are a file of their own, because HTTP_INCLUDE finds it, as it finds deploy/certificates/cloudflare.http.
nginx_real_ip_make() {
	lines=$(settings_real_ip)
	[ -z "$lines" ] || ! grep -qs real_ip_header "$RUN_DIR/nginx/conf/cloudflare.http" || die "REAL_IP_FROM is set, and nginx/conf/cloudflare.http has addresses of proxies too; use one of them"
	if [ -n "$lines" ] || [ -e "$RUN_DIR/nginx/conf/real-ip.http" ]; then
		echo "$lines" | install_text "$RUN_DIR/nginx/conf/real-ip.http" 644
	fi
}

nginx_make() {
	settings_workers
	case $APP_ENV in development | testing) : "${CORS_ORIGINS=localhost}" ;; esac
	settings_policies
	for dir in nginx nginx/conf nginx/html; do
		mkdir -p "$RUN_DIR/$dir"
		[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR/$dir"
	done
	for file in headers.conf proxy.conf; do install_text "$RUN_DIR/nginx/conf/$file" 644 <nginx/$file; done
	# shellcheck disable=SC2016 # envsubst replaces the variables
	CONF=$RUN_DIR/nginx/conf envsubst '$CONF' <nginx/client.conf | install_text "$RUN_DIR/nginx/conf/client.conf" 644
	client_make
	swagger_make
	nginx_real_ip_make
	(
		LISTEN=${LISTEN:-$PORT} STATUS_LISTEN=127.0.0.1:$nginx_status_port CLIENT_ROOT=$(client_root) CONF=$RUN_DIR/nginx/conf
		USERS_SERVERS=$(nginx_servers users) VALUES_SERVERS=$(nginx_servers values) HEALTHCHECK_SERVERS=$(nginx_healthcheck_servers)
		SWAGGER_SERVERS="server 127.0.0.1:$swagger_port max_fails=0;" RUN=$RUN_DIR/nginx ACCESS_LOG=/dev/stdout
		HTTP_INCLUDE="$RUN_DIR/nginx/conf/*.http"
		settings_render <nginx/abacus.conf.template
	) | install_text "$RUN_DIR/nginx/nginx.conf" 644
	install_text "$RUN_DIR/service.nginx.run" 755 <<RUN
#!/bin/sh
exec 2>&1
# A master that was killed leaves its workers behind, and they hold the ports. Those of this stack share this script's log (fd 2). SIGQUIT lets
# them finish their requests. They accept connections until all of them are found, and looking starts no program for what is not nginx.
left=
for process in /proc/[0-9]*; do
	{ read -r name <"\$process/comm"; } 2>/dev/null && [ "\$name" = nginx ] || continue
	[ "\$(readlink "\$process/exe")" = "$(readlink -f /usr/sbin/nginx)" ] || continue
	[ "\$(readlink "\$process/fd/2")" != "\$(readlink /proc/\$\$/fd/2)" ] || left="\$left \${process#/proc/}"
done
[ -z "\$left" ] || kill -QUIT \$left || :
exec /usr/sbin/nginx -c $(quote "$RUN_DIR/nginx/nginx.conf") -e stderr -g 'daemon off;'
RUN
	supervisor_service nginx "$RUN_DIR/service.nginx.run" "$RUN_DIR/nginx/nginx.conf" "$RUN_DIR/nginx/conf/headers.conf" "$RUN_DIR/nginx/conf/proxy.conf" \
		"$RUN_DIR/nginx/conf/swagger.http" "$RUN_DIR/nginx/conf/client.conf" "$RUN_DIR/nginx/conf/real-ip.http"
}
