#!/bin/sh
# usage: sh test.sh COMMAND [--only NAME]
#
#   server                     what a change must pass: lint, build, and every test of the server, twice
#   quick                      what depends on compilers, linters and libraries, without a server
#   client                     the web client by itself
#   e2e                        the pages in a real browser; with BASE_URL=https://… the main path through those of a system that runs elsewhere
#   docker                     the images and what the Compose files bring up
#   deploy                     delivery, against servers on this machine
#   rest                       client, e2e, docker, and what deploy does with images
#   all                        server and deploy, and rest beside them: all that fits into an hour
#   analysis                   what server runs beside its tests: another compiler, clang-tidy, cppcheck, data races, mutants, fuzz targets
#   cluster                    what server runs beside its sanitized tests: the API's, on a Redis in cluster mode
#   arm64                      the daemons for ARM, from a cross compiler and under an emulator
#   debian13 [quick]           server, client and deploy, or only quick, in a container of Debian 13
#   coverage                   which lines and branches the tests run
#   faults                     every fault of tests/faults, of which server injects some: it takes hours
#   fuzz [SECONDS]             each fuzz target for so long
#   simulate [SECONDS [SEED]]  the simulator
#   chaos [SECONDS [SEED]]     users and a nemesis on a stack of its own
#
# --only NAME runs the steps whose name contains NAME; with server, if there are none, the tests in tests/ that pytest finds by NAME. Without NAME it
# lists the steps. Each step prints one line; a failed step also prints the end of its output. The last line counts them, and what was skipped
# because this machine lacks something, be it a step or a test of one; with STRICT=1 that fails, except steps that ELSEWHERE names (separated by |),
# because another job runs them. REPEAT=20 runs test programs and files of tests/ so often, on one stack, and counts the runs that failed. TEST_PORT
# and TEST_PORT_OFFSET move the stack that the tests use.
set -u
cd "$(dirname "$0")" || exit
root=$PWD
passed=0 failed=0 skipped=0 only="" stack="" listing="" fuzzing="" beside="" has_engine=""
chaos_instances=${INSTANCES:-2} chaos_processes=${PROCESSES:-2} cluster_before=${REDIS_CLUSTER:-0}
out=$(mktemp)
counts=${COUNTS:-} # a file for the counts, in place of the last line
failures=${FAILURES:-$out.failures} # what failed, for the end of the output
unset COUNTS FAILURES
jobs=$(nproc)

# The stack that the tests use: its own ports (TEST_PORT and TEST_PORT_OFFSET move them) and folder, two instances of each daemon, the
# second with TLS to Redis, and short times.
export RUN_DIR="${TEST_RUN_DIR:-$root/.run-test}" PORT="${TEST_PORT:-18080}" PORT_OFFSET="${TEST_PORT_OFFSET:-10000}" INSTANCES=2 REDIS_TLS=1 APP_ENV=testing
export CLIENT=0 NO_COLOR=1 # only the browser tests need the client
export AUTH_RATE=10000r/s AUTH_BURST=1000 VALUES_RATE=1000000 VALUES_BURST=1000000 VALUES_PENDING_MAX=1000000 MAIL_DOMAIN_RATE=1000000 REPAIR_SECONDS=2 LEASE_SECONDS=3 HANG_SECONDS=5 EXCHANGES="$RUN_DIR/exchanges.jsonl"
export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# tests/api/test_traces.py listens there; only traces that a client asks for are recorded.
export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$((4318 + PORT_OFFSET))" OTEL_TRACES_SAMPLER_ARG=0

forget() {
	rm -f "$out" "$out".*
}
cleanup() {
	[ -z "$fuzzing" ] || kill "$fuzzing" # which leaves no target longer than its seconds
	for each in $beside; do kill -- "-${each%:*}" 2>/dev/null; done
	[ -z "$beside" ] || wait
	scripts/stack down >/dev/null 2>&1
	forget
}
trap forget EXIT
trap 'exit 130' INT TERM

wanted() {
	case $1 in *"$only"*) ;; *) [ -n "$listing" ] ;; esac
}

# act COMMAND...: runs the command, unless the steps are only listed.
act() {
	[ -n "$listing" ] || "$@"
}

# Where Linux schedules sessions in turn (autogroup, sched(7)), a niceness counts within its own alone, unless the session has it too.
# shellcheck disable=SC2016 # the new session expands them
yielding='{ echo "$NICENESS" >/proc/self/autogroup; } 2>/dev/null; exec nice -n "$NICENESS" sh test.sh "$@"'

