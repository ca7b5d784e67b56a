#!/bin/sh
# usage: docker-deploy-prod.sh [COMMIT]: deploy/ecs/deploy explains.
exec "$(dirname "$0")/deploy" prod "$@"
