# SPDX-License-Identifier: GPL-2.0-or-later
# The only door to the project: every target does the set-up it needs. `make help` lists them.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(VENV)/bin/pip --quiet --disable-pip-version-check
IMAGES := $(CURDIR)/ultravisor/images
READY := $(VENV)/ready
COMMAND := $(VENV)/bin/ultravisor
EXTENSION := ultravisor/machine/_native.abi3.so
C_SOURCES := $(shell find native monitor -name '*.[ch]' -o -name '*.def' -o -name '*.inc')
C_FORMATTED := $(shell find native monitor guest_kernels examples tests -name '*.[ch]')
REQUIRES := import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
	print(*p["build-system"]["requires"], *p["project"]["dependencies"])
PYTEST := $(RUN) -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all bench check format docs build clean

help: ## Show the targets.
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

demo: build ## Show a whole system lose parts and nothing else; its picture is build/demo.html.
	$(COMMAND) demo --picture build/demo.html

test: check build ## Lint, types, formats and every test that is not slow; below 5 minutes.
	$(PYTEST) -m "not slow"

test-all: check build ## Everything: slow tests too, and the builds with sanitizers and with clang.
	$(PYTEST)
	.ci/variant sanitize $(RUN) && .ci/variant clang $(RUN) && .ci/coverage $(RUN)
	$(RUN) -m tests.guests.mutations --count 1000000

bench: build ## Measure speed and costs, each figure beside its reference or target.
	$(COMMAND) bench speed && $(COMMAND) bench start && $(COMMAND) bench resources && $(COMMAND) bench io

check: $(READY) ## Lint, types and formats, without running anything.
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/clang-format --dry-run --Werror $(C_FORMATTED)

format: $(READY) ## Bring C and Python into the project's form.
	$(VENV)/bin/ruff check --quiet --fix .
	$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/clang-format -i $(C_FORMATTED)

docs: build ## Write what is derived: docs/hypercalls.md, abi.py, pictures, tables, diagrams, costs.
	$(RUN) -m ultravisor.machine.generate_abi && $(RUN) -m ultravisor.bench.native_costs \
		$(foreach page,picture topology_example hostile_table resource_diagrams,&& $(RUN) docs/$(page).py)

build: $(EXTENSION) ## Set up the environment, the extension and the images, and nothing else.
	@$(MAKE) -s -C guest_kernels OUTPUT=$(IMAGES) BUILD=$(CURDIR)/build/guest_kernels
	@$(MAKE) -s -C monitor/entry OUTPUT=$(IMAGES) BUILD=$(CURDIR)/build/monitor

clean: ## Remove everything that was made, the environment too.
	rm -rf $(VENV) build $(EXTENSION) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	rm -f $(IMAGES)/*.elf $(IMAGES)/*.bin $(IMAGES)/*.asm $(IMAGES)/*.sym $(IMAGES)/*/*.elf
	find ultravisor native tests -name __pycache__ -type d -prune -exec rm -rf {} +

# With the build requirements, so that the extension is linked to the very engine that will run it.
$(READY): pyproject.toml
	@missing=$$(.ci/missing $(PYTHON)); if [ -n "$$missing" ]; then \
		echo "Something is missing. Run: sudo apt-get install $$missing"; exit 1; fi
	@echo "Setting up $(VENV), once ..."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV); $(PIP) install --upgrade pip
	@$(PIP) install --group dev $$($(RUN) -c '$(REQUIRES)')
	@touch $@

# The first build installs the package too, editable; later ones only compile.
$(COMMAND): $(READY) native/build_backend.py
	@echo "Installing and building the native extension ..."
	@PYTHONWARNINGS=ignore $(PIP) install --no-build-isolation --no-deps --editable .
	@touch -c $@ $(EXTENSION)

$(EXTENSION): $(COMMAND) $(C_SOURCES)
	@if [ ! -e $@ ] || [ -n "$$(find $(C_SOURCES) -newer $@)" ]; then \
		echo "Building the native extension ..."; $(RUN) -W ignore native/build_backend.py --quiet >/dev/null; fi
	@touch $@
