# Amazon ECR, by the aws command. Credentials as aws finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role.
# What they must be allowed: deploy/README.md.
# shellcheck shell=sh disable=SC2034 # docker-push.sh, which sources this, reads $repository
need AWS_ACCOUNT_ID AWS_REGION
export AWS_REGION AWS_DEFAULT_REGION="$AWS_REGION"
: "${REGISTRY_HOST:=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com}"
repository=$REGISTRY_HOST/$IMAGES

registry_login() {
	aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY_HOST"
}

# The branch's tag moves, so tags are mutable. Pushing adds an image a commit, or none: the last 50 are kept, and besides them the one that each
# branch's tag is at, for staging's commits must not push out what production runs. What matches a rule is not expired by those after it.
# (An older commit that was gone back to by hand has no branch's tag any more, and is one of the 50.)
lifecycle='{"rules":[
	{"rulePriority":1,"description":"production","selection":{"tagStatus":"tagged","tagPrefixList":["production"],
		"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
	{"rulePriority":2,"description":"staging","selection":{"tagStatus":"tagged","tagPrefixList":["staging"],
		"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
	{"rulePriority":3,"description":"the last 50","selection":{"tagStatus":"any",
		"countType":"imageCountMoreThan","countNumber":50},"action":{"type":"expire"}}]}'

registry_make_repository() {
	aws ecr describe-repositories --repository-names "$IMAGES/$1" >/dev/null 2>&1 || {
		aws ecr create-repository --repository-name "$IMAGES/$1" --image-tag-mutability MUTABLE \
			--image-scanning-configuration scanOnPush=true >/dev/null
		aws ecr put-lifecycle-policy --repository-name "$IMAGES/$1" --lifecycle-policy-text "$lifecycle" >/dev/null
		echo "made the repository $IMAGES/$1"
	}
}
