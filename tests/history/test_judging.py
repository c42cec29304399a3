"""A rerun against the run that it repeats: what is compared, and the grade."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from harness import Lab
from records import ENVIRONMENT, RECIPE, write_run

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.inputs import Inputs, alike_key
from gitexp.history.judging import judge, last_line_of_traceback
from gitexp.history.read import read_run
from gitexp.record.verdict import Counts, Ending, Final, InputDifference, Verdict

A, B = "kkkkllllmmmmnnnn", "zzzzoooowwwwxxxx"

Judge = Callable[..., Verdict]
MODEL = "1" * 32 + "  model.pt\n"
TRACEBACK = 'Traceback (most recent call last):\n  File "{}", line 3, in <module>\n    train()\n{}\n'


@pytest.fixture
def judged(fresh: Lab, reader: ObjectReader) -> Judge:
    """Of two runs, each as what `write_run` takes."""

    def of(a: dict[str, Any], b: dict[str, Any], **keys: Any) -> Verdict:
        original, rerun = write_run(fresh, A, **a), write_run(fresh, B, **b)
        return judge(reader, read_run(reader, original), read_run(reader, rerun), **keys)

    return of


def test_the_same_weights_files_and_numbers_are_bitwise(judged: Judge) -> None:
    run = {"files": {"artifacts.xxh128": MODEL}}
    found = judged(run, run)
    assert (found.grade, found.passes, found.run, found.attempt) == ("bitwise", True, A, 1)
    assert (found.compared, found.different) == (Counts(summary=1, artifacts=1), Counts())
    assert found.ending == Ending("completed", "completed")


def test_other_files_with_the_same_numbers_are_metrics(judged: Judge) -> None:
    found = judged(
        {"files": {"artifacts.xxh128": MODEL}}, {"files": {"artifacts.xxh128": MODEL.replace("1" * 32, "2" * 32)}}
    )
    assert (found.grade, found.names) == ("metrics", ("artifact model.pt",))
    assert found.reason == "every logged value is the same; not the same bytes: artifact model.pt"


def test_other_values_by_example_are_no_longer_bitwise(judged: Judge) -> None:
    first, other = ({"files": {"items.csv": f"id,acc\na,{value}\n"}} for value in (1, 0))
    assert judged(first, first).compared.artifacts == 1
    found = judged(first, other)
    assert (found.grade, found.names) == ("metrics", ("items.csv",))


def test_numbers_within_the_default_are_tolerance_and_beyond_it_different(judged: Judge) -> None:
    near = judged({"metrics": {"val.acc": 0.9}}, {"metrics": {"val.acc": 0.9005}})
    assert near.grade == "tolerance"
    assert near.finals == (Final("val.acc", 0.9, 0.9005, 0.0009, "0.1%", True),)
    far = judged({"metrics": {"val.acc": 0.9}}, {"metrics": {"val.acc": 0.91}})
    assert (far.grade, far.reason) == ("different", "beyond the tolerance: val.acc")


def test_the_recipe_says_how_far_and_what_not(judged: Judge) -> None:
    rules = '\n[metrics]\ntolerance = { "val.acc" = 0.05, loss = "10%" }\nnot_compared = ["rate*"]\n'
    files = {"recipe.toml": RECIPE.replace("\n[metrics.goal]", rules + "\n[metrics.goal]")}
    found = judged(
        {"files": files, "metrics": {"val.acc": 0.9, "loss": 1.0, "rate.x": 1}},
        {"files": files, "metrics": {"val.acc": 0.86, "loss": 1.09, "rate.x": 2}},
    )
    assert (found.grade, found.declared, found.not_compared) == ("tolerance", ("rate*",), ("rate.x",))
    assert [(final.metric, final.tolerance, final.within) for final in found.finals] == [
        ("val.acc", "0.05", True),
        ("loss", "10%", True),
    ]


def test_of_very_many_patterns_a_thousand_are_tried_in_little_time(judged: Judge) -> None:
    patterns = ", ".join(f'"m*{n}z"' for n in range(60_000))
    recipe = RECIPE.replace("\n[metrics.goal]", f"\n[metrics]\nnot_compared = [{patterns}]\n\n[metrics.goal]")
    files = {"recipe.toml": recipe, "metrics.toml": "".join(f'"m{n}" = {n}\n' for n in range(5000))}
    began = time.process_time()
    found = judged({"files": files}, {"files": files})
    assert time.process_time() - began < 5
    assert (found.grade, found.compared.summary, len(found.declared)) == ("bitwise", 5000, 1000)


def test_other_rules_of_judging_are_no_other_inputs(fresh: Lab, reader: ObjectReader) -> None:
    rules = '\n[metrics.tolerance]\n"val.acc" = 0.1\n\n[metrics.goal]'
    one = write_run(fresh, A)
    other = write_run(fresh, B, files={"recipe.toml": RECIPE.replace("\n[metrics.goal]", rules)})
    inputs = Inputs(read_run(reader, one), read_run(reader, other))
    assert ([change.key for change in inputs.recipe], inputs.same) == (['metrics.tolerance."val.acc"'], True)
    keys = [alike_key(run.recipe_values, code=run.code, data=run.data, kind="run") for run in (inputs.a, inputs.b)]
    assert keys[0] == keys[1] != ""


def test_clocks_are_not_compared_and_alone_they_are_nothing(judged: Judge) -> None:
    found = judged({"metrics": {"train_runtime": 1.0}}, {"metrics": {"train_runtime": 2.0}})
    assert (found.grade, found.passes, found.not_compared) == ("inconclusive", False, ("train_runtime",))
    assert found.reason == "there was nothing to compare: no metric, no digest of weights, no artifact"


def test_nan_is_nan(judged: Judge) -> None:
    files = {"metrics.toml": '"loss" = nan\n"val.acc" = inf\n'}
    assert judged({"files": files}, {"files": files}).grade == "bitwise"
    assert judged({"files": files}, {"files": {"metrics.toml": '"loss" = nan\n"val.acc" = 1.0\n'}}).grade == "different"


def test_a_metric_of_one_side_alone_is_a_difference(judged: Judge) -> None:
    found = judged({"metrics": {"val.acc": 0.9, "loss": 1.0}}, {"metrics": {"val.acc": 0.9}})
    assert (found.grade, found.finals) == ("different", (Final("loss", 1.0, None, 0.001, "0.1%"),))


def test_every_input_that_differs_is_named(judged: Judge) -> None:
    found = judged(
        {},
        {
            "seed": 2,
            "files": {
                "recipe.toml": RECIPE.replace("0.01", "0.02"),
                "environment.toml": ENVIRONMENT.replace("2.1.0", "2.2.0").replace("cores = 2", "cores = 8"),
            },
        },
    )
    assert found.inputs == (
        InputDifference("recipe", "optimizer.lr", "0.01", "0.02"),
        InputDifference("seed", "", "1", "2"),
        InputDifference("packages", "numpy", "2.1.0", "2.2.0"),
        InputDifference("hardware", "cpu cores", "2", "8"),
    )
    assert (found.inputs_count, found.missing) == (4, ())


def test_what_was_not_recorded_is_said(judged: Judge) -> None:
    found = judged({"files": {"environment.toml": None}}, {})
    assert found.missing == ("whether the packages are the same: of one side they are not recorded",)


@pytest.mark.parametrize(
    ("line", "grade"),
    [
        ("ValueError: no rows in /home/bob/copy/rows.csv", "bitwise"),
        ("ValueError: no columns in /home/ada/rows.csv", "failed"),
    ],
)
def test_a_failure_is_reproduced_by_failing_in_the_same_way(judged: Judge, line: str, grade: str) -> None:
    failed: dict[str, Any] = {"status": "failed", "exit_code": 1, "metrics": {}}
    first = TRACEBACK.format("/home/ada/train.py", "ValueError: no rows in /home/ada/rows.csv")
    found = judged(
        {**failed, "files": {"output.log": first}},
        {**failed, "files": {"output.log": TRACEBACK.format("/home/bob/train.py", line)}},
    )
    assert found.grade == grade
    assert found.ending is not None
    assert found.ending.original == "failed (exit code 1): ValueError: no rows in /home/ada/rows.csv"


def test_that_a_program_without_a_word_fails_again_is_nothing(judged: Judge) -> None:
    failed: dict[str, Any] = {"status": "failed", "exit_code": 1, "metrics": {}}
    found = judged(failed, failed)
    nothing = "there was nothing to compare: no metric, no digest of weights, no artifact, no traceback"
    assert (found.grade, found.reason) == ("inconclusive", nothing)
    assert judged({**failed, "metrics": {"loss": 1.0}}, {**failed, "metrics": {"loss": 1.0}}).grade == "bitwise"


def test_an_empty_file_that_both_saved_is_nothing(judged: Judge) -> None:
    empty = {"metrics": {}, "files": {"artifacts.xxh128": "99aa06d3014798d86001c324468d497f  done\n"}}
    found = judged(empty, empty)
    assert (found.grade, found.compared) == ("inconclusive", Counts())
    full = {"metrics": {}, "files": {"artifacts.xxh128": "1" * 32 + "  done\n"}}
    found = judged(full, empty)
    assert (found.grade, found.different) == ("different", Counts(artifacts=1))


def test_a_tolerance_that_is_wider_than_the_value_is_said(judged: Judge) -> None:
    rules = '\n[metrics]\ntolerance = { "val.acc" = 1e299, loss = "150%" }\n\n[metrics.goal]'
    files = {"recipe.toml": RECIPE.replace("\n[metrics.goal]", rules)}
    found = judged(
        {"files": files, "metrics": {"val.acc": 0.9, "loss": 1.0}},
        {"files": files, "metrics": {"val.acc": -7e100, "loss": 1.1}},
    )
    words = "every final value is within its tolerance; it is wider than the value itself: val.acc, loss"
    assert (found.grade, found.reason) == ("tolerance", words)


@pytest.mark.parametrize("status", ["interrupted", "timed-out", "crashed"])
def test_two_that_were_stopped_from_outside_have_nothing_in_common(judged: Judge, status: str) -> None:
    stopped: dict[str, Any] = {"status": status, "signal": "SIGINT", "metrics": {}}
    found = judged(stopped, stopped)
    assert (found.grade, found.passes) == ("inconclusive", False)


def test_a_metric_that_parts_and_has_no_final_value_is_within_no_tolerance(judged: Judge) -> None:
    first, other = ({"files": {"history.csv": f"step,time_s,loss\n0,0,{value}\n"}} for value in (1, 100))
    found = judged(first, other)
    assert (found.grade, found.compared.summary) == ("different", 1)
    assert found.reason == "histories differ of metrics without a final value: loss"


def test_one_that_did_not_end_as_the_original_did_has_failed(judged: Judge) -> None:
    found = judged({}, {"status": "failed", "exit_code": 1})
    assert (found.grade, found.reason) == (
        "failed",
        "the original ended as completed, the rerun as failed (exit code 1)",
    )


def test_a_strange_import_is_a_failure(judged: Judge) -> None:
    found = judged({}, {}, strange_imports=["helper came from /home/bob/live/helper.py"])
    assert (found.grade, found.missing) == ("failed", ("helper came from /home/bob/live/helper.py",))


def test_an_original_without_a_record_is_not_judged(judged: Judge) -> None:
    with pytest.raises(GitexpError, match="cannot be read"):
        judged({"files": {"run.toml": "format ="}}, {})


def test_the_last_line_of_a_traceback() -> None:
    assert last_line_of_traceback("all is well\n") is None
    two = TRACEBACK.format("a.py", "KeyError: 1") + "\nDuring handling …\n\n" + TRACEBACK.format("a.py", "OSError: 2")
    assert last_line_of_traceback(two + "bye\n") == "OSError: 2"
