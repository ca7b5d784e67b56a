# shellcheck shell=sh
# What nginx's configuration depends on where it runs: for nginx/entrypoint in the image, and for scripts/stack.d/nginx.sh. Each function prints
# lines of configuration or sets variables of nginx/abacus.conf.template; none of them changes the machine. settings_die is the includer's.

settings_files_max=32768    # more would cost memory, because nginx allocates for all of its connections at the start
settings_files_of_worker=64 # log, listeners, files being sent
settings_policy_max=4000    # because nginx reads no longer string, and would not start

# Sets WORKER_FILES and WORKER_CONNECTIONS from the hard limit of open files. A WebSocket takes two connections of its worker, one to the client
# and one to the service: with the usual soft limit of 1,024 a worker carried 506, and with 32,768 it carries 16,352. A connection
# costs a worker some 400 bytes of memory from the start, so 13 MB at most.
settings_workers() {
	# shellcheck disable=SC3045 # dash and bash have -H
	hard=$(ulimit -Hn)
	case $hard in unlimited) hard=$settings_files_max ;; esac
	[ "$hard" -lt $settings_files_max ] || hard=$settings_files_max
	[ "$hard" -gt $((2 * settings_files_of_worker)) ] || settings_die "the limit of open files is $hard; raise it (ulimit -n) to 1024 or more"
	WORKER_FILES=$hard WORKER_CONNECTIONS=$((hard - settings_files_of_worker))
}

# Empty or missing where the kernel has no IPv6, or has switched it off for every interface.
settings_ipv6_addresses=/proc/net/if_inet6

settings_has_ipv6() {
	grep -qs . $settings_ipv6_addresses # not -s: files of /proc have no size
}

# settings_listen_ipv6 LISTEN: the same port of IPv6 for a LISTEN that names no address, e.g. "8080" or "443 ssl http2". Nothing where there is no
# IPv6, because nginx would not start.
settings_listen_ipv6() {
	port=${1%% *}
	case $port in *[!0-9]* | '') return 0 ;; esac
	settings_has_ipv6 || return 0
	echo "listen [::]:$1 default_server reuseport backlog=1024;"
}

settings_is_network() {
	echo "$1" | awk -F/ '
		NF > 2 || (NF == 2 && $2 !~ /^[0-9]+$/) { exit 1 }
		NF == 2 && $2 == 0 { exit 1 } # everybody could choose an address
		$1 ~ /^[0-9.]+$/ {
			if (split($1, part, ".") != 4 || (NF == 2 && $2 > 32)) exit 1
			for (i = 1; i <= 4; i++) if (part[i] !~ /^[0-9][0-9]?[0-9]?$/ || part[i] > 255) exit 1
			exit 0
		}
		$1 !~ /:/ || $1 !~ /^[0-9A-Fa-f:.]+$/ || (NF == 2 && $2 > 128) { exit 1 }'
}

# Prints what makes nginx take the client's address from the header $REAL_IP_HEADER when a request comes from one of $REAL_IP_FROM: addresses and
# networks of the proxies in front of it, separated by commas or spaces. Nothing if there is none.
settings_real_ip() {
	: "${REAL_IP_FROM:=}" "${REAL_IP_HEADER:=X-Forwarded-For}"
	case $REAL_IP_HEADER in *[!A-Za-z0-9-]* | '') settings_die "REAL_IP_HEADER: \"$REAL_IP_HEADER\" is not the name of a header" ;; esac
	networks=$(echo "$REAL_IP_FROM" | tr -s ', ' '\n' | grep . || true)
	[ -n "$networks" ] || return 0
	for network in $networks; do
		settings_is_network "$network" || settings_die "REAL_IP_FROM: \"$network\" is not an address or a network such as 10.1.0.0/16"
		echo "set_real_ip_from $network;"
	done
	printf 'real_ip_header %s;\nreal_ip_recursive on;\n' "$REAL_IP_HEADER"
}

