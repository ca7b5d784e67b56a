#!/bin/sh
# usage: services/client/build.sh [fetch | check] makes services/client/dist, ready to be served: hashed assets, each with a .gz file beside it.
# fetch only installs the packages of package-lock.json again, and check fails where Node.js is too old for all of that.
# It does nothing when no source has changed: after a build that failed it only says so again. It needs the network only when node_modules differs
# from package-lock.json.
set -eu
cd "$(dirname "$0")"
log=.build.log

fail() {
	tail -20 $log >&2 || true
	echo "client: $1; services/client/$log has the whole output" >&2
	exit 1
}

# failed SUM MESSAGE: .failed keeps both, for as long as the sources have that sum.
failed() {
	printf '%s\n' "$@" >.failed
	fail "$2"
}

fail_again() {
	fail "$(sed 1d .failed), and no source has changed since (make clean forgets that)"
}

node_is_new_enough() {
	node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)' || {
		echo "client: Node.js $(node -p process.versions.node) is too old, the web client needs 20.19; everything else works without it" >&2
		return 1
	}
}

fetch() {
	command -v npm >/dev/null || { echo "client: npm is missing; run scripts/install-packages build" >&2; exit 1; }
	node_is_new_enough || exit 1
	npm ci --prefer-offline --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000 >$log 2>&1 || {
		echo "client: npm could not fetch the packages of package-lock.json (no network?); services/client/$log has its output; CLIENT=0 leaves the client out" >&2
		exit 1
	}
	cp package-lock.json node_modules/.fetched
	rm -f .failed
}

sum_of_sources() {
	find src public scripts package.json package-lock.json tsconfig.json ./*.config.ts index.html build.sh ../swagger/openapi.yaml ../theme -type f -exec cksum {} + | sort -k 3 | cksum
}

case ${1:-} in
fetch) fetch; exit ;;
check) node_is_new_enough; exit ;;
esac
node_is_new_enough || exit 0 # Debian 12's is too old: the system runs without the client, and nginx serves a page that says so
sum=$(sum_of_sources)
[ -e dist/index.html ] && [ "$(cat .built 2>/dev/null)" = "$sum" ] && exit 0
[ "$(sed -n 1p .failed 2>/dev/null)" != "$sum" ] || fail_again
cmp -s package-lock.json node_modules/.fetched || fetch
rm -f .built .failed
npm run --silent generate >$log 2>&1 || failed "$sum" "services/swagger/openapi.yaml cannot be read"
sum=$(sum_of_sources) # before the build, because an edit meanwhile is not in it
npm run --silent build >$log 2>&1 || failed "$sum" "the build failed"
echo "$sum" >.built
