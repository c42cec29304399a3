"""`gitexp diff`: what is said on the page, in JSON and by the exit code."""

from __future__ import annotations

from harness import Gitexp, Lab
from records import RECIPE, run_toml, write_run

A, B, C = "kkkkllllmmmmnnnn", "lllloooowwwwxxxx", "zzzzoooowwwwxxxx"


def test_the_latest_run_is_compared_with_the_one_before_it_of_the_same_recipe(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.5}, duration_s=10.0)
    write_run(fresh, C, finished="2026-11-20T11:00:00Z", recipe="other")
    changed = {"recipe.toml": RECIPE.replace("0.01", "0.02")}
    write_run(fresh, B, finished="2026-11-20T12:00:00Z", metrics={"val.acc": 0.75}, duration_s=15.0, files=changed)
    result = gitexp("diff")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for expected in (
        "A kkkkllll digits completed 2026-11-20 10:00:00Z",
        "B lllloooo digits completed 2026-11-20 12:00:00Z",
        "code identical",
        "optimizer.lr 0.01 → 0.02",
        "Settles within ten epochs.",
        "data none declared",
        "environment identical",
        "val.acc 0.5 0.75 +0.25 +50.0 toward goal",
        "duration 10 s → 15 s +50 %",
    ):
        assert expected in lines
    assert result.exit_code == 0


def test_one_run_each_is_a_difference_and_no_verdict(fresh: Lab, gitexp: Gitexp) -> None:
    goals = '[metrics.goal]\n"val.acc" = "max"\n"val.loss" = "min"\nreward = "max"\nerrors = "min"\n'
    files = {"recipe.toml": goals}
    old = {"val.acc": 0.5, "val.loss": 0.5, "reward": -3.0, "errors": 0}
    new = {"val.acc": 0.512, "val.loss": 0.6, "reward": -1.5, "errors": 3}
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics=old, files=files)
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", metrics=new, files=files)
    text = " ".join(gitexp("diff", A, B).stdout.split())
    assert "toward the goal: val.acc +1.2 points, reward +50.0 %; against it: val.loss +20.0 %, errors +3" in text
    assert "(one run each: the noise is not known)" in text
    assert [
        word for word in ("better", "worse", "improve") for page in (text, gitexp("show", B).stdout) if word in page
    ] == []


def test_the_beginnings_of_digests_tell_weights_apart(fresh: Lab, gitexp: Gitexp) -> None:
    for run_id, digit in ((A, "1"), (B, "2")):
        text = run_toml(run_id, finished="2026-11-20T10:00:00Z", recipe="digits", status="completed")
        digests = f'[digests]\nweights = "sha256:{digit * 64}"\n'
        write_run(fresh, run_id, files={"run.toml": text + digests})
    assert "  weights  sha256:1111111111111111…  →  sha256:2222222222222222…\n" in gitexp("diff", A, B).stdout
    assert gitexp("diff", A, B, "--json").json["digests"][0]["a"] == f"sha256:{'1' * 64}"


def test_identical_inputs_are_said_to_be_identical(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    write_run(fresh, B)
    result = gitexp("diff", A, B, "--exit-code")
    assert "identical inputs" in result.stdout
    assert result.exit_code == 0


def test_the_same_inputs_with_different_metrics_are_called_out(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, metrics={"val.acc": 0.5})
    write_run(fresh, B, metrics={"val.acc": 0.25})
    result = gitexp("diff", A, B, "--exit-code")
    assert "same inputs, different metrics" in result.stdout
    assert result.exit_code == 1


def test_clocks_are_shown_apart_and_compared_with_nothing(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.5, "epoch_time": 12.5})
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", metrics={"val.acc": 0.5, "epoch_time": 13.5})
    page = gitexp("diff", A, B).stdout
    assert "identical inputs, identical metrics" in page
    assert "  clocks: not compared\n    epoch_time  12.5  13.5\n" in page
    assert "  clocks: not compared\n    epoch_time  13.5  12.5\n" in gitexp("show", B).stdout
    assert "epoch_time  12.5  clock" in gitexp("show", A).stdout
    assert gitexp("diff", A, B, "--json").json["metrics"][1]["clock"] is True
    assert "epoch_time" not in gitexp("log").stdout


def manifest(**files: str) -> dict[str, str]:
    return {"artifacts.xxh128": "".join(f"{digit * 32}  {name}.pt\n" for name, digit in files.items())}


def test_artifacts_are_compared_by_digest(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files=manifest(both="1", model="2", old="3"))
    write_run(fresh, B, files=manifest(both="1", model="4", new="5"))
    page = gitexp("diff", A, B).stdout
    assert "identical inputs, identical metrics  code, recipe, data and seed are the same; artifacts differ" in page
    lines = [" ".join(line.split()) for line in page.splitlines()]
    at = lines.index("artifacts 1 different, 1 only in B, 1 only in A, 1 the same")
    assert lines[at + 1 : at + 5] == [
        "~ model.pt not here",
        "+ new.pt not here",
        "- old.pt not here",
        "= both.pt not here",
    ]
    assert gitexp("diff", A, B, "--exit-code").exit_code == 1
    found = gitexp("diff", A, B, "--json").json
    assert found["artifacts"][0] == {
        "path": "model.pt",
        "a": f"xxh128:{'2' * 32}",
        "b": f"xxh128:{'4' * 32}",
        "was": None,
        "state": "different",
        "a_size_bytes": None,
        "b_size_bytes": None,
    }
    assert found["artifacts_untold"] == 0


