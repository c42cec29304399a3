"""Runs done once more from their record alone, in a working tree of their own that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest
from contract.reader import breaches
from harness import Lab, Result, at_terminal, left_behind, ran, until_over, wait_for, world, written

TRAIN = """\
import json, os, pathlib, subprocess
rows = [float(x) for x in pathlib.Path("data/rows.csv").read_text().split()]
seed = int(os.environ["GITEXP_SEED"])
with open(os.environ["GITEXP_METRICS"], "a") as file:
    for step in range(3):
        file.write(json.dumps({"step": step, "loss": sum(rows) / (step + seed)}) + "\\n")
pathlib.Path(os.environ["GITEXP_OUTPUT"], "weights.bin").write_bytes(repr(rows).encode())
print("at", subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout)
"""
RECIPE = """\
seed = 3
[run]
command = ["python", "train.py"]
[data]
rows = "./data/rows.csv"
"""


@pytest.fixture
def ready(lab: Lab) -> Lab:
    """A program with a recipe, and a dataset that git ignores."""
    lab.write("train.py", TRAIN)
    lab.write("recipes/r.toml", RECIPE)
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    return lab


def rerun(lab: Lab, *args: str) -> Result:
    """Do a run once more; nothing of it is left besides its record."""
    before = lab.state()
    done = lab.gitexp("rerun", *args)
    assert lab.state() == before
    assert left_behind(lab) == []
    return done


def test_a_run_is_done_once_more_from_its_record_wherever_the_working_tree_stands(ready: Lab) -> None:
    first = ran(ready, "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.write("train.py", "raise SystemExit('the code of today')\n")
    ready.write("recipes/r.toml", "nonsense")
    ready.commit("all is different by now")
    ready.write("train.py", "raise SystemExit('what is being typed')\n")
    done = rerun(ready, first[:8])
    assert done.exit_code == 0, done.stderr
    again = ready.toml("run.toml")
    assert (again["kind"], again["reproduces"], again["seed"]) == ("rerun", first, 3)
    assert again["argv"] == ready.toml("run.toml", original)["argv"]
    assert again["code"] == ready.toml("run.toml", original)["code"]
    for same in ("code", "recipe.toml", "data.toml", "metrics.toml", "artifacts.xxh128"):
        assert ready.git("rev-parse", f"experiments:{same}") == ready.git("rev-parse", f"{original}:{same}")
    assert f"Gitexp-Reproduces: {first}\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert "defects" not in again
    verdict = ready.toml("verdict.toml")
    assert (verdict["run"], verdict["commit"], verdict["grade"]) == (first, f"sha1:{original}", "bitwise")
    assert "Gitexp-Verdict: bitwise\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert f"reproduces {first}: bitwise, " in done.stderr
    assert breaches(ready.path) == []


def test_a_rerun_that_comes_out_otherwise_says_so_and_exits_with_1(ready: Lab) -> None:
    ready.write("train.py", TRAIN.replace("(step + seed)", "(step + seed) * float(os.environ.get('FACTOR', 1))"))
    ready.commit("a program that listens")
    first = ran(ready, "r")
    done = rerun(Lab(ready.path, {**ready.env, "FACTOR": "2"}), first)
    assert done.exit_code == 1
    assert f"does not reproduce {first}: different, " in done.stderr
    assert "inputs that differ: none that is recorded; stdin, further variables, the network and " in done.stderr
    assert rerun(ready, first).exit_code == 0


def test_a_rerun_of_a_rerun_or_of_a_retracted_run_is_done_with_a_word(ready: Lab) -> None:
    first = ran(ready, "r")
    assert "warning" not in rerun(ready, first).stderr
    assert ready.gitexp("retract", "latest", "--why", "a leak").exit_code == 0
    again = ready.gitexp("rerun", "latest", "--dry-run")
    assert " is retracted: a leak\n" in again.stderr
    assert f"is a rerun itself: a rerun of it does not count for {first}\nfix:   gitexp rerun {first}\n" in again.stderr


def test_a_failed_run_is_reproduced_when_it_fails_in_the_same_way(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "raise ValueError(os.environ.get('WORD', 'no rows'))\n")
    ready.commit("a program that fails")
    assert ready.gitexp("run", "r").exit_code == 4
    assert rerun(ready, "latest").exit_code == 0
    assert rerun(Lab(ready.path, {**ready.env, "WORD": "other"}), "latest~1").exit_code == 1


def test_a_failure_with_nothing_else_to_compare_is_told_as_that(lab: Lab) -> None:
    lab.write("train.py", "raise ValueError('no rows')\n")
    lab.write("idle.py", "")
    lab.commit("programs")
    assert lab.gitexp("run", "--", "python", "train.py").exit_code == 4
    first = lab.toml("run.toml")["id"]
    said = rerun(lab, first).stderr
    assert f"reproduces {first}: bitwise; it failed in the same way, and there was nothing else to compare\n" in said
    second = ran(lab, "--", "python", "idle.py")
    assert (
        f"says nothing of {second}: inconclusive; there was nothing to compare: no metric, "
        in rerun(lab, second).stderr
    )


def test_a_file_that_git_ignores_and_nobody_declared_is_named_when_it_is_missed(lab: Lab) -> None:
    lab.write("train.py", "print('METRIC loss=' + open('rows.txt').read())\n")
    lab.write(".gitignore", "rows.txt\n")
    lab.write("rows.txt", "1")
    lab.commit("a program")
    done = rerun(lab, ran(lab, "--", "python", "train.py"))
    assert (done.exit_code, "inputs that differ" in done.stderr) == (1, False)
    words = "gitexp run --data NAME=PATH records what a program reads"
    assert f"not there: rows.txt, which is neither code nor data of the record; {words}\n" in done.stderr


def test_data_whose_place_the_program_has_written_into_itself_is_not_said_to_be_no_data(
    ready: Lab, bob: Lab, tmp_path: Path
) -> None:
    away = tmp_path / "away.txt"
    away.write_text("1")
    ready.write("train.py", f"print('METRIC loss=' + open({str(away)!r}).read())\n")
    ready.commit("a program")
    first = pushed(ready, "--data", f"rows={away}", "--", "python", "train.py")
    away.unlink()
    assert bob.gitexp("pull").exit_code == 0
    done = rerun(bob, first, "--yes")
    assert (done.exit_code, "not there: " in done.stderr) == (1, False)
    assert f"            it lay at {away}, outside of the code, and is not there\n" in done.stderr


def test_the_plan_names_the_address_that_the_code_has_git_lfs_ask_whatever_the_record_says(ready: Lab) -> None:
    ready.git("config", "filter.lfs.smudge", "cat")
    ready.git("config", "filter.lfs.clean", "cat")
    ready.write(".gitattributes", "*.bin filter=lfs\n*.up filter=upper\n")
    ready.write(
        ".lfsconfig", '[lfs]\n\turl = http://10.0.0.1/\\t\n[remote "origin"]\n\tlfsurl = "ssh://evil.example/x\x1b"\n'
    )
    ready.write("a\x1b.bin", "x")
    ready.commit("files of git-lfs")
    first = ran(ready, "r")
    plan = rerun(ready, first, "--dry-run").stdout
    assert "            a\\u001B.bin: git-lfs fetches them\n" in plan
    address = "http://10.0.0.1/\\u0009, ssh://evil.example/x\\u001B"
    assert f"            from where the .lfsconfig of that code says: {address}\n" in plan


def test_a_rerun_is_recorded_where_a_filter_cannot_tell_what_changed(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "os.utime('a.bin', (1, 1))\n")
    ready.write(".gitattributes", "*.bin filter=lfs\n")
    ready.write("a.bin", "x")
    ready.commit("a file of git-lfs")
    first = ran(ready, "r")
    ready.git("config", "filter.lfs.smudge", "cat")
    ready.git("config", "filter.lfs.required", "true")
    done = rerun(ready, first)
    assert done.exit_code == 0, done.stderr
    words = "nobody could see whether files changed while it ran: fatal: a.bin: clean filter 'lfs' failed"
    again = ready.toml("run.toml")
    assert (again["kind"], again["defects"]) == ("rerun", [words])
    assert "edited_count" not in again["code"]


def test_a_rerun_of_what_has_gone_meanwhile_is_recorded_without_a_verdict(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "os.environ.get('GONE') and subprocess.run(os.environ['GONE'], shell=True)\n")
    ready.commit("a program")
    first = ran(ready, "r")
    commit = ready.git("rev-parse", "experiments:run.toml").strip()
    gone = f"rm {ready.path}/.git/objects/{commit[:2]}/{commit[2:]}"
    done = ready.gitexp("rerun", first, GONE=gone)
    assert done.exit_code == 1
    assert "there is no verdict, because the run that was done once more cannot be read" in done.stderr


def test_the_tree_of_a_dirty_run_is_dirty_in_the_same_way(ready: Lab) -> None:
    ready.write("helper.py", "x = 1\n")
    ready.write("train.py", TRAIN + "import helper\n")
    (ready.path / "README").unlink()
    first = ran(ready, "--no-verify", "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.git("checkout", "-q", "--", ".")
    (ready.path / "helper.py").unlink()
    done = rerun(ready, first)
    assert done.exit_code == 0, done.stderr
    again = ready.toml("run.toml")
    assert again["code"] == ready.toml("run.toml", original)["code"]
    assert ready.git("rev-parse", "experiments:code") == ready.git("rev-parse", f"{original}:code")
    assert "-dirty" in ready.show("experiments:output.log")


WHOLE = """\
import pathlib, sys
source, out = sys.argv[1].removeprefix("--in="), pathlib.Path(sys.argv[2])
print(f"METRIC loss={pathlib.Path(source).read_text().strip()}")
out.parent.mkdir(exist_ok=True)
out.write_text("from now on")
"""


def test_absolute_paths_into_the_code_lead_into_the_new_working_tree(lab: Lab, tmp_path: Path) -> None:
    lab.write("train.py", WHOLE)
    lab.write("loss.txt", "0.5")
    lab.write(".gitignore", "out/\n")
    lab.commit("a program")
    (tmp_path / "link").symlink_to(lab.path)
    ran(lab, "--", "python", f"{lab.path}/train.py", f"--in={tmp_path}/link/loss.txt", f"{lab.path}/out/model")
    lab.write("train.py", "raise SystemExit('the code of today')\n")
    lab.write("loss.txt", "0.25")
    lab.write("out/model", "what the original wrote")
    for words in ("rerun", "rerun of a rerun"):
        done = rerun(lab, "latest")
        assert done.exit_code == 0, f"{words}: {done.stderr}"
        assert f"  moved     {lab.path}/train.py, to the new working tree\n" in done.stderr
        again = lab.toml("run.toml")
        root = again["root"]
        assert again["argv"] == ["python", f"{root}/train.py", f"--in={root}/loss.txt", f"{root}/out/model"]
        assert lab.git("rev-parse", "experiments:recipe.toml") == lab.git("rev-parse", "experiments~1:recipe.toml")
    assert (lab.path / "out/model").read_text() == "what the original wrote"
    assert lab.gitexp("verify", "--all").exit_code == 0


def test_absolute_paths_into_the_code_of_another_lab_lead_into_the_new_working_tree(ready: Lab, bob: Lab) -> None:
    ready.write("train.py", WHOLE)
    ready.write("loss.txt", "0.5")
    ready.write(".gitignore", "out/\n")
    ready.commit("a program")
    first = pushed(ready, "--", "python", f"{ready.path}/train.py", f"{ready.path}/loss.txt", f"{ready.path}/out/model")
    ready.write("loss.txt", "0.25")
    assert bob.gitexp("pull").exit_code == 0
    done = rerun(bob, first, "--yes")
    assert done.exit_code == 0, done.stderr
    assert f"python {bob.path}/.git/gitexp/runs/" in done.stderr


def test_a_script_that_was_started_by_its_whole_path_is_the_recorded_one_and_its_interpreter_stays(lab: Lab) -> None:
    (lab.path / ".venv/bin").mkdir(parents=True)
    (lab.path / ".venv/bin/python").symlink_to(sys.executable)
    lab.write("train.sh", f"#!/bin/sh\n{lab.path}/.venv/bin/python -c \"print('METRIC loss=0.5')\"\n").chmod(0o755)
    lab.write(".gitignore", ".venv/\n")
    lab.commit("a program")
    first = ran(lab, "--", f"{lab.path}/train.sh")
    other = ran(lab, "--", "env", f"{lab.path}/.venv/bin/python", "-c", "print('METRIC loss=0.5')")
    lab.write("train.sh", "#!/bin/sh\nexit 5\n").chmod(0o755)
    assert rerun(lab, first).exit_code == 0
    done = rerun(lab, other)
    assert (done.exit_code, "  moved " in done.stderr) == (0, False), done.stderr


def test_paths_that_lead_out_of_the_code_are_named_before_it_starts(lab: Lab, tmp_path: Path) -> None:
    lab.write("train.sh", "echo METRIC loss=0.5 >$1; cat $1\n")
    lab.commit("a program")
    first = ran(lab, "--", "sh", "train.sh", f"{tmp_path}/written")
    line = f"  outside   {tmp_path}/written: used where it is, and no part of the record\n"
    assert line in rerun(lab, first, "--dry-run").stdout


def test_a_script_outside_of_the_code_is_never_said_to_be_the_same_to_the_bit(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('METRIC loss=0.5')\n")
    first = ran(lab, "--", "python", f"{tmp_path}/train.py")
    done = rerun(lab, first)
    assert done.exit_code == 0, done.stderr
    verdict = lab.toml("verdict.toml")
    words = f"whether {tmp_path}/train.py is the same: it lies outside of the code, and no record holds it"
    assert (verdict["grade"], verdict["missing"]) == ("tolerance", [words])
    assert lab.gitexp("verify", "--all").exit_code == 0


# ---- another lab: consent, and data


@pytest.fixture
def bob(ready: Lab, hub: Lab, tmp_path: Path) -> Lab:
    """Another person with a clone of what `ready` pushed, a HOME and an object store of their own."""
    ready.git("remote", "add", "origin", str(hub.path))
    (tmp_path / "shared").mkdir()
    with (ready.path / "gitexp.toml").open("a") as file:
        file.write(f'[remotes.shared]\nurl = "{tmp_path / "shared"}"\n')
    ready.commit("a remote for bytes")
    ready.approve()
    ready.git("push", "-q", "origin", "main")
    env = world(tmp_path / "bob")
    path = tmp_path / "clone"
    Lab(tmp_path, env).git("clone", "-q", str(hub.path), str(path))
    lab = Lab(path, env)
    lab.git("config", "user.name", "Bob")
    lab.approve()
    assert lab.gitexp("init").exit_code == 0
    return lab


def pushed(lab: Lab, *args: str) -> str:
    """Record a run, and push it with its bytes; its id."""
    first = ran(lab, *args)
    done = lab.gitexp("push")
    assert done.exit_code == 0, done.stderr
    return first


def test_another_lab_reruns_with_the_data_of_a_remote_and_the_verdict_comes_back(ready: Lab, bob: Lab) -> None:
    first = pushed(ready, "r")
    assert bob.gitexp("pull").exit_code == 0
    planned = bob.gitexp("rerun", first, "--dry-run")
    assert planned.exit_code == 0, planned.stderr
    assert "data      rows (1 file, 4 bytes): 1 object (4 bytes) from remote shared" in planned.stdout
    # The code is in Bob's own branch, and the recipe is the one there; the bytes are not known to him.
    assert "It would be asked for: Its data would be whatever that record says, and nothing here pins it: rows.\n" in (
        planned.stdout
    )
    assert left_behind(bob) == []
    assert rerun(bob, first).exit_code == 3
    done = rerun(bob, first, "--yes")
    assert done.exit_code == 0, done.stderr
    assert bob.gitexp("push").exit_code == 0
    assert ready.gitexp("pull").exit_code == 0
    assert ready.toml("verdict.toml")["grade"] == "bitwise"
    assert ready.toml("run.toml")["user"] != "" and "Bob" in ready.git("log", "-1", "--format=%an", "experiments")


def test_data_that_nobody_has_is_named_before_anything_starts(ready: Lab, bob: Lab) -> None:
    first = ran(ready, "r")
    ready.git("push", "-q", "--no-verify", "origin", "experiments")
    assert bob.gitexp("pull").exit_code == 0
    for words in (("--dry-run",), ()):
        done = rerun(bob, first, *words)
        assert done.exit_code == 3
        digest = ready.toml("data.toml")["rows"]["digest"]
        assert "1 object of the data is nowhere to be had; nothing ran" in done.stderr
        assert f"last seen:\n  rows: data/rows.csv on {os.uname().nodename}, when run {first}" in done.stderr
        assert "recorded by Ada <ada@example.org>" in done.stderr
        assert "in the object store and remote shared" in done.stderr
        assert "  rows.csv\n" in done.stderr and digest.startswith("xxh128:")
        told = f"r {first} cannot run as things are; nothing ran\n" in done.stdout
        assert (told, "1 file, 4 bytes): nowhere to be had" in done.stdout) == (bool(words), bool(words)), done.stdout
    assert len(bob.runs()) == 1


def test_what_is_not_known_here_runs_only_after_a_yes(ready: Lab, bob: Lab) -> None:
    ready.write("made.sh", "touch $HOME/ran\n")
    first = pushed(ready, "--no-verify", "--", "sh", "made.sh")
    assert bob.gitexp("pull").exit_code == 0
    refused = rerun(bob, first)
    assert refused.exit_code == 3
    assert f"Run {first} was recorded by Ada <ada@example.org>, not in this clone. It would run" in refused.stderr
    assert "program   sh made.sh" in refused.stderr
    assert "Its code is in no branch of this clone" in refused.stderr
    assert f"fix:   gitexp rerun {first} --yes" in refused.stderr
    ran_there = Path(bob.env["HOME"]) / "ran"
    assert not ran_there.exists()
    done = rerun(bob, first, "--yes")
    assert ran_there.exists()
    assert done.exit_code == 1  # nothing to compare is no pass
    assert "says nothing of" in done.stderr


def test_which_further_variables_are_recorded_is_for_whoever_reruns_to_say(ready: Lab, bob: Lab) -> None:
    ready.write("gitexp.toml", '[policy]\nvariables = ["LAB_SITE", "HOME_PAGE"]\n')
    ready.commit("curious")
    ready.env["LAB_SITE"] = "b"
    first = pushed(ready, "--", "sh", "-c", "echo 1")
    assert bob.gitexp("pull").exit_code == 0
    bob.write("gitexp.toml", '[policy]\nvariables = ["BOBS"]\n')
    asked = Lab(bob.path, {**bob.env, "LAB_SITE": "b", "HOME_PAGE": "x", "BOBS": "y"})
    assert "differs   variable LAB_SITE b → unknown" in asked.gitexp("rerun", first, "--dry-run").stdout
    rerun(asked, first, "--yes")
    assert bob.toml("environment.toml")["variables"] == {"BOBS": "y"}
    inputs = bob.toml("verdict.toml")["inputs"]
    assert ("LAB_SITE", "b", "unknown") in [(one["name"], one.get("original"), one.get("rerun")) for one in inputs]


def test_a_recipe_that_a_record_changes_by_more_than_numbers_is_asked_for(ready: Lab, bob: Lab) -> None:
    ready.write("recipes/r.toml", RECIPE + '[model]\nname = "a"\nlr = 0.5\n')
    ready.write(".gitignore", "")
    ready.commit("settings, and data in git")
    ready.git("push", "-q", "origin", "main")
    numbers = pushed(ready, "r", "-s", "model.lr=0.25")
    words = pushed(ready, "r", "-s", "model.name=b")
    command = pushed(ready, "r", "-s", 'run.command=["python", "train.py", "more"]')
    bare = pushed(ready, "--data", "rows=data/rows.csv", "--seed", "3", "--", "python", "train.py")
    bob.git("pull", "-q", "--ff-only")
    assert bob.gitexp("pull").exit_code == 0
    assert rerun(bob, numbers).exit_code == 0
    for run, why in (
        (words, "sets what the recipe in its code does not: model.name."),
        (command, "sets what the recipe in its code does not: run.command."),
        (bare, "Its command is whatever that record says."),
    ):
        assert why in rerun(bob, run).stderr
        assert rerun(bob, run, "--yes").exit_code == 0


def test_where_data_lies_is_what_the_recipe_says_whatever_data_toml_does(ready: Lab) -> None:
    first = ran(ready, "r")
    hostile = ready.show("experiments:data.toml").replace("data/rows.csv", "train.py")
    assert "train.py" in hostile
    blob = ready.git("hash-object", "-w", "--stdin", feed=hostile).strip()
    listing = "".join(
        line.replace(line.split()[2], blob) if line.endswith("\tdata.toml\n") else line
        for line in ready.git("ls-tree", "experiments").splitlines(keepends=True)
    )
    tree = ready.git("mktree", feed=listing).strip()
    message = ready.git("log", "-1", "--format=%B", "experiments")
    other = ready.git("commit-tree", tree, "-p", "experiments~1", feed=message).strip()
    ready.git("update-ref", "refs/heads/experiments", other)
    done = rerun(ready, first, "--yes")
    assert done.exit_code == 0, done.stderr
    assert 'path = "data/rows.csv"' in ready.show("experiments:data.toml")
    assert "edited" not in ready.toml("run.toml")["code"]


def test_gits_own_variables_would_send_it_elsewhere_so_they_are_refused(ready: Lab) -> None:
    first = ran(ready, "r")
    index = (ready.path / ".git" / "index").read_bytes()
    done = ready.gitexp("rerun", first, GIT_INDEX_FILE=f"{ready.path}/.git/index", GIT_DIR=f"{ready.path}/.git")
    assert done.exit_code == 3
    assert "fix:   unset GIT_DIR GIT_INDEX_FILE " in done.stderr
    assert (ready.path / ".git" / "index").read_bytes() == index


def test_a_history_of_which_a_record_has_a_sample_is_compared_whole(ready: Lab, bob: Lab) -> None:
    config = (ready.path / "gitexp.toml").read_text()
    ready.write("gitexp.toml", config.replace("[policy]\n", '[policy]\nhistory_limit = "1kB"\n', 1))
    ready.write("train.py", TRAIN.replace("range(3)", "range(2000)"))
    ready.commit("a long history")
    ready.git("push", "-q", "origin", "main")
    first = pushed(ready, "r")
    bob.git("pull", "-q", "--ff-only")
    assert bob.gitexp("pull").exit_code == 0
    done = rerun(bob, first, "--yes")
    assert done.exit_code == 0, done.stderr
    assert bob.toml("verdict.toml")["compared"]["values"] == 2000


def test_a_rerun_does_not_go_on_but_is_done_again(ready: Lab) -> None:
    first = ran(ready, "r")
    assert rerun(ready, first).exit_code == 0
    done = ready.gitexp("resume", "latest")
    assert done.exit_code == 3
    assert f"fix:   gitexp rerun {first}" in done.stderr


def test_a_question_at_a_terminal_takes_a_no(ready: Lab, bob: Lab) -> None:
    first = pushed(ready, "--data", "rows=data/rows.csv", "--seed", "3", "--", "python", "train.py")
    assert bob.gitexp("pull").exit_code == 0
    with at_terminal(bob, "rerun", first) as asked:
        asked.expect("Run it?")
        asked.sendline("n")
        asked.expect("Nothing was done")
        asked.expect(pexpect.EOF)
    assert left_behind(bob) == []


def reads_from(lab: Lab, data: Path, file: str = "") -> None:
    """Let the recipe read data that lies here, or a file of it."""
    lab.write("train.py", TRAIN.replace('"data/rows.csv"', '__import__("sys").argv[1]'))
    command = f'command = ["python", "train.py", "{{data.rows}}{file}"]\n[data]\nrows = "{data}"\n'
    lab.write("recipes/r.toml", f"seed = 3\n[run]\n{command}")
    lab.commit("data elsewhere")


def test_data_outside_of_the_repository_is_used_there_where_its_digest_agrees(ready: Lab, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "rows.csv").write_text("1\n2\n")
    reads_from(ready, away / "rows.csv")
    first = ran(ready, "r")
    original = ready.git("rev-parse", "experiments").strip()
    assert f"from {away}/rows.csv" in ready.gitexp("rerun", first, "--dry-run").stdout
    assert rerun(ready, first).exit_code == 0
    assert ready.toml("run.toml")["argv"] == ready.toml("run.toml", original)["argv"]
    (away / "rows.csv").write_text("3\n")
    assert "nowhere to be had" in rerun(ready, first).stderr


COUNT = "import pathlib, sys; print(f'METRIC sum={sum(map(float, pathlib.Path(sys.argv[1]).read_text().split()))}')\n"


def test_a_command_is_told_where_its_data_lies_this_time(ready: Lab, bob: Lab, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away/rows.csv").write_text("1\n2\n")
    ready.write("count.py", COUNT)
    ready.commit("a program")
    firsts = [
        ran(ready, "--data", f"rows={place}", "--", "python", "count.py", f"{place}/rows.csv")
        for place in ("../away", f"{tmp_path}/away")
    ]
    assert ready.gitexp("push").exit_code == 0
    done = rerun(ready, firsts[0])
    assert done.exit_code == 0, done.stderr
    assert f"  moved     ../away/rows.csv, to {tmp_path}/away/rows.csv\n" in done.stderr
    (tmp_path / "away").rename(tmp_path / "gone")
    assert bob.gitexp("pull").exit_code == 0
    for first in firsts:
        done = rerun(bob, first, "--yes")
        assert done.exit_code == 0, done.stderr
        digits = bob.toml("data.toml")["rows"]["digest"].rpartition(":")[2]
        assert bob.toml("run.toml")["argv"][2] == f"{bob.path}/.git/gitexp/data/{digits}/rows.csv"
        assert f"program   python count.py {bob.path}/.git/gitexp/data/{digits}/rows.csv\n" in done.stderr
    assert bob.gitexp("verify", "--all").exit_code == 0


def test_what_cannot_be_read_where_the_data_lay_is_another_version_of_it(ready: Lab, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.write_text("1\n2\n")
    reads_from(ready, away)
    first = ran(ready, "r")
    away.unlink()
    os.mkfifo(away)
    done = rerun(ready, first, "--dry-run")
    assert "1 object of the data is nowhere to be had" in done.stderr


def test_what_lies_where_a_strangers_recipe_says_is_read_before_a_yes_only_where_it_is_as_large(
    ready: Lab, bob: Lab, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "rows.csv").write_text("1\n2\n")
    reads_from(ready, away, "/rows.csv")
    first = pushed(ready, "r")
    assert bob.gitexp("pull").exit_code == 0
    assert f"from {away}\n" in bob.gitexp("rerun", first, "--dry-run").stdout
    (away / "rows.csv").write_text("1\n3\n")
    assert "1 object (4 bytes) from remote shared" in bob.gitexp("rerun", first, "--dry-run").stdout
    with (away / "rows.csv").open("wb") as file:
        file.truncate(1 << 42)  # nobody reads it in an hour
    assert "1 object (4 bytes) from remote shared" in bob.gitexp("rerun", first, "--dry-run").stdout
    (away / "rows.csv").write_text("1\n2\n")
    (away / "more.csv").touch()
    assert "1 object (4 bytes) from remote shared" in bob.gitexp("rerun", first, "--dry-run").stdout


def test_data_that_the_code_holds_is_taken_from_there(ready: Lab) -> None:
    ready.write(".gitignore", "")
    ready.commit("data in git")
    first = ran(ready, "r")
    ready.write("data/rows.csv", "7\n")
    ready.commit("other data by now")
    assert "data      rows (1 file, 4 bytes): part of the code" in ready.gitexp("rerun", first, "--dry-run").stdout
    assert rerun(ready, first).exit_code == 0


# ---- kills


HELD = """
mark, wait = os.environ.get("MARK"), os.environ.get("WAIT")
if mark:
    pathlib.Path(mark).write_text(f"{os.getppid()} {os.getpid()}\\n")
    while os.path.exists(wait):
        __import__("time").sleep(0.02)
