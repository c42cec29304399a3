"""Kills, removed folders and disks that take no more: nothing is lost, and no traceback meets the user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import Lab, abandoned, until_over, wait_for

pytestmark = pytest.mark.long


def started(lab: Lab, script: str) -> tuple[subprocess.Popen[str], int]:
    """A run whose program has printed its parent's process id, the worker's."""
    process = lab.start("run", "--", "sh", "-c", f"echo $PPID; {script}")
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_run_whose_gitexp_and_worker_were_killed_is_recorded_when_its_program_is_over(lab: Lab) -> None:
    wait = lab.write("../wait", "")
    script = 'while [ -e ../wait ]; do sleep 0.05; done; echo \'{"loss": 0.5}\' >> "$GITEXP_METRICS"'
    process, worker = started(lab, script)
    process.kill()
    os.kill(worker, signal.SIGKILL)
    process.communicate()
    assert [run["state"] for run in lab.gitexp("status", "--json").json["runs"]] == ["unattended"]
    assert lab.runs() == []
    wait.unlink()
    until_over(lab)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert len(lab.runs()) == 1
    run = lab.toml("run.toml")
    assert (run["status"], run["finished_is_last_sign"]) == ("crashed", True)
    assert lab.show("experiments:metrics.toml") == '"loss" = 0.5\n'


def test_secrets_stay_out_of_a_record_that_another_shell_makes(lab: Lab) -> None:
    secretive = Lab(lab.path, {**lab.env, "MY_API_TOKEN": "tr0ub4dor-and-three"})
    said = abandoned(secretive, "--", "sh", "-c", "echo key $MY_API_TOKEN; sleep 0.3")
    assert said == "key tr0ub4dor-and-three\n"
    [noted] = (lab.path / ".git" / "gitexp" / "runs").glob("*/secrets.json")
    assert noted.stat().st_mode & 0o777 == 0o600
    until_over(lab)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert lab.show("experiments:output.log") == "key [redacted:variable]\n"
    assert not noted.exists()


def test_a_program_whose_worker_was_killed_is_stopped_and_may_finish(lab: Lab) -> None:
    process, worker = started(lab, "trap 'echo {\\\"saved\\\":1} >> $GITEXP_METRICS; exit' TERM; sleep 30 & wait")
    os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == 4
    assert lab.toml("run.toml")["status"] == "crashed"
    assert lab.show("experiments:metrics.toml") == '"saved" = 1\n'


def test_a_run_that_cannot_be_laid_out_is_refused_and_nothing_runs(lab: Lab) -> None:
    (lab.path / ".git" / "gitexp").write_text("in the way")
    result = lab.gitexp("run", "--", "touch", "made")
    assert result.exit_code == 3
    assert "There is no place for the record of touch" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (lab.path / "made").exists()


def test_a_program_that_cannot_be_written_down_is_not_started(lab: Lab) -> None:
    result = lab.command("sh", "-c", "ulimit -f 8; exec gitexp run -- touch made")  # no file beyond 4 KiB: a full disk
    assert result.exit_code == 3
    assert "nothing ran" in result.stderr
    assert "File too large" in result.stderr
    assert not (lab.path / "made").exists()
    assert list((lab.path / ".git" / "gitexp" / "runs").iterdir()) == []


def test_a_run_that_git_could_not_store_says_that_it_waits(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", "mv .git/objects .git/away; touch .git/objects")
    (lab.path / ".git" / "objects").unlink()
    (lab.path / ".git" / "away").rename(lab.path / ".git" / "objects")
    assert result.exit_code == 1
    assert "error: The run has ended but could not be recorded: git " in result.stderr
    assert "Nothing is lost" in result.stderr
    assert "recorded sh" in lab.gitexp("status").stderr


def test_a_lock_that_nobody_lets_go_costs_a_reading_command_one_short_wait(lab: Lab) -> None:
    (lab.path / ".git" / "refs" / "heads" / "experiments.lock").touch()
    for _ in range(3):
        process, _ = started(lab, "exit 0")
        process.kill()
        process.communicate()
    until_over(lab)
    began = time.monotonic()
    [first, *_] = [lab.gitexp("status").stderr, lab.gitexp("log").stderr]
    assert time.monotonic() - began < 8
    assert first.count("could not be recorded: experiments could not be moved for 1.5 s") == 1
    [tried, *_] = (lab.path / ".git" / "gitexp" / "runs").glob("*/tried")
    assert len(tried.read_text().split()) == len(set(tried.read_text().split()))
    (lab.path / ".git" / "refs" / "heads" / "experiments.lock").unlink()
    assert lab.gitexp("status").stderr.count("recorded sh") == 3


def test_a_lock_that_was_left_behind_is_named_and_nobody_waits_for_it(lab: Lab) -> None:
    lock = lab.path / ".git" / "refs" / "heads" / "experiments.lock"
    result = lab.gitexp("run", "--", "touch", "-d", "1 hour ago", str(lock))
    assert result.exit_code == 1
    assert f"could not be recorded: Unable to create '{lock}': File exists\n" in result.stderr
    assert f"fix:   rm {lock}    # once no git is at work in this repository\n       gitexp status\n" in result.stderr
    assert "make room" not in result.stderr
    assert f"Unable to create '{lock}': File exists" in lab.gitexp("status").stderr
    refused = lab.gitexp("run", "--", "touch", "made")
    assert (refused.exit_code, str(lock) in refused.stderr) == (3, True)
    assert not (lab.path / "made").exists()
    lock.unlink()
    assert "recorded touch" in lab.gitexp("status").stderr


def test_a_branch_that_somebody_holds_keeps_only_its_own_runs_waiting(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    lab.git("config", "gitexp.branch", "held")
    assert lab.gitexp("init").exit_code == 0
    lock = lab.path / ".git" / "refs" / "heads" / "held.lock"
    for branch in ("held", "held", "experiments"):
        lab.git("config", "gitexp.branch", branch)
        process, _ = started(lab, "exit 0")
        process.kill()
        process.communicate()
    lock.touch()
    os.utime(lock, (1_700_000_000, 1_700_000_000))
    until_over(lab)
    said = lab.gitexp("status").stderr
    assert said.count("warning: ") == 1
    assert f"2 runs wait in {lab.path / '.git' / 'gitexp' / 'runs'} and could not be recorded: Unable to" in said
    assert said.count("recorded sh ") == 1
    assert len(lab.runs()) == 2
    lock.unlink()
    assert lab.gitexp("status").stderr.count("recorded sh ") == 2


def test_a_run_whose_branch_cannot_be_made_any_more_goes_where_runs_go_by_now(lab: Lab) -> None:
    lab.git("config", "gitexp.branch", "trials")
    result = lab.gitexp("run", "--", "git", "branch", "trials/mine")
    assert result.exit_code == 1
    assert "There cannot be a branch trials here, because there is trials/mine" in result.stderr
    assert "fix:   git config gitexp.branch ANOTHER-NAME && gitexp init\n       gitexp status\n" in result.stderr
    warned = lab.gitexp("status").stderr
    assert warned.count("There cannot be a branch trials here") == 1
    lab.git("config", "gitexp.branch", "experiments")
    assert "recorded git" in lab.gitexp("status").stderr
    assert len(lab.runs()) == 1


def test_a_run_that_cannot_be_recorded_now_waits_and_is_recorded_later(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", 'mkdir "${GITEXP_METRICS%/*}/after.json"')
    assert result.exit_code == 1
    assert "The run has ended but could not be recorded" in result.stderr
    assert "gitexp status" in result.stderr
    assert "Traceback" not in result.stderr
    [folder] = (lab.path / ".git" / "gitexp" / "runs").iterdir()
    (folder / "after.json").rmdir()
    assert "recorded sh" in lab.gitexp("status").stderr
    assert lab.toml("run.toml")["status"] == "completed"


def test_a_run_whose_folder_was_removed_says_so(lab: Lab) -> None:
    # Again and again: the worker may just be writing there what it learned of the environment.
    script = 'while [ -e "${GITEXP_METRICS%/*}" ]; do rm -rf "${GITEXP_METRICS%/*}"; done'
    result = lab.gitexp("run", "--", "sh", "-c", script)
    assert result.exit_code == 1
    assert "somebody removed its folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_from_a_folder_that_is_gone_there_is_one_clear_error(lab: Lab) -> None:
    result = lab.command("sh", "-c", "mkdir gone && cd gone && rmdir ../gone && gitexp run -- true")
    assert result.exit_code == 1
    assert result.stderr == "error: The folder that this shell is in does not exist any more\nfix:   cd DIR\n"


LONG = """[policy]\nhistory_limit = "1KiB"\n"""
LOGS = 'i=0; while [ $i -lt 200 ]; do echo \'{"loss": 0.5}\'; i=$((i + 1)); done >> "$GITEXP_METRICS"'


def left_over(lab: Lab) -> Path:
    """The folder of a run with a long history, whose program has ended and whose gitexp and worker were killed."""
    lab.write("gitexp.toml", LONG)
    lab.commit("a short limit")
    process, worker = started(lab, f"sleep 0.3; {LOGS}")
    process.kill()
    os.kill(worker, signal.SIGKILL)
    process.communicate()
    until_over(lab)
    [folder] = (lab.path / ".git" / "gitexp" / "runs").iterdir()
    return folder


def test_a_crashed_run_with_a_long_history_ended_when_it_last_showed_life(lab: Lab) -> None:
    folder = left_over(lab)
    for path in folder.iterdir():
        os.utime(path, (2_000_000_000, 2_000_000_000))
    assert "recorded sh" in lab.gitexp("status").stderr
    run = lab.toml("run.toml")
    assert run["history"]["rows"] == 200
    assert run["finished"].isoformat() == "2033-05-18T03:33:20+00:00"


def test_a_crashed_run_never_ended_before_it_started(lab: Lab) -> None:
    for path in left_over(lab).iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))  # as by a clock that was set, or ticks slowly
    assert "recorded sh" in lab.gitexp("status").stderr
    run = lab.toml("run.toml")
    assert run["finished"] == run["started"]


def test_a_long_history_that_is_stored_already_is_not_written_to_again(lab: Lab) -> None:
    submit = left_over(lab) / "submit.json"
    whole = submit.read_text()
    tree = json.loads(whole)["code_tree"]
    submit.write_text(whole.replace(tree, "f" * len(tree)))  # what must fail only after the history was stored
    assert "could not be recorded" in lab.gitexp("status").stderr
    [stored] = [path for path in (lab.path / ".git" / "gitexp" / "objects").rglob("*") if path.is_file()]
    before = stored.stat().st_mtime_ns
    submit.write_text(whole)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert stored.stat().st_mtime_ns == before
    assert len(lab.runs()) == 1


def test_what_is_no_run_among_the_runs_in_progress_is_in_nobodys_way(lab: Lab) -> None:
    stray = lab.write(".git/gitexp/runs/stray", "")
    result = lab.well("status")
    assert f"warning: a run waits in {stray} and could not be recorded: [Errno 20] Not a directory" in result.stderr


def test_a_run_folder_whose_maker_was_killed_goes_after_a_while(lab: Lab) -> None:
    half = lab.path / ".git" / "gitexp" / "runs" / ".new-kkkkllllmmmmnnnn"
    (half / "saved").mkdir(parents=True)
    assert lab.gitexp("status").exit_code == 0
    assert half.exists()
    os.utime(half, (1_700_000_000, 1_700_000_000))
    assert lab.gitexp("status").exit_code == 0
    assert not half.exists()


def test_a_program_is_found_although_some_folders_on_the_path_cannot_be_looked_into(lab: Lab) -> None:
    lab.well("run", "--", "true", PATH=f"/{'x' * 300}:{lab.env['PATH']}")


def test_a_dataset_with_an_impossible_path_is_refused(lab: Lab) -> None:
    lab.write("recipes/r.toml", f'[run]\ncommand = ["true"]\n[data]\nd = "{"x" * 300}"\n')
    lab.commit("a recipe")
    result = lab.gitexp("run", "r")
    assert result.exit_code == 3
    assert "error: Dataset d: " in result.stderr
    assert "Traceback" not in result.stderr


KILLED_WHILE_IT_REMOVES_ITS_FOLDER = """
import os, signal, sys
begun, removed = [], []
def watch(event, args):
    if event == "os.listdir" and type(args[0]) is int:
        begun.append(args)
    if event == "os.remove" and begun:
        removed.append(args)
        if len(removed) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""


