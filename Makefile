# Every target sets up what it needs; the environment lives in .venv and is made once.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
POSTGRES = $(shell command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)
TYPES := .venv/node/node_modules/.bin/tsc
CLUSTERS := /etc/postgresql-common/createcluster.conf
SYSTEMD = $(shell command -v systemd-analyze)
RSYSLOG = $(shell command -v rsyslogd || ls /usr/sbin/rsyslogd 2>/dev/null)
POLICY := /usr/sbin/policy-rc.d

.DEFAULT_GOAL := help
.PHONY: help demo demo-kafka test lint bench soak verdicts retraining large dashboards pictures lock clean packages

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(READY)  ## watch planted insiders being caught in a simulated insurer's log
	$(BIN)/innerwatch demo --out demo-output

demo-kafka: $(READY) packages  ## watch workers share a topic while one of them is killed; needs Java and PostgreSQL
	$(BIN)/python -m tests.real.demo

lint: $(READY)  ## ruff, mypy --strict and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What tests of real components need and Python packages do not bring; asked of apt only by root and only where missing.
# Debian starts the servers that it installs; the tests start their own. invoke-rc.d asks policy-rc.d, which says no for as
# long as an installation takes; PostgreSQL's has to be told not to make a cluster as well.
define install
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && { \
	made=; test -e $(POLICY) || { printf '#!/bin/sh\nexit 101\n' >$(POLICY) && chmod +x $(POLICY) && made=yes; }; \
	DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends $(1); \
	code=$$?; test -z "$$made" || rm $(POLICY); test "$$code" = 0; }; }
endef

packages:
	@test -n "$(POSTGRES)" || { mkdir -p $(dir $(CLUSTERS)) && \
		{ test -e $(CLUSTERS) || echo "create_main_cluster = false" >$(CLUSTERS); } && $(call install,postgresql); } || \
		echo "no PostgreSQL: tests that need a PostgreSQL server are skipped" >&2
	@{ command -v java && command -v mvn; } >/dev/null || $(call install,openjdk-17-jre-headless maven) || \
		echo "no Java or Maven: tests that need a Kafka broker are skipped" >&2
	@command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || \
		$(call install,prometheus-alertmanager) || \
		echo "no Alertmanager: tests that need an Alertmanager are skipped" >&2
	@test -n "$(RSYSLOG)" || $(call install,rsyslog rsyslog-openssl) || \
		echo "no rsyslog: tests that need an rsyslog server are skipped" >&2
	@test -n "$(SYSTEMD)" || $(call install,systemd) || \
		echo "no systemd: tests that need systemd-analyze are skipped" >&2
	@{ command -v prometheus && command -v promtool; } >/dev/null || $(call install,prometheus) || \
		echo "no Prometheus: tests that need a Prometheus are skipped" >&2
	@test -x $(TYPES) || { command -v npm >/dev/null && mkdir -p .venv/node && \
		npm install --prefix .venv/node --no-audit --no-fund --silent @grafana/schema@11.6.0 typescript@5.8 ; } || \
		echo "no npm: tests that need Node.js with Grafana's types are skipped" >&2

test: $(READY)  ## everything: lint, the fast tests, then the slow ones
	$(MAKE) --jobs=2 --output-sync lint packages
	$(BIN)/pytest -q -n 2 -m "not slow"
	$(BIN)/pytest -q -n 2 -m slow

bench: $(READY) packages  ## measure speed, memory and latency on one core
	$(BIN)/python -m tests.bench

SOAK_MINUTES ?= 20
soak: $(READY) packages  ## run workers for SOAK_MINUTES (20) through kills and restarts: memory must not grow
	$(BIN)/python -m tests.real.soak --minutes $(SOAK_MINUTES)

dashboards: $(READY)  ## write Grafana's dashboards and the page of metrics anew, after a change of what they say
	$(BIN)/python -m deploy.build

pictures: $(READY) packages  ## draw what the dashboards' panels get from a real run, without Grafana
	$(BIN)/python -m tests.real.pictures

retraining: $(READY)  ## what a retrained bundle finds on simulated insurers that nothing was learned from
	$(BIN)/python -m tests.real.retraining

LARGE_ROWS ?= 50000000
large: $(READY)  ## export LARGE_ROWS (50,000,000) events and train on them: memory and time, beside pandas; an hour and more
	$(BIN)/python -m tests.real.large --rows $(LARGE_ROWS)

verdicts: $(READY)  ## what analysts' verdicts spare them, on simulated insurers
	$(BIN)/python -m tests.real.verdicts

LOCK = $(BIN)/uv pip compile --quiet --python-version 3.11 --python-platform linux --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --upgrade
lock: $(READY)  ## pin what the container installs, with hashes, to the newest that setup.cfg allows
	$(LOCK) --extra batch --output-file deploy/requirements.txt setup.cfg
	echo setuptools | $(LOCK) --output-file deploy/build-requirements.txt -

clean:  ## remove what the other targets made
	rm -rf .venv build dist demo-output dashboard-pictures *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
