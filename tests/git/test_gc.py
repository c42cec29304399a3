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


def test_a_file_and_its_trees_are_all_that_is_written(here: Lab) -> None:
    commit, objects = append_by_hand(here, here.path / "README")
    listing = here.git("rev-list", "--objects", commit, "^main~1").split("\n")
    assert {commit, *objects} == {line.split(" ")[0] for line in listing if line} | {objects[0]}
    assert len(objects) == 3


def test_what_is_whole_is_left_as_it_is(here: Lab) -> None:
    keeper = Keeper(repo_of(here))
    commit, objects = append_by_hand(here, here.path / "README")
    keeper.keep(commit, objects, rewrite=lambda: pytest.fail("nothing was lost"))
    assert list((here.path / ".git" / "objects" / "pack").iterdir()) == []


def test_objects_that_are_gone_are_written_again(here: Lab) -> None:
    file = here.write("../new", "a new text\n")
    keeper = Keeper(repo_of(here))
    commit, objects = append_by_hand(here, file)
    for oid in objects:
        loose(here, oid).unlink()
    keeper.keep(commit, objects, rewrite=lambda: write_files(repo_of(here), {"deep/file": file}, trees={}))
    assert here.git("fsck", "--full") == ""
    assert here.git("show", "main:deep/file") == "a new text\n"


def test_while_a_gc_runs_they_go_where_it_does_not_delete(here: Lab) -> None:
    file = here.write("../new", "a new text\n")
    keeper = Keeper(repo_of(here))
    commit, objects = append_by_hand(here, file)
    note_gc(here, f"{os.getpid()} {os.uname().nodename}")
    keeper.keep(commit, objects, rewrite=lambda: None)
    for oid in (commit, *objects):
        loose(here, oid).unlink()
    assert here.git("fsck", "--full") == ""
    assert here.git("show", "main:deep/file") == "a new text\n"


def test_a_gc_of_this_machine_runs_while_its_process_lives(here: Lab) -> None:
    assert not gc_runs(repo_of(here))
    with subprocess.Popen(["sleep", "30"]) as sleeping:
        note_gc(here, f"{sleeping.pid} {os.uname().nodename}")
        assert gc_runs(repo_of(here))
        sleeping.kill()
    assert not gc_runs(repo_of(here))


def test_a_gc_of_another_machine_is_believed_in_for_twelve_hours(here: Lab) -> None:
    note_gc(here, "1 elsewhere.example")
    assert gc_runs(repo_of(here))
    os.utime(here.path / ".git" / "gc.pid", (1_700_000_000, 1_700_000_000))
    assert not gc_runs(repo_of(here))


def test_a_note_that_says_nothing_counts_as_a_gc(here: Lab) -> None:
    note_gc(here, f"? {os.uname().nodename}")
    assert gc_runs(repo_of(here))
