# The interface of the project. `make` alone lists the targets.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN = $(BIN)/python
PIP = $(RUN) -m pip install --quiet --disable-pip-version-check
READY = $(VENV)/.ready
ARGS ?=
LOCK_ARGS ?=

.PHONY: help venv reproduce test site lab app classroom check notebooks lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

venv: $(READY) ## make the environment in .venv (Python 3.11 to 3.13)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "vdsr: Python 3.11, 3.12 or 3.13 is needed"; exit 1; }
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0 && $(PIP) --require-hashes --no-deps -r requirements.lock && $(PIP) --no-deps --no-build-isolation -e . && touch $@

reproduce: venv ## run every lesson on the embedded pictures and judge the claims
	$(RUN) -m vdsr_lib reproduce $(ARGS)

test: venv ## run the tests, in as many processes as there are cores, four at most
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 $(ARGS)

site: venv ## make one site of lessons as they ran, guides, answers and library
	$(RUN) -m vdsr_lib site $(ARGS)

lab: export JUPYTER_CONFIG_PATH := $(CURDIR)/notebooks/settings$(if $(JUPYTER_CONFIG_PATH),:$(JUPYTER_CONFIG_PATH))
lab: venv ## open JupyterLab on the first lesson
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

app: venv ## open the page that enlarges a picture of your own
	$(RUN) -m vdsr_lib app $(ARGS)

classroom: venv ## make an nbgrader course in classroom/
	$(RUN) -m vdsr_lib exercises course classroom $(ARGS)

check: venv ## lint, format, types, and generated files against their sources
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m vdsr_lib notebooks --check

notebooks: venv ## generate notebooks/*.ipynb from notebooks/source/*.py
	$(RUN) -m vdsr_lib notebooks

lock: venv ## resolve requirements.lock and environment.yml anew from pyproject.toml
	$(RUN) -m uv pip compile pyproject.toml --quiet $(LOCK_ARGS) --output-file requirements.lock
	sed -i.bak -E "s/ and python_full_version < '3.14'//; s/ ; python_full_version < '3.14' (and )?/ ; /; s/ ;  *\\\\/ \\\\/" requirements.lock && rm requirements.lock.bak
	$(RUN) -m vdsr_lib.suite.environment > environment.yml

clean: ## remove the environment, results and caches
	rm -rf $(VENV) results build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
