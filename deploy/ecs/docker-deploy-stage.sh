#!/bin/sh
# usage: docker-deploy-stage.sh [COMMIT]: deploy/ecs/deploy explains.
exec "$(dirname "$0")/deploy" stage "$@"
