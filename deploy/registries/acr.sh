# shellcheck shell=sh disable=SC2034 # docker-push.sh reads this file and its variables
# Azure Container Registry. Needs ACR_NAME, and AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal that has the role AcrPush.
# The first push makes the repository.
need ACR_NAME AZURE_CLIENT_ID AZURE_CLIENT_SECRET
: "${REGISTRY_HOST:=$ACR_NAME.azurecr.io}"
repository=$REGISTRY_HOST/$IMAGES

registry_login() {
	printf %s "$AZURE_CLIENT_SECRET" | docker login --username "$AZURE_CLIENT_ID" --password-stdin "$REGISTRY_HOST"
}

registry_make_repository() {
	:
}
