PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs bench synth-bench attack chaos fuzz trajectory clean

# From a fresh clone to a found rule: no key, no model, no network but for the installation.
demo: $(VENV)/.installed
	$(BIN)/leanlab run --lab labs/parity
	@echo
	@echo "Next: $(BIN)/leanlab show labs/parity        what was tried, and the rule that won"
	@echo "      $(BIN)/leanlab run --lab labs/parity --dry-run   the prompts that a model would get"
	@echo "      docs/lab.md                             make a lab of your own"

$(VENV)/.installed: pyproject.toml $(shell find leanlab templates -type f -not -name '*.pyc')
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# Tests that measure time run alone, and first; the others in two processes.
TIMED := tests/test_benchmarks.py tests/test_trajectory_benchmark.py tests/dashboard/test_speed.py

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest $(TIMED)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TIMED:%=--ignore=%)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Writes what a test holds docs/cli.md against.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/make_cli.py

# Prints the table of docs/benchmarks.md, measured on this machine.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks

# Rules found for published targets, for fresh ones, and none for labels of chance; about an hour.
synth-bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks.synthesis published --seeds 42,43,44 --baselines
	$(BIN)/python -m tests.benchmarks.synthesis fresh --seeds 1,2,3 --baselines
	$(BIN)/python -m tests.benchmarks.synthesis random --seeds 0-99

# Plays every attack against labs/parity, at every tier, and against an open lab; writes the table
# of docs/trust.md. A few minutes.
attack: $(VENV)/.installed-dev
	$(BIN)/python docs/make_attacks.py

# A thousand runs, each killed or starved at a random moment; about half an hour.
chaos: $(VENV)/.installed-dev
	$(BIN)/python -m tests.chaos --rounds 1000

# Fifty times the examples of the test run, other ones every time; about ten minutes.
fuzz: $(VENV)/.installed-dev
	LEANLAB_FUZZ=2000 $(BIN)/python -m pytest tests/test_fuzz.py

# Gives both solvers of trajectories 2,500 random tasks, then prints the table of docs/trajectory.md;
# a quarter of an hour, and a gigabyte.
trajectory: $(VENV)/.installed-dev
	LEANLAB_TRAJECTORY_TASKS=2500 $(BIN)/python -m pytest tests/trajectory/test_solvers.py
	$(BIN)/python -m tests.benchmarks.trajectory

clean:
	rm -rf $(VENV) build dist
