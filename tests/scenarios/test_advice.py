"""Advice: `fix:` lines work when they are pasted, and delete or commit nothing that they should not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import GITEXP, Lab, Result, written


def fixes(result: Result) -> str:
    """The lines from `fix:` on, without the word."""
    return result.stderr.partition("fix:   ")[2]


def pasted(lab: Lab, line: str) -> Result:
    """What a shell makes of a line up to the four blanks that separate it from words."""
    return lab.command("sh", "-c", line.partition("    ")[0].rstrip("\n"))


def with_data(lab: Lab, catalogue: str = '[datasets.d]\npath = "d"\n') -> None:
    lab.write("gitexp.toml", catalogue)
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[data]\nd = "d"\n')
    lab.write("d/a.csv", "x,y\n1,2\n3,4\n")
    lab.commit()


def test_a_check_without_a_contract_leads_to_one_that_is_written_and_kept(lab: Lab) -> None:
    with_data(lab)
    refused = lab.gitexp("data", "check", "d")
    assert fixes(refused).startswith("gitexp data describe d --write    ")
    told = pasted(lab, fixes(refused))
    assert (told.exit_code, told.stderr) == (0, "wrote contracts/d.toml and named it in gitexp.toml; commit both\n")
    assert lab.gitexp("data", "check", "d").exit_code == 0
    assert (lab.path / "gitexp.toml").read_text().startswith('[datasets.d]\npath = "d"\ncontract = "contracts/d.toml"')
    again = lab.gitexp("data", "describe", "d", "--write")
    assert (again.exit_code, "contracts/d.toml exists" in again.stderr) == (1, True)


def test_a_contract_that_is_named_and_missing_is_written_where_it_is_named(lab: Lab) -> None:
    with_data(lab, '[datasets.d]\npath = "d"\ncontract = "my contract.toml"\n')
    refused = lab.gitexp("run", "r")
    assert refused.exit_code == 3
    assert pasted(lab, fixes(refused)).exit_code == 0
    assert lab.gitexp("data", "check", "d").exit_code == 0


@pytest.mark.parametrize("kind", ["device", "fifo", "fifo in a folder", "link", "loop"])
def test_no_fix_of_a_dataset_that_has_no_bytes_removes_anything(lab: Lab, kind: str) -> None:
    with_data(lab)
    match kind:
        case "device":
            lab.write("gitexp.toml", '[datasets.d]\npath = "/dev/null"\n')
        case "fifo":
            lab.write("gitexp.toml", '[datasets.d]\npath = "pipe"\n')
            os.mkfifo(lab.path / "pipe")
        case "fifo in a folder":
            os.mkfifo(lab.path / "d/pipe")
        case "link":
            (lab.path / "d/b").symlink_to("nothing")
        case "loop":
            (lab.path / "d/b").symlink_to(".")
    for refused in (lab.gitexp("data", "check", "d"), lab.gitexp("run", "--no-verify", "r")):
        assert refused.exit_code != 0
        assert "fix:" in refused.stderr
        assert "rm " not in refused.stderr


def test_a_first_commit_is_advised_without_adding_what_lies_around(bare_world: Lab) -> None:
    bare_world.git("init", "-q")
    bare_world.write("secret.env", "x")
    refused = bare_world.gitexp("run", "--", "true")
    assert pasted(bare_world, fixes(refused)).exit_code == 0
    assert bare_world.git("ls-tree", "-r", "--name-only", "HEAD") == ""


def test_a_recipe_from_elsewhere_is_copied_by_the_line_whatever_its_name(lab: Lab, tmp_path: Path) -> None:
    with_data(lab)
    (tmp_path / "a b.toml").write_text('[run]\ncommand = ["true"]\n')
    refused = lab.gitexp("run", str(tmp_path / "a b.toml"))
    assert pasted(lab, fixes(refused)).exit_code == 0
    assert (lab.path / "recipes/a b.toml").exists()


def test_the_first_runs_of_a_command_say_what_was_not_seen_and_the_line_that_sees_it(lab: Lab) -> None:
    lab.write("t.py", "open('m.csv', 'a').write('loss\\n1\\n')\n")
    lab.commit()
    first = lab.gitexp("run", "--", "python", "t.py")
    assert "note: gitexp saw no metrics and no data of this run\n" in first.stderr
    line = "gitexp run --save m.csv --metrics m.csv -- python t.py"
    assert f"      of what it writes:  {line}\n" in first.stderr
    assert (
        "      of what it prints:  gitexp run --save m.csv --metric loss='loss (\\S+)' -- python t.py\n" in first.stderr
    )
    assert "      of what it reads:   gitexp run --save m.csv --data NAME=PATH -- python t.py\n" in first.stderr
    assert "loss 1" in pasted(lab, line).stderr  # although the first run has left m.csv lying
    assert "saw no metrics" not in lab.gitexp("run", "--no-verify", "--", "python", "t.py").stderr


def test_what_is_advised_keeps_what_was_typed_and_takes_no_dataset_for_metrics(lab: Lab) -> None:
    lab.write("touchy.sh", "touch data/pts.csv data/other/a.csv\necho >> data/pts.csv\necho >> data/other/a.csv\n")
    lab.write("data/pts.csv", "x\n1\n")
    lab.write("data/other/a.csv", "x\n1\n")
    lab.write("gitexp.toml", '[datasets.pts]\npath = "data/pts.csv"\n[datasets.other]\npath = "data/other"\n')
    lab.commit()
    result = lab.gitexp("run", "-s", "+data.pts=pts", "--seed", "3", "--", "sh", "touchy.sh")
    line = "gitexp run -s +data.pts=pts --seed 3 --metrics FILE -- sh touchy.sh"
    assert f"      of what it writes:  {line}\n" in result.stderr
    named = lab.gitexp("run", "--no-verify", "-s", '+metrics.files=["none.csv"]', "--", "true")
    assert named.exit_code == 1
    assert "saw no metrics" not in named.stderr


def test_the_first_run_of_a_recipe_that_names_no_metrics_says_so_and_where_they_belong(lab: Lab) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n')
    lab.commit()
    first = lab.gitexp("run", "r").stderr
    assert "note: gitexp saw no metrics and no data of this run\n" in first
    assert '      of what it writes:  files = ["FILE"] below [metrics] in recipes/r.toml\n' in first
    assert "saw no metrics" not in lab.gitexp("run", "r").stderr


def test_a_table_one_letter_off_is_asked_about_and_is_the_programs_own_all_the_same(lab: Lab) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[metric]\ngoal = { acc = "max" }\n[dtaa]\nx = "y"\n')
    lab.write("recipes/own.toml", '[run]\ncommand = ["true"]\n[rum]\nproof = 54\n[model]\nn = 1\n')
    lab.commit()
    said = "warning: recipes/r.toml:3: metric is taken for the program's own; did you mean metrics?\n"
    for command in ("run", "check"):
        result = lab.well(command, "r")
        assert said in result.stderr
        assert "recipes/r.toml:5: dtaa is taken for the program's own; did you mean data?" in result.stderr
        assert (
            "did you mean" not in lab.gitexp(command, "own").stderr
        )  # a recipe that has its [run] means none by [rum]


def test_a_command_without_metrics_is_not_told_so_for_ever_nor_a_failed_one(lab: Lab) -> None:
    with_data(lab)
    told = ["saw no metrics" in lab.gitexp("run", "--", "true").stderr for _ in range(4)]
    assert told == [True, True, True, False]
    assert "saw no metrics" not in lab.gitexp("run", "--", "false").stderr


def test_a_run_in_progress_is_shown_by_its_id(lab: Lab) -> None:
    lab.write(
        "t.py",
        "import gitexp, os, time\ngitexp.log(loss=0.5)\nwith open('pid', 'w') as file:\n"
        "    print(os.getpid(), file=file)\ntime.sleep(60)\n",
    )
    lab.write(".gitignore", "pid*\n")
    lab.commit()
    process = subprocess.Popen(
        [GITEXP, "run", "--", sys.executable, "t.py"], cwd=lab.path, env=lab.env, stderr=subprocess.DEVNULL
    )
    try:
        written(lab.path / "pid")
        (run,) = lab.gitexp("status", "--json").json["runs"]
        shown = lab.well("show", run["id"][:6])
        assert shown.stdout.startswith(f"run      {run['id']}  running\nrecipe   t\nsince    ")
        assert "latest   loss 0.5\n" in shown.stdout
        assert lab.gitexp("show", run["id"], "--json").json["in_progress"]["state"] == "running"
        other = lab.gitexp("get", run["id"], "--to", "out")
        assert f"Run {run['id']} (t) is running here" in other.stderr
        assert "1 run is in progress: gitexp status" in lab.gitexp("show", "latest").stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
