PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 4
SECONDS ?= 600

.PHONY: setup acme2certifier demo test crash crowd bench fuzz docs clean

# The stamp keeps a second `make` from installing again; it is redone when the lock or the project changes.
setup: $(VENV)/.ready

$(VENV)/.ready: requirements/lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "certrenew needs Python 3.11 or newer; name one with: make setup PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q engine plugins workflows  # where PYTHONDONTWRITEBYTECODE is set nobody else would
	@touch $@

# Other people's ACME server, which only tests talk to; in an environment of its own, so that none of it is ours.
acme2certifier: .venv-acme2certifier/.ready

.venv-acme2certifier/.ready: requirements/acme2certifier.txt
	$(PYTHON) -m venv .venv-acme2certifier
	.venv-acme2certifier/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

demo: setup
	$(BIN)/certrenew lab demo

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(JOBS) --dist worksteal  # most of the time is waiting for the lab: four share two cores

# 64 processes on 64 renewals for a minute; `make test` gives them ten seconds.
crowd: setup
	home=$$(mktemp -d) && $(BIN)/python -m tests.engine.store.crowd $$home 60 64 64 && rm -r $$home

# Prints each figure beside its floor and writes bench.json; `$(BIN)/python -m tests.bench --write` also writes the docs' table.
bench: setup
	$(BIN)/python -m tests.bench

# Kills renewals at every boundary there is, and writes what came of it into the docs; it takes two hours on two cores.
crash: setup
	$(BIN)/python -m tests.crash --jobs $(JOBS) --write

# Attacks every reader of bytes from outside; ends with 1 and keeps the input when something is found.
fuzz: setup
	nice $(BIN)/python -m tests.fuzz $(SECONDS)

# Writes the pages that are made from the code; a test fails when they are out of date.
docs: setup
	$(BIN)/python -m tests.reference --write

clean:
	rm -rf $(VENV) .venv-acme2certifier .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz
