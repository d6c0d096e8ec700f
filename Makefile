PYTHON ?= python3
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
LOCK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
COLLECTED := $(VENV)/.collected
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Hundreds of processes start in the tests; without bytecode, each compiles the sources again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup test collected pytest soak lint format demo bench lock clean screenshots

define step
@echo "== $(1)"; { $(2); } || { echo "!! failed: $(1)" >&2; exit 1; }
endef

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | \
	  while IFS='|' read -r name text; do printf '%-11s %s\n' "$$name" "$$text"; done

setup: $(READY) ## .venv with the pinned dependencies and the frontline command (PYTHON=…)
	@:

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Frontline needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Choose another one: make setup PYTHON=python3.12" >&2; exit 1; }
	$(call step,virtual environment,$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV))
	$(call step,pinned dependencies,$(PIP) install --require-hashes -r requirements.lock)
	$(call step,frontline command,$(PIP) install --no-deps --no-build-isolation -e .)
	@touch $@

# Three workers for two cores: some tests wait for processes, and leave the core to another.
WORKERS := $(shell $(PYTHON) -c "import os; n = os.cpu_count() or 1; print(n + (n + 1) // 2)")
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test: setup ## every check, and the tests on all cores beside it (TEST_ARGS=…)
	@$(MAKE) --no-print-directory -j2 lint pytest || { \
	  echo "!! make test failed: above, a line that begins with !! names each step that failed" >&2; exit 1; }

# In a fresh clone, each worker would rewrite the asserts of all test files for itself.
collected: setup
	$(call step,collect the tests,$(BIN)/python -m pytest --collect-only -qq $(TEST_ARGS) >$(COLLECTED) || \
	  { cat $(COLLECTED); false; })

pytest: collected
	$(call step,pytest,$(PYTEST) $(TEST_ARGS))

SOAK_WORKERS ?= 2
SOAK := $(BIN)/python -m pytest -m soak -v --tb=short --durations=10 -o faulthandler_timeout=0 -n $(SOAK_WORKERS) --dist worksteal
MANY_EXAMPLES := $(PYTEST) -m 'hypothesis and not soak' --hypothesis-profile soak -o faulthandler_timeout=0

soak: setup ## the long runs of crashes, faults and races: about ninety minutes (TEST_ARGS=…)
	@echo "2,000 simulated months, 30 outages, 100 rounds of 1,000 wake-ups, 200 kills on SQLite and 300 on"
	@echo "PostgreSQL, 20 restarts of it, 20,000 requests four times each, 200,000 fuzzed ones, 100,000 instants"
	@echo "and every edge of each vendor's calendar, and 500 examples of each property: some ninety minutes on"
	@echo "two cores."
	@echo "One line for each finished test. A single test: make soak TEST_ARGS='-k outage'"
	@echo "A whole night: SIMULATED_SEEDS=200000 make soak TEST_ARGS='-k seeds'"
	$(call step,pytest -m soak,$(SOAK) $(TEST_ARGS))
	$(call step,properties with many examples,$(MANY_EXAMPLES) $(TEST_ARGS) || [ $$? = 5 ])

lint: setup ## style, types and import contracts
	$(call step,ruff check,$(BIN)/ruff check --quiet)
	$(call step,ruff format --check,$(BIN)/ruff format --check --quiet)
	$(call step,mypy,$(BIN)/mypy)
	$(call step,lint-imports,$(BIN)/lint-imports --no-logo)

format: setup ## fix and format the sources
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

demo: setup ## a working desk on this machine (DEMO_ARGS=…)
	@$(BIN)/frontline demo $(DEMO_ARGS)

$(BENCH_READY): $(READY) requirements-bench.lock
	$(call step,libraries to compare with,$(PIP) install --require-hashes -r requirements-bench.lock)
	@touch $@

bench: $(BENCH_READY) ## the measurements (BENCH_ARGS=…)
	@$(BIN)/python -m bench $(BENCH_ARGS)

screenshots: setup ## draw docs/pictures (needs Chromium)
	@$(BIN)/python -m tools.slack_pictures
	@$(BIN)/python -m tools.teams_pictures

COMPILE := $(BIN)/uv --no-config --quiet pip compile --universal --python-version 3.11 \
  --python $(BIN)/python --no-python-downloads --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links

lock: setup ## pin the dependencies again (LOCK_ARGS=--upgrade takes newer versions)
	$(call step,lock,$(COMPILE) $(LOCK_ARGS) --extra dev -o requirements.lock pyproject.toml)
	$(call step,lock of the container,$(COMPILE) $(LOCK_ARGS) --extra build -c requirements.lock \
	  -o deploy/requirements.lock pyproject.toml)
	$(call step,lock of bench,$(COMPILE) $(LOCK_ARGS) --extra bench -c requirements.lock \
	  -o requirements-bench.lock pyproject.toml)

clean: ## remove generated files
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
