"""How often a run was reproduced: which verdicts count, and which do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from harness import Lab
from records import ENVIRONMENT, write_run

from gitexp.clone import configured
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.choosing import choose
from gitexp.history.reproduced import Reproduced, reproduced, reruns_of
from gitexp.history.select import History
from gitexp.record.identity import RunId
from gitexp.record.verdict import Counts, Ending, Verdict, dump_verdict

Read = Callable[[], History]
A, B, C, D = "kkkkllllmmmmnnnn", "llllmmmmnnnnoooo", "mmmmnnnnoooopppp", "zzzzoooowwwwxxxx"

COMPARED = Counts(6, 1)


def put_rerun(
    lab: Lab,
    run_id: str,
    of: str,
    *,
    about: str = A,
    grade: str = "bitwise",
    text: str | None = None,
    ended: tuple[str, str] | None = None,
    compared: Counts = COMPARED,
    **keys: Any,
) -> str:
    """A rerun of A, whose record is the commit `of`."""
    made = Verdict(
        RunId(about), 1, f"sha1:{of}", "bitwise", ending=Ending(*ended) if ended else None, compared=compared
    )
    verdict = dump_verdict(made).replace("bitwise", grade)
    files = {"verdict.toml": verdict if text is None else text, "environment.toml": ENVIRONMENT}
    return write_run(lab, run_id, files=files, **{"kind": "rerun", "reproduces": A, "author": "Bob <b@x>", **keys})


@pytest.fixture
def read(repo: Repo, reader: ObjectReader) -> Read:
    """The history as it is by then."""
    return lambda: History(configured(repo), reader=reader)


def ids(history: History, where: str) -> list[str]:
    return sorted(row.id for row in choose(history, where=where))


def test_passing_verdicts_are_counted_and_others_are_tries(fresh: Lab, read: Read) -> None:
    original = write_run(fresh, A)
    put_rerun(fresh, B, original)
    put_rerun(fresh, C, original, grade="different")
    put_rerun(fresh, D, original, grade="inconclusive")
    history = read()
    row = history.select(A)
    assert reproduced(history.runs, [row]) == {original: Reproduced(1, 3)}
    found = reruns_of(history.runs, row)
    assert [(one.id, one.grade, one.author, one.hardware) for one in found] == [
        (B, "bitwise", "Bob", "Example CPU · 2 cores"),
        (D, "inconclusive", "Bob", "Example CPU · 2 cores"),
        (C, "different", "Bob", "Example CPU · 2 cores"),
    ]
    assert ids(history, "reproduced >= 1") == [A]
    assert ids(history, "reproduced > 1") == []
    assert ids(history, "reproduced == 0") == [B, C, D]
    assert ids(history, 'verdict == "bitwise"') == [B]
    assert ids(history, 'verdict in ("different", "inconclusive")') == [C, D]
    assert ids(history, f'reproduces == "{A[:8]}"') == [B, C, D]
    assert ids(history, 'hardware ~ "example"') == [A, B, C, D]


@pytest.mark.parametrize(
    "lie",
    [
        {"about": D},
        {"reproduces": D},
        {"grade": "perfect"},
        {"text": "grade ="},
        {"text": "a." * 40_000 + 'b = 1\ngrade = "bitwise"'},
        {"text": f'run = "{A}"\nattempt = 1\ncommit = "sha1:{"0" * 40}"\ngrade = "bitwise"\n'},
        {"text": f'run = "{A}"\nattempt = 1\ncommit = "latest"\ngrade = "bitwise"\n'},
        {"kind": "run"},
        {"compared": Counts()},
        {"compared": Counts(), "ended": ("completed", "completed")},
        {"compared": Counts(), "status": "failed", "exit_code": 1},
        {"compared": Counts(), "status": "failed", "exit_code": 1, "ended": ("completed", "completed")},
        {"compared": Counts(), "status": "failed", "exit_code": 1, "ended": ("failed (exit code 2)",) * 2},
        {"status": "failed", "exit_code": 1},
        {"ended": ("failed (exit code 1): ValueError: x",) * 2},
        {"ended": ("completed", "completed but for the end")},
    ],
    ids=[
        "of another", "names another", "no grade", "no TOML", "too deep", "other commit", "no commit", "no rerun",
        "nothing compared", "nothing compared, and it ended", "nothing compared, of a failure without an ending",
        "a failure that ended", "a failure that ended otherwise", "a pass of a failure without an ending",
        "an end that failed", "half an end",
    ],
)  # fmt: skip
def test_a_verdict_that_contradicts_its_record_or_cannot_be_read_counts_for_nothing(
    fresh: Lab, read: Read, lie: dict[str, Any]
) -> None:
    original = write_run(fresh, A)
    put_rerun(fresh, B, original, **lie)
    history = read()
    row = history.select(A)
    assert (reproduced(history.runs, [row]), reruns_of(history.runs, row)) == ({}, [])
    assert ids(history, "reproduced >= 1") == []


def test_of_a_failure_that_failed_alike_nothing_need_have_been_compared(fresh: Lab, read: Read) -> None:
    original = write_run(fresh, A, status="failed", exit_code=1)
    ended = ("failed (exit code 1): ValueError: no rows",) * 2
    put_rerun(fresh, B, original, status="failed", exit_code=1, ended=ended, compared=Counts())
    assert ids(read(), "reproduced >= 1") == [A]


def test_a_run_does_not_reproduce_itself(fresh: Lab, read: Read) -> None:
    original = write_run(fresh, A)
    put_rerun(fresh, A, original, attempt=2)
    assert ids(read(), "reproduced >= 1") == []


def test_of_a_rerun_with_attempts_the_last_counts(fresh: Lab, read: Read) -> None:
    original = write_run(fresh, A)
    put_rerun(fresh, B, original, grade="failed")
    put_rerun(fresh, B, original, attempt=2)
    history = read()
    assert reproduced(history.runs, [history.select(A)]) == {original: Reproduced(1, 1)}
