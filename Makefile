# Abacus. `make help` lists what there is to do; `make up` runs the whole system on this machine.
# BUILD, CC and SANITIZE make a second build beside the first: make BUILD=build/asan SANITIZE=address,undefined tests

BUILD ?= build
# CROSS=aarch64-linux-gnu compiles for that architecture, with Debian's cross compiler and its libraries (scripts/image).
CROSS ?=
CC = $(addsuffix -,$(CROSS))gcc
AR = $(addsuffix -,$(CROSS))ar
LD = $(addsuffix -,$(CROSS))ld
PKG_CONFIG = $(if $(CROSS),PKG_CONFIG_LIBDIR=/usr/lib/$(CROSS)/pkgconfig:/usr/share/pkgconfig )pkg-config
OPTIMIZE ?= -O2
SANITIZE ?=
COVERAGE ?=
WERROR ?=
VERSION := 0.1.0
REVISION := $(shell git rev-parse --short=8 HEAD 2>/dev/null || echo unknown)

SERVICES := users values worker mailer healthcheck
PACKAGES_OF_LIBCOMMON := libevent_core libevent_extra libevent_pthreads libpq hiredis libcjson libargon2

CPPFLAGS += -D_GNU_SOURCE -Ilibcommon $(shell $(PKG_CONFIG) --cflags $(PACKAGES_OF_LIBCOMMON))
CFLAGS += -std=c11 -g $(OPTIMIZE) -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wformat=2 -Wundef -Wvla -Wno-unused-parameter -Wno-missing-field-initializers -Wno-gnu-zero-variadic-macro-arguments -fno-omit-frame-pointer -pthread
ifneq ($(WERROR),)
CFLAGS += -Werror
endif
LDLIBS += $(shell $(PKG_CONFIG) --libs $(PACKAGES_OF_LIBCOMMON)) -lmbedtls -lmbedx509 -lmbedcrypto -lcrypt -lgmp -lwslay -lm -pthread
# Only users uses these, and the other daemons' images are 2 MB smaller without them.
LDLIBS += -Wl,--push-state,--as-needed -lutf8proc -lzxcvbn -lcbor -Wl,--pop-state

ifneq ($(SANITIZE),)
CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZE)
else
CPPFLAGS += -U_FORTIFY_SOURCE $(if $(filter -O0,$(OPTIMIZE)),,-D_FORTIFY_SOURCE=2)
CFLAGS += -fstack-protector-strong -fPIE
LDFLAGS += -pie -Wl,-z,relro,-z,now
endif
ifneq ($(COVERAGE),)
CFLAGS += --coverage -fprofile-update=atomic
LDFLAGS += --coverage
endif

# libcommon/ROOM/*.c; tests are in libcommon/tests/ROOM/.
COMMON_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out libcommon/tests/%,$(wildcard libcommon/*/*.c))) \
	$(patsubst %,$(BUILD)/%.o,$(wildcard libcommon/*/*.lua))