settings_is_origin() {
	[ ${#1} -le 300 ] || return 1
	case $1 in http://*:80 | https://*:443) return 1 ;; esac # browsers leave out the scheme's own port
	label='[a-z0-9]([a-z0-9-]*[a-z0-9])?'
	printf '%s\n' "$1" | LC_ALL=C grep -Eqx "https?://($label(\\.$label)*|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?"
}

# Prints the lines of a map that finds an origin of $CORS_ORIGINS, each of which is an origin as browsers send it, or `localhost`: each port of the
# browser's own machine. They are separated by commas or spaces. Nothing if there is none.
# shellcheck disable=SC2016 # variables of nginx
settings_cors_map() {
	printf '%s\n' "${CORS_ORIGINS:-}" | tr -s ', ' '\n' | grep . | LC_ALL=C sort -u | while read -r origin; do
		if [ "$origin" = localhost ]; then
			printf '%s\n' '"~^https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?$" $http_origin;'
		else
			settings_is_origin "$origin" || settings_die "CORS_ORIGINS: \"$origin\" is neither an origin such as https://app.example.com nor localhost"
			printf '"%s" $http_origin;\n' "$origin"
		fi
	done
}

# The content security policy of our own pages: their own scripts and styles alone.
settings_own_csp() {
	echo "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
}

# Sets CORS_MAP, CORS_VARY, OWN_CSP and CLIENT_CSP from $CORS_ORIGINS and $CLIENT_CSP: which pages may do what.
settings_policies() {
	CORS_MAP=$(settings_cors_map)
	CORS_VARY=${CORS_MAP:+Origin}
	OWN_CSP=$(settings_own_csp)
	: "${CLIENT_CSP:=$OWN_CSP}"
	# nginx would take the end of the string, or a variable, from it
	case $CLIENT_CSP in *[!\ -~]* | *[\"\\\$]*) settings_die "CLIENT_CSP: a policy has neither quotation marks, backslashes, \$ nor other characters than those of ASCII" ;; esac
	[ ${#CLIENT_CSP} -le $settings_policy_max ] || settings_die "CLIENT_CSP: the policy has ${#CLIENT_CSP} characters; nginx takes at most $settings_policy_max"
}

# Fills in nginx/abacus.conf.template, from standard input to standard output, after settings_workers and settings_policies and with the other
# variables set. Paths are quoted here, because they may have spaces.
settings_render() {
	LISTEN_IPV6=$(settings_listen_ipv6 "$LISTEN") STATUS_LISTEN_IPV6=$(settings_listen_ipv6 "$STATUS_LISTEN")
	export LISTEN LISTEN_IPV6 WORKER_FILES WORKER_CONNECTIONS STATUS_LISTEN STATUS_LISTEN_IPV6 USERS_SERVERS VALUES_SERVERS HEALTHCHECK_SERVERS \
		SWAGGER_SERVERS AUTH_RATE AUTH_BURST CLIENT_ROOT CONF RUN ACCESS_LOG HTTP_INCLUDE CORS_MAP CORS_VARY OWN_CSP CLIENT_CSP
	# shellcheck disable=SC2016 # envsubst replaces the variables
	sed 's/${\(CONF\|RUN\|CLIENT_ROOT\|HTTP_INCLUDE\)}[^; ]*/"&"/g' | envsubst '$LISTEN $LISTEN_IPV6 $WORKER_FILES $WORKER_CONNECTIONS $STATUS_LISTEN $STATUS_LISTEN_IPV6 $USERS_SERVERS $VALUES_SERVERS
		$HEALTHCHECK_SERVERS $SWAGGER_SERVERS $AUTH_RATE $AUTH_BURST $CLIENT_ROOT $CONF $RUN $ACCESS_LOG $HTTP_INCLUDE $CORS_MAP $CORS_VARY $OWN_CSP
		$CLIENT_CSP'
}
