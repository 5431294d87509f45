# The environment is .venv. Each stamp in it says that what pyproject.toml asks for is installed;
# it is made once, and again when pyproject.toml changes.
#
#   make demo    install, then a campaign over real molecules and real quantum chemistry
#   make test    install what tests need, then run them
#   make lint    ruff, mypy and the direction of imports
#   make bench   the benchmarks; DATA=DIR says where their tables are, RUNS=N how often each method starts
#   make opentrons  Opentrons' simulator, in .opentrons: its pins do not go with ours (about 150 MB)
#   make qcfractal  a QCFractal server with a compute manager, in .qcfractal, for tests and trials (about 700 MB)
#   make peers   other planners that benchmarks compare with, each in an environment of its own (about 2 GB each)
#
# To keep a second demo beside the first: make demo HAKKEN_HOME=runs/second

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench peers opentrons qcfractal

BIN := .venv/bin
# An editable installation warns of folders named as ours are in the folder one works in: they are ours.
PIP_INSTALL := $(BIN)/python -W 'ignore:Editable installation' -m pip install --quiet
HAKKEN_HOME ?= runs
DATA ?= data
RUNS ?= 40
SEED ?= 0
PYTEST_ARGS ?=
HAKKEN_PEERS ?= .peers

# On a few busy cores, OpenMP's threads spin on each other: a calculation takes 200 times as long.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
# Memory that is given back and asked for again is cleared each time: kept, tests take 7 % less processor time.
export MALLOC_MMAP_THRESHOLD_ ?= 1073741824
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Most of an environment's modules are never imported: Python compiles those that are, when they are, and installation takes half
# the time. A new environment's pip is Python's own, of years ago, and looks for versions slowly: --upgrade-deps makes it today's.
export PIP_COMPILE ?= 0
export HAKKEN_HOME
export HAKKEN_PEERS

help:
	@sed -n 's/^#   //p' Makefile

demo: $(BIN)/.installed-demo
	@$(BIN)/hakken run examples/gap_xtb.yaml
	@echo "      (hakken is $(BIN)/hakken; . $(BIN)/activate puts it on the path)"

test: $(BIN)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_ARGS) </dev/null

lint: $(BIN)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BIN)/.installed-bench
	@failed=0; for file in benchmarks/*.py; do \
		grep -q '__main__' $$file || continue; \
		echo "== $$file"; mkdir -p $(HAKKEN_HOME)/benchmarks; \
		$(BIN)/python $$file --data $(DATA) --runs $(RUNS) --seed $(SEED) \
			--json $(HAKKEN_HOME)/benchmarks/$$(basename $$file .py).json || failed=1; \
	done; exit $$failed

peers: $(foreach peer,baybe ax bofire chemprop,$(HAKKEN_PEERS)/$(peer)/.installed)

$(HAKKEN_PEERS)/%/.installed: benchmarks/peers/%.txt $(BIN)/.made
	@test -x $(HAKKEN_PEERS)/$*/bin/python || $(BIN)/python -m venv --upgrade-deps $(HAKKEN_PEERS)/$*
	$(HAKKEN_PEERS)/$*/bin/python -m pip install --quiet -r $<
	@touch $@

# 8.8 is the last that simulates both the OT-2 and the Flex on the Pythons that we run on.
opentrons: .opentrons/.installed

.opentrons/.installed: $(BIN)/.made
	@test -x .opentrons/bin/python || $(BIN)/python -m venv --without-pip .opentrons
	$(BIN)/python -m pip --python .opentrons/bin/python install --quiet 'opentrons>=8.8,<9'
	@touch $@

# Its psycopg2 would be built from source, with a compiler and PostgreSQL's headers; psycopg2-binary is the same, built. pip
# says that psycopg2 is lacking, and means its name.
qcfractal: .qcfractal/.installed

.qcfractal/.installed: $(BIN)/.made
	@test -x .qcfractal/bin/python || $(BIN)/python -m venv --without-pip .qcfractal
	$(BIN)/python -m pip --python .qcfractal/bin/python install --quiet --no-deps 'qcfractal>=0.71,<1'
	$(BIN)/python -m pip --python .qcfractal/bin/python install --quiet 'qcfractalcompute>=0.71,<1' psycopg2-binary flask flask-jwt-extended \
		flask-cors waitress 'bcrypt>=5' 'sqlalchemy>=2.0' alembic rdkit 'geometric>=1.1.1'
	@touch $@

$(BIN)/.made:
	@for python in python3.11 python3.12 python3.13 python3; do \
		$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			>/dev/null 2>&1 && { echo "making .venv with $$($$python --version)"; exec $$python -m venv --upgrade-deps .venv; }; \
	done; \
	echo "no Python 3.11, 3.12 or 3.13 with venv was found; install one (on Debian: apt-get install python3-venv)" >&2; \
	exit 1
	@touch $@

$(BIN)/.installed-demo: $(BIN)/.made pyproject.toml
	$(PIP_INSTALL) -e '.[xtb]'
	@touch $@

$(BIN)/.installed-bench: $(BIN)/.made pyproject.toml
	$(PIP_INSTALL) -e '.[xtb,dft]'
	@touch $@

$(BIN)/.installed-test: $(BIN)/.made pyproject.toml
	$(PIP_INSTALL) -e '.[test]'
	@touch $@

$(BIN)/.installed-lint: $(BIN)/.made pyproject.toml
	$(PIP_INSTALL) -e '.[test,lint]'
	@touch $@ $(BIN)/.installed-test
