"""submit.json, which may be older, or newer, than the gitexp that reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitexp.attempt import Submission, dump_submission, read_ended, read_submission
from gitexp.record.identity import Code
from gitexp.record.written import Written

WHOLE = Submission(
    id="klmnopqrstuvwxyz",
    recipe="digits",
    argv=("python", "train.py"),
    branch="experiments",
    code=Code(True, "sha1:" + "a" * 40, changed=("a", "b")),
    code_tree="b" * 40,
    submitted=1.0,
    metric_files={"log.csv": Written(1, 2, 3, 4, "d")},
)


def submitted(folder: Path, content: bytes) -> Path:
    (folder / "saved").mkdir()
    (folder / "submit.json").write_bytes(content)
    (folder / "outcome.json").write_text("{}")
    return folder


def test_a_submission_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_submission(submitted(tmp_path, dump_submission(WHOLE))) == WHOLE


def test_what_an_older_gitexp_did_not_write_has_its_default_and_what_a_newer_one_wrote_is_ignored(
    tmp_path: Path,
) -> None:
    document = json.loads(dump_submission(WHOLE))
    for name in ("digests", "texts", "sizes", "manifests", "job", "variables"):
        del document[name]
    document["code"]["later"] = document["later"] = 1
    assert read_submission(submitted(tmp_path, json.dumps(document).encode())) == WHOLE


@pytest.mark.parametrize("content", [b'{"argv": ["true"]}', b'{"code": 1}', b'{"metric_files": {"a": 1}}'])
def test_what_does_not_say_what_ran_is_no_run_that_can_be_recorded(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"submit\.json"):
        read_ended(submitted(tmp_path, content))


@pytest.mark.parametrize("content", [b'{"code": 1}', b'{"metric_files": {"a": 1}}'])
def test_of_a_run_that_never_started_nothing_is_asked(tmp_path: Path, content: bytes) -> None:
    submitted(tmp_path, content)
    (tmp_path / "outcome.json").unlink()
    assert read_ended(tmp_path) is None
