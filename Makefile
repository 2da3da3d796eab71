# The commands of a contributor. Each brings .venv up to date first; all of them may be run again at any time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ROOT := $(CURDIR)/
TREE := build/tree

.PHONY: help quickstart test lint tree format docs bench install clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

quickstart: $(STAMP) ## search small networks on real textures and confirm the front, about 3 minutes on 2 cores
	$(BIN)/paretoseg search experiment=quickstart

test: lint ## the whole test suite: lint, types, import contracts, tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(STAMP) tree ## style, types, import contracts, dependencies, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	cd $(TREE) && $(ROOT)$(BIN)/mypy --config-file $(ROOT)pyproject.toml --cache-dir $(ROOT).mypy_cache
	cd $(TREE) && PYTHONPATH=. $(ROOT)$(BIN)/lint-imports --config $(ROOT)pyproject.toml --no-cache
	cd $(TREE) && $(ROOT)$(BIN)/deptry . --config $(ROOT)pyproject.toml --no-ansi

# The folders as they are imported, hard-linked: mypy and import-linter find packages by their place on the disk.
tree:
	rm -rf $(TREE)
	mkdir -p $(TREE)/docs
	cp -rl paretoseg $(TREE)/
	cp -rl spaces trainables cluster search $(TREE)/paretoseg/
	cp -rl docs/pages $(TREE)/docs/

format: $(STAMP) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## the docs as a site in build/site, which opens from the disk
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP) ## measure against peers; results go to benchmarks/RESULTS.md
	$(BIN)/python benchmarks/orchestration.py
	PYTHONPATH=. $(BIN)/python benchmarks/training_throughput.py
	PYTHONPATH=. $(BIN)/python benchmarks/corruptions.py
	PYTHONPATH=. $(BIN)/python benchmarks/battery.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/transfer_intervals.py

install: $(STAMP) ## only create .venv

clean: ## remove .venv and caches; studies stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[develop]'
	touch $(STAMP)
