"""`gitexp log` on runs that `gitexp run` made: what a table of the night's work says, wherever it is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from harness import Lab, at_terminal, make_lab, ran
from records import write_run

RECIPE = """\
seed = 1

[run]
command = ["sh", "train.sh", "{model.width}"]

[metrics]
goal = { "val.acc" = "max", "val.loss" = "min" }

[model]
width = 4
"""

TRAIN = """\
printf '{"speed": 7, "val.loss": 0.%s, "val.acc[digit=8]": 0.1%s, "val.acc": 0.5%s}\\n' $1 $1 $1 >> "$GITEXP_METRICS"
"""


@pytest.fixture
def trained(lab: Lab) -> Lab:
    """Three runs of one recipe, the second of them the best."""
    lab.write("recipes/net.toml", RECIPE)
    lab.write("train.sh", TRAIN)
    lab.commit()
    for width in ("4", "8", "6"):
        lab.well("run", "net", "-s", f"model.width={width}")
    return lab


def columns(lab: Lab, *args: str) -> list[list[str]]:
    result = lab.well("log", *args)
    return [line.split() for line in result.stdout.splitlines()]


def test_the_goal_that_is_advised_works_when_it_is_pasted_below_metrics(lab: Lab) -> None:
    lab.write("t.py", "import gitexp\ngitexp.log({'train.loss': 1.0})\n")
    lab.commit()
    assert lab.gitexp("run", "--", sys.executable, "t.py").exit_code == 0
    said = lab.gitexp("show", "best:train.loss").stderr
    assert "In gitexp.toml, the line below [metrics];" in said
    config = lab.path / "gitexp.toml"
    config.write_text(config.read_text().replace("[metrics]\n", f"[metrics]\n{said.partition('fix:   ')[2]}"))
    assert lab.gitexp("show", "best:train.loss").exit_code == 0


def test_metrics_with_a_goal_come_first_and_slices_are_left_to_json_and_csv(trained: Lab) -> None:
    header, newest, best, oldest = columns(trained)
    assert header[6:] == ["changed", "val.acc", "val.loss", "speed"]
    assert newest[7:] == ["model.width", "8→6", "0.56", "0.6", "7"]
    assert best[7:] == ["model.width", "4→8", "0.58*", "0.8", "7"]
    assert oldest[7:] == ["first", "0.54", "0.4*", "7"]
    assert "val.acc[digit=8]" in trained.gitexp("log", "--csv").stdout
    assert trained.gitexp("log", "--json").json["runs"][1]["metrics"]["val.acc[digit=8]"] == 0.18


def test_a_slice_that_is_sorted_by_is_shown_and_has_the_goal_of_its_metric(trained: Lab) -> None:
    header, *rows = columns(trained, "--sort", "val.acc[digit=8]")
    assert header[7] == "val.acc[digit=8]"
    assert [row[9] for row in rows[:2]] == ["0.18*", "0.16"]


def test_slices_are_shown_where_there_is_nothing_else(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", """echo '{"acc[digit=3]": 1}' >> "$GITEXP_METRICS" """)
    assert "acc[digit=3]" in columns(lab)[0]


def test_the_goal_is_that_of_the_newest_recipe_that_states_one(trained: Lab) -> None:
    trained.gitexp("run", "--", "sh", "-c", """echo '{"val.acc": 1}' >> "$GITEXP_METRICS" """)
    assert [row[5] for row in columns(trained, "--sort", "val.acc")[1:]] == ["sh", "net", "net", "net"]


def test_changed_arguments_of_a_plain_command_are_told_apart(lab: Lab) -> None:
    lab.write("train.sh", "true\n")
    lab.commit()
    for args in (["--lr", "0.1", "--epochs=3"], ["--lr", "0.2", "--epochs=5"], ["--lr", "0.2", "--epochs=5", "--fast"]):
        lab.gitexp("run", "--", "sh", "train.sh", *args)
    lines = lab.gitexp("log").stdout.splitlines()
    assert lines[1].endswith("with --fast")
    assert lines[2].endswith("  lr 0.1→0.2, epochs 3→5")


def test_dirty_and_edited_runs_are_marked_each_by_its_name(lab: Lab) -> None:
    lab.write("train.sh", "true\n")
    lab.commit()
    lab.gitexp("run", "--", "sh", "-c", "echo 'false' > train.sh")
    lab.gitexp("run", "--no-verify", "--", "sh", "-c", "true")
    dirty, edited = lab.gitexp("log").stdout.splitlines()[1:]
    assert "  dirty, -c" in dirty
    assert "  edited, first" in edited


def test_runs_that_ended_badly_are_counted_and_found(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", "exit 3")
    lab.gitexp("run", "--timeout", "0.2s", "--", "sh", "-c", "sleep 30")
    lab.gitexp("run", "--", "sh", "-c", "true")
    assert [row[4] for row in columns(lab)[1:]] == ["completed", "timed-out", "failed"]
    assert [row[4] for row in columns(lab, "--status", "timed-out")[1:]] == ["timed-out"]
    [one] = lab.gitexp("log", "--summary", "--json").json["recipes"]
    assert (one["runs"], one["completed"], one["failed"], one["interrupted"]) == (3, 1, 2, 0)


def test_a_clone_a_linked_worktree_and_a_detached_head_list_the_same_runs(trained: Lab, tmp_path: Path) -> None:
    expected = trained.gitexp("log", "--csv").stdout
    trained.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    trained.git("clone", "-q", ".", str(tmp_path / "clone"))
    trained.git("checkout", "-q", "--detach")
    assert trained.gitexp("log", "--csv").stdout == expected
    assert trained.gitexp("log", "--csv", cwd=tmp_path / "linked").stdout == expected
    assert trained.gitexp("log", "--csv", cwd=tmp_path / "clone").stdout == expected
    assert "net  completed" in trained.gitexp("show", "best:val.acc", cwd=tmp_path / "clone").stdout
    assert "model.width  8  →  6" in trained.gitexp("diff", cwd=tmp_path / "clone").stdout


def test_a_repository_of_sha256_objects_is_read(tmp_path: Path, env: dict[str, str]) -> None:
    env = {**env, "GIT_DEFAULT_HASH": "sha256"}
    lab = make_lab(tmp_path / "sha256", env)
    lab.gitexp("init")
    lab.commit()
    lab.gitexp("run", "--", "sh", "-c", "true")
    lab.write("README", "changed\n")
    after = lab.commit("second thoughts")
    lab.gitexp("run", "--", "sh", "-c", "true")
    assert len(after) == 64
    assert [row[-1] for row in columns(lab)[1:]] == ["code", "first"]
    assert f"+ {after[:10]} second thoughts" in lab.gitexp("diff").stdout


def test_a_cache_that_is_gone_damaged_or_in_the_way_changes_nothing(trained: Lab) -> None:
    expected = trained.gitexp("log", "--json").stdout
    [cache] = (trained.path / ".git/gitexp/index").iterdir()
    cache.write_bytes(cache.read_bytes()[:100])
    assert trained.gitexp("log", "--json").stdout == expected
    cache.write_bytes(b'["gitexp index", 1]\ngarbage\n' + cache.read_bytes().splitlines(True)[-1])
    assert trained.gitexp("log", "--json").stdout == expected
    cache.unlink()
    cache.mkdir()
    assert trained.gitexp("log", "--json").stdout == expected
    assert len(json.loads(expected)["runs"]) == 3


def test_a_changed_range_is_named_behind_what_changed_the_run(trained: Lab) -> None:
    trained.write(
        "recipes/net.toml", RECIPE.replace("width = 4", "width = 5") + "\n[space]\n'model.width' = { choices = [5] }\n"
    )
    trained.commit()
    assert trained.gitexp("run", "net").exit_code == 0
    assert '  model.width 6→5, space."model.width".choices none→[5], code  ' in trained.gitexp("log", "-n", "1").stdout


def test_a_wide_terminal_has_the_course_of_the_first_metric(lab: Lab) -> None:
    script = """printf '{"acc": 1}\\n{"acc": 5}\\n{"acc": 3}\\n' >> "$GITEXP_METRICS" """
    lab.gitexp("run", "--", "sh", "-c", script)
    wide = at_terminal(lab, "log", columns=160, NO_COLOR="1", PAGER="cat")
    wide.expect("▁█▅")
    narrow = at_terminal(lab, "log", columns=100, NO_COLOR="1", PAGER="cat")
    narrow.expect(pexpect.EOF)
    assert "▁█▅" not in narrow.before


def test_words_that_name_several_runs_leave_out_what_the_options_do_not_ask_for(trained: Lab) -> None:
    write_run(trained, "kkkkllllmmmmnnnn", recipe="net", kind="smoke")
    assert len(columns(trained, "@net")) == 4
    assert len(columns(trained, "@net", "--smoke")) == len(columns(trained, "@net", "--all")) == 5


NOISY = """\
import json, os, sys
open(os.environ["GITEXP_METRICS"], "w").write(json.dumps({"acc": float(os.environ["ACC"])}))
"""


def test_runs_of_one_seed_count_as_one_in_the_mean_and_spread_of_a_group(lab: Lab) -> None:
    lab.write("train.py", NOISY)
    lab.commit("a program that does not repeat itself")

    def group() -> Any:
        [found] = lab.gitexp("log", "--group", "--json").json["groups"]
        return found["metrics"]["acc"]

    for acc in ("0.1", "0.3"):
        ran(Lab(lab.path, {**lab.env, "ACC": acc}), "--seed", "1", "--", "python", "train.py")
    assert (group()["n"], group()["sd"]) == (2, None)
    assert "0.2 ± ?" in lab.gitexp("log", "--group").stdout
    ran(Lab(lab.path, {**lab.env, "ACC": "0.4"}), "--seed", "2", "--", "python", "train.py")
    assert (group()["n"], group()["least"], group()["most"]) == (3, 0.1, 0.4)
    assert (group()["mean"], group()["sd"]) == pytest.approx((0.3, 0.141421), abs=1e-5)  # of 0.2 and 0.4
