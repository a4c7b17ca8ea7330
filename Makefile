# `make lab` to work, `make test` to check everything. Nothing outside .venv and node_modules is installed, but for
# Chromium, which the browser tests look for, and as root on Debian fetch.

SUITS := -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))'
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p $(SUITS) 2>/dev/null && echo $$p && break; done)

.PHONY: help lab test quick bench clean

help:
	@echo 'make lab      JupyterLab on the first notebook            (ARGS="--no-browser --port 9999" is passed on)'
	@echo 'make test     every check, with a tenth of the long tests (ONLY="ruff mypy" for some of them)'
	@echo 'make quick    the checks that take seconds, fast tests    (no notebooks, no browser)'
	@echo 'make bench    the tests with all that takes long, and each benchmark in its shortest form'
	@echo 'make clean    removes what these made: .venv, node_modules, caches'

# JupyterLab refuses to run as root, the usual user of a container, unless told.
lab: .venv/.lab
	.venv/bin/python -m jupyterlab notebooks/01_first_loop.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

test: .venv/.test
	@.venv/bin/python tests/checks.py $(ONLY)

quick: ONLY = ruff mypy bundle tsc node fast
quick: test

bench: ONLY = pytest notebooks browser benchmarks
bench: export HITL_WHOLE = 1
bench: test

# constraints.txt pins torch: a plain `torch` would take another build, and gigabytes, whenever a new one appears.
.venv/.lab: EXTRAS = lab
.venv/.test: EXTRAS = lab,dev,docs
.venv/.lab .venv/.test: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) $(SUITS) 2>/dev/null || { echo >&2 \
	'Python 3.10 to 3.14 is needed to make .venv, and "$(or $(PYTHON),python3)" is not one or is not here. Install one,' \
	'or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)'; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
