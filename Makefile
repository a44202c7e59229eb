# Everything a newcomer needs: make run, make test, make check. Works with python3.11, pip and make alone.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
PACKAGES := $(VENV)/.packages
STAMP := $(VENV)/.installed
RUN_ARGS ?=
WORKERS ?= 2
ROOMS := feature_sets training graphs drift project

.PHONY: help packages install run test test-fast coverage check docs notebooks lock lock-upgrade sbom advisories clean figures

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(UV):
	@echo "installing the locked packages into $(VENV), once: one to two minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install -qq --disable-pip-version-check "uv>=0.9"

# The compiled bytecode matters: without it every command waits ten seconds for `import mlrun`, and each of the
# many processes of a run half a second more for ours.
$(PACKAGES): requirements.lock pyproject.toml | $(UV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@$(BIN)/python -m compileall -q $(ROOMS)
	@touch $@

$(STAMP): $(PACKAGES)
	@$(BIN)/python -m feature_sets.windows.warm_up
	@touch $@

packages: $(PACKAGES) ## install without the window kernels, which take half a minute of one core

install: $(STAMP) ## install the locked packages into .venv

run: install ## the main job: whole workflow, live stream, summary
	@$(BIN)/netops run $(RUN_ARGS)

test: install ## all tests but figures; WORKERS=2 says on how many processes
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m "not figures"

test-fast: install ## the tests that start no server and are not marked slow
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m "not slow and not figures"

# Tracing lines doubles the time of the tests, so CI does not.
coverage: install ## the same tests, with the line coverage of the product's code: at least 95 %
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m "not figures" --cov --cov-report=term --cov-fail-under=95

figures: install ## false alarms of docs/drift.md measured anew, the loop live, more random histories; takes minutes
	@$(BIN)/python -m pytest -n 2 -m figures

check: packages ## formatting, lint, types, arrows between rooms
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

notebooks: install ## execute the notebooks; pages with their pictures are in .netops/notebooks
	@$(BIN)/python examples/notebooks/execute.py .netops/notebooks

docs: packages ## the documentation, built into site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

COMPILE = $(UV) pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 --quiet --output-file requirements.lock

lock: $(UV) ## lock what pyproject.toml asks for; pins that still fit stay
	@$(COMPILE)

lock-upgrade: $(UV) ## resolve all dependencies anew; scores may change with them
	@$(COMPILE) --upgrade

sbom: install ## the software bill of materials, CycloneDX, in dist/netops.cdx.json
	@$(BIN)/python -m tools.bill_of_materials dist/netops.cdx.json

advisories: $(UV) ## known vulnerabilities of the locked packages, by pip-audit; needs the network
	@$(UV) tool run pip-audit --disable-pip --requirement requirements.lock

clean: ## remove the environment and all local state (stops what runs)
	@if [ -x $(BIN)/netops ]; then $(BIN)/netops stop; fi
	@rm -rf $(VENV) .netops site
