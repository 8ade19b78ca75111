#!/usr/bin/env bash
# Builds the Rust library of the hot paths (runtime/) into .venv, where a Rust compiler is found. Nothing needs it: without
# it everything does the same, more slowly, and set-up goes on. Called by scripts/setup.sh.
#
#   scripts/runtime.sh          build and install
#   scripts/runtime.sh --check  its form, lint and own tests
#   scripts/runtime.sh --audit  known vulnerabilities in its crates (cargo-audit; needs an advisory service)
#   scripts/runtime.sh --lock   write requirements/runtime.lock from runtime/Cargo.toml
#
# That lock is cargo's own without the lines that name its registry: they are put back for cargo while it builds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

MANIFEST="runtime/Cargo.toml"
CARGO_LOCK="runtime/Cargo.lock"
KEPT_LOCK="requirements/runtime.lock"
LOG=".tools/runtime.log"
NOT_FETCHED="the crates of the Rust library could not be fetched"

# As cargo itself names where packages come from: it says so of any dependency, without asking anybody.
registry() {
  "$CARGO" metadata --no-deps --offline --format-version 1 --manifest-path "$MANIFEST" |
    sed -n 's/.*"source":"\(registry+[^"]*\)".*/\1/p'
}

restore_lock() {
  local source
  source="$(registry)"
  awk -v source="$source" '/^checksum = / {print "source = \"" source "\""} {print}' "$KEPT_LOCK" >"$CARGO_LOCK"
}

keep_lock() {
  "$CARGO" update --quiet --workspace --manifest-path "$MANIFEST"
  sed '/^source = /d' "$CARGO_LOCK" >"$KEPT_LOCK"
  say "$KEPT_LOCK: $(grep -c '^checksum' "$KEPT_LOCK") packages"
}

# Where no registry is reached there is nothing to build from, which is no fault of the code.
fetch_crates() {
  mkdir -p "$(dirname "$LOG")"
  "$CARGO" fetch --locked --quiet --manifest-path "$MANIFEST" >"$LOG" 2>&1 && return
  printf '%s\n%s\n' "$NOT_FETCHED" "$(cat "$LOG")" >"$LOG"
  say "setup: $NOT_FETCHED ($LOG says why); the hot paths run in Python, more slowly"
  return 1
}

build_runtime() {
  local wheels=".tools/runtime"
  rm -rf "$wheels" && mkdir -p "$wheels"
  PATH="$(dirname "$CARGO"):$PATH" .venv/bin/python -m maturin build --release --locked --quiet --manifest-path "$MANIFEST" \
    --interpreter .venv/bin/python --out "$wheels"
  "$UV" pip install --quiet --python .venv/bin/python --no-deps --reinstall "$wheels"/*.whl
}

check_runtime() {
  local cargo_in_path
  cargo_in_path="$(dirname "$CARGO"):$PATH"
  for what in "fmt --check" "clippy --locked --quiet --all-targets --features python -- -D warnings" "test --locked --quiet"; do
    # shellcheck disable=SC2086
    (cd runtime && PATH="$cargo_in_path" "$CARGO" $what)
  done
}

audit_runtime() {
  "$CARGO" audit --version >/dev/null 2>&1 || fail "cargo audit was not found." "Get it:  cargo install --locked cargo-audit"
  "$CARGO" audit --deny warnings --file "$CARGO_LOCK"
}

install_runtime() {
  if build_runtime >"$LOG" 2>&1; then
    say "setup: the hot paths run in Rust ($("$CARGO" --version))"
  else
    say "setup: the Rust library was not built ($LOG says why); the hot paths run in Python, more slowly"
  fi
}

runtime_main() {
  local option="${1:-}"
  case "$option" in --audit | --check | --lock | "") ;; *) fail "unknown option $option; there are --audit, --check and --lock" ;; esac
  if ! find_cargo; then
    [ "$option" != --audit ] || fail "no Rust compiler found: its crates were not looked at."
    say "setup: no Rust compiler found; the hot paths run in Python, more slowly"
    return
  fi
  [ ! -f "$KEPT_LOCK" ] || restore_lock
  case "$option" in
    --lock) keep_lock ;;
    --audit) audit_runtime ;;
    --check) if fetch_crates; then check_runtime; fi ;;
    *) if fetch_crates; then require_uv && install_runtime; fi ;;
  esac
}

runtime_main "$@"