# beside NUMBER NICENESS COMMAND: runs that command of test.sh beside what follows, because most tests wait more than they calculate; with a stack,
# ports and a process group of its own. Its lines are printed as they come, and `join` counts them. With --only it runs at once, in this process.
beside() {
	[ -z "$listing$only" ] || { "$3"; return; }
	TEST_RUN_DIR="$RUN_DIR-$3" TEST_PORT=$((${TEST_PORT:-18080} + 100 * $1)) TEST_PORT_OFFSET=$((${TEST_PORT_OFFSET:-10000} + 700 * $1)) \
		COUNTS="$out.counts.$3" FAILURES="$failures" NICENESS=$2 setsid sh -c "$yielding" sh "$3" </dev/null &
	beside="$beside $!:$3"
}

# Waits for what runs beside, and counts what that counted.
join() {
	for each in $beside; do
		wait "${each%:*}"
		cat "$out.counts.${each#*:}" >"$out.counts" 2>/dev/null || { say_failed "${each#*:} ended early"; echo "0 1 0" >"$out.counts"; }
		read -r more_passed more_failed more_skipped <"$out.counts"
		count "$more_passed" "$more_failed" "$more_skipped"
	done
	beside=
}

# count PASSED FAILED [SKIPPED]: what ran in another process.
count() {
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
}

# step NAME COMMAND...: runs the command unless --only excludes it, prints its line, and counts it.
step() {
	run_step "$@" 3>&- # because a server that it starts could keep CI's pipe open
}

# The same for what reports its progress on descriptor 3.
exec 3>&1
reporting_step() {
	run_step "$@"
}

run_step() {
	step_name=$1
	shift
	wanted "$step_name" || { : >"$out"; return 0; } # which may be read after the step
	[ -z "$listing" ] || { echo "$step_name"; return 0; }
	start=$(date +%s)
	[ ! -t 1 ] || printf '        %s…\r' "$step_name" # until a line replaces it
	if "$@" >"$out" 2>&1; then
		passed=$((passed + 1))
		echo "ok      $step_name ($(($(date +%s) - start)) s)$(count_line)"
	else
		failed=$((failed + 1))
		{
			echo "FAILED  $step_name ($(($(date +%s) - start)) s)"
			failed_tests
		} >"$out.named"
		cut -c 1-400 "$out.named" >>"$failures"
		tail -n 150 "$out" | cat "$out.named" - >"$out.failed"
		cat "$out.failed" # at once, because others print beside it
	fi
	count_skips
}

# What failed beside the steps.
say_failed() {
	echo "FAILED  $1" | tee -a "$failures"
}

# The tests that failed in the step, those of Node.js and of cmocka each with its error, because the end of the output may hold only those that passed.
failed_tests() {
	awk '/^not ok |^FAILED |^ERROR[ :]|^\[  (FAILED|ERROR ) +\] / { print "        " $0; is_of_node = /^not ok /; lines = 0 }
		is_of_node && /^  *code:/ { is_of_node = 0 }
		is_of_node && (lines || /^  *error:/) && lines++ < 20 { print "        " $0 }' "$out" | head -n 80
}

# skip NAME REASON [COUNT]: prints and counts what cannot run on this machine.
skip() {
	wanted "$1" || return 0
	[ -z "$listing" ] || { echo "$1"; return 0; }
	case "|${ELSEWHERE:-}|" in *"|$1|"*) echo "        $1 runs elsewhere: $2" && return ;; esac
	if [ "${STRICT:-}" = 1 ]; then
		failed=$((failed + 1))
		say_failed "$1: skipped, which STRICT=1 forbids: $2"
	else
		skipped=$((skipped + ${3:-1}))
		echo "skipped $1: $2"
	fi
}

# The same for the tests that pytest, node --test or Vitest skipped in the last step, except those whose reason says that another step runs them
# (elsewhere() in tests/harness.py).
count_skips() {
	skipped_tests >"$out.skipped"
	while read -r count reason; do
		case $reason in
		"elsewhere: "*) echo "        $count run elsewhere: ${reason#elsewhere: }" ;;
		*) skip "$step_name" "$reason ($count)" "$count" ;;
		esac
	done <"$out.skipped"
}

