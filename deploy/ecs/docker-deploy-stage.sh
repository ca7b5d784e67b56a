#!/bin/sh
# usage: docker-deploy-stage.sh [COMMIT] rolls a commit out to stage; see deploy/ecs/deploy.
exec "$(dirname "$0")/deploy" stage "$@"
