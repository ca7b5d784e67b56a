# The settings of this stack: those of the environment, then, for every command but `up`, those that `up` was given, then the defaults.

settings_kept='PORT PORT_OFFSET INSTANCES REDIS_TLS REDIS_CLUSTER APP_ENV'

# Reads no more than one word for each name, because another user than the caller's may own the file.
settings_recall() {
	for name in $settings_kept; do
		# shellcheck disable=SC2034 # eval reads it
		word=$(sed -n "s/^$name=\([A-Za-z0-9]*\)\$/\1/p" "$RUN_DIR/settings" 2>/dev/null | head -n 1)
		eval ": \"\${$name:=\$word}\""
	done
}

settings_keep() {
	for name in $settings_kept; do eval "echo \"$name=\$$name\""; done | install_text "$RUN_DIR/settings" 644
}

# settings_number NAME LEAST MOST: dies unless the variable NAME has a whole number in these bounds.
settings_number() {
	eval "value=\$$1"
	given=$value
	case $value in 0 | [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9] | [1-9][0-9][0-9][0-9][0-9]) ;; *) value=-1 ;; esac
	[ "$value" -ge "$2" ] && [ "$value" -le "$3" ] || die "$1 must be a whole number from $2 to $3, and is \"$given\""
}

settings_check() {
	settings_number PORT 1 65535
	settings_number PORT_OFFSET 0 56000 # the highest port is 9105 and this
	settings_number INSTANCES 1 2
	settings_number REDIS_TLS 0 1
	settings_number REDIS_CLUSTER 0 1
	settings_number START_SECONDS 1 3600
	case $APP_ENV in development | testing | staging | production) ;; *) die "APP_ENV must be development, testing, staging or production, and is \"$APP_ENV\"" ;; esac
	# nginx takes some of these for the end of a string, or for a variable; the others are patterns of files.
	case $RUN_DIR in *[\"\\\$\`*?[]* | *"
"*) die "RUN_DIR must have none of \" \\ \$ \` * ? [ and is \"$RUN_DIR\"; move the folder, or set another RUN_DIR" ;; esac
}

: "${RUN_DIR:=.run}" "${BUILD:=build}"
run_dir_given=$RUN_DIR
case $RUN_DIR in /*) ;; *) RUN_DIR=$root/$RUN_DIR ;; esac
case $command in up | check) ;; *) settings_recall ;; esac
: "${PORT:=8080}" "${PORT_OFFSET:=0}" "${INSTANCES:=1}" "${APP_ENV:=development}" "${REDIS_TLS:=0}" "${REDIS_CLUSTER:=0}"
: "${AUTH_RATE:=20r/s}" "${AUTH_BURST:=60}" "${START_SECONDS:=30}"
settings_check

# quote TEXT: as one word of a shell script.
quote() {
	printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}
