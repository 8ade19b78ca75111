#!/usr/bin/env bash
# Makes .venv from the hash-locked requirements, with the `chimera` command in it. Needs Python 3.11+ and nothing else:
# uv is found where people have it, or fetched with pip into .uv/. Says what is missing and how to get it; as root on
# Debian it installs it. Changes nothing outside this folder otherwise, and nothing at all when nothing has changed.
#
#   scripts/setup.sh           build or renew the environment
#   scripts/setup.sh --check   print what was found; exit 1 when something needed is missing
#
# Knows bash 3.2, which macOS has.
set -euo pipefail

LOCK="requirements/dev.lock"
TOOLS_LOCK="requirements/tools.lock"
STAMP=".venv/.chimera-stamp"
SYSTEM_FOLDERS="${SYSTEM_FOLDERS-/opt/homebrew/bin /usr/local/bin /home/linuxbrew/.linuxbrew/bin /usr/bin}"
PYTHON="${PYTHON:-}"
FETCHER=""
UV="${UV:-}"
CARGO="${CARGO:-}"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  return 1
}

# ── what kind of machine ──────────────────────────────────────────────────────────────────────────────────────────────

system_name() {
  case "$(uname -s)" in
    Darwin) say macOS ;;
    Linux) if grep -qi microsoft "${PROC_VERSION:-/proc/version}" 2>/dev/null; then say WSL; else say Linux; fi ;;
    *) uname -s ;;
  esac
}

may_install() { [ "$(id -u)" = 0 ] && [ -f "${DEBIAN_MARK:-/etc/debian_version}" ] && command -v apt-get >/dev/null; }

apt_install() {
  say "setup: installing $* (root on Debian)"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

advice_for_python() {
  case "$(system_name)" in
    macOS) say "brew install python@3.12" ;;
    WSL | Linux) say "sudo apt install python3 python3-venv python3-pip   (or your distribution's packages, or pyenv)" ;;
    *) say "use Linux, macOS or WSL" ;;
  esac
}

