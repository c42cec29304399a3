"""One commit more on the experiments branch, whoever else moves it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import Lab
from records import commit_files

from gitexp.git.append import Entry, append, written_here
from gitexp.git.objects import Written
from gitexp.git.repo import find_repo

EVENT = "note: too good\n\nGitexp-Event: note\nGitexp-About: kkkkkkkkkkkkkkkk\n"


@pytest.fixture
def begun(here: Lab) -> Lab:
    """A repository with an experiments branch."""
    assert here.gitexp("init").exit_code == 0
    return here


def test_an_event_that_lost_a_race_has_the_tree_of_the_tip_that_it_came_to_stand_on(begun: Lab, tmp_path: Path) -> None:
    repo, asked = find_repo(begun.path), []

    def tree(tip: str) -> Written:
        found = begun.git("rev-parse", f"{tip}^{{tree}}").strip()
        if not asked:  # somebody is faster
            commit_files(begun, {"run.toml": "x", "metrics.toml": "y"}, message=f"x\n\nGitexp-Run: {'l' * 16}\n")
        asked.append(tip)
        return Written(found, ())

    entry = Entry(tree, EVENT, datetime(2026, 11, 29, tzinfo=UTC))
    commit = append(repo, "experiments", entry, tried=tmp_path / "tried", patience_s=5)
    assert begun.git("rev-parse", "experiments").strip() == commit
    assert len(asked) == 2
    assert begun.git("rev-parse", "experiments~1").strip() == asked[1]
    assert begun.git("diff", "--stat", "experiments~1", "experiments") == ""
    assert begun.git("log", "-1", "--format=%at %(trailers:key=Gitexp-About,valueonly,separator=)", commit) == (
        f"1795910400 {'k' * 16}\n"
    )


def test_an_entry_that_is_noted_and_there_is_not_appended_again(begun: Lab, tmp_path: Path) -> None:
    repo = find_repo(begun.path)
    tree = begun.git("rev-parse", "experiments^{tree}").strip()
    entry = Entry(lambda tip: Written(tree, ()), EVENT, datetime(2026, 11, 29, tzinfo=UTC))
    first = append(repo, "experiments", entry, tried=tmp_path / "tried", patience_s=5)
    assert append(repo, "experiments", entry, tried=tmp_path / "tried", patience_s=5) == first
    assert begun.git("rev-list", "--count", "experiments").strip() == "2"


def test_without_a_reflog_nothing_is_known_to_be_of_this_clone(begun: Lab) -> None:
    repo = find_repo(begun.path)
    assert written_here(repo, "experiments") == set()
    (begun.path / ".git/logs/refs/heads/experiments").unlink()
    assert written_here(repo, "experiments") == set()
