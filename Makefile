# penstock -- every task of a developer and of CI. `make` alone prints this list.
SHELL        := /bin/bash
.SHELLFLAGS  := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
FUZZ_S ?= 600
ARGS   ?=
SAN    ?= address

# What a bare Debian lacks: compilers and sanitizer run-times, the three libraries; and servers as test peers.
APT    := gcc libc6-dev clang llvm pkg-config libuv1-dev libnghttp2-dev libssl-dev openssl ca-certificates
PEERS  := curl nginx-light tinyproxy-bin nghttp2-server nghttp2-client haproxy apache2-bin h2o caddy nodejs wrk
# The bridge and the scripted upstream have two threads; the engine and the IO thread's rooms are under ASan.
TSAN_T := $(sort $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_bridge*.c tests/c/test_home*.c \
            tests/c/test_exchange*.c tests/c/test_mailbox*.c tests/c/test_chunk*.c tests/c/test_thread*.c \
            tests/c/test_upstream_h2.c tests/c/test_upstream_server.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

help:
	@echo "make TARGET [VARIABLE=value]"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

deps: $(VENV)/.deps $(VENV)/.peers ## install what is missing: Debian packages (apt-get), .venv, test tools

build: $(VENV)/.installed ## compile the extension in place; only what changed
	@$(PY) setup.py --quiet build_ext --inplace

run: $(VENV)/.gateway build ## start the gateway and stream an answer through it; real with OPENAI_API_KEY
	@$(PY) -m penstock.demo

test: deps ## everything CI checks: lint, C under ASan and TSan, Python
	@.ci/steps build lint test-c test-tsan test-py

lint: ## ruff, mypy --strict, the house rules (rooms, sizes, docs)
	@$(MAKE) --no-print-directory --keep-going lint-python lint-house

lint-python: $(VENV)/.deps
	@rc=0; $(VENV)/bin/ruff check --quiet . || rc=1; \
	$(VENV)/bin/ruff format --check --quiet . || { echo "ruff: not formatted; run 'make format'"; rc=1; }; \
	$(VENV)/bin/mypy --no-error-summary python/penstock || rc=1; \
	exit $$rc

lint-house: $(VENV)/.deps
	@$(PY) -m pytest -q tests/house

format: $(VENV)/.deps ## format the Python files
	@$(VENV)/bin/ruff check --quiet --fix . || true
	@$(VENV)/bin/ruff format --quiet .

test-c: ## C tests under ASan + UBSan; one: make test-c T=test_h1_read
	@$(MAKE) --no-print-directory -s -j$(JOBS) -C tests/c SAN=address,undefined all
	@$(MAKE) --no-print-directory -s -C tests/c SAN=address,undefined check $(if $(T),T="$(T)")

test-tsan: ## C tests of the two-thread rooms under TSan
	@$(if $(or $(T),$(TSAN_T)),$(MAKE) --no-print-directory -s -j$(JOBS) -C tests/c SAN=thread \
	    check T="$(or $(T),$(TSAN_T))",echo "no test of a two-thread room yet")

test-py: build $(VENV)/.peers ## pytest without the slow ones, two halves side by side; ARGS="-k name" goes to pytest
	@.ci/halves "$(PY)" -q -m "not slow" $(ARGS)

test-slow: build $(VENV)/.peers ## pytest, only what takes more than 30 s
	@$(PY) -m pytest -q -m slow $(ARGS)

test-newest: deps ## what uses libnghttp2 against the newest one that Debian has
	@.ci/deps "$(PYTHON)" "$(VENV)" cmake
	@.ci/newest "$(PY)"

build-san: $(VENV)/.installed ## a package built for SAN=thread or SAN=address in build/py-$SAN
	@PENSTOCK_SANITIZE=$(SAN) $(PY) setup.py --quiet build_py --build-lib build/py-$(SAN) build_ext --build-lib build/py-$(SAN)

fuzz: ## run each target of tests/fuzz for FUZZ_S seconds
	@$(MAKE) --no-print-directory -s -j$(JOBS) -C tests/c SAN=address,undefined fuzz
	@for t in $(FUZZERS); do \
	    echo "== $$t ($(FUZZ_S) s)"; mkdir -p build/corpus/$$t build/findings; \
	    build/fuzz/$$t -max_total_time=$(FUZZ_S) -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=build/findings/$$t- build/corpus/$$t $$(ls -d tests/fuzz/corpus/$$t 2>/dev/null); \
	done

bench: $(VENV)/.bench $(VENV)/.peers build ## the benchmarks, over HTTP/1.1 and HTTP/2; ARGS="h2_unary --rounds 3"
	@$(PY) -m bench $(ARGS)

bench-gateway: $(VENV)/.peers build ## the gateway beside LiteLLM, a native gateway and nginx; ARGS="penstock nginx --rounds 5"
	@$(PY) -m bench.gateway $(ARGS)

bench-upstream: $(VENV)/.peers build ## the scripted upstream alone under wrk, h2load, curl: rates, clock, memory, start
	@$(PY) -m bench.upstream_load $(ARGS)

clean: ## remove what was built; .venv stays
	rm -rf build dist bench/out .pytest_cache .mypy_cache .ruff_cache python/*.egg-info
	find python tests bench -name '*.so' -delete -o -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.deps: pyproject.toml .ci/deps
	@.ci/deps "$(PYTHON)" "$(VENV)" $(APT)
	@.ci/extra "$(PY)" test
	@touch $@

# Test peers are wanted as programs: their packages' services are not started.
$(VENV)/.peers: Makefile .ci/deps $(VENV)/.deps
	@.ci/deps "$(PYTHON)" "$(VENV)" $(PEERS)
	@touch $@

$(VENV)/.gateway: pyproject.toml $(VENV)/.deps
	@.ci/extra "$(PY)" gateway
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.deps
	@.ci/extra "$(PY)" bench
	@touch $@

$(VENV)/.installed: pyproject.toml setup.py $(VENV)/.deps
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help deps build run test lint lint-python lint-house format test-c test-tsan test-py test-slow \
        test-newest build-san fuzz bench bench-gateway bench-upstream clean
