"""A rerun beyond the tolerance, with replicates on both sides: equivalent, inconclusive or different."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import pytest
from harness import Lab
from records import ENVIRONMENT, RECIPE, write_run

from gitexp.clone import configured
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.judging import judge
from gitexp.history.read import read_run
from gitexp.history.replicates import replicates_of
from gitexp.history.select import History
from gitexp.record.identity import RunId
from gitexp.record.verdict import Verdict, dump_verdict

IDS = ["".join(letters) + "k" * 12 for letters in product("klmn", repeat=4)]
TOLERANT = RECIPE.replace("[metrics.goal]", '[metrics.tolerance]\n"val.acc" = 0.05\n\n[metrics.goal]')
RERUN = {"kind": "rerun"}

Judged = Callable[..., Verdict]


@pytest.fixture
def judged(fresh: Lab, repo: Repo, reader: ObjectReader, request: pytest.FixtureRequest) -> Judged:
    """The last rerun against the first original; each side a list of values, by seed, and what else its runs have."""

    def put(run_id: str, seed: int, value: float, **keys: Any) -> str:
        typed = TOLERANT.replace('"train.py"', f'"train.py", "--seed", "{seed}"').removeprefix("seed = 1\n")
        recipe = TOLERANT if seeds_are_keys else typed
        files = {"environment.toml": ENVIRONMENT, "recipe.toml": recipe, **keys.pop("files", {})}
        metrics = {"val.acc": value, **({"loss": losses.pop(0)} if losses else {})}
        return write_run(fresh, run_id, seed=seed if seeds_are_keys else None, metrics=metrics, files=files, **keys)

    losses: list[float] = []
    seeds_are_keys = getattr(request, "param", "keys") == "keys"

    def of(
        originals: list[float],
        reruns: list[float],
        *,
        seeds: list[int] | None = None,
        loss: Sequence[float] = (),
        **other: Any,
    ) -> Verdict:
        losses[:] = loss
        ids = iter(IDS)
        first = [(one := next(ids), put(one, seed, value)) for seed, value in enumerate(originals, 1)]
        commit = ""
        for at, value in enumerate(reruns):
            of_it, original = first[at % len(first)]
            seed = seeds[at] if seeds else at % len(first) + 1
            verdict = dump_verdict(Verdict(RunId(of_it), 1, f"sha1:{original}", "different"))
            keys = other if at < len(reruns) - 1 else {}
            files = {"verdict.toml": verdict, **keys.get("files", {})}
            commit = put(next(ids), seed, value, reproduces=of_it, **RERUN, **{**keys, "files": files})
        runs = History(configured(repo), reader=reader).runs
        a, b = read_run(reader, first[0][1]), read_run(reader, commit)
        return judge(reader, a, b, replicates=partial(replicates_of, runs, reader))

    return of


FAR = [0.901, 0.899, 0.84]  # of which the last, which is judged, is beyond the tolerance of the original's 0.90


def test_means_within_the_tolerance_are_equivalent(judged: Judged) -> None:
    found = judged([0.90, 0.91, 0.89, 0.905, 0.895], [0.91, 0.90, 0.89, 0.905, 0.849])
    assert (found.grade, found.passes) == ("equivalent", True)
    [test] = found.tests
    assert (test.metric, test.originals, test.reruns, test.allowed) == ("val.acc", 5, 5, 0.05)
    assert test.p < 0.05
    assert found.reason == "the means are within the tolerance: val.acc"


def test_too_much_noise_is_inconclusive_and_no_pass(judged: Judged) -> None:
    found = judged([0.90, 0.80, 0.99], [0.95, 0.75, 0.84])
    assert (found.grade, found.passes) == ("inconclusive", False)
    assert "these runs cannot say: val.acc" in found.reason


def test_means_beyond_the_tolerance_are_different(judged: Judged) -> None:
    found = judged([0.90, 0.901, 0.899], [0.70, 0.701, 0.699])
    assert (found.grade, found.tests[0].apart) == ("different", True)


def test_two_runs_of_a_side_are_too_few_and_that_is_said(judged: Judged) -> None:
    found = judged([0.90, 0.91], FAR[1:])
    assert (found.grade, found.tests) == ("different", ())
    assert "there are 2 and 2, of 2 and 2 seeds" in found.missing[-1]


@pytest.mark.parametrize("judged", ["keys", "typed"], indirect=True)
def test_reruns_of_one_seed_say_nothing_of_others(judged: Judged) -> None:
    found = judged([0.90, 0.91, 0.89], FAR, seeds=[1, 1, 1])
    assert (found.grade, found.tests) == ("different", ())
    assert "there are 3 and 3, of 3 and 1 seeds" in found.missing[-1]


@pytest.mark.parametrize(
    "other",
    [
        {"files": {"environment.toml": ENVIRONMENT.replace("2.1.0", "2.2.0")}},
        {"files": {"environment.toml": 'probed = "unknown"\n'}},
        {"status": "failed"},
        {"files": {"verdict.toml": None}},
    ],
    ids=["other packages", "packages unknown", "failed", "no verdict"],
)
def test_reruns_of_another_environment_or_without_a_result_do_not_count(judged: Judged, other: dict[str, Any]) -> None:
    found = judged([0.90, 0.91, 0.89], FAR, **other)
    assert (found.grade, found.tests) == ("different", ())
    assert "there are 3 and 1" in found.missing[-1]


def test_without_scipy_the_verdict_says_what_was_missing(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("gitexp.stats.required.import_module", without)
    found = judged([0.90, 0.91, 0.89], FAR)
    assert (found.grade, found.tests) == ("different", ())
    assert found.missing[-1] == (
        "whether they are equivalent: Intervals and tests over several runs need scipy (pip install 'gitexp[stats]')"
    )


def test_what_is_beyond_and_was_not_tested_is_said(judged: Judged) -> None:
    found = judged([0.90, 0.91, 0.89], [0.90, 0.91, 0.89], files={}, loss=[1.0, 1.0, 1.0, 1.0, 1.0, 1.5])
    assert found.grade == "equivalent"
    assert found.reason == (
        "the means are within the tolerance: val.acc;"
        " beyond it, and not tested, as neither a goal nor a tolerance is stated: loss"
    )
