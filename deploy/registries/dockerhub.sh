# Docker Hub: DOCKERHUB_USERNAME and an access token of that account that may write, DOCKERHUB_TOKEN. It has one level of names, so abacus/users
# becomes NAMESPACE/users: DOCKERHUB_NAMESPACE is best an organization of its own (default: the user). A repository is made by the first push.
# shellcheck shell=sh disable=SC2034 # docker-push.sh, which sources this, reads $repository
need DOCKERHUB_USERNAME DOCKERHUB_TOKEN
: "${REGISTRY_HOST:=docker.io}"
repository=$REGISTRY_HOST/${DOCKERHUB_NAMESPACE:-$DOCKERHUB_USERNAME}

registry_login() {
	printf %s "$DOCKERHUB_TOKEN" | docker login --username "$DOCKERHUB_USERNAME" --password-stdin "$REGISTRY_HOST"
}

registry_make_repository() {
	:
}
