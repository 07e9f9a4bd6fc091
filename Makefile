# The commands of the checkout. `make run` and `make test` do all their own set-up.
#
#   PYTHON=/path/to/python   the Python (3.11 or newer) that .venv is made with
#   PYTEST_ARGS="-k words"   passed on to pytest
#   ONLY=name                the one benchmark to run
#   UPGRADE=1                make lock takes the newest versions instead of keeping what it can

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint types contracts schemas bench format lock clean

BIN := .venv/bin
PYTHON_SOURCES := lineal schemas/lineal_schemas producers/lineal_producers \
	consumers/lineal_consumers benchmarks tests
INSTALLER := infra/local/install.sh requirements/build.txt pyproject.toml schemas/pyproject.toml
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	--no-emit-package lineal --no-emit-package lineal-schemas $(if $(UPGRADE),--upgrade)

export PYTHON

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

install: .venv/.installed-runtime ## set up .venv and install lineal into it

install-dev: .venv/.installed-dev ## the same with what the tests need

.venv/.installed-runtime: $(INSTALLER) requirements/runtime.txt
	infra/local/install.sh runtime
	@touch $@

.venv/.installed-dev: $(INSTALLER) requirements/dev.txt
	infra/local/install.sh dev
	@touch $@ .venv/.installed-runtime

run: install ## start everything and watch ./inbox
	$(BIN)/lineal up

test: schemas lint types contracts ## schema check, lint, types, contracts and all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

schemas: install-dev ## compare the event models with the committed JSON Schemas
	$(BIN)/python -m lineal.cli.schema check

lint: install-dev ## ruff: lint and format, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## mypy --strict
	$(BIN)/mypy $(wildcard $(PYTHON_SOURCES))

contracts: install-dev ## import-linter: arrows point down only
	$(BIN)/lint-imports --no-logo

bench: install-dev ## measure against peers (ONLY=name for one)
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

format: install-dev ## put imports and layout in order
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.venv/bin/uv:
	infra/local/install.sh tools

lock: .venv/bin/uv ## recompile requirements/*.txt from the pyproject files
	$(COMPILE) pyproject.toml schemas/pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml schemas/pyproject.toml --group dev \
		--constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(COMPILE) --group build --output-file requirements/build.txt

clean: ## remove .venv and all caches (never ./data or ./inbox)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
