"""Bytes that were damaged in the store or on a remote, and remotes that are not there: healed, or named with a fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab

A, B = "1,2\n" * 100, "3,4\n" * 200
A_DIGITS, B_DIGITS = "23050f1e8b4edd33a1ace510a4b409fe", "4be22887294f92b2735c1eee28294a9f"
CATALOGUE = '[datasets.table]\npath = "data/table"\n[remotes.lab]\nurl = "{}"\n'
RECIPE = '[run]\ncommand = ["cat", "{data.table}/a.csv"]\n[data]\ntable = "table"\n'


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The remote: a folder."""
    folder = tmp_path / "lab's disk"
    folder.mkdir()
    return folder


@pytest.fixture
def a(lab: Lab, hub: Lab, there: Path) -> Lab:
    """A dataset of two files, pinned and stored; a run that read it; nothing sent yet."""
    lab.write(".gitignore", "data/\n")
    lab.write("data/table/a.csv", A)
    lab.write("data/table/b.csv", B)
    lab.write("gitexp.toml", CATALOGUE.format(there))
    lab.approve()
    lab.write("recipes/cat.toml", RECIPE)
    done(lab, "data", "pin", "table")
    done(lab, "data", "save")
    lab.commit("a table")
    lab.git("remote", "add", "origin", str(hub.path))
    done(lab, "run", "cat")
    return lab


def done(lab: Lab, *args: str) -> str:
    """What a gitexp command that succeeds says."""
    result = lab.well(*args)
    return result.stderr


def stored(lab: Lab, digits: str) -> Path:
    """Where an object of the store lies."""
    return lab.path / ".git/gitexp/objects/xxh128" / digits[:2] / digits[2:]


