# Amazon ECR, by the aws command. Credentials as aws finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role.
# What they must be allowed: deploy/README.md.
need AWS_ACCOUNT_ID AWS_REGION
export AWS_REGION AWS_DEFAULT_REGION="$AWS_REGION"
: "${REGISTRY_HOST:=$AWS_ACCOUNT_ID.dkr.ecr.$AWS_REGION.amazonaws.com}"
repository=$REGISTRY_HOST/$IMAGES

registry_login() {
	aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY_HOST"
}

# The branch's tag moves, so tags are mutable. The last 50 images are kept: pushing adds one, or none, a commit.
registry_make_repository() {
	aws ecr describe-repositories --repository-names "$IMAGES/$1" >/dev/null 2>&1 || {
		aws ecr create-repository --repository-name "$IMAGES/$1" --image-tag-mutability MUTABLE \
			--image-scanning-configuration scanOnPush=true >/dev/null
		aws ecr put-lifecycle-policy --repository-name "$IMAGES/$1" --lifecycle-policy-text '{"rules":[{"rulePriority":1,
			"description":"the last 50","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":50},
			"action":{"type":"expire"}}]}' >/dev/null
		echo "made the repository $IMAGES/$1"
	}
}
