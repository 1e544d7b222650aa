# Two commands matter: `make demo` (an election night on this machine) and `make test` (everything that CI checks).
# The words behind ## are what `make help` prints.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test coverage check-newest mutate check setup lock reference clean help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## install Rekap and all that it needs into .venv

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Rekap needs Python 3.11 or newer; set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@echo "Setting up $(VENV), once: about a hundred packages, which takes a minute or two"
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "$(VENV) is ready"
	touch $(STAMP)

# In a job of its own, so that Ctrl-C reaches the demo alone: make would end with an error although the demo ends with 0.
demo: setup ## an election night on this machine; Ctrl-C ends it
	@echo "Starting the demo: Kafka, PostgreSQL, all workers and 20,000 polling stations. Ctrl-C ends it."
	@if [ -t 0 ]; then bash -mc '$(BIN)/rekap demo; exit $$?'; else $(BIN)/rekap demo; fi

check: setup ## format, lint, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Most tests wait for a broker or a worker: three processes, each with a Kafka and a PostgreSQL of its own, keep two cores busy.
TEST_PROCESSES ?= 3

# Unit tests are traced: the run prints what they cover of each package, and fails where they leave a line of a pure module.
TESTS = $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile \
	-p tests.support.unit_coverage --cov --cov-report=

test: check ## everything that CI checks, on a real Kafka and PostgreSQL
	$(TESTS)

coverage: setup ## the unit tests, and what they cover
	$(TESTS) tests/unit

# Lint, types and unit tests on the newest Python that the dependencies allow; make test runs on the oldest.
NEWEST ?= python3.13
check-newest: ## check and coverage on the newest Python
	$(MAKE) check coverage VENV=.venv-newest PYTHON=$(NEWEST)

# Changes that no test of a module notices: MUTATE=projections/form takes minutes, all of it takes hours.
MUTATE ?= schemas projections proofs
mutate: setup ## changes that no test notices: MUTATE=projections/form
	$(BIN)/python -m tests.mutation $(MUTATE)

COMPILE = $(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links --no-header --all-build-deps

# What runs a count, and beside it what tests it: the image holds only the first.
lock: ## write both lock files anew
	$(BIN)/python -m pip install --quiet pip-tools
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

reference: setup ## write docs/reference/ and .env.example anew
	$(BIN)/python -m rekap.reference

clean: ## delete .venv and what builds have left
	rm -rf $(VENV) build *.egg-info
