"""A branch of which objects are missing or broke off: what can be read is listed, the rest is named and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab, published

pytestmark = pytest.mark.long


@pytest.fixture
def shared(lab: Lab, hub: Lab) -> Lab:
    """A repository of three runs, which the hub has too."""
    published(lab, hub)
    for word in ("one", "two", "three"):
        assert lab.gitexp("run", "--", "echo", word).exit_code == 0
    assert lab.gitexp("push").exit_code == 0
    return lab


SCORING = """
import sys, gitexp
open("art.txt", "w").write(sys.argv[1])
gitexp.save("art.txt")
gitexp.log(acc=float(sys.argv[1]))
"""


@pytest.fixture
def scored(lab: Lab, hub: Lab) -> Lab:
    """A repository of three runs with a metric and an artifact, the newest the best, which the hub has too."""
    lab.write("train.py", SCORING)
    lab.write(".gitignore", "art.txt\n")
    lab.write("gitexp.toml", '[metrics]\ngoal = { acc = "max" }\n')
    lab.commit("train")
    lab.git("remote", "add", "origin", str(hub.path))
    for value in ("1", "2", "3"):
        assert lab.gitexp("run", "--", "python", "train.py", value).exit_code == 0
    assert lab.gitexp("push").exit_code == 0
    return lab


def loose(lab: Lab, spec: str) -> Path:
    oid = lab.git("rev-parse", spec).strip()
    path = lab.path / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    return path


def tear(path: Path, how: str) -> None:
    """What a power cut or a gc does to a file."""
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(b"x" * 100)


def forget_index(lab: Lab) -> None:
    for path in lab.path.glob(".git/gitexp/index/*"):
        path.unlink()


def listed(lab: Lab) -> int:
    return len(lab.gitexp("log", "--json").json["runs"])


@pytest.mark.parametrize(
    ("spec", "how"),
    [
        ("experiments", "empty"),
        ("experiments~1", "gone"),
        ("experiments~1", "garbage"),
        ("experiments~1^{tree}", "gone"),
        ("experiments~2:run.toml", "empty"),
        ("experiments:metrics.toml", "garbage"),
    ],
)
def test_whatever_is_damaged_comes_back_with_a_pull(shared: Lab, spec: str, how: str) -> None:
    tip, before = shared.git("rev-parse", "experiments"), shared.state()
    tear(loose(shared, spec), how)
    forget_index(shared)
    assert listed(shared) >= 2
    result = shared.well("pull")
    assert "experiments was damaged here; what was missing came from origin\n" in result.stderr
    assert shared.git("rev-parse", "experiments") == tip
    assert shared.git("fsck", "--full", "--no-dangling") == ""
    assert listed(shared) == 3
    assert "unreadable" not in shared.gitexp("log").stdout
    assert shared.gitexp("pull").stderr == "already up to date with origin\n"
    assert shared.gitexp("run", "--", "true").exit_code == 0
    assert shared.state() == before


def test_a_tip_that_no_remote_has_is_named_and_the_advice_goes_back_to_the_run_before(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "echo", "four").exit_code == 0
    tip, older = (shared.git("rev-parse", name).strip() for name in ("experiments", "experiments~1"))
    tear(loose(shared, "experiments"), "empty")
    forget_index(shared)
    log = shared.gitexp("log")
    assert (log.exit_code, log.stdout.count("echo")) == (0, 3)
    assert "warning: The branch experiments is damaged: git cannot read it\n" in log.stderr
    assert f"  {tip[:10]}  gitexp record: echo: completed\n" in log.stderr
    for command in (["run", "--", "touch", "made"], ["push"], ["pull"]):
        result = shared.gitexp(*command)
        assert result.exit_code == (3 if command[0] == "run" else 1)
        assert "error: The branch experiments is damaged: git cannot read it\n" in result.stderr
    assert not (shared.path / "made").exists()
    assert shared.gitexp("status").exit_code == 0
    [fix] = [line[7:] for line in result.stderr.splitlines() if "git update-ref" in line]
    assert older in fix
    assert shared.command("sh", "-c", fix).exit_code == 0
    assert listed(shared) == 3
    assert shared.gitexp("run", "--", "true").exit_code == 0


@pytest.mark.parametrize("torn", [b"", b"\0" * 41, b"garbage\n"])
def test_a_ref_that_broke_off_gets_back_what_the_reflog_says_it_had(shared: Lab, torn: bytes) -> None:
    assert shared.gitexp("run", "--", "echo", "four").exit_code == 0
    tip = shared.git("rev-parse", "experiments").strip()
    (shared.path / ".git" / "refs" / "heads" / "experiments").write_bytes(torn)
    log = shared.gitexp("log")
    assert (log.exit_code, log.stdout.count("echo")) == (0, 4)
    [fix] = [line[7:] for line in log.stderr.splitlines() if "echo " in line]
    assert shared.gitexp("run", "--", "true").exit_code == 3
    assert shared.gitexp("pull").exit_code == 0
    assert shared.git("rev-parse", "experiments").strip() == tip
    (shared.path / ".git" / "refs" / "heads" / "experiments").write_bytes(torn)
    assert shared.command("sh", "-c", fix).exit_code == 0
    assert shared.git("rev-parse", "experiments").strip() == tip


def test_runs_beyond_a_gap_are_listed_and_what_no_remote_has_is_named(shared: Lab) -> None:
    for word in ("four", "five", "six"):
        assert shared.gitexp("run", "--", "echo", word).exit_code == 0
    gap = shared.git("rev-parse", "experiments~1").strip()
    tear(loose(shared, "experiments~1"), "gone")
    forget_index(shared)
    log = shared.gitexp("log")
    assert (log.exit_code, log.stdout.count("echo")) == (0, 5)
    assert "warning: The branch experiments is damaged" in log.stderr
    pull = shared.gitexp("pull")
    assert (pull.exit_code, gap in pull.stderr) == (1, True)


def test_a_printed_output_that_broke_off_is_not_said_to_be_unrecorded(shared: Lab) -> None:
    tear(loose(shared, "experiments:output.log"), "empty")
    result = shared.gitexp("show", "--output", "latest")
    assert result.exit_code == 1
    assert "is too large, or damaged here\nfix:   gitexp pull\n" in result.stderr
    assert shared.gitexp("pull").exit_code == 0
    assert shared.gitexp("show", "--output", "latest").stdout == "three\n"


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("experiments:run.toml", "run.toml"),
        ("experiments^{tree}", "its tree"),
        ("experiments:metrics.toml", "metrics.toml"),
    ],
)
def test_latest_and_best_never_quietly_mean_another_run_than_one_that_lost_objects(
    scored: Lab, spec: str, what: str
) -> None:
    lost = scored.gitexp("log", "--json").json["runs"][0]["id"]
    tear(loose(scored, spec), "gone")
    forget_index(scored)
    words = f"Run {lost} cannot be read: {what} is missing from this clone\nfix:   gitexp pull"
    for command in (["show"], ["diff", "latest~1", "latest"], ["get", "latest", "code", "--to", "../o"]):
        result = scored.gitexp(*command)
        assert result.exit_code == 1
        assert f"error: {words}" in result.stderr
    for command in (["show", "best:acc"], ["show", "latest~1"], ["log"], ["status"]):
        result = scored.well(*command)
        assert f"warning: {words}" in result.stderr
    assert scored.gitexp("pull").exit_code == 0
    for command in (["show"], ["show", "best:acc"]):
        assert f"run {lost}" in scored.gitexp(*command).stdout


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ("experiments~1", ["status"]),
        ("experiments~1", ["data", "gc"]),
        ("experiments:code", ["get", "latest", "code", "--to", "../o"]),
        ("experiments:artifacts.xxh128", ["get", "latest", "art.txt", "--to", "../o"]),
        ("experiments:recipe.toml", ["diff", "latest~1", "latest"]),
        ("experiments:environment.toml", ["show"]),
    ],
)
def test_whoever_needs_what_is_missing_is_told_to_pull(scored: Lab, spec: str, command: list[str]) -> None:
    tear(loose(scored, spec), "gone")
    forget_index(scored)
    result = scored.gitexp(*command)
    assert "gitexp pull" in result.stderr + result.stdout
    assert scored.gitexp("pull").exit_code == 0
    assert "gitexp pull" not in scored.gitexp(*command).stderr


def test_what_is_lost_is_named_once(scored: Lab) -> None:
    tear(loose(scored, "experiments:run.toml"), "gone")
    forget_index(scored)
    scored.git("remote", "remove", "origin")
    status = scored.gitexp("status")
    assert "3 runs on experiments; there is no remote" in status.stdout
    assert status.stderr.count("run.toml is missing from this clone") == 1
    best = scored.gitexp("show", "best:nothing")
    assert best.stderr.count("run.toml is missing from this clone") == 1


def test_latest_is_an_error_where_the_newest_commit_is_missing(scored: Lab) -> None:
    tear(loose(scored, "experiments"), "gone")
    forget_index(scored)
    for command in (["show"], ["show", "latest~1"]):
        result = scored.gitexp(*command)
        assert result.exit_code == 1
        assert "error: Which run latest" in result.stderr
        assert result.stderr.endswith("fix:   gitexp pull    # brings back what a remote has\n")
    assert scored.gitexp("pull").exit_code == 0
    assert scored.gitexp("show").exit_code == 0


def test_what_a_clone_without_a_branch_of_its_own_lacks_comes_back_with_a_pull(scored: Lab, hub: Lab) -> None:
    scored.git("branch", "-q", "-D", "experiments")
    tear(loose(scored, "origin/experiments:run.toml"), "gone")
    forget_index(scored)
    assert "run.toml is missing from this clone" in scored.gitexp("show").stderr
    assert scored.gitexp("pull").exit_code == 0
    assert scored.gitexp("show").exit_code == 0
    assert scored.git("fsck", "--full", "--no-dangling") == ""
