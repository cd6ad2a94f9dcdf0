# Portcullis: what to type first is `make demo`. `make` alone lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
CASES ?= 20000
ENGINE ?= docker
IMAGE ?= portcullis:$(shell sed -nE 's/^project\(portcullis VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
# ccache must see past precompiled headers, also where ninja is called without the preset.
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_BASEDIR := $(CURDIR)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: programs ## play the whole story on this machine: real API server, users and connections; cleans up
	@export PYTHONPATH=tools; exec "$$(tools/venv.sh)" -m demo

.PHONY: playground
playground: programs ## the demo's world, left running; prints what to type
	@export PYTHONPATH=tools; exec "$$(tools/venv.sh)" -m demo.playground start

.PHONY: playground-stop
playground-stop: ## end the playground
	@export PYTHONPATH=tools; exec "$$(tools/venv.sh)" -m demo.playground stop

.PHONY: test
test: packages ## build everything and run all tests that a change must pass
	@tools/test.sh release

.PHONY: test-asan
test-asan: packages ## the same tests, the programs under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/test.sh asan

.PHONY: test-properties
test-properties: packages ## the unit tests' properties on many thousands of new cases; a failure prints its seed
	@tools/build.sh release
	@for tests in build/release/tests/portcullis_*_tests; do echo "$$tests"; RC_PARAMS="max_success=$(CASES)" "$$tests"; done

.PHONY: bench
bench: programs ## measure against a real API server and the lab: counts must hold, times inform (about six minutes)
	@if [[ "$(BENCH)" == *inventory* ]]; then tools/build.sh release portcullis_controllers_tests; fi
	@export PYTHONPATH=tools:tests; exec "$$(tools/venv.sh)" -m bench $(BENCH)

.PHONY: build
build: packages ## build the programs, release, into build/release
	@tools/build.sh release portcullis portcullis-lab

.PHONY: image
image: ## build the operator's image: IMAGE=name:tag, ENGINE=docker or podman
	$(ENGINE) build --tag $(IMAGE) .

.PHONY: lint
lint: packages ## all linters, clang-tidy and self-contained headers included (minutes)
	@tools/lint.sh all

.PHONY: lint-fast
lint-fast: packages ## formatting, scripts, YAML, Python, layers (seconds)
	@tools/lint.sh fast

.PHONY: clean
clean: ## remove what was built (not the caches in ~/.cache/portcullis)
	rm -rf build

# What demo and playground stand on: our programs, a control plane, Python.
.PHONY: programs
programs: build
	@tools/controlplane/build.sh >/dev/null
	@tools/venv.sh >/dev/null

.PHONY: packages
packages:
	@tools/install-packages.sh
