# Two commands do everything: `make iso` and `make check`. Both install what is missing.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: iso check setup programs test-programs format clean

iso: setup  ## build the ISO on this machine's own base, boot it, say where it is
	$(VENV)/bin/distrobuild build ubuntu --base host --flavour vm

check: test-programs setup  ## lint, types, import directions, and all tests: unit, stages, boot
	$(VENV)/bin/ruff check distrobuild tests benchmarks
	$(VENV)/bin/ruff format --check distrobuild tests benchmarks
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

setup: $(STAMP)

programs:
	@sh packaging/host-programs.sh

test-programs:
	@sh packaging/host-programs.sh tests

$(STAMP): pyproject.toml requirements.lock | programs
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --no-deps --editable .
	$(VENV)/bin/python -m compileall -q distrobuild  # pip compiles what it installs, and an editable project not at all
	@touch $@

format:
	$(VENV)/bin/ruff check --fix distrobuild tests benchmarks
	$(VENV)/bin/ruff format distrobuild tests benchmarks

clean:
	rm -rf $(VENV) out
