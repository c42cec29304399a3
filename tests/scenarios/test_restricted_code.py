"""Bytes of restricted data never enter a record's code, whatever lets a dirty tree through and wherever they lie."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from harness import Lab, Result

PATIENTS = "name,age\nada,36\ngrace,45\n"
CATALOGUE = '[datasets.patients]\npath = "data/patients.csv"\naccess = "restricted"\n'


@pytest.fixture
def ward(lab: Lab) -> Lab:
    """A lab whose catalogue has restricted data that lies untracked in the tree."""
    lab.write("gitexp.toml", CATALOGUE)
    lab.commit("a catalogue")
    lab.write("data/patients.csv", PATIENTS)
    return lab


def run(lab: Lab, *flags: str, cwd: Path | None = None) -> Result:
    return lab.gitexp("run", *flags, "--", "true", cwd=cwd)


def pasted(lab: Lab, result: Result, cwd: Path | None = None) -> None:
    """Type the first of the commands that an error gives."""
    fix = result.stderr.partition("fix:   ")[2].partition("    ")[0]
    done = lab.command("sh", "-c", fix, cwd=cwd)
    assert done.exit_code == 0, done.stderr


def refused(lab: Lab, *names: str) -> Result:
    """A run that is let through dirty is refused, names these, and leaves nothing."""
    before = lab.state()
    result = run(lab, "--no-verify")
    assert result.exit_code == 3, result.stderr
    for name in names:
        assert f"\n  {name}  (" in result.stderr
    assert "git add -A" not in result.stderr
    assert lab.runs() == []
    assert lab.state() == before
    return result


def test_an_untracked_restricted_file_is_not_swept_into_a_snapshot(ward: Lab) -> None:
    result = refused(ward, "data/patients.csv")
    assert "(dataset patients)" in result.stderr
    pasted(ward, result)
    assert run(ward).exit_code == 0
    assert "patients.csv" not in ward.git("ls-tree", "-r", "--name-only", "experiments:code")


def test_the_refusal_of_a_dirty_tree_does_not_advise_to_commit_restricted_data(ward: Lab) -> None:
    result = run(ward)
    assert result.exit_code == 3
    assert "git add -A" not in result.stderr and "data/patients.csv  (dataset patients)" in result.stderr
    assert run(ward, "--dry-run", "--no-verify").exit_code == 3


def test_a_laxer_policy_lets_no_restricted_file_through(ward: Lab) -> None:
    ward.write("gitexp.toml", f'[policy]\ndirty = "allow"\n{CATALOGUE}')
    refused(ward, "data/patients.csv")


def test_a_tracked_restricted_file_is_refused_and_the_advice_helps(ward: Lab) -> None:
    ward.commit("all of it")
    result = refused(ward, "data/patients.csv")
    assert run(ward).exit_code == 3
    assert "git filter-repo" in result.stderr
    pasted(ward, result)
    assert (ward.path / "data/patients.csv").read_text() == PATIENTS
    assert run(ward).exit_code == 0
    assert "patients.csv" not in ward.git("ls-tree", "-r", "--name-only", "experiments:code")


def test_a_staged_restricted_file_is_refused_and_the_advice_helps(ward: Lab) -> None:
    ward.git("add", "data/patients.csv")
    pasted(ward, refused(ward, "data/patients.csv"))
    assert run(ward).exit_code == 0


def test_the_advice_works_in_a_folder_below(ward: Lab) -> None:
    ward.write("deep/er/x.py", "")
    ward.commit("a folder, and by mistake the data")
    below = ward.path / "deep" / "er"
    pasted(ward, run(ward, cwd=below), cwd=below)
    assert run(ward, cwd=below).exit_code == 0


def test_an_ignored_restricted_file_stands_in_nobodys_way(ward: Lab) -> None:
    ward.write(".gitignore", "data/\n")
    ward.commit("ignore data")
    assert run(ward).exit_code == 0


def test_a_copy_under_another_name_is_found_by_its_bytes(ward: Lab) -> None:
    ward.write(".gitignore", "data/\n")
    ward.commit("ignore data")
    ward.write("notes/old.txt", PATIENTS)
    os.link(ward.path / "data/patients.csv", ward.path / "linked.csv")
    result = refused(ward, "notes/old.txt", "linked.csv")
    assert "the bytes of patients.csv, dataset patients" in result.stderr
    ward.commit("a copy")
    assert run(ward).exit_code == 3


def test_a_copy_of_data_that_only_the_store_has_is_found_too(ward: Lab) -> None:
    ward.write(".gitignore", "data/\n")
    ward.git("config", "gitexp.key", "the key of the lab")
    assert ward.gitexp("data", "pin", "patients").exit_code == 0
    ward.commit("pinned")
    (ward.path / "data/patients.csv").rename(ward.path / "elsewhere.csv")
    refused(ward, "elsewhere.csv")


def test_a_license_that_lies_beside_the_data_too_is_no_data(lab: Lab) -> None:
    lab.write("gitexp.toml", CATALOGUE.replace("/patients.csv", ""))
    lab.write(".gitignore", "data/\n")
    for folder in (".", "data"):
        lab.write(f"{folder}/LICENSE", "All of it is yours.\n")
        lab.write(f"{folder}/__init__.py", "\n")
    lab.write("data/license_plates.txt", "AB 123\n")
    lab.commit("a licence for both")
    assert run(lab).exit_code == 0
    lab.write("plates.txt", "AB 123\n")
    assert "plates.txt  (the bytes of license_plates.txt" in run(lab, "--no-verify").stderr


def test_every_file_of_a_restricted_folder_is_refused(ward: Lab) -> None:
    ward.write("gitexp.toml", CATALOGUE.replace("data/patients.csv", "data/ward"))
    (ward.path / "data/patients.csv").unlink()
    ward.write("data/ward/one.csv", "1\n")
    ward.write("data/ward/deep/two.csv", "2\n")
    ward.write("data/ward/.gitignore", "*.tmp\n")
    pasted(ward, refused(ward, "data/ward/one.csv", "data/ward/deep/two.csv"))
    assert run(ward, "--no-verify").exit_code == 0
    assert ward.git("ls-tree", "-r", "--name-only", "experiments:code/data").split() == ["ward/.gitignore"]


@pytest.mark.parametrize("name", ["data/PATIENTS.CSV", "Data/patients.csv"])
def test_another_case_is_no_way_around(ward: Lab, name: str) -> None:
    (ward.path / "data/patients.csv").unlink()
    ward.write(name, "another version\n")
    refused(ward, name)


def test_another_normal_form_is_no_way_around(ward: Lab) -> None:
    name = "data/pätienten.csv"
    ward.write("gitexp.toml", CATALOGUE.replace("data/patients.csv", unicodedata.normalize("NFC", name)))
    (ward.path / "data/patients.csv").unlink()
    ward.write(unicodedata.normalize("NFD", name), PATIENTS)
    refused(ward, unicodedata.normalize("NFD", name))


def test_data_behind_a_link_is_refused_where_it_lies(ward: Lab) -> None:
    (ward.path / "data/patients.csv").rename(ward.path / "raw.csv")
    (ward.path / "data/patients.csv").symlink_to("../raw.csv")
    refused(ward, "raw.csv")


def test_a_link_to_data_outside_is_no_data(ward: Lab, tmp_path: Path) -> None:
    (ward.path / "data/patients.csv").rename(tmp_path / "patients.csv")
    (ward.path / "data/patients.csv").symlink_to(tmp_path / "patients.csv")
    assert run(ward, "--no-verify").exit_code == 0
    assert ward.show("experiments:code/data/patients.csv") == str(tmp_path / "patients.csv")


def test_an_absolute_path_inside_is_the_same_place_and_one_outside_is_watched(ward: Lab, tmp_path: Path) -> None:
    ward.write("gitexp.toml", CATALOGUE.replace("data/patients.csv", f"{ward.path}/data/patients.csv"))
    refused(ward, "data/patients.csv")
    (ward.path / "data/patients.csv").rename(tmp_path / "far.csv")
    ward.write("gitexp.toml", CATALOGUE.replace("data/patients.csv", f"{tmp_path}/far.csv"))
    ward.write("copy.csv", PATIENTS)
    refused(ward, "copy.csv")


def test_a_catalogue_in_a_file_of_its_own_counts(ward: Lab) -> None:
    ward.write("gitexp.toml", 'catalogue = "catalogue.toml"\n')
    ward.write("catalogue.toml", CATALOGUE)
    refused(ward, "data/patients.csv")


def test_a_link_that_git_lfs_keeps_is_no_data(ward: Lab) -> None:
    ward.git("config", "filter.lfs.clean", "sed 's/.*/version of a pointer/'")
    ward.write(".gitattributes", "*.csv filter=lfs\n")
    ward.commit("data by git-lfs")
    assert run(ward).exit_code == 0


def test_open_data_may_be_part_of_the_code(ward: Lab) -> None:
    ward.write("gitexp.toml", CATALOGUE.replace("restricted", "open"))
    ward.commit("open data")
    assert run(ward).exit_code == 0


@pytest.fixture
def once_open(ward: Lab, hub: Lab) -> Lab:
    """A run recorded its data as code while it was open; by now it is restricted. A remote that has no run yet."""
    ward.write("gitexp.toml", CATALOGUE.replace("restricted", "open"))
    ward.write("copy.txt", PATIENTS)
    ward.commit("open data")
    assert run(ward).exit_code == 0
    ward.git("rm", "-q", "-r", "--cached", "data", "copy.txt")
    ward.write("gitexp.toml", CATALOGUE)
    ward.write(".gitignore", "data/\ncopy.txt\n")
    ward.commit("restricted data")
    ward.git("remote", "add", "origin", str(hub.path))
    return ward


def test_push_refuses_older_runs_whose_code_holds_restricted_data(once_open: Lab, hub: Lab) -> None:
    assert run(once_open).exit_code == 0
    older = once_open.runs()[1][:7]
    result = once_open.gitexp("push")
    assert result.exit_code == 3
    assert "the code of 1 run holds restricted data" in result.stderr
    assert f"  {older}:code/data/patients.csv  (dataset patients)" in result.stderr
    assert f"  {older}:code/copy.txt  (the bytes of patients.csv, dataset patients)" in result.stderr
    assert "looked at 5 files of the code of new runs" in result.stderr
    assert once_open.gitexp("push", "--no-objects").exit_code == 3
    assert hub.git("for-each-ref") == ""


def test_the_way_on_after_a_refused_push_works_when_pasted(once_open: Lab, hub: Lab) -> None:
    pasted(once_open, once_open.gitexp("push"))
    assert run(once_open).exit_code == 0
    result = once_open.well("push")
    assert "restricted data (patients): looked at 3 files of the code of new runs" in result.stderr
    assert "experiments-2" in hub.git("for-each-ref")


def test_the_run_that_holds_restricted_data_may_be_dropped_instead(once_open: Lab, hub: Lab) -> None:
    assert run(once_open).exit_code == 0
    older = once_open.runs()[1][:7]
    assert "gitexp drop RUN takes a run off" in once_open.gitexp("push").stderr
    assert once_open.gitexp("drop", older).exit_code == 0
    result = once_open.well("push")
    assert "looked at 3 files of the code of new runs" in result.stderr
    assert "refs/heads/experiments\n" in hub.git("for-each-ref")


def test_push_finds_a_renamed_copy_by_its_bytes(once_open: Lab, hub: Lab) -> None:
    (once_open.path / "data/patients.csv").write_text("another version\n")
    assert once_open.gitexp("push").exit_code == 3  # by its place alone
    (once_open.path / "data/patients.csv").write_text(PATIENTS)
    once_open.write("gitexp.toml", CATALOGUE.replace("data/patients.csv", "data/moved.csv"))
    (once_open.path / "data/patients.csv").rename(once_open.path / "data/moved.csv")
    result = once_open.gitexp("push")
    assert result.exit_code == 3
    assert "(the bytes of moved.csv, dataset patients)" in result.stderr
    assert hub.git("for-each-ref") == ""


def test_push_knows_what_was_restricted_when_a_run_read_it(ward: Lab, hub: Lab) -> None:
    ward.git("config", "gitexp.key", "the key of the lab")
    ward.git("remote", "add", "origin", str(hub.path))
    ward.write(".gitignore", "data/\n")
    ward.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[data]\nx = "patients"\n')
    ward.commit("a recipe")
    assert ward.gitexp("run", "r").exit_code == 0
    ward.write("gitexp.toml", "")
    ward.write("recipes/copied.txt", PATIENTS)
    ward.commit("no catalogue any more, and a copy")
    assert run(ward).exit_code == 0
    result = ward.gitexp("push")
    assert result.exit_code == 3
    assert "code/recipes/copied.txt  (the bytes of patients.csv, dataset patients)" in result.stderr
    assert "restricted data (patients): looked at" in result.stderr


def test_push_calls_restricted_data_as_the_catalogue_does_and_not_as_one_recipe_did(ward: Lab, hub: Lab) -> None:
    ward.git("remote", "add", "origin", str(hub.path))
    ward.git("config", "gitexp.key", "the key of the lab")
    ward.write(".gitignore", "data/\n")
    ward.write("data/pts.csv", "x,y\n1,2\n")
    (ward.path.parent / "vault").mkdir()
    ward.write("gitexp.toml", f'[remotes.vault]\nurl = "../vault"\n{CATALOGUE}[datasets.pts]\npath = "data/pts.csv"\n')
    ward.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[data]\npts = "patients"\n')
    ward.commit("a recipe whose pts are the patients")
    ward.approve()
    assert ward.gitexp("run", "r").exit_code == 0
    result = ward.well("push")
    assert "restricted data (patients): looked at" in result.stderr
    assert "dataset patients is restricted, and its entry does not list vault" in result.stderr


def test_push_lets_a_link_and_a_pointer_pass(ward: Lab, hub: Lab, tmp_path: Path) -> None:
    ward.git("remote", "add", "origin", str(hub.path))
    (ward.path / "data/patients.csv").rename(tmp_path / "patients.csv")
    (ward.path / "data/patients.csv").symlink_to(tmp_path / "patients.csv")
    ward.commit("a link")
    assert run(ward).exit_code == 0
    ward.well("push")


def test_push_says_nothing_of_restricted_data_where_there_is_none(lab: Lab, hub: Lab) -> None:
    lab.git("remote", "add", "origin", str(hub.path))
    assert run(lab).exit_code == 0
    result = lab.gitexp("push")
    assert result.exit_code == 0 and "restricted" not in result.stderr
