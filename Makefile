# `make help` lists what can be made. Two commands are enough on a new machine: make run, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The published renderer of Adaptive Cards, Teams' look, a Markdown reader, and the schemas of Teams manifests: for
# tests and pictures only.
CARDS := adaptivecards@3.0.6 adaptivecards-designer@2.4.4 markdown-it@14.1.0 @microsoft/app-manifest@1.1.2 axe-core@4.10.3
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run install install-test test check types lint format bench pictures pins clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install  ## start the bot: Slack when its credentials are in the environment, else the local console
	@$(BIN)/sandrail run

install: $(VENV)/.installed  ## make .venv with what the bot needs
install-test: $(VENV)/.installed-test  ## the same, with what the tests need

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Sandrail needs Python 3.11, 3.12 or 3.13; call make with PYTHON=python3.11" if not (3,11) <= sys.version_info[:2] <= (3,13) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what is pinned in requirements.txt (about a minute the first time)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.installed-test: requirements-test.txt $(VENV)/.installed
	@echo "Installing what is pinned in requirements-test.txt"
	@$(PIP) install --require-hashes -r requirements-test.txt
	@command -v npm >/dev/null || { echo "npm is needed: tests render Adaptive Cards with Microsoft's own renderer" >&2; exit 1; }
	@npm install --silent --no-audit --no-fund --no-save --no-package-lock --legacy-peer-deps --ignore-scripts --prefix $(VENV)/share/sandrail-node $(CARDS)
	@touch $@

test: install-test check  ## lint, types, floors, then every test
	@$(BIN)/python -m pytest -n 4

check: install-test lint types  ## lint, formatting, types, floors
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 4

types: install-test
	@$(BIN)/mypy

lint: install-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .

format: install-test  ## put the code in shape
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

bench: install-test  ## ratios measured in one run: reading bills, acknowledging clicks
	@$(BIN)/python -m tests.bench.all

pictures: install-test  ## draw the pictures in docs/pictures from the real messages
	@$(BIN)/python -m tests.pictures.slack
	@$(BIN)/python -m tests.pictures.teams
	@$(BIN)/python -m tests.pictures.overruns
	@$(BIN)/python -m tests.pictures.sandboxes
	@$(BIN)/python -m tests.pictures.dashboards
	@$(BIN)/python -m tests.pictures.council

pins:  ## resolve requirements*.txt again (needs uv)
	uv pip compile pyproject.toml --extra build --extra kubernetes --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package sandrail -q -o requirements.txt
	uv pip compile pyproject.toml --extra build --extra test --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package sandrail -q -o requirements-test.txt

clean:  ## remove the environment and what the demo wrote
	rm -rf $(VENV) sandrail.db* sample
