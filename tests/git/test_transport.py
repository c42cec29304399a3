"""One branch goes over the wire and nothing else; what the remote says decides whether a push is tried again."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from harness import Lab

from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, find_repo
from gitexp.git.transport import (
    Lost,
    Remote,
    Taken,
    TransportFailed,
    choose_remote,
    fetch_branch,
    push_commit,
)

NOISE = {
    "push.followTags": "true",
    "push.default": "matching",
    "remote.origin.push": "refs/heads/*:refs/heads/*",
    "remote.origin.tagOpt": "--tags",
    "fetch.prune": "true",
    "fetch.pruneTags": "true",
    "remote.origin.prune": "true",
    "push.recurseSubmodules": "on-demand",
    "submodule.recurse": "true",
}


pytestmark = pytest.mark.usefixtures("as_ada")


@pytest.fixture
def shared(fresh: Lab, hub: Lab) -> Lab:
    """A repository with a branch experiments of one commit; its origin is the hub, which has nothing yet."""
    fresh.git("remote", "add", "origin", str(hub.path))
    grow(fresh, "first")
    return fresh


def grow(lab: Lab, subject: str) -> str:
    """Add an empty commit to experiments without touching HEAD."""
    tree = lab.git("hash-object", "-t", "tree", "-w", "--stdin", feed="").strip()
    tip = lab.git("for-each-ref", "--format=%(objectname)", "refs/heads/experiments").split()
    parents = ["-p", tip[0]] if tip else []
    commit = lab.git("commit-tree", tree, *parents, "-m", subject).strip()
    lab.git("update-ref", "refs/heads/experiments", commit)
    return commit


def tip(lab: Lab) -> str:
    return lab.git("rev-parse", "experiments").strip()


def refs(lab: Lab) -> list[str]:
    return lab.git("for-each-ref", "--format=%(refname)").split()


def repo(lab: Lab) -> Repo:
    return find_repo(lab.path)


ORIGIN = Remote("origin", "origin")


# Which remote


def configured(settings: Mapping[str, str] = MappingProxyType({})) -> Repo:
    """A repository with this configuration of git's."""
    return Repo(Path("/lab"), Path("/lab/.git"), Path("/lab/.git"), settings)


def test_a_remote_is_taken_by_its_name(tmp_path: Path) -> None:
    config = {"remote.origin.url": "x", "remote.lab/b.url": "y"}
    assert choose_remote(configured(config), "lab/b", branch="experiments", cwd=tmp_path) == Remote("lab/b", "lab/b")


def test_a_url_is_taken_as_it_is_and_shown_without_its_password(tmp_path: Path) -> None:
    remote = choose_remote(configured(), "https://ada:secret@example.org/runs.git", branch="experiments", cwd=tmp_path)
    assert remote.address == "https://ada:secret@example.org/runs.git"
    assert remote.shown == "https://example.org/runs.git"
    assert remote.tracking_ref("experiments") is None


def test_a_path_counts_from_where_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "hub.git").mkdir()
    (tmp_path / "lab" / "src").mkdir(parents=True)
    remote = choose_remote(configured(), "../../hub.git", branch="experiments", cwd=tmp_path / "lab" / "src")
    assert remote == Remote(str(tmp_path / "hub.git"), None)


def test_the_configured_remote_comes_before_upstream_and_origin(tmp_path: Path) -> None:
    config = {"remote.origin.url": "x", "remote.labs.url": "y", "remote.up.url": "z"}
    config |= {"gitexp.remote": "labs", "branch.experiments.remote": "up"}
    assert choose_remote(configured(config), None, branch="experiments", cwd=tmp_path).name == "labs"


def test_the_branchs_upstream_comes_before_origin(tmp_path: Path) -> None:
    config = {"remote.origin.url": "x", "remote.up.url": "z", "branch.experiments.remote": "up"}
    assert choose_remote(configured(config), None, branch="experiments", cwd=tmp_path).name == "up"


def test_origin_comes_before_other_remotes(tmp_path: Path) -> None:
    config = {"remote.a.url": "x", "remote.origin.url": "z"}
    assert choose_remote(configured(config), None, branch="experiments", cwd=tmp_path).name == "origin"


def test_the_only_remote_is_taken(tmp_path: Path) -> None:
    assert choose_remote(configured({"remote.hub.url": "x"}), None, branch="experiments", cwd=tmp_path).name == "hub"


