"""`gitexp diff` of two groups, and of three runs or more."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness import Gitexp, Lab
from records import RECIPE, run_toml, write_run

for_a = [0.970, 0.972, 0.971]
for_b = [0.979, 0.980, 0.978]
IDS = [f"{letter * 8}kkkkkkkk" for letter in "klmnop"]
A, B = ",".join(IDS[:3]), ",".join(IDS[3:])


def recipe(*, seed: int, lr: float) -> dict[str, str | bytes | None]:
    return {"recipe.toml": RECIPE.replace("seed = 1", f"seed = {seed}").replace("0.01", str(lr))}


def two_groups(lab: Lab, *, status: str = "completed", seeds_of_b: tuple[int, ...] = (1, 2, 3)) -> tuple[str, str]:
    """Three runs a side at two learning rates; the last of B has the status."""
    for at, value in enumerate(for_a):
        metrics = {"val.acc": value, "val.loss": 0.5 + at / 100, "lr": 0.01}
        write_run(lab, IDS[at], metrics=metrics, seed=at + 1, files=recipe(seed=at + 1, lr=0.01))
    for at, (value, seed) in enumerate(zip(for_b, seeds_of_b, strict=True)):
        metrics = {"val.acc": value, "val.loss": 0.5 - at / 100, "lr": 0.02}
        ended = status if at == 2 else "completed"
        write_run(lab, IDS[at + 3], metrics=metrics, seed=seed, status=ended, files=recipe(seed=seed, lr=0.02))
    return A, B


def test_two_groups_have_every_figure_and_the_sentence(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    result = gitexp("diff", a, b)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for expected in (
        "A 3 runs of digits seeds 1, 2, 3 (kkkkkkkk llllllll mmmmmmmm)",
        "val.acc: B is better by 0.80 ± 0.25 points (3 runs each)",
        "optimizer.lr 0.01 → 0.02",
        "val.acc goal: max",
        "A 3 0.971 0.001 0.97 to 0.972 0.97 0.972 0.971",
        "B 3 0.979 0.001 0.978 to 0.98 0.979 0.98 0.978",
        "B - A 0.80 ± 0.25 points (95% interval 0.55 to 1.05 points; paired t, df 2)",
        "P(B > A) 1.00, of all pairs of a run of each; ties count half",
        "permutation p none: 8 arrangements cannot give less than 0.25",
    ):
        assert expected in lines
    assert result.exit_code == 0
    document = gitexp("diff", a, b, "--json").json
    found = document["metrics"][0]
    assert (found["name"], found["claim"], found["share"]) == ("val.acc", "better", True)
    assert found["values"] == [for_a, for_b]
    assert [run["seed"] for run in document["groups"]["b"]] == [1, 2, 3]
    assert document["settings"] == [{"name": "optimizer.lr", "a": [0.01], "b": [0.02]}]


@pytest.mark.parametrize(
    ("rows_of_b", "said"),
    [
        ((100, 110, 120), "B is better by 0.80 ± 0.25 points (3 runs each)"),
        ((100, 110, 121), "no claim: the held-out rows"),
    ],
)
def test_rows_that_follow_from_the_seed_are_noise_and_others_are_no_comparison(
    fresh: Lab, gitexp: Gitexp, rows_of_b: tuple[int, ...], said: str
) -> None:
    for at, (value, rows) in enumerate(zip([*for_a, *for_b], [100, 110, 120, *rows_of_b], strict=True)):
        seed = at % 3 + 1
        text = run_toml(IDS[at], finished="2026-11-20T10:00:00Z", recipe="digits", status="completed", seed=seed)
        files = recipe(seed=seed, lr=0.01 if at < 3 else 0.02)
        write_run(
            fresh,
            IDS[at],
            metrics={"val.acc": value},
            files={**files, "run.toml": f"{text}[splits.val]\nrows = {rows}\n"},
        )
    text = " ".join(gitexp("diff", A, B).stdout.split())
    assert f"val.acc: {said}" in text
    assert ("each seed has held-out rows of its own" in text) == said.startswith("B is better")


def test_a_run_that_did_not_complete_is_no_result(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh, status="failed")
    text = " ".join(gitexp("diff", a, b).stdout.split())
    assert "1 run without a number left out" in text
    assert "B did not complete (failed): its metrics are of where it stopped (1 of 3 runs)" in text


def test_seeds_that_are_not_the_same_are_said(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh, seeds_of_b=(3, 4, 5))
    text = " ".join(gitexp("diff", a, b).stdout.split())
    assert "! other seeds on each side: 1 in common" in text
    assert "note 1 seed of 3 on both sides: not paired" in text
    assert "Welch's t" in text


def test_runs_of_a_side_that_differ_in_more_than_the_seed_are_no_replicates(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    first, *rest = a.split(",")
    text = gitexp("diff", f"{first},{b.split(',')[1]}", ",".join(rest)).stdout
    assert "! the runs of A are no replicates: they differ in optimizer.lr" in text


def test_one_run_a_side_of_a_group_judges_nothing(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    text = gitexp("diff", a.split(",")[0] + ",", b.split(",")[0]).stdout
    assert "val.acc: no claim: 1 run each" in text


def test_what_cannot_be_compared_is_refused(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    assert "On both sides: " in gitexp("diff", a, a).stderr
    assert "No run fits" in gitexp("diff", "optimizer.lr == 7", b).stderr
    assert "compare two single runs" in gitexp("diff", "--patch", a, b).stderr
    assert "None of the runs has a metric 'nope'" in gitexp("diff", a, b, "--metric", "nope").stderr


def test_groups_are_chosen_by_what_was_set(fresh: Lab, gitexp: Gitexp) -> None:
    two_groups(fresh)
    text = gitexp("diff", "optimizer.lr == 0.01", "optimizer.lr == 0.02").stdout
    assert "val.acc: B is better by 0.80 ± 0.25 points (3 runs each)" in text
    assert "the same in all: code, recipe digits, environment" in gitexp("diff", "@digits").stdout


def test_three_runs_stand_beside_each_other(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    runs = [*a.split(",")[:2], b.split(",")[0]]
    lines = [" ".join(line.split()) for line in gitexp("diff", *runs).stdout.splitlines()]
    assert "the same in all: code, recipe digits, environment" in lines
    assert "kkkkkkkk llllllll nnnnnnnn" in lines
    assert "seed 1 2 1" in lines
    assert "optimizer.lr 0.01 0.01 0.02" in lines
    assert "val.acc 0.97 0.972 +0.2 points 0.979 +0.9 points" in lines
    document = gitexp("diff", *runs, "--json").json
    assert document["metrics"][0]["values"] == [0.97, 0.972, 0.979]


def by_example(at: int, *, shift: int = 0, ids: str = "e") -> tuple[float, dict[str, str | bytes | None]]:
    """Of 200 examples: the accuracy, and items.csv. `shift`: how many more are right."""
    right = [(row * 37 + at * 11) % 200 < 120 + shift for row in range(200)]
    text = "id,val.acc\n" + "".join(f"{ids}{row},{int(one)}\n" for row, one in enumerate(right))
    return sum(right) / 200, {"items.csv": text}


def groups_with_examples(lab: Lab, *, ids_of_b: str = "e", off: float = 0.0) -> tuple[str, str]:
    """Three runs a side, of which the record has values by example."""
    for at, run_id in enumerate(IDS):
        in_b = at >= 3
        acc, files = by_example(at % 3, shift=3 * at + 11 if in_b else at, ids=ids_of_b if in_b else "e")
        own = recipe(seed=at % 3 + 1, lr=0.02 if in_b else 0.01)
        write_run(
            lab,
            run_id,
            metrics={"val.acc": acc + off},
            seed=at % 3 + 1,
            files={**files, **own},
            **{"items.examples": 200},
        )
    return A, B


def test_values_by_example_put_the_noise_of_the_test_set_into_the_interval(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = groups_with_examples(fresh)
    text = " ".join(gitexp("diff", a, b).stdout.split())
    assert "val.acc: B is better by 11.0 ± 3.5 points (3 runs each, 200 examples)" in text
    assert "two-level t" in text and "examples 200, the same in all runs: their noise is in the interval, too" in text
    assert "permutation p none: the interval is of examples, too" in text
    found = gitexp("diff", a, b, "--json").json["metrics"][0]["finding"]
    assert (found["examples"], found["difference"]["method"]) == (200, "two-level t")


def test_whatever_a_strangers_items_hold_diff_answers_and_escapes(fresh: Lab, gitexp: Gitexp) -> None:
    hostile = (
        b"id,val.acc\n" + b"a,1e308\nb,1e308\nc,inf\n",
        b"id,val.acc\n\x1b[2J,1\nb,0\n",
        b"id,\x1b[2J\na,1\n",
        b"\xff\x00,\x00",
        b"id,val.acc\na\n",
        b'id,val.acc\n"' + b"x" * 200_000,
    )
    for at, content in enumerate(hostile):
        ids = [f"{letter * 8}kkkkkkk{'klmnopq'[at]}" for letter in "klmn"]
        for seed, run_id in enumerate(ids):
            files: dict[str, str | bytes | None] = {"items.csv": content}
            write_run(fresh, run_id, metrics={"val.acc": 1e308}, seed=seed, files=files, **{"items.examples": 2})
        result = gitexp("diff", ",".join(ids[:2]), ",".join(ids[2:]))
        assert (result.exit_code, "\x1b" in result.stdout) == (0, False), result.stderr


def test_other_examples_are_said_and_not_used(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = groups_with_examples(fresh, ids_of_b="f")
    text = " ".join(gitexp("diff", a, b).stdout.split())
    assert "note values by example are not used: other examples: 0 in common of 400" in text
    assert "paired t, df 2" in text


def test_a_metric_that_is_no_mean_over_its_examples_does_not_use_them(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = groups_with_examples(fresh, off=0.01)
    text = " ".join(gitexp("diff", a, b).stdout.split())
    assert "not used: their mean is 0.6 and the metric 0.61 (another step, or no mean)" in text


def test_one_run_a_side_says_what_examples_say_of_two_models(fresh: Lab, gitexp: Gitexp) -> None:
    groups_of_a, groups_of_b = groups_with_examples(fresh)
    a, b = groups_of_a.split(",")[0], groups_of_b.split(",")[0]
    text = " ".join(gitexp("diff", "--metric", "val.acc", a, b).stdout.split())
    assert "val.acc: no claim: 1 run each; of these two models alone, on 200 examples, B - A is 10.0 ±" in text
    assert "(the noise of training is not in it)" in text
    lent = " ".join(gitexp("diff", a, b, "--noise", groups_of_a).stdout.split())
    assert "note values by example are not in the interval: that takes two runs of each side" in lent


def test_the_noise_of_a_baseline_judges_one_run_against_one(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    first, second = a.split(",")[0], b.split(",")[0]
    text = " ".join(gitexp("diff", first, second, "--noise", a).stdout.split())
    assert "val.acc: B is better by 0.90 ± 0.61 points (1 run each)" in text
    assert "note the noise is that of 3 runs of a baseline" in text
    assert "names 1 run, and one run shows no noise" in gitexp("diff", first, second, "--noise", first).stderr
    mixed = gitexp("diff", first, second, "--noise", f"{a},{second}").stdout
    assert "! the runs of the noise are no replicates: they differ in optimizer.lr" in mixed
    assert "--noise is not used" in " ".join(gitexp("diff", a, b, "--noise", a).stdout.split())
    assert "--noise compares two sides" in gitexp("diff", "--noise", a).stderr


def test_slices_are_shown_where_they_differ_by_more_than_their_noise(fresh: Lab, gitexp: Gitexp) -> None:
    for at, run_id in enumerate(IDS):
        noise = 0.01 * (at % 3) ** 2 * (-1) ** at
        slices = {"val.acc[digit=3]": 0.5 + 0.3 * (at >= 3) + noise, "val.acc[digit=4]": 0.5 + noise}
        metrics = {"val.acc": for_a[at] if at < 3 else for_b[at - 3], **slices}
        write_run(fresh, run_id, metrics=metrics, seed=at % 3 + 1, files=recipe(seed=at % 3 + 1, lr=0.01 + (at >= 3)))
    text = gitexp("diff", A, B).stdout
    assert "B is better by 0.80 ± 0.25 points (3 runs each)" in text
    assert "val.acc[digit=3]" in text and "val.acc[digit=4]" not in text
    assert "1 slice without a claim" in text


def test_a_hostile_name_cannot_reach_the_terminal(fresh: Lab, gitexp: Gitexp) -> None:
    a, b, c = (f"{letter * 8}kkkkkkkk" for letter in "klm")
    for at, run in enumerate((a, b, c)):
        files: dict[str, str | bytes | None] = {"recipe.toml": f'x = "\\u001b[31m{at}"\n'}
        write_run(fresh, run, recipe="r\x1b[31m", metrics={"a\x1b[2J": at / 10}, files=files)
    for words in ((a, b, c), (f"{a},{b}", c)):
        assert "\x1b" not in gitexp("diff", *words).stdout


def test_two_single_runs_are_compared_without_scipy(fresh: Lab, gitexp: Gitexp) -> None:
    a, b = two_groups(fresh)
    code = (
        "import sys\n"
        "from gitexp.cli.commands.diff import command\n"
        f"command.main([{a[:16]!r}, {b[:16]!r}], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith(('scipy', 'numpy', 'gitexp.stats'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=fresh.path, env=fresh.env, capture_output=True, text=True)
    assert done.stdout.endswith("[]\n"), done.stderr


def test_runs_beside_each_other_are_named_as_anywhere(fresh: Lab, gitexp: Gitexp) -> None:
    two_groups(fresh)
    assert "the same in all" in gitexp("diff", "latest~2", "latest~1", "latest").stdout
    assert "the same in all" in gitexp("diff", "latest~2,latest~1,latest").stdout


def test_a_condition_chooses_within_both_sides_and_alone_puts_runs_beside_each_other(
    fresh: Lab, gitexp: Gitexp
) -> None:
    two_groups(fresh)
    groups = gitexp("diff", "optimizer.lr == 0.01", "optimizer.lr == 0.02", "--where", "seed != 2", "--json").json
    assert [[run["seed"] for run in groups["groups"][side]] for side in "ab"] == [[3, 1], [3, 1]]
    assert gitexp("diff", "--where", "seed == 2").stdout.startswith("the same in all: ")
    unknown = gitexp("diff", "latest", "latest~1", "--metric", "val.acc", "--metric", "val.ac")
    assert "None of the runs has a metric 'val.ac'" in unknown.stderr
    nothing = gitexp("diff", "@digits", "latest", "--where", "seed == 9")
    assert (nothing.exit_code, "No run fits '@digits' and 'seed == 9'" in nothing.stderr) == (1, True)


def test_sides_are_of_the_remote_that_is_named(fresh: Lab, gitexp: Gitexp) -> None:
    two_groups(fresh)
    fresh.git("update-ref", "refs/remotes/lab/experiments", "experiments~2")
    for words in (["latest~1", "latest"], []):
        document = gitexp("diff", *words, "--remote", "lab", "--json").json
        assert [document[side]["id"][:4] for side in "ab"] == ["mmmm", "nnnn"]
