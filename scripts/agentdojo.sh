#!/usr/bin/env bash
# Runs bench/agentdojo behind our gate, in an environment of its own that is made from requirements/agentdojo.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

require_python
require_uv
adopt_pip_settings
environment=.venv-agentdojo
if ! cmp --silent requirements/agentdojo.lock "$environment/installed.lock"; then
  rm -rf "$environment"
  "$UV" venv --quiet --python "$PYTHON" "$environment"
  "$UV" pip install --quiet --require-hashes --python "$environment/bin/python" --requirement requirements/agentdojo.lock
  cp requirements/agentdojo.lock "$environment/installed.lock"
fi
PYTHONPATH=src exec "$environment/bin/python" -W ignore bench/agentdojo/run.py "$@"
