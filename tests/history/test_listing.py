"""Listing runs: which commits are runs, in which order, and a cache that may be damaged or deleted at any time."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from harness import Lab
from records import commit_files, write_run

from gitexp.git.branch import find_tips, tip_to_read
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.cache import Rows, forget_cache
from gitexp.history.listing import New, Runs, count_new

A, B, C = "kkkkllllmmmmnnnn", "kkkkoooowwwwxxxx", "zzzzoooowwwwxxxx"
D, E = "vvvvoooowwwwxxxx", "uuuuoooowwwwxxxx"


def runs_of(repo: Repo, reader: ObjectReader) -> Runs:
    return Runs(repo, tip_to_read(find_tips(repo, "experiments"), remote=None), reader=reader)


def ids(repo: Repo, reader: ObjectReader) -> list[str]:
    return [row.id for row in runs_of(repo, reader).all()]


def index(repo: Repo) -> Path:
    return repo.common_dir / "gitexp" / "index" / "heads%2Fexperiments"


def test_a_repository_without_the_branch_has_no_runs(repo: Repo, reader: ObjectReader) -> None:
    assert ids(repo, reader) == []


def test_runs_are_ordered_by_when_they_finished_and_not_by_commit(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T12:00:00Z")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z")
    write_run(fresh, C, finished="2026-11-20T13:00:00Z")
    assert ids(repo, reader) == [C, A, B]


def test_a_row_says_what_run_toml_and_metrics_toml_say(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    commit = write_run(
        fresh, A, metrics={"val.acc": 0.5, "images": 7}, duration_s=2.5, message="first\nsecond", clean=False
    )
    [row] = runs_of(repo, reader).all()
    assert (row.id, row.commit, row.attempt, row.recipe, row.status) == (A, commit, 1, "digits", "completed")
    assert (row.author, row.seed, row.message, row.clean, row.duration_s) == ("Ada", 1, "first", False, 2.5)
    assert row.metrics == {"val.acc": 0.5, "images": 7}
    assert row.finished == 1795168800.0


def test_commits_without_the_trailer_are_not_runs(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    commit_files(fresh, {"README.md": "root"}, message="Begin the experiments branch\n")
    write_run(fresh, A)
    commit_files(fresh, {"README.md": "x"}, message=f"a note\n\nGitexp-Event: note\nGitexp-About: {A}\n")
    assert ids(repo, reader) == [A]


NOTE = f"a note\n\nGitexp-Event: note\nGitexp-About: {A}\n"
SAID = [("note", A), ("merge", "")]
LATER = "2026-11-21T10:00:00Z"


def test_events_are_in_the_index_and_no_runs(
    fresh: Lab, repo: Repo, reader: ObjectReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rows, "worn", True)
    write_run(fresh, A)
    commit_files(fresh, {"README.md": "x"}, message=NOTE)
    assert [(event.kind, event.about) for event in runs_of(repo, reader).events()] == SAID[:1]
    run = write_run(fresh, B)
    merge = commit_files(fresh, {"README.md": "y"}, message="a merge\n\nGitexp-Event: merge\n", finished=LATER)
    assert [(event.kind, event.about) for event in runs_of(repo, reader).events()] == SAID  # added to the file
    write_run(fresh, C, finished="2020-11-20T11:00:00Z")  # before the others
    assert [(event.kind, event.about) for event in runs_of(repo, reader).events()] == SAID
    there = runs_of(repo, reader)
    monkeypatch.setenv("PATH", "/nonexistent")  # nobody is asked but the file
    assert there.events()[1].commit == merge
    assert [row.id for row in there.all()][-1] == C
    found = there.at_commit(run)
    assert found is not None
    assert found.id == B


def test_the_last_paragraph_alone_says_what_a_commit_is(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    commit_files(fresh, {"README.md": "x"}, message="as he wrote:\n\nGitexp-Event: retract\n\nthe end\n")
    assert runs_of(repo, reader).events() == []


def test_new_runs_are_found_when_the_cache_is_there(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T11:00:00Z")
    assert ids(repo, reader) == [A]
    write_run(fresh, B, finished="2026-11-20T12:00:00Z")
    assert ids(repo, reader) == [B, A]
    assert ids(repo, reader) == [B, A]


def test_an_older_run_that_comes_in_later_takes_its_place(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T12:00:00Z")
    assert ids(repo, reader) == [A]
    write_run(fresh, B, finished="2026-11-20T11:00:00Z")
    assert ids(repo, reader) == [A, B]
    newest = runs_of(repo, reader).first(lambda row: True)
    assert newest is not None and newest.id == A


def test_a_branch_that_was_set_back_is_read_again(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    first = write_run(fresh, A)
    write_run(fresh, B)
    assert len(ids(repo, reader)) == 2
    fresh.git("update-ref", "refs/heads/experiments", first)
    write_run(fresh, C, finished="2026-11-20T13:00:00Z")
    assert ids(repo, reader) == [C, A]


@pytest.mark.parametrize(
    "damage", [b"", b"garbage\n", b"SQLite format 3\0" + bytes(84)], ids=["empty", "other", "void"]
)
def test_a_damaged_cache_is_rebuilt(fresh: Lab, repo: Repo, reader: ObjectReader, damage: bytes) -> None:
    write_run(fresh, A)
    assert ids(repo, reader) == [A]
    index(repo).write_bytes(damage)
    assert ids(repo, reader) == [A]
    assert b"kkkkllllmmmmnnnn" in index(repo).read_bytes()


def test_a_cache_of_another_version_or_of_commits_that_are_gone_is_rebuilt(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    write_run(fresh, A)
    for change in ("PRAGMA user_version = 99", f"UPDATE tip SET tip = '{'0' * 40}'"):
        assert ids(repo, reader) == [A]
        with closing(sqlite3.connect(index(repo), isolation_level=None)) as file:
            file.execute("UPDATE run SET id = 'zzzzzzzzzzzzzzzz'")
            file.execute(change)
        assert ids(repo, reader) == [A]


def test_damage_in_the_middle_of_the_cache_is_noticed_and_repaired(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    write_run(fresh, A)
    write_run(fresh, B)
    assert len(ids(repo, reader)) == 2
    good = index(repo).read_bytes()
    index(repo).write_bytes(good[:4096] + b"\xff" * (len(good) - 4096))
    assert sorted(ids(repo, reader)) == [A, B]
    assert index(repo).read_bytes().count(b"\xff" * 100) == 0


def test_a_cache_that_is_cut_off_is_rebuilt(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A)
    assert ids(repo, reader) == [A]
    good = index(repo).read_bytes()
    index(repo).write_bytes(good[: len(good) // 2])
    assert ids(repo, reader) == [A]


def test_a_cache_that_cannot_be_written_changes_nothing(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A)
    (repo.common_dir / "gitexp").write_text("a file where the folder should be")
    assert ids(repo, reader) == [A]


def test_what_is_no_file_in_the_cache_s_place_changes_nothing(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A)
    index(repo).mkdir(parents=True)
    assert ids(repo, reader) == [A]
    forget_cache(repo, "refs/heads/experiments")
    assert [path.name for path in index(repo).parent.iterdir()] == [index(repo).name]
    index(repo).rmdir()
    os.mkfifo(index(repo))  # nobody waits for who would write to it
    assert ids(repo, reader) == [A]
    index(repo).unlink()
    index(repo).symlink_to("/etc/passwd")
    assert ids(repo, reader) == [A]
    assert not index(repo).is_symlink()


def test_what_a_killed_writer_left_is_removed_by_a_later_one(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A)
    index(repo).parent.mkdir(parents=True)
    old, new = (index(repo).with_name(f".{index(repo).name}.{name}.tmp") for name in ("0a", "0b"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert ids(repo, reader) == [A]
    assert (old.exists(), new.exists()) == (False, True)


def test_runs_that_came_after_the_file_are_beside_it_until_it_is_written_anew(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    write_run(fresh, A)
    assert ids(repo, reader) == [A]
    before = index(repo).read_bytes()
    write_run(
        fresh, B, finished="2026-11-20T11:00:00Z", metrics={"loss": 0.5}, files={"recipe.toml": "[a]\nb = [1, 2]\n"}
    )
    for _ in range(2):
        runs = runs_of(repo, reader)
        newest, other = runs.all()
        assert (newest.id, newest.metrics, newest.settings) == (B, {"loss": 0.5}, {"a.b": [1, 2]})
        assert other.settings == {"seed": 1, "optimizer.lr": 0.01, "script": "train.py"}
        assert [row.id for row in runs.with_id("kkkk")] == [A, B]
        assert runs.keys("metric") == ["val.acc", "loss"]
    assert index(repo).read_bytes() == before


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"run.toml": None}, "run.toml is missing"),
        ({"run.toml": "format = 2\n"}, "record format 2"),
        ({"run.toml": "format = \n"}, "not valid TOML"),
        ({"run.toml": b"\xff\xfe"}, "not UTF-8"),
        ({"run.toml": "x = 1 # " + "y" * (2 << 20)}, "larger than 2 MiB"),
        ({"run.toml": 'format = 1\nid = "kkkkllllmmmmnnnn"\n'}, "breaks the record format"),
    ],
    ids=["missing", "newer", "not TOML", "not UTF-8", "huge", "keys missing"],
)
def test_a_damaged_record_is_listed_with_the_reason(
    fresh: Lab, repo: Repo, reader: ObjectReader, files: dict[str, str | bytes | None], reason: str
) -> None:
    write_run(fresh, B)
    write_run(fresh, A, finished="2026-11-21T10:00:00Z", files=files)
    bad, good = runs_of(repo, reader).all()
    assert (bad.id, bad.status, good.id) == (A, "unreadable", B)
    assert bad.problem is not None and reason in bad.problem


def test_a_record_that_claims_to_be_another_run_is_unreadable(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, trailer=B)
    [row] = runs_of(repo, reader).all()
    assert row.problem == f"run.toml is of run {A}, the commit message of {B}"


def test_damaged_metrics_do_not_hide_the_run(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, files={"metrics.toml": "not toml"})
    [row] = runs_of(repo, reader).all()
    assert (row.problem, row.metrics) == (None, {})


def test_two_commits_that_claim_one_key_are_both_listed(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    write_run(fresh, A, finished="2026-11-20T11:00:00Z")
    assert ids(repo, reader) == [A, A]


def test_the_previous_run_has_the_same_recipe(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", recipe="digits")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", recipe="other")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", recipe="digits")
    runs = runs_of(repo, reader)
    newest, other, _ = runs.all()
    before = runs.previous_of(newest)
    assert before is not None and before.id == A
    assert runs.previous_of(other) is None


def test_a_smoke_run_is_nobodys_previous_run(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", kind="smoke")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z")
    runs = runs_of(repo, reader)
    before = runs.previous_of(runs.all()[0])
    assert before is not None and before.id == A


def test_a_rerun_is_compared_with_its_original_and_is_nobodys_previous_run(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", kind="rerun", reproduces=A)
    write_run(fresh, D, finished="2026-11-20T13:00:00Z", kind="rerun", mixture={"of": A, "seed": 2})
    write_run(fresh, E, finished="2026-11-20T14:00:00Z")
    runs = runs_of(repo, reader)
    before = [runs.previous_of(row) for row in runs.all()]
    assert [one and one.id for one in before] == [B, A, A, A, None]


def test_an_argument_is_what_the_program_got_whatever_a_key_of_its_name_says(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    recipe = 'lr = 3\nwidth = 4\n[run]\ncommand = ["python", "train.py", "--lr", "0.1"]\n'
    write_run(fresh, A, files={"recipe.toml": recipe})
    [row] = runs_of(repo, reader).all()
    assert {key: row.settings[key] for key in ("lr", "width")} == {"lr": 0.1, "width": 4}


def test_the_local_branch_is_read_first_then_the_configured_remote_then_origin(fresh: Lab, repo: Repo) -> None:
    commit = write_run(fresh, A)
    for remote in ("lab-b", "origin"):
        fresh.git("update-ref", f"refs/remotes/{remote}/experiments", commit)
    local = tip_to_read(find_tips(repo, "experiments"), remote="lab-b")
    assert local is not None and local.ref == "refs/heads/experiments"
    fresh.git("update-ref", "-d", "refs/heads/experiments")
    tips = find_tips(repo, "experiments")
    configured, usual = tip_to_read(tips, remote="lab-b"), tip_to_read(tips, remote=None)
    assert configured is not None and configured.ref == "refs/remotes/lab-b/experiments"
    assert usual is not None and usual.ref == "refs/remotes/origin/experiments"


def test_runs_and_events_that_a_remote_lacks_are_counted(fresh: Lab, repo: Repo) -> None:
    first = write_run(fresh, A)
    write_run(fresh, B)
    commit_files(fresh, {"README.md": "x"}, message="a merge\n\nGitexp-Event: merge\n")
    assert count_new(repo, include="refs/heads/experiments", exclude=first) == New(1, 0)
    commit_files(fresh, {"README.md": "x"}, message=NOTE)
    assert count_new(repo, include="refs/heads/experiments", exclude=None) == New(2, 1)
    assert [New(1, 1).words, New(0, 2).words, New().words] == ["1 run and 1 event", "2 events", "0 runs"]


def test_a_run_that_claims_to_end_long_after_it_was_recorded_is_ordered_by_when_that_was(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    write_run(fresh, A, finished="9999-12-31T23:59:59Z")
    honest = Lab(fresh.path, {**fresh.env, "GIT_COMMITTER_DATE": "2026-01-05T00:00:00Z"})
    write_run(honest, B, finished="2026-01-04T10:00:00Z")
    for _ in range(2):  # from git, and from the cache
        runs = runs_of(repo, reader)
        assert [row.id for row in runs.all()] == [B, A]
        newest = runs.first(lambda row: True)
        assert newest is not None and newest.id == B
        assert runs.all()[1].finished == 253402300799


def test_neither_is_one_whose_commit_too_is_of_a_time_that_is_yet_to_come_anybodys_latest(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    liar = Lab(fresh.path, {**fresh.env, "GIT_COMMITTER_DATE": "@4000000000 +0000"})
    write_run(liar, A, finished="2096-10-02T07:06:40Z")
    write_run(fresh, B, finished="2026-01-01T10:00:00Z")
    write_run(fresh, C, finished="2026-01-02T10:00:00Z")
    for _ in range(2):
        runs = runs_of(repo, reader)
        assert [row.id for row in runs.all()] == [C, B, A]
        newest = runs.first(lambda row: True)
        assert newest is not None and newest.id == C
        before = runs.previous_of(runs.all()[0])
        assert before is not None and before.id == B