# A line for each reason: how many tests, and the reason.
skipped_tests() {
	sed -n 's/^SKIPPED \[\([0-9]*\)\] [^ ]*: /\1 /p; s/^ *ok [0-9]* .* # SKIP */1 node --test says: /p; s/^ *Tests .* \([0-9]*\) skipped.*/\1 Vitest says: skipped/p' "$out" |
		sed 's/^\([0-9]* \)unittest.case.SkipTest: /\1/' |
		awk '{ count = $1; sub(/^[0-9]+ /, ""); of[$0] += count } END { for (reason in of) print of[reason], reason }' | sort -k 2
}

# The number of tests in the step, as pytest, node --test or Vitest printed it. Those that were skipped have lines of their own.
count_line() {
	sed -n 's/^\([0-9]* passed.*\) in [0-9.]*s.*/ \1/p; s/^=* \([0-9]* passed.*\) in .*/ \1/p; s/^# pass \([0-9]*\)$/ \1 passed/p; s/^ *Tests  *\([0-9]* passed\).*/ \1/p' "$out" |
		sed 's/, [0-9]* skipped//' | tail -1
}

# One version decides, because every version of clang-format lays some lines out in another way: Debian 12's.
formatter=14
formatted() {
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

lint_format() {
	found=$(clang-format --version | sed 's/.*version \([0-9]*\)\..*/\1/')
	if [ "$found" = $formatter ]; then step "lint format" formatted; else skip "lint format" "clang-format $formatter decides, and this is $found"; fi
}

# Checks every script together with the files that it sources. The registries are listed because docker-push.sh picks one at run time.
shell_is_sound() {
	git ls-files | xargs awk 'FNR == 1 && /^#!\/bin\/(ba)?sh/ { print FILENAME } { nextfile }' |
		xargs shellcheck --external-sources --check-sourced deploy/registries/*.sh
}

# Compares the table in docs/configuration.md with the daemons' --help.
variables_are_documented() {
	make -j"$jobs" build >/dev/null && scripts/environment-table build/bin >"$out.table" &&
		sed -n '/<!-- environment -->/,/<!-- \/environment -->/p' docs/configuration.md | grep '^|' | diff - "$out.table"
}

# sources FOLDER: its C files, except tests.
sources() {
	git ls-files "$1/*.c" | grep -v /tests/
}

# Runs for libcommon and each service separately, because each includes headers from its own folder.
tidy() {
	for part in libcommon services/users services/values services/worker services/mailer services/healthcheck; do
		# shellcheck disable=SC2016 # the inner shell expands them
		sources "$part" | xargs -P "$jobs" -n 4 sh -c 'part=$1 && shift && clang-tidy --quiet --warnings-as-errors="*" "$@" -- \
			-std=c11 -D_GNU_SOURCE -Ilibcommon -I"$part" -I/usr/include/postgresql' tidy "$part" || return 1
	done
}

# cppcheck reads no system headers, so it gets the one that defines the loops over lists.
check() {
	for part in libcommon services/users services/values services/worker services/mailer services/healthcheck; do
		sources "$part" | xargs cppcheck --include="/usr/include/$(gcc -print-multiarch)/sys/queue.h" \
			--quiet --std=c11 -j "$jobs" --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
			--suppressions-list=.cppcheck -Ilibcommon -I"$part" || return 1
	done
}

# api_document SCRIPT: of services/swagger/package.json
api_document() {
	[ -d services/swagger/node_modules ] || npm --prefix services/swagger ci --no-audit --no-fund >/dev/null || return 1
	npm --prefix services/swagger run "$1"
}

build() {
	make -s -j"$jobs" "$@" tests
}

build_sanitized() {
	build SANITIZE=address,undefined OPTIMIZE=-O1 WERROR=1
}

# Starts the whole system with the binaries of $BUILD, in an empty folder.
stack_up() {
	scripts/stack down >/dev/null 2>&1
	rm -rf "$(readlink -f "$RUN_DIR")" "$RUN_DIR"
	scripts/stack up && stack=$BUILD
}

# Starts the stack if no earlier step did, because --only excluded that step.
need_stack() {
	[ "$stack" = "$BUILD" ] || stack_up
}

# database_of_tests FILE: the URL of that file of the stack, but with a database that the tests in C have to themselves, or with another server
# in its place if the stack's Redis is a cluster, which has one database.
database_of_tests() {
	if [ "${REDIS_CLUSTER:-0}" = 0 ]; then
		sed 's|/0$|/5|' "$RUN_DIR/secrets/$1"
		return
	fi
	port=$(tests/cluster_database 5) || return 1
	[ "$1" != redis.tls ] || port=$((port + 40))
	sed "s|:[0-9]*/0$|:$port/0|" "$RUN_DIR/secrets/$1"
}

# repeated COMMAND...: REPEAT times, also after one that failed.
repeated() {
	[ "${REPEAT:-1}" != 1 ] || { "$@"; return; }
	failed_runs=0
	for run in $(seq "$REPEAT"); do
		"$@" || { failed_runs=$((failed_runs + 1)) && echo "run $run failed"; }
	done
	echo "$failed_runs of $REPEAT runs failed"
	[ $failed_runs = 0 ]
}

unit_test() {
	case $1 in
	*/io_*)
		need_stack || return 1
		TEST_DATABASE_URL=$(cat "$RUN_DIR/secrets/values.url") TEST_REDIS_CA_FILE=$RUN_DIR/secrets/redis.pem
		TEST_REDIS_URL=$(database_of_tests redis.url) && TEST_REDIS_TLS_URL=$(database_of_tests redis.tls) || return 1
		export TEST_DATABASE_URL TEST_REDIS_CA_FILE TEST_REDIS_URL TEST_REDIS_TLS_URL
		repeated "$1"
		;;
	*) repeated "$1" ;;
	esac
}

