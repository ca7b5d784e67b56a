#!/bin/sh
# usage: services/swagger/build.sh puts Swagger UI in our typefaces, the page and the document into services/swagger/dist/swagger/, ready to be served.
# It leaves files that have not changed alone, and needs the network only when node_modules differs from package-lock.json.
set -eu
cd "$(dirname "$0")"
source=node_modules/swagger-ui-dist
page=dist/swagger

fetch() {
	command -v npm >/dev/null || { echo "swagger: npm is missing; run scripts/install-packages build" >&2; exit 1; }
	mkdir -p dist
	npm ci --prefer-offline --fetch-retries=1 --fetch-retry-mintimeout=1000 >dist/npm.log 2>&1 || {
		echo "swagger: npm could not fetch the packages of package-lock.json (no network?); services/swagger/dist/npm.log has its output" >&2
		exit 1
	}
	cp package-lock.json node_modules/.fetched
}

# put FILE...: copies them into the page, all but fonts with a .gz beside them.
put() {
	for file; do
		to=$page/${file##*/}
		! cmp -s "$file" "$to" || continue
		case $file in *.woff2) ;; *) gzip -9nc "$file" >"$to.gz" ;; esac
		cp "$file" "$to"
	done
}

cmp -s package-lock.json node_modules/.fetched || fetch
mkdir -p $page
sed 's/font-family:sans-serif/font-family:var(--sans)/g; s/font-family:monospace/font-family:var(--mono)/g' $source/swagger-ui.css >dist/swagger-ui.css
put dist/swagger-ui.css $source/swagger-ui-bundle.js ui/* openapi.yaml
