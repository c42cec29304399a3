"""Runs travel: through one bare repository, between labs that never met, many at once. None is lost, none rewritten."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from harness import Lab, Result, at_terminal, cloned, exit_code, published

from gitexp.errors import GitexpError
from gitexp.git.repo import find_repo
from gitexp.git.transport import Remote
from gitexp.history.share import push_runs


@pytest.fixture
def ada(lab: Lab, hub: Lab) -> Lab:
    """A repository with gitexp, whose origin is the hub; its code is there, its experiments are not."""
    published(lab, hub)
    return lab


@pytest.fixture
def bob(ada: Lab, hub: Lab) -> Lab:
    """Another clone of the hub, with gitexp set up before anybody pushed a run: it began the branch by itself."""
    return cloned(hub, "bob")


def record(lab: Lab, run_id: str) -> str:
    """A run commit as small as one can be, by git alone; its id."""
    blob = lab.git("hash-object", "-w", "--stdin", feed=f'id = "{run_id}"\n').strip()
    tree = lab.git("mktree", feed=f"100644 blob {blob}\trun.toml\n").strip()
    tip = lab.git("rev-parse", "experiments").strip()
    message = f"tiny: loss 1\n\nGitexp-Run: {run_id}\nGitexp-Status: completed\n"
    commit = lab.git("commit-tree", tree, "-p", tip, feed=message).strip()
    lab.git("update-ref", "refs/heads/experiments", commit, tip)
    return commit


def tip(lab: Lab, ref: str = "experiments") -> str:
    return lab.git("rev-parse", ref).strip()


def run_ids(lab: Lab, ref: str = "experiments") -> list[str]:
    return sorted(lab.git("log", "--format=%(trailers:key=Gitexp-Run,valueonly)", ref, "--").split())


def fails(result: Result, *, what: str) -> str:
    assert result.exit_code == 1, result.stderr
    assert f"error: {what}" in result.stderr
    return result.stderr


K, L, M, N = ("k" * 16, "l" * 16, "m" * 16, "n" * 16)


# Push


def test_the_first_push_makes_the_branch_and_says_what_it_did(ada: Lab, hub: Lab) -> None:
    record(ada, K)
    before = ada.state()
    result = ada.gitexp("push")
    assert result == Result(0, "", f"pushed 1 run to origin (new branch experiments {tip(ada)[:7]})\n")
    assert run_ids(hub) == [K]
    assert ada.git("rev-parse", "origin/experiments").strip() == tip(ada)
    assert ada.state() == before


def test_the_next_push_names_where_the_branch_was_and_is(ada: Lab, hub: Lab) -> None:
    ada.gitexp("push")
    old = tip(ada)
    record(ada, K)
    record(ada, L)
    assert ada.gitexp("push").stderr == f"pushed 2 runs to origin (experiments {old[:7]}..{tip(ada)[:7]})\n"
    assert ada.gitexp("push").stderr == "already up to date with origin\n"


def test_a_push_with_nothing_to_give_points_at_pull(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    old = tip(bob)
    result = bob.gitexp("push")
    assert result == Result(0, "", "nothing to push; origin has 1 run more: gitexp pull\n")
    assert tip(bob) == old


def test_a_push_from_a_subfolder_to_a_path_works(ada: Lab, hub: Lab) -> None:
    record(ada, K)
    (ada.path / "src").mkdir()
    assert ada.gitexp("push", "../../hub.git", cwd=ada.path / "src").exit_code == 0
    assert run_ids(hub) == [K]
    assert ada.git("for-each-ref", "--format=%(refname)", "refs/gitexp") == "refs/gitexp/given/experiments\n"


def test_without_a_remote_push_and_pull_say_how_to_add_one(lab: Lab) -> None:
    for verb in ("push", "pull"):
        words = fails(lab.gitexp(verb), what="There is no remote to share runs with\n")
        assert "fix:   git remote add origin URL" in words


def test_without_the_branch_there_is_nothing_to_push(ada: Lab) -> None:
    ada.git("update-ref", "-d", "refs/heads/experiments")
    words = fails(ada.gitexp("push"), what="There is nothing to push: this repository has no branch experiments\n")
    assert "fix:   gitexp init" in words


def test_a_remote_that_cannot_be_reached_is_an_error_in_gits_words(ada: Lab) -> None:
    ada.git("config", "remote.origin.url", "../gone.git")
    words = fails(ada.gitexp("push"), what="Cannot push experiments to origin\n")
    assert "does not appear to be a git repository" in words
    words = fails(ada.gitexp("pull"), what="Cannot fetch experiments from origin\n")
    assert "does not appear to be a git repository" in words


def says(hub: Lab, ending: str = "") -> None:
    """The server says hello, with all that a terminal could take for an order."""
    hook = hub.path / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\nprintf 'hi \\033]0;pwned\\007\\033[2J\\302\\233m \\342\\200\\256 é\\n' >&2\n{ending}\n"
    )
    hook.chmod(0o755)


def test_what_a_server_says_commands_no_terminal_and_progress_stays(ada: Lab, hub: Lab) -> None:
    says(hub)
    record(ada, K)
    terminal = at_terminal(ada, "push")
    assert exit_code(terminal) == 0
    text = terminal.before or ""
    assert r"remote: hi \x1b]0;pwned\x07\x1b[2J\x9bm \u202e é" in text
    assert "Writing objects:" in text and "\r" in text
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)


def test_what_a_server_says_commands_no_terminal_in_an_error_either(ada: Lab, hub: Lab) -> None:
    says(hub, "exit 1")
    record(ada, K)
    words = fails(ada.gitexp("push"), what="Cannot push experiments to origin")
    assert r"remote: hi \x1b]0;pwned\x07\x1b[2J\x9bm \u202e é" in words
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(words)


def test_a_branch_of_that_name_that_holds_no_runs_is_never_pushed(ada: Lab, hub: Lab) -> None:
    ada.git("update-ref", "refs/heads/experiments", "main")
    fails(ada.gitexp("push"), what="The branch experiments here does not hold runs of gitexp\n")
    assert hub.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]


# Diverged


def test_diverged_branches_meet_in_a_merge_that_drops_nothing(ada: Lab, bob: Lab, hub: Lab) -> None:
    theirs = record(ada, K)
    ada.gitexp("push")
    mine = record(bob, L)
    before = bob.state()
    result = bob.gitexp("push")
    assert result.exit_code == 0
    moved = f"experiments {theirs[:7]}..{tip(bob)[:7]}"
    assert result.stderr == f"pushed 1 run to origin and took up 1 run ({moved})\n"
    assert bob.git("log", "-1", "--format=%P", "experiments").split() == [theirs, mine]
    assert tip(bob, "experiments^{tree}") == tip(bob, f"{theirs}^{{tree}}")
    assert bob.git("log", "-1", "--format=%(trailers)", "experiments").strip() == "Gitexp-Event: merge"
    assert tip(hub) == tip(bob)
    assert run_ids(hub) == [K, L]
    assert bob.state() == before


def test_two_clones_exchange_runs_both_ways(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    record(bob, L)
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("push").exit_code == 0
    old = tip(ada)
    assert ada.gitexp("pull").stderr == f"pulled 1 run from origin (experiments {old[:7]}..{tip(ada)[:7]})\n"
    assert run_ids(ada) == run_ids(bob) == [K, L]
    assert tip(ada) == tip(bob)


def test_recorded_runs_travel_and_another_labs_clone_lists_them(ada: Lab, bob: Lab, hub: Lab) -> None:
    assert ada.gitexp("run", "--", "true").exit_code == 0
    bob.write("note.txt", "bob's\n")
    bob.commit("bob's own code")
    assert bob.gitexp("run", "--", "true").exit_code == 0
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("push").exit_code == 0
    carol = hub.path.parent / "carol"
    hub.git("clone", "-q", str(hub.path), str(carol))
    listed = Lab(carol, hub.env).gitexp("log", "--json")
    assert listed.exit_code == 0, listed.stderr
    assert sorted(run["id"] for run in listed.json["runs"]) == run_ids(hub)
    assert len(listed.json["runs"]) == 2


def test_a_merge_that_lost_the_race_is_forgotten(ada: Lab, bob: Lab, hub: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    mine = record(bob, L)
    record(ada, M)
    # Ada pushes once more while bob's merge is on its way: after bob's fetch, before the hub looks at his push.
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
    assert bob.gitexp("push").exit_code == 0
    assert run_ids(hub) == [K, L, M]
    assert bob.git("log", "--merges", "--format=%P", "experiments").split() == [tip(ada), mine]
    assert tip(bob) == tip(hub)


def test_a_run_recorded_while_pushing_stays_and_goes_with_the_next_push(ada: Lab, bob: Lab, hub: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    mine = record(bob, L)
    later = bob.git("commit-tree", f"{mine}^{{tree}}", "-p", mine, feed=f"x\n\nGitexp-Run: {N}\n").strip()
    hook = hub.write(
        "hooks/post-receive",
        f"""#!/bin/sh
        unset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH
        cd '{bob.path}' && git update-ref refs/heads/experiments {later} {mine}
    """,
    )
    hook.chmod(0o755)
    assert bob.gitexp("push").exit_code == 0
    assert tip(bob) == later
    assert run_ids(hub) == [K, L]
    hook.unlink()
    assert bob.gitexp("push").exit_code == 0
    assert run_ids(hub) == run_ids(bob) == [K, L, N]


@pytest.mark.long
def test_six_clones_that_push_at_once_lose_no_run(ada: Lab, hub: Lab) -> None:
    labs = [cloned(hub, f"lab{number}") for number in range(6)]
    expected = []
    for turn in "klmno":
        for number, lab in enumerate(labs):
            expected.append(turn * 15 + "pqrstu"[number])
            record(lab, expected[-1])
        pushes = [lab.start("push") for lab in labs]
        ends = [(push.communicate()[1], push.returncode) for push in pushes]
        assert [code for _, code in ends] == [0] * 6, ends
    assert run_ids(hub) == sorted(expected)
    # Published history is only ever added to: whatever a clone has fetched is still part of the hub's branch.
    for lab in labs:
        hub.git("merge-base", "--is-ancestor", tip(lab, "origin/experiments"), "experiments")


def test_after_too_many_lost_races_push_gives_up_and_says_that_nothing_is_lost(
    ada: Lab, hub: Lab, as_ada: None
) -> None:
    (hub.path / "refs" / "heads" / "experiments.lock").touch()
    with pytest.raises(GitexpError, match="Others were faster 2 times in a row") as caught:
        push_runs(
            find_repo(ada.path), Remote("origin", "origin"), branch="experiments", clear=lambda tip: None, tries=2
        )
    assert any("failed to update ref" in line for line in caught.value.details)
    assert caught.value.why == "Your runs are safe on the local branch."


# Pull


def test_pull_fast_forwards_a_branch_that_has_nothing_of_its_own(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    old, before = tip(bob), bob.state()
    result = bob.gitexp("pull")
    assert result == Result(0, "", f"pulled 1 run from origin (experiments {old[:7]}..{tip(ada)[:7]})\n")
    assert tip(bob) == tip(ada)
    assert bob.gitexp("pull").stderr == "already up to date with origin\n"
    assert bob.state() == before


def test_a_merge_that_pull_made_stays_and_is_pushed_as_it_is(ada: Lab, bob: Lab, hub: Lab) -> None:
    theirs = record(ada, K)
    ada.gitexp("push")
    mine = record(bob, L)
    assert bob.gitexp("pull").exit_code == 0
    assert bob.git("log", "-1", "--format=%P", "experiments").split() == [theirs, mine]
    assert tip(hub) == theirs
    merged = tip(bob)
    assert bob.gitexp("push").stderr == f"pushed 1 run to origin (experiments {theirs[:7]}..{merged[:7]})\n"
    assert tip(hub) == tip(bob) == merged


def test_pull_takes_up_the_branch_where_there_is_none(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    bob.git("update-ref", "-d", "refs/heads/experiments")
    result = bob.gitexp("pull")
    assert result.stderr == f"pulled 1 run from origin (new branch experiments {tip(ada)[:7]})\n"
    assert tip(bob) == tip(ada)


def test_pull_from_a_remote_that_has_no_runs_yet_is_fine(ada: Lab) -> None:
    assert ada.gitexp("pull") == Result(0, "", "already up to date with origin\n")


def test_pull_where_nobody_has_the_branch_says_init(ada: Lab) -> None:
    ada.git("update-ref", "-d", "refs/heads/experiments")
    words = fails(ada.gitexp("pull"), what="There is no branch experiments, neither here nor on origin\n")
    assert "fix:   gitexp init" in words


def test_labs_that_never_met_join_by_url(lab: Lab, tmp_path: Path, env: dict[str, str]) -> None:
    other = Lab(tmp_path / "other", env)
    other.path.mkdir()
    other.git("init", "-q")
    other.write("model.py", "lr = 2\n")
    other.commit("another project altogether")
    assert other.gitexp("init").exit_code == 0
    record(other, K)
    record(lab, L)
    result = lab.gitexp("pull", str(other.path))
    assert result.exit_code == 0, result.stderr
    assert run_ids(lab) == [K, L]
    assert lab.git("for-each-ref", "refs/gitexp", "refs/remotes") == ""


def test_an_unrelated_branch_of_the_same_name_is_refused(ada: Lab, bob: Lab) -> None:
    ada.git("push", "-q", "origin", "main:experiments")
    record(bob, K)
    old = tip(bob)
    for verb in ("pull", "push"):
        words = fails(bob.gitexp(verb), what="The branch experiments on origin does not hold runs of gitexp\n")
        assert "fix:   git config gitexp.branch ANOTHER-NAME && gitexp init" in words
    assert tip(bob) == old
    assert tip(bob, "origin/experiments") == tip(ada, "main")


def test_a_checked_out_branch_is_not_moved_under_its_files(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    bob.git("switch", "-q", "experiments")
    old = tip(bob)
    assert "fix:   git switch -" in fails(bob.gitexp("pull"), what="The branch experiments is checked out")
    assert tip(bob) == old
    assert bob.git("status", "--porcelain") == ""


def test_a_shallow_clone_pulls_and_pushes(ada: Lab, hub: Lab) -> None:
    record(ada, K)
    record(ada, L)
    ada.gitexp("push")
    path = hub.path.parent / "shallow"
    hub.git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{hub.path}", str(path))
    shallow = Lab(path, hub.env)
    shallow.git("branch", "experiments", "origin/experiments")
    record(shallow, M)
    assert shallow.gitexp("push").exit_code == 0
    assert run_ids(hub) == [K, L, M]
    record(ada, N)
    assert ada.gitexp("push").exit_code == 0
    assert shallow.gitexp("pull").exit_code == 0
    assert tip(shallow) == tip(ada)


def test_sha256_repositories_share_runs_too(tmp_path: Path, env: dict[str, str]) -> None:
    env = {**env, "GIT_DEFAULT_HASH": "sha256"}
    hub = Lab(tmp_path / "hub.git", env)
    subprocess.run(["git", "init", "-q", "--bare", str(hub.path)], check=True, env=env)
    ada = Lab(tmp_path / "ada", env)
    subprocess.run(["git", "init", "-q", str(ada.path)], check=True, env=env)
    ada.commit("first")
    assert ada.gitexp("init").exit_code == 0
    ada.commit("set up gitexp")
    published(ada, hub)
    bob = cloned(replace(hub), "bob")
    record(ada, K)
    record(bob, L)
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("push").exit_code == 0
    assert run_ids(hub) == [K, L]
    assert len(tip(hub)) == 64


# Guards


def test_our_own_push_passes_the_guard_when_it_must_merge_and_gits_forced_one_does_not(ada: Lab, bob: Lab) -> None:
    record(ada, K)
    ada.gitexp("push")
    record(bob, L)
    forced = bob.command("git", "push", "--force", "origin", "experiments")
    assert forced.exit_code == 1
    assert "error: Refusing to rewrite experiments on origin: it has runs that are not here yet" in forced.stderr
    assert bob.gitexp("push").exit_code == 0
    assert run_ids(bob, "origin/experiments") == [K, L]
