"""`gitexp diff` on runs that `gitexp run` made: what differs, and whether the comparison can be believed."""

from __future__ import annotations

import pytest
from harness import Lab

RECIPE = """\
seed = 1

[why]
"model.width" = "Wider ones learn the noise."

[run]
command = ["sh", "train.sh", "{model.width}"]

[data]
images = "images"

[metrics]
goal = { "val.acc" = "max" }

[model]
width = 4
"""

TRAIN = """\
printf '{"val.acc[digit=8]": 0.1%s, "val.acc[digit=9]": 0.5, "val.acc": 0.5%s}\\n' $1 $1 >> "$GITEXP_METRICS"
"""


@pytest.fixture
def ready(lab: Lab) -> Lab:
    """A recipe with data, and one run of it."""
    lab.write("recipes/net.toml", RECIPE)
    lab.write("train.sh", TRAIN)
    lab.write("images/1", "one\n")
    lab.write("images/2", "two\n")
    lab.commit()
    assert lab.gitexp("run", "net").exit_code == 0
    return lab


def page(lab: Lab, *args: str) -> list[str]:
    result = lab.well("diff", *args)
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_a_run_repeated_has_identical_inputs_and_metrics(ready: Lab) -> None:
    ready.gitexp("run", "net")
    lines = page(ready, "--exit-code")
    why = "code, recipe, data and seed are the same; an environment is not recorded"  # nobody can ask a shell
    assert lines[3] == f"identical inputs, identical metrics {why}"
    assert {"code identical", "recipe identical", "data identical (images)", "environment not recorded"} < set(lines)
    assert "2 slices are the same on both sides" in lines


def test_the_same_inputs_with_other_metrics_are_called_out(lab: Lab) -> None:
    program = "import os; open(os.environ['GITEXP_METRICS'], 'w').write('{\"acc\": %d}\\n' % os.getpid())"
    lab.gitexp("run", "--", "python", "-c", program)
    lab.gitexp("run", "--", "python", "-c", program)
    assert page(lab)[3] == "same inputs, different metrics nothing that is recorded explains it"
    document = lab.gitexp("diff", "--json").json
    assert (document["identical_inputs"], document["unexplained"]) == (True, True)
    assert lab.gitexp("diff", "--exit-code").exit_code == 1


def test_another_environment_is_named_as_what_may_explain_other_metrics(lab: Lab) -> None:
    program = """echo "{\\"acc\\": $$}" >> "$GITEXP_METRICS" """
    lab.gitexp("run", "--", "sh", "-c", program, OMP_NUM_THREADS="1")
    lab.gitexp("run", "--", "sh", "-c", program, OMP_NUM_THREADS="2")
    lines = page(lab)
    assert lines[3] == "same inputs, different metrics the environments differ"
    assert "OMP_NUM_THREADS 1 → 2" in lines
    assert lab.gitexp("diff", "--json").json["unexplained"] is False


def test_a_changed_key_comes_with_its_reason_and_what_it_did(ready: Lab) -> None:
    ready.gitexp("run", "net", "-s", "model.width=8")
    lines = page(ready)
    assert lines[3] == "toward the goal: val.acc +4 points (one run each: the noise is not known)"
    assert "\n\n\n" not in ready.gitexp("diff").stdout
    assert page(ready, "latest") == lines  # not with itself
    at = lines.index("model.width 4 → 8")
    assert lines[at + 1] == "Wider ones learn the noise."
    assert "val.acc 0.54 0.58 +0.04 +7.4 toward goal" in lines
    assert "val.acc[digit=8] 0.14 0.18 +0.04 +28.6 toward goal" in lines
    assert "1 slice is the same on both sides" in lines


def test_changed_code_and_data_are_named_file_by_file(ready: Lab) -> None:
    ready.write("train.sh", TRAIN + "true\n")
    ready.write("images/1", "changed\n")
    ready.write("images/3", "three\n")
    (ready.path / "images/2").unlink()
    commit = ready.commit("other images")
    ready.gitexp("run", "net", "--seed", "2")
    lines = page(ready)
    assert lines[3:5] == ["! different data: images", "! different seeds: 1 and 2"]
    assert f"+ {commit[:10]} other images" in lines
    assert "train.sh +1 -0" in lines
    at = lines.index("images changed 1 added, 1 removed, 1 changed")
    assert lines[at + 1 : at + 4] == ["+ 3", "- 2", "~ 1"]
    assert "+true\n" in ready.gitexp("diff", "--patch").stdout


def test_what_makes_a_comparison_unfair_is_said_first(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", "exit 1")
    lab.write("helper.txt", "new\n")
    lab.gitexp("run", "--no-verify", "--", "sh", "-c", "true")
    assert page(lab)[3:5] == [
        "! A did not complete (failed)",
        "! B ran code that was not committed; its record holds a snapshot of it",
    ]


def test_command_lines_are_compared_argument_by_argument_in_any_order(lab: Lab) -> None:
    lab.write("train.sh", "true\n")
    lab.commit()
    common = ["--data", "somewhere/far/away/in/a/folder", "--epochs", "100"]
    lab.gitexp("run", "--", "sh", "train.sh", *common, "--lr", "0.1", "--seed", "1")
    lab.gitexp("run", "--", "sh", "train.sh", "--seed=2", "--amp", *common, "--lr=0.3")
    lines = page(lab)
    at = lines.index("arguments")
    assert lines[at + 1 : at + 5] == ["seed 1 → 2", "amp (none) → --amp", "lr 0.1 → 0.3", ""]
    assert "seed 1→2, with --amp, lr 0.1→0.3" in lab.gitexp("log").stdout
    lab.gitexp("run", "--", "sh", "train.sh", *common, "--lr", "0.3", "--amp", "--seed", "2")
    assert "identical inputs  code, recipe, data and seed are the same" in lab.gitexp("diff").stdout


def test_what_the_runs_saved_is_compared_with_sizes(lab: Lab) -> None:
    for size in ("3000", "4000"):
        lab.gitexp(
            "run", "--", "sh", "-c", f'head -c {size} /dev/zero >"$GITEXP_OUTPUT/w.bin"; echo 1 >"$GITEXP_OUTPUT/one"'
        )
    lines = page(lab)
    at = lines.index("artifacts 1 different, 1 the same")
    assert lines[at + 1 : at + 3] == ["~ w.bin 3 kB → 4 kB", "= one 2 B"]


def test_parameter_files_are_compared_key_by_key(lab: Lab) -> None:
    for count in (50, 100):
        lab.write("params.yaml", f"train:\n  n_est: {count}\n  lr: 0.1\n")
        lab.commit()
        lab.gitexp("run", "--", "cat", "params.yaml")
    lines = page(lab)
    at = lines.index("parameters")
    assert lines[at + 1 : at + 3] == ["params.yaml", "train.n_est 50 → 100"]
