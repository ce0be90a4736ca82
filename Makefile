# Two commands matter: `make demo` runs the main job, `make test` passes the tests.
# Both set up their own .venv first: pinned, hashed versions from locks/.

PYTHON ?= python3
VENV ?= .venv
LOCK ?= locks/dev.txt
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
UV_COMPILE := $(BIN)/uv pip compile --quiet $(if $(KEEP),,--upgrade) --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
READY := $(VENV)/.ready

.PHONY: help setup demo test lint test-lowest-mlflow bench lock clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(READY)  ## the virtual environment with everything pinned

$(READY): $(LOCK) locks/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}: say which with  make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(VENV) --require-hashes $(LOCK) locks/uv.txt
	@$(BIN)/uv pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup      ## the main job: retention by specialism on the synthetic scheme
	@$(BIN)/gmts-models run configs/gmts.yaml

test: setup      ## all tests
	@$(BIN)/python -m pytest

lint: setup      ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test-lowest-mlflow:  ## the tests of tracking against the lowest MLflow allowed
	@$(MAKE) --no-print-directory setup VENV=.venv-lowest-mlflow LOCK=locks/lowest-mlflow.txt
	@.venv-lowest-mlflow/bin/python -m pytest -m tracking

bench:           ## speed and memory against R and Python peers; ONLY=cox QUICK=1 for less
	@$(MAKE) --no-print-directory setup VENV=.venv-bench LOCK=locks/bench.txt
	@.venv-bench/bin/python -m benchmarks.run $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

lock: setup      ## resolve the pinned versions anew; KEEP=1 to add what is new and leave the rest
	@echo 'uv>=0.9' | $(UV_COMPILE) - -o locks/uv.txt
	@$(UV_COMPILE) pyproject.toml --extra dev -o locks/dev.txt
	@$(UV_COMPILE) pyproject.toml --extra bench --constraints locks/dev.txt -o locks/bench.txt
	@echo 'mlflow==3.10.0' | $(UV_COMPILE) pyproject.toml --extra dev --constraints - -o locks/lowest-mlflow.txt

clean:           ## remove the environments
	rm -rf .venv .venv-lowest-mlflow .venv-bench