# ── Python ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# A candidate is run, not only found: a pyenv shim exists for versions that are switched off.
python_serves() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python_candidates() {
  local name folder
  [ -z "$PYTHON" ] || say "$PYTHON"
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    type -P "$name" || true
  done
  for folder in "${HOME:-/nowhere}"/.pyenv/versions/*/bin $SYSTEM_FOLDERS; do
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
      [ ! -x "$folder/$name" ] || say "$folder/$name"
    done
  done
}

# Microseconds for the same small work. A build without profile-guided optimisation, as pyenv makes them unless told
# otherwise, takes half as long again: for everything that runs here, every day.
python_took_us() {
  "$1" -I -S -c '
import time
def work():
    kept = {}
    for number in range(60000):
        kept[number & 255] = (number, str(number))
def once():
    since = time.perf_counter()
    work()
    return time.perf_counter() - since
print(round(1e6 * min(once() for _ in range(5))))' 2>/dev/null || true
}

# Both in turns, and the best of each: a machine that others share is twice as fast in one second as in the next.
is_clearly_faster() {
  local turn took first="" second=""
  for turn in 1 2 3; do
    took="$(python_took_us "$1")" && first="$(least "$took" "$first")"
    took="$(python_took_us "$2")" && second="$(least "$took" "$second")"
  done
  is_faster_by_a_fifth "$first" "$second"
}

least() {
  case "$1" in '' | *[!0-9]*) say "$2" ;; *) if [ -z "$2" ] || [ "$1" -lt "$2" ]; then say "$1"; else say "$2"; fi ;; esac
}

is_faster_by_a_fifth() {
  case "$1$2" in '' | *[!0-9]*) return 1 ;; esac
  [ -n "$1" ] && [ -n "$2" ] && [ $(($1 * 5)) -lt $(($2 * 4)) ]
}

# PYTHON becomes the one that is named, or the first that serves, or another that is clearly faster. The first that serves
# is kept as FETCHER: it is the one that its owner has pip for.
find_python() {
  local candidate interpreter named="$PYTHON" best="" seen=" "
  while IFS= read -r candidate; do
    python_serves "$candidate" || continue
    # The interpreter itself: a shim's answer changes with the folder it is asked in, and an active .venv is about to go.
    interpreter="$("$candidate" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')"
    case "$seen" in *" $interpreter "*) continue ;; esac
    seen="$seen$interpreter "
    FETCHER="${FETCHER:-$interpreter}"
    if [ -n "$named" ] && [ "$candidate" = "$named" ]; then
      best="$interpreter"
      break
    fi
    if [ -z "$best" ] || is_clearly_faster "$interpreter" "$best"; then best="$interpreter"; fi
  done < <(python_candidates)
  [ -z "$best" ] || PYTHON="$best"
  [ -n "$best" ]
}

require_python() {
  find_python && return
  if may_install && apt_install python3 python3-venv python3-pip && find_python; then return; fi
  fail "Python 3.11 or newer was not found (looked in PATH, ~/.pyenv, Homebrew, /usr/local/bin, /usr/bin)." \
    "Get it:  $(advice_for_python)" "or say where it is:  PYTHON=/path/to/python3 make setup"
}

# ── uv ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

uv_candidates() {
  [ -z "$UV" ] || say "$UV"
  type -P uv || true
  local home="${HOME:-/nowhere}" folder
  for folder in .uv/bin "$home/.cargo/bin" "$home/.local/bin" $SYSTEM_FOLDERS; do
    [ ! -x "$folder/uv" ] || say "$folder/uv"
  done
}

find_uv() {
  local candidate
  while IFS= read -r candidate; do
    if "$candidate" pip sync --help >/dev/null 2>&1; then
      UV="$candidate"
      return 0
    fi
  done < <(uv_candidates)
  return 1
}

fetch_uv() {
  say "setup: fetching uv into .uv/ (none found in PATH, ~/.cargo/bin, ~/.local/bin, Homebrew)"
  rm -rf .uv
  if "$FETCHER" -c 'import ensurepip, venv' 2>/dev/null; then
    "$FETCHER" -m venv .uv && .uv/bin/python -m pip install --quiet --require-hashes -r "$TOOLS_LOCK"
  else
    # Debian splits venv from Python; pip alone will do, and a folder of its own is no system folder.
    "$FETCHER" -m pip install --quiet --require-hashes --target .uv -r "$TOOLS_LOCK"
  fi
}

require_uv() {
  find_uv && return
  if ! "$FETCHER" -c 'import ensurepip, venv' 2>/dev/null && ! "$FETCHER" -m pip --version >/dev/null 2>&1; then
    may_install && apt_install python3-venv python3-pip
  fi
  if fetch_uv && find_uv; then return; fi
  fail "uv was not found, and pip could not fetch it with $FETCHER." \
    "Get pip and venv:  $(advice_for_python)" "or get uv itself (Homebrew, cargo, pipx), or say where it is:  UV=/path/to/uv make setup"
}

# ── Rust, where it is ─────────────────────────────────────────────────────────────────────────────────────────────────

# CARGO becomes the first that runs; rustup leaves a name without a compiler behind where none was chosen.
find_cargo() {
  local candidate folder home="${HOME:-/nowhere}"
  for candidate in "$CARGO" "$(type -P cargo || true)" "$home/.cargo/bin/cargo"; do
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then CARGO="$candidate" && return 0; fi
  done
  for folder in $SYSTEM_FOLDERS; do
    if "$folder/cargo" --version >/dev/null 2>&1; then CARGO="$folder/cargo" && return 0; fi
  done
  return 1
}

# uv reads none of pip's settings; a machine whose pip needs certificates, a mirror or a folder of wheels needs them here too.
adopt_pip_settings() {
  local settings
  settings="$("$FETCHER" scripts/pip_settings.py)"
  eval "$settings"
}

# ── the environment ───────────────────────────────────────────────────────────────────────────────────────────────────

fingerprint() {
  local digest="shasum -a 256"
  if command -v sha256sum >/dev/null; then digest=sha256sum; fi
  # The folder is part of it: a moved environment has the old path in every script.
  { pwd; cat "$LOCK" pyproject.toml; runtime_sources; } | $digest
}

# What the Rust library is built from, and whether it can be: whoever gets a compiler later gets the library too.
runtime_sources() {
  [ -d runtime/src ] || return 0
  cat runtime/Cargo.toml runtime/pyproject.toml runtime/src/*.rs requirements/runtime.lock
  if find_cargo; then say cargo; fi
}

is_current() { [ -x .venv/bin/python ] && [ -x .venv/bin/chimera ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(fingerprint)" ]; }

build() {
  require_python
  require_uv
  adopt_pip_settings
  if ! [ -x .venv/bin/python ] || ! python_serves .venv/bin/python || [ "$(cat .venv/.chimera-home 2>/dev/null)" != "$PWD" ]; then
    "$UV" venv --quiet --clear --python "$PYTHON" .venv
    pwd >.venv/.chimera-home
  fi
  # A build that is broken off leaves no stamp.
  rm -f "$STAMP"
  "$UV" pip sync --quiet --python .venv/bin/python --require-hashes "$LOCK"
  "$UV" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
  UV="$UV" PYTHON="$PYTHON" CARGO="$CARGO" bash scripts/runtime.sh
  fingerprint >"$STAMP"
  say "setup: .venv is ready ($(.venv/bin/python --version), $(.venv/bin/python -c 'import sys; print(sys.prefix)'))"
}

finding() { printf '  %-8s %s\n' "$1" "$2"; }

optional_finding() { finding "$1" "$(type -P "$1" || say "not found: $2")"; }

check() {
  local missing=0
  say "setup: what this machine has"
  finding system "$(system_name)"
  if find_python; then finding python "$PYTHON ($("$PYTHON" --version))"; else missing=1 && finding python "MISSING: $(advice_for_python)"; fi
  if find_uv; then finding uv "$UV ($("$UV" --version))"; else finding uv "not found: setup fetches it with pip"; fi
  if find_cargo; then finding cargo "$CARGO"; else finding cargo "not found: the hot paths run in Python, more slowly"; fi
  if is_current; then finding .venv "up to date"; else finding .venv "to be built: make setup"; fi
  optional_finding git "needed to commit, and by make sync"
  optional_finding make "needed for every target"
  optional_finding docker "needed by docker-* only"
  optional_finding helm "needed by deploy-* only"
  if [ "$(system_name)" = WSL ] && [ "${PWD#/mnt/}" != "$PWD" ]; then
    finding note "this folder is on the Windows disk: ten times slower than one under your Linux home"
  fi
  return "$missing"
}

main() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  case "${1:-}" in
    --check) check ;;
    "") is_current || build ;;
    *) fail "unknown option $1; there is only --check" ;;
  esac
}

# Sourced by scripts/lock.sh and by the tests, it only defines.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
