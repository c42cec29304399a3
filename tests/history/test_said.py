"""What of all that is said about runs is in force."""

from __future__ import annotations

import time

import pytest
from harness import Lab
from records import commit_files, write_run

from gitexp.clone import configured
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.choosing import choose
from gitexp.history.said import baseline_of, said_of, tagged
from gitexp.history.select import History

A, B, C = "kkkkllllmmmmnnnn", "kkkkoooowwwwxxxx", "zzzzoooowwwwxxxx"


@pytest.fixture
def runs(fresh: Lab) -> Lab:
    for one, hour in ((A, 1), (B, 2), (C, 3)):
        write_run(fresh, one, finished=f"2026-11-20T0{hour}:00:00Z", metrics={"val.acc": 0.9 - hour / 10})
    return fresh


def say(lab: Lab, kind: str, about: str, body: str = "", *, day: int = 21, author: str = "Ada") -> str:
    """An event by git alone."""
    message = f"{kind}\n\n{body}\n\nGitexp-Event: {kind}\nGitexp-About: {about}\n"
    finished = f"2026-11-{day:02}T10:00:00Z"
    return commit_files(lab, {"run.toml": "x"}, message=message, finished=finished, author=f"{author} <a@b>")


def history(repo: Repo, reader: ObjectReader, told: list[GitexpError] | None = None) -> History:
    return History(configured(repo), reader=reader, tell=told.append if told is not None else None)


def fits(repo: Repo, reader: ObjectReader, where: str) -> list[str]:
    return [row.id for row in choose(history(repo, reader), where=where)]


def test_the_later_of_retraction_and_its_undoing_holds_in_whichever_order_they_come_in(
    runs: Lab, repo: Repo, reader: ObjectReader
) -> None:
    say(runs, "reinstate", A, day=23)
    say(runs, "retract", A, 'why = "a leak"', day=22)
    say(runs, "retract", B, 'why = "a bug"', day=22)
    found = said_of(history(repo, reader).runs, [A, B, C])
    assert found[A].retracted is None
    assert found[B].retracted is not None and found[B].retracted.text == "a bug"
    assert C not in found
    assert history(repo, reader).select("best:val.acc@digits").id == A


def test_who_claims_to_speak_from_the_future_says_nothing_for_ever(runs: Lab, repo: Repo, reader: ObjectReader) -> None:
    message = f"x\n\nGitexp-Event: retract\nGitexp-About: {A}\n"
    commit_files(runs, {"run.toml": "x"}, message=message, finished="9000-01-01T00:00:00Z")
    assert fits(repo, reader, "retracted") == [A]  # nobody says otherwise
    say(runs, "reinstate", A)
    assert fits(repo, reader, "retracted") == []


def test_a_tag_is_a_word_for_a_run_until_it_is_moved_or_taken_away(runs: Lab, repo: Repo, reader: ObjectReader) -> None:
    say(runs, "tag", A, 'name = "base"', day=21)
    assert history(repo, reader).select("base").id == A
    say(runs, "tag", B, f'name = "base"\nwhy = "longer"\nfrom = ["{A}"]', day=22)
    told: list[GitexpError] = []
    assert history(repo, reader, told).select("base").id == B
    assert told == []
    say(runs, "untag", B, 'name = "base"', day=23)
    with pytest.raises(GitexpError, match="No run is called 'base'"):
        history(repo, reader).select("base")


def test_two_labs_that_give_one_name_to_different_runs_are_both_told(
    runs: Lab, repo: Repo, reader: ObjectReader
) -> None:
    say(runs, "tag", B, 'name = "base"', day=22, author="Bob")
    say(runs, "tag", A, 'name = "base"', day=21)
    told: list[GitexpError] = []
    assert history(repo, reader, told).select("base").id == B
    assert [*told[0].details] == [f"  {B}, by Bob", f"  {A}, by Ada"]
    assert [one.about for one in tagged(history(repo, reader).runs)] == [B, A]
    say(runs, "untag", B, 'name = "base"', day=23)
    assert history(repo, reader, told).select("base").id == A
    assert len(told) == 1


