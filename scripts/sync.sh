#!/usr/bin/env bash
# Backs up uncommitted work as a commit under refs/backup/, without touching the work tree, the index or any branch, and
# pushes these refs where there is a remote. Untracked files are in it, ignored ones are not.
#
#   scripts/sync.sh           run once (cron, every three hours:  0 */3 * * *  cd /path/to/chimera && make sync)
#   scripts/sync.sh --check   last run, its age, the backups; exit 1 when it is stale or failed
#
# Getting a file back:  git restore --source refs/backup/HOST/DATE -- path
set -euo pipefail

BACKUPS_MAX=56                              # a week of three-hourly ones
LOG_BYTES_MAX=262144
STALE_SECONDS="${STALE_SECONDS:-23400}"     # two runs missed, and half an hour of grace

say() { printf '%s\n' "$*"; }

git_dir="$(git rev-parse --path-format=absolute --git-common-dir)" || { say "sync: this is no git repository" >&2; exit 2; }
cd "$(git rev-parse --show-toplevel)"
log="$git_dir/chimera-sync.log"
state="$git_dir/chimera-sync.state"         # SECONDS OUTCOME of the last run
lock="$git_dir/chimera-sync.lock"
host="$(uname -n | tr -c 'A-Za-z0-9\n' '-')"
backups="refs/backup/$host"

note() {
  if [ -f "$log" ] && [ "$(wc -c <"$log")" -gt "$LOG_BYTES_MAX" ]; then mv -f "$log" "$log.1"; fi
  say "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$log"
  say "sync: $*"
}

# ── one at a time ─────────────────────────────────────────────────────────────────────────────────────────────────────

take_lock() {
  if mkdir "$lock" 2>/dev/null; then
    say $$ >"$lock/pid"
    return
  fi
  local holder
  holder="$(cat "$lock/pid" 2>/dev/null || say 0)"
  if [ "$holder" != 0 ] && kill -0 "$holder" 2>/dev/null; then
    say "sync: another run (process $holder) is at work; nothing done"
    exit 0
  fi
  # Its holder is dead. Only one of us can move the lock away, and the next run goes on.
  mv "$lock" "$lock.dead.$$" 2>/dev/null && rm -rf "$lock.dead.$$"
  mkdir "$lock" 2>/dev/null || { say "sync: another run was quicker; nothing done"; exit 0; }
  say $$ >"$lock/pid"
}

leave() {
  local status=$?
  local outcome=ok
  [ "$status" = 0 ] || outcome=failed
  say "$(date +%s) $outcome" >"$state"
  rm -rf "$lock" "$scratch"
}

# ── the backup ────────────────────────────────────────────────────────────────────────────────────────────────────────

# The tree that `git add --all` and `git commit` would write, by way of an index of our own.
tree_of_work() {
  local index
  index="$(git rev-parse --git-path index)"
  # With its date: git looks again at files as young as their index, and a copy that looks younger would hide a change.
  if [ -f "$index" ]; then cp -p "$index" "$scratch/index"; fi
  export GIT_INDEX_FILE="$scratch/index"
  git add --all -- . 2>>"$log"
  git write-tree
  unset GIT_INDEX_FILE
}

tree_of() { git rev-parse --quiet --verify "$1^{tree}"; }

newest_backup() { git for-each-ref --sort=-refname --count=1 --format='%(refname)' "$backups"; }

back_up() {
  local before tree newest ref
  before="$(tree_of HEAD || git hash-object -t tree /dev/null)"
  tree="$(tree_of_work)"
  newest="$(newest_backup)"
  if [ "$tree" = "$before" ]; then
    note "nothing uncommitted"
  elif [ -n "$newest" ] && [ "$tree" = "$(tree_of "$newest")" ]; then
    note "no change since $newest"
  else
    ref="$backups/$(date -u +%Y%m%dT%H%M%SZ)"
    # Must not exist: two runs within a second do not overwrite each other's backup.
    git update-ref "$ref" "$(commit_of "$tree")" ""
    note "$(git diff-tree -r --name-only "$before" "$tree" | wc -l | tr -d ' ') changed files kept as $ref"
  fi
}

commit_of() {
  local message
  message="Uncommitted work on $(git symbolic-ref --quiet --short HEAD || say 'no branch')"
  if tree_of HEAD >/dev/null; then say "$message" | as_sync commit-tree "$1" -p HEAD; else say "$message" | as_sync commit-tree "$1"; fi
}

# A machine without a name for its committer can be backed up too.
as_sync() { git -c user.name=chimera-sync -c user.email=chimera-sync@localhost "$@"; }

prune() {
  git for-each-ref --sort=-refname --format='%(refname)' "$backups" | tail -n +$((BACKUPS_MAX + 1)) |
    while IFS= read -r ref; do git update-ref -d "$ref"; done
}

push() {
  local remote
  remote="$(git remote | head -n 1)"
  if [ -z "$remote" ]; then
    note "no remote; the backups stay here"
  elif [ -n "$(newest_backup)" ]; then
    # Only our own refs: pruned here is pruned there, and other machines' backups stay.
    git push --quiet --no-verify --prune "$remote" "+$backups/*:$backups/*" 2>>"$log" || { note "could not push to $remote; see $log"; return 1; }
    note "backups pushed to $remote"
  fi
}

# ── the report ────────────────────────────────────────────────────────────────────────────────────────────────────────

check() {
  local seconds=0 outcome=never age
  if [ -f "$state" ]; then read -r seconds outcome <"$state"; fi
  age=$(($(date +%s) - seconds))
  if [ "$outcome" = never ]; then say "last run: never (make sync)"; else say "last run: $((age / 60)) minutes ago, $outcome"; fi
  say "backups:  $(git for-each-ref --format=x "$backups" | wc -l | tr -d ' '), newest $(newest_backup | grep . || say none)"
  say "log:      $log"
  [ "$outcome" = ok ] && [ "$age" -le "$STALE_SECONDS" ] && return
  say "sync is not in order: it should have run well within $((STALE_SECONDS / 60)) minutes" >&2
  return 1
}

case "${1:-}" in
  --check) check ;;
  "")
    take_lock
    scratch="$(mktemp -d)"
    trap leave EXIT
    trap 'exit 1' INT TERM
    back_up
    prune
    push
    ;;
  *) say "sync: unknown option $1; there is only --check" >&2; exit 2 ;;
esac
