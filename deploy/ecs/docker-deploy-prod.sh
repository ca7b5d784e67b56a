#!/bin/sh
# usage: docker-deploy-prod.sh [COMMIT] rolls a commit out to production; see deploy/ecs/deploy.
exec "$(dirname "$0")/deploy" prod "$@"
