# shellcheck shell=sh disable=SC2034 # docker-push.sh reads this file and its variables
# Google Artifact Registry, the successor of gcr.io. Needs GCP_PROJECT, GCP_REGION (such as europe-west3), and GCP_KEY_FILE: a file with the JSON
# key of a service account that has the role Artifact Registry Writer. A repository there holds many images; make the one named abacus once with
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
