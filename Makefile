# For a fresh machine with git, Python 3.11 or later and make:  make demo   make test   make test-all
PYTHON ?= python3
VENV ?= .venv
PROGRAMS ?= .venv-programs
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-all programs check bench install clean

demo: $(VENV)/.torch install
	sh scripts/demo.sh $(BIN)

# Format, lint, types, then the tests against an installed wheel: all but the long ones, or, as CI does, all.
# Those that are marked `programs` also need `make programs`.
test: $(VENV)/.torch $(VENV)/.test install check
	$(BIN)/pytest -q -n 2 -m "not long and not programs" tests

test-all: $(VENV)/.torch $(VENV)/.test install check
	$(BIN)/pytest -q -n 2 tests

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.torch $(VENV)/.bench install
	$(BIN)/python benchmarks/bench.py

# The package itself is installed anew each time, as a wheel: what is tested is what a user gets.
install: $(VENV)/.base
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/gitexp-*.whl

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) click plotille pyyaml rich tomli tomli-w xxhash hatchling
	touch $@

$(VENV)/.torch: $(VENV)/.base
	$(PIP) torch numpy
	touch $@

$(VENV)/.test: $(VENV)/.base
	$(PIP) pytest pytest-xdist pexpect hypothesis ruff mypy 'moto[s3]' flask flask-cors obstore pyarrow pillow detect-secrets pygit2 scipy matplotlib pandas polars uv
	touch $@

$(VENV)/.bench: $(VENV)/.base
	$(PIP) pygit2 obstore 'moto[s3]' flask flask-cors tensorboard
	touch $@

# What the programs of tests/programs are written with: some 2 GB, which gitexp itself never imports.
programs: $(PROGRAMS)/.installed

$(PROGRAMS)/.installed: tests/programs/requirements.txt constraints.txt
	test -x $(PROGRAMS)/bin/python || $(PYTHON) -m venv $(PROGRAMS)
	$(PROGRAMS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch numpy
	$(PROGRAMS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/programs/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) $(PROGRAMS) dist build
