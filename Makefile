# SPDX-License-Identifier: AGPL-3.0-or-later
# Meson builds; this file gives its usual calls short names.
SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL = help
MAKEFLAGS += --no-print-directory

N ?= 50
SECONDS ?= 60
MESSAGES ?= 100000
CUTS ?= 10000
TEST ?=
TARGET ?=
SUITES = --no-suite long
# Of a report one reads functions and lines; -g1 has those, and takes a fifth less to compile.
SANITIZE = -Db_sanitize=address,undefined -Db_lundef=false -Dwerror_ours=true -Dc_args=-g1
# What meson's tests see. A sanitizer's report ends the program that made it.
export ASAN_OPTIONS = strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1
export UBSAN_OPTIONS = print_stacktrace=1:halt_on_error=1

# $(call configure,DIRECTORY,OPTIONS): meson setup, once; the options are then in the directory.
configure = [ -f build/$(1)/build.ninja ] || meson setup build/$(1) $(2)
# $(call script,FILE,WHAT): runs it, or fails with a sentence.
script = if [ -x $(1) ]; then exec $(1) $(3); else echo "$(2) is not in this tree: there is no $(1)." >&2; exit 1; fi

.PHONY: help
help: ## this text
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: packages packages-check deps deps-wasm
packages:
	@tools/install-packages build
packages-check:
	@tools/install-packages build check $(patsubst deps/packages-%.txt,%,$(wildcard deps/packages-interop.txt))
deps: packages ## Debian packages, then third-party sources: fetched and built once
	@deps/build.sh native
deps-wasm: packages-check
	@deps/build.sh wasm

.PHONY: build run bench sim dsk
build: deps ## the programs, optimised and hardened, in build/release
	@$(call configure,release,-Dbuildtype=debugoptimized)
	ninja -C build/release programs
run: build ## a demo hospital and konsild on this machine
	@$(call script,tools/run.sh,The demo)
bench: build ## konsild beside Prosody and ejabberd
	@ninja -C build/release benchmarks
	$(call script,bench/run.sh,The benchmark)
sim: packages-check deps ## the simulator: make sim [SEEDS=1000] [JOBS=2], or one life again: make sim SEED=… [TRACE=1]
	@$(call configure,release,-Dbuildtype=debugoptimized)
	ninja -C build/release tests/sim/sim
	export SEEDS='$(SEEDS)' SEED='$(SEED)' JOBS='$(JOBS)' TRACE='$(TRACE)' MUTANT='$(MUTANT)'
	$(call script,tests/sim/run.sh,The simulator)
dsk: ## what of the 140 requirements of the data protection authorities is met
	@$(call script,tools/dsk,The list,--json build/dsk-results.json)

.PHONY: check test-native test-fuzz test-wasm test-interop coverage
# What does not compile does not keep the rest from being tested; it fails all the same.
check: ## every test but the long ones, with sanitizers; ends with the count
	@rm -f build/*/meson-logs/testlog.json
	failed=0
	for part in test-native test-fuzz test-wasm test-interop; do $(MAKE) $$part || failed=1; done
	$(MAKE) coverage || failed=1
	tools/test-summary --twice client build/{check,fuzz,wasm,release}/meson-logs/testlog.json || failed=1
	exit $$failed
test-native: packages-check deps
	@$(call configure,check,$(SANITIZE) -Db_coverage=true)
	ninja -C build/check -k 0 || built=no
	find build/check -name '*.gcda' -delete
	meson test -C build/check --no-rebuild --print-errorlogs --num-processes $$(($$(nproc) + 1)) $(SUITES) && [ "$${built:-yes}" = yes ]
# A short run of each target, the same every time: its seed and its number of inputs are fixed.
test-fuzz: packages-check deps
	@$(call configure,fuzz,$(SANITIZE) -Dfuzzer=true --native-file deps/clang.native)
	ninja -C build/fuzz -k 0 fuzzers || built=no
	meson test -C build/fuzz --no-rebuild --print-errorlogs --suite fuzz && [ "$${built:-yes}" = yes ]
test-wasm:
	@$(MAKE) wasm || built=no
	meson test -C build/wasm --no-rebuild --print-errorlogs && [ "$${built:-yes}" = yes ]
# The programs as they are shipped, with other people's: konsild in its sandbox, no sanitizers. Most of the time they wait for each
# other, so there are more of them than processors. meson builds what these tests need, and no other test a second time.
test-interop: packages-check
	@$(MAKE) build
	meson test -C build/release --print-errorlogs --num-processes $$((2 * $$(nproc))) --suite real
.PHONY: chaos cuts
chaos: packages-check build ## 100,000 messages while programs are killed and the network is cut: make chaos [MESSAGES=…]
	@meson test -C build/release --print-errorlogs --verbose --logbase chaoslog --test-args "$$(($(MESSAGES) / 1000 + 1)) $(MESSAGES)" chaos
cuts: build ## power cuts under both stores, more than make check has: make cuts [CUTS=10000]
	@ninja -C build/release tests/crash/test_power_cut tests/crash/test_engine_cut
	build/release/tests/crash/test_power_cut --cuts '$(CUTS)'
	build/release/tests/crash/test_engine_cut --cuts '$(CUTS)'
coverage: ## which lines of src/ the last make check ran
	@tools/coverage-table build/check

.PHONY: wasm golden-engine fuzz flaky tsan
wasm: deps-wasm ## the engine for the browser, in build/wasm
	@mkdir -p build && printf "[constants]\nroot = '%s'\n" '$(CURDIR)' >build/root.cross
	$(call configure,wasm,-Dwerror_ours=true --cross-file build/root.cross --cross-file deps/wasm.cross)
	ninja -C build/wasm -k 0
golden-engine: packages-check deps ## records tests/golden/engine anew, after the engine or the server says other bytes
	@$(call configure,check,$(SANITIZE) -Db_coverage=true)
	ninja -C build/check tests/golden/engine/engine_record
	build/check/tests/golden/engine/engine_record --write tests/golden/engine
fuzz: packages-check deps ## looks for new inputs: make fuzz [TARGET=xml_reader] [SECONDS=600]
	@$(call configure,fuzz,$(SANITIZE) -Dfuzzer=true --native-file deps/clang.native)
	ninja -C build/fuzz fuzzers
	tools/fuzz build/fuzz '$(TARGET)' '$(SECONDS)'
flaky: packages-check deps ## repeats tests that changed since HEAD: make flaky [N=50] [TEST=name]
	@$(call configure,check,$(SANITIZE) -Db_coverage=true)
	ninja -C build/check
	tools/flaky build/check '$(N)' '$(TEST)'
tsan: packages-check deps ## the tests with the thread sanitizer
	@$(call configure,tsan,-Db_sanitize=thread -Db_lundef=false -Dwerror_ours=true)
	ninja -C build/tsan
	meson test -C build/tsan --no-rebuild --print-errorlogs --no-suite long --no-suite tree

.PHONY: tidy format format-check reproducible clean
tidy: packages-check deps ## clang-tidy over src and cmd
	@$(call configure,tidy,--native-file deps/clang.native)
	tools/tidy build/tidy
format: ## clang-format over our C files
	@tools/check-format --fix
format-check: ## what make format would change
	@tools/check-format
reproducible: packages ## builds twice in different directories and compares the programs
	@tools/check-reproducible
clean: ## removes build/, but not the third-party libraries in build/deps
	@find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +
