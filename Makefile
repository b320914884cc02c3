# Every target is one command for a person; the build itself is CMake's.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell scripts/jobs.sh)
PARTS ?=

STORM_KILLS ?= 60
FUZZ_SECONDS ?= 600

.PHONY: help setup configure build demo test test-long bench lint format clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "PRESET=dev|release|asan|tsan and JOBS=n choose the build and its parallelism (now $(PRESET), $(JOBS))."

setup:  ## install what is missing: Debian packages, .venv with Triton, NVRTC where there is no CUDA Toolkit
	@scripts/setup.sh $(PARTS)

configure:
	@found=$$(cmake --preset $(PRESET)) || { echo "$$found"; exit 1; }

build: configure  ## build into build/release/bin (no set-up)
	@cmake --build --preset $(PRESET) --parallel $(JOBS)

demo:  ## set up, build the programs alone, tune the example problem and show the result
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory configure
	@cmake --build --preset $(PRESET) --parallel $(JOBS) --target moetune_programs
	@scripts/demo.sh

test:  ## set up, build, and run the whole suite with the linters
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory build
	@ctest --preset $(PRESET) --parallel $(JOBS) --output-junit junit.xml

test-long:  ## set up, and for some two hours: storms, the suite under sanitizers, fuzzers, benchmarks
	@$(MAKE) --no-print-directory setup PARTS="packages cuda triton long"
	@$(MAKE) --no-print-directory build
	@MOETUNE_STORM_KILLS=$(STORM_KILLS) ctest --preset $(PRESET) --label-regex '^storm$$'
	@$(MAKE) --no-print-directory build PRESET=asan
	@ctest --preset asan --parallel $(JOBS) --label-exclude '^lint$$'
	@$(MAKE) --no-print-directory build PRESET=tsan
	@ctest --preset tsan --parallel $(JOBS)
	@$(MAKE) --no-print-directory build PRESET=fuzz
	@tests/fuzz/run.sh $(FUZZ_SECONDS)
	@tests/bench/run.py $(BUILD)/bin

bench:  ## set up, build, and time requests, imports, commits and sweeps on a million rows
	@$(MAKE) --no-print-directory setup PARTS="packages cuda long"
	@$(MAKE) --no-print-directory build
	@tests/bench/run.py $(BUILD)/bin

lint: build  ## run only the linters
	@ctest --preset $(PRESET) --parallel $(JOBS) --label-regex '^lint$$'

format:  ## let clang-format rewrite the sources
	@git ls-files -z '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs -0 --no-run-if-empty clang-format-19 -i

clean:  ## remove the builds; .venv stays
	@rm -rf build
