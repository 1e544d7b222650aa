# Two commands matter: `make demo` (an election night on this machine) and `make test` (everything that CI checks).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test coverage mutate check setup lock reference clean

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

TESTS = $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

test: check
	$(TESTS)

PACKAGES = schemas projections proofs runtime consumers streams api audit rekap
PURE = schemas projections proofs
PURE_TESTS = $(addprefix tests/unit/,$(PURE)) tests/properties
# Below what has been reached; raised with it, and never lowered.
PURE_COVERAGE_MIN = 80

# The pure packages by their own unit and property tests alone, and what all unit tests cover of each package, in percent of
# statements and branches. Not part of `make test`: tracing makes the property tests six times as slow (Python 3.11).
coverage: setup
	$(TESTS) $(PURE_TESTS) --cov --cov-report= --timeout 1800
	@$(BIN)/coverage report --include="schemas/*,projections/*,proofs/*" --show-missing --skip-covered \
		--fail-under $(PURE_COVERAGE_MIN)
	$(TESTS) tests/unit $(addprefix --ignore=,$(PURE_TESTS)) --cov --cov-append --cov-report= --timeout 1800
	@for package in $(PACKAGES); do \
		printf '%-12s %4s %%\n' $$package "$$($(BIN)/coverage report --include="$$package/*" --format=total)"; done

# Changes that no test of a module notices: MUTATE=projections/form takes minutes, all of it takes hours.
MUTATE ?= $(PURE)
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
