# Two commands on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 200
SOAK_SEEDS ?= 2000
FUZZ_SECONDS ?= 600
PYTEST := $(BIN)/pytest
ASSETS := src/jarvis/web/assets/vendor/.complete

.PHONY: demo test check audit bench soak lock clean install

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(ASSETS): package-lock.json scripts/assets.py | $(VENV)/run.stamp
	$(BIN)/python scripts/assets.py

install: $(VENV)/run.stamp $(ASSETS)

demo: install  ## everything on the sandbox: a sample account trades, the address is printed
	$(BIN)/jarvis demo $(ARGS)

test: $(VENV)/dev.stamp $(ASSETS)  ## the whole suite
	SIMULATION_SEEDS=$(SEEDS) $(PYTEST) -n 3 --dist worksteal -m "not soak" $(ARGS)

check: $(VENV)/dev.stamp  ## what must hold before a change lands: format, lint, types, the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit: $(VENV)/dev.stamp  ## what this is made of: locks, parts, advisories (ADVISORIES=off asks nobody)
	$(BIN)/python scripts/audit.py

bench: $(VENV)/dev.stamp  ## figures as ratios, each against its peer in the same run
	$(BIN)/python -m benchmarks

soak: $(VENV)/dev.stamp  ## many seeds at every venue, and many kills: make soak SOAK_SEEDS=100000
	SIMULATION_SEEDS=$(SOAK_SEEDS) $(PYTEST) -n 2 --timeout 0 tests/simulation $(ARGS)
	$(PYTEST) -n 2 --timeout 0 -m soak tests/system $(ARGS)
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTEST) -n 2 --timeout 0 tests/fuzz $(ARGS)

lock:  ## write the hashed locks anew (needs uv)
	uv pip compile pyproject.toml --extra postgres --extra keyring --extra research --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet -o requirements/run.txt
	uv pip compile pyproject.toml --extra postgres --extra keyring --extra research --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet -o requirements/dev.txt
	uv pip compile requirements/build.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet -o requirements/build.txt
	uv pip compile requirements/node.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet -o requirements/node.txt

clean:
	rm -rf $(VENV) node_modules src/jarvis/web/assets/vendor .mypy_cache .ruff_cache .demo
