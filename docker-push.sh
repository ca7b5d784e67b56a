#!/bin/sh
# usage: docker-push.sh pushes the images of all services to a registry, tagged with the first 8 characters of the commit and with the branch.
#   REGISTRY (ecr)     which: ecr, dockerhub, gcr, acr; the file deploy/registries/NAME.sh says what else it wants
#   REGISTRY_HOST      its address, where it is not the usual one
#   BRANCH, COMMIT     default: Travis's, else what is checked out. Only staging and production are pushed, and never a pull request.
#   SERVICES           which images, default: all; IMAGES (abacus): the name before their slash, here and in the registry
# An image is built unless it is there as abacus/SERVICE:COMMIT; from what lies here, which then has to be that commit without a change.
# docker-compose finds what was pushed by IMAGES=registry/abacus TAG=commit.
set -eu
cd "$(dirname "$0")"
: "${REGISTRY:=ecr}" "${IMAGES:=abacus}" "${SERVICES:=users values worker healthcheck client swagger nginx db redis redis-tunnel certificates}"
branch=${BRANCH:-${TRAVIS_BRANCH:-$(git symbolic-ref -q --short HEAD || echo none)}}
commit=$(printf %.8s "${COMMIT:-${TRAVIS_COMMIT:-$(git rev-parse HEAD)}}")

die() {
	echo "docker-push: $*" >&2
	exit 1
}

# need NAME...: variables that the chosen registry cannot do without; all that are missing are named at once.
need() {
	missing=
	for name; do
		eval "[ -n \"\${$name:-}\" ]" || missing="$missing $name"
	done
	[ -z "$missing" ] || die "REGISTRY=$REGISTRY wants these variables:$missing"
}

skip() {
	echo "docker-push: nothing is pushed: $*"
	exit 0
}

case ${TRAVIS_PULL_REQUEST:-false} in false) ;; *) skip "this is pull request $TRAVIS_PULL_REQUEST" ;; esac
case $branch in
staging) kind=stage ;;
production) kind=prod ;;
*) skip "the branch is $branch, neither staging nor production" ;;
esac
[ -r "deploy/registries/$REGISTRY.sh" ] || die "REGISTRY=$REGISTRY is none of: $(cd deploy/registries && ls ./*.sh | sed 's|^\./||; s|\.sh$||' | tr '\n' ' ')"

# It sets $repository, what stands before "/SERVICE", and has registry_login and registry_make_repository NAME.
# shellcheck source=deploy/registries/ecr.sh
. "deploy/registries/$REGISTRY.sh"

# Which recipe an image comes from: production's redis is the tunnel to a managed one, stage's a Redis.
recipe() {
	case $1 in
	redis) echo services/redis/Dockerfile-stage ;;
	redis-tunnel) echo services/redis/Dockerfile-prod ;;
	certificates) echo deploy/certificates/Dockerfile ;;
	*) echo "services/$1/Dockerfile-$kind" ;;
	esac
}

build() {
	! docker image inspect "$IMAGES/$1:$commit" >/dev/null 2>&1 || return 0
	[ "$(printf %.8s "$(git rev-parse HEAD)")" = "$commit" ] && [ -z "$(git status --porcelain)" ] ||
		die "$IMAGES/$1:$commit is not there, and can not be built: what lies here is not commit $commit without a change"
	echo "building $1"
	DOCKER_BUILDKIT=1 docker build -q -f "$(recipe "$1")" --secret id=cabundle,src="${CA_BUNDLE:-/dev/null}" \
		--build-arg BASE="${BASE:-debian:trixie-slim}" --build-arg VERSION="$(sed -n 's/^VERSION := //p' Makefile)" \
		--build-arg REVISION="$commit" --build-arg CREATED="$(git show -s --format=%cI "$commit")" -t "$IMAGES/$1:$commit" . >/dev/null
}

# push SERVICE. That of a daemon starts from nothing, and so has no label of the base.
push() {
	[ "$(docker image inspect -f '{{index .Config.Labels "abacus.base"}}' "$IMAGES/$1:$commit")" != offline ] ||
		echo "docker-push: warning: $1 is built on the base of scripts/offline-base-images, and names the package sources of the machine that made it"
	for tag in "$commit" "$branch"; do
		docker tag "$IMAGES/$1:$commit" "$repository/$1:$tag"
		docker push -q "$repository/$1:$tag"
	done
}

# The login is kept in a folder that goes away, not in the home of whoever runs this.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
trap 'exit 130' INT TERM

for service in $SERVICES; do build "$service"; done
registry_login
for service in $SERVICES; do
	registry_make_repository "$service"
	push "$service"
done
echo "docker-push: pushed as $commit and $branch to $repository: $SERVICES"
