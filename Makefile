# The targets are CI's. PYTHON may be any environment that has the dev extra.
PYTHON ?= .venv/bin/python

.PHONY: all setup lint types test seeds evaluate train

all: lint types test

setup:
	python3 -m venv .venv
	.venv/bin/pip install -q -e '.[dev]'

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

seeds:
	$(PYTHON) -c 'from detector.cli import main; main()' score seeds/*.txt

train:
	$(PYTHON) -m detector.training fit

evaluate:
	$(PYTHON) -m detector.training evaluate
