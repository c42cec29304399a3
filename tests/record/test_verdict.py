"""verdict.toml: written and read back exactly; of strangers, bounded and checked."""

from __future__ import annotations

import pytest

from gitexp.record.identity import RunId
from gitexp.record.verdict import (
    GRADES,
    MOST,
    PASSES,
    Counts,
    Divergence,
    Ending,
    Equivalence,
    Final,
    InputDifference,
    Rows,
    Verdict,
    dump_verdict,
    load_verdict,
)
from gitexp.text.bounded import Unreadable

VERDICT = Verdict(
    run=RunId("klmnopqrstuvwxyz"),
    attempt=2,
    commit="sha1:" + "a" * 40,
    grade="different",
    reason="beyond the tolerance: val.acc",
    ending=Ending("completed", "completed"),
    compared=Counts(values=300, summary=2, digests=1, artifacts=1),
    different=Counts(values=12, summary=1, digests=1),
    rows=Rows(original=100, rerun=100, compared=100),
    divergence=Divergence("loss", 7, 8, 0.5, float("inf")),
    inputs_count=1,
    inputs=(InputDifference("packages", "numpy", "2.1.0", None),),
    finals=(Final("val.acc", 0.9, 0.8, 0.005, "0.005"),),
    tests=(Equivalence("val.acc", 3, 4, -0.1, -0.12, -0.08, 0.005, 0.99, False),),
    names=("weights",),
    declared=("*_s",),
    not_compared=("fit_s",),
    missing=("whether the packages are the same: of one side they are not recorded",),
)


def test_a_verdict_survives_being_written_and_read() -> None:
    assert load_verdict(dump_verdict(VERDICT)) == VERDICT


def test_the_first_four_grades_are_reproductions() -> None:
    assert PASSES == ("bitwise", "metrics", "tolerance", "equivalent")
    assert [grade for grade in GRADES if VERDICT._replace(grade=grade).passes] == list(PASSES)


def test_what_a_later_gitexp_adds_is_ignored() -> None:
    assert load_verdict("colour = 1\n" + dump_verdict(VERDICT) + "\n[weather]\nsun = true\n") == VERDICT


def test_lists_are_bounded_when_they_are_written_and_when_they_are_read() -> None:
    many = VERDICT._replace(inputs=VERDICT.inputs * 300, inputs_count=300)
    found = load_verdict(dump_verdict(many))
    assert (len(found.inputs), found.inputs_count) == (MOST, 300)
    hostile = 'names = ["x"' + ', "x"' * 1000 + "]\n" + dump_verdict(VERDICT._replace(names=()))
    assert len(load_verdict(hostile).names) == MOST


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('grade = "different"', 'grade = "perfect"', "'perfect' is not a grade"),
        ('grade = "different"', "", "grade"),
        ('run = "klmnopqrstuvwxyz"', 'run = "abc"', "not a run id: 'abc'"),
        ("attempt = 2", 'attempt = "2"', "attempt must be int, not str"),
        ("[compared]\nvalues = 300", '[compared]\nvalues = "300"', "values must be int, not str"),
        ("[ending]", "[beginning]", None),
    ],
)
def test_what_breaks_the_format_is_said(old: str, new: str, words: str | None) -> None:
    text = dump_verdict(VERDICT)
    assert old in text
    if words is None:
        assert load_verdict(text.replace(old, new)).ending is None
        return
    with pytest.raises(Unreadable, match=words):
        load_verdict(text.replace(old, new))
