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
