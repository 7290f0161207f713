# Each target sets up all it needs inside this folder (.venv and .hatch) from Python 3.11, a C
# compiler and, where it starts Cassandra, Java 17 and Maven; the tests use openssl too. Only
# downloads are kept elsewhere, in the caches of pip, uv and Maven.

PYTHON ?= python3
ARGS ?=
HATCH_VERSION := 1.18.*

# Environments belong to one Python each, so another PYTHON gets its own.
TAG := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := .venv/ready-$(TAG)-hatch-$(subst *,x,$(HATCH_VERSION))
READY := .hatch/$(TAG)/ready
HATCH := . .venv/settings.sh && .venv/bin/python -m hatch

export HATCH_DATA_DIR := $(CURDIR)/.hatch/$(TAG)
# The Python of .venv: hatch downloads none.
export HATCH_PYTHON := self

# $(call prepare,needs...): say what is missing, or set up.
prepare = @$(PYTHON) -c pass 2>/dev/null \
	|| { echo "make $@: $(PYTHON) is missing: install Python 3.11 or newer" >&2; exit 1; }; \
	$(PYTHON) tools/preflight.py $@ $(1) && $(MAKE) --silent --no-print-directory $(READY)

.PHONY: help demo test reactors free-threaded check fix fuzz fuzz-native soak bench build clean
.DEFAULT_GOAL := help

help:
	@echo "make test      run all tests, first in pure Python, then compiled; ARGS='-k name' goes to pytest"
	@echo "make reactors  the driver's tests on nodes on each reactor; ARGS='gevent -k paging' is less"
	@echo "make free-threaded  the tests of codec, core and threads, on a Python without a GIL: PYTHON=python3.13t"
	@echo "make check     lint, format and types"
	@echo "make fix       mend what the linter and the formatter can mend"
	@echo "make demo      start a Cassandra node and show the driver on it; ARGS='--rows 30000' is shorter"
	@echo "make fuzz      feed the decoders random bytes; ARGS goes to the fuzzer"
	@echo "make fuzz-native  the compiled decoders, built with AddressSanitizer; needs clang; ARGS='--executions N'"
	@echo "make soak      ten minutes at full speed on three nodes that fail; ARGS='--seconds N'"
	@echo "make bench     measure the driver beside others and write docs/performance.md (about ten minutes);"
	@echo "               ARGS='speed --rounds 1' is quick, ARGS=kernels the codec; see benchmarks/README.md"
	@echo "make build     build the wheel and the source archive of each package into dist/"
	@echo "make clean     remove what the other targets made"
	@echo "PYTHON=python3.12 chooses another Python than python3."

test:
	$(call prepare,python compiler jdk maven openssl)
	$(HATCH) run both $(ARGS)

reactors:
	$(call prepare,python compiler jdk maven openssl)
	. .venv/settings.sh && .venv/bin/python tools/reactors.py $(ARGS)

check:
	$(call prepare,python compiler)
	$(HATCH) run check:all

free-threaded:
	@$(PYTHON) -c pass || { echo "make $@: $(PYTHON) is missing: PYTHON=python3.13t" >&2; exit 1; }
	$(PYTHON) tools/free_threaded.py $(ARGS)

fix:
	$(call prepare,python compiler)
	$(HATCH) run check:fix

demo:
	$(call prepare,python compiler java maven)
	$(HATCH) run demo $(ARGS)

soak:
	$(call prepare,python compiler jdk maven)
	$(HATCH) run soak $(ARGS)

fuzz:
	$(call prepare,python compiler)
	$(HATCH) run fuzz:run $(ARGS)

fuzz-native:
	$(call prepare,python compiler)
	$(HATCH) run fuzz:native $(ARGS)

bench:
	$(call prepare,python compiler)
	$(HATCH) run bench:run $(ARGS)

build:
	$(call prepare,python compiler)
	rm -rf dist
	$(HATCH) build --all

clean:
	rm -rf .venv .hatch dist packages/*/build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f packages/*/src/*/_version.py packages/cql-speedups/src/cql_speedups/*.so
	find packages tests tools examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV):
	echo "setting up .venv with hatch $(HATCH_VERSION)"
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check 'hatch==$(HATCH_VERSION)'
	.venv/bin/python tools/uv_settings.py > .venv/settings.sh
	touch $@

# An environment does not notice a change of an entry point or of the version: make new ones.
$(READY): version.py $(wildcard packages/*/pyproject.toml) | $(VENV)
	rm -rf .hatch/$(TAG)
	mkdir -p .hatch/$(TAG)
	touch $@
