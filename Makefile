# Two commands do everything from a fresh clone: `make demo` and `make test`.
# Both set up what they need (.venv, dependencies, embedded PostgreSQL) and can be run in any order, any number of times.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test check format clean

help:
	@echo "make demo   compile, migrate and run two of the examples on an embedded PostgreSQL"
	@echo "make test   run every test"
	@echo "make check  ruff, mypy --strict and the import boundaries"
	@echo "make format rewrite the sources with ruff"
	@echo "make clean  stop the demo's PostgreSQL and remove what the other commands made"

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "pgflowc needs Python 3.11 or later, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11 ...")'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python examples/demo.py

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/project/test_import_boundaries.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	@if [ -x $(BIN)/pgflowc ]; then for e in examples/*/pgflowc.toml; do $(BIN)/pgflowc db down --project "$$(dirname "$$e")" || true; done; fi
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist examples/*/.pgflowc
