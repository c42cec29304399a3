"""Other people's refs: a branch that is not gitexp's is never committed on; what is in the way is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab, Result, make_lab

FIX = "fix:   git config gitexp.branch ANOTHER-NAME && gitexp init\n"


@pytest.fixture
def unset(fresh: Lab) -> Lab:
    """A repository whose configuration is committed, and whose branch is yet to be made."""
    fresh.write("gitexp.toml", "")
    fresh.commit("configure")
    return fresh


def refused(lab: Lab, *, what: str) -> str:
    """Both ways of meeting the branch refuse it before anything ran; the words of `run`."""
    before = lab.git("for-each-ref")
    init = lab.gitexp("init")
    run = lab.gitexp("run", "--no-verify", "--", "touch", "made")
    assert (init.exit_code, run.exit_code) == (3, 3), init.stderr + run.stderr
    assert what in init.stderr
    assert what in run.stderr
    assert lab.git("for-each-ref") == before
    assert not (lab.path / "made").exists()
    assert not list(lab.path.glob(".git/gitexp/runs/*"))
    return run.stderr


def test_an_ordinary_branch_of_that_name_is_left_alone(unset: Lab) -> None:
    unset.git("branch", "experiments")
    words = refused(unset, what="error: The branch experiments here does not hold runs of gitexp\n")
    assert FIX in words
    assert not list((unset.path / ".git" / "hooks").glob("gitexp-pre-run"))


def test_so_is_one_that_a_pulled_configuration_names(lab: Lab) -> None:
    lab.git("branch", "release")
    tip = lab.git("rev-parse", "release")
    lab.write("gitexp.toml", 'branch = "release"\n')
    lab.commit("tidy the configuration")
    run = lab.gitexp("run", "--", "true")
    assert (run.exit_code, "The branch release here does not hold runs" in run.stderr) == (3, True)
    status = lab.gitexp("status")
    assert (status.stdout, "The branch release here does not hold" in status.stderr) == ("nothing is running\n", True)
    assert lab.git("rev-parse", "release") == tip


def test_so_is_one_into_which_the_runs_were_merged(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    lab.git("branch", "release")
    lab.git("config", "gitexp.branch", "release")
    lab.git("switch", "-q", "release")
    lab.git("merge", "-q", "--allow-unrelated-histories", "-m", "everything together", "experiments")
    lab.git("switch", "-q", "main")
    refused(lab, what="The branch release here does not hold runs of gitexp")


def test_so_is_one_whose_newest_message_only_quotes_a_run(unset: Lab) -> None:
    unset.write("run.toml", "")
    unset.commit(f"revert\n\nGitexp-Run: {'k' * 16}")
    unset.git("branch", "experiments")
    refused(unset, what="The branch experiments here does not hold runs of gitexp")


def test_so_is_a_remotes_which_would_be_taken_up(unset: Lab, hub: Lab) -> None:
    unset.git("remote", "add", "origin", str(hub.path))
    unset.git("push", "-q", "origin", "main:experiments")
    unset.git("fetch", "-q", "origin")
    refused(unset, what="The branch origin/experiments here does not hold runs of gitexp")


def test_one_that_became_somebodys_own_while_the_program_ran_is_left_alone(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "git", "branch", "-f", "experiments", "main")
    assert result.exit_code == 1
    assert "could not be recorded: The branch experiments here does not hold runs of gitexp" in result.stderr
    assert lab.git("rev-parse", "experiments") == lab.git("rev-parse", "main")
    lab.git("branch", "-D", "experiments")
    assert "recorded git" in lab.gitexp("status").stderr


def test_a_commit_made_by_hand_on_top_of_runs_stands_in_nobodys_way(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    tree, tip = lab.git("rev-parse", "main^{tree}").strip(), lab.git("rev-parse", "experiments").strip()
    commit = lab.git("commit-tree", tree, "-p", tip, "-m", "by hand").strip()
    lab.git("update-ref", "refs/heads/experiments", commit)
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert len(lab.runs()) == 2


@pytest.mark.parametrize(
    ("configured", "other"),
    [("experiments", "experiments/lr"), ("experiments/mine", "experiments"), ("team/a/runs", "team")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_that_would_have_to_be_a_folder_is_named(
    unset: Lab, configured: str, other: str, packed: bool
) -> None:
    unset.git("branch", other)
    if packed:
        unset.git("pack-refs", "--all")
    unset.git("config", "gitexp.branch", configured)
    words = refused(unset, what=f"There cannot be a branch {configured} here, because there is {other}\n")
    assert FIX in words


def test_a_branch_of_other_case_is_named_where_files_have_none(unset: Lab) -> None:
    unset.git("config", "core.ignoreCase", "true")
    unset.git("branch", "Experiments")
    refused(unset, what="There cannot be a branch experiments here, because there is Experiments\n")


def test_a_symbolic_ref_is_not_replaced(unset: Lab) -> None:
    unset.git("symbolic-ref", "refs/heads/experiments", "refs/heads/main")
    words = refused(unset, what="experiments is no branch of its own: it stands for main\n")
    assert "fix:   git config gitexp.branch main\n" in words


def test_tags_and_remotes_of_that_name_are_in_nobodys_way(unset: Lab, hub: Lab) -> None:
    unset.git("tag", "experiments")
    unset.git("remote", "add", "experiments", str(hub.path))
    unset.git("push", "-q", "experiments", "main")
    assert unset.gitexp("init").exit_code == 0
    assert unset.gitexp("run", "--", "true").exit_code == 0
    assert unset.gitexp("push").exit_code == 0
    assert unset.gitexp("show", "experiments/latest").exit_code == 0
    assert hub.git("rev-parse", "experiments") == unset.git("rev-parse", "refs/heads/experiments")


@pytest.mark.parametrize("name", ["HEAD", "a..b", "with space", "x.lock", "refs/heads/experiments", "-x", "a\nb"])
@pytest.mark.parametrize("command", [("init",), ("run", "--", "true"), ("log",)])
def test_a_name_that_git_refuses_is_refused(lab: Lab, name: str, command: tuple[str, ...]) -> None:
    lab.git("config", "gitexp.branch", name)
    result = lab.gitexp(*command)
    assert result.exit_code == 3
    assert "git config gitexp.branch: git takes " in result.stderr


def test_what_git_alone_finds_wrong_with_a_name_is_said_in_its_words(unset: Lab) -> None:
    unset.git("config", "gitexp.branch", "x" * 300)
    words = refused(unset, what=f"git cannot make a branch {'x' * 300} here\n")
    assert "File name too long" in words


# Remotes


def test_the_remotes_own_branch_in_the_way_is_named_after_one_try(lab: Lab, hub: Lab) -> None:
    lab.git("remote", "add", "origin", str(hub.path))
    lab.git("push", "-q", "origin", "main:experiments/lr")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    result = lab.gitexp("push")
    assert result.exit_code == 1
    first = result.stderr.split("\n")[0]
    assert first.startswith("error: origin refused experiments: cannot lock ref 'refs/heads/experiments': ")
    assert "origin has a branch experiments/lr, so it cannot have experiments." in result.stderr
    assert FIX in result.stderr


def test_what_was_fetched_before_and_is_in_the_way_is_named(lab: Lab, hub: Lab) -> None:
    lab.git("remote", "add", "origin", str(hub.path))
    assert lab.gitexp("run", "--", "true").exit_code == 0
    lab.git("push", "-q", "origin", "experiments")
    lab.git("update-ref", "-d", "refs/remotes/origin/experiments")
    lab.git("update-ref", "refs/remotes/origin/experiments/lr", "main")
    result = lab.gitexp("pull")
    assert (result.exit_code, "fix:   git remote prune origin\n" in result.stderr) == (1, True)
    lab.git("remote", "prune", "origin")
    assert lab.gitexp("pull").exit_code == 0


@pytest.mark.parametrize("name", ["team/up", "a.b/c.d", "only"])
def test_a_clone_reads_and_takes_up_what_its_only_remote_has_whatever_that_is_called(
    lab: Lab, hub: Lab, tmp_path: Path, name: str
) -> None:
    lab.git("push", "-q", str(hub.path), "main")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.gitexp("push", str(hub.path)).exit_code == 0
    hub.git("clone", "-q", "-o", name, str(hub.path), str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    assert clone.gitexp("log").exit_code == 0
    assert clone.gitexp("show", f"{name}/latest").exit_code == 0
    assert f"from {name}/experiments\n" in clone.gitexp("init").stdout
    assert clone.gitexp("run", "--", "true").exit_code == 0
    assert f"1 run not on {name} yet" in clone.gitexp("status").stdout
    assert clone.gitexp("push").stderr.startswith(f"pushed 1 run to {name} ")


def test_of_several_remotes_with_slashes_the_configured_one_is_read(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    other = make_lab(tmp_path / "other", lab.env)
    for name in ("team/a", "team/b"):
        other.git("remote", "add", name, str(hub.path))
    assert lab.gitexp("push", str(hub.path)).exit_code == 0
    other.git("fetch", "-q", "team/b")
    other.git("update-ref", "refs/remotes/team/a/experiments", "bd649e5b4206e0f538ce41e3875a9377c19c7f7c")
    other.git("config", "gitexp.remote", "team/b")
    assert len(other.gitexp("log", "--json").json["runs"]) == 1


# What git says when it says neither yes nor no

DIES = """#!/bin/sh
case "$*" in *"$DIES"*) kill -9 $$ ;; esac
PATH=${PATH#*:} exec git "$@"
"""


def with_dying_git(lab: Lab, folder: Path, dies: str, *command: str) -> Result:
    """A gitexp command for which git is killed whenever its arguments have `dies` in them."""
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(DIES)
    (folder / "git").chmod(0o755)
    return lab.gitexp(*command, PATH=f"{folder}:{lab.env['PATH']}", DIES=dies)


def test_a_git_that_was_killed_is_not_taken_for_there_being_no_repository(lab: Lab, tmp_path: Path) -> None:
    for command in (("log",), ("init",), ("push",)):
        result = with_dying_git(lab, tmp_path / "bin", "rev-parse", *command)
        assert result.exit_code == 1
        assert "error: git rev-parse --is-bare-repository" in result.stderr
        assert "was killed (signal 9)" in result.stderr
        assert "not inside a git repository" not in result.stderr


@pytest.mark.parametrize("dies", ["log -1", "var GIT_AUTHOR_IDENT", "config -z", "status --porcelain", "cat-file"])
def test_a_git_that_was_killed_refuses_a_run_and_is_named(lab: Lab, tmp_path: Path, dies: str) -> None:
    result = with_dying_git(lab, tmp_path / "bin", dies, "run", "--", "touch", "made")
    assert result.exit_code == 3
    assert "was killed (signal 9)" in result.stderr
    assert not (lab.path / "made").exists()


def test_a_run_is_not_recorded_twice_when_git_dies_over_the_question_whether_it_is(lab: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    hook = lab.write(".git/hooks/reference-transaction", '#!/bin/sh\n[ "$1" != committed ] || kill -9 $(cat ../pid)\n')
    process = lab.start("run", "--", "sh", "-c", "echo ready; while [ ! -e ../pid ]; do sleep 0.01; done")
    assert process.stdout is not None
    process.stdout.readline()
    hook.chmod(0o755)
    lab.write("../part", str(process.pid)).rename(lab.path / "../pid")
    process.communicate()
    hook.unlink()
    assert len(lab.runs()) == 2
    dying = with_dying_git(lab, tmp_path / "bin", "merge-base", "status")
    assert "could not be recorded: git merge-base --is-ancestor" in dying.stderr
    assert "was killed (signal 9)" in dying.stderr
    assert lab.gitexp("status").exit_code == 0
    assert len(lab.runs()) == 2
    assert not list(lab.path.glob(".git/gitexp/runs/*"))


def test_a_folder_of_somebody_else_is_shown_with_gits_own_hint(lab: Lab) -> None:
    result = lab.gitexp("log", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert result.exit_code == 1
    assert f"        git config --global --add safe.directory {lab.path}\n" in result.stderr


def test_a_damaged_configuration_of_git_is_named(lab: Lab) -> None:
    with (lab.path / ".git" / "config").open("a") as file:
        file.write("[branch\n")
    result = lab.gitexp("run", "--", "true")
    assert (result.exit_code, "bad config line" in result.stderr) == (3, True)


def test_a_damaged_head_is_not_taken_for_having_no_commit(lab: Lab) -> None:
    head = lab.git("rev-parse", "HEAD").strip()
    path = lab.path / ".git" / "objects" / head[:2] / head[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert "is empty" in result.stderr
    assert "no commit yet" not in result.stderr


def test_an_old_git_is_told_to_be_too_old(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\nprintf 'false\\n--path-format=absolute\\n.git\\n/a/.git\\n/a\\n'\n")
    (folder / "git").chmod(0o755)
    result = lab.gitexp("log", PATH=f"{folder}:{lab.env['PATH']}")
    assert result.stderr == "error: git is too old for gitexp\nfix:   install git 2.36 or later    (git --version)\n"


def test_without_an_identity_a_run_is_refused(lab: Lab) -> None:
    Path(lab.env["HOME"], ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    result = lab.gitexp("run", "--", "true")
    assert (result.exit_code, "does not know who you are" in result.stderr) == (3, True)


def test_outside_a_repository_a_run_is_refused(bare_world: Lab) -> None:
    result = bare_world.gitexp("run", "--", "true")
    assert (result.exit_code, "is not inside a git repository" in result.stderr) == (3, True)
