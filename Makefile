# picket: one makefile, all output in build/ (sanitizer builds beside it).
# `make help` lists the targets. V=1 shows commands.

VERSION   := 0.1.0
SAN       ?=
COVERAGE  := $(if $(COV),-fprofile-instr-generate -fcoverage-mapping)
BUILD     ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
PK_SHARED ?= $(abspath ../shared)
comma     := ,
Q         := $(if $(V),,@)
say        = $(if $(V),,@printf '  %-6s %s\n' $1 $(subst $(CURDIR)/,,$2);)

CC        ?= gcc
CLANG     ?= clang
WARN      := -Wall -Wextra -Wshadow -Wvla -Wformat-security $(if $(CI),-Werror)
HARDEN    := -fPIE -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
CFLAGS    ?= -O2 -g
ARCH      ?= -march=x86-64-v2
COMMON    := -std=gnu11 -D_GNU_SOURCE= -I. -I$(BUILD) -DPK_VERSION='"$(VERSION)"' \
	     $(ARCH) $(WARN) $(HARDEN) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
	     $(if $(SKIP_COUNT),-DPK_SKIP_COUNT=$(SKIP_COUNT)) $(COVERAGE)
LDALL     := -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(COVERAGE)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

# Bottom to top: a folder includes only itself and those before it.
LAYERS    := ioc dataplane control
IOC_SRC   := $(wildcard ioc/*.c ioc/*/*.c)
PLANE_SRC := $(wildcard dataplane/*.c dataplane/inspect/*.c)
XDP_SRC   := $(filter-out %/main.c,$(wildcard dataplane/xdp/*.c))
FILE_SRC  := $(wildcard dataplane/file/*.c)
DPDK_SRC  := $(wildcard dataplane/dpdk/*.c)
MAINS     := control/picketd.c control/picketctl.c control/picket-replay.c
CTL_SRC   := $(filter-out $(MAINS),$(wildcard control/*.c control/*/*.c))
GEN_SRC   := $(filter-out tools/gen/pkgen.c,$(wildcard tools/gen/*.c))

objs       = $(patsubst %.c,$(BUILD)/%.o,$1)
LIB       := $(BUILD)/libpicket.a
LIB_OBJ   := $(call objs,$(IOC_SRC) $(PLANE_SRC) $(XDP_SRC) $(FILE_SRC) $(CTL_SRC) $(GEN_SRC))
LIBS      := -lbpf -lelf -lz -lpcap -ljson-c -lzmq -lmd -lxxhash -levent -lcsv \
	     -lidn2 -lpsl -lsmartcols -lmicrohttpd -lpthread -lm
PROGRAMS  := $(addprefix $(BUILD)/,picketd picketctl picket-replay picket-xdp picket-dpdk picket-gen picket-subscribe picket-relay)
TEST_SRC  := $(wildcard tests/test_*.c)
TESTS     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
RIGS      := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out $(TEST_SRC) $(wildcard tests/fuzz_*.c),$(wildcard tests/*.c)))
FUZZERS   := $(patsubst tests/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz_*.c))
BENCHES   := $(patsubst tools/bench/%.c,$(BUILD)/bench/%,$(wildcard tools/bench/bench_*.c))
SKEL      := $(BUILD)/bpf/picket.skel.h

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps run check check-unit check-bpf check-net check-captures \
	check-san check-vm check-switches check-memory check-kills fuzz fuzz-report coverage bench lint fmt man install clean bins

all: deps bins                  ## install what is missing (as root) and build everything
bins: $(PROGRAMS) $(TESTS) $(RIGS)

help:                           ## this text
	@sed -n 's/^\([a-z%-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24
	@printf '\n  Variables: V=1  SAN=address,undefined  T=name  ONCE=1  JSON=1  IFACE=eth0  PCAP=file\n'

deps:                           ## install the packages that are missing (root), or name them
	@tools/deps/install

run: deps                       ## the lab: real packets, visible threats (ONCE=1 JSON=1 IFACE= PCAP=)
	@$(MAKE) --no-print-directory bins
	@BUILD=$(BUILD) tools/lab/run $(if $(IFACE),--iface '$(IFACE)') $(if $(PCAP),--pcap '$(PCAP)') $(if $(ONCE),--once) $(if $(JSON),--json) $(if $(YES),--yes)

check: deps                     ## every test; ends with "N passed, N failed, N skipped"
	@$(MAKE) --no-print-directory bins fuzzers
	@PK_SHARED=$(PK_SHARED) BUILD=$(BUILD) tools/check/all

check-unit: $(TESTS)            ## unit tests only; T=window runs one
	@BUILD=$(BUILD) PK_SHARED=$(PK_SHARED) tools/check/unit $(T)

san-bins: $(TESTS) $(BUILD)/picket-gen
check-san:                      ## the unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory SAN=address,undefined check-unit

check-switches: bins            ## 300 generation switches of a million indicators under traffic (root; long)
	@BUILD=$(BUILD) PK_SWITCHES="1000000 300" PK_TEST_SECONDS=3600 tools/check/run switches tests/netns_ioc_live.sh

check-memory: bins              ## memory, and how late threats are, while ten million indicators are loaded and replaced (root; long)
	@BUILD=$(BUILD) PK_MEMORY=10000000 PK_TEST_SECONDS=1800 tools/check/run memory tests/netns_memory.sh
	@grep '^#' $(BUILD)/check/memory.log

check-kills: bins               ## the daemon killed 1,000 times under load: no threat lost, none twice (root; long)
	@BUILD=$(BUILD) PK_KILLS=1000 PK_TEST_SECONDS=1800 tools/check/run kills tests/netns_kills.sh
	@grep '^#' $(BUILD)/check/kills.log

check-captures: bins            ## every capture beside tshark and nfdump, kernel beside user space, 10^7 mutations (root; long)
	@$(MAKE) --no-print-directory SAN=address,undefined BUILD=$(BUILD)-address-undefined $(BUILD)-address-undefined/tests/decode
	@PK_CAPTURES=all PK_DECODE=$(BUILD)-address-undefined/tests/decode BUILD=$(BUILD) PK_SHARED=$(PK_SHARED) PK_TEST_SECONDS=3600 \
		tools/check/run captures tests/captures.sh; status=$$?; \
		grep -E '^(# |(not )?ok)' $(BUILD)/check/captures.log | cut -c1-160; exit $$status

check-vm: bins                  ## BPF and DPDK tests in VMs: Debian kernels 6.1 and 6.12
	@tools/vm/run $(BUILD)

fuzzers: $(FUZZERS)
fuzz: $(FUZZERS)                ## fuzz for SECONDS each (F=dns runs one)
	@BUILD=$(BUILD) tools/check/fuzz '$(F)' '$(or $(SECONDS),60)'

fuzz-report:                    ## what the last `make fuzz` did: executions, corpora, findings
	@BUILD=$(BUILD) tools/check/fuzz-report

coverage:                       ## line and branch coverage of the decoders
	@BUILD=$(BUILD) PK_SHARED=$(PK_SHARED) tools/check/coverage

bench: bins $(BENCHES)          ## ratios against a baseline of the same run (JSON=1)
	@BUILD=$(BUILD) PK_SHARED=$(PK_SHARED) tools/bench/run $(T)

bench-%: bins $(BENCHES)        ## one of them: bench-xdp bench-decode bench-dpdk bench-ioc bench-bus bench-push bench-rte
	@BUILD=$(BUILD) PK_SHARED=$(PK_SHARED) tools/bench/run $(if $(filter ioc,$*),ioc rte,$*)

lint:                           ## include order, format, function size, shell scripts
	@tools/lint/all

fmt:                            ## let clang-format decide
	@git ls-files '*.c' '*.h' | xargs clang-format -i

man: $(BUILD)/picketctl         ## man pages into build/man
	@BUILD=$(BUILD) tools/man/build

PREFIX ?= /usr/local
install: bins man               ## into PREFIX (DESTDIR honoured)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/libexec/picket $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	install $(BUILD)/picketctl $(BUILD)/picket-replay $(BUILD)/picket-subscribe $(BUILD)/picket-relay $(DESTDIR)$(PREFIX)/bin
	install $(BUILD)/picketd $(DESTDIR)$(PREFIX)/sbin
	install $(BUILD)/picket-xdp $(BUILD)/picket-dpdk $(DESTDIR)$(PREFIX)/libexec/picket
	install -d $(DESTDIR)$(PREFIX)/share/picket/schema
	install -m 644 control/schema/*.schema.json $(DESTDIR)$(PREFIX)/share/picket/schema
	for s in 1 5 8; do install -m 644 $(BUILD)/man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s; done

clean:                          ## remove build folders
	rm -rf build build-*

# --- rules -------------------------------------------------------------------
$(BUILD)/%.bpf.o: %.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-function -Wno-language-extension-token \
		-I. -idirafter /usr/include/$(MULTIARCH) $(if $(SKIP_COUNT),-DPK_SKIP_COUNT=$(SKIP_COUNT)) -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)bpftool gen skeleton $< name $(subst -,_,$(notdir $*)) >$@

$(BUILD)/dataplane/dpdk/%.o: dataplane/dpdk/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(COMMON) $(CFLAGS) $$(pkg-config --cflags libdpdk) -MMD -MP -c $< -o $@

$(BUILD)/dataplane/xdp/object.o $(BUILD)/dataplane/xdp/attach.o: $(SKEL)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(COMMON) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

link = $(call say,LD,$@)$(CC) $(LDALL) -o $@ $1 $(LIB) $(LIBS)
$(BUILD)/picketd $(BUILD)/picketctl $(BUILD)/picket-replay: $(BUILD)/%: $(BUILD)/control/%.o $(LIB)
	$(call link,$<)
$(BUILD)/picket-xdp: $(BUILD)/dataplane/xdp/main.o $(LIB)
	$(call link,$<)
$(BUILD)/picket-gen: $(BUILD)/tools/gen/pkgen.o $(LIB)
	$(call link,$<)
$(BUILD)/picket-subscribe: $(BUILD)/tools/subscribe/subscribe.o $(LIB)
	$(call link,$<)
$(BUILD)/picket-dpdk: $(call objs,$(DPDK_SRC)) $(LIB)
	$(call say,LD,$@)$(CC) $(LDALL) -o $@ $(call objs,$(DPDK_SRC)) $(LIB) $(LIBS) $$(pkg-config --libs libdpdk)

$(BUILD)/tests/test_subscribe: | $(BUILD)/picket-subscribe
$(BUILD)/tests/test_relay: | $(BUILD)/picket-relay
$(BUILD)/picket-relay $(BUILD)/tests/test_relay $(BUILD)/tests/test_broker: LIBS += -lrabbitmq
$(BUILD)/picket-relay: $(call objs,$(wildcard tools/relay/*.c)) $(LIB)
	$(call link,$(filter %.o,$^))
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(LIB)
	$(call say,LD,$@)$(CC) $(LDALL) -o $@ $< $(LIB) -lcmocka $(LIBS)
# The decoders once more, with a call in each basic block: tests/test_steps.c
# counts their work.
STEP_SRC  := $(addprefix dataplane/inspect/,dns.c fragment.c fragments.c fragments_join.c \
	     fragments_table.c pieces.c flows.c flow_sum.c waiting.c order.c) ioc/image/lookup.c
STEP_OBJ  := $(patsubst %.c,$(BUILD)/steps/%.o,$(STEP_SRC) tests/test_steps.c)
$(BUILD)/steps/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(COMMON) -U_FORTIFY_SOURCE -O1 -g -fno-builtin \
		-fsanitize-coverage=trace-pc -MMD -MP -c $< -o $@
$(BUILD)/tests/test_steps: $(STEP_OBJ) $(LIB)
	$(call say,LD,$@)$(CC) $(LDALL) -o $@ $(STEP_OBJ) $(LIB) -lcmocka $(LIBS) \
		$(addprefix -Wl$(comma)--wrap=,memcpy memmove memset memcmp)
FUZZFLAGS := -O1 -g -march=x86-64-v2 -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZCC     = $(CLANG) -std=gnu11 -D_GNU_SOURCE= -I. -I$(BUILD) -DPK_VERSION='"$(VERSION)"' $(FUZZFLAGS)
$(BUILD)/fuzz/obj/%.o: %.c $(SKEL)
	@mkdir -p $(@D)
	$(call say,FUZZCC,$@)$(FUZZCC) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(BUILD)/fuzz/lib.a: $(patsubst $(BUILD)/%,$(BUILD)/fuzz/obj/%,$(LIB_OBJ))
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^
$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/obj/tests/fuzz_%.o $(BUILD)/fuzz/lib.a
	$(call say,FUZZ,$@)$(CLANG) $(FUZZFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
$(BUILD)/bench/bench_dpdk $(BUILD)/bench/bench_rte: $(BUILD)/bench/%: $(BUILD)/tools/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDALL) -o $@ $< $(LIB) $(LIBS) $$(pkg-config --libs libdpdk)
$(BUILD)/ioc/feed/mapping_builtin.o $(BUILD)/fuzz/obj/ioc/feed/mapping_builtin.o: $(wildcard ioc/mappings/*.json)
$(BUILD)/control/schema/schema.o $(BUILD)/fuzz/obj/control/schema/schema.o: $(wildcard control/schema/*.json)
$(BUILD)/tools/bench/bench_xdp.o: $(BUILD)/tools/bench/bench.skel.h
$(BUILD)/tools/bench/bench_dpdk.o $(BUILD)/tools/bench/bench_rte.o: COMMON += $(shell pkg-config --cflags libdpdk 2>/dev/null)
$(BUILD)/bench/%: $(BUILD)/tools/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDALL) -o $@ $< $(LIB) $(LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
