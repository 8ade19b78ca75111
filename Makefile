# `make help` lists the targets. Every target that needs Python calls `setup`, which takes 0.02 s when nothing changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Where the environment forbids bytecode files, each of the hundreds of processes that the tests start compiles a
# thousand modules anew: half of its start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
CHIMERA := .venv/bin/chimera
PYTEST := $(PYTHON) -m pytest
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COVERAGE_MIN := 80
# One more than there are cores: many tests wait for processes.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SEEDS ?= 200
CORPORA ?= ../shared/corpora
ARGS ?=

##@ Start
help: ## List what there is to do
	@awk 'BEGIN {FS = ":[^#]*## "} /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-z][a-z0-9-]*:[^#]*## / {printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2}' Makefile

setup: ## Build .venv with the chimera command in it (fast when nothing changed)
	@bash scripts/setup.sh

setup-check: ## Say what set-up finds on this machine, and what is missing
	@bash scripts/setup.sh --check

install-dev: setup hooks ## Everything that a developer needs: the environment and the git hooks

anvil: setup ## Fetch the Ethereum node that the chain tests run against (once, into .tools/)
	@bash scripts/anvil.sh

run: setup ## Set up if need be, then run the fleet here (a rehearsal: no keys needed)
	@bash scripts/console.sh --if-able
	@$(CHIMERA) up $(ARGS)

up: run ## The same

demo: setup ## A rehearsal that ends by itself with a summary (ARGS="--agents 25 --json")
	@$(CHIMERA) demo $(ARGS)

console: setup ## Build the web console into the package (needs Node 20, or fetches it as a wheel)
	@bash scripts/console.sh $(ARGS)

doctor: setup ## Check this installation and say how to mend it
	@$(CHIMERA) doctor $(ARGS)

halt: setup ## Stop all effects now (ARGS="--scope …")
	@$(CHIMERA) halt $(ARGS)

resume: setup ## Lift a halt
	@$(CHIMERA) resume $(ARGS)

chronicle: setup ## This repository's newest commits as episodes of the running cast, in chronicle/ (ARGS="--commits 5")
	@$(CHIMERA) chronicle . $(ARGS)

audit-verify: setup ## Verify the chain of events
	@$(CHIMERA) audit verify $(ARGS)

##@ Check
check: check-static test ## Exactly what CI runs

check-static: format-check lint shell-check runtime-check typecheck imports architecture deps bandit trace docs-check deploy-check ## All of check but the tests

format: setup ## Format the code and mend what can be mended
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

format-check: setup ## Is everything formatted?
	@$(PYTHON) -m ruff format --quiet --diff .

lint: setup ## Lint (ruff)
	@$(PYTHON) -m ruff check .

