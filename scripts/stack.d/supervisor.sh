# runit's runsvdir supervises everything: it restarts a process that dies within milliseconds.
# A service is made in staged/ and linked into service/ when it is complete, so that runsvdir never sees half of one.

# A zombie does not count as running.
supervisor_is_running() {
	[ -s "$RUN_DIR/runsvdir.pid" ] && grep -q '(runsvdir) [^Z]' "/proc/$(cat "$RUN_DIR/runsvdir.pid")/stat" 2>/dev/null
}

# When runsvdir was killed, its services live on and hold the ports and the databases. Returns when they have ended.
supervisor_end_orphans() {
	set --
	for dir in "$RUN_DIR"/service/*; do [ ! -p "$dir/supervise/ok" ] || set -- "$@" "$dir"; done
	[ $# = 0 ] || sv -w 15 force-shutdown "$@" >/dev/null 2>&1 || true
}

# supervisor_service NAME RUN_FILE [FILE...]: supervisor_scan restarts it if one of these files has changed.
supervisor_service() {
	staged=$RUN_DIR/staged/$1
	mkdir -p "$staged/log" "$staged/control" "$RUN_DIR/log/$1"
	printf '#!/bin/sh\nexec svlogd -t %s\n' "$(quote "$RUN_DIR/log/$1")" | install_text "$staged/log/run" 755
	ln -sfn "$2" "$staged/run"
	[ "$(id -u)" != 0 ] || chown -R "$run_user" "$staged" "$RUN_DIR/log/$1"
	name=$1
	shift
	for file; do
		if has_changed "$file" && [ -e "$RUN_DIR/service/$name" ]; then
			restart="${restart:-} $name"
			break
		fi
	done
	[ -e "$RUN_DIR/service/$name" ] || ln -s "$staged" "$RUN_DIR/service/$name"
}

supervisor_start() {
	supervisor_is_running && return
	find "$RUN_DIR/staged/" -name 'supervise' -type d -prune -exec rm -rf {} +
	{
		exec >/dev/null 2>"$RUN_DIR/log/runsvdir" </dev/null
		as_user_exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
			setsid runsvdir -P "$RUN_DIR/service"
	} &
	echo $! >"$RUN_DIR/runsvdir.pid"
	note_change supervisor
}

supervisor_scan() {
	for name in ${restart:-}; do sv -w 15 force-restart "$RUN_DIR/service/$name" >/dev/null || die "$name did not restart; make logs says why"; done
}

supervisor_stop() {
	pid=$(cat "$RUN_DIR/runsvdir.pid")
	for group in nginx "healthcheck healthcheck-2 users users-2 values values-2 worker worker-2 mailer mailer-2" "redis postgres"; do
		set --
		for name in $group; do [ ! -e "$RUN_DIR/service/$name" ] || set -- "$@" "$RUN_DIR/service/$name"; done
		[ $# = 0 ] || sv -w 15 force-stop "$@" >/dev/null || true
	done
	kill -HUP "$pid"
	limit=$(($(date +%s) + 10))
	while kill -0 "$pid" 2>/dev/null && [ "$(date +%s)" -lt $limit ]; do sleep 0.05; done
	supervisor_end_orphans # runsvdir does not wait for them
	rm -f "$RUN_DIR/runsvdir.pid" "$RUN_DIR"/service/*
}
