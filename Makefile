# Needs Python 3.11-3.13 (with venv), make and network access for the first run. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --python $(BIN)/python
# A pip mirror serves uv too.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo story up down test test-faults soak lint types audit bench lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: .venv/.run ## Install what running needs into .venv (hash-locked)

demo: .venv/.run ## Start everything and stream rows until Ctrl-C; ROWS=300 ends by itself
	@$(BIN)/cargostream demo $(if $(ROWS),--rows $(ROWS)) $(if $(RATE),--rate $(RATE))

story: .venv/.dev ## The model's life, live: Monday, Tuesday, retraining, promotion; with a report (about 11 min)
	@$(BIN)/cargostream story $(STORY_ARGS)

up: .venv/.run ## Start the stack and leave it running
	@$(BIN)/cargostream up

down: .venv/.run ## Stop the stack, keep its data
	@$(BIN)/cargostream down

test: .venv/.dev ## Unit, integration and acceptance tests (PYTEST_ARGS=… narrows them)
	@$(BIN)/cargostream fetch
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-faults: .venv/.dev ## Break every part on purpose; SHARD=1/4, ONLY=A1,B3, REPEATS=5, ROWS=2000; resumes; SEED= replays
	@$(BIN)/cargostream fetch
	@$(BIN)/python -m pytest tests/faults -s --faults all $(if $(SHARD),--shard $(SHARD)) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(REPEATS),--repeats $(REPEATS)) $(if $(ROWS),--rows $(ROWS)) $(if $(SEED),--seed $(SEED)) $(PYTEST_ARGS); \
	  status=$$?; $(BIN)/python -m tests.faults.report; exit $$status

soak: .venv/.dev ## Random faults at 100 rows/s for MINUTES=60, then every row is judged; SEED=1
	@$(BIN)/cargostream fetch
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),60) --seed $(or $(SEED),1)

lint: .venv/.dev ## Check style
	@$(BIN)/ruff check .

types: .venv/.dev ## Check types
	@$(BIN)/mypy

audit: .venv/.audit ## Ask OSV whether a locked package has a known vulnerability
	@sh requirements/audit.sh .venv/audit/bin/pip-audit

bench: .venv/.dev ## Measure the figures in the README (BENCH_ARGS=… narrows it)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: .venv/.dev ## Renew the lock files from pyproject.toml
	@sh requirements/lock.sh $(BIN)/uv

clean: ## Remove the environment; the stack's data stay (see `cargostream reset`)
	rm -rf .venv

.venv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv || \
	  { echo "error: $(PYTHON) cannot make virtual environments; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.run: .venv/bin/uv requirements/run.txt pyproject.toml
	@$(UV) --require-hashes -r requirements/run.txt
	@$(UV) -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/.audit: .venv/bin/uv requirements/audit.txt
	@$(BIN)/uv venv -q --clear --python $(BIN)/python .venv/audit
	@$(BIN)/uv pip install -q --python .venv/audit/bin/python --require-hashes -r requirements/audit.txt
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@$(UV) --require-hashes -r requirements/dev.txt
	@touch $@
