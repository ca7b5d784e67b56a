# The document of the API and the page that shows it: files that nginx serves on a port of their own, as the container does.
# Where they were not built (services/swagger/build.sh) that port refuses, and nginx says 503.

swagger_make() {
	[ -e services/swagger/dist/swagger/index.html ] || return 0
	mkdir -p "$RUN_DIR/share/swagger"
	for file in services/swagger/dist/swagger/*; do
		install_text "$RUN_DIR/share/swagger/${file##*/}" 644 <"$file"
	done
	# shellcheck disable=SC2016 # envsubst reads these names
	LISTEN=127.0.0.1:$swagger_port ROOT=$RUN_DIR/share envsubst '$LISTEN $ROOT' <services/swagger/server.conf.template |
		install_text "$RUN_DIR/nginx/conf/swagger.http" 644
}
