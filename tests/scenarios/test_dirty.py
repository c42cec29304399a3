"""Dirty trees: blocked by the hook; let through, the record is exactly what was there, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab, make_lab


def test_a_run_with_a_dirty_tree_leaves_no_commit(lab: Lab) -> None:
    lab.write("README", "changed\n")
    lab.write("new.py", "x = 1\n")
    before = lab.state()
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert "2 files differ from HEAD" in result.stderr
    assert " M README" in result.stderr and "?? new.py" in result.stderr
    assert "git stash -u" in result.stderr
    assert lab.runs() == []
    assert lab.state() == before


def test_ignored_files_do_not_block(lab: Lab) -> None:
    lab.write(".gitignore", "out/\n")
    lab.commit("ignore")
    lab.write("out/x", "1")
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_the_first_twenty_files_are_named_and_the_rest_counted(lab: Lab) -> None:
    for number in range(25):
        lab.write(f"file{number:02}", "x")
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert result.stderr.count("?? file") == 20
    assert "5 more" in result.stderr


def test_changes_hidden_from_git_status_block_too(lab: Lab) -> None:
    lab.git("update-index", "--assume-unchanged", "README")
    lab.write("README", "hidden change\n")
    assert lab.git("status", "--porcelain") == ""
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert "README" in result.stderr


def test_a_skip_worktree_file_that_changed_blocks_too(lab: Lab) -> None:
    lab.git("update-index", "--skip-worktree", "README")
    lab.write("README", "hidden change\n")
    assert lab.gitexp("run", "--", "true").exit_code == 3


def test_flags_on_files_that_did_not_change_do_not_block(lab: Lab) -> None:
    lab.git("update-index", "--assume-unchanged", "README")
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_what_a_sparse_checkout_leaves_out_is_no_change(lab: Lab) -> None:
    lab.write("a/one", "1")
    lab.write("b/two", "2")
    lab.commit("two folders")
    lab.git("sparse-checkout", "set", "a")
    assert not (lab.path / "b").exists()
    assert lab.gitexp("run", "--", "true").exit_code == 0
    lab.write("a/one", "changed")
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert lab.show("experiments:code/b/two") == "2"
    assert lab.show("experiments:code/a/one") == "changed"


def test_no_verify_records_exactly_what_was_there(lab: Lab) -> None:
    lab.write(".gitignore", "ignored\n")
    lab.write("gone", "x")
    lab.commit("more files")
    lab.write("README", "changed\n")
    lab.write("staged", "staged\n")
    lab.git("add", "staged")
    lab.write("dir/untracked", "new\n")
    lab.write("ignored", "not recorded")
    (lab.path / "gone").unlink()
    before = lab.state()
    lab.well("run", "--no-verify", "--", "true")
    assert lab.state() == before
    assert sorted(lab.git("ls-tree", "-r", "--name-only", "experiments:code").split()) == [
        ".gitignore",
        "README",
        "dir/untracked",
        "gitexp.toml",
        "staged",
    ]
    assert lab.show("experiments:code/README") == "changed\n"
    code = lab.toml("run.toml")["code"]
    assert code["clean"] is False
    assert code["changed_count"] == 4
    assert "dirty" in lab.git("log", "-1", "--format=%(trailers:key=Gitexp-Code)", "experiments")
    assert "dirty" in lab.gitexp("log").stdout


def test_a_hidden_change_is_in_the_snapshot(lab: Lab) -> None:
    lab.git("update-index", "--assume-unchanged", "README")
    lab.write("README", "hidden change\n")
    before = lab.state()
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert lab.show("experiments:code/README") == "hidden change\n"
    assert lab.state() == before


def test_a_labs_laxer_policy_lets_dirty_trees_through(lab: Lab) -> None:
    lab.write("gitexp.toml", '[policy]\ndirty = "allow"\n')
    lab.commit("laxer")
    lab.write("new", "x")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.show("experiments:code/new") == "x"


def test_a_labs_own_hook_can_refuse(lab: Lab) -> None:
    hook = lab.path / ".git" / "hooks" / "gitexp-pre-run"
    hook.write_text("#!/bin/sh\necho 'not on Fridays' >&2\nexit 1\n")
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert "not on Fridays" in result.stderr
    assert lab.runs() == []


def test_large_untracked_files_are_not_swept_into_git(lab: Lab) -> None:
    (lab.path / "big.bin").write_bytes(b"\0" * 11_000_000)
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3
    assert "big.bin" in result.stderr and "untracked_limit" in result.stderr
    assert lab.runs() == []
    lab.write("gitexp.toml", '[policy]\nuntracked_limit = "20MB"\n')
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0


def test_a_nested_repository_is_never_passed_for_exact(lab: Lab) -> None:
    lab.git("init", "-q", "nested")
    lab.write("nested/file", "x")
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3
    assert "nested" in result.stderr


def test_a_tree_edited_while_the_program_runs_is_recorded_as_such(lab: Lab) -> None:
    result = lab.well("run", "--", "sh", "-c", "echo more >> README; echo new > made")
    assert "README" in result.stderr and "changed while it" in result.stderr
    code = lab.toml("run.toml")["code"]
    assert (code["clean"], code["edited"]) == (True, ["README", "made"])
    assert lab.show("experiments:code/README") == "a project\n"


def test_a_dirty_tree_that_stays_as_it_was_is_not_called_edited(lab: Lab) -> None:
    lab.write("untracked", "x")
    lab.write("README", "changed\n")
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert "edited" not in lab.toml("run.toml")["code"]


def test_hand_made_commits_on_the_branch_are_refused(lab: Lab) -> None:
    lab.git("switch", "-q", "experiments")
    lab.write("README.md", "rewritten by hand\n")
    result = lab.command("git", "commit", "-qam", "by hand")
    assert result.exit_code != 0
    assert "experiments" in result.stderr


def test_pushes_that_would_rewrite_or_delete_the_branch_are_refused(lab: Lab, tmp_path: Path) -> None:
    lab.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    lab.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    lab.gitexp("run", "--", "true")
    lab.git("push", "-q", "origin", "experiments")
    assert lab.command("git", "push", "origin", ":experiments").exit_code != 0
    lab.git("update-ref", "refs/heads/experiments", "experiments~1")
    lab.gitexp("run", "--", "true")
    assert lab.command("git", "push", "--force", "origin", "experiments").exit_code != 0


def with_submodule(lab: Lab, tmp_path: Path) -> Lab:
    """Commit a submodule `sub`; it is returned as a lab of its own."""
    other = make_lab(tmp_path / "other", lab.env)
    lab.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "sub")
    lab.commit("a submodule")
    return Lab(lab.path / "sub", lab.env)


def test_changes_inside_a_submodule_are_never_passed_for_exact(lab: Lab, tmp_path: Path) -> None:
    with_submodule(lab, tmp_path).write("README", "changed\n")
    refused = lab.gitexp("run", "--", "true")
    assert refused.exit_code == 3
    assert "   M sub  (a submodule: commit inside it first)\n" in refused.stderr
    for command in (["run", "--no-verify"], ["run", "--no-verify", "--dry-run"]):
        result = lab.gitexp(*command, "--", "true")
        assert result.exit_code == 3
        assert "A snapshot cannot hold other repositories' changes\n  sub\n" in result.stderr


def test_a_submodule_at_another_commit_is_in_the_snapshot(lab: Lab, tmp_path: Path) -> None:
    commit = with_submodule(lab, tmp_path).commit("more")
    assert lab.gitexp("run", "--", "true").exit_code == 3
    lab.well("run", "--no-verify", "--", "true")
    assert lab.git("rev-parse", "experiments:code/sub").strip() == commit


def redirected(lab: Lab, command: str, **env: str) -> int:
    """A shell that opens a file of the working tree for gitexp's own output."""
    return lab.command("sh", "-c", command, **env).exit_code