def test_a_remotes_tag_is_named_with_the_remote(runs: Lab, repo: Repo, reader: ObjectReader) -> None:
    say(runs, "tag", A, 'name = "base"')
    runs.git("update-ref", "refs/remotes/lab/experiments", "experiments")
    say(runs, "tag", B, f'name = "base"\nfrom = ["{A}"]', day=22)
    there = history(repo, reader)
    assert (there.select("lab/base").id, there.select("base").id) == (A, B)


def test_conditions_know_tags_notes_outcomes_and_retractions(runs: Lab, repo: Repo, reader: ObjectReader) -> None:
    say(runs, "tag", A, 'name = "base"', day=21)
    say(runs, "tag", A, 'name = "paper"', day=22)
    say(runs, "tag", B, 'name = "other"', day=22)
    say(runs, "note", B, 'text = "a Leak in the data"\noutcome = "kept"', day=22)
    say(runs, "note", B, 'text = "no"\noutcome = "rejected"', day=23)
    say(runs, "retract", C, 'why = "x"', day=23)
    for where, found in {
        'tag == "base"': [A],
        'tag in ("paper", "other")': [B, A],
        'tag != "base"': [B],
        'tag ~ "pap*"': [A],
        "has(tag)": [B, A],
        "not has(tag)": [],
        'note ~ "leak"': [B],
        'note !~ "leak"': [],
        'outcome == "rejected"': [B],
        'outcome == "kept"': [],
        "retracted": [C],
        "retracted or has(note)": [C, B],
        "not retracted": [B, A],
        'event("retract")': [],  # left out, as without it
    }.items():
        assert fits(repo, reader, where) == found, where
    assert [row.id for row in choose(history(repo, reader), ["retracted and val.acc > 0.1"])] == [C]
    with pytest.raises(GitexpError, match="expected a comparison of 'tag', such as == or ~"):
        fits(repo, reader, 'tag < "x"')


def test_reruns_and_smoke_runs_are_not_measured_against_the_baseline(
    runs: Lab, repo: Repo, reader: ObjectReader
) -> None:
    say(runs, "baseline", A, 'recipe = "digits"')
    write_run(runs, "m" * 16, kind="rerun", reproduces=B, finished="2026-11-23T01:00:00Z")
    write_run(runs, "n" * 16, kind="smoke", finished="2026-11-23T02:00:00Z")
    there = history(repo, reader).runs
    measures = {row.id: baseline_of(there, row) for row in there.all()}
    assert [one for one, measure in measures.items() if measure is not None] == [C, B]


def test_notes_come_the_newest_first_and_of_whichever_kind_of_commit(
    runs: Lab, repo: Repo, reader: ObjectReader
) -> None:
    say(runs, "note", A, "worth keeping, and no TOML", day=22)
    say(runs, "note", A, 'text = "first"', day=21)
    said = said_of(history(repo, reader).runs, [A])[A]
    assert [note.text for note in said.notes] == ["", "first"]


def test_thousands_of_events_about_one_run_are_read_in_no_time(runs: Lab, repo: Repo, reader: ObjectReader) -> None:
    stream = []
    for number in range(3000):
        message = f'tag\n\nname = "t{number % 7}"\n\nGitexp-Event: tag\nGitexp-About: {A}\n'
        stream.append(
            f"commit refs/heads/experiments\ncommitter E <e@e> {1795200000 + number} +0000\ndata {len(message)}\n"
        )
        stream.append(message + ("from refs/heads/experiments^0\n" if not number else "") + "\n")
    runs.git("fast-import", "--quiet", feed="".join(stream))
    there = history(repo, reader)
    assert there.select("t3").id == A
    began = time.perf_counter()
    assert said_of(there.runs, [A])[A].tags == tuple(f"t{number}" for number in range(7))
    assert time.perf_counter() - began < 1
