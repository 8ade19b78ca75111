#!/usr/bin/env bash
# Writes requirements/*.lock from pyproject.toml: hashes for every platform, no host in any file.
# A release younger than the cool-down is not taken: most poisoned releases are found within days.
#
#   scripts/lock.sh             keep what is locked, add what is new
#   UPGRADE=1 scripts/lock.sh   take the newest that is old enough
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

COOL_DOWN_DAYS="${COOL_DOWN_DAYS:-7}"

lock() { # lock OUTPUT SOURCE [OPTION…]
  local output="requirements/$1" source="$2"
  shift 2
  "$UV" pip compile "$source" "$@" ${UPGRADE:+--upgrade} --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --exclude-newer "$newest" --output-file "$output"
  say "$output: $(grep -c '==' "$output") packages, none younger than $newest"
}

require_python
require_uv
adopt_pip_settings
# Find-links are for installing: a lock that knew one machine's wheels would not hold on the next.
unset UV_FIND_LINKS
newest="$("$PYTHON" -c "import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(days=$COOL_DOWN_DAYS))")"
lock dev.lock pyproject.toml --extra dev
# The smaller sets hold the very versions that the tests ran with.
lock base.lock pyproject.toml --constraint requirements/dev.lock
lock fleet.lock pyproject.toml --extra fleet --constraint requirements/dev.lock
lock tools.lock requirements/tools.in --constraint requirements/dev.lock
# Not held to our own versions: nothing of it runs with us.
lock agentdojo.lock requirements/agentdojo.in
lock clients.lock requirements/clients.in
lock clients_langgraph.lock requirements/clients_langgraph.in
# The crates of runtime/. They have no cool-down: cargo knows none; their versions are chosen by hand in Cargo.toml.
bash scripts/runtime.sh --lock