# libcommon/tests/http/test_router.c: "http/test_router"; services/users/tests/test_validation.c: "users/test_validation".
unit_name() {
	echo "$1" | sed 's|^libcommon/tests/||; s|^services/||; s|/tests/|/|; s|\.c$||'
}

# unit_tests ROUND SOURCE...
unit_tests() {
	round=$1
	shift
	for source; do step "$round $(unit_name "$source")" unit_test "$BUILD/${source%.c}"; done
}

# tests/conftest.py prints a line for each file on the descriptor PROGRESS_FD.
black_box() {
	need_stack 3>&- || return 1
	repeated env PROGRESS_FD=3 COLUMNS=300 /usr/bin/python3 -m pytest -q -p no:cacheprovider -rsfE "$@"
}

# chaos SECONDS [SEED]: users and a nemesis on a stack of its own (tests/chaos/run.py). INSTANCES and PROCESSES shape it.
chaos() {
	stack_up && /usr/bin/python3 tests/chaos/run.py "$@"
}

# The step, and the figures of one that passed; those of one that failed are in its output.
chaos_step() {
	wanted chaos || return 0
	export INSTANCES="$chaos_instances" PROCESSES="$chaos_processes" REDIS_TLS=0 # because its proxy stands before the other port
	failed_before=$failed
	step chaos chaos "$@"
	[ "$failed" != "$failed_before" ] || sed -n 's/^chaos: /        /p' "$out"
	act scripts/stack down >/dev/null 2>&1
	export INSTANCES=2 REDIS_TLS=1
	unset PROCESSES
	stack=
}

# Compares every answer that tests/api got with the API's document; --all: and fails if an answer of the document was not seen.
answers_are_documented() {
	[ -s "$EXCHANGES" ] || black_box tests/api || return 1
	node services/swagger/tests/exchanges.js "$EXCHANGES" "$@"
}

# The sanitizers write what they find in the daemons to the daemons' logs.
no_sanitizer_report() {
	! grep -rhE -A 40 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$RUN_DIR/log"
}

# Runs the test programs of what runs on threads, which the other sanitizers do not watch for data races.
threads_do_not_race() {
	set -- build/tsan/libcommon/tests/base/test_pool build/tsan/libcommon/tests/auth/test_password \
		build/tsan/libcommon/tests/auth/test_hash_queue build/tsan/services/worker/tests/test_lanes build/tsan/services/worker/tests/test_unstored \
		build/tsan/libcommon/tests/webauthn/test_webauthn build/tsan/services/mailer/tests/test_smtp
	make -j"$jobs" BUILD=build/tsan SANITIZE=thread OPTIMIZE=-O1 WERROR=1 "$@" || return 1
	for program; do TSAN_OPTIONS=halt_on_error=1 "$program" || return 1; done
}

# The same messages read by our parser and by another's.
differential() {
	node tests/differential/run.mjs "$BUILD/tests/differential/reader" "$@"
}

# nginx alone, with stand-ins for the services.
nginx_configuration() {
	/usr/bin/python3 -m pytest -q -p no:cacheprovider -rs tests/nginx
}

fuzz_result() {
	cat "$1.log"
	[ -f "$1.ok" ]
}

