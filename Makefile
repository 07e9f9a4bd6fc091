# The commands of the checkout. `make run` and `make test` do all their own set-up.
#
#   PYTHON=/path/to/python   the Python (3.11 or newer) that .venv is made with
#   PYTEST_ARGS="-k words"   passed on to pytest
#   TEST_PROCESSES=4         how many tests run side by side; 0 for one after the other
#   ONLY=bus.                the one benchmark of a name, or those whose names begin so
#   SYSTEM_PACKAGES=no       never touch the system's packages (tests that need them are skipped)
#   BROKERS=3                make kafka starts a quorum of three
#   UPGRADE=1                make lock takes the newest versions instead of keeping what it can

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-long tests-read lint types contracts schemas bench format \
	dist lock clean services kafka postgres aws moto mosquitto compose-env sbom

BIN := .venv/bin
PYTHON_SOURCES := lineal schemas/lineal_schemas producers/lineal_producers \
	consumers/lineal_consumers catalog/lineal_catalog learning/lineal_learning cli/lineal_cli console/lineal_console scoring/lineal_scoring edge_firmware/lineal_edge \
	infra/local/lineal_local benchmarks tests
PROJECTS := pyproject.toml schemas/pyproject.toml scoring/pyproject.toml edge_firmware/pyproject.toml
INSTALLER := infra/local/install.sh requirements/build.txt $(PROJECTS)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	--constraint requirements/constraints.in \
	--no-emit-package lineal --no-emit-package lineal-schemas --no-emit-package lineal-scoring \
	--no-emit-package lineal-edge \
	$(if $(UPGRADE),--upgrade)

EMULATORS := infra/local/requirements
COMPILE_EMULATOR := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	--constraint requirements/constraints.in \
	$(if $(UPGRADE),--upgrade)

# Every bus, store and stage works from one installation; what is not used is not imported.
EXTRAS := $(foreach extra,documents diagrams clicks conversation inspection sweeps tables slides heif photos speech articles sensors models kafka aws postgres mqtt imap passwords console meaning graph otel registry,--extra $(extra))

# pytest writes the tests that it has rewritten for its messages, and reads them the next time.
test test-long: export PYTHONDONTWRITEBYTECODE =

# More than cores: most tests wait for servers and processes they have started.
TEST_PROCESSES ?= 4
# Their temporary files are in memory where there is room: a disk makes them wait.
IN_MEMORY = infra/local/files_in_memory.sh
# In the order of their folders: what takes long comes first, and much that is short at the end.
SIDE_BY_SIDE = --numprocesses $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

export PYTHON SYSTEM_PACKAGES

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

test: schemas lint types contracts services tests-read ## schema check, lint, types, contracts and all tests
	$(IN_MEMORY) $(BIN)/python -m pytest $(SIDE_BY_SIDE) --failed-alone 10 $(PYTEST_ARGS)

test-long: services ## tests that take longer than CI has, properties with many more examples
	$(IN_MEMORY) $(BIN)/python -m pytest --long -m "long or hypothesis" --timeout 3600 \
		$(SIDE_BY_SIDE) $(PYTEST_ARGS)

# pytest rewrites each test's assertions as it first reads it: once, and not in each process
tests-read: export PYTHONDONTWRITEBYTECODE =
tests-read: install-dev
	@$(if $(PYTEST_ARGS),,$(BIN)/python -m pytest --collect-only --quiet >/dev/null 2>&1 || true)

schemas: install-dev ## compare the event models with the committed JSON Schemas
	$(BIN)/python -m lineal_cli.schema check

lint: install-dev ## ruff: lint and format, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# In two processes, which a busy machine may not start within the three seconds that mypy gives
# them: it ends with 2 then, and does it in one.
types: install-dev ## mypy --strict
	$(BIN)/mypy --num-workers 2 $(wildcard $(PYTHON_SOURCES)) || \
		{ test $$? = 2 && $(BIN)/mypy $(wildcard $(PYTHON_SOURCES)); }

contracts: install-dev ## import-linter: arrows point down only
	$(BIN)/lint-imports --no-logo

bench: services ## measure against peers (ONLY=bus. for some)
	infra/local/system_packages.sh bench
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

services: install-dev ## fetch the real servers that tests use: Kafka, Postgres, AWS, MQTT
	infra/local/system_packages.sh
	$(BIN)/python -m lineal_local prepare

kafka: services ## run Apache Kafka on port 9092 until Ctrl-C (BROKERS=3: on free ports)
	@$(BIN)/python -m lineal_local kafka --brokers $(or $(BROKERS),1)

postgres aws moto mosquitto: services
	@$(BIN)/python -m lineal_local $@

postgres: ## run Postgres on port 5432 until Ctrl-C
aws: ## run ministack (SNS, SQS, S3, CloudFormation) on port 4566 until Ctrl-C
moto: ## run moto server, the second opinion, on port 5000 until Ctrl-C
mosquitto: ## run mosquitto on ports 1883 and (client certificates) 8883 until Ctrl-C

sbom: install ## write what is installed, with licences, to sbom.json (CycloneDX)
	$(BIN)/python -m lineal_local.sbom sbom.json

dist: install ## build the wheels that install each other: pip install --find-links dist 'lineal[all]'
	@$(BIN)/python -m lineal_local.wheels dist

compose-env: ## write .env with new secrets for docker-compose.yml
	infra/docker/make-env.sh

format: install-dev ## put imports and layout in order
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.venv/bin/uv:
	infra/local/install.sh tools

lock: .venv/bin/uv ## recompile requirements/*.txt from the pyproject files
	$(COMPILE) $(PROJECTS) $(EXTRAS) \
		--output-file requirements/runtime.txt
	$(COMPILE) $(PROJECTS) $(EXTRAS) --group dev --group benchmarks \
		--constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(COMPILE) --group build --output-file requirements/build.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/ministack.in --output-file $(EMULATORS)/ministack.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/moto.in --output-file $(EMULATORS)/moto.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/paperless.in --output-file $(EMULATORS)/paperless.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/diagram-icons.in --output-file $(EMULATORS)/diagram-icons.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/quix.in --output-file $(EMULATORS)/quix.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/piper.in --output-file $(EMULATORS)/piper.txt
	$(COMPILE_EMULATOR) $(EMULATORS)/whisper.in --output-file $(EMULATORS)/whisper.txt

clean: ## remove .venv and all caches (never ./data or ./inbox)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
