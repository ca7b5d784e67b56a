# Chooses the user that runs the stack: for root the system user `abacus`, made on demand; otherwise the caller. Nothing runs as root.

user_prepare() {
	if [ "$(id -u)" = 0 ]; then
		run_user=abacus
		id abacus >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin abacus
	else
		run_user=$(id -un)
	fi
	user_make_run_dir
}

# The user must be able to reach RUN_DIR. When the tree lies in a folder that only root can enter, RUN_DIR becomes a link to /var/tmp.
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
	mkdir -p "$RUN_DIR/bin" "$RUN_DIR/service" "$RUN_DIR/log" "$RUN_DIR/mail" "$RUN_DIR/secrets" "$RUN_DIR/share" "$RUN_DIR/staged"
	[ "$(id -u)" != 0 ] || chown "$run_user" "$RUN_DIR" "$RUN_DIR"/*
	chmod 700 "$RUN_DIR/secrets" "$RUN_DIR/mail"
	: >"$RUN_DIR/.changed"
}

as_user() {
	(as_user_exec "$@")
}

as_user_exec() {
	[ "$(id -u)" != 0 ] || set -- setpriv --reuid="$run_user" --regid="$run_user" --clear-groups --inh-caps=-all "$@"
	exec "$@"
}

# note_change WHAT: adds a line to the list of this run's changes, which is a file because many callers are subshells.
note_change() {
	echo "$1" >>"$RUN_DIR/.changed"
}

has_changed() {
	grep -qxF "$1" "$RUN_DIR/.changed"
}

# install_text FILE MODE: writes stdin to FILE, owned by the stack's user, and notes a change if FILE was different.
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
