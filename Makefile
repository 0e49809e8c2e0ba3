# The commands of linkemu. `make demo` needs Python 3.11 or newer and nothing else: it installs into .venv first.
# Another interpreter: make PYTHON=python3.12. Another place: make VENV=/tmp/venv.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
SOURCES = linkemu ground_station satellite_node tests bench examples
KILLS ?= 20
REPLAYS ?= 4

.PHONY: help demo test check bench soak test-deps clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       install, then play a real pass of the ISS: upload, cloud, resume, download, compare"
	@echo "make test       all tests"
	@echo "make check      formatting, lint and types"
	@echo "make bench      benchmarks, as tables on the terminal"
	@echo "make soak       kill each process KILLS=$(KILLS) times in mid-transfer"
	@echo "make test-deps  what some tests use besides Python: a broker, real clients and their servers"
	@echo "make clean      remove .venv, caches and runs"

demo: $(VENV)/installed
	$(BIN)/linkemu demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 3

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	@missed=; \
	for file in bench/*.py; do \
		case $$file in bench/replays.py) given="--times $(REPLAYS)";; *) given=;; esac; \
		echo "== $$file $$given"; $(BIN)/python $$file $$given || missed="$$missed $$file"; \
	done; \
	echo "== bench/dataplane"; $(BIN)/python -m bench.dataplane || missed="$$missed bench/dataplane"; \
	[ -z "$$missed" ] || { echo "not met:$$missed" >&2; exit 1; }

soak: $(VENV)/installed-dev
	LINKEMU_KILLS=$(KILLS) $(BIN)/python -m pytest -m acceptance -k kill --timeout 3600

test-deps:
	@sh .ci/test-deps

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .linkemu build dist

# Stamps: installed again only when the requirements change. The checkout itself is installed editable.
$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "linkemu needs Python 3.11 or newer; '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu install python3-venv" >&2; exit 2; }
