# shellcheck shell=sh disable=SC2034 # docker-push.sh reads this file and its variables
# Amazon ECR, through the aws command, which takes its credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or from a role.
# deploy/README.md lists the permissions that they need.
need AWS_ACCOUNT_ID AWS_REGION
export AWS_REGION AWS_DEFAULT_REGION="$AWS_REGION"
: "${REGISTRY_HOST:=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com}"
repository=$REGISTRY_HOST/$IMAGES

registry_login() {
	aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY_HOST"
}

# Tags are mutable, because a branch's tag moves with every push. The last 50 images are kept, and in addition the image that each branch's tag
# names, because pushes to staging must not expire the image that production runs: an image that matches a rule is not expired by later rules.
# (After rolling back by hand to an earlier commit, its image has no branch's tag and counts among the 50.)
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
