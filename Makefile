# Two commands matter: `make demo` and `make test`. Everything installs itself into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
CASES ?= 200
JOBS ?= 2
SPREAD := -n $(JOBS) --dist worksteal

.PHONY: demo up test test-debian laws bench lint schema lock install install-dev sdks browser clean stop

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: requirements.txt | $(BIN)/uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --compile-bytecode -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(BIN)/uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --compile-bytecode -r requirements-dev.txt
	touch $@ $(VENV)/.installed

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# Public SDKs that the tests of the wire speak with (Node.js 20); without them those tests are skipped.
SDKS := .data-test/sdks
$(SDKS)/.installed: tests/sdks/package.json | $(BIN)/uv
	mkdir -p $(SDKS)/node
	cp tests/sdks/package.json $(SDKS)/node/
	npm install --prefix $(SDKS)/node --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel error
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(SDKS)/segment-analytics-python-2.3.4 segment-analytics-python==2.3.4
	touch $@
sdks: $(SDKS)/.installed

demo: install
	$(BIN)/python manage.py demo $(ARGS)

up: install
	$(BIN)/python manage.py up $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	CDP_NO_SERVERS=1 $(BIN)/mypy manage.py cdp consent identity segments
	CDP_NO_SERVERS=1 $(BIN)/lint-imports
	$(BIN)/pip-audit --disable-pip --no-deps -r requirements.txt || test -n "$(OFFLINE)"

test: install-dev lint
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

# Once more against Debian's PostgreSQL with Redis, and what goes through the broker with RabbitMQ. Left out is what has its own
# servers or none. Without the packages, and without root to install them, a sentence says so (77).
test-debian: install-dev
	.ci/debian redis $(BIN)/python -m pytest $(SPREAD) --ignore tests/house --ignore tests/demo \
	  --ignore tests/operations/test_embedded.py $(ARGS) || test $$? = 77
	.ci/debian rabbitmq $(BIN)/python -m pytest tests/operations/test_broker.py tests/journeys/test_main_job.py \
	  tests/journeys/test_kill.py $(ARGS) || test $$? = 77

laws: install-dev
	CASES=$(CASES) $(BIN)/python -m pytest tests/laws tests/journeys -m "slow or not slow" $(ARGS)

bench: install-dev
	$(BIN)/python manage.py bench $(ARGS)

lock: | $(BIN)/uv
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --group dev pyproject.toml -c requirements.txt -o requirements-dev.txt

stop: install
	$(BIN)/python -m cdp.operations.embedded stop

clean: stop
	rm -rf .data-test .mypy_cache .ruff_cache .pytest_cache .hypothesis