"""
HOOK = """#!/bin/sh
[ "$1" = "$HOLD" ] && grep -q refs/heads/experiments || exit 0
echo $$ >../mark; while [ -e ../wait ]; do sleep 0.02; done
exit 0
"""


class Held(NamedTuple):
    """A rerun that is kept from going on at some point."""

    process: subprocess.Popen[str]
    pids: list[int]  # of the worker and the program, or of a git process
    wait: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def go_on(self) -> None:
        self.wait.unlink()


@pytest.fixture
def long(ready: Lab) -> Lab:
    """A recorded run of a program that can be kept waiting."""
    ready.write("train.py", TRAIN + HELD)
    ready.write(".gitattributes", "*.slow filter=slow\n")
    ready.write("a.slow", "slow\n")
    ready.commit("a program that waits")
    ran(ready, "r")
    return ready


def held(lab: Lab, **env: str) -> Held:
    """A rerun that waits where the environment says that it is to."""
    mark, wait = lab.path.parent / "mark", lab.write("../wait", "")
    where = env or {"MARK": str(mark), "WAIT": str(wait)}
    process = Lab(lab.path, {**lab.env, **where}).start("rerun", "latest")
    return Held(process, written(mark), wait)


def laid_out_slowly(lab: Lab) -> Held:
    """Held while its working tree is laid out, by a git that goes on when gitexp is killed."""
    mark, wait = lab.path.parent / "mark", lab.path.parent / "wait"
    script = f"echo $$ >{mark}; while [ -e {wait} ]; do sleep 0.02; done; cat"
    lab.git("config", "filter.slow.smudge", script)
    return held(lab, NOTHING="")


def until_all_is_over(lab: Lab, going: Held) -> None:
    wait_for(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in going.pids))
    until_over(lab)


@pytest.mark.long
def test_killed_while_its_tree_is_laid_out_nothing_is_left_once_git_is_through(long: Lab) -> None:
    before = long.state()
    going = laid_out_slowly(long)
    going.kill()
    assert long.gitexp("status").exit_code == 0  # git still writes there
    assert len(left_behind(long)) == 2
    going.go_on()
    wait_for(lambda: long.gitexp("status").exit_code == 0 and left_behind(long) == [])
    assert len(long.runs()) == 1
    assert long.state() == before


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_its_tree_is_laid_out_nothing_is_left(long: Lab, number: int) -> None:
    going = laid_out_slowly(long)
    going.process.send_signal(number)
    going.go_on()
    going.process.communicate(timeout=20)
    assert going.process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert left_behind(long) == []
    assert len(long.runs()) == 1


@pytest.mark.long
def test_killed_while_its_program_runs_it_is_recorded_by_the_next_command(long: Lab) -> None:
    going = held(long)
    going.kill()
    assert [run["state"] for run in long.gitexp("status", "--json").json["runs"]] == ["running"]
    going.go_on()
    until_all_is_over(long, going)
    assert "recorded r " in long.gitexp("status").stderr
    assert left_behind(long) == []
    assert [long.toml("run.toml")["kind"], len(long.runs())] == ["rerun", 2]
    assert long.toml("verdict.toml")["grade"] == "bitwise"
    assert breaches(long.path) == []


@pytest.mark.long
def test_with_its_worker_killed_the_rerun_has_failed_and_nothing_is_left(long: Lab) -> None:
    going = held(long)
    os.kill(going.pids[0], signal.SIGKILL)
    going.process.communicate(timeout=30)
    assert going.process.returncode == 1
    assert left_behind(long) == []
    assert long.toml("verdict.toml")["grade"] == "failed"


@pytest.mark.long
def test_with_command_worker_and_program_killed_what_there_is_is_recorded_once(long: Lab) -> None:
    going = held(long)
    going.kill()
    for pid in going.pids:
        os.kill(pid, signal.SIGKILL)
    until_all_is_over(long, going)
    assert "recorded r " in long.gitexp("status").stderr
    assert left_behind(long) == []
    assert [long.toml("run.toml")["status"], long.toml("run.toml")["kind"], len(long.runs())] == ["crashed", "rerun", 2]
    assert "recorded" not in long.gitexp("log").stderr


@pytest.mark.long
@pytest.mark.parametrize("when", ["prepared", "committed"])
def test_killed_while_it_is_recorded_it_is_recorded_once(long: Lab, when: str) -> None:
    hook = long.write(".git/hooks/reference-transaction", HOOK)
    hook.chmod(0o755)
    going = held(long, HOLD=when)
    going.kill()
    going.go_on()
    until_all_is_over(long, going)
    wait_for(lambda: long.gitexp("status").exit_code == 0 and left_behind(long) == [])
    assert len(long.runs()) == 2
    assert breaches(long.path) == []


@pytest.mark.long
def test_torn_by_a_power_cut_it_is_put_aside_without_an_entry_in_git(long: Lab) -> None:
    going = held(long)
    going.kill()
    for pid in going.pids:
        os.kill(pid, signal.SIGKILL)
    until_all_is_over(long, going)
    [submitted] = (long.path / ".git" / "gitexp" / "runs").glob("*/submit.json")
    submitted.write_text("")
    assert "cannot be recorded" in long.gitexp("status").stderr
    assert left_behind(long) == []


@pytest.mark.long
def test_ctrl_c_is_recorded_and_leaves_nothing(long: Lab) -> None:
    going = held(long)
    going.process.send_signal(signal.SIGINT)
    going.process.communicate(timeout=20)
    assert going.process.returncode == 130
    assert left_behind(long) == []
    assert long.toml("run.toml")["status"] == "interrupted"


@pytest.mark.long
def test_two_reruns_of_a_run_at_once_do_not_disturb_each_other(long: Lab) -> None:
    processes = [long.start("rerun", "latest") for _ in range(2)]
    for process in processes:
        _, words = process.communicate(timeout=60)
        assert process.returncode == 0, words
    assert left_behind(long) == []
    assert len(long.runs()) == 3
    assert all("defects" not in long.toml("run.toml", commit) for commit in long.runs())
