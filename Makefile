# `make help` lists what there is. Every target builds the environment first, if it must.

SHELL := bash
.DEFAULT_GOAL := help
BIN := $(abspath $(or $(VENV),.venv))/bin

.PHONY: help setup test check lint types contracts unit format lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## build .venv from the lock (EXTRA=gpu for CUDA); nothing to do the second time
	@bash tools/setup.sh

test: setup ## set up, then run every check; what CI runs
	@$(MAKE) --no-print-directory check

check: lint types contracts unit ## ruff, mypy --strict, import contracts, tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy tte2_ray $(wildcard jobs/*.py)

contracts: setup
	$(BIN)/lint-imports

unit: setup ## the tests alone; ARGS="-k config" picks some
	$(BIN)/python -m pytest $(ARGS)

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## write requirements/cpu.lock from what is installed in .venv
	$(BIN)/python tools/lock.py
