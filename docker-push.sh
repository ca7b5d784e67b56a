#!/bin/sh
# usage: docker-push.sh pushes the images of all services to a registry, tagged with the first 8 characters of the commit and with the branch. It
# builds nothing: it pushes the very images that `sh test.sh docker` has built of this commit and passed on, which artifacts/tested-images names by
# their ids, and refuses when one of them is missing.
#   REGISTRY (ecr)     ecr, dockerhub, gcr or acr; the file deploy/registries/NAME.sh lists the variables that it needs
#   REGISTRY_HOST      its address, unless it is the usual one
#   BRANCH, COMMIT     default: Travis's, else those checked out. Only the branches staging and production are pushed, and no pull request.
#   SERVICES           the images to push, default: all
#   IMAGES (abacus)    the part of an image's name before /SERVICE in the registry; in ECR -stage or -prod follows it
#   PLATFORMS (scripts/platforms)   such as linux/amd64,linux/arm64; more than one are pushed as a list
#   TESTED (artifacts/tested-images)   the record of the tests: lines COMMIT stage|prod SERVICE PLATFORM ID
#   COSIGN_KEY         the key, as cosign takes it, that signs what is pushed; COSIGN_PASSWORD is its password. Default: nothing is signed.
# What each image consists of is in the folder artifacts/sbom afterwards, as CycloneDX, and artifacts/pushed-images lists the digests in the registry.
# docker-compose runs the pushed images with IMAGES=registry/abacus (of ECR: registry/abacus-prod) TAG=commit.
set -eu
cd "$(dirname "$0")"
: "${REGISTRY:=ecr}" "${IMAGES:=abacus}" "${TESTED:=artifacts/tested-images}" "${SERVICES:=users values worker mailer healthcheck client swagger nginx db redis certificates}"
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

# tested SERVICE PLATFORM: the id of the image that the tests have passed on.
tested() {
	id=$(awk -v wanted="$commit $kind $1 $2" 'substr($1, 1, 8) " " $2 " " $3 " " $4 == wanted { print $5 }' "$TESTED" 2>/dev/null) || true
	[ -n "$id" ] || die "no test has passed on $1 of $commit for $kind and $2; check that commit out without changes, and run: sh test.sh docker"
	docker image inspect "$id" >/dev/null 2>&1 || die "the tested image of $1, $id, is not on this engine; push where it was tested"
	echo "$id"
}

# parts_file SERVICE PLATFORM: what that image consists of; the first platform's has no suffix.
parts_file() {
	case $2 in "$first") echo "artifacts/sbom/$1.cdx.json" ;; *) echo "artifacts/sbom/$1-${2#linux/}.cdx.json" ;; esac
}

# push_image SERVICE ID TAG...: sets $digest. A daemon's image is built from scratch and has no label of the base, so the warning does not concern it.
push_image() {
	name=$repository/$1 image=$2
	[ "$(docker image inspect -f '{{index .Config.Labels "abacus.base"}}' "$image")" != offline ] ||
		echo "docker-push: warning: $1 is built on the base of scripts/offline-base-images and contains the package sources of the machine that made it"
	shift 2
	for tag; do
		docker tag "$image" "$name:$tag"
		docker push -q "$name:$tag"
	done
	digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | grep "^$name@" | head -1)
	[ -n "$digest" ] || die "the engine knows no digest of $name"
}

# push_list SERVICE DIGEST...: pushes a list of these images, of which a client takes the one of its platform; sets $digest.
push_list() {
	name=$repository/$1
	shift
	for tag in "$commit" "$branch"; do
		docker manifest create $insecure "$name:$tag" "$@"
		pushed=$(docker manifest push $insecure --purge "$name:$tag")
		digest=$name@$(echo "$pushed" | tail -1)
	done
	[ -z "${COSIGN_KEY:-}" ] || cosign sign --yes --key "$COSIGN_KEY" "$digest"
}

# sign SERVICE PLATFORM: the image by its digest, because a tag may be moved, and attests what it consists of.
sign() {
	[ -n "${COSIGN_KEY:-}" ] || return 0
	cosign sign --yes --key "$COSIGN_KEY" "$digest"
	cosign attest --yes --key "$COSIGN_KEY" --type cyclonedx --predicate "$(parts_file "$1" "$2")" "$digest"
}

# push SERVICE: the image, or with several platforms the image of each, and their list.
# shellcheck disable=SC2086 # lists of words
push() {
	digests=
	for platform in $platforms; do
		id=$(tested "$1" "$platform")
		if [ "$platform" = "$platforms" ]; then tags="$commit $branch"; else tags=$commit-${platform#linux/}; fi
		push_image "$1" "$id" $tags
		sign "$1" "$platform"
		digests="$digests $digest"
	done
	[ "$platform" = "$platforms" ] || push_list "$1" $digests
	echo "$1 $digest" >>artifacts/pushed-images
}

# `docker manifest` needs --insecure for a registry without TLS, even one on this machine, to which `docker push` needs no such option.
insecure=
case ${REGISTRY_HOST:-} in 127.0.0.1:* | localhost:*) insecure=--insecure ;; esac

# Docker keeps the login in a folder that is removed at the end, not in the caller's home.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
trap 'exit 130' INT TERM

platforms=$(scripts/platforms)
first=$(echo "$platforms" | head -1)
mkdir -p artifacts/sbom
: >artifacts/pushed-images
# All are looked for before the first is pushed.
for service in $SERVICES; do
	for platform in $platforms; do
		id=$(tested "$service" "$platform")
		scripts/sbom "$service" "$id" >"$(parts_file "$service" "$platform")"
	done
done
registry_login
for service in $SERVICES; do
	registry_make_repository "$service"
	push "$service"
done
echo "docker-push: pushed as $commit and $branch to $repository: $SERVICES"
