# The targets are CI's. PYTHON may be any environment that has the dev extra.
PYTHON ?= .venv/bin/python

.PHONY: all setup lint types test seeds evaluate train docs/report.png

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
	$(PYTHON) -m detector.cli score seeds/*.txt

# Fits and evaluates in one run; MODEL is a new folder, for a published one is never edited.
MODEL ?= models/next
train:
	$(PYTHON) -m detector.cli train ../shared/data --output $(MODEL) --report docs/evaluation.md

# Figures, page and plots, from held-out scores that are kept beside them; then the floors.
evaluate:
	$(PYTHON) -m detector.cli evaluate ../shared/data --output docs --check benchmarks/quality.json

# The picture in README.md, of four seeds.
docs/report.png:
	$(PYTHON) docs/picture.py $@
