"""Keep new objects from a gc that began before a ref held them; gc itself is played by removing files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness import Lab

from gitexp.git.gc import Keeper, gc_runs
from gitexp.git.objects import write_commit, write_files
from gitexp.git.repo import Repo


def repo_of(lab: Lab) -> Repo:
    return Repo(root=lab.path, git_dir=lab.path / ".git", common_dir=lab.path / ".git")


@pytest.fixture
def alone(fresh: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A repository that is also what git calls of this process see."""
    for name, value in fresh.env.items():
        monkeypatch.setenv(name, value)
    return fresh


def append_by_hand(lab: Lab, file: Path) -> tuple[str, tuple[str, ...]]:
    """A commit on main that holds one file; its id, and the ids of its other objects."""
    repo = repo_of(lab)
    tree, objects = write_files(repo, {"deep/file": file}, trees={})
    commit = write_commit(repo, tree=tree, parents=[lab.git("rev-parse", "main").strip()], message="run\n")
    lab.git("update-ref", "refs/heads/main", commit)
    return commit, objects


def loose(lab: Lab, oid: str) -> Path:
    return lab.path / ".git" / "objects" / oid[:2] / oid[2:]


def note_gc(lab: Lab, words: str) -> None:
    lab.write(".git/gc.pid", words)


def test_a_file_and_its_trees_are_all_that_is_written(alone: Lab) -> None:
    commit, objects = append_by_hand(alone, alone.path / "README")
    listing = alone.git("rev-list", "--objects", commit, "^main~1").split("\n")
    assert {commit, *objects} == {line.split(" ")[0] for line in listing if line} | {objects[0]}
    assert len(objects) == 3


def test_what_is_whole_is_left_as_it_is(alone: Lab) -> None:
    keeper = Keeper(repo_of(alone))
    commit, objects = append_by_hand(alone, alone.path / "README")
    keeper.keep(commit, objects, rewrite=lambda: pytest.fail("nothing was lost"))
    assert list((alone.path / ".git" / "objects" / "pack").iterdir()) == []


def test_objects_that_are_gone_are_written_again(alone: Lab) -> None:
    file = alone.write("../new", "a new text\n")
    keeper = Keeper(repo_of(alone))
    commit, objects = append_by_hand(alone, file)
    for oid in objects:
        loose(alone, oid).unlink()
    keeper.keep(commit, objects, rewrite=lambda: write_files(repo_of(alone), {"deep/file": file}, trees={}))
    assert alone.git("fsck", "--full") == ""
    assert alone.git("show", "main:deep/file") == "a new text\n"


def test_while_a_gc_runs_they_go_where_it_does_not_delete(alone: Lab) -> None:
    file = alone.write("../new", "a new text\n")
    keeper = Keeper(repo_of(alone))
    commit, objects = append_by_hand(alone, file)
    note_gc(alone, f"{os.getpid()} {os.uname().nodename}")
    keeper.keep(commit, objects, rewrite=lambda: None)
    for oid in (commit, *objects):
        loose(alone, oid).unlink()
    assert alone.git("fsck", "--full") == ""
    assert alone.git("show", "main:deep/file") == "a new text\n"


def test_a_gc_of_this_machine_runs_while_its_process_lives(alone: Lab) -> None:
    assert not gc_runs(repo_of(alone))
    with subprocess.Popen(["sleep", "30"]) as sleeping:
        note_gc(alone, f"{sleeping.pid} {os.uname().nodename}")
        assert gc_runs(repo_of(alone))
        sleeping.kill()
    assert not gc_runs(repo_of(alone))


def test_a_gc_of_another_machine_is_believed_in_for_twelve_hours(alone: Lab) -> None:
    note_gc(alone, "1 elsewhere.example")
    assert gc_runs(repo_of(alone))
    os.utime(alone.path / ".git" / "gc.pid", (1_700_000_000, 1_700_000_000))
    assert not gc_runs(repo_of(alone))


def test_a_note_that_says_nothing_counts_as_a_gc(alone: Lab) -> None:
    note_gc(alone, f"? {os.uname().nodename}")
    assert gc_runs(repo_of(alone))