LIBCOMMON := $(BUILD)/libcommon.a
BINARIES := $(SERVICES:%=$(BUILD)/bin/%) $(SERVICES:%=$(BUILD)/bin/%-manage)
TEST_SOURCES := $(wildcard libcommon/tests/*/test_*.c libcommon/tests/*/io_*.c services/*/tests/test_*.c services/*/tests/io_*.c)
TESTS := $(foreach t,$(TEST_SOURCES),$(BUILD)/$(basename $(t)))
PRELOADS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/faults/preload/*.c))

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SECONDARY:

build: $(BINARIES) ## build the daemons and their manage commands
tests: build $(TESTS) $(BUILD)/tests/differential/reader $(BUILD)/tests/differential/json_reader $(BUILD)/tests/simulator/simulator $(BUILD)/tests/simulator/io_fake_redis $(PRELOADS) ## build the test programs too

web: ## fetch and build the pages that nginx serves
	@services/swagger/build.sh
	@[ "$(CLIENT)" = 0 ] || services/client/build.sh

# A commit changes no source, so the revision is a file that changes with it.
$(BUILD)/revision: always
	@mkdir -p $(@D)
	@echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' >$@
$(BUILD)/libcommon/base/version.o: $(BUILD)/revision
$(BUILD)/libcommon/base/version.o: CPPFLAGS += -DABACUS_VERSION='"$(VERSION)"' -DABACUS_REVISION='"$(REVISION)"'

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(if $(filter services/%,$<),-Iservices/$(word 2,$(subst /, ,$<))) -MMD -MP -c -o $@ $<

$(LIBCOMMON): $(COMMON_OBJECTS)
	@rm -f $@
	$(AR) qcs $@ $^ # not r: rooms have files of the same name, and r keeps one of them

# Scripts for Redis are linked in with a NUL at the end, because C passes them on as strings (REDIS_SCRIPT in libcommon/redis/redis.h).
# The line "-- include FILE" is replaced by a file of the same folder ($(call lua_of,FOLDER) SCRIPT).
lua_of = awk -v folder=$(1) '/^-- include / { while ((getline line < (folder "/" $$3)) > 0) print line; next } { print }'
$(BUILD)/%.lua.o: %.lua
	@mkdir -p $(@D)
	{ $(call lua_of,$(<D)) $< && printf '\0'; } >$(BUILD)/$<
	cd $(BUILD) && $(LD) -r -z noexecstack -b binary -o $<.o $<
$(patsubst %,$(BUILD)/%.o,$(wildcard libcommon/auth/*.lua)): libcommon/auth/revocations_table.lua
$(patsubst %,$(BUILD)/%.o,$(wildcard libcommon/jobs/*.lua)): libcommon/jobs/lanes.lua libcommon/jobs/load.lua

# The files of a page are linked into the daemon that serves it, under names that ld makes of their paths (services/healthcheck/show/page.c).
$(BUILD)/services/healthcheck/dashboard/%.o: services/healthcheck/dashboard/%
	@mkdir -p $(@D)
	$(LD) -r -z noexecstack -b binary -o $@ $<

# mailer's templates, each with a NUL at its end.
$(BUILD)/services/mailer/templates/%.o: services/mailer/templates/%
	@mkdir -p $(@D)
	{ cat $< && printf '\0'; } >$(BUILD)/$<
	cd $(BUILD) && $(LD) -r -z noexecstack -b binary -o $<.o $<

# A service is all .c of its folder and its rooms: main.c makes the daemon, manage.c the command line, the rest is in both.
define SERVICE_RULES
$(1)_OBJECTS := $$(patsubst %.c,$$(BUILD)/%.o,$$(filter-out services/$(1)/main.c services/$(1)/manage.c services/$(1)/tests/%,$$(wildcard services/$(1)/*.c services/$(1)/*/*.c))) \
	$$(patsubst %,$$(BUILD)/%.o,$$(wildcard $$(addprefix services/$(1)/dashboard/*.,html js css svg woff2) services/$(1)/templates/*.txt services/$(1)/templates/*.html services/$(1)/*.lua services/$(1)/*/*.lua))
$$(BUILD)/bin/$(1): $$(BUILD)/services/$(1)/main.o $$($(1)_OBJECTS) $$(LIBCOMMON)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
$$(BUILD)/bin/$(1)-manage: $$(BUILD)/services/$(1)/manage.o $$($(1)_OBJECTS) $$(LIBCOMMON)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
$$(BUILD)/services/$(1)/tests/%: $$(BUILD)/services/$(1)/tests/%.o $$($(1)_OBJECTS) $$(LIBCOMMON)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka -lcurl
endef
$(BUILD)/bin/mailer $(BUILD)/bin/mailer-manage: LDLIBS += -lcurl
$(foreach service,$(SERVICES),$(eval $(call SERVICE_RULES,$(service))))

$(BUILD)/libcommon/tests/%: $(BUILD)/libcommon/tests/%.o $(LIBCOMMON)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka -lcurl

$(BUILD)/tests/differential/%: $(BUILD)/tests/differential/%.o $(LIBCOMMON)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---- the simulator (tests/simulator/simulator.h): the daemons' objects between replaced libraries ----

SIMULATED := $(patsubst %,$(BUILD)/services/%.o,values/cancellations values/previews values/refill values/store \
	values/submissions values/writer \
	worker/asked worker/finish worker/leases worker/receive worker/run worker/spans worker/work \
	users/revocations/republisher users/revocations/retry_queue users/revocations/revoke users/revocations/revoked_tokens \
	users/sessions/rotations users/sessions/session users/sessions/session_cookie users/sessions/session_end \
	users/sessions/session_refresh users/sessions/session_start users/sessions/user_sessions_end) \
	$(patsubst %.c,$(BUILD)/%.o,$(filter-out %/statements.c,$(wildcard services/users/store/*.c))) \
	$(BUILD)/tests/simulator/users_statements.o
# users and values both call their list of statements store_statements.
$(BUILD)/tests/simulator/users_statements.o: $(BUILD)/services/users/store/statements.o
	@mkdir -p $(@D)
	objcopy --redefine-sym store_statements=users_store_statements \
		--redefine-sym __odr_asan.store_statements=__odr_asan.users_store_statements $< $@
SIMULATOR_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/simulator/io_%,$(wildcard tests/simulator/*.c)))
SIMULATOR_LIBS = $(shell $(PKG_CONFIG) --libs lua5.1)
$(BUILD)/tests/simulator/%.o: CPPFLAGS += $(shell $(PKG_CONFIG) --cflags lua5.1)
SIMULATOR_WRAPS := $(foreach f,redis_command redis_command_blocking redis_eval postgres_exec scope_cancel \
	kind_estimate_us,-Wl,--wrap=$(f))
$(BUILD)/tests/simulator/simulator: $(SIMULATOR_OBJECTS) $(SIMULATED) $(LIBCOMMON)
	$(CC) $(LDFLAGS) $(SIMULATOR_WRAPS) -o $@ $^ $(LDLIBS) $(SIMULATOR_LIBS)

$(BUILD)/tests/simulator/io_fake_redis: $(patsubst %,$(BUILD)/tests/simulator/%.o,io_fake_redis redis_commands redis_data redis_groups redis_scripts redis_streams) $(LIBCOMMON)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(SIMULATOR_LIBS) -lcmocka

# Sets its clock ahead.
$(BUILD)/libcommon/tests/base/test_log: LDFLAGS += -Wl,--wrap=clock_monotonic_us

# A simulator in which one file is wrong: tests/simulator/mutants/NAME.sed names the file in its first line and changes it. Scripts that include
# it are wrong with it.
MUTANTS := $(patsubst tests/simulator/mutants/%.sed,$(BUILD)/mutants/%/simulator,$(wildcard tests/simulator/mutants/*.sed))
$(BUILD)/mutants/%/simulator: tests/simulator/mutants/%.sed $(SIMULATOR_OBJECTS) $(SIMULATED) $(LIBCOMMON)
	@mkdir -p $(@D)
	source=$$(sed -n '1s/^# \([^:]*\):.*/\1/p' $<) && folder=$$(dirname $$source) && mkdir -p $(@D)/$$folder $(@D)/linked/$$folder && \
	sed -f $< $$source >$(@D)/$$source && ! cmp -s $$source $(@D)/$$source && case $$source in \
	*.lua) scripts="$$source $$(grep -lx -e "-- include $$(basename $$source)" $$folder/*.lua | tr '\n' ' ')" && \
		for script in $$folder/*.lua; do [ $$script = $$source ] || cp $$script $(@D)/$$script; done && \
		for script in $$scripts; do { $(call lua_of,$(@D)/$$folder) $(@D)/$$script && printf '\0'; } >$(@D)/linked/$$script || exit; done && \
		(cd $(@D)/linked && $(LD) -r -z noexecstack -b binary -o ../mutant.o $$scripts) ;; \
	*) $(CC) $(CPPFLAGS) $(CFLAGS) -Wno-error -w -I$$folder -I$$(echo $$source | cut -d/ -f1-2) -c -o $(@D)/mutant.o $(@D)/$$source ;; esac && \
	$(CC) $(LDFLAGS) $(SIMULATOR_WRAPS) -o $@ $(@D)/mutant.o \
		$$(printf '%s\n' $(filter %.o %.a,$^) | grep -vx "$(BUILD)/$${source%.c}.o") $(LDLIBS) $(SIMULATOR_LIBS)
mutants: $(MUTANTS)

# Without the sanitizers' flags: their runtime comes first in LD_PRELOAD.
$(BUILD)/tests/faults/preload/%.so: tests/faults/preload/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c11 -g -O1 -Wall -Wextra $(if $(WERROR),-Werror) -shared -fPIC -o $@ $<

# ---- fuzz targets: fuzz/NAME.c, its corpus in fuzz/corpus/NAME/; one named like a service is linked with those of its objects that it tests ----

FUZZERS := $(patsubst fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard fuzz/*.c))

$(foreach service,$(SERVICES),$(eval $(BUILD)/fuzz/$(service).o: CPPFLAGS += -Iservices/$(service)))
$(BUILD)/fuzz/healthcheck: $(healthcheck_OBJECTS)
$(BUILD)/fuzz/users: $(filter $(patsubst %,$(BUILD)/services/users/%.o,accounts/user_filter accounts/validation factors/base32 factors/binding \
	factors/phone factors/recovery_code factors/seal factors/totp passkeys/passkey_json passkeys/passkey_party \
	sessions/login_attempts sessions/session_cookie store/%),$(users_OBJECTS))
$(BUILD)/fuzz/values: $(filter $(patsubst %,$(BUILD)/services/values/%.o,announcements local_buckets rate rate_take.lua store value_filter),$(values_OBJECTS))
$(BUILD)/fuzz/mailer: $(filter %/compose.o %/rates.o $(BUILD)/services/mailer/templates/%,$(mailer_OBJECTS))
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(LIBCOMMON)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter-out $(LIBCOMMON),$^) $(LIBCOMMON) $(LDLIBS)

fuzzers: $(FUZZERS)
fuzz-build: ## build the fuzz targets, with clang and sanitizers
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang OPTIMIZE=-O1 SANITIZE=address,undefined,fuzzer-no-link fuzzers

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- running it: scripts/stack does the work ----

# Its settings (RUN_DIR, PORT, PORT_OFFSET, INSTANCES) are variables of the environment, and make exports those of its command line.
STACK = BUILD='$(BUILD)' scripts/stack
CLIENT ?= 1
DB ?=
ARGS ?=
TO ?=
FROM ?=
SERVICE ?=
LEVEL ?=

up: ## install what is missing, build, and start the whole system (PORT=8080, INSTANCES=1)
	@$(STACK) check
	@scripts/install-packages build run
	@echo "building the daemons (output: $(BUILD).log)…"
	@$(MAKE) --no-print-directory -j2 build >$(BUILD).log 2>&1 || { tail -20 $(BUILD).log >&2; echo "the build failed; see $(BUILD).log" >&2; exit 1; }
	@echo "building the pages…"
	@$(MAKE) --no-print-directory web
	@$(STACK) up

dev-client: ## serve the client's sources at http://localhost:3007, where an edit is seen at once; after make up
	@$(STACK) dev-client

down: ## stop it
	@$(STACK) down

status: ## a table of what runs: state, address, version, uptime, memory
	@$(STACK) status

logs: ## follow all logs, or some: make logs SERVICE=values LEVEL=warn
	@$(STACK) logs '$(SERVICE)' '$(LEVEL)'

manage: ## a command of a service: make manage SERVICE=values ARGS="jobs dead"; without ARGS it lists them
	@$(STACK) manage '$(SERVICE)' $(ARGS)

mail: ## show the last messages of mailer in development: make mail, or make mail ARGS=20
	@$(STACK) mail $(ARGS)

psql: ## a shell on a database: make psql DB=users
	@$(STACK) psql '$(DB)'

redis-cli: ## a shell on Redis: make redis-cli ARGS="XLEN jobs"
	@$(STACK) redis-cli $(ARGS)

backup: ## dump the databases: make backup, or make backup TO=folder
	@$(STACK) backup $(if $(TO),'$(TO)')

restore: ## put a backup back: make restore FROM=folder
	@$(STACK) restore $(if $(FROM),'$(FROM)')

rotate: ## replace secrets while everything runs: make rotate WHAT=key, WHAT=forget (the key from before) or WHAT=passwords
	@$(STACK) rotate $(if $(WHAT),'$(WHAT)')

bench: ## measure, beside nginx's own return 200
	@sh bench/run

test: ## all tests that fit into an hour
	@sh test.sh all

lint: ## check the form and look for mistakes, without running anything
	@sh test.sh server --only lint

format: ## format C, Python, JavaScript and CSS
	@git ls-files '*.c' '*.h' | xargs clang-format -i
	@scripts/lint/python format
	@scripts/lint/javascript format

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD).log services/*/dist services/*/.failed

help: ## this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

.PHONY: always build tests mutants web up dev-client down status logs manage mail psql redis-cli backup restore bench test lint format clean help fuzzers fuzz-build rotate
