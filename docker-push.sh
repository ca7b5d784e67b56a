#!/bin/sh
# usage: docker-push.sh pushes the images of all services to a registry, tagged with the first 8 characters of the commit and with the branch.
#   REGISTRY (ecr)     ecr, dockerhub, gcr or acr; the file deploy/registries/NAME.sh lists the variables that it needs
#   REGISTRY_HOST      its address, unless it is the usual one
#   BRANCH, COMMIT     default: Travis's, else those checked out. Only the branches staging and production are pushed, and no pull request.
#   SERVICES           the images to push, default: all
#   IMAGES (abacus)    the part of an image's name before /SERVICE, here and in the registry
#   COSIGN_KEY         the key, as cosign takes it, that signs what is pushed; COSIGN_PASSWORD is its password. Default: nothing is signed.
# What each image consists of is in the folder artifacts/sbom afterwards, as CycloneDX.
# An image that does not exist as IMAGES/SERVICE:COMMIT is built from this folder, which must then be that commit without changes.
# docker-compose runs the pushed images with IMAGES=registry/abacus TAG=commit.
set -eu
cd "$(dirname "$0")"
: "${REGISTRY:=ecr}" "${IMAGES:=abacus}" "${SERVICES:=users values worker mailer healthcheck client swagger nginx db redis certificates}"
branch=${BRANCH:-${TRAVIS_BRANCH:-$(git symbolic-ref -q --short HEAD || echo none)}}
commit=$(printf %.8s "${COMMIT:-${TRAVIS_COMMIT:-$(git rev-parse HEAD)}}")

die() {
	echo "docker-push: $*" >&2
	exit 1
}

# need NAME...: dies unless all these variables are set, naming every one that is missing.
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

[ -z "${COSIGN_KEY:-}" ] || command -v cosign >/dev/null || die "COSIGN_KEY is set, and there is no cosign"
case ${TRAVIS_PULL_REQUEST:-false} in false) ;; *) skip "this is pull request $TRAVIS_PULL_REQUEST" ;; esac
case ${GITHUB_EVENT_NAME:-} in pull_request*) skip "this run is of a pull request" ;; esac
case $branch in
staging) kind=stage ;;
production) kind=prod ;;
*) skip "the branch is $branch, neither staging nor production" ;;
esac
[ -r "deploy/registries/$REGISTRY.sh" ] || die "REGISTRY=$REGISTRY is unknown; use one of: $(cd deploy/registries && ls ./*.sh | sed 's|^\./||; s|\.sh$||' | tr '\n' ' ')"

# It sets $repository, the part of an image's name before "/SERVICE", and defines registry_login and registry_make_repository SERVICE.
# shellcheck source=deploy/registries/ecr.sh
. "deploy/registries/$REGISTRY.sh"

# recipe SERVICE: the Dockerfile of its image.
recipe() {
	case $1 in
	certificates) echo deploy/certificates/Dockerfile ;;
	*) echo "services/$1/Dockerfile-$kind" ;;
	esac
}

build() {
	! docker image inspect "$IMAGES/$1:$commit" >/dev/null 2>&1 || return 0
	[ "$(printf %.8s "$(git rev-parse HEAD)")" = "$commit" ] && [ -z "$(git status --porcelain)" ] ||
		die "$IMAGES/$1:$commit does not exist and cannot be built: this folder is not commit $commit without changes; check that commit out"
	echo "building $1"
	[ -z "${CA_BUNDLE:-}" ] || cmp -s "$CA_BUNDLE" ca-bundle.pem || cp -L "$CA_BUNDLE" ca-bundle.pem # which git ignores
	DOCKER_BUILDKIT=1 docker build -q -f "$(recipe "$1")" \
		--build-arg BASE="${BASE:-debian:trixie-slim}" --build-arg VERSION="$(sed -n 's/^VERSION := //p' Makefile)" \
		--build-arg REVISION="$commit" --build-arg CREATED="$(git show -s --format=%cI "$commit")" -t "$IMAGES/$1:$commit" . >/dev/null
}

# push SERVICE. A daemon's image is built from scratch and has no label of the base, so the warning does not concern it.
push() {
	[ "$(docker image inspect -f '{{index .Config.Labels "abacus.base"}}' "$IMAGES/$1:$commit")" != offline ] ||
		echo "docker-push: warning: $1 is built on the base of scripts/offline-base-images and contains the package sources of the machine that made it"
	for tag in "$commit" "$branch"; do
		docker tag "$IMAGES/$1:$commit" "$repository/$1:$tag"
		docker push -q "$repository/$1:$tag"
	done
}

# Signs the image by its digest, because a tag may be moved, and attests what it consists of.
sign() {
	digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$repository/$1:$commit" | grep "^$repository/$1@")
	cosign sign --yes --key "$COSIGN_KEY" "$digest"
	cosign attest --yes --key "$COSIGN_KEY" --type cyclonedx --predicate "artifacts/sbom/$1.cdx.json" "$digest"
}

# Docker keeps the login in a folder that is removed at the end, not in the caller's home.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
trap 'exit 130' INT TERM

mkdir -p artifacts/sbom
for service in $SERVICES; do
	build "$service"
	scripts/sbom "$service" "$IMAGES/$service:$commit" >"artifacts/sbom/$service.cdx.json"
done
registry_login
for service in $SERVICES; do
	registry_make_repository "$service"
	push "$service"
	[ -z "${COSIGN_KEY:-}" ] || sign "$service"
done
echo "docker-push: pushed as $commit and $branch to $repository: $SERVICES"