# fuzz_start FOLDER SECONDS: all fuzz targets (scripts/fuzz-target), with what other steps leave of the processors.
fuzz_start() {
	targets=$(for source in fuzz/*.c; do ! wanted "fuzz $(basename "$source" .c)" || basename "$source" .c; done)
	[ -z "$listing" ] || return 0
	echo "$targets" | nice -n 19 xargs -r -P "$jobs" -n 1 scripts/fuzz-target "$1" "$2" 3>&- &
	fuzzing=$!
}

# fuzz_end FOLDER: waits for them, and prints a line for each.
fuzz_end() {
	act wait $fuzzing
	fuzzing=
	for target in $targets; do
		step "fuzz $target" fuzz_result "$1/$target"
		sed -n 's/^stat::number_of_executed_units: */        executions: /p' "$out"
	done
}

fuzz() {
	act scripts/install-packages build test || exit 1
	step "fuzz build" make -j"$jobs" WERROR=1 fuzz-build
	fuzz_start build/fuzz/found "$seconds"
	fuzz_end build/fuzz/found
}

# simulate SECONDS [SEED]: seed after seed from the given one, or from a random one; prints the first.
simulate() {
	"$BUILD/tests/simulator/simulator" --seconds "$1" ${2:+--seed "$2"}
}

# The same seed takes the same steps, whatever ran before it in the same process.
runs_repeat() {
	hash=$("$BUILD/tests/simulator/simulator" --seed 11 --runs 30 --seconds 240 --hash | grep '^40 ')
	[ -n "$hash" ] && "$BUILD/tests/simulator/simulator" --seed 40 --runs 1 --seconds 240 --hash | grep -Fqx "$hash"
}

# Each mutant breaks one thing on purpose, and the simulator has to find it.
mutants_are_found() {
	make -j"$jobs" mutants || return 1
	# shellcheck disable=SC2016 # the inner shell expands them
	printf '%s\n' tests/simulator/mutants/*.sed | xargs -P "$jobs" -n 1 sh -c '
		! "$BUILD/mutants/$(basename "$1" .sed)/simulator" --seed 1 --runs 3000 --seconds 600 && exit
		echo "not found: $1"; exit 1' mutant
}

simulations() {
	step "$1 simulator" simulate "$2" 1
	step "$1 simulator fresh seed" simulate "$2"
	grep -E '^seed |runs,' "$out" | sed 's/^/        /'
	step "$1 simulator repeats" runs_repeat
}

# The API's tests on a Redis in cluster mode, which refuses a script or command whose keys have several slots. The other tests run on one by hand,
# because that takes minutes: REDIS_CLUSTER=1 sh test.sh server --only "io_", "plain tests/chaos" or tests/faults. Where they use several databases,
# of which a cluster has one, tests/cluster_database starts a server for each. The tests of the containers (docker_steps) are the API's on a
# single Redis.
cluster() {
	export BUILD=build/asan SANITIZED=1 REDIS_CLUSTER=1
	act quietly build_sanitized
	step "sanitized cluster stack" stack_up
	reporting_step "sanitized cluster tests/api" black_box tests/api
	step "sanitized cluster openapi" answers_are_documented --all
	step "sanitized cluster no report" no_sanitizer_report
	act scripts/stack down >/dev/null 2>&1
	export REDIS_CLUSTER="$cluster_before"
	stack=
}

# round NAME: every test of the server, with the binaries of $BUILD.
round() {
	simulations "$1" "$([ "$1" = plain ] && echo 10 || echo 4)"
	step "$1 stack" stack_up
	unit_tests "$1" libcommon/tests/*/test_*.c libcommon/tests/*/io_*.c services/*/tests/test_*.c
	# The fake Redis is no cluster.
	[ "${REDIS_CLUSTER:-0}" = 1 ] || step "$1 simulator io_fake_redis" unit_test "$BUILD/tests/simulator/io_fake_redis"
	[ "$1" != coverage ] || reporting_step "$1 tests/api" black_box tests/api
	[ "$1" != coverage ] || { act scripts/stack down && stack=; } >/dev/null # because a killed process writes no coverage
	# A crash shows best under the sanitizers, which make every daemon slower: what has wider limits of time there is seen natively too.
	if [ "$1" = plain ]; then
		reporting_step "plain tests/chaos" black_box tests/chaos/test_self_healing.py tests/chaos/test_hang.py tests/chaos/test_unread_log.py
		reporting_step "plain tests/faults" black_box tests/faults/test_failover_proxy.py tests/faults/test_postgres.py
	else
		reporting_step "$1 tests/chaos" black_box tests/chaos
		reporting_step "$1 tests/faults" black_box tests/faults
	fi
	[ "$1" != plain ] || reporting_step "$1 tests/stack" black_box tests/stack
	[ "$1" = plain ] || step "$1 openapi" answers_are_documented
	step "$1 stop" scripts/stack down
}

# What everything else is made of.
base() {
	step "build gcc" build BUILD=build WERROR=1
	step "build web" make web
}

server() {
	act scripts/install-packages build run test || exit 1
	base
	server_tests
	join
}

server_tests() {
	lint_format
	step "lint shell" shell_is_sound
	step "lint javascript" scripts/lint/javascript check
	step "lint python" scripts/lint/python check
	step "lint workflows" scripts/lint/workflows
	step "lint rooms" scripts/lint/rooms.py
	step "lint file names" scripts/lint/file_names.py
	step "lint words" scripts/lint/words.py
	step "lint migrations" scripts/lint/migrations.py
	step "lint security tables" scripts/lint/security_tables.py
	step "lint untaken" scripts/lint/untaken.py
	step "lint changed settings" scripts/lint/changed_settings.py
	step "lint configuration" variables_are_documented
	step "lint openapi" api_document lint
	step "lint openapi routes" api_document test
	beside 2 10 analysis
	export BUILD=build
	[ -z "$only" ] || act quietly build web
	step "differential json" node tests/differential/json.mjs "$BUILD/tests/differential/json_reader" fuzz/corpus/json
	step "differential llhttp" differential llhttp
	step "differential nginx" differential nginx
	step "nginx configuration" nginx_configuration
	round plain
	chaos_step 90
	case ${listing:-$only} in
	'' | *sanit* | *cluster* | yes)
		export BUILD=build/asan SANITIZED=1
		step "build sanitizers" build_sanitized
		[ -z "$only" ] || act quietly build_sanitized
		beside 3 0 cluster
		round sanitized
		step "sanitized no report" no_sanitizer_report
		;;
	esac
	[ -n "$listing" ] || [ "$passed$failed" != 00 ] || reporting_step "$only" black_box tests -k "$only"
}