def test_a_recorded_run_whose_folder_is_half_removed_does_not_pass_for_one_that_waits(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLED_WHILE_IT_REMOVES_ITS_FOLDER)
    result = lab.gitexp("run", "--", "true", PYTHONPATH=str(tmp_path / "site"))
    assert result.exit_code == -9
    assert len(lab.runs()) == 1
    assert [path.name[0] for path in (lab.path / ".git" / "gitexp" / "runs").iterdir()] == ["."]


@pytest.mark.parametrize(
    "rule", ["openat:error=ENOSPC:when=1+", "rename:error=EROFS:when=1+", "close:error=EIO:when=1+"]
)
def test_what_no_disk_takes_from_the_worker_is_recorded_by_the_command_that_attends(
    lab: Lab, strace: str, rule: str
) -> None:
    go = lab.path / ".git" / "go"
    process, worker = started(lab, "while [ ! -e .git/go ]; do sleep 0.05; done; echo still here; exit 3")
    # Not while it starts the probe: pipes whose ends cannot be closed are no disk's doing.
    wait_for(lambda: [*(lab.path / ".git" / "gitexp" / "runs").glob("*/environment.json")])
    tracer = [strace, "-p", str(worker), "-o", "/dev/null", "-e", f"inject={rule}"]
    tracing = subprocess.Popen(tracer, stderr=subprocess.PIPE, text=True)
    assert tracing.stderr is not None
    assert "attached" in tracing.stderr.readline()
    go.touch()
    said = process.communicate(timeout=60)
    tracing.communicate(timeout=60)
    assert said[0] == "still here\n"
    assert "warning: gitexp could not write to the run's folder" in said[1]
    assert process.returncode == 4
    run = lab.toml("run.toml")
    assert (run["status"], run["exit_code"]) == ("failed", 3)
    assert "gitexp could not write to the run's folder" in " ".join(run["defects"])