shell-check: ## Shell scripts: syntax, and shellcheck where it is installed
	@for script in scripts/*.sh .ci/run; do bash -n "$$script"; done
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh .ci/run; fi

runtime-check: setup ## The Rust library: form, lint and its own tests, where a compiler is found
	@bash scripts/runtime.sh --check

typecheck: setup ## Types: strict in src (basedpyright)
	@.venv/bin/basedpyright

imports: setup ## Import contracts: who may know whom (DESIGN §3)
	@$(PYTHON) scripts/check_imports.py

architecture: setup ## Sizes, names, docstrings and the other house rules
	@$(PYTEST) -q tests/architecture $(ARGS)

deps: setup ## Declared dependencies are used, used ones are declared (deptry)
	@.venv/bin/deptry src

bandit: setup ## Known bad patterns in the source (bandit)
	@.venv/bin/bandit --quiet --recursive --configfile pyproject.toml src scripts

trace: setup ## Every requirement marked done has a test; every id named in a test exists
	@$(PYTHON) .specify/scripts/trace.py

console-shots: setup ## Pictures of every screen in docs/console, from a rehearsal (ARGS="reviews fleet")
	@bash scripts/console.sh
	@$(PYTHON) scripts/console_shots.py $(ARGS)

console-check: setup ## The console's types and lint
	@bash scripts/console.sh --check

docs-check: setup ## Links between our documents lead somewhere
	@$(PYTHON) scripts/check_links.py

deploy-check: setup ## Compose, workflows and chart values are well formed; helm lint where helm is installed
	@$(PYTHON) scripts/check_deploy.py
	@if command -v helm >/dev/null; then helm lint --strict deploy/helm/chimera; fi

pre-commit: setup ## Run every hook on every file
	@.venv/bin/pre-commit run --all-files

hooks: setup ## Install the git hooks
	@.venv/bin/pre-commit install --hook-type pre-commit --hook-type pre-push

##@ Test
test: setup anvil ## The tests as CI runs them, with the coverage gate (ten minutes at most on two cores)
	@$(PYTEST) -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_MIN) --durations 25 --durations-min 5 $(ARGS)

test-properties: setup ## Every property with all of its examples (a minute; `make test` tries a part of them)
	@$(PYTEST) -n $(WORKERS) -m hypothesis --hypothesis-profile thorough --timeout 900 $(ARGS)

test-fast: setup anvil ## The quick ones, without coverage (ARGS="-k gate")
	@$(PYTEST) -n $(WORKERS) --dist worksteal -m "not slow and not faults and not live" $(ARGS)

test-last: setup ## Only what failed the last time
	@$(PYTEST) --last-failed --last-failed-no-failures none $(ARGS)

test-faults: setup anvil ## Kill processes, fill disks, cut connections; lose nothing, double nothing
	@$(PYTEST) -m faults --timeout 900 $(ARGS)

live-tools: setup ## Fetch the real servers that the live tests speak to (once, into .tools/live/)
	@bash scripts/live-tools.sh

test-live: setup anvil live-tools ## Against real counterparts beside us: networks, chains, brokers (KILLS=5 for a shorter one)
	@$(PYTEST) -m live --timeout 600 $(ARGS)

coverage: setup anvil ## Coverage as pages in htmlcov/
	@$(PYTEST) -n $(WORKERS) --cov --cov-report=html --cov-report=term:skip-covered $(ARGS)

simulate: setup ## The whole fleet by seed, with crashes and disorder (SEEDS=2000)
	@$(PYTHON) -m chimera.testing.simulation --seeds $(SEEDS) $(ARGS)

mutants: setup ## Remove one named check at a time: a test must fail each time
	@$(PYTHON) -m chimera.testing.mutants $(ARGS)

##@ Show
show-failover: setup ## A model that answers 500, 429 or garbage, stalls or dies: the run ends on the local one, in time
	@$(PYTEST) -v -n0 tests/adapters/models/test_failover.py $(ARGS)

show-learning: setup ## Best of four against chance; held-out pairs; planted breaches of a constitution; people before judges
	@$(CHIMERA) bench best-of
	@$(PYTEST) -v -n0 tests/learning tests/pipeline/test_constitution.py tests/skills/test_best_of.py $(ARGS)

show-community: setup ## Two of ours and a foreign bot stop; triage by labels; no crisis missed; opt-outs outlast everything
	@$(PYTEST) -v -n0 tests/skills/test_triage.py tests/swarm/test_listening.py tests/adapters/postgres/test_consents.py tests/e2e/test_erasure.py $(ARGS)

show-calendar: setup ## A meeting of three on a real Radicale: a change of clocks, moved once, killed, invited once
	@$(PYTEST) -v -n0 tests/adapters/test_calendar.py $(ARGS)

show-media: setup ## Pictures and films with credentials, accepted by C2PA's own reader, or reported once changed
	@$(PYTEST) -v -n0 tests/skills/test_media.py tests/adapters/test_studio.py tests/adapters/test_objects.py tests/adapters/test_pictures.py tests/adapters/models/test_painting.py $(ARGS)

##@ Measure
bench: setup ## Governed decisions a second, for people
	@$(CHIMERA) bench swarm $(ARGS)

bench-swarm: setup ## The same at the size we promise, as one JSON object
	@$(CHIMERA) bench swarm --agents 2000 --seconds 20 --json $(ARGS)

bench-peers: setup ## The same governed task in LangGraph, DBOS, Celery, procrastinate and as a plain loop, beside ours
	@$(CHIMERA) bench peers --charts docs/reports $(ARGS)

guard-evaluate: setup ## The shipped detector on the corpora it was made from (CORPORA=folder)
	@$(CHIMERA) guard evaluate $(CORPORA)/injection_dev.jsonl $(ARGS)

guard-loco: setup ## Leave one corpus out: each judged by a model that saw nothing of it (some minutes)
	@$(CHIMERA) guard loco $(CORPORA)/injection_dev.jsonl $(ARGS)

guard-train: setup ## Train the detector's weights anew: the same bytes for the same corpus
	@$(CHIMERA) guard train $(CORPORA)/injection_dev.jsonl $(ARGS)

agentdojo: setup ## AgentDojo behind our gate: attack success and utility, all suites (some minutes; own environment)
	@bash scripts/agentdojo.sh $(ARGS)

privacy-evaluate: setup ## The recognisers of personal data, per type
	@$(CHIMERA) privacy evaluate $(CORPORA)/pii_dev.jsonl $(ARGS)

##@ Dependencies and security
lock: ## Write requirements/*.lock after a change in pyproject.toml (a week's cool-down)
	@bash scripts/lock.sh

upgrade: ## Lock the newest releases that are a week old
	@UPGRADE=1 bash scripts/lock.sh

audit: setup ## Known vulnerabilities in what is locked (pip-audit; needs an advisory service, and fails without)
	@.venv/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement requirements/dev.lock

audit-crates: ## The same for the crates of runtime/ (cargo-audit; needs an advisory service, and fails without)
	@bash scripts/runtime.sh --audit

pentest: setup ## Attack ourselves, scan source, dependencies and API, write a dated report (ARGS="--api URL" for one that runs)
	@$(PYTHON) scripts/pentest.py $(ARGS)

security: bandit audit ## Both of the above: source and dependencies

##@ Ship
package: setup ## Build the wheel and the source archive into dist/
	@bash scripts/console.sh
	@$(PYTHON) -m hatchling build

release-notes: ## What changed since the last tag
	@git log --no-merges --reverse --format='- %s (%h)' $$(git describe --tags --abbrev=0 2>/dev/null | sed 's/$$/../')

docker-build: ## Build the image (needs Docker)
	@bash scripts/deploy.sh image $(VERSION)

docker-up: ## Run the fleet in containers (needs Docker; PROFILE=roles: one container per role)
	@bash scripts/deploy.sh compose up --detach --wait

docker-logs: ## Follow the containers' logs
	@bash scripts/deploy.sh compose logs --follow --tail 100

docker-down: ## Stop the containers; volumes stay
	@bash scripts/deploy.sh compose down

deploy-staging: ## Staging, 3 nodes (needs helm and a cluster)
	@bash scripts/deploy.sh release staging $(VERSION)

deploy-prod: ## Production, 10 nodes and more (needs helm, a cluster and CONFIRM=production)
	@bash scripts/deploy.sh release production $(VERSION)

##@ Repository
sync: ## Back up uncommitted work without touching it, and push the backups
	@bash scripts/sync.sh

check-sync: ## When did sync last run, and what is backed up? Fails when it is stale
	@bash scripts/sync.sh --check

clean: ## Remove caches and what builds left (not .venv)
	@rm -rf build dist console/dist htmlcov coverage.xml .coverage .coverage.* .pytest_cache .ruff_cache .import_linter_cache
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## Remove the environment too
	@rm -rf .venv .uv

.PHONY: $(shell sed -n 's/^\([a-z][a-z0-9-]*\):.*/\1/p' Makefile)
