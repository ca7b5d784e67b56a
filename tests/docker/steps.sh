# sh test.sh docker: the images, and what docker-compose-{dev,stage,prod}.yml bring up, with a real engine. Read by test.sh.
# The engine is the one that answers; where none does, one of our own is started, as root, and stopped at the end.

daemons="users values worker mailer healthcheck"
images="$daemons client swagger nginx db redis"

# The engine's client must be able to use BuildKit: Debian 12's has it built in, newer ones need docker-buildx.
engine_client() {
	DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
	export DOCKER_BUILDKIT COMPOSE_DOCKER_CLI_BUILD
	docker buildx version >/dev/null 2>&1 || [ ! -x /usr/bin/docker ] || PATH=/usr/bin:$PATH
	export PATH
}

engine_start() {
	engine_client
	docker info >/dev/null 2>&1 && return
	[ "$(id -u)" = 0 ] || { echo "no Docker engine answers, and only root can start one"; return 1; }
	command -v dockerd >/dev/null || { echo "no Docker engine answers, and there is no dockerd"; return 1; }
	engine=$RUN_DIR-engine
	mkdir -p "$engine"
	sockets=$(mktemp -d) # the path of a socket must be short, and the tree's may be long
	export DOCKER_HOST="unix://$sockets/docker.sock"
	setsid dockerd -H "$DOCKER_HOST" --data-root "$engine/data" --exec-root "$sockets/exec" --pidfile "$engine/pid" >"$engine/log" 2>&1 </dev/null &
	for _ in $(seq 100); do
		! docker info >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	tail -1 "$engine/log"
	return 1
}

engine_stop() {
	[ -n "${engine:-}" ] && [ -s "$engine/pid" ] || return 0
	pid=$(cat "$engine/pid")
	kill "$pid" 2>/dev/null
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || { rm -rf "$sockets"; return 0; }
		sleep 0.2
	done
}

