# evopipe: one command each. Everything is installed into .venv; only the package index is asked for anything.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Stamps say what is installed; make runs pip again only when one of the files they name has changed.
CREATED := $(VENV)/.created
RUNTIME := $(VENV)/.installed
TOOLS   := $(VENV)/.installed-dev

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PIN := --constraint constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SECONDS ?= 30
KILLS ?= 500
# Tests start hundreds of processes: where each has to compile the node anew, a third of their time goes there.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install demo test lint format bench peers chaos crash wheel pin clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUNTIME) ## Create .venv and install evopipe into it

demo: $(RUNTIME) ## Start a node, break it in several ways, watch it heal (no key needed)
	@$(BIN)/python -m runtime.demo

test: $(TOOLS) ## Run all tests (ARGS='-n 0 tests/chaos': some of them, in one process)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(TOOLS) ## Check format, lint rules, types and the import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(TOOLS) ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(TOOLS) ## Measure actors, runs, durable runs and start-up; JSON lands in out/bench
	@$(BIN)/python -m bench --output out/bench

chaos: $(TOOLS) ## Kill what there is in a node under load (SECONDS=30, SEED=a number to begin with)
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

crash: $(TOOLS) ## Kill a node under load with SIGKILL (KILLS=500, SEED=a number) and check that nothing is lost
	@$(BIN)/python -m tests.crash --kills $(KILLS) $(if $(SEED),--seed $(SEED))

peers: $(CREATED) ## Install what `make bench` compares durable runs with, into .peers
	@$(BIN)/python scripts/install_bench_peers.py

wheel: $(TOOLS) ## Build the wheel and the source archive into dist/
	$(BIN)/python -m build --outdir dist .

pin: $(TOOLS) ## Write what .venv holds now to constraints.txt
	$(BIN)/python scripts/pin.py $(BIN)/python constraints.txt

clean: ## Remove .venv, build output and caches
	rm -rf $(VENV) .peers dist build out .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	@$(PYTHON) scripts/check_python.py
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install $(PIN) --upgrade pip
	@touch $@

$(RUNTIME): $(CREATED) pyproject.toml constraints.txt
	@echo "installing evopipe"
	@$(PIP) install $(PIN) --build-constraint constraints.txt --editable .
	@$(BIN)/python -m compileall -q runtime actors supervisors pipelines
	@touch $@

$(TOOLS): $(RUNTIME)
	@echo "installing the development tools"
	@$(PIP) install $(PIN) --group dev
	@touch $@