def damage(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def dataset(lab: Lab) -> str:
    """The digits of the pinned digest."""
    line = next(line for line in (lab.path / "gitexp.toml").read_text().splitlines() if line.startswith("digest"))
    return line.split('"')[1].removeprefix("xxh128:")


def test_saving_replaces_an_object_that_is_too_short(a: Lab) -> None:
    damage(stored(a, A_DIGITS), A[:50])
    assert "2 files, 1.2 kB, 1 new" in done(a, "data", "save")
    assert stored(a, A_DIGITS).read_text() == A
    assert "all stored before" in done(a, "data", "save")


def test_saving_with_check_replaces_an_object_of_the_right_size_and_other_bytes(a: Lab) -> None:
    damage(stored(a, A_DIGITS), A.replace("1", "9"))
    assert "all stored before" in done(a, "data", "save")  # by its size
    assert "2 files, 1.2 kB, 1 new" in done(a, "data", "save", "--check")
    assert stored(a, A_DIGITS).read_text() == A


def test_get_takes_from_where_the_data_lies_what_is_damaged_in_the_store(a: Lab, tmp_path: Path) -> None:
    damage(stored(a, A_DIGITS), A.replace("1", "9"))
    done(a, "get", "latest", "table", "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/a.csv").read_text() == A
    assert stored(a, A_DIGITS).read_text() == A


@pytest.mark.parametrize("which", ["a file", "the manifest"])
def test_get_by_digest_fetches_what_is_damaged_in_the_store(a: Lab, tmp_path: Path, which: str) -> None:
    done(a, "push")
    digits = {"a file": A_DIGITS, "the manifest": dataset(a)}[which]
    damage(stored(a, digits), stored(a, digits).read_text().replace("1", "9"))
    done(a, "data", "get", dataset(a), "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/a.csv").read_text() == A
    assert A_DIGITS in stored(a, dataset(a)).read_text()


def test_pull_fetches_what_is_damaged_in_the_store(a: Lab) -> None:
    done(a, "push")
    damage(stored(a, A_DIGITS), A.replace("1", "9"))
    (a.path / "data/table").rename(a.path / "data/aside")
    done(a, "data", "pull")
    assert (a.path / "data/table/a.csv").read_text() == A


def test_what_is_damaged_and_nowhere_else_is_named_with_its_file_and_a_fix(a: Lab, tmp_path: Path) -> None:
    damage(stored(a, A_DIGITS), A.replace("1", "9"))
    result = a.gitexp("data", "get", dataset(a), "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert f"a.csv (xxh128:{A_DIGITS}): lab ({tmp_path / 'lab'}'s disk): it is not there" in result.stderr
    assert "fix:   gitexp data save table" in result.stderr
    (a.path / "data/table").rename(a.path / "data/aside")
    result = a.gitexp("get", "latest", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert f"table: a.csv (xxh128:{A_DIGITS}): lab" in result.stderr
    assert "fix:   ask who ran it for:  gitexp data push" in result.stderr
    assert not (tmp_path / "got").exists()


def test_push_takes_from_where_the_data_lies_what_is_damaged_in_the_store(a: Lab, there: Path) -> None:
    damage(stored(a, A_DIGITS), A.replace("1", "9"))
    assert "sent 3 objects" in done(a, "data", "push", "table")
    assert (there / "xxh128" / A_DIGITS[:2] / A_DIGITS[2:]).read_text() == A
    assert stored(a, A_DIGITS).read_text() == A


@pytest.mark.parametrize("push", [["push"], ["data", "push"], ["data", "push", "table"]])
def test_an_object_that_is_cut_off_on_the_remote_is_named_and_left(a: Lab, there: Path, push: list[str]) -> None:
    (there / "xxh128" / A_DIGITS[:2]).mkdir(parents=True)
    cut = there / "xxh128" / A_DIGITS[:2] / A_DIGITS[2:]
    cut.write_text(A[:50])
    result = a.gitexp(*push)
    assert result.exit_code == 1
    key = f"xxh128/{A_DIGITS[:2]}/{A_DIGITS[2:]}"
    assert f"{key} has 50 of 400 bytes; remove it there, then push again" in result.stderr
    assert "dataset table: a.csv" in result.stderr
    assert cut.read_text() == A[:50]


@pytest.mark.parametrize("push", [["push"], ["data", "push"], ["data", "push", "table"]])
def test_a_folder_that_is_not_there_is_told_once(a: Lab, there: Path, push: list[str]) -> None:
    there.rmdir()
    result = a.gitexp(*push)
    assert result.exit_code == 1
    assert result.stderr.count("the folder does not exist") == 1
    assert "3 objects" in result.stderr
    assert "mkdir -p '" in result.stderr
    assert not there.exists()


def test_getting_from_a_folder_that_is_not_there_tells_it_once(a: Lab, there: Path, tmp_path: Path) -> None:
    there.rmdir()
    stored(a, A_DIGITS).unlink()
    stored(a, B_DIGITS).unlink()
    (a.path / "data/table").rename(a.path / "data/aside")
    for command in (["get", "latest", "--to", str(tmp_path / "got")], ["data", "pull", "table"]):
        result = a.gitexp(*command)
        assert result.exit_code != 0
        assert result.stderr.count("the folder does not exist") == 1
        assert "2 objects (a.csv, b.csv)" in result.stderr


def test_half_of_the_credentials_are_told_as_none(a: Lab, tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    a.write("gitexp.toml", (a.path / "gitexp.toml").read_text().replace(f"{tmp_path}/lab's disk", "s3://bucket/x"))
    a.approve()
    stored(a, A_DIGITS).unlink()
    (a.path / "data/table").rename(a.path / "data/aside")
    half = Lab(a.path, {**a.env, "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"})
    result = half.gitexp("get", "latest", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "No credentials for s3://bucket/x (export AWS_PROFILE=NAME" in result.stderr
    assert "no remote to ask" not in result.stderr


def test_what_is_already_there_is_said_to_be(a: Lab, tmp_path: Path) -> None:
    to = str(tmp_path / "o")
    assert f"2 files, 1.2 kB, in {to}" in done(a, "get", "latest", "table", "--to", to)
    assert f"2 files, already in {to}" in done(a, "get", "latest", "table", "--to", to)
    assert f"2 files, already in {to}" in done(a, "data", "get", dataset(a), "--to", to)


def test_the_beginning_of_a_digest_is_enough_where_the_store_has_one_such_object(a: Lab, tmp_path: Path) -> None:
    done(a, "data", "get", dataset(a)[:6], "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/b.csv").read_text() == B
    result = a.gitexp("data", "get", dataset(a)[:5], "--to", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "give all 32 digits" in result.stderr
    result = a.gitexp("data", "get", "000000", "--to", str(tmp_path / "none"))
    assert "000000 is the beginning of no object in the object store" in result.stderr
