# Everything a fresh machine needs is Python 3.11 or 3.12, and make; a C compiler makes training faster.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test test-all attack gpu bench dist paper docs clean

help:
	@echo "make demo    install, evolve a ticket on handwritten digits, train it, show where things are"
	@echo "make test    install, lint, type check, tests"
	@echo "make test-all  the same with the tests that take longer"
	@echo "make attack  damaged files, odd options and signals by the thousand, for hours"
	@echo "make gpu     on a machine with a CUDA device: its tests, and results/gpu"
	@echo "make bench   speed, into results/benchmarks.csv (NETS_DATA_DIR says where MNIST lies)"
	@echo "make paper   the reproduction report, from results/ into paper/report.pdf"
	@echo "make docs    the documentation as a site, docs/_build/html/index.html"
	@echo "make dist    the wheel and the sdist, into dist/"
	@echo "make clean   remove the virtual environment and the demo's run"

.venv/installed: pyproject.toml setup.py $(wildcard nets_deap/networks/kernels/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/installed
	$(BIN)/nets-deap evolve --out runs/demo
	$(BIN)/nets-deap train runs/demo --random 5 --out runs/demo/trained
	$(BIN)/nets-deap info runs/demo
	$(BIN)/nets-deap report runs/demo

test test-all: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n auto --dist worksteal $(if $(filter test-all,$@),,-m "not slow")

attack: .venv/installed-dev
	$(BIN)/python -m tests.attack --cases 100000
	$(BIN)/python -m tests.attack.options --cases 2000
	$(BIN)/python -m tests.attack.signals --shots 1000

.venv/installed-paper: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[paper]'
	@touch $@

paper: .venv/installed-paper
	$(BIN)/python -m paper.draw
	$(BIN)/python -c 'import typst; typst.compile("paper/report.typ", output="paper/report.pdf", root=".")'

.venv/installed-docs: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# Built anew each time, so that every warning is seen; docs/conf.py says from what
docs: .venv/installed-docs
	rm -rf docs/_build
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . docs/_build/html
	@echo "docs/_build/html/index.html"

# With the machine's own Python, where nothing can be fetched: make gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
gpu: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),.venv/installed-dev)
	$(GPU_PYTHON) -m tests.gpu

bench: .venv/installed
	$(BIN)/python -m tests.benchmarks

dist: .venv/installed-dev
	$(BIN)/python -m build

clean:
	rm -rf .venv runs/demo nets_deap/networks/kernels/_mlp*.so paper/figures paper/report.pdf docs/_build
