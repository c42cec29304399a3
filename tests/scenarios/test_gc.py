"""git gc, at the worst moment: what is recorded or about to be is never taken for garbage."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab, abandoned, published, until_over

# git runs this when the branch is locked and about to move: what the run wrote is in no ref yet.
PRUNE = """#!/bin/sh
[ "$1" = prepared ] && grep -q refs/heads/experiments && git prune --expire=now
exit 0
"""


def prune_before_the_branch_moves(lab: Lab) -> Path:
    hook = lab.write(".git/hooks/reference-transaction", PRUNE)
    hook.chmod(0o755)
    return hook


def test_what_a_gc_takes_away_before_the_branch_moves_is_there_again(lab: Lab) -> None:
    prune_before_the_branch_moves(lab)
    before = lab.state()
    assert lab.gitexp("run", "--", "echo", "hello").exit_code == 0
    assert "missing" not in lab.git("fsck", "--full")
    assert lab.show("experiments:output.log") == "hello\n"
    assert len(lab.runs()) == 1
    assert list((lab.path / ".git" / "gitexp" / "runs").iterdir()) == []
    assert lab.state() == before


def test_so_is_a_snapshot(lab: Lab) -> None:
    prune_before_the_branch_moves(lab)
    lab.write("new.py", "precious = 1\n")
    before = lab.state()
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert "missing" not in lab.git("fsck", "--full")
    assert lab.show("experiments:code/new.py") == "precious = 1\n"
    assert lab.state() == before


def test_a_snapshot_outlives_gc_while_its_program_runs(lab: Lab) -> None:
    lab.write("staged.py", "once = 1\n")
    lab.git("add", "staged.py")
    lab.git("reset", "-q")  # git has it already, in no ref and in no index
    lab.write("new.py", "precious = 1\n")
    result = lab.gitexp("run", "--no-verify", "--", "git", "gc", "-q", "--prune=now")
    assert (result.exit_code, "changed while it ran" in result.stderr) == (0, False)
    assert lab.show("experiments:code/new.py") == "precious = 1\n"
    assert lab.show("experiments:code/staged.py") == "once = 1\n"
    assert "missing" not in lab.git("fsck", "--full")


def test_a_snapshot_waits_with_its_run_for_another_command(lab: Lab) -> None:
    lab.write("new.py", "precious = 1\n")
    abandoned(lab, "--no-verify", "--", "sh", "-c", "echo ready; sleep 0.2")
    lab.write("new.py", "precious = 2\n")
    lab.git("gc", "-q", "--prune=now")
    until_over(lab)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert lab.show("experiments:code/new.py") == "precious = 1\n"
    assert "missing" not in lab.git("fsck", "--full")


def test_a_snapshot_leaves_no_ref_behind(lab: Lab) -> None:
    lab.write("new.py", "precious = 1\n")
    script = "git for-each-ref --format='%(refname)'"
    assert lab.gitexp("run", "--no-verify", "--", "sh", "-c", script).stdout.split() == [
        "refs/heads/experiments",
        "refs/heads/main",
    ]
    assert lab.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/experiments", "refs/heads/main"]


def test_what_init_begins_with_outlives_a_gc_that_already_runs(fresh: Lab) -> None:
    prune_before_the_branch_moves(fresh)
    assert fresh.gitexp("init").exit_code == 0
    assert fresh.git("fsck", "--full") == ""
    assert fresh.git("log", "--format=%s", "experiments") == "Begin the experiments branch\n"


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_so_does_the_merge_of_a_push_and_of_a_pull(lab: Lab, hub: Lab, tmp_path: Path, verb: str) -> None:
    published(lab, hub)
    hub.git("clone", "-q", str(hub.path), str(tmp_path / "other"))
    other = Lab(tmp_path / "other", lab.env)
    assert other.gitexp("init").exit_code == 0
    for one in (other, lab):
        assert one.gitexp("run", "--", "true").exit_code == 0
    assert other.gitexp("push").exit_code == 0
    prune_before_the_branch_moves(lab)
    assert lab.gitexp(verb).exit_code == 0
    (lab.path / ".git" / "hooks" / "reference-transaction").unlink()
    assert lab.git("fsck", "--full", "--no-dangling") == ""
    assert len(lab.runs()) == 2
    assert lab.gitexp("push").exit_code == 0


def test_what_is_fetched_comes_as_a_pack(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    for url in (str(hub.path),):
        lab.git("push", "-q", url, "main")
        assert lab.gitexp("push", url).exit_code == 0
    hub.git("clone", "-q", "--single-branch", "--branch", "main", str(hub.path), str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    loose = clone.git("count-objects")
    assert clone.gitexp("pull").exit_code == 0
    assert clone.git("count-objects") == loose