@pytest.mark.parametrize(
    "closed", [">/dev/full 2>&1", "2>/dev/full >&2", "2>&1 | true; exit ${PIPESTATUS[0]}", ">&- 2>&-"]
)
def test_a_run_whose_words_nobody_takes_ends_and_is_recorded_with_its_own_exit_code(lab: Lab, closed: str) -> None:
    script = f"gitexp run -- sh -c 'sleep 0.3; echo out; echo err >&2; exit 3' {closed}"
    assert lab.command("bash", "-c", script).exit_code == 4
    run = lab.toml("run.toml")
    assert (run["status"], run["exit_code"]) == ("failed", 3)
    assert lab.show("experiments:output.log") == "out\nerr\n"


def test_a_worker_killed_before_its_program_began_is_no_run(lab: Lab) -> None:
    """As when both are killed: what a later command finds."""
    process, worker = started(lab, "sleep 60")
    process.kill()
    process.communicate()
    [folder] = (lab.path / ".git" / "gitexp" / "runs").iterdir()
    os.kill(worker, signal.SIGKILL)
    os.killpg(json.loads((folder / "started.json").read_text())["pid"], signal.SIGKILL)
    (folder / "started.json").rename(folder / "starting.json")  # as it is until the program's process says so itself
    assert "crashed" not in lab.gitexp("status").stdout
    assert lab.gitexp("log").stderr.startswith("error: There are no runs yet")
    assert lab.runs() == []


