"""Real runs travel between labs, and a reader that knows only docs/format.md accepts every commit that comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, abandoned, cloned, make_lab, published, ran, until_over


@pytest.fixture
def ada(lab: Lab, hub: Lab) -> Lab:
    """A repository with gitexp and a program, whose code is on the hub."""
    lab.write("train.sh", 'echo "{\\"loss\\": $1}" >> "$GITEXP_METRICS"; cp README "$GITEXP_OUTPUT"\n')
    lab.write("recipes/r.toml", 'lr = 0.5\n[run]\ncommand = ["sh", "train.sh", "{lr}"]\n[data]\nd = "README"\n')
    lab.commit("a program")
    published(lab, hub)
    return lab


@pytest.fixture
def bob(ada: Lab, hub: Lab) -> Lab:
    """Another clone, made and set up before anybody pushed a run."""
    return cloned(hub, "bob", user="Bob")


def run(lab: Lab, lr: str) -> str:
    """Record a run; its id."""
    return ran(lab, "r", "-s", f"lr={lr}")


def listed(lab: Lab) -> list[tuple[str, float]]:
    """What `gitexp log` says of each run, newest first: its id and its loss."""
    return [(run["id"], run["metrics"]["loss"]) for run in lab.well("log", "--json").json["runs"]]


def tip(lab: Lab, ref: str = "experiments") -> str:
    return lab.git("rev-parse", ref).strip()


def test_two_clones_exchange_runs_both_ways(ada: Lab, bob: Lab, hub: Lab) -> None:
    first = run(ada, "0.25")
    second = run(bob, "0.5")
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("push").exit_code == 0
    assert ada.gitexp("pull").exit_code == 0
    third = run(ada, "0.75")
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("pull").exit_code == 0
    expected = [(third, 0.75), (second, 0.5), (first, 0.25)]
    assert listed(ada) == expected
    assert listed(bob) == expected
    assert tip(ada) == tip(bob) == tip(hub)
    assert breaches(hub.path) == []
    assert bob.gitexp("diff", first, third, "--json").json["metrics"][0]["b"] == 0.75


def test_a_plain_clone_with_nobodys_configuration_lists_diffs_and_shows(ada: Lab, hub: Lab, tmp_path: Path) -> None:
    first = run(ada, "0.25")
    second = run(ada, "0.5")
    assert ada.gitexp("push").exit_code == 0
    (tmp_path / "empty").mkdir()
    env = {**hub.env, "HOME": str(tmp_path / "empty"), "XDG_CONFIG_HOME": str(tmp_path / "empty")}
    hub.git("clone", "-q", str(hub.path), str(tmp_path / "plain"))
    carol = Lab(tmp_path / "plain", env)
    assert listed(carol) == [(second, 0.5), (first, 0.25)]
    assert carol.gitexp("show", first[:4]).exit_code == 0
    assert "lr" in carol.gitexp("diff", first, second).stdout
    assert carol.git("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main\n"
    assert breaches(carol.path, "origin/experiments") == []


@pytest.mark.parametrize(
    "meanwhile",
    ["update-ref -d refs/heads/experiments", "symbolic-ref refs/heads/experiments refs/heads/elsewhere"],
)
def test_a_push_that_the_remote_took_is_no_error_whatever_became_of_the_local_branch(
    ada: Lab, bob: Lab, hub: Lab, meanwhile: str
) -> None:
    run(bob, "0.5")
    run(ada, "0.25")
    assert bob.gitexp("push").exit_code == 0
    hook = hub.write("hooks/post-receive", f"#!/bin/sh\nunset GIT_DIR\ngit --git-dir {ada.path}/.git {meanwhile}\n")
    hook.chmod(0o755)
    ada.well("push")
    assert ada.git("for-each-ref", "refs/heads/experiments") == ""
    assert hub.git("rev-list", "--count", "--merges", "experiments") == "1\n"


def test_three_labs_meet_in_merges_and_every_commit_is_of_the_format(ada: Lab, bob: Lab, hub: Lab) -> None:
    carol = cloned(hub, "carol", user="Carol")
    ids = [run(ada, "0.1"), run(bob, "0.2"), run(carol, "0.3")]
    for lab in (ada, bob, carol):
        assert lab.gitexp("push").exit_code == 0
    ids += [run(ada, "0.4"), run(bob, "0.5")]
    for lab in (bob, ada, carol, bob):
        assert lab.gitexp("pull").exit_code == 0
        assert lab.gitexp("push").exit_code == 0
    assert [run_id for run_id, _ in listed(bob)] == ids[::-1]
    assert tip(bob) == tip(hub)
    assert hub.git("rev-list", "--count", "--merges", "experiments") == "4\n"
    assert breaches(hub.path) == []
    assert breaches(carol.path) == []


def test_labs_that_began_apart_share_the_root(ada: Lab, tmp_path: Path, env: dict[str, str]) -> None:
    other = make_lab(tmp_path / "other", env)
    assert other.gitexp("init").exit_code == 0
    recipe = 'lr = 0.1\n[run]\ncommand = ["echo", "loss {lr}"]\n[metrics]\noutput = { loss = "loss (.*)" }\n'
    other.write("recipes/r.toml", recipe)
    other.commit("another project altogether")
    theirs, ours = run(other, "0.5"), run(ada, "0.25")
    assert ada.gitexp("pull", str(other.path)).exit_code == 0
    assert listed(ada) == [(ours, 0.25), (theirs, 0.5)]
    assert ada.git("rev-list", "--max-parents=0", "experiments") == "bd649e5b4206e0f538ce41e3875a9377c19c7f7c\n"
    assert breaches(ada.path) == []


def test_a_lost_race_is_won_the_second_time_with_nothing_stacked(ada: Lab, bob: Lab, hub: Lab) -> None:
    run(ada, "0.1")
    assert ada.gitexp("push").exit_code == 0
    run(ada, "0.2")
    run(bob, "0.3")
    hook = hub.write(
        "hooks/pre-receive",
        f"""#!/bin/sh
        [ ! -e '{hub.path}/raced' ] || exit 0
        touch '{hub.path}/raced'
        unset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH
        cd '{ada.path}' && git push -q origin experiments
    """,
    )
    hook.chmod(0o755)
    before = bob.state()
    assert bob.gitexp("push").exit_code == 0
    assert bob.state() == before
    assert [loss for _, loss in listed(bob)] == [0.3, 0.2, 0.1]
    assert hub.git("rev-list", "--count", "--merges", "experiments") == "1\n"
    assert breaches(hub.path) == []


def test_runs_recorded_in_both_clones_at_once_all_arrive(ada: Lab, bob: Lab, hub: Lab) -> None:
    runs = [lab.start("run", "r", "-s", f"lr=0.{number}") for number in range(1, 4) for lab in (ada, bob)]
    assert [(process.communicate()[1], process.returncode)[1] for process in runs] == [0] * 6
    pushes = [lab.start("push") for lab in (ada, bob)]
    assert [(process.communicate()[1], process.returncode)[1] for process in pushes] == [0, 0]
    assert len(Lab(hub.path, hub.env).runs()) == 6
    assert breaches(hub.path) == []


def test_a_push_takes_along_a_run_that_was_still_to_be_recorded(ada: Lab, bob: Lab) -> None:
    assert abandoned(ada, "--", "sh", "-c", "echo started; sleep 0.2") == "started\n"
    until_over(ada)
    pushed = ada.gitexp("push")
    assert "recorded sh" in pushed.stderr
    assert "pushed 1 run to origin" in pushed.stderr
    assert bob.gitexp("pull").exit_code == 0
    assert len(bob.runs()) == 1
