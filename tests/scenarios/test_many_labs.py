"""Three labs, ten writers, one server with the hook: all that is recorded arrives once, and nothing else does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, Result, wait_for, world

LABS = {"ada": 4, "bob": 3, "cleo": 3}  # and how many write in each
RUNS, ROUNDS = 10, 3  # of each writer: runs in a round, with something said of two of them, and then a push


@pytest.fixture
def server(tmp_path: Path, env: dict[str, str], fresh: Lab) -> Lab:
    """A bare repository with the hook and some code, and without a branch of runs."""
    path = tmp_path / "server.git"
    assert fresh.gitexp("init").exit_code == 0
    fresh.git("update-ref", "-d", "refs/heads/experiments")
    fresh.commit("set up")
    fresh.git("init", "-q", "--bare", str(path))
    assert fresh.gitexp("init", "--server", str(path)).exit_code == 0
    fresh.git("push", "-q", str(path), "main")
    return Lab(path, env)


def writer(server: Lab, tmp_path: Path, lab: str, number: int) -> Lab:
    """A person with a HOME and a clone of their own, and the object store of their lab."""
    name = f"{lab}-{number}"
    env = world(tmp_path / "homes" / name)
    server.git("clone", "-q", str(server.path), str(tmp_path / name))
    one = Lab(tmp_path / name, env)
    one.git("config", "--global", "user.name", name)
    one.git("config", "gitexp.store", str(tmp_path / f"store-{lab}"))
    assert one.gitexp("init").exit_code == 0
    return one


def work(one: Lab) -> list[str]:
    """Push the branch's beginning; record, say something, push; what went wrong."""
    wrong: list[Result] = [one.gitexp("push")]
    for turn in range(ROUNDS):
        wrong += [one.gitexp("run", "-m", f"run {run}", "--", "true") for run in range(RUNS)]
        wrong.append(one.gitexp("note", "latest", "-m", f"round {turn}"))
        wrong.append(one.gitexp("retract", "latest~1", "--why", "a leak"))
        wrong.append(one.gitexp("push"))
    return [f"{one.path.name}: {done.stderr}" for done in wrong if done.exit_code != 0]


def attack(one: Lab) -> list[str]:
    """What the server must refuse, tried while the others push; what it answered."""
    tree = one.git("rev-parse", "experiments^{tree}").strip()
    hand = one.git("commit-tree", tree, "-p", "experiments", "-m", "by hand").strip()
    text = one.git("log", "-1", "--format=%B", "--grep=^Gitexp-Run", "experiments")
    torn = "".join(line for line in one.git("ls-tree", tree).splitlines(keepends=True) if "metrics.toml" not in line)
    stored = one.git("mktree", feed=torn).strip()
    malformed = one.git("commit-tree", stored, "-p", "experiments", "-F", "-", feed=text).strip()
    answers = []
    wait_for(lambda: one.git("ls-remote", "origin", "experiments"))
    for _ in range(5):
        one.git("fetch", "-q", "origin", "experiments")
        for what in ("", hand, malformed, "FETCH_HEAD~1"):
            done = one.command(
                "git", "push", "-q", "--no-verify", "--force", "origin", f"{what}:refs/heads/experiments"
            )
            answers += [f"taken: {what or 'deletion'}"] if done.exit_code == 0 else []
    return answers


def ids(one: Lab) -> list[str]:
    """The ids of all runs of the branch, sorted."""
    listing = one.git("log", "--format=%(trailers:key=Gitexp-Run,valueonly,separator=)", "experiments", "--")
    return sorted(listing.split())


@pytest.mark.long
def test_ten_writers_of_three_labs_push_at_once_and_nothing_is_lost_or_doubled(server: Lab, tmp_path: Path) -> None:
    people = [writer(server, tmp_path, lab, number) for lab, several in LABS.items() for number in range(several)]
    mallory = writer(server, tmp_path, "mallory", 0)
    assert mallory.gitexp("run", "--", "true").exit_code == 0
    before = [one.state() for one in people]
    with ThreadPoolExecutor(len(people) + 1) as pool:
        pushed = [pool.submit(work, one) for one in people]
        attacked = pool.submit(attack, mallory)
        assert [words for each in pushed for words in each.result()] == []
        assert attacked.result() == []
    own = [ids(one) for one in people]
    assert [one.gitexp("pull").exit_code for one in people] == [0] * 10
    assert [one.state() for one in people] == before
    everything = ids(server)
    assert len(everything) == len(set(everything)) == 300
    assert all(set(each) <= set(everything) for each in own)
    assert [ids(one) for one in people] == [everything] * 10
    said = server.git("log", "--format=%(trailers:key=Gitexp-Event,valueonly,separator=)", "experiments").split()
    assert (said.count("note"), said.count("retract")) == (30, 30)
    verified = people[0].gitexp("verify", "--all")
    assert (verified.exit_code, verified.stderr[:9]) == (0, "300 runs,"), verified.stderr
    assert breaches(server.path) == []
    runs = people[0].gitexp("log", "--json", "--retracted").json["runs"]
    assert len(runs) == 300
