# `make quickstart`: a model from text to an audited score, on this machine. `make test`: the default test suite.
# Both make the environment first, in .venv, and again when pyproject.toml or .ci/constraints.txt changed.
#   PYTHON=python3.12   the interpreter, 3.11 or newer      VENV=folder   another place for the environment
#   WORKERS=1           processes that share the tests (2); a file's tests stay together
#   ARGS="..."          what to add to the command          pip's own variables (PIP_INDEX_URL, ...) hold as usual
# What golfctl keeps (text, compiled code) goes into the environment too; the run goes to runs/. Python keeps its bytecode
# whatever PYTHONDONTWRITEBYTECODE says: the tests start hundreds of processes, and each would compile all it imports.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
READY := $(VENV)/ready-$(shell (pwd; cat pyproject.toml .ci/constraints.txt) | cksum | cut -d ' ' -f 1)
SHARED = -n $(WORKERS) --dist loadfile
IN = PYTHONDONTWRITEBYTECODE= GOLFCTL_CACHE="$$(cd "$(VENV)" && pwd)/cache" "$(VENV)/bin/python" -m

.PHONY: quickstart test slow check

quickstart: $(READY)
	$(IN) golfctl quickstart $(ARGS)

test: $(READY)
	$(IN) pytest -q $(SHARED) $(ARGS)

slow: $(READY)
	$(IN) pytest -q $(SHARED) -m slow $(ARGS)

check: $(READY)
	. "$(VENV)/bin/activate" && .ci/check

$(READY):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("golfctl needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + ": name another, make PYTHON=python3.12")'
	$(PYTHON) -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install -c .ci/constraints.txt -e '.[dev]'
	@rm -f "$(VENV)"/ready-*
	@touch "$@"
