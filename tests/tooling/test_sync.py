"""Sync keeps uncommitted work and touches nothing. Every repository here is a temporary one."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SYNC = Path(__file__).resolve().parents[2] / "scripts" / "sync.sh"
# No settings of the machine's own, and no repository that a git hook may have named.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "LC_ALL": "C",
}

pytestmark = pytest.mark.requirement("R-M3")


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
        ).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def sync(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", SYNC, *options],
            cwd=self.folder,
            env=ENVIRONMENT | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def backups(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname)", "refs/backup").split()

    def state(self) -> tuple[str, ...]:
        """All that sync must not touch."""
        facts = (("rev-parse", "HEAD"), ("status", "--porcelain"), ("stash", "list"), ("branch", "--verbose"))
        said = [self.git("--no-optional-locks", *fact) for fact in facts]
        index = (self.folder / ".git" / "index").read_bytes().hex()
        files = [path for path in sorted(self.folder.iterdir()) if path.is_file()]
        return (index, *said, *(f"{path} {path.stat().st_mtime_ns}" for path in files))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "work")
    repository.folder.mkdir()
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.write("kept.txt", "one\n")
    repository.write("gone.txt", "one\n")
    repository.write(".gitignore", "secret.*\n")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=first")
    return repository


def change(repository: Repository) -> None:
    """Staged, unstaged, deleted, untracked and ignored."""
    repository.write("staged.txt", "staged\n")
    repository.git("add", "staged.txt")
    repository.write("kept.txt", "two\n")
    (repository.folder / "gone.txt").unlink()
    repository.write("new.txt", "new\n")
    repository.write("secret.key", "hush\n")


def test_uncommitted_work_is_kept_and_nothing_is_touched(repository: Repository) -> None:
    change(repository)
    before = repository.state()
    done = repository.sync()
    assert done.returncode == 0, done.stderr
    assert repository.state() == before
    (ref,) = repository.backups()
    assert repository.git("ls-tree", "--name-only", ref).split() == [".gitignore", "kept.txt", "new.txt", "staged.txt"]
    assert repository.git("show", f"{ref}:kept.txt") == "two"
    assert repository.git("rev-parse", f"{ref}^") == repository.git("rev-parse", "HEAD")
    assert "4 changed files kept" in done.stdout


def test_a_change_as_young_as_the_index_is_seen(repository: Repository) -> None:
    # Same size, same date: git can tell only because the index is no younger.
    repository.git("config", "core.trustctime", "false")
    kept, index = repository.folder / "kept.txt", repository.folder / ".git" / "index"
    long_ago = (1_600_000_000, 1_600_000_000)
    os.utime(kept, long_ago)
    repository.git("update-index", "--refresh")
    repository.write("kept.txt", "two\n")
    os.utime(kept, long_ago)
    os.utime(index, long_ago)
    repository.sync()
    assert repository.git("show", f"{repository.backups()[0]}:kept.txt") == "two"


def test_nothing_to_do_is_said(repository: Repository) -> None:
    done = repository.sync()
    assert done.returncode == 0
    assert "nothing uncommitted" in done.stdout
    assert repository.backups() == []


def test_the_same_work_is_kept_once(repository: Repository) -> None:
    change(repository)
    first, second = repository.sync(), repository.sync()
    assert "no change since refs/backup/" in second.stdout, (first, second)
    assert len(repository.backups()) == 1


def test_a_repository_without_a_commit_is_backed_up(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.git("init", "--quiet")
    assert "nothing uncommitted" in repository.sync().stdout
    repository.write("first.txt", "one\n")
    assert repository.sync().returncode == 0
    assert repository.git("ls-tree", "--name-only", repository.backups()[0]) == "first.txt"


def test_work_in_a_linked_work_tree_is_kept_too(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    other = Repository(tmp_path / "other")
    other.write("there.txt", "x\n")
    assert other.sync().returncode == 0
    assert repository.git("show", f"{repository.backups()[0]}:there.txt") == "x"


def test_a_conflict_that_is_being_mended_is_kept_as_it_stands(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "side")
    repository.write("kept.txt", "side\n")
    repository.git("commit", "--quiet", "--all", "--message=side")
    repository.git("switch", "--quiet", "main")
    repository.write("kept.txt", "main\n")
    repository.git("commit", "--quiet", "--all", "--message=main")
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "side")
    before = repository.state()
    assert repository.sync().returncode == 0
    assert repository.state() == before
    assert "<<<<<<<" in repository.git("show", f"{repository.backups()[0]}:kept.txt")


def test_a_run_in_progress_is_left_alone(repository: Repository) -> None:
    change(repository)
    lock = repository.folder / ".git" / "chimera-sync.lock"
    lock.mkdir()
    (lock / "pid").write_text(f"{os.getpid()}\n")
    done = repository.sync()
    assert done.returncode == 0
    assert "another run" in done.stdout
    assert repository.backups() == []
    assert lock.exists()


def test_the_lock_of_a_dead_run_is_taken_over(repository: Repository) -> None:
    change(repository)
    lock = repository.folder / ".git" / "chimera-sync.lock"
    lock.mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    (lock / "pid").write_text(f"{dead.pid}\n")
    assert repository.sync().returncode == 0
    assert len(repository.backups()) == 1
    assert not lock.exists()


def test_backups_are_pushed_where_there_is_a_remote(repository: Repository, tmp_path: Path) -> None:
    remote = Repository(tmp_path / "remote.git")
    remote.folder.mkdir()
    remote.git("init", "--quiet", "--bare")
    repository.git("remote", "add", "origin", str(remote.folder))
    change(repository)
    assert repository.sync().returncode == 0
    assert remote.backups() == repository.backups()
    # Branches are a person's to push.
    assert remote.git("branch", "--list") == ""


def test_a_remote_that_is_gone_fails_and_the_backup_stays(repository: Repository) -> None:
    repository.git("remote", "add", "origin", "/nowhere/at/all")
    change(repository)
    assert repository.sync().returncode == 1
    assert len(repository.backups()) == 1
    assert repository.sync("--check").returncode == 1


def test_old_backups_go(repository: Repository) -> None:
    host = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in os.uname().nodename)
    for day in range(60):
        repository.git("update-ref", f"refs/backup/{host}/20200101T{day:06}Z", "HEAD")
    change(repository)
    repository.sync()
    assert len(repository.backups()) == 56
    assert repository.backups()[-1] > f"refs/backup/{host}/2021"


def test_the_log_is_rotated(repository: Repository) -> None:
    log = repository.folder / ".git" / "chimera-sync.log"
    log.write_text("x" * 300_000)
    repository.sync()
    assert log.stat().st_size < 1000
    assert (log.parent / "chimera-sync.log.1").stat().st_size == 300_000


def test_the_report(repository: Repository) -> None:
    never = repository.sync("--check")
    assert (never.returncode, "never" in never.stdout) == (1, True)
    change(repository)
    repository.sync()
    good = repository.sync("--check")
    assert good.returncode == 0
    assert "0 minutes ago, ok" in good.stdout
    assert repository.backups()[0] in good.stdout
    (repository.folder / ".git" / "chimera-sync.state").write_text(f"{int(time.time()) - 30_000} ok\n")
    stale = repository.sync("--check")
    assert (stale.returncode, "500 minutes ago" in stale.stdout) == (1, True)


def test_outside_a_repository_it_says_so(tmp_path: Path) -> None:
    done = Repository(tmp_path).sync(GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.returncode == 2
    assert "no git repository" in done.stderr
