# Thin over CMakePresets.json and scripts/. `make run`, `make unit` and `make test` do everything from a bare machine.
# PRESET=developer treats warnings as errors, as CI does; both presets build into build/release.
PRESET ?= $(if $(CI),developer,release)
export CTEST_PARALLEL_LEVEL ?= $(shell nproc)
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run build unit test e2e prove bench soak san tsan lint format package image clean announce packages configure tools peers

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: announce build  ## install, build, then record a synthetic streamer with one live status line
	@python3 scripts/run_demo.py

build: configure  ## install, build the program into build/release/holdfast
	@cmake --build --preset $(PRESET) --target holdfast

unit: configure  ## install, build, run the unit tests in parallel
	@cmake --build --preset $(PRESET) --target all
	@ctest --preset $(PRESET)

test: unit e2e  ## install, build, run every test; says what it skipped and why

e2e: configure peers  ## the packet budget, and the end-to-end tests with a real LiveKit server
	@cmake --build --preset $(PRESET) --target holdfast packet_path load
	@python3 scripts/packet_budget.py
	@scripts/run_e2e.sh

prove: configure tools peers  ## repeat every figure that the project promises, in full counts (some hours)
	@scripts/prove.sh

bench: build  ## the cost of a recording next to the floor (kernel and cipher alone): one table, in some minutes
	@python3 scripts/bench.py

soak: configure  ## the simulated scenarios with fresh seeds, for SOAK_MINUTES (10); prints how to replay what fails
	@cmake --build --preset $(PRESET) --target recording_test control_test rtp_test
	@python3 scripts/soak.py

san:  packages  ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@python3 scripts/sanitize.py san

tsan: packages  ## the unit tests under ThreadSanitizer
	@python3 scripts/sanitize.py tsan

lint: tools configure  ## format, include arrows, names, words, sizes, scripts, and clang-tidy on what changed
	@cmake --build --preset $(PRESET) --target generated >build/generated.log || { cat build/generated.log; exit 1; }
	@python3 scripts/lint.py $(LINT_FLAGS)

format: tools  ## put every C++ file in the project's format
	@git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs -r clang-format-19 -i

package: build  ## a Debian package for this distribution, in build/package/
	@scripts/install_packages.sh package
	@scripts/build_package.sh build/release

image: package  ## an OCI image of the package, made without a daemon, in build/image/
	@scripts/install_packages.sh image
	@scripts/build_image.sh build/package/holdfast_*_$$(dpkg --print-architecture).deb build/image

clean:  ## remove what was built; the downloaded test peers stay
	@rm -rf build/release build/debug build/san build/tsan build/e2e build/package build/image

announce:
	@scripts/announce_build.sh

packages:
	@mkdir -p build
	@scripts/install_packages.sh build

configure: packages
	@cmake --preset $(PRESET) >build/configure.log || { cat build/configure.log; exit 1; }

tools:
	@mkdir -p build
	@scripts/install_packages.sh build lint

peers:
	@mkdir -p build
	@scripts/install_packages.sh build test
	@scripts/install_test_peers.sh
