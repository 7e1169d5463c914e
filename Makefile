# `make help` lists the commands. Everything is installed into .venv, from locks with hashes.
PYTHON ?= python3
export DEMO_PORT ?= 8000
export DEMO_GATEWAY_PORT ?= 8080
export DEMO_DIR ?= .demo

.DEFAULT_GOAL := help
.PHONY: help demo test proof check audit fix bench lock clean parts screenshots readme-pictures mail-previews docs client node-clients release

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/run ## run everything on this machine: console, gateway, sample API, mail page
	@exec .venv/bin/python -m simsim.demo

test: .venv/test parts ## run every test, on SQLite and on PostgreSQL
	tests/run

proof: .venv/test parts ## run the proofs of full size, whose results docs/proof.md lists
	.venv/bin/pytest -q tests/proof

check: .venv/test ## lint, types, imports
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	SIMSIM_DATA_DIR=.cache/check .venv/bin/mypy

audit: .venv/test ## check the locked packages for known vulnerabilities (asks osv.dev)
	@.venv/bin/python release/audit.py

fix: .venv/test ## format the code, and fix what can be fixed automatically
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv/bench parts ## measure our figures, and those of comparable products
	.venv/bin/python -m bench

screenshots: .venv/test parts ## save a picture of every page of the console in screenshots/
	.venv/bin/python tests/browser/screenshots.py

readme-pictures: .venv/test parts ## take README's pictures from a new demo, into docs/images/
	.venv/bin/python tests/browser/readme_pictures.py

mail-previews: .venv/test parts ## save every email, and a picture of it, in mail-previews/
	.venv/bin/python tests/browser/mail_previews.py

docs: .venv/docs ## build the documentation site, which the console serves under /docs/
	rm -rf src/simsim/console/site
	.venv/bin/python -m sphinx -q -E -W --keep-going -c docs/_sphinx -d .cache/docs docs src/simsim/console/site

client: .venv/test ## write the methods of the Python client from the OpenAPI document
	mkdir -p .cache/check
	SIMSIM_DATA_DIR=.cache/check .venv/bin/python release/client.py

node-clients: .venv/run ## make the TypeScript client and the Postman collection in dist/ (needs Node.js)
	mkdir -p .cache/check
	SIMSIM_DATA_DIR=.cache/check .venv/bin/python release/node_clients.py dist

release: docs ## build the packages into dist/, with the list of what they contain and from what they were built
	rm -rf dist
	.venv/bin/python release/build.py dist
	.venv/bin/python release/debian.py dist
	.venv/bin/python release/provenance.py dist

lock: ## update the locks of the dependencies (needs uv)
	for set in package "run --extra checkout" "docs --extra checkout --extra docs" \
	  "test --extra checkout --extra docs --extra test" "bench --extra checkout --extra docs --extra test --extra bench"; do \
	  set -- $$set; name=$$1; shift; \
	  uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	    pyproject.toml --extra server $$@ -o requirements/$$name.txt || exit 1; done

clean: ## remove the environment and the demo's state
	rm -rf .venv $(DEMO_DIR) .mypy_cache .pytest_cache .ruff_cache .hypothesis

parts: ## install the real parts that the tests need: PostgreSQL, PgBouncer, nginx, HAProxy, Chromium and others
	@tests/parts

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Simsim needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv

# The locks are nested (package < run < docs < test < bench), so a larger one also satisfies the smaller one. Each lock
# is complete, so nothing is resolved during installation.
.venv/run .venv/docs .venv/test .venv/bench: .venv/%: requirements/%.txt pyproject.toml | .venv/bin/python
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/$*.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