# BuildKit takes a Dockerfile for unchanged that has the name, the size and the time of the one that it saw before, wherever it lies.
dockerfiles_differ_in_size() {
	for kind in dev stage prod; do
		[ -z "$(stat -L -c %s services/*/Dockerfile-$kind | sort | uniq -d)" ] || { stat -L -c '%s %n' services/*/Dockerfile-$kind; return 1; }
	done
}

# The platform that this machine's engine runs.
own_platform() {
	echo "linux/$(dpkg --print-architecture)"
}

# What every build is given, as options.
build_options() {
	scripts/build-arguments | sed 's/^/--build-arg=/'
}

# What a step needs of those before it is made by the step itself where --only has left those out.
need_base_image() {
	[ -z "$only" ] || scripts/offline-base-images
}

# need_image NAME KIND [PLATFORM]
need_image() {
	[ -z "$only" ] || grep -qs "^$1 $2 ${3:-$(own_platform)} " "$out.built" || image "$@"
}

# need_images KIND [PLATFORM]: those of the system, without certificates.
need_images() {
	for needed in $images; do need_image "$needed" "$@" || return 1; done
}

need_system() {
	[ -z "$only" ] || [ "$running" = "$PROJECT" ] || system_up
}

# image NAME KIND [PLATFORM]: for this machine, or for another platform; the tag of that ends with the architecture.
image() {
	need_base_image || return 1
	tag=abacus/$1:$2${3:+-${3#linux/}}
	recipe=services/$1/Dockerfile-$2
	[ "$1" != certificates ] || recipe=deploy/certificates/Dockerfile
	trust_certificates
	# shellcheck disable=SC2046 # a list of words
	docker build -q ${3:+--platform "$3"} -f "$recipe" $(build_options) -t "$tag" . &&
		echo "$1 $2 ${3:-$(own_platform)} $tag $(id_of "$tag")" >>"$out.built" &&
		docker image inspect -f '{{.Size}}' "$tag" | awk '{ printf "size %.1f MB\n", $1 / 1e6 }'
}

id_of() {
	docker image inspect -f '{{.Id}}' "$1"
}

# revision_of IMAGE: the commit that its label says it was built of, as scripts/build-arguments wrote it.
revision_of() {
	docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$1"
}

# Writes down the ids of the images that all steps have passed on, with the commit that they are of: docker-push.sh pushes these and no others. An
# image that is not the one that was built here, or was built of another commit, or files that differ from the commit, leave no record.
record_tested() {
	commit=$(git rev-parse HEAD)
	revision=$(scripts/build-arguments | sed -n 's/^REVISION=//p')
	[ -z "$(git status --porcelain)" ] || { echo "nothing is recorded as tested, because there are files that differ from the commit"; return; }
	while read -r service kind platform tag id; do
		[ "$kind" != dev ] || continue # which is not pushed, and which `up --build` builds again
		[ "$(id_of "$tag")" = "$id" ] || { echo "$tag was built anew during the tests" >&2; return 1; }
		[ "$(revision_of "$id")" = "$revision" ] || { echo "$tag was not built of $revision: HEAD has moved during the tests" >&2; return 1; }
		echo "$commit $kind $service $platform $id"
	done <"$out.built" >"$out.tested" && mkdir -p artifacts && cp "$out.tested" artifacts/tested-images
}

certificates_image() {
	need_image certificates prod || return 1
	docker run --rm --entrypoint sh -e DOMAINS=abacus.test abacus/certificates:prod -ec 'certificates prepare && certificates show' | grep abacus.test
}

# What stands for ElastiCache (outside.yml): Debian 13's Valkey.
valkey_image() {
	need_base_image || return 1
	docker build -q -f services/redis/Dockerfile-prod --build-arg=BASE="$(scripts/base-image)" --build-arg=SERVER=valkey -t abacus-test/valkey .
}

# The recipes of the pages read certificates to trust beside the system's from this file, if it is there.
trust_certificates() {
	bundle=${CA_BUNDLE:-${NODE_EXTRA_CA_CERTS:-}}
	[ -z "$bundle" ] || cmp -s "$bundle" ca-bundle.pem || cp -L "$bundle" ca-bundle.pem
}

# What PLATFORMS names beside this machine's: the daemons come from a cross compiler, the other images from Debian's packages, whose scripts the engine
# must be able to run (package qemu-user-static). The daemons are tried under an emulator, the others by their start.
platform_steps() {
	for platform in $(scripts/platforms | grep -vx "$(own_platform)"); do
		for kind in prod stage; do
			for service in $images certificates; do step "docker image $service $kind $platform" image "$service" $kind "$platform"; done
		done
		[ "$platform" != linux/arm64 ] || emulator_steps docker
		step "docker pages $platform" pages_start "$platform"
	done
}

# emulator_steps COMMAND
emulator_steps() {
	act scripts/install-packages emulator || exit 1
	step "$1 daemons" emulated_daemons
}

emulated_daemons() {
	for needed in $daemons; do need_image "$needed" prod linux/arm64 || return 1; done
	containers_test tests/docker/test_arm64.py
}

# The programs of the images that are made of packages run.
pages_start() {
	need_images prod "$1" && need_image certificates prod "$1" || return 1
	arch=${1#linux/}
	for each in "client nginx -v" "swagger nginx -v" "nginx nginx -v" "db postgres --version" "redis redis-server --version" "certificates certbot --version"; do
		# shellcheck disable=SC2086 # a list of words
		set -- $each
		name=$1
		shift
		docker run --rm --entrypoint "$1" "abacus/$name:prod-$arch" "$2" || return 1
	done
}

# The daemons for ARM, which CI looks at each night.
arm64_steps() {
	step "arm64 base image" scripts/offline-base-images
	for service in $daemons; do step "arm64 image $service" image "$service" prod linux/arm64; done
	emulator_steps arm64
}

debug_image() {
	need_base_image || return 1
	# shellcheck disable=SC2046 # a list of words
	docker build -q --target debug -f services/users/Dockerfile-prod $(build_options) -t abacus/users:debug . &&
		docker run --rm --entrypoint sh abacus/users:debug -c 'test -x /bin/users'
}

# files_are_apart COMPOSE...: Compose accepts each file, and no two of them have a volume in common, so that none meets another's database, and
# `down -v` deletes none but its own.
files_are_apart() {
	"$@" version | head -1
	rm -f "$out.volumes"
	for kind in dev stage prod; do
		"$@" -f docker-compose-$kind.yml config >"$out.config" || return 1
		sed -n '/^volumes:/,/^[^ v]/s/^    name: //p' "$out.config" | sort -u >>"$out.volumes"
	done
	rm -f "$out.config"
	[ "$(wc -l <"$out.volumes")" = 5 ] && [ -z "$(sort "$out.volumes" | uniq -d)" ] || { cat "$out.volumes"; return 1; }
}

# What Debian 13 calls docker-compose is Compose 2.
compose_2_accepts() {
	need_base_image || return 1
	docker run --rm -v "$root:/abacus:ro" -w /abacus -e out=/tmp/out "$(scripts/base-image)" sh -c '
		apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends docker-compose >/dev/null 2>&1 &&
		. tests/docker/steps.sh && files_are_apart docker-compose'
}

compose_accepts() {
	files_are_apart scripts/compose
}

# system KIND: chooses it for all that follows.
system() {
	export PROJECT="abacus-test-$1" COMPOSE_FILE="docker-compose-$1.yml" SECRETS="$RUN_DIR-secrets/$1"
	offset=$((${TEST_PORT_OFFSET:-10000} + 6000))
	export PORT=$((${TEST_PORT:-18080} + 800)) INSTANCES=1
	export PUBLISHED="nginx=$PORT" DB_PORT=$((offset + 435)) USERS_PORT=$((offset + 1)) VALUES_PORT=$((offset + 2)) \
		HEALTHCHECK_PORT=$((offset + 3)) DASHBOARD_PORT=$((offset + 4)) CLIENT_PORT=$((offset + 7)) SWAGGER_PORT=$((offset + 8))
	export CORS_ORIGINS=localhost STATUS_PUBLIC=full # in each system, because tests/api/test_cors.py and test_healthcheck.py need them
	unset APP_ENV EXCHANGES
	case $1 in
	dev) export APP_ENV=testing PUBLISHED="$PUBLISHED,users=$USERS_PORT,values=$VALUES_PORT,healthcheck=$HEALTHCHECK_PORT" ;;
	stage) scripts/make-secrets stage "$SECRETS" ;;
	prod)
		export COMPOSE_FILE=docker-compose-prod.yml:tests/docker/outside.yml INSTANCES=2
		prod_secrets
		;;
	esac
}

prod_secrets() {
	mkdir -p "$SECRETS/tls"
	tests/docker/make-tls "$SECRETS/tls"
	cp -f "$SECRETS/tls/ca.pem" "$SECRETS/postgres-ca.pem"
	cp -f "$SECRETS/tls/ca.pem" "$SECRETS/redis-ca.pem"
	verified='sslmode=verify-full&sslrootcert=/run/secrets/postgres-ca.pem'
	echo "postgres://users:outside@postgres.test:5432/users?$verified" >"$SECRETS/users.url"
	echo "postgres://values:outside@postgres.test:5432/values?$verified" >"$SECRETS/values.url"
	echo "postgres://healthcheck:outside@postgres.test:5432/postgres?$verified" >"$SECRETS/healthcheck.url"
	echo 'rediss://:outside@redis.test:6379/0' >"$SECRETS/redis.url"
	scripts/make-secrets production "$SECRETS"
}

running= # PROJECT of the system that is up, or that did not come up

# The engine now and then refuses for a moment to remove what has just stopped, or keeps a network for ever whose containers are gone
# (github.com/moby/moby/issues/43286), and Compose 1 gives up at the first refusal. What must hold is that no container is left.
system_down() {
	running=
	for _ in 1 2 3; do
		said=$(scripts/compose down -v --remove-orphans 2>&1) && return
		echo "$said" | grep -vE '\.\.\. *(done)?.?$'
		sleep 2
	done
	mine="label=com.docker.compose.project=$PROJECT"
	docker volume ls -q --filter "$mine" | xargs -r docker volume rm
	docker ps -a --filter "$mine"
	[ -z "$(docker ps -aq --filter "$mine")" ]
}

system_up() {
	system_down >/dev/null 2>&1
	running=$PROJECT
	need_what_comes_up || return 1
	case $PROJECT in
	*-dev) scripts/compose up -d --build || return 1 ;;
	*-prod)
		scripts/compose up -d --no-build postgres.test redis.test || return 1
		healthy postgres.test && healthy redis.test || return 1
		scripts/compose up -d --no-build || return 1
		;;
	*) scripts/compose up -d --no-build || return 1 ;;
	esac
	healthy nginx || { scripts/compose ps; scripts/compose logs --tail 20; return 1; }
	accounts
}

# The images, except those of development, which `up --build` builds.
need_what_comes_up() {
	need_base_image || return 1
	trust_certificates
	case $PROJECT in
	*-stage) need_images stage ;;
	*-prod) need_images prod && { [ -z "$only" ] || valkey_image; } ;;
	esac
}

healthy() {
	for _ in $(seq 150); do
		[ "$(docker inspect -f '{{.State.Health.Status}}' "$(scripts/compose ps -q "$1")")" != healthy ] || return 0
		sleep 0.2
	done
	return 1
}

# Those that the black-box tests log in as; development is seeded with them.
accounts() {
	case $PROJECT in *-dev) return ;; esac
	echo abacus-admin-dev | scripts/compose exec -T users manage create_admin admin admin@abacus.test &&
		curl -fsS -o /dev/null "http://localhost:$PORT/auth/register" -H 'Content-Type: application/json' \
			-d '{"username":"user","email":"user@abacus.test","password":"abacus-user-dev"}'
}

client_edits() {
	need_system && (cd tests/e2e && BASE_URL="http://localhost:$PORT" node --test --test-reporter=tap develop.test.mjs)
}

# An edit of the client in development, in a real browser; `sh test.sh e2e` brings what it needs.
browser_step() {
	if [ -x "${CHROMIUM:-/usr/bin/chromium}" ] && [ -d tests/e2e/node_modules ]; then
		step "docker dev client" client_edits
		sed -n 's/^ *# \(edits were shown.*\)/        \1/p' "$out"
	else
		(ELSEWHERE="docker dev client" && skip "docker dev client" "e2e develop has a browser; here there is no Chromium, or tests/e2e has no packages")
	fi
}

system_test() {
	need_system && containers_test "$@"
}

# In each system, with the images of stage.
misconfigured_test() {
	need_images stage && system_test tests/docker/test_misconfigured.py
}

stop_system() {
	need_system && system_down
}

# Takes down the system that a step has brought up, where --only has left out the step that does.
leave_system() {
	[ -z "$running" ] || system_down >/dev/null 2>&1
}

containers_test() {
	/usr/bin/python3 -m pytest -q -p no:cacheprovider -rs "$@"
}

# debian13_image PART...: Debian 13 with the packages that these parts of test.sh install.
debian13_image() {
	case $1 in quick) lines='build test' ;; *) lines='build run test pages deploy docker' ;; esac
	printf '%s\n' "FROM $(scripts/base-image)" 'COPY scripts/packages scripts/install-packages /tmp/scripts/' \
		"RUN apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends git python3-venv >/dev/null && /tmp/scripts/install-packages $lines" |
		docker build -q -t "abacus-test/debian13-${1}" -f - .
}

# in_debian13 IMAGE PART [--only NAME]: runs the part in a container, on a copy of this folder's files, also of those that are not committed. With
# them goes the history, if it can be packed, because a version of before is run beside this one. Only `deploy` gets this machine's network and
# engine, and what tests/deploy/requirements.txt lists, if pip can fetch it. What is missing is skipped, and counted.
in_debian13() {
	image=$1
	shift
	bundle=${CA_BUNDLE:-${NODE_EXTRA_CA_CERTS:-}}
	# shellcheck disable=SC2016 # the container's shell expands them
	set -- "$image" sh -ec 'mkdir /abacus && cd /abacus && tar -x && git init -q
		[ ! -e .history ] || git fetch -q .history HEAD || echo "the history could not be unpacked"
		rm -f .history
		git add -A && git -c user.name=abacus -c user.email=abacus@abacus.test commit -q -m tree
		[ "$1" != deploy ] || { python3 -m venv /tools && /tools/bin/pip -q install -r tests/deploy/requirements.txt; } ||
			echo "pip could not fetch what tests/deploy/requirements.txt lists"
		PATH=$PATH:/tools/bin exec sh test.sh "$@"' debian13 "$@"
	[ -z "$bundle" ] || set -- -v "$(readlink -f "$bundle"):/ca-bundle.pem:ro" -e NODE_EXTRA_CA_CERTS=/ca-bundle.pem -e npm_config_cafile=/ca-bundle.pem \
		-e PIP_CERT=/ca-bundle.pem "$@"
	engine_socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
	[ "$part" != deploy ] || set -- --network host -v "${engine_socket#unix://}:/var/run/docker.sock" "$@"
	[ -z "${STRICT:-}" ] || set -- -e STRICT="$STRICT" "$@"
	# shellcheck disable=SC2086 # a list of words
	tree_with_history | docker run -i --rm --init --shm-size 512m $may_mount -e ELSEWHERE='lint format' "$@"
}

# What a container of tests/faults needs, in which processes replace a file for themselves alone.
may_mount='--cap-add SYS_ADMIN --security-opt apparmor=unconfined'

tree_with_history() {
	git bundle create -q "$out.history" HEAD 2>/dev/null || rm -f "$out.history"
	{
		git ls-files -co --exclude-standard -z
		[ ! -e "$out.history" ] || printf '%s\0' "$out.history"
	} | tar -c --null --ignore-failed-read -P --transform "s|^$out.history\$|.history|" -T - 2>/dev/null
}

# Whether --only has chosen steps of this part, or no step, but tests, which are the server's.
debian13_has() {
	has_step "$chosen" "$1" || { [ "$1" = server ] && ! has_step "$chosen" client && ! has_step "$chosen" deploy; }
}

# debian13_steps PART...: prints what the container prints, and counts what it counts.
debian13_steps() {
	kind=full chosen=$only only=
	[ "$*" != quick ] || kind=quick
	step "debian13 base image" scripts/offline-base-images
	step "debian13 image" debian13_image $kind
	for part; do
		[ -z "$chosen" ] || debian13_has "$part" || continue
		in_debian13 abacus-test/debian13-$kind "$part" ${chosen:+--only "$chosen"} 2>&1 | tee "$out" | sed 's/^/        /'
		counted=$(tail -1 "$out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\{0,1\}$/\1 \2 \4/p')
		# shellcheck disable=SC2086 # a list of words
		count ${counted:-0 1} # it ended early
	done
}

# The images that deploy/vm is tested with; after `docker` they are there.
stage_steps() {
	step "deploy base image" scripts/offline-base-images
	for service in $images; do step "deploy image $service" image "$service" stage; done
}

docker_steps() {
	failed_before=$failed
	[ -n "$only" ] || act rm -f "$out.built" artifacts/tested-images
	step "docker files differ" dockerfiles_differ_in_size
	step "docker base image" scripts/offline-base-images
	for kind in prod stage dev; do
		for service in $images $([ $kind = dev ] || echo certificates); do
			step "docker image $service $kind" image "$service" $kind
			sed -n 's/^size /        /p' "$out"
		done
	done
	step "docker image users debug" debug_image
	step "docker certificates" certificates_image
	step "docker image valkey" valkey_image
	step "docker compose accepts" compose_accepts
	step "docker compose 2 accepts" compose_2_accepts
	for kind in dev stage prod; do
		system $kind
		step "docker $kind up" system_up
		step "docker $kind tests/api" system_test tests/api
		for file in system hardening; do step "docker $kind $file" system_test "tests/docker/test_$file.py"; done
		step "docker $kind misconfigured" misconfigured_test
		[ $kind = dev ] || step "docker $kind sbom" system_test tests/docker/test_sbom.py # because only what is pushed has one
		[ $kind != prod ] || step "docker $kind replicas" system_test tests/docker/test_replicas.py
		[ $kind != dev ] || browser_step
		step "docker $kind down" stop_system
		act leave_system
	done
	unset PROJECT COMPOSE_FILE SECRETS PUBLISHED
	platform_steps
	[ -n "$only$listing" ] || [ "$failed" != "$failed_before" ] || step "docker tested images" record_tested
}
