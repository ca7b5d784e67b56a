# shellcheck shell=sh
# The outputs of a stack, for restore and deploy/eb/files too, and one-off tasks in its network, for deploy, manage and rotate. The script that reads
# this file has die(), and sets $here, this folder; $work, a folder; $kind, stage or prod; $STACK; and $DEPLOY_SECONDS and $POLL_SECONDS, how long
# and how often a task is waited for.

need_region() {
	[ -n "${AWS_REGION:-}" ] || die "AWS_REGION is not set; set it to the region of the stack"
	export AWS_DEFAULT_REGION="$AWS_REGION" AWS_PAGER=
}

# Sets $IMAGES, registry and prefix of the images.
need_images() {
	[ -n "${IMAGES:-}${AWS_ACCOUNT_ID:-}" ] || die "AWS_ACCOUNT_ID is not set; set it, or IMAGES to registry and prefix of the images"
	: "${IMAGES:=${AWS_ACCOUNT_ID:-}.dkr.ecr.$AWS_REGION.amazonaws.com/abacus-$kind}"
}

# outputs KIND: reads the outputs of the stack; dies where there is no stack.
outputs() {
	aws cloudformation describe-stacks --stack-name "$STACK" >"$work/stack" || die "there is no stack $STACK; deploy/ecs/stack $1 makes it"
	jq '.Stacks[0].Outputs | map({(.OutputKey): .OutputValue}) | add' "$work/stack" >"$work/outputs"
}

output() {
	jq -er ".$1" "$work/outputs"
}

# Has $work/outputs name the master password's secret as RDS does, because deploy/ecs/restore changes it. CI may not ask, and has no use of it.
read_master() {
	master=$(aws rds describe-db-instances --db-instance-identifier "$(output Database)" --query 'DBInstances[0].MasterUserSecret.SecretArn' --output text)
	[ "$master" != None ] || die "RDS does not keep the master password of $(output Database)"
	jq --arg master "$master" '.DatabaseMaster = $master' "$work/outputs" >"$work/outputs.new"
	mv "$work/outputs.new" "$work/outputs"
}

# task_run FAMILY DEFINITION [OVERRIDES]: runs a task to its end, which $work/task then describes. FAMILY is without the stack's name; the last part of
# it is the name of its one essential container. Sets $task, and $exit_code, which is empty if the container never started.
task_run() {
	network="awsvpcConfiguration={subnets=[$(output Subnets)],securityGroups=[$(output TasksGroup)],assignPublicIp=DISABLED}"
	aws ecs run-task --cluster "$(output Cluster)" --launch-type FARGATE --network-configuration "$network" --task-definition "$2" \
		${3:+--overrides "$3"} >"$work/run"
	task=$(jq -r '.tasks[0].taskArn // empty' "$work/run")
	[ -n "$task" ] || die "$1 could not be started: $(jq -c .failures "$work/run")"
	limit=$(($(date +%s) + DEPLOY_SECONDS))
	until
		aws ecs describe-tasks --cluster "$(output Cluster)" --tasks "$task" >"$work/task"
		[ "$(jq -r '.tasks[0].lastStatus' "$work/task")" = STOPPED ]
	do
		[ "$(date +%s)" -lt $limit ] || die "$1 has not ended after $DEPLOY_SECONDS s"
		sleep "$POLL_SECONDS"
	done
	# shellcheck disable=SC2034 # of the script that reads this file
	exit_code=$(jq -r --arg name "${1##*-}" '.tasks[0].containers[] | select(.name == $name) | .exitCode // empty' "$work/task")
}

# Why the task ended, where its container has no exit code of its own.
task_reason() {
	jq -c '.tasks[0] | {stoppedReason, containers: (.containers | map({name, exitCode, reason}))}' "$work/task"
}

# task_log FAMILY LINES: the last lines that the task printed.
task_log() {
	aws logs get-log-events --log-group-name "$(output LogGroup)" --log-stream-name "$1/${1##*-}/${task##*/}" --limit "$2" >"$work/log" &&
		jq -r '.events[].message' "$work/log"
}

# architecture: that of the first platform for which images are made, in ECS's words.
architecture() {
	platform=$("$here/../../scripts/platforms" | head -1)
	case $platform in
	linux/amd64) echo X86_64 ;;
	linux/arm64) echo ARM64 ;;
	*) die "ECS has no tasks for $platform" ;;
	esac
}

# register SERVICE: registers its task definition for the images of $tag, and prints the new revision.
register() {
	architecture=$(architecture)
	# shellcheck disable=SC2154 # of the script that reads this file
	jq --arg kind "$kind" --arg service "$1" --arg images "$IMAGES" --arg tag "$tag" --arg region "$AWS_REGION" --arg architecture "$architecture" \
		--rawfile roles "$here/roles.sql" -f "$here/task-definitions.jq" "$work/outputs" >"$work/$1.json"
	aws ecs register-task-definition --cli-input-json "file://$work/$1.json" --query taskDefinition.taskDefinitionArn --output text
}

# once FAMILY: runs a task to its end, and dies with the end of its log if it fails.
once() {
	echo "running $1"
	task_run "$1" "$(cat "$work/$1.arn")"
	[ "$exit_code" = 0 ] || {
		task_reason >&2
		task_log "$1" 20 >&2 || true
		die "$1 failed; nothing was rolled out"
	}
}