def test_the_same_artifacts_are_said_to_be_the_same(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files=manifest(model="1"))
    write_run(fresh, B, files=manifest(model="1"))
    result = gitexp("diff", A, B, "--exit-code")
    assert "identical inputs, identical metrics, the same artifacts" in result.stdout
    assert result.exit_code == 0


def test_of_more_artifacts_than_are_read_the_rest_is_not_compared(fresh: Lab, gitexp: Gitexp) -> None:
    many = "".join(f"{'1' * 32}  {number:05}.pt\n" for number in range(20_010))
    write_run(fresh, A, files={"artifacts.xxh128": many})
    write_run(fresh, B, files={"artifacts.xxh128": many + f"{'2' * 32}  a.pt\n"})
    assert "artifacts  20,000 the same, 21 not compared\n" in gitexp("diff", A, B).stdout


def test_json_has_the_parts_of_the_design(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, metrics={"val.acc": 0.5})
    write_run(fresh, B, metrics={"val.acc": 0.25})
    document = gitexp("diff", A, B, "--json").json
    assert list(document) == [
        "format", "a", "b", "code", "parameters", "recipe", "arguments", "data", "environment", "metrics", "digests",
        "artifacts", "identical_inputs", "unexplained", "unfair", "artifacts_untold",
    ]  # fmt: skip
    assert (document["a"]["id"], document["b"]["id"]) == (A, B)
    assert document["metrics"] == [
        {"name": "val.acc", "a": 0.5, "b": 0.25, "delta": -0.25, "percent": -50.0, "toward_goal": False, "clock": False}
    ]
    assert (document["identical_inputs"], document["unexplained"]) == (True, True)


def test_changed_files_are_listed_and_the_patch_shows_their_lines(fresh: Lab, gitexp: Gitexp) -> None:
    fresh.write("train.py", "lr = 1\n")
    fresh.commit()
    write_run(fresh, A)
    fresh.write("train.py", "lr = 2\n")
    fresh.commit()
    write_run(fresh, B)
    assert "train.py  +1  -1" in gitexp("diff", A, B).stdout
    assert "-lr = 1\n+lr = 2\n" in gitexp("diff", A, B, "--patch").stdout
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in gitexp("diff", A, B, "--stat").stdout
    assert gitexp("diff", A, B, "--patch", "--exit-code").exit_code == 1


def test_a_patch_runs_no_program_and_writes_no_control_sequence(fresh: Lab, gitexp: Gitexp) -> None:
    fresh.write(".gitattributes", "*.py diff=evil\n")
    fresh.write("train.py", "one\n")
    fresh.commit()
    write_run(fresh, A)
    fresh.write("train.py", "\x1b[2Jtwo\n")
    fresh.commit()
    write_run(fresh, B)
    fresh.git("config", "diff.evil.command", "touch ran; true")
    fresh.git("config", "diff.evil.textconv", "touch ran; cat")
    result = gitexp("diff", A, B, "--patch")
    assert "+\\x1b[2Jtwo\n" in result.stdout
    assert not (fresh.path / "ran").exists()


def test_the_first_run_of_a_recipe_has_nothing_to_be_compared_with(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    result = gitexp("diff")
    assert result.exit_code == 1
    assert "is the first run of its recipe" in result.stderr


def test_a_rerun_without_its_original_has_nothing_to_be_compared_with(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", kind="rerun", reproduces="zzzzzzzzzzzzzzzz")
    assert "is measured against its original, which is not here" in gitexp("diff").stderr


def test_a_run_is_not_put_beside_itself(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    result = gitexp("diff", A, A, A)
    assert result.exit_code == 2
    assert "1 run cannot stand beside each other" in result.stderr


def test_an_unknown_run_is_an_error(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    result = gitexp("diff", A, "nonsense")
    assert result.exit_code == 1
    assert "No run is called 'nonsense'" in result.stderr


def test_damaged_parts_are_named(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    write_run(fresh, B, files={"recipe.toml": "= 1"})
    assert "B: recipe.toml is not valid TOML" in gitexp("diff", A, B).stdout


def test_only_metrics_that_differ_make_a_difference_for_the_exit_code(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"metrics.toml": '"loss" = nan\n'}, duration_s=1.0)
    write_run(fresh, B, files={"metrics.toml": '"loss" = nan\n'}, duration_s=2.0)
    assert gitexp("diff", A, B, "--exit-code").exit_code == 0


def test_a_datasets_name_cannot_ask_git_for_something_else(fresh: Lab, gitexp: Gitexp) -> None:
    named = '"a\\nHEAD:README\\nb" = { digest = "xxh128:%s" }\nd = { digest = "xxh128:%s" }\n'
    for run_id, digit in ((A, "0"), (B, "1")):
        files: dict[str, str | bytes | None] = {
            "data.toml": named % (digit * 32, digit * 32),
            "data/d.xxh128": f"{digit * 32}  digits.csv\n",
        }
        write_run(fresh, run_id, files=files, finished=f"2026-11-20T1{digit}:00:00Z")
    hostile, honest = gitexp("diff", "--json").json["data"]
    assert (hostile["state"], hostile["changed"]) == ("changed", None)
    assert (honest["name"], honest["changed"]) == ("d", ["digits.csv"])
