# Installs the API's document and the page that shows it: files that nginx serves on a port of their own, as the container does.
# When services/swagger/build.sh has not built them, that port refuses connections and nginx answers 503.

swagger_make() {
	[ -e services/swagger/dist/swagger/index.html ] || return 0
	mkdir -p "$RUN_DIR/share/swagger"
	for file in services/swagger/dist/swagger/*; do
		install_text "$RUN_DIR/share/swagger/${file##*/}" 644 <"$file"
	done
	# shellcheck disable=SC2016 # envsubst replaces the variables
	LISTEN=127.0.0.1:$swagger_port LISTEN_IPV6='' ROOT=$RUN_DIR/share envsubst '$LISTEN $LISTEN_IPV6 $ROOT' <services/swagger/server.conf.template |
		install_text "$RUN_DIR/nginx/conf/swagger.http" 644
}