def test_the_file_that_our_own_output_goes_to_makes_no_tree_dirty(lab: Lab) -> None:
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>&1") == 0
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>> deep.err") == 0
    lab.commit("tracked by now")
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>&1") == 0
    code = lab.toml("run.toml")["code"]
    assert (code["clean"], code["edited_count"]) == (True, 0)


def test_our_own_output_is_no_part_of_a_snapshot(lab: Lab) -> None:
    lab.write("new.py", "x = 1\n")
    assert redirected(lab, "gitexp run --no-verify -- echo hi > train.log 2>&1") == 0
    assert lab.git("ls-tree", "--name-only", "experiments:code").split() == ["README", "gitexp.toml", "new.py"]
    assert "edited" not in lab.toml("run.toml")["code"]


@pytest.mark.parametrize("files", [["slurm-7.out", "slurm-8.out"], ["logs/a b.log", "logs/ü.log"]])
def test_what_our_output_went_to_before_makes_no_tree_dirty_either(lab: Lab, files: list[str]) -> None:
    lab.path.joinpath("logs").mkdir()
    for file in files:
        assert redirected(lab, f"gitexp run -- echo hi > '{file}' 2>&1") == 0
    lab.write("new.py", "x = 1\n")
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert lab.git("ls-tree", "--name-only", "experiments:code").split() == ["README", "gitexp.toml", "new.py"]


def test_a_file_that_took_the_place_of_our_output_is_one_like_any_other(lab: Lab) -> None:
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>&1") == 0
    lab.write("other.log", "mine\n").rename(lab.path / "train.log")
    assert "?? train.log" in lab.gitexp("run", "--", "true").stderr
    lab.path.joinpath("train.log").unlink()
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_a_file_of_our_output_that_was_committed_is_one_like_any_other(lab: Lab) -> None:
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>&1") == 0
    lab.commit("tracked by now")
    with lab.path.joinpath("train.log").open("a") as file:
        file.write("edited\n")
    assert " M train.log" in lab.gitexp("run", "--", "true").stderr


