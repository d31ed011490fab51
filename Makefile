# Everything a contributor runs. `make` alone prints this list.
#
# Needs Python 3.11 or newer and make, nothing else: the virtual environment is made here, and Kafka and its Java
# runtime come as Python packages when something asks for a broker.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV ?= .venv
ARGS ?=
bin := $(VENV)/bin
pins := pyproject.toml constraints.txt

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The first Python that is new enough and can make an environment. A version manager's shim may exist without its
# Python, and some systems ship Python without ensurepip: then the next one is tried.
$(bin)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv $(VENV) && exit 0; \
	  rm -rf $(VENV); \
	done; \
	echo "error: no Python 3.11 or newer that can make a virtual environment" >&2; \
	echo "  hint: install one (on Debian also python3-venv), or name it: make PYTHON=/path/to/python3.11 ..." >&2; \
	exit 1

# What is installed is remembered by a stamp, so that a second call starts at once. `dev` contains `demo`.
$(VENV)/.installed-dev: $(pins) | $(bin)/python
	@$(bin)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $(VENV)/.installed-demo $@

$(VENV)/.installed-demo: $(pins) | $(bin)/python
	@echo "installing the packages of the demo"
	@$(bin)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]' -c constraints.txt
	@touch $@

.PHONY: install
install: $(VENV)/.installed-dev ## make the virtual environment with everything for development

.PHONY: venv
venv: $(bin)/python ## make the bare virtual environment

.PHONY: demo
demo: $(VENV)/.installed-demo ## real Kafka, a real shop's year, live segments (ARGS="--help" shows more)
	@$(bin)/streams demo $(ARGS)

.PHONY: broker
broker: $(VENV)/.installed-demo ## run the embedded Kafka until Ctrl-C (ARGS="--port 9092")
	@$(bin)/streams broker $(ARGS)

.PHONY: test
test: lint ## all checks and all tests (ARGS="tests/unit -k name" selects)
	$(bin)/pytest $(ARGS)
	@if [ -z "$(ARGS)" ]; then $(MAKE) --no-print-directory test-compiled; fi

# The hot path as C (setup.py says which modules), beside the sources: only who asks for it finds it there.
compiled := build/compiled
with_compiled := PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/$(compiled)"

.PHONY: compile
compile: $(VENV)/.installed-dev ## the hot path and the built-in plan compiled to C, where there is a C compiler
	@$(bin)/streams compile --into $(compiled) >/dev/null || rm -rf $(compiled)

.PHONY: test-compiled
test-compiled: compile ## the core's, codecs' and transport's tests once more, on the compiled modules
	@if [ -d $(compiled) ]; then \
	  echo "once more on the compiled modules"; \
	  $(with_compiled) $(bin)/pytest -q tests/properties tests/unit/segmentation tests/unit/codecs \
	    tests/unit/runtime tests/unit/test_backtest.py; \
	fi

.PHONY: e2e
e2e: $(VENV)/.installed-dev ## build the image, bring docker-compose.yml up, check it, take it down (ARGS="--offline")
	@$(bin)/python -m tests.e2e $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-dev ## style, types, import directions, docstrings of tests
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/interrogate -vv --omit-covered-files --no-color tests

.PHONY: format
format: $(VENV)/.installed-dev ## put the code into its format and mend what can be mended
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

.PHONY: bench
bench: $(VENV)/.installed-dev ## the race: events per second beside raw consumption and stock Faust
	$(bin)/streams bench $(ARGS)

.PHONY: faults
faults: $(VENV)/.installed-dev ## the fault matrix on a real broker (ARGS="--only kill --seed 7", ARGS="--list")
	@$(bin)/python -m tests.faults $(ARGS)

.PHONY: clean
clean: ## remove the virtual environment, caches and builds
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
