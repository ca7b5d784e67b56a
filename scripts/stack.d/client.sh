# Installs the client's files, which nginx serves at /. With CLIENT=0, or when services/client/build.sh has not built them, nginx serves a page
# that says so.

client_root() {
	if [ "${CLIENT:-1}" != 0 ] && [ -e services/client/dist/index.html ]; then
		echo "$RUN_DIR/share/client"
	else
		echo "$RUN_DIR/nginx/html"
	fi
}

# Assets first and index.html after them, so that it never names a file that is missing; assets of earlier versions are removed last.
client_make() {
	install_text "$RUN_DIR/nginx/html/index.html" 644 <nginx/html/index.html
	from=services/client/dist
	to=$(client_root)
	[ "$to" = "$RUN_DIR/share/client" ] || return 0
	! cmp -s $from/index.html "$to/index.html" || [ -n "$(find $from -newer "$to/index.html" -type f)" ] || return 0
	mkdir -p "$to/assets"
	cp -R $from/assets "$to/"
	for file in "$from"/*; do
		case $file in */index.html | */assets) ;; *) cp "$file" "$to/" ;; esac
	done
	cp $from/index.html "$to/.index.html"
	mv "$to/.index.html" "$to/index.html"
	for file in "$to"/assets/*; do [ -e "$from/assets/${file##*/}" ] || rm "$file"; done
	chmod -R a+rX "$to"
	note_change "$to"
}

# Serves the client's sources with Vite, in the foreground and as the caller, on 127.0.0.1 alone; calls go to this stack's nginx.
client_develop() {
	supervisor_is_running || die "Abacus is not up"
	cmp -s services/client/package-lock.json services/client/node_modules/.fetched || services/client/build.sh fetch
	cd services/client
	BACKEND=http://localhost:$PORT exec node_modules/.bin/vite --host 127.0.0.1 --port "$client_port" --strictPort
}