def test_two_jobs_at_once_are_no_changes_to_each_other(lab: Lab) -> None:
    lab.write("second.sh", "gitexp run -- echo hi > slurm-2.out 2>&1\n")
    lab.commit()
    assert redirected(lab, "gitexp run -- sh second.sh > slurm-1.out 2>&1") == 0
    assert "changed while" not in lab.path.joinpath("slurm-1.out").read_text()
    assert [lab.toml("run.toml", run)["code"]["clean"] for run in lab.runs()] == [True, True]


def test_a_copy_of_our_own_output_is_a_file_like_any_other(lab: Lab) -> None:
    lab.write("train.log.1", "hi\n")
    assert redirected(lab, "gitexp run -- echo hi > train.log 2>&1") == 3


def fix_of(stderr: str) -> str:
    """What is to be pasted of the first line of advice."""
    return stderr.partition("fix:   ")[2].partition("    ")[0]


def test_the_refusal_names_every_way_on(lab: Lab) -> None:
    lab.write("new.py", "x = 1\n")
    said = lab.gitexp("run", "--", "true").stderr
    assert "git add -A && git commit" in said
    assert "--no-verify" in said and 'dirty = "allow"' in said and ".gitignore" in said


def test_a_checkpoint_is_to_be_ignored_and_the_advice_works(lab: Lab) -> None:
    (lab.path / "model.pt").write_bytes(b"\0" * 100)
    (lab.path / "big").write_bytes(b"\0" * 2_000_000)
    lab.write("out/metrics.json", "{}")
    lab.write("out/deep/more.txt", "x")
    said = lab.gitexp("run", "--", "true").stderr
    assert "git add -A" not in said
    assert lab.command("sh", "-c", fix_of(said)).exit_code == 0
    assert (lab.path / ".gitignore").read_text().split() == ["/big", "/model.pt", "/out/"]
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_a_checkpoint_beside_new_code_is_ignored_before_the_code_is_committed(lab: Lab) -> None:
    (lab.path / "model.pt").write_bytes(b"\0" * 100)
    lab.write("new.py", "x = 1\n")
    said = lab.gitexp("run", "--", "true").stderr
    assert "    then commit the rest:  git add -A && git commit\n" in said
    assert lab.command("sh", "-c", fix_of(said)).exit_code == 0
    lab.commit("the rest")
    assert "model.pt" not in lab.git("ls-files")


def test_the_data_of_a_new_recipe_is_to_be_committed_with_it(lab: Lab) -> None:
    assert lab.gitexp("new", "digits-mlp", "mine").exit_code == 0
    said = lab.gitexp("run", "mine").stderr
    assert "recipes/mine/digits.csv.gz" in said
    assert fix_of(said) == "git add -A && git commit"


def test_a_large_file_that_git_has_is_not_to_be_committed_again(lab: Lab) -> None:
    lab.write("model.pt", "first")
    lab.commit("a checkpoint, once")
    lab.write("model.pt", "second")
    said = lab.gitexp("run", "--", "true").stderr
    assert "git add -A" not in said and "have the program write model.pt to a place that git ignores" in said


def test_bytes_that_git_lfs_should_keep_are_not_to_be_committed_without_it(lab: Lab) -> None:
    lab.write(".gitattributes", "*.csv filter=lfs\n")
    lab.write("data.csv", "version https://git-lfs.github.com/spec/v1\n")
    lab.commit("a pointer")
    lab.write("data.csv", "the bytes themselves\n")
    said = lab.gitexp("run", "--", "true").stderr
    assert "git add -A" not in said and "git lfs install" in said and "data.csv" in said


def test_bytes_that_dvc_keeps_are_to_be_ignored(lab: Lab) -> None:
    lab.write("data.csv.dvc", "outs:\n- md5: 0\n  path: data.csv\n")
    lab.commit("a pointer of DVC")
    lab.write("data.csv", "1\n")
    said = lab.gitexp("run", "--", "true").stderr
    assert "git add -A" not in said
    assert lab.command("sh", "-c", fix_of(said)).exit_code == 0
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_what_get_brings_back_into_a_new_folder_makes_no_tree_dirty(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "python", "-c", "import gitexp; gitexp.save('README', name='w.pt')").exit_code == 0
    result = lab.well("get", "latest", "w.pt", "--to", "out")
    assert "git ignores out in this clone now" in result.stderr
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert "ignores" not in lab.gitexp("get", "latest~1", "w.pt", "--to", "out").stderr
    assert "git ignores was in this clone now" in lab.gitexp("get", "latest", "code", "--to", "was").stderr
    assert lab.gitexp("run", "--", "true").exit_code == 0
    lab.write("mine/x", "1")
    assert lab.gitexp("get", "latest~2", "w.pt", "--to", "mine").exit_code == 0
    assert "?? mine/x" in lab.gitexp("run", "--", "true").stderr


def test_the_recipe_of_a_plain_program_can_run_twice_in_a_row(lab: Lab) -> None:
    for name in ("digits-mlp", "digits-knn"):
        assert lab.gitexp("new", name).exit_code == 0
    lab.commit("a recipe")
    for _ in range(2):
        lab.well("run", "digits-knn")
    assert lab.git("status", "--porcelain") == ""