def torn(lab: Lab, *names: str) -> str:
    """A run that nobody recorded, some of whose files a power cut has emptied; its id."""
    process, worker = started(lab, "echo a word; sleep 60")
    [folder] = (lab.path / ".git" / "gitexp" / "runs").iterdir()
    wait_for((folder / "output.head").exists)  # what the terminal has seen is written down a moment later
    process.kill()
    process.communicate()
    os.kill(worker, signal.SIGKILL)
    os.killpg(json.loads((folder / "started.json").read_text())["pid"], signal.SIGKILL)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder.name


def test_a_run_folder_that_a_power_cut_has_torn_is_named_once_and_kept_out_of_the_way(lab: Lab) -> None:
    run_id = torn(lab, "submit.json", "outcome.json")
    first, second = lab.gitexp("status"), lab.gitexp("status")
    aside = lab.path / ".git" / "gitexp" / "torn" / run_id
    assert first.stderr == (
        f"warning: the run {run_id} cannot be recorded: submit.json is empty or cut off, as a power cut leaves it. What"
        f" is left of it lies in {aside}; no command will look there again\n"
    )
    assert (second.exit_code, second.stderr) == (0, "")
    assert (aside / "output.head").exists()
    assert lab.runs() == []


def test_a_recipe_that_a_power_cut_has_torn_is_recorded_as_it_was_when_the_run_started(lab: Lab) -> None:
    torn(lab, "recipe.toml", "outcome.json")
    assert "recorded sh" in lab.gitexp("status").stderr
    assert lab.toml("recipe.toml")["run"]["command"][0] == "sh"
    words = "recipe.toml was changed while the program ran, and is recorded as it was before"
    assert words in lab.toml("run.toml")["defects"]


