# taskqueue: `make demo` and `make test` need nothing before them on Debian 12.
#
#   make                 build for Lua 5.4 and LuaJIT, side by side in build/
#   make LUA=luajit      build for one of them (every target takes it)
#   make deps            install what is missing (Debian packages)
#   make env             print the exports that make the build usable in place:
#                        eval "$$(make -s env)"; lua5.4 script.lua
#   make POLLER=multi    build without epoll, for the built-in loop alone (every target takes it)
#   make demo            wait for tasks on the built-in simulator
#   make openresty-demo  the example inside nginx, with a page to look at (PORT=8080)
#   make test            C tests and specs, on both Luas
#   make test-multi      the same without epoll, on Lua 5.4
#   make test-thread     the specs over a transport with a thread, as nginx has it, on Lua 5.4
#   make test-openresty  the specs of waits inside nginx, which they start (SLOW=1: 200 reloads too)
#   make test-fleet      the specs of the fleet, with a Redis server, on both Luas
#   make check           formatting, linters, layers, exported symbols
#   make analyse         what finds faults in code that is not run, and takes its time
#   make coverage        how many lines of the C code the tests run
#   make memcheck        the specs under valgrind
#   make helgrind        the C tests of the thread under valgrind, which looks for races
#   make sanitize        the specs with address and undefined-behaviour sanitizers
#   make tsan            the specs with the thread sanitizer
#   make memory          scripts whose memory runs out, at each allocation in turn
#   make soak            a million polls while everything comes and goes (POLLS=10000)
#   make fuzz SECONDS=60 so long of hostile input for each decoder
#   make bench           how soon ends are known, and what scheduling and decoding cost
#   make bench-polls     what a poll costs, beside other clients (ROUNDS=7 SPAN=1 OUT=build/bench)
#   make docs            write the tables of docs/faults.md from the specs' rows, and those of
#                        docs/performance.md from docs/polls.csv
#   make bench-loops     how late the timers of a loop are beside 1,000 waits
#   make bench-openresty what waits inside nginx cost its other requests (ROUNDS=7)
#   make bench-fleet     how soon a fleet knows, and what it costs its Redis (WAITS=200000 ROUNDS=7)
#   make reference       the reference of the API, as web pages in build/reference/
#   make rocks           the rocks: made, tested, packed, installed and removed by LuaRocks
#   make install PREFIX=/usr/local
#   make clean

# What drives libcurl: "epoll", or "multi" where there is no epoll (src/http/driver.h).
POLLER ?= epoll
$(if $(filter epoll multi,$(POLLER)),,$(error POLLER must be epoll or multi))

LUAS := $(if $(LUA),$(LUA),lua5.4 luajit)
# Other sets of builds, VARIANT=asan for instance, lie in build/asan/ and build/multi/.
BUILD := build$(if $(VARIANT),/$(VARIANT))$(if $(filter multi,$(POLLER)),/multi)
PREFIX ?= /usr/local
CC ?= cc
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
	-Werror=implicit-function-declaration
CFLAGS ?= -O2 -g
VARIANT_fuzz := -DTQ_LIBCURL_LINKED -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
VARIANT_cov := -O0 --coverage
VARIANT_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
VARIANT_asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread -Isrc $(WARNINGS) $(CFLAGS) $(VARIANT_$(VARIANT))

ROOMS := base clock form json xml budget sched http mobizon cnode engine
LEFT_OUT_epoll := src/http/driver_multi.c
LEFT_OUT_multi := src/http/driver_epoll.c src/http/poller.c
ROOM_SOURCES := $(filter-out $(LEFT_OUT_$(POLLER)),\
	$(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c))))
