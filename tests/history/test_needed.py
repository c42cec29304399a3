"""What runs need beside their records, read from real records."""

from __future__ import annotations

import pytest
from harness import Lab

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.needed import DatasetNeed, FileNeed, from_code, is_in_code, needed, sampled_history
from gitexp.record.manifest import Entry, parse_manifest


@pytest.fixture
def there(lab: Lab) -> Lab:
    """Two datasets, one of them part of the code; a run that reads both and keeps a file and a long history."""
    lab.write(".gitignore", "ignored/\n")
    lab.write("ignored/a", "a")
    lab.write("tracked/a", "a")
    lab.write("tracked/deep/b", "b\r\n")
    lab.write("gitexp.toml", '[policy]\nhistory_limit = "4kB"\n')
    lab.write(
        "program.py", "import gitexp\n[gitexp.log(x=n / 3, step=n) for n in range(2000)]\ngitexp.save('program.py')\n"
    )
    lab.write(
        "recipes/both.toml",
        '[run]\ncommand = ["python", "program.py"]\n[data]\nignored = "./ignored"\ntracked = "./tracked"\n',
    )
    lab.commit()
    result = lab.gitexp("run", "both")
    assert result.exit_code == 0, result.stderr
    return lab


@pytest.fixture
def repo(there: Lab) -> Repo:
    return Repo(there.path, there.path / ".git", there.path / ".git")


def test_a_run_needs_its_data_its_artifacts_and_the_whole_of_a_sampled_history(
    there: Lab, reader: ObjectReader
) -> None:
    found = needed(reader, there.runs())
    assert [need.record.name for need in found.datasets] == ["ignored", "tracked"]
    assert sorted(found.files.values()) == [FileNeed("artifact", "program.py"), FileNeed("history", "history.csv")]


def test_what_two_runs_share_is_needed_once(there: Lab, reader: ObjectReader) -> None:
    assert there.gitexp("run", "both").exit_code == 0
    found = needed(reader, there.runs())
    assert len(found.datasets) == 2
    assert len(found.files) == 3  # the histories have other times


def test_the_same_bytes_at_another_path_are_another_need(there: Lab, reader: ObjectReader) -> None:
    there.write("moved/a", "a")
    recipe = (there.path / "recipes/both.toml").read_text()
    there.write("recipes/both.toml", recipe.replace("./ignored", "./moved"))
    there.commit()
    assert there.gitexp("run", "both").exit_code == 0
    found = needed(reader, there.runs())
    assert sorted(need.record.path or "" for need in found.datasets) == ["ignored", "moved", "tracked"]


def need(reader: ObjectReader, lab: Lab, name: str) -> tuple[DatasetNeed, list[Entry]]:
    (one,) = [one for one in needed(reader, lab.runs()).datasets if one.record.name == name]
    return one, parse_manifest(lab.show(f"experiments:data/{name}.xxh128").encode())


def test_bytes_that_are_files_of_the_code_are_told_from_those_that_are_not(there: Lab, reader: ObjectReader) -> None:
    assert is_in_code(reader, *need(reader, there, "tracked")) is True
    assert is_in_code(reader, *need(reader, there, "ignored")) is False
    tracked, entries = need(reader, there, "tracked")
    assert [content for _, content in from_code(reader, tracked, entries)] == [b"a", b"b\r\n"]


def test_a_file_that_git_holds_with_other_line_ends_is_not_in_the_code(there: Lab, reader: ObjectReader) -> None:
    there.write(".gitattributes", "* text=auto\n")
    there.git("add", "--renormalize", ".")
    there.commit()
    assert there.gitexp("run", "both").exit_code == 0
    tracked, entries = need(reader, Lab(there.path, there.env), "tracked")
    newest = DatasetNeed(there.runs()[0], tracked.record)
    assert [content for _, content in from_code(reader, newest, entries)] == [b"a", None]
    assert is_in_code(reader, newest, entries) is False
    assert reader.read("HEAD:recipes/both.toml") is not None  # no answer was left over


@pytest.mark.parametrize("path", ["tracked/", "./tracked", "tracked/../tracked", "."])
def test_a_path_may_be_written_in_many_ways(there: Lab, reader: ObjectReader, path: str) -> None:
    one, entries = need(reader, there, "tracked")
    whole = [entry._replace(path=b"tracked/" + entry.path) for entry in entries] if path == "." else entries
    assert is_in_code(reader, one._replace(record=one.record._replace(path=path)), whole) is True


def test_a_single_file_is_in_the_code_where_it_lies(there: Lab, reader: ObjectReader) -> None:
    one, entries = need(reader, there, "tracked")
    lone = one._replace(record=one.record._replace(path="tracked/a"))
    assert is_in_code(reader, lone, entries[:1]) is True


def test_only_a_sampled_history_is_needed_whole() -> None:
    digest = "xxh128:" + "ab" * 16
    sample = f'format = 1\n\n[history]\nrows = 10\nkept = 5\ndigest = "{digest}"\n'.encode()
    assert list(sampled_history(sample)) == [digest]
    assert list(sampled_history(sample.replace(b"kept = 5", b"kept = 10"))) == []
    assert list(sampled_history(sample.replace(b"xxh128:", b"xxh128:../"))) == []
    assert list(sampled_history(sample.replace(b"= 10", b"= = ="))) == []