def test_of_what_the_worker_wrote_the_rest_is_recorded_and_what_is_torn_is_named(lab: Lab) -> None:
    torn(lab, "started.json", "environment.json", "outcome.json")
    assert "recorded sh" in lab.gitexp("status").stderr
    run = lab.toml("run.toml")
    assert run["status"] == "crashed"
    assert run["defects"] == [
        f"{name} is empty or cut off, as a power cut leaves it"
        for name in ("started.json", "outcome.json", "environment.json")
    ]
    assert "a word" in lab.show("experiments:output.log")


def test_a_torn_folder_of_a_run_that_is_in_the_branch_goes_without_a_word(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    run_id = torn(lab, "submit.json")
    folder = lab.path / ".git" / "gitexp" / "runs" / run_id
    (folder / "tried").write_text(lab.git("rev-parse", "experiments"))
    assert lab.gitexp("status").stderr == ""
    assert not folder.exists()
    assert not (lab.path / ".git" / "gitexp" / "torn").exists()


def test_a_silent_run_of_another_machine_is_left_alone_until_somebody_says_that_it_is_gone(lab: Lab) -> None:
    run_id = torn(lab)
    folder = lab.path / ".git" / "gitexp" / "runs" / run_id
    for name in ("worker.lock", "record.lock", "started.json"):
        who = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**who, "host": "node17", "boot": "another"}))
    assert lab.gitexp("log").exit_code == 1
    assert [run["state"] for run in lab.gitexp("status", "--json").json["runs"]] == ["running"]
    refused = lab.gitexp("status", "--record", run_id)
    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (1, f"error: Run {run_id} is running")
    for path in folder.iterdir():
        os.utime(path, (time.time() - 1800, time.time() - 1800))
    os.utime(folder, (time.time() - 1800, time.time() - 1800))
    assert [run["state"] for run in lab.gitexp("status", "--json").json["runs"]] == ["silent"]
    assert f"gitexp status --record {run_id}\n" in lab.gitexp("status").stdout
    assert lab.runs() == []
    assert f"recorded sh {run_id} (crashed)" in lab.gitexp("status", "--record", run_id).stderr
    run = lab.toml("run.toml")
    assert (run["status"], run["host"]) == ("crashed", "node17")


RECIPE_OF_WORDS = """
format = 1
[run]
command = ["sh", "words.sh"]
[data.words]
path = "words"
"""


@pytest.mark.parametrize(
    ("act", "defects"),
    [
        ('echo "[a]" >> "$GITEXP_RECIPE"', ["recipe.toml", "as it was before"]),
        ('rm "$GITEXP_RECIPE"', ["recipe.toml", "as it was before"]),
        ('sed -i s/sh/zz/ "$GITEXP_RECIPE"', ["recipe.toml", "as it was before"]),
        ('rm "$GITEXP_RECIPE"; mkdir "$GITEXP_RECIPE"', ["recipe.toml", "as it was before"]),
        ("rm submit.json", ["submit.json", "put back"]),
        ("echo junk > submit.json", ["submit.json", "put back"]),
        ("rm -r data", ["data/data.toml", "data/words.xxh128"]),
        ("rm *.lock; echo hi > saved/hi", []),
        ("rm -r saved; touch saved", ["not kept"]),
        ("rm -rf ./*", ["recipe.toml", "submit.json", "data/data.toml", "not kept"]),
    ],
)
def test_a_program_that_changes_the_folder_of_its_run_loses_nothing_of_it(
    lab: Lab, act: str, defects: list[str]
) -> None:
    lab.write("words/a", "a")
    lab.write("recipes/words.toml", RECIPE_OF_WORDS)
    lab.write("words.sh", f'cd "$(dirname "$GITEXP_RECIPE")"\n{act}\n')
    lab.commit("words")
    lab.gitexp("run", "recipes/words.toml")
    run = lab.toml("run.toml")
    recipe = lab.toml("recipe.toml")
    assert (run["status"], recipe["run"]["command"]) == ("completed", ["sh", "words.sh"])
    assert "words" in lab.toml("data.toml")
    said = "\n".join(run.get("defects", []))
    assert [word for word in defects if word not in said] == []
    assert bool(said) == bool(defects)
    assert list((lab.path / ".git" / "gitexp" / "runs").iterdir()) == []
