"""run.toml: written and read back exactly; of strangers, bounded and checked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitexp.record.identity import Code, RunId, new_run_id
from gitexp.record.runrecord import History, NewerFormat, RunRecord, Seen, dump_run, load_run
from gitexp.text.bounded import Unreadable

RECORD = RunRecord(
    id=RunId("klmnopqrstuvwxyz"),
    status="completed",
    recipe="digits-mlp",
    started=datetime(2026, 11, 21, 9, 0, 0, 125000, tzinfo=UTC),
    finished=datetime(2026, 11, 21, 9, 0, 3, tzinfo=UTC),
    argv=("python", "train.py"),
    cwd=".",
    code=Code(clean=False, commit="sha1:" + "a" * 40, changed=("train.py",), changed_count=1),
    exit_code=0,
    duration_s=2.875,
    defects=("dataset digits changed",),
    history=History(rows=3, kept=3, digest="xxh128:" + "b" * 32),
)


def test_a_record_survives_being_written_and_read() -> None:
    assert load_run(dump_run(RECORD)) == RECORD


def test_what_is_not_recorded_is_absent() -> None:
    text = dump_run(RECORD)
    assert "seed" not in text
    assert "signal" not in text
    assert "started = 2026-11-21 09:00:00.125000+00:00\n" in text


def test_unknown_keys_are_ignored() -> None:
    assert load_run("colour = 1\n" + dump_run(RECORD) + "\n[weather]\nsun = true\n") == RECORD


def test_a_newer_format_is_refused_with_one_clear_line() -> None:
    text = dump_run(RECORD).replace("format = 1", "format = 2")
    with pytest.raises(NewerFormat, match="written in record format 2; this gitexp reads up to 1"):
        load_run(text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format = 1", "format = ", "not valid TOML"),
        ('id = "klmnopqrstuvwxyz"', 'id = "KLMN"', "not a run id"),
        ('status = "completed"', "status = 1", "status must be str"),
        ("exit_code = 0", "exit_code = true", "exit_code must be int"),
        ("exit_code = 0", f"exit_code = {'9' * 5000}", "cannot be read: a number has too many digits"),
        ('cwd = "."\n', "", "cwd"),
        ("[code]", "[other]", "clean"),
    ],
)
def test_a_broken_record_is_named_and_not_believed(old: str, new: str, words: str) -> None:
    text = dump_run(RECORD)
    assert old in text
    with pytest.raises(Unreadable, match=words):
        load_run(text.replace(old, new))


def test_run_ids_look_like_no_git_hash() -> None:
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert not set("".join(ids)) & set("0123456789abcdef")


@pytest.mark.parametrize("text", ["", "klmn", "klmnopqrstuvwxya", "klmnopqrstuvwxyzz", "KLMNOPQRSTUVWXYZ"])
def test_only_sixteen_letters_from_k_to_z_are_an_id(text: str) -> None:
    with pytest.raises(ValueError, match="not a run id"):
        RunId(text)


def test_arguments_that_are_not_utf8_are_shown_escaped() -> None:
    record = RECORD._replace(argv=("echo", "caf\udce9"))
    assert 'echo",\n    "caf\\\\xe9"' in dump_run(record)


def test_of_digests_that_strangers_wrote_the_well_formed_ones_are_kept() -> None:
    digest = "sha256:" + "0" * 64
    many = "".join(f'n{number} = "{digest}"\n' for number in range(1200))
    text = f'{dump_run(RECORD)}\n[digests]\nweights = "{digest}"\n"\\u001b[31mX" = "{digest}"\nx = 3\ny = ["a"]\n{many}'
    kept = load_run(text).digests
    assert len(kept) == 1000
    assert list(kept)[:2] == ["weights", "n0"]
    with pytest.raises(Unreadable, match="digests must be a table"):
        load_run(f"digests = 3\n{dump_run(RECORD)}")


def test_of_what_strangers_say_was_seen_the_well_formed_is_kept() -> None:
    stated = 'seen = [1, {kind = 2}, {kind = "CSV", rows = "x"}, {kind = "CSV", rows = 3, metrics = 1, more = 1}]\n'
    assert load_run(stated + dump_run(RECORD)).seen == (Seen("CSV", 3, 1),)