CORE_SOURCES := $(ROOM_SOURCES) $(sort $(wildcard src/binding/*.c))
LIBCURL_SOURCES := $(sort $(wildcard src/libcurl/*.c))
FLEET_SOURCES := $(sort $(wildcard src/fleet/*.c))
SIM_SOURCES := $(sort $(wildcard src/sim/*.c))
LUA_SOURCES := $(shell find lua/taskqueue -name '*.lua' | sort)
C_TESTS := $(filter-out $(if $(filter multi,$(POLLER)),poller_test),\
	$(patsubst spec/c/%.c,%,$(sort $(wildcard spec/c/*_test.c))))

# What compiles does so on all processors.
COMPILE := $(MAKE) --no-print-directory -s -j$(shell nproc)

pkg = $(shell $(PKG_CONFIG) $(1) $(2))
API_lua5.4 := 5.4
API_luajit := 5.1

.DELETE_ON_ERROR:
.PHONY: all build bench bench-polls deps env demo test test-c spec gsoap world docs check memcheck sanitize test-multi bench-loops install clean fuzz fuzzers memory tsan analyse coverage soak

all: build
# What coordinates on Redis is built where hiredis is, and asked for by its own targets.
HAS_HIREDIS := $(shell $(PKG_CONFIG) --exists hiredis && echo yes)
MODULES := core libcurl sim/core $(if $(HAS_HIREDIS),fleet/core)
modules_of = $(MODULES:%=$(BUILD)/$(1)/taskqueue/%.so)
build: $(foreach lua,$(LUAS),$(call modules_of,$(lua)))

# --- the modules ---------------------------------------------------------------------------------

# The core is not linked with libcurl, but finds its functions in a module that is loaded when they are
# needed (src/http/libcurl.h). A module that has been loaded stays.
define module_rules
$(BUILD)/$(1)/taskqueue/core.so: $$(CORE_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(CC) -shared -pthread -Wl,-z,nodelete $$(VARIANT_$(VARIANT)) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,--libs,expat) -lm -ldl

$(BUILD)/$(1)/taskqueue/libcurl.so: $$(LIBCURL_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(CC) -shared -pthread -Wl,-z,nodelete $$(VARIANT_$(VARIANT)) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,--libs,libcurl) -ldl

$(BUILD)/$(1)/taskqueue/sim/core.so: $$(SIM_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(CC) -shared -pthread $$(VARIANT_$(VARIANT)) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,--libs,libmicrohttpd) -lm

$(BUILD)/$(1)/taskqueue/fleet/core.so: $$(FLEET_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(CC) -shared -pthread -Wl,-z,nodelete $$(VARIANT_$(VARIANT)) $$(LDFLAGS) -o $$@ $$^ \
		$$(call pkg,--libs,hiredis) -ldl
$(BUILD)/$(1)/src/fleet/%.o: ALL_CFLAGS += $$(patsubst -I%,-isystem %,$$(call pkg,--cflags,hiredis))

$(BUILD)/$(1)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(call pkg,--cflags,$(1)) -MMD -MP -c $$< -o $$@
endef
$(foreach lua,$(LUAS),$(eval $(call module_rules,$(lua))))

-include $(shell find build -name '*.d' 2>/dev/null)

# --- setting up ----------------------------------------------------------------------------------

deps:
	@.ci/deps all

HERE := $(CURDIR)
env:
	@$(foreach lua,$(LUAS),$(call exports_$(lua)))
exports_lua5.4 = echo 'export LUA_PATH_5_4="$(HERE)/lua/?.lua;$(HERE)/lua/?/init.lua;;"'; \
	echo 'export LUA_CPATH_5_4="$(HERE)/$(BUILD)/lua5.4/?.so;;"';
exports_luajit = echo 'export LUA_PATH="$(HERE)/lua/?.lua;$(HERE)/lua/?/init.lua;;"'; \
	echo 'export LUA_CPATH="$(HERE)/$(BUILD)/luajit/?.so;;"';

# --- running -------------------------------------------------------------------------------------

DEMO_LUA := $(firstword $(LUAS))
demo:
	@.ci/deps demo
	@$(COMPILE) LUA=$(DEMO_LUA) build
	@eval "$$($(MAKE) -s env LUA=$(DEMO_LUA))" && $(DEMO_LUA) examples/demo.lua

.PHONY: openresty-demo
openresty-demo:
	@.ci/deps demo
	@.ci/deps openresty
	@$(COMPILE) LUA=luajit build
	@eval "$$($(MAKE) -s env LUA=luajit)" && exec examples/openresty/run $(PORT)

test:
	@.ci/deps test
	@$(COMPILE) tests
	@$(MAKE) --no-print-directory -s test-c spec

# The build without epoll: all of it but what a foreign loop watches.
test-multi:
	@.ci/deps test
	@$(COMPILE) POLLER=multi LUA=lua5.4 tests
	@$(MAKE) --no-print-directory -s POLLER=multi LUA=lua5.4 test-c spec

# The specs over a transport that has a thread of its own, as inside nginx.
.PHONY: test-thread test-openresty
test-thread:
	@.ci/deps test
	@$(COMPILE) LUA=lua5.4 build gsoap world
	@TASKQUEUE_TEST_THREAD=1 SPECS="$(if $(BUSTED),,spec/*_spec.lua)" \
		BUSTED="--exclude-tags=slow $(BUSTED)" .ci/specs lua5.4

# What the specs start runs on LuaJIT, and they themselves on both.
test-openresty:
	@.ci/deps test
	@.ci/deps openresty
	@.ci/deps test-openresty
	@$(COMPILE) build
	@BATCH=1 SPECS="spec/openresty/*_spec.lua" BUSTED="$(if $(SLOW),,--exclude-tags=slow)" .ci/specs $(LUAS)

# Processes that coordinate on a Redis server, which the specs start.
.PHONY: test-fleet
test-fleet:
	@.ci/deps test
	@.ci/deps fleet
	@.ci/deps openresty
	@$(COMPILE) build
	@LANES=4 BATCH=1 SPECS="spec/fleet/*_spec.lua" .ci/specs $(LUAS)

# All that is compiled for C tests and specs.
.PHONY: tests
tests: build $(C_TESTS:%=$(BUILD)/c/%) gsoap world

# The specs but for those whose work is all in other processes, where what watches theirs sees nothing.
IN_PROCESS := $(filter-out spec/command% spec/docs% spec/sim_program%,$(sort $(wildcard spec/*_spec.lua)))

# Those of the transport run over its thread as well.
OVER_THREAD := http connection pollable refusal fence
test-c: $(C_TESTS:%=$(BUILD)/c/%)
	@set -e; for test in $^; do $$test; done
	@set -e; export TASKQUEUE_TEST_THREAD=1; \
		for test in $(OVER_THREAD:%=$(BUILD)/c/%_test); do $$test; done

# The linker lets tests stand between the code and its memory: one looks at what is given back, one
# has it run out (spec/c/failing.h).
WRAPPED := malloc calloc realloc strdup free
OUT_OF_MEMORY := $(WRAPPED) XML_ParserCreate curl_multi_socket_action
$(BUILD)/c/secret_test: WRAP := $(WRAPPED)
$(BUILD)/c/memory_test: WRAP := $(OUT_OF_MEMORY)
$(BUILD)/c/%: spec/c/%.c $(wildcard spec/c/*.h) $(ROOM_SOURCES:%.c=$(BUILD)/c/%.o)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Ispec/c $(WRAP:%=-Wl,--wrap=%) -o $@ $< $(filter %.o,$^) $(call pkg,--libs,libcurl expat) -lm

.PRECIOUS: $(BUILD)/c/%.o
$(BUILD)/c/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DTQ_LIBCURL_LINKED -MMD -MP -c $< -o $@

# BUSTED holds arguments, for instance: make spec LUA=lua5.4 BUSTED="spec/wait_spec.lua"
spec: build gsoap world
	@BUSTED="$(BUSTED)" .ci/specs $(LUAS)

# --- the specs' other end, made by gSOAP ---------------------------------------------------------

GSOAP := build/gsoap
GENERATED := $(addprefix $(GSOAP)/,nodeC.c nodeClient.c nodeServer.c)
gsoap: $(GSOAP)/server $(GSOAP)/client

$(GENERATED) &: spec/gsoap/node.h
	@{ command -v soapcpp2 && $(PKG_CONFIG) --exists gsoap; } >/dev/null || { echo "taskqueue: gSOAP" \
		"is missing, the SOAP peer of the specs: make deps installs it (Debian packages gsoap and" \
		"libgsoap-dev)" >&2; exit 1; }
	@mkdir -p $(GSOAP)
	@soapcpp2 -1 -e -c -L -w -x -t -pnode -d$(GSOAP) $< >$(GSOAP)/log 2>&1 || \
		{ cat $(GSOAP)/log >&2; exit 1; }

$(GENERATED:.c=.o): %.o: %.c
	$(CC) -std=c11 -D_GNU_SOURCE -w $(CFLAGS) $(call pkg,--cflags,gsoap) -c $< -o $@

$(GSOAP)/server $(GSOAP)/client: $(GSOAP)/%: spec/gsoap/%.c $(GSOAP)/nodeC.o
	$(CC) -std=c11 -D_GNU_SOURCE -pthread $(WARNINGS) $(CFLAGS) -isystem $(GSOAP) \
		$(call pkg,--cflags,gsoap) -o $@ $(filter %.c %.o,$^) $(call pkg,--libs,gsoap)
$(GSOAP)/server: $(GSOAP)/nodeServer.o
$(GSOAP)/client: $(GSOAP)/nodeClient.o

# --- the specs' world, in which things go wrong that no server can bring about ---------------------

world: build/world.so
build/world.so: spec/faults/world.c
	@mkdir -p $(@D)
	$(CC) -shared -std=c11 -D_GNU_SOURCE -fPIC -pthread $(WARNINGS) $(CFLAGS) -o $@ $< -ldl

docs:
	@.ci/docs
	@mkdir -p build
	@lua5.4 bench/polls/tables.lua docs/polls.csv docs/performance.md >build/performance.md
	@mv build/performance.md docs/performance.md

BENCHES := soap_decode detection scheduling

# One processor, so that what is compared does not disturb each other.
bench:
	@.ci/deps test
	@$(MAKE) --no-print-directory -s $(BENCHES:%=$(BUILD)/bench/%)
	@for bench in $(BENCHES); do echo "--- $$bench"; taskset -c 0 $(BUILD)/bench/$$bench || exit 1; done

# How late the timers of a loop are while 1,000 waits are in progress.
bench-loops:
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build
	@$(foreach lua,$(LUAS),eval "$$($(MAKE) -s env LUA=$(lua))" && taskset -c 1 $(lua) bench/loops.lua &&) true

# What a poll costs, beside a plain libcurl loop and other clients. OUT gets a table and a picture.
ROUNDS ?= 7
SPAN ?= 1
OUT ?= $(BUILD)/bench
bench-polls:
	@.ci/deps test
	@.ci/deps bench
	@$(MAKE) --no-print-directory -s build $(BUILD)/bench/polls/curl $(BUILD)/bench/polls/silent $(BUILD)/bench/polls/late
	@eval "$$($(MAKE) -s env)" && bench/polls/run.sh $(BUILD) $(OUT) $(ROUNDS) $(SPAN)

# What a fleet costs, and what it gives.
WAITS ?= 200000
.PHONY: bench-openresty
# What waits inside nginx cost its other requests.
bench-openresty:
	@.ci/deps test
	@.ci/deps openresty
	@$(MAKE) --no-print-directory -s build
	@eval "$$($(MAKE) -s env)" && lua5.4 bench/openresty/bystander.lua $(ROUNDS)

.PHONY: bench-fleet
bench-fleet:
	@.ci/deps test
	@.ci/deps fleet
	@$(MAKE) --no-print-directory -s build
	@eval "$$($(MAKE) -s env)" && lua5.4 bench/fleet/growth.lua $(WAITS) && \
		lua5.4 bench/fleet/together.lua $(ROUNDS)

$(BUILD)/bench/polls/%: bench/polls/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -o $@ $< $(call pkg,--libs,libcurl)

$(BUILD)/bench/%: bench/%.c $(ROOM_SOURCES:%.c=$(BUILD)/c/%.o)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(filter %.o,$^) $(call pkg,--libs,libcurl expat) -lm

# --- what a machine can check --------------------------------------------------------------------

check:
	@.ci/deps check
	@$(MAKE) --no-print-directory -s build
	@.ci/check $(foreach lua,$(LUAS),$(call modules_of,$(lua)))

analyse:
	@.ci/deps check
	@.ci/deps analyse
	@.ci/analyse $(firstword $(LUAS))

# Both Luas, since each has lines of its own.
coverage:
	@.ci/deps test
	@rm -rf build/cov
	@$(COMPILE) VARIANT=cov tests
	@$(MAKE) --no-print-directory -s VARIANT=cov test-c
	@$(MAKE) --no-print-directory -s VARIANT=cov STEP=11 memory
	@SPECS="spec/*_spec.lua" BUSTED="--exclude-tags=slow" VARIANT=cov .ci/specs $(LUAS)
	@.ci/coverage build/cov

memcheck:
	@.ci/deps memcheck
	@$(COMPILE) LUA=$(firstword $(LUAS)) tests
	@SPECS="$(IN_PROCESS)" .ci/memcheck $(firstword $(LUAS)) $(BUILD)

# The C tests of what runs over the thread, by another one that finds races.
.PHONY: helgrind
helgrind:
	@.ci/deps memcheck
	@$(COMPILE) LUA=$(firstword $(LUAS)) tests
	@set -e; export TASKQUEUE_TEST_THREAD=1; for test in $(OVER_THREAD:%=$(BUILD)/c/%_test); do \
		valgrind --tool=helgrind --quiet --suppressions=.ci/helgrind.supp --error-exitcode=99 $$test; \
	done

sanitize:
	@.ci/deps test
	@$(COMPILE) VARIANT=asan LUA=$(firstword $(LUAS)) tests
	@.ci/sanitize $(firstword $(LUAS)) asan

tsan:
	@.ci/deps test
	@$(COMPILE) VARIANT=tsan LUA=$(firstword $(LUAS)) tests
	@SPECS="$(IN_PROCESS)" .ci/sanitize $(firstword $(LUAS)) tsan

POLLS ?= 1000000
SOAK_LUA := $(firstword $(LUAS))
soak:
	@.ci/deps test
	@$(MAKE) --no-print-directory -s LUA=$(SOAK_LUA) build $(BUILD)/$(SOAK_LUA)/soak
	@.ci/soak $(SOAK_LUA) $(BUILD)/$(SOAK_LUA) $(POLLS)

$(BUILD)/%/soak: $(BUILD)/%/spec/soak/host.o
	$(CC) $(VARIANT_$(VARIANT)) -pthread -rdynamic -o $@ $< $(call pkg,--libs,$*)

# SECONDS for each target; FUZZERS="xml http" for some of them.
SECONDS ?= 60
FUZZERS ?= $(patsubst spec/fuzz/%_fuzz.c,%,$(sort $(wildcard spec/fuzz/*_fuzz.c)))
fuzz:
	@.ci/deps fuzz
	@$(COMPILE) VARIANT=fuzz CC=clang LUA=$(firstword $(LUAS)) fuzzers
	@.ci/fuzz build/fuzz/$(firstword $(LUAS)) $(SECONDS) $(FUZZERS)

# The linker lets the targets stand between the code and its network, see spec/fuzz/wire.h.
FUZZ_WRAPS := -Wl,--wrap=socket,--wrap=curl_easy_init
fuzzers: $(foreach lua,$(LUAS),$(FUZZERS:%=$(BUILD)/$(lua)/fuzzers/%))
define fuzz_rules
$(BUILD)/$(1)/fuzzers/%: $(BUILD)/$(1)/spec/fuzz/%_fuzz.o $(BUILD)/$(1)/spec/fuzz/wire.o \
		$$(CORE_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(CC) -fsanitize=fuzzer $$(VARIANT_fuzz) -pthread -rdynamic $$(FUZZ_WRAPS) -o $$@ $$^ \
		$$(call pkg,--libs,$(1) libcurl expat) -lm
endef
$(foreach lua,$(LUAS),$(eval $(call fuzz_rules,$(lua))))

# STEP=7 for every seventh allocation.
STEP ?= 1
SCENARIOS ?= load client decode encode json xml soap call many failure
memory:
	@.ci/deps test
	@$(COMPILE) $(LUAS:%=$(BUILD)/%/memory)
	@set -e; for lua in $(LUAS); do echo "on $$lua"; $(BUILD)/$$lua/memory $(STEP) $(SCENARIOS); done

define memory_rules
$(BUILD)/$(1)/memory: $(BUILD)/$(1)/spec/memory/host.o $$(CORE_SOURCES:%.c=$(BUILD)/$(1)/%.o) \
		$$(LIBCURL_SOURCES:%.c=$(BUILD)/$(1)/%.o)
	$$(CC) $$(VARIANT_$(VARIANT)) -pthread -rdynamic $$(OUT_OF_MEMORY:%=-Wl,--wrap=%) -o $$@ $$^ \
		$$(call pkg,--libs,$(1) libcurl expat) -lm
$(BUILD)/$(1)/spec/memory/host.o: ALL_CFLAGS += -Ispec/c
endef
$(foreach lua,$(LUAS),$(eval $(call memory_rules,$(lua))))

.PHONY: reference
# The reference by LDoc, in build/reference/.
reference:
	@.ci/deps check
	@.ci/reference build/reference

# --- installing ----------------------------------------------------------------------------------

define install_rules
.PHONY: install-$(1)
install-$(1): $$(call modules_of,$(1))
	for module in $(MODULES:%=taskqueue/%.so); do \
		install -D -m 755 $(BUILD)/$(1)/$$$$module \
			$$(DESTDIR)$$(PREFIX)/lib/lua/$(API_$(1))/$$$$module || exit 1; done
	for file in $$(LUA_SOURCES:lua/%=%); do \
		install -D -m 644 lua/$$$$file $$(DESTDIR)$$(PREFIX)/share/lua/$(API_$(1))/$$$$file || exit 1; done
endef
$(foreach lua,$(LUAS),$(eval $(call install_rules,$(lua))))

# The programs run on the first Lua that is installed for.
install: $(LUAS:%=install-%)
	@mkdir -p $(BUILD)/bin
	for program in taskqueue taskqueue-sim; do \
		sed '1s|lua5.4|$(firstword $(LUAS))|' lua/bin/$$program >$(BUILD)/bin/$$program && \
		install -D -m 755 $(BUILD)/bin/$$program $(DESTDIR)$(PREFIX)/bin/$$program || exit 1; done
	install -D -m 644 docs/man/taskqueue.1 $(DESTDIR)$(PREFIX)/share/man/man1/taskqueue.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions
	eval "$$($(MAKE) -s env LUA=$(firstword $(LUAS)))" && \
		$(firstword $(LUAS)) lua/bin/taskqueue completion bash \
			>$(DESTDIR)$(PREFIX)/share/bash-completion/completions/taskqueue && \
		$(firstword $(LUAS)) lua/bin/taskqueue completion zsh \
			>$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_taskqueue

.PHONY: rockspecs rocks
# The rockspecs of this version, from the scm ones; SOURCE is where the world gets the source.
rockspecs:
	@.ci/rockspec $(SOURCE)

# The whole way with LuaRocks, without a network.
rocks:
	@.ci/deps test
	@.ci/deps rocks
	@.ci/rocks

clean:
	rm -rf build
