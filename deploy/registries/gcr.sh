# Google Artifact Registry, which took over from gcr.io: GCP_PROJECT, GCP_REGION (europe-west3, say), and the file GCP_KEY_FILE with the JSON
# key of a service account that has the role Artifact Registry Writer. Repositories hold many images there: one, named abacus, is made once by
# `gcloud artifacts repositories create abacus --repository-format=docker --location=REGION`.
# shellcheck shell=sh disable=SC2034 # docker-push.sh, which sources this, reads $repository
need GCP_PROJECT GCP_REGION GCP_KEY_FILE
: "${REGISTRY_HOST:=$GCP_REGION-docker.pkg.dev}"
repository=$REGISTRY_HOST/$GCP_PROJECT/$IMAGES

registry_login() {
	docker login --username _json_key --password-stdin "$REGISTRY_HOST" <"$GCP_KEY_FILE"
}

registry_make_repository() {
	:
}