def test_without_a_remote_the_error_says_how_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(GitexpError, match="There is no remote to share runs with") as caught:
        choose_remote(configured(), None, branch="experiments", cwd=tmp_path)
    assert caught.value.fix == "git remote add origin URL    then type it again"


def test_two_remotes_without_an_origin_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(GitexpError, match="Which remote") as caught:
        choose_remote(configured({"remote.a.url": "x", "remote.b.url": "y"}), None, branch="experiments", cwd=tmp_path)
    assert caught.value.fix.startswith("git config gitexp.remote a")


def test_a_mistyped_remote_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(GitexpError, match="There is no remote named orgin") as caught:
        choose_remote(configured({"remote.origin.url": "x"}), "orgin", branch="experiments", cwd=tmp_path)
    assert caught.value.why == "This repository knows origin."


# Fetching


def test_fetch_brings_the_branch_and_moves_the_tracking_branch(shared: Lab, hub: Lab) -> None:
    shared.git("push", "-q", "origin", "experiments")
    shared.git("update-ref", "-d", "refs/remotes/origin/experiments")
    assert fetch_branch(repo(shared), ORIGIN, branch="experiments") == tip(shared)
    assert shared.git("rev-parse", "origin/experiments").strip() == tip(shared)
    assert not (shared.path / ".git" / "FETCH_HEAD").exists()


def test_a_remote_without_the_branch_has_no_tip(shared: Lab) -> None:
    assert fetch_branch(repo(shared), ORIGIN, branch="experiments") is None


def test_a_fetch_from_a_url_leaves_no_ref_behind(shared: Lab, hub: Lab) -> None:
    shared.git("push", "-q", str(hub.path), "experiments")
    before = refs(shared)
    assert fetch_branch(repo(shared), Remote(str(hub.path), None), branch="experiments") == tip(shared)
    assert refs(shared) == before == ["refs/heads/experiments", "refs/heads/main"]


def test_whatever_is_configured_a_fetch_brings_and_prunes_nothing_else(shared: Lab, hub: Lab) -> None:
    shared.git("tag", "-a", "v1", "-m", "a tag of the run", "experiments")
    shared.git("push", "-q", str(hub.path), "experiments", "main", "v1")
    shared.git("tag", "-d", "v1")
    shared.git("tag", "mine")
    shared.git("update-ref", "refs/remotes/origin/gone", "HEAD")
    for name, value in NOISE.items():
        shared.git("config", name, value)
    fetch_branch(repo(shared), ORIGIN, branch="experiments")
    assert refs(shared) == [
        "refs/heads/experiments",
        "refs/heads/main",
        "refs/remotes/origin/experiments",
        "refs/remotes/origin/gone",
        "refs/tags/mine",
    ]


def test_an_unreachable_remote_is_an_error_in_gits_words(shared: Lab, tmp_path: Path) -> None:
    with pytest.raises(TransportFailed, match=r"Cannot fetch experiments from .*nowhere") as caught:
        fetch_branch(repo(shared), Remote(str(tmp_path / "nowhere"), None), branch="experiments")
    assert any("does not appear to be a git repository" in line for line in caught.value.details)


# Pushing


def test_push_makes_the_branch_and_says_that_it_was_not_there(shared: Lab, hub: Lab) -> None:
    assert push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments") == Taken(before=None)
    assert refs(hub) == ["refs/heads/experiments"]
    assert tip(hub) == tip(shared)


def test_push_adds_to_the_branch_and_says_what_it_was(shared: Lab, hub: Lab) -> None:
    shared.git("push", "-q", "origin", "experiments")
    first, second = tip(shared), grow(shared, "second")
    assert push_commit(repo(shared), ORIGIN, second, branch="experiments") == Taken(before=first)
    assert tip(hub) == second


