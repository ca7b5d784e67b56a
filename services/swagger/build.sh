#!/bin/sh
# usage: services/swagger/build.sh puts Swagger UI, the page and the document into services/swagger/dist/swagger/, ready to be served.
# What is there already and has not changed is left alone. The network is needed only when node_modules is not what package-lock.json says.
set -eu
cd "$(dirname "$0")"
source=node_modules/swagger-ui-dist
page=dist/swagger

fetch() {
	command -v npm >/dev/null || { echo "swagger: npm is missing; run scripts/install-packages build" >&2; exit 1; }
	mkdir -p dist
	npm ci --prefer-offline --fetch-retries=1 --fetch-retry-mintimeout=1000 >dist/npm.log 2>&1 || {
		echo "swagger: npm could not fetch what package-lock.json names (no network?); services/swagger/dist/npm.log has npm's words" >&2
		exit 1
	}
	cp package-lock.json node_modules/.fetched
}

# put FILE...: into the page, with a compressed twin where that is worth it.
put() {
	for file; do
		to=$page/${file##*/}
		! cmp -s "$file" "$to" || continue
		case $file in *.png) ;; *) gzip -9nc "$file" >"$to.gz" ;; esac
		cp "$file" "$to"
	done
}

cmp -s package-lock.json node_modules/.fetched || fetch
mkdir -p $page
put $source/swagger-ui.css $source/swagger-ui-bundle.js $source/favicon-32x32.png ui/* openapi.yaml
