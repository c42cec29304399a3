"""Records that the first gitexp wrote are read for ever. tests/fixtures/make_format_1.py made the bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab

BUNDLE = Path(__file__).parents[1] / "fixtures" / "format-1.bundle"

MERGE = "experiments~10"
FIRST, SECOND, DIRTY = f"{MERGE}^2~7", f"{MERGE}^2~6", f"{MERGE}^2"
LONG, DEFECT, SEQ, MANY = f"{MERGE}~4", f"{MERGE}~2", f"{MERGE}~3", f"{MERGE}~5"


@pytest.fixture
def old(tmp_path: Path, env: dict[str, str]) -> Lab:
    """A repository that holds nothing but the branch of the bundle."""
    path = tmp_path / "old"
    path.mkdir()
    lab = Lab(path, env)
    lab.git("init", "-q")
    lab.git("fetch", "-q", str(BUNDLE), "experiments:experiments")
    return lab


def test_the_bundle_is_of_format_1_and_small(old: Lab) -> None:
    assert breaches(old.path) == []
    assert old.gitexp("verify", "--all").stdout == ""
    assert BUNDLE.stat().st_size < 200_000


def test_log_lists_every_run_of_both_labs_by_the_time_it_finished(old: Lab) -> None:
    runs = old.gitexp("log", "--json").json["runs"]
    assert [(run["recipe"], run["status"], run["author"][:3], run["metrics"]) for run in runs] == [
        ("sh", "completed", "Ada", {}),
        ("tiny", "completed", "Ada", {"val.acc": 0.3, "loss": 0.25}),
        ("tiny", "completed", "Ada", {"val.acc": 0.3, "loss": 0.5}),
        ("ls", "completed", "B\u00f6b", {}),
        ("tiny", "completed", "B\u00f6b", {}),
        ("seq", "completed", "B\u00f6b", {}),
        ("long", "completed", "B\u00f6b", {"loss": 0.0003333333333333333, "nan": "nan"}),
        ("many", "completed", "B\u00f6b", {}),
        ("tiny", "completed", "Ada", {"val.acc": 0.93, "loss": 0.5}),
        ("sh", "crashed", "Ada", {}),
        ("sh", "interrupted", "Ada", {}),
        ("sleep", "timed-out", "Ada", {}),
        ("sh", "failed", "Ada", {}),
        ("sh", "failed", "Ada", {}),
        ("tiny", "completed", "Ada", {"val.acc": 0.3, "loss": 0.25}),
        ("tiny", "completed", "Ada", {"val.acc": 0.3, "loss": 0.5}),
    ]


def test_log_says_what_changed_and_marks_the_best(old: Lab) -> None:
    lines = old.gitexp("log", "--recipe", "tiny", COLUMNS="200").stdout.splitlines()
    assert len(lines) == 7
    lines = [lines[0], *lines[3:]]
    assert "edited, 3 defects" in lines[1]
    assert "dirty, seed 2→1, optimizer.lr 0.25→0.5, code" in lines[2] and "0.93*" in lines[2]
    assert "seed 1→2, optimizer.lr 0.5→0.25" in lines[3] and "0.25*" in lines[3]
    assert "first" in lines[4] and "The first." in lines[4]


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (5, {"status": "failed", "exit_code": 7, "signal": None, "stopped_by": None}),
        (4, {"status": "failed", "exit_code": None, "signal": "SIGSEGV", "stopped_by": None}),
        (3, {"status": "timed-out", "exit_code": None, "signal": "SIGTERM", "stopped_by": "timeout"}),
        (2, {"status": "interrupted", "exit_code": None, "signal": "SIGINT", "stopped_by": "SIGINT"}),
        (1, {"status": "crashed", "exit_code": None, "signal": None, "stopped_by": None}),
    ],
)
def test_show_says_how_a_run_ended(old: Lab, back: int, expected: dict[str, object]) -> None:
    run = old.gitexp("show", f"{MERGE}^2~{back}", "--json").json["run"]
    assert {key: run.get(key) for key in expected} == expected


def test_show_has_what_was_recorded_of_a_run(old: Lab) -> None:
    run = old.gitexp("show", FIRST, "--json").json["run"]
    assert (run["format"], run["attempt"], run["kind"], run["seed"]) == (1, 1, "run", 1)
    assert (run["argv"], run["cwd"]) == (["sh", "train.sh", "0.5"], ".")
    assert (run["recipe_path"], run["user"]) == ("recipes/tiny.toml", "ada")
    assert run["message"] == "The first.\n\nWith a paragraph: and a colon"
    assert (run["code"]["clean"], run["code"]["subject"], run["code"]["branch"]) == (True, "A project", "main")
    assert run["recipe_values"]["optimizer"] == {"lr": 0.5}
    assert {name: (data["files"], data["size_bytes"]) for name, data in run["data"].items()} == {
        "odd-names": (4, 16),
        "words": (1, 14),
    }
    weights = "xxh128:7abe05f354fdcda281e43bf06d071ef5"
    assert run["artifacts"] == [{"path": "weights.txt", "digest": weights, "size_bytes": 15}]


def test_show_prints_the_page_of_a_run(old: Lab) -> None:
    page = old.gitexp("show", LONG).stdout
    assert "/usr/bin/python3 long.py" in page
    assert "130 of 3000 rows" in page
    assert "cpython 3.11" in page


def test_the_output_of_a_run_is_there(old: Lab) -> None:
    assert sorted(old.gitexp("show", f"{MERGE}^2~5", "--output").stdout.split()) == ["err", "out"]
    assert "bytes cut]" in old.gitexp("show", SEQ, "--output").stdout


def test_marks_of_what_was_not_as_it_should_be_are_read(old: Lab) -> None:
    dirty = old.gitexp("show", DIRTY, "--json").json["run"]["code"]
    assert (dirty["clean"], dirty["changed"], dirty["changed_count"]) == (False, ["train.sh", "new.txt"], 2)
    defect = old.gitexp("show", DEFECT, "--json").json["run"]
    assert (defect["code"]["edited"], len(defect["defects"])) == (["data/words.txt"], 3)
    crashed = old.gitexp("show", f"{MERGE}^2~1", "--json").json["run"]
    assert crashed["finished_is_last_sign"] is True
    assert "duration_s" not in crashed


def test_diff_of_two_settings(old: Lab) -> None:
    diff = old.gitexp("diff", FIRST, SECOND, "--json").json
    assert diff["code"]["identical"] is True
    assert [(change["key"], change["a"], change["b"]) for change in diff["recipe"]] == [
        ("seed", 1, 2),
        ("optimizer.lr", 0.5, 0.25),
    ]
    assert [(data["name"], data["state"]) for data in diff["data"]] == [
        ("odd-names", "identical"),
        ("words", "identical"),
    ]
    assert [(metric["name"], metric["delta"], metric["toward_goal"]) for metric in diff["metrics"]] == [
        ("val.acc", 0.0, None),
        ("loss", -0.25, True),
    ]
    assert old.gitexp("diff", FIRST, SECOND, "--exit-code").exit_code == 1


def test_diff_of_a_clean_and_a_dirty_tree_names_the_files(old: Lab) -> None:
    diff = old.gitexp("diff", FIRST, DIRTY, "--json").json
    assert [file["path"] for file in diff["code"]["files"]] == ["new.txt", "train.sh"]
    assert diff["identical_inputs"] is False


def test_a_dataset_in_parts_is_read(old: Lab) -> None:
    run = old.gitexp("show", MANY, "--json").json["run"]
    assert (run["data"]["many"]["files"], run["data"]["many"]["size_bytes"]) == (16_385, 0)
    assert old.git("ls-tree", "--name-only", f"{MANY}:data/many.xxh128").count("\n") == 9
    diff = old.gitexp("diff", FIRST, MANY, "--json").json
    assert [(data["name"], data["state"]) for data in diff["data"]] == [
        ("many", "added"),
        ("odd-names", "removed"),
        ("words", "removed"),
    ]


def test_a_rerun_and_a_mixture_say_what_they_are(old: Lab) -> None:
    first = old.gitexp("show", FIRST, "--json").json["run"]["id"]
    again = old.gitexp("show", "latest~2", "--json").json["run"]
    assert (again["kind"], again["reproduces"]) == ("rerun", first)
    assert (again["verdict"]["run"], again["verdict"]["grade"]) == (first, "bitwise")
    assert [one["id"] for one in old.gitexp("show", FIRST, "--json").json["run"]["reruns"]] == [again["id"]]
    mixture = old.gitexp("show", "latest~1", "--json").json["run"]
    assert (mixture["kind"], mixture.get("reproduces")) == ("rerun", None)
    assert mixture["mixture"] == {"of": first, "seed": 2, "set": ["optimizer.lr=0.25"]}


def test_events_and_merges_are_no_runs(old: Lab) -> None:
    assert old.git("log", "-1", "--format=%(trailers:key=Gitexp-Event,valueonly)", "experiments").strip() == "note"
    assert old.gitexp("show", "latest", "--json").json["run"]["message"] == "after the merge"
    assert old.gitexp("show", "experiments").exit_code == 1
    assert old.gitexp("show", MERGE).exit_code == 1


def test_what_was_said_of_runs_is_read(old: Lab) -> None:
    said = old.gitexp("show", "latest", "--json").json["run"]["said"]
    assert (said["tags"], said["retracted"]) == ([], None)
    assert [(note["text"], note["outcome"]) for note in said["notes"]] == [("worth keeping\nfor ever", "kept")]
    assert old.gitexp("show", "first", "--json").json["run"]["said"]["retracted"] is None
    assert old.gitexp("show", "baseline").exit_code == 1
