# Noise to Crystals – `make help` lists what there is.
PYTHON ?= python3
BIN    := .venv/bin
# Where a machine keeps wheels of its own for pip, uv looks too; empty and harmless elsewhere.
UV     := UV_FIND_LINKS="$$PIP_FIND_LINKS" $(BIN)/uv
ONE    := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE) $(BIN)/python -m pytest
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

.DEFAULT_GOAL := help
.PHONY: help lab test lint unit notebooks nbval book pdf links browser gpu benchmark pins pythons newest fast clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ---------------------------------------------------------------------------------
.venv/bin/uv: | constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "This course needs Python 3.10 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python could not make a virtual environment (on Debian: install python3-venv)."; rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install -q $$(grep '^uv==' constraints.txt)

.venv/.lab: pyproject.toml constraints.txt .venv/bin/uv
	@echo "Installing what the notebooks need (once; a minute or two with a fast network) ..."
	@$(UV) pip install -q -p $(BIN)/python -e '.[lab,encoders]' -c constraints.txt
	@touch $@

.venv/.all: pyproject.toml constraints.txt .venv/bin/uv
	@echo "Installing what the notebooks, the book and the tests need (once) ..."
	@$(UV) pip install -q -p $(BIN)/python -e '.[lab,encoders,book,test]' -c constraints.txt
	@touch $@ .venv/.lab

pins: .venv/bin/uv  ## resolve constraints.txt anew from pyproject.toml
	@echo "torch==2.13.0" > .venv/torch.txt
	@$(UV) pip compile -q --universal --python-version 3.10 --all-extras --no-annotate --no-header \
	  --upgrade pyproject.toml -c .venv/torch.txt -o .venv/pins.txt
	@{ echo "# Exact versions of everything that make and CI install; written by 'make pins'."; \
	   grep '^uv==' constraints.txt; \
	   grep -v -E '^(nvidia-[^m]|cuda|triton)' .venv/pins.txt | sed -E 's/^torch==.*/torch==2.13.0/' | awk '!seen[$$0]++'; \
	 } > .venv/new.txt && mv .venv/new.txt constraints.txt

# --- for readers ----------------------------------------------------------------------------
lab: .venv/.lab  ## open the course in JupyterLab (your copies live in work/)
	@mkdir -p work
	@for n in notebooks/*.ipynb; do [ -e "work/$$(basename $$n)" ] || cp "$$n" work/; done
	@$(BIN)/jupyter trust -q work/*.ipynb 2>/dev/null || $(BIN)/jupyter trust work/*.ipynb
	$(BIN)/jupyter lab $(LAB_OPTIONS) work/01_integrators.ipynb

# --- for builders ---------------------------------------------------------------------------
notebooks: .venv/.all  ## write and execute the notebooks whose chapter changed
	@$(BIN)/python book/_tools/notebooks.py $(ARGS)

book: .venv/.all  ## build the web book into _build/html, warnings as errors
	@$(BIN)/python book/_tools/vendor.py
	@$(BIN)/jupyter-book build . -q -W -n --keep-going
	@echo "The book stands in _build/html/index.html"

pdf: browser book  ## print the book as one PDF, solutions at the end, into _build/pdf
	@$(BIN)/python book/_tools/pdf.py $(ARGS)

links: .venv/.all  ## ask every outside address of the texts (needs a network; CI does not)
	@$(BIN)/python book/_tools/links.py $(ARGS)

lint: .venv/.all
	@$(BIN)/ruff check . && $(BIN)/ruff format --check helpers solutions tests benchmarks book && $(BIN)/mypy

unit: .venv/.all  ## the fast tests: package and exercises
	@$(PYTEST) -q -n 2 -m "not gpu" tests/unit tests/exercises

nbval: .venv/.all
	@$(PYTEST) -q -p no:cacheprovider -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=120 notebooks

browser: .venv/.all
	@for b in $(BROWSERS); do command -v $$b >/dev/null && exit 0; done; \
	  echo "No Chromium on this machine: fetching one ..."; $(BIN)/playwright install chromium

test: lint browser book  ## everything: lint, types, unit, exercises, notebooks, all four surfaces
	@$(PYTEST) -n 2 --dist loadfile -m "not gpu" tests/unit tests/exercises
	@$(PYTEST) -n 2 --dist worksteal tests/notebooks
	@$(PYTEST) -n 2 --dist loadgroup tests/surfaces
	@$(MAKE) --no-print-directory nbval

gpu: .venv/.all  ## the tests and timings that need a CUDA device
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || \
	  { echo "No CUDA device here: nothing to run. The course itself needs none."; exit 1; }
	@$(PYTEST) -m gpu tests/unit
	@COURSE_BUDGET=0.05 $(BIN)/jupyter nbconvert --to notebook --execute --output-dir _build/gpu notebooks/*.ipynb
	@$(BIN)/python -m benchmarks.simulate

# A peer of chapter 05, alone: with its dependencies it brings half a gigabyte it does not use.
.venv/.peer: .venv/.all
	@$(UV) pip install -q -p $(BIN)/python --no-deps torchcfm==1.0.7
	@touch $@

benchmark: .venv/.peer  ## measure what book/performance.md tells, and write it
	@$(ONE) $(BIN)/python -m benchmarks $(ARGS)

# --- other versions -------------------------------------------------------------------------
PYTHONS ?= 3.10 3.11 3.12 3.13
JOBS    ?= 2
EXTRAS  := -e '.[lab,encoders,book,test]'

pythons: $(PYTHONS:%=python-%)  ## the fast tests with each of PYTHONS, in .venv-VERSION

# A Python is looked for by its name, then where pyenv keeps its own.
python-%: .venv/bin/uv
	@for p in python$* $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$*.*/bin/python; do \
	  $$p -c '' 2>/dev/null && exec $(MAKE) --no-print-directory fast HERE=.venv-$* WITH=$$p HELD=constraints.txt; \
	done; echo "There is no Python $* on this machine: not tried."

newest: .venv/bin/uv  ## the fast tests, two chapters and the book with the newest dependencies
	@rm -rf .venv-newest && mkdir .venv-newest && echo "torch==2.13.0" > .venv-newest/held.txt
	@$(MAKE) --no-print-directory fast HERE=.venv-newest WITH=$(PYTHON) HELD=.venv-newest/held.txt
	@$(ONE) .venv-newest/bin/python -m pytest -q -p no:cacheprovider --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout=120 notebooks/01_integrators.ipynb notebooks/04_crystals.ipynb
	@.venv-newest/bin/python book/_tools/vendor.py
	@.venv-newest/bin/jupyter-book build . -q -W -n --keep-going --path-output .venv-newest/book

fast:
	@$(WITH) -m venv $(HERE)
	@$(UV) pip install -q -p $(HERE)/bin/python $(EXTRAS) -c $(HELD)
	@echo "$$($(HERE)/bin/python --version) in $(HERE):"
	@$(ONE) $(HERE)/bin/python -m pytest -q -n $(JOBS) -m "not gpu" tests/unit tests/exercises

clean:  ## remove what was built (the environment and your work/ stay)
	@rm -rf _build .pytest_cache .mypy_cache .ruff_cache book/_static/vendor
	@find helpers solutions tests benchmarks book -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## ... and the environment and caches (your work/ stays)
	@rm -rf .venv .venv-* .cache *.egg-info
