# shellcheck shell=sh disable=SC2034,SC2154 # docker-push.sh reads this file and its variables
# Amazon ECR, through the aws command, which takes its credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or from a role.
# deploy/README.md lists the permissions that they need. Stage and production have repositories of their own, so that a branch can push to its own
# alone.
need AWS_ACCOUNT_ID AWS_REGION
export AWS_REGION AWS_DEFAULT_REGION="$AWS_REGION"
: "${REGISTRY_HOST:=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com}"
prefix=$IMAGES-$kind
repository=$REGISTRY_HOST/$prefix

registry_login() {
	aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY_HOST"
}

# Tags are mutable, because the branch's tag moves with every push. The last 50 pushes are kept: ECR counts up to eight
# images of each, which are those of two platforms, their list, and signatures and attestations. Each push sets this again, so that a
# repository that an earlier version made has it too.
lifecycle='{"rules":[{"rulePriority":1,"description":"the last 50 pushes","selection":{"tagStatus":"any",
	"countType":"imageCountMoreThan","countNumber":400},"action":{"type":"expire"}}]}'

registry_make_repository() {
	aws ecr describe-repositories --repository-names "$prefix/$1" >/dev/null 2>&1 || {
		aws ecr create-repository --repository-name "$prefix/$1" --image-tag-mutability MUTABLE \
			--image-scanning-configuration scanOnPush=true >/dev/null
		echo "made the repository $prefix/$1"
	}
	aws ecr put-lifecycle-policy --repository-name "$prefix/$1" --lifecycle-policy-text "$lifecycle" >/dev/null
}