# What reads or compiles the sources, and tests that calculate and never wait.
analysis() {
	act scripts/install-packages build test || exit 1
	export BUILD=build
	step "build fuzz" make -j"$jobs" WERROR=1 fuzz-build
	step "build clang" build BUILD=build/clang CC=clang WERROR=1
	step "thread sanitizer" threads_do_not_race
	step "lint cppcheck" check
	step "lint clang-tidy" tidy
	step "simulator mutants" mutants_are_found
	act rm -rf build/fuzz/new
	fuzz_start build/fuzz/new 20
	fuzz_end build/fuzz/new
}

# What the steps that --only has chosen need of those that it left out.
quietly() {
	"$@" >"$out" 2>&1 3>&- || { cat "$out"; exit 1; }
}

# What depends on the versions of compilers, linters and libraries, without a server.
quick() {
	act scripts/install-packages build test || exit 1
	lint_format
	step "lint shell" shell_is_sound
	step "build gcc" build BUILD=build WERROR=1
	step "build clang" build BUILD=build/clang CC=clang WERROR=1
	step "lint clang-tidy" tidy
	step "lint cppcheck" check
	export BUILD=build
	unit_tests unit libcommon/tests/*/test_*.c services/*/tests/test_*.c
}

# page_step NAME COMMAND...: a step that needs the pages, which are not built where Node.js is too old, as Debian 12's is.
page_step() {
	if [ -n "$listing" ] || services/client/build.sh check >"$out" 2>&1; then step "$@"; else skip "$1" "$(cat "$out")"; fi
}

# The web client by itself. Its build checks the size budget, and fails if the client's calls do not match the API's document.
client() {
	act scripts/install-packages pages || exit 1
	page_step "client npm ci" services/client/build.sh fetch
	page_step "client generated" npm --prefix services/client run check:generated
	page_step "client types" npm --prefix services/client run types
	page_step "client unit" npm --prefix services/client test
	page_step "client build" services/client/build.sh
}

# In a real browser, with the plain build. The files run one after another, because they stop and start the stack that they share.
browser_tests() {
	need_stack || return 1
	(cd tests/e2e && node --test --test-reporter=tap "$1")
}

# The pages of a system that runs elsewhere, at BASE_URL.
pages_elsewhere() {
	(cd tests/e2e && node --test --test-reporter=tap anywhere.test.mjs)
}

