"""`gitexp init`: in any repository, twice, in clones; one clear error elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Lab

ROOT_SHA1 = "bd649e5b4206e0f538ce41e3875a9377c19c7f7c"  # docs/format.md promises it


def test_init_writes_configuration_hooks_and_the_constant_root(fresh: Lab) -> None:
    result = fresh.well("init")
    assert fresh.git("rev-parse", "experiments").strip() == ROOT_SHA1
    assert "# branch" in (fresh.path / "gitexp.toml").read_text()
    for hook in ("gitexp-pre-run", "pre-commit", "pre-push"):
        assert os.access(fresh.path / ".git" / "hooks" / hook, os.X_OK)
    assert "git add gitexp.toml" in result.stderr
    assert "branch     experiments at bd649e5, new\n" in result.stdout


def test_init_twice_changes_nothing(lab: Lab) -> None:
    hooks = lab.path / ".git" / "hooks"
    before = (lab.state(), {path.name: path.read_bytes() for path in hooks.iterdir()})
    lab.well("init")
    assert (lab.state(), {path.name: path.read_bytes() for path in hooks.iterdir()}) == before
    assert lab.git("status", "--porcelain") == ""


def test_init_in_a_subfolder_sets_up_the_whole_repository(fresh: Lab) -> None:
    folder = fresh.path / "deep" / "er"
    folder.mkdir(parents=True)
    assert fresh.gitexp("init", cwd=folder).exit_code == 0
    assert (fresh.path / "gitexp.toml").exists()
    assert not (folder / "gitexp.toml").exists()


def test_init_keeps_a_configuration_that_is_there(fresh: Lab) -> None:
    fresh.write("gitexp.toml", 'branch = "trials"\n')
    assert fresh.gitexp("init").exit_code == 0
    assert (fresh.path / "gitexp.toml").read_text() == 'branch = "trials"\n'
    assert fresh.git("rev-parse", "trials").strip() == ROOT_SHA1


def test_outside_a_repository_is_one_clear_error(bare_world: Lab) -> None:
    result = bare_world.gitexp("init")
    assert result.exit_code == 1
    assert "is not inside a git repository" in result.stderr
    assert "Traceback" not in result.stderr


def test_in_a_bare_repository_is_one_clear_error(bare_world: Lab) -> None:
    bare_world.git("init", "-q", "--bare", ".")
    result = bare_world.gitexp("init")
    assert result.exit_code == 1
    assert "bare repository" in result.stderr


def test_without_a_commit_is_one_clear_error(bare_world: Lab) -> None:
    bare_world.git("init", "-q", ".")
    result = bare_world.gitexp("init")
    assert result.exit_code == 1
    assert "has no commit yet" in result.stderr
    assert "git commit" in result.stderr
    assert not (bare_world.path / "gitexp.toml").exists()


def test_without_an_identity_is_one_clear_error(fresh: Lab) -> None:
    Path(fresh.env["HOME"], ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    result = fresh.gitexp("init")
    assert result.exit_code == 1
    assert "does not know who you are" in result.stderr
    assert "git config --global user.name" in result.stderr


def test_a_dry_run_records_nothing_and_needs_no_identity(lab: Lab) -> None:
    Path(lab.env["HOME"], ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert lab.gitexp("run", "--dry-run", "--", "true").exit_code == 0
    result = lab.gitexp("run", "--", "true")
    assert (result.exit_code, "does not know who you are" in result.stderr) == (3, True)


def test_in_a_clone_init_takes_up_the_branch_that_is_there(lab: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    tip = lab.git("rev-parse", "experiments")
    lab.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    result = clone.well("init")
    assert clone.git("rev-parse", "experiments") == tip
    assert "origin/experiments" in result.stdout


def test_a_hook_that_was_there_keeps_running(fresh: Lab) -> None:
    hook = fresh.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho checked >> ../checks\n")
    hook.chmod(0o755)
    assert fresh.gitexp("init").exit_code == 0
    fresh.commit("with both hooks")
    assert (fresh.path.parent / "checks").read_text() == "checked\n"


def test_a_hooks_folder_of_the_project_is_left_alone_and_said_so(fresh: Lab) -> None:
    fresh.write(".husky/pre-commit", "#!/bin/sh\nexit 0\n").chmod(0o755)
    fresh.commit("husky")
    fresh.git("config", "core.hooksPath", ".husky")
    result = fresh.well("init")
    assert sorted(path.name for path in (fresh.path / ".husky").iterdir()) == ["pre-commit"]
    assert "core.hooksPath" in result.stdout
    fresh.commit("gitexp")
    assert fresh.gitexp("run", "--", "true").exit_code == 0


def test_an_author_without_a_committer_is_one_clear_error(fresh: Lab) -> None:
    Path(fresh.env["HOME"], ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    result = fresh.gitexp("init", GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="ada@example.org")
    assert result.exit_code == 1
    assert "does not know who you are" in result.stderr


def test_before_init_a_run_is_told_that_gitexp_is_not_set_up(fresh: Lab) -> None:
    result = fresh.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: gitexp is not set up in this clone\nfix:   gitexp init ")
    log = fresh.gitexp("log")
    assert (log.exit_code, "gitexp is not set up in this clone." in log.stderr) == (1, True)


def test_a_hook_that_was_removed_is_named_where_gitexp_is_set_up(lab: Lab) -> None:
    (lab.path / ".git" / "hooks" / "gitexp-pre-run").unlink()
    assert "The hook gitexp-pre-run is missing here" in lab.gitexp("run", "--", "true").stderr


@pytest.mark.parametrize("how", [["--depth=1"], ["--single-branch"]])
def test_a_clone_of_one_branch_is_told_to_pull_and_has_all_runs_then(
    lab: Lab, hub: Lab, tmp_path: Path, how: list[str]
) -> None:
    lab.git("push", "-q", str(hub.path), "main")
    for _ in range(2):
        assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.gitexp("push", str(hub.path)).exit_code == 0
    lab.git("clone", "-q", *how, "--branch", "main", f"file://{hub.path}", str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    for command in (["log"], ["show"]):
        result = clone.gitexp(*command)
        assert result.exit_code == 1
        assert "gitexp is not set up in this clone: no runs of origin were fetched" in result.stderr
        assert "fix:   gitexp init && gitexp pull\n" in result.stderr
    assert clone.command("sh", "-c", "gitexp init && gitexp pull").exit_code == 0
    log = clone.gitexp("log")
    assert (log.stdout.count("true"), log.stderr) == (2, "")
    assert clone.gitexp("run", "--", "true").exit_code == 0
    assert clone.gitexp("push").exit_code == 0


@pytest.mark.parametrize("how", [["--depth=1"], ["--single-branch"]])
def test_a_clone_that_was_set_up_before_runs_were_fetched_is_told_to_pull(
    lab: Lab, hub: Lab, tmp_path: Path, how: list[str]
) -> None:
    lab.git("push", "-q", str(hub.path), "main")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.gitexp("push", str(hub.path)).exit_code == 0
    lab.git("clone", "-q", *how, "--branch", "main", f"file://{hub.path}", str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    assert clone.gitexp("init").exit_code == 0
    for command in (["log"], ["show"], ["show", "best:acc"], ["diff"]):
        result = clone.gitexp(*command)
        assert result.exit_code == 1
        assert "Those of origin, if it has any, were not fetched yet.\nfix:   gitexp pull    or" in result.stderr
    status = clone.gitexp("status").stdout
    assert status == "nothing is running\nThe runs of origin, if it has any, are not fetched yet: gitexp pull\n"
    assert clone.gitexp("pull").exit_code == 0
    assert clone.gitexp("log").stdout.count("true") == 1
    assert "the same here and on origin" in clone.gitexp("status").stdout


def test_init_names_a_branch_of_the_remote_beside_which_it_cannot_have_ours(fresh: Lab, hub: Lab) -> None:
    fresh.git("remote", "add", "origin", str(hub.path))
    fresh.git("push", "-q", "origin", "main:experiments/lr")
    result = fresh.well("init")
    assert "warning: origin/experiments/lr is there, so its remote cannot have a branch experiments\n" in result.stderr
    assert "fix:   git config gitexp.branch ANOTHER-NAME && gitexp init\n" in result.stderr


def test_a_branch_that_was_removed_is_named_with_the_way_back(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    [run] = lab.gitexp("log", "--json").json["runs"]
    lab.git("branch", "-q", "-D", "experiments")
    log = lab.gitexp("log")
    assert log.exit_code == 1
    assert "error: The branch experiments was removed here; the newest of its runs that is known was" in log.stderr
    assert log.stderr.endswith(f"fix:   git branch experiments {run['commit'][:10]}\n")
    warned = lab.well("run", "--", "true")
    assert "warning: The branch experiments was removed here; " in warned.stderr
    assert f"git branch experiments-before {run['commit'][:10]}" in warned.stderr
    lab.git("branch", "-q", "-D", "experiments")
    for path in lab.path.glob(".git/gitexp/index/*"):
        path.unlink()
    assert lab.gitexp("log").stderr == "error: There are no runs yet\nfix:   gitexp run -- COMMAND\n"


def test_a_clone_whose_head_is_not_born_is_told_which_branch_to_switch_to(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    hub.git("symbolic-ref", "HEAD", "refs/heads/master")
    lab.git("push", "-q", str(hub.path), "main", "experiments")
    lab.git("clone", "-q", str(hub.path), str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    for command in (["init"], ["run", "--", "true"]):
        result = clone.gitexp(*command)
        assert result.stderr.endswith("fix:   git switch main\n")
    assert clone.command("sh", "-c", "git switch main && gitexp init").exit_code == 0


def test_a_shallow_clone_that_has_only_a_merge_does_not_say_that_there_are_no_runs(
    lab: Lab, hub: Lab, tmp_path: Path
) -> None:
    lab.git("push", "-q", str(hub.path), "main")
    lab.git("clone", "-q", "--branch=main", str(hub.path), str(tmp_path / "b"))
    other = Lab(tmp_path / "b", lab.env)
    assert other.gitexp("init").exit_code == 0
    for one in (lab, other):
        assert one.gitexp("run", "--", "true").exit_code == 0
        assert one.gitexp("push", str(hub.path)).exit_code == 0
    lab.git(
        "clone", "-q", "--depth=1", "--no-single-branch", "--branch=main", f"file://{hub.path}", str(tmp_path / "c")
    )
    clone = Lab(tmp_path / "c", lab.env)
    log = clone.gitexp("log")
    assert "error: This clone is shallow, and has none of the runs\nfix:   git fetch --unshallow\n" in log.stderr
    clone.git("fetch", "-q", "--unshallow")
    assert clone.gitexp("log").stdout.count("true") == 2


def test_a_shallow_clone_of_all_branches_says_that_older_runs_are_not_there(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    lab.git("push", "-q", str(hub.path), "main")
    for _ in range(2):
        assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.gitexp("push", str(hub.path)).exit_code == 0
    lab.git(
        "clone", "-q", "--depth=1", "--no-single-branch", "--branch=main", f"file://{hub.path}", str(tmp_path / "c")
    )
    clone = Lab(tmp_path / "c", lab.env)
    log = clone.gitexp("log")
    assert log.stdout.count("true") == 1
    assert "warning: this clone is shallow, so older runs are not here: git fetch --unshallow\n" in log.stderr
    assert clone.gitexp("init").exit_code == 0
    assert clone.gitexp("run", "--", "true").exit_code == 0
    assert clone.gitexp("push").exit_code == 0
    clone.git("fetch", "-q", "--unshallow")
    log = clone.gitexp("log")
    assert (log.stdout.count("true"), log.stderr) == (3, "")