def test_push_remembers_the_remotes_branch_where_the_clone_covers_only_main(shared: Lab) -> None:
    shared.git("config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert shared.git("rev-parse", "origin/experiments").strip() == tip(shared)


def test_whatever_is_configured_a_push_sends_nothing_else(shared: Lab, hub: Lab) -> None:
    for name, value in NOISE.items():
        shared.git("config", name, value)
    shared.git("tag", "-a", "v1", "-m", "a tag of the run", "experiments")
    push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert refs(hub) == ["refs/heads/experiments"]


def test_a_mirror_remote_gets_the_one_branch_and_keeps_its_others(shared: Lab, hub: Lab) -> None:
    shared.git("push", "-q", "origin", "main:refs/heads/other")
    shared.git("config", "remote.origin.mirror", "true")
    push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert refs(hub) == ["refs/heads/experiments", "refs/heads/other"]


def test_a_push_that_somebody_was_faster_than_is_lost_and_changes_nothing(shared: Lab, hub: Lab) -> None:
    first = tip(shared)
    theirs = grow(shared, "theirs")
    shared.git("push", "-q", "origin", "experiments")
    shared.git("update-ref", "refs/heads/experiments", first)
    mine = grow(shared, "mine")
    assert isinstance(push_commit(repo(shared), ORIGIN, mine, branch="experiments"), Lost)
    assert tip(hub) == theirs


def test_a_lock_at_the_remote_is_a_lost_race(shared: Lab, hub: Lab) -> None:
    (hub.path / "refs" / "heads" / "experiments.lock").touch()
    answer = push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert isinstance(answer, Lost)
    assert "[remote rejected] (failed to update ref)" in answer.words


def test_a_hook_of_the_remote_that_says_no_is_final_and_is_quoted(shared: Lab, hub: Lab) -> None:
    hook = hub.write("hooks/pre-receive", "#!/bin/sh\necho 'Runs are frozen until Monday' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(TransportFailed, match="Cannot push experiments to origin") as caught:
        push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert "remote: Runs are frozen until Monday" in caught.value.details
    assert refs(hub) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "error: GH006: Protected branch update failed for refs/heads/experiments.\n\n"
            "- Changes must be made through a pull request.",
            "GH006: Protected branch update failed for refs/heads/experiments",
        ),
        (
            "\n========\n\nERROR: You are not allowed to push code to protected branches on this project.\n\n========",
            "You are not allowed to push code to protected branches on this project",
        ),
        (
            "GitLab: You are not allowed to force push code to a protected branch on this project.",
            "You are not allowed to force push code to a protected branch on this project",
        ),
        (
            "Gitea: Not allowed to push to protected branch experiments",
            "Not allowed to push to protected branch experiments",
        ),
    ],
)
def test_that_a_forge_protects_the_branch_is_said_in_one_line(shared: Lab, hub: Lab, said: str, reason: str) -> None:
    hook = hub.write("hooks/pre-receive", f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(TransportFailed) as caught:
        push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments", show=lambda _: None)
    assert caught.value.what == f"Cannot push experiments to origin: it is protected there ({reason})"
    assert caught.value.fix == (
        "in the settings there allow pushes to experiments without a pull request, merges too; never by force"
    )


def test_the_users_own_pre_push_hook_can_stop_a_push_however_much_it_prints(shared: Lab, hub: Lab) -> None:
    hook = shared.write(".git/hooks/pre-push", "#!/bin/sh\nseq 1 40000\necho 'tests fail' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(TransportFailed) as caught:
        push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments")
    assert "tests fail" in caught.value.details
    assert refs(hub) == []


def test_progress_is_shown_and_what_may_not_matter_is_kept_back(shared: Lab) -> None:
    shown: list[bytes] = []
    push_commit(repo(shared), ORIGIN, tip(shared), branch="experiments", show=shown.append)
    assert any(piece.startswith(b"Writing objects: 100%") for piece in shown)
    first = tip(shared)
    grow(shared, "theirs")
    shared.git("push", "-q", "origin", "experiments")
    shared.git("update-ref", "refs/heads/experiments", first)
    shown.clear()
    answer = push_commit(repo(shared), ORIGIN, grow(shared, "mine"), branch="experiments", show=shown.append)
    assert isinstance(answer, Lost)
    assert answer.words[0].startswith("error: failed to push some refs")
    assert shown == []


def test_a_sha256_repository_is_pushed_and_fetched(tmp_path: Path, env: dict[str, str]) -> None:
    for name, options in (("hub.git", ["--bare"]), ("lab", [])):
        subprocess.run(
            ["git", "init", "-q", "--object-format=sha256", *options, str(tmp_path / name)], check=True, env=env
        )
    lab = Lab(tmp_path / "lab", env)
    lab.commit("first")
    first = grow(lab, "first")
    there = Remote(str(tmp_path / "hub.git"), None)
    assert push_commit(repo(lab), there, first, branch="experiments") == Taken(before=None)
    second = grow(lab, "second")
    assert push_commit(repo(lab), there, second, branch="experiments") == Taken(before=first)
    assert fetch_branch(repo(lab), there, branch="experiments") == second