e2e_elsewhere() {
	act scripts/install-packages e2e || exit 1
	step "e2e npm ci" npm ci --prefix tests/e2e --no-audit --no-fund
	step "e2e anywhere" pages_elsewhere
}

e2e() {
	act scripts/install-packages build run e2e || exit 1
	export BUILD=build CLIENT=1
	page_step "e2e build" build
	page_step "e2e web" make web
	page_step "e2e npm ci" npm ci --prefix tests/e2e --no-audit --no-fund
	page_step "e2e stack" stack_up
	for file in tests/e2e/*.test.mjs; do
		page_step "e2e $(basename "$file" .test.mjs)" browser_tests "$(basename "$file")"
	done
	page_step "e2e stop" scripts/stack down
}

# need_engine WHAT: uses the Docker engine that answers, or starts one that ends with this script. Without an engine WHAT is skipped; with
# ENGINE=required it fails, so that CI pushes nothing untested.
need_engine() {
	. tests/docker/steps.sh
	[ -z "$listing" ] || { list_docker_steps && return; }
	trap 'engine_stop; cleanup' EXIT
	{ scripts/install-packages docker && engine_start; } >"$out" 2>&1 3>&- && has_engine=yes && return
	case ${ENGINE:-} in
	required) failed=$((failed + 1)) && say_failed "$1: $(tail -1 "$out")" ;;
	*) skip "$1" "$(tail -1 "$out")" ;;
	esac
	return 1
}

list_docker_steps() {
	system() { :; }
	in_debian13() { :; }
}

# Rolling out, certificates and a remote host, with servers on this machine in place of the cloud's.
delivery() {
	act scripts/install-packages deploy || exit 1
	export BUILD=build
	unset SANITIZED
	for file in tests/deploy/test_*.py; do
		name=$(basename "$file" .py)
		case $name in
		test_push | test_vm) continue ;; # delivery_of_images
		test_ecs | test_create | test_host) workers=$jobs ;; # because they start slow commands some hundred times
		*) workers=0 ;;
		esac
		step "deploy ${name#test_}" delivery_test "$file" -n "$workers"
	done
}

# Pushing images, and a machine that runs them. Without an engine each test says that it needs one.
delivery_of_images() {
	act scripts/install-packages deploy || exit 1
	! need_engine "the tests of deploy that need containers" || stage_steps
	step "deploy push" delivery_test tests/deploy/test_push.py
	step "deploy vm" delivery_test tests/deploy/test_vm.py
}

delivery_test() {
	[ "$1" != tests/deploy/test_vm.py ] || [ -z "$has_engine" ] || need_images stage || return 1
	env COLUMNS=300 /usr/bin/python3 -m pytest -q -p no:cacheprovider -rsfE "$@"
}

# The images and the Compose files, if a Docker engine answers or can be started.
containers() {
	! need_engine docker || docker_steps
}

# The daemons for ARM.
arm64() {
	! need_engine arm64 || arm64_steps
}

# debian13 PART...: these parts of test.sh on Debian 13, of which the images are made, in a container. The engine is this machine's.
debian13() {
	! need_engine debian13 || debian13_steps "$@"
}

build_for_coverage() {
	rm -rf build/coverage
	umask 0 # daemons of two users write the same files
	quietly make -j"$jobs" BUILD=build/coverage COVERAGE=1 OPTIMIZE=-O0 tests web
	find build/coverage -type d -exec chmod a+rwx {} +
}

coverage() {
	act scripts/install-packages build run test || exit 1
	act build_for_coverage
	export BUILD=build/coverage SEED=1 # because a fault that is chosen by chance takes another path each time
	round coverage
	step "coverage lines" enough_lines
	act cat "$BUILD/lines.txt"
	step "coverage untaken" scripts/lint/untaken.py "$BUILD/lines.json"
}

enough_lines() {
	gcovr --root . --exclude '(.*/)?tests/.*' --object-directory "$BUILD" --fail-under-line 93 --txt "$BUILD/lines.txt" --json "$BUILD/lines.json" "$BUILD"
}

faults() {
	act scripts/install-packages build run test || exit 1
	export BUILD=build/asan SANITIZED=1 FAULTS=all FAULTS_PER_COMMAND=all
	step "faults build" build_sanitized
	reporting_step "faults all" black_box tests/faults
	step "faults no report" no_sanitizer_report
}

