# shellcheck shell=sh disable=SC2034 # docker-push.sh reads this file and its variables
# Docker Hub. Needs DOCKERHUB_USERNAME, and DOCKERHUB_TOKEN: an access token of that account with write permission. Docker Hub has one level of
# names, so abacus/users becomes NAMESPACE/users; DOCKERHUB_NAMESPACE (default: the user) is best an organization used for nothing else.
# The first push makes the repository.
need DOCKERHUB_USERNAME DOCKERHUB_TOKEN
: "${REGISTRY_HOST:=docker.io}"
repository=$REGISTRY_HOST/${DOCKERHUB_NAMESPACE:-$DOCKERHUB_USERNAME}

registry_login() {
	printf %s "$DOCKERHUB_TOKEN" | docker login --username "$DOCKERHUB_USERNAME" --password-stdin "$REGISTRY_HOST"
}

registry_make_repository() {
	:
}
