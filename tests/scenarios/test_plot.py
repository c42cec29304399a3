"""`gitexp plot` on runs that `gitexp run` made, and on one that is still running."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from harness import Lab, at_terminal, wait_for

RECIPE = """\
seed = 1

[run]
command = ["sh", "train.sh", "{optimizer.lr}", "{seed}"]

[metrics]
goal = { "val.acc" = "max" }

[optimizer]
lr = 1
"""

TRAIN = """\
{
  echo '{"step": -1, "val.acc": NaN}'
  for step in 0 1 2 3; do
    echo "{\\"step\\": $step, \\"time_s\\": $step.5, \\"epoch\\": $step, \\"val.acc\\": $(($1 * $step + $2))}"
  done
  echo '{"step": 4, "only $x$ _{}": 1}'
} >> "$GITEXP_METRICS"
"""


@pytest.fixture
def swept(lab: Lab) -> Lab:
    """Two rates with two seeds each."""
    lab.write("recipes/net.toml", RECIPE)
    lab.write("train.sh", TRAIN)
    lab.commit()
    for lr in ("1", "10"):
        for seed in ("1", "3"):
            assert lab.gitexp("run", "net", "-s", f"optimizer.lr={lr}", "-s", f"seed={seed}").exit_code == 0
    return lab


def points(lab: Lab, *args: str) -> list[dict[str, str]]:
    result = lab.well("plot", *args, "--csv")
    return list(csv.DictReader(result.stdout.splitlines()))


def test_lines_are_named_by_what_differs_and_numbers_are_those_that_were_logged(swept: Lab) -> None:
    found = points(swept, "val.acc", "latest")
    assert [(row["x"], row["y"]) for row in found[1:]] == [
        ("0.0", "3.0"),
        ("1.0", "13.0"),
        ("2.0", "23.0"),
        ("3.0", "33.0"),
    ]
    page = swept.gitexp("plot", "val.acc").stdout
    assert "lr=10 seed=3  last 33" in page
    assert "4 values are not a number or beyond 1e300: gaps" in page


def test_replicates_are_one_line_with_a_band(swept: Lab) -> None:
    found = points(swept, "val.acc", "--group")
    assert {row["line"] for row in found} == {"2 runs lr=1", "2 runs lr=10"}
    at_two = next(row for row in found if row["line"] == "2 runs lr=10" and row["x"] == "2.0")
    assert (at_two["y"], at_two["n"], at_two["low"], at_two["high"]) == ("22.0", "2", "21.0", "23.0")
    assert at_two["sd"].startswith("1.414")


def test_x_is_time_or_epoch_or_a_setting(swept: Lab) -> None:
    assert [row["x"] for row in points(swept, "val.acc", "latest", "--x", "time")][:2] == ["0.5", "1.5"]
    assert [row["x"] for row in points(swept, "val.acc", "latest", "--x", "epoch")][:2] == ["0.0", "1.0"]
    over = points(swept, "val.acc", "--x", "optimizer.lr")
    assert [(row["x"], row["y"]) for row in over] == [
        ("1.0", "4.0"),
        ("1.0", "6.0"),
        ("10.0", "31.0"),
        ("10.0", "33.0"),
    ]
    assert len({row["runs"] for row in over}) == 4


def test_runs_without_the_metric_are_named_and_a_near_name_is_told(swept: Lab) -> None:
    swept.gitexp("run", "--", "sh", "-c", """echo '{"loss": 1}' >> "$GITEXP_METRICS" """)
    said = swept.gitexp("plot", "val.acc", "latest", "latest~1")
    newest = swept.gitexp("log", "--json").json["runs"][0]["id"][:8]
    assert f"without val.acc: {newest}" in said.stdout
    wrong = swept.gitexp("plot", "val.ac")
    assert wrong.exit_code == 1
    assert "did you mean val.acc?" in wrong.stderr
    assert "did you mean optimizer.lr?" in swept.gitexp("plot", "val.acc", "--x", "optimizer.l").stderr


def test_a_picture_has_the_same_bytes_each_time_and_names_are_no_markup(swept: Lab, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.pdf", "b.pdf", "a.png"):
        swept.well("plot", "only $x$ _{}", "-o", str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert "only $x$ _{}" in (tmp_path / "a.svg").read_text()  # the comment beside the drawn letters
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "is written as .svg, .png or .pdf" in swept.gitexp("plot", "val.acc", "-o", "a.jpg").stderr


def test_a_picture_leaves_the_tree_clean_and_a_wrong_place_says_what_to_type(swept: Lab) -> None:
    result = swept.gitexp("plot", "val.acc", "-o", "acc.svg")
    assert "acc.svg: git ignores it, in this clone alone (.git/info/exclude)" in result.stderr
    assert swept.git("status", "--short") == ""
    again = swept.gitexp("plot", "val.acc", "-o", "acc.svg")
    assert (again.exit_code, "ignores" in again.stderr) == (0, False)
    nowhere = swept.gitexp("plot", "val.acc", "-o", "no/such/acc.svg")
    assert nowhere.stderr == "error: There is no folder no/such to write acc.svg to\nfix:   mkdir -p no/such\n"
    for folder in (".", "recipes"):
        result = swept.gitexp("plot", "val.acc", "-o", folder)
        assert result.stderr.startswith(f"error: {folder} is a folder\nfix:   -o "), result.stderr


def test_a_name_on_x_that_is_a_metric_and_the_end_of_a_setting_is_told_apart(lab: Lab) -> None:
    lab.write("recipes/net.toml", RECIPE)
    lab.write("train.sh", 'echo "{\\"lr\\": 0.5, \\"val.acc\\": $1}" >>"$GITEXP_METRICS"\n')
    lab.commit()
    assert lab.gitexp("run", "net").exit_code == 0
    found = lab.gitexp("plot", "val.acc", "--x", "lr", "--csv")
    assert "note: lr is the metric of this name; the setting is optimizer.lr" in found.stderr
    assert "note" not in lab.gitexp("plot", "val.acc", "--x", "optimizer.lr", "--csv").stderr
    assert "did you mean step?" in lab.gitexp("plot", "val.acc", "--x", "stepp").stderr


def test_runs_that_did_not_complete_are_drawn_and_named(swept: Lab) -> None:
    assert "did not complete" not in swept.gitexp("plot", "val.acc").stdout
    swept.write("train.sh", TRAIN + "exit 3\n")
    swept.commit()
    assert swept.gitexp("run", "net", "--no-verify").exit_code == 4
    (failed,) = [run["id"][:8] for run in swept.gitexp("log", "--json", "--status", "failed").json["runs"]]
    for options in ([], ["--group"], ["--x", "optimizer.lr"]):
        assert f"did not complete: {failed} (failed)\n" in swept.gitexp("plot", "val.acc", *options).stdout


def test_a_matplotlibrc_of_the_repository_is_not_obeyed(swept: Lab, tmp_path: Path) -> None:
    swept.write("matplotlibrc", "text.usetex: True\nbackend: module://evil\n")
    swept.well("plot", "val.acc", "-o", str(tmp_path / "a.svg"))


@pytest.mark.parametrize("columns", [60, 200])
def test_a_picture_fits_the_terminal_and_lines_have_letters(swept: Lab, columns: int) -> None:
    terminal = at_terminal(swept, "plot", "val.acc", columns=columns, NO_COLOR="1", PAGER="cat")
    terminal.expect("d [a-z]{8} lr=1 seed=1")
    lines = terminal.before.splitlines()
    assert max(map(len, lines)) <= columns
    assert {letter for letter in "abcd" for line in lines if ("│" in line or "┤" in line) and letter in line} == set(
        "abcd"
    )
    assert "\x1b[" not in terminal.before


def test_without_braille_there_are_dots(swept: Lab) -> None:
    result = swept.gitexp("plot", "val.acc", "latest", PYTHONIOENCODING="ascii")
    assert result.stdout.isascii()
    assert "?" not in result.stdout
    assert "last 33" in result.stdout


def test_a_run_in_progress_is_drawn_as_far_as_it_is(lab: Lab) -> None:
    lab.write(
        "t.py",
        f"""\
import os, time
from pathlib import Path
with open(os.environ["GITEXP_METRICS"], "a") as file:
    for step in range(5):
        print('{{"step": %d, "loss": %d}}' % (step, 7 - step), file=file, flush=True)
for _ in range(600):
    if Path({str(lab.path)!r}, "stop").exists():
        break
    time.sleep(0.1)
""",
    )
    lab.commit()
    running = lab.start("run", "--", sys.executable, "t.py")
    wait_for(lambda: any(run.get("step") == 4 for run in lab.gitexp("status", "--json").json["runs"]))
    run_id = lab.gitexp("status", "--json").json["runs"][0]["id"]
    found = json.loads(lab.gitexp("plot", "loss", run_id, "--json").stdout)
    assert found["lines"][0]["points"] == [[0.0, 7.0], [1.0, 6.0], [2.0, 5.0], [3.0, 4.0], [4.0, 3.0]]
    assert f"{run_id[:8]} is running: as far as it is" in found["notes"]
    (lab.path / "stop").touch()
    running.communicate(timeout=30)