help() {
	sed -n '2,/^set/s/^# \{0,1\}//p' test.sh
}

rest() {
	client
	e2e
	containers
	delivery_of_images
}

# Their packages come first, because two runs of apt-get would meet; without those of the engine the step that needs it says so.
all() {
	began=$(date +%s)
	act scripts/install-packages build run test pages e2e deploy || exit 1
	act scripts/install-packages docker || true
	base
	beside 1 0 rest
	server_tests
	delivery
	join
	act echo "all took $((($(date +%s) - began) / 60)) minutes, of the 60 that it may take"
	act echo "not in all, because they take longer: sh test.sh debian13, arm64, coverage, faults, fuzz, simulate, and chaos for an hour"
}

# run_command COMMAND [WORD...]
run_command() {
	command=$1
	shift
	case $command in
	server | client | quick | coverage | faults | rest | analysis | cluster | arm64 | all) $command ;;
	e2e) if [ -n "${BASE_URL:-}" ]; then e2e_elsewhere; else e2e; fi ;;
	deploy)
		delivery
		delivery_of_images
		;;
	docker) containers ;;
	debian13)
		parts='server client deploy'
		[ "${1:-}" != quick ] || parts=quick
		# shellcheck disable=SC2086 # a list of words
		debian13 $parts
		;;
	fuzz) seconds=${1:-20} && fuzz ;; # for each target
	simulate)
		act scripts/install-packages build test || exit 1
		export BUILD=build
		step "simulate build" build
		step "simulate" simulate "${1:-20}" ${2:+"$2"}
		act cat "$out"
		;;
	chaos)
		act scripts/install-packages build run test || exit 1
		export BUILD=build
		step "chaos build" build
		chaos_step "${1:-90}" ${2:+"$2"}
		;;
	esac
}

# The names of the steps of a command, which runs none of them.
names_of() (
	listing=yes
	run_command "$@"
	[ "$1" != debian13 ] || for part in $parts; do names_of "$part"; done
)

# has_step NAME COMMAND [WORD...]
has_step() {
	wanted_name=$1
	shift
	names_of "$@" | grep -qF -- "$wanted_name"
}

# Whether pytest finds tests by the name. One file cannot be collected before a stack is up, so names of files are looked at too.
has_test() {
	git ls-files 'tests/*.py' | grep -qF -- "$only" && return
	scripts/install-packages test || exit 1
	/usr/bin/python3 -m pytest -q -p no:cacheprovider --collect-only --continue-on-collection-errors tests -k "$only" 2>&1 |
		grep -q '^[0-9]*/[0-9]* tests collected'
}

# Before minutes are spent on a name that nothing has.
check_only() {
	! has_step "$only" "$@" || return 0
	# shellcheck disable=SC2154 # parts is that of debian13
	what="step of $1"
	case $1 in
	server | all | debian13)
		what="$what, and no test in tests/,"
		! has_test || return 0
		;;
	esac
	echo "test.sh: no $what has \"$only\" in its name; these are the steps:" >&2
	list_steps "$@" >&2
	exit 64
}

list_steps() {
	names_of "$@" | sed 's/^/  /'
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
server | quick | client | e2e | docker | deploy | rest | all | analysis | cluster | arm64 | debian13 | coverage | faults | fuzz | simulate | chaos) ;;
-h | --help | help) help; exit ;;
'') help >&2; exit 64 ;;
*) help >&2; echo "test.sh: there is no command $command" >&2; exit 64 ;;
esac
words='' wants_only=''
while [ $# -gt 0 ]; do
	case $1 in
	--only) wants_only=yes only=${2:-} && shift ;;
	-h | --help) help; exit ;;
	-*) echo "test.sh: there is no option $1; see sh test.sh --help" >&2; exit 64 ;;
	*) words="$words $1" ;;
	esac
	[ $# = 0 ] || shift
done
# shellcheck disable=SC2086 # a list of words
{
	[ -z "$wants_only" ] || [ -n "$only" ] || { list_steps "$command" $words; exit; }
	[ -z "$only" ] || check_only "$command" $words
	trap cleanup EXIT
	run_command "$command" $words
}
last="$passed passed, $failed failed"
[ $skipped = 0 ] || last="$last, $skipped skipped"
if [ -n "$counts" ]; then
	echo "$passed $failed $skipped" >"$counts"
else
	[ $failed = 0 ] || sed 's/^/  /' "$failures" # again, because much was printed since
	echo "$last"
fi
[ $failed = 0 ]
