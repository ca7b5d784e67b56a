# Who runs it all: never root. As root, a system user `abacus` made on demand; else oneself.

user_prepare() {
	if [ "$(id -u)" = 0 ]; then
		run_user=abacus
		id abacus >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin abacus
	else
		run_user=$(id -un)
	fi
	user_make_run_dir
}

# The user must be able to walk to RUN_DIR. Where the tree lies in a folder of root's alone, RUN_DIR becomes a link to a place he can reach.
user_make_run_dir() {
	[ -e "$RUN_DIR" ] || {
		mkdir -p "$RUN_DIR"
		if ! as_user test -x "$RUN_DIR"; then
			rmdir "$RUN_DIR"
			reachable=/var/tmp/abacus-$(printf %s "$RUN_DIR" | cksum | cut -d' ' -f1)
			mkdir -p "$reachable"
			ln -s "$reachable" "$RUN_DIR"
		fi
	}
	RUN_DIR=$(readlink -f "$RUN_DIR")
	mkdir -p "$RUN_DIR/bin" "$RUN_DIR/service" "$RUN_DIR/log" "$RUN_DIR/secrets" "$RUN_DIR/share" "$RUN_DIR/staged"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR" "$RUN_DIR"/*
	chmod 700 "$RUN_DIR/secrets"
	: >"$RUN_DIR/.changed"
}

as_user() {
	(as_user_exec "$@")
}

as_user_exec() {
	[ "$(id -u)" != 0 ] || set -- setpriv --reuid="$run_user" --regid="$run_user" --clear-groups --inh-caps=-all "$@"
	exec "$@"
}

# What this run has changed, a line each, in a file: half of it happens in subshells.
note_change() {
	echo "$1" >>"$RUN_DIR/.changed"
}

has_changed() {
	grep -qxF "$1" "$RUN_DIR/.changed"
}

# Writes stdin to a file of that user's, mode as given, and notes a change when it was different before.
install_text() {
	new=$RUN_DIR/.new
	cat >"$new"
	chmod "$2" "$new"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$new"
	if [ -e "$1" ] && cmp -s "$new" "$1"; then
		rm "$new"
	else
		mv "$new" "$1"
		note_change "$1"
	fi
}
