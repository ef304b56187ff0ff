# Thin over CMakePresets.json and scripts/. `make run` and `make test` do everything from a bare machine.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run build test prove bench soak san tsan lint format clean packages tools peers

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

CONFIGURE = cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }

run: build  ## install, build, then record a synthetic streamer with one live status line
	@python3 scripts/run_demo.py

build: packages  ## install, build the program into build/release/holdfast
	@$(CONFIGURE)
	@cmake --build --preset release --target holdfast

test: peers build  ## install, build, run every test; says what it skipped and why
	@cmake --build --preset release --target all load
	@ctest --preset release
	@python3 scripts/packet_budget.py
	@scripts/run_e2e.sh

prove: peers build  ## repeat every figure that the project promises, in full counts (about half an hour)
	@cmake --build --preset release --target recording_test load
	@HOLDFAST_PROVE=1 build/release/recording_test --gtest_filter='*Memory*:*Recovery*:*LiveTest*'
	@scripts/run_e2e.sh --prove

bench: build  ## measure what a recording costs, next to the least that any recorder costs: one table, in a few minutes
	@python3 scripts/bench.py

soak: build  ## the simulated scenarios with fresh seeds, for SOAK_MINUTES (10); prints how to replay what fails
	@cmake --build --preset release --target recording_test rtp_test
	@python3 scripts/soak.py

san:  packages  ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --preset san && cmake --build --preset san && ctest --preset san

tsan: packages  ## the unit tests under ThreadSanitizer
	@cmake --preset tsan && cmake --build --preset tsan && ctest --preset tsan

lint: packages tools  ## format, include arrows, names, words, sizes, scripts, and clang-tidy on what changed
	@$(CONFIGURE)
	@cmake --build --preset release --target generated >build/generated.log || { cat build/generated.log; exit 1; }
	@python3 scripts/lint.py $(LINT_FLAGS)

format: tools  ## put every C++ file in the project's format
	@git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs -r clang-format-19 -i

clean:  ## remove what was built; the downloaded test peers stay
	@rm -rf build/release build/debug build/san build/tsan build/e2e

packages:
	@mkdir -p build
	@scripts/install_packages.sh build

tools:
	@scripts/install_packages.sh lint

peers:
	@mkdir -p build
	@scripts/install_packages.sh build test
	@scripts/install_test_peers.sh
