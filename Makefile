# Two commands matter: `make demo` (an election night on this machine) and `make test` (everything that CI checks).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test coverage check-newest mutate check setup lock reference clean

setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Rekap needs Python 3.11 or newer; set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup
	$(BIN)/rekap demo

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Most tests wait for a broker or a worker: three processes, each with a Kafka and a PostgreSQL of its own, keep two cores busy.
TEST_PROCESSES ?= 3

# Unit tests are traced: the run prints what they cover of each package, and fails where they leave a line of a pure module.
TESTS = $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile \
	-p tests.support.unit_coverage --cov --cov-report=

test: check
	$(TESTS)

coverage: setup
	$(TESTS) tests/unit

# Lint, types and unit tests on the newest Python that the dependencies allow; make test runs on the oldest.
NEWEST ?= python3.13
check-newest:
	$(MAKE) check coverage VENV=.venv-newest PYTHON=$(NEWEST)

# Changes that no test of a module notices: MUTATE=projections/form takes minutes, all of it takes hours.
MUTATE ?= schemas projections proofs
mutate: setup
	$(BIN)/python -m tests.mutation $(MUTATE)

COMPILE = $(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links --no-header --all-build-deps

# What runs a count, and beside it what tests it: the image holds only the first.
lock:
	$(BIN)/python -m pip install --quiet pip-tools
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

reference: setup
	$(BIN)/python -m rekap.reference

clean:
	rm -rf $(VENV) build *.egg-info
