"""Kills, removed folders and disks that take no more: nothing is lost, and no traceback meets the user."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import tomllib

from harness import Lab


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
    time.sleep(0.5)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert len(lab.runs()) == 1
    run = tomllib.loads(lab.show("experiments:run.toml"))
    assert (run["status"], run["finished_is_last_sign"]) == ("crashed", True)
    assert lab.show("experiments:metrics.toml") == '"loss" = 0.5\n'


def test_secrets_stay_out_of_a_record_that_another_shell_makes(lab: Lab) -> None:
    secretive = Lab(lab.path, {**lab.env, "MY_API_TOKEN": "tr0ub4dor-and-three"})
    process = secretive.start("run", "--", "sh", "-c", "echo key $MY_API_TOKEN; sleep 0.3")
    assert process.stdout is not None
    assert process.stdout.readline() == "key tr0ub4dor-and-three\n"
    process.kill()
    process.communicate()
    [noted] = (lab.path / ".git" / "gitexp" / "runs").glob("*/secrets.json")
    assert noted.stat().st_mode & 0o777 == 0o600
    time.sleep(1)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert lab.show("experiments:output.log") == "key [redacted:variable]\n"
    assert not noted.exists()


def test_a_program_whose_worker_was_killed_is_stopped_and_may_finish(lab: Lab) -> None:
    process, worker = started(lab, "trap 'echo {\\\"saved\\\":1} >> $GITEXP_METRICS; exit' TERM; sleep 30 & wait")
    os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == 4
    assert tomllib.loads(lab.show("experiments:run.toml"))["status"] == "crashed"
    assert lab.show("experiments:metrics.toml") == '"saved" = 1\n'


def test_a_run_that_cannot_be_laid_out_is_refused_and_nothing_runs(lab: Lab) -> None:
    (lab.path / ".git" / "gitexp").write_text("in the way")
    result = lab.gitexp("run", "--", "touch", "made")
    assert result.exit_code == 3
    assert "There is no place for the record of touch" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (lab.path / "made").exists()


def test_a_run_that_cannot_be_recorded_now_waits_and_is_recorded_later(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", 'mkdir "${GITEXP_METRICS%/*}/after.json"')
    assert result.exit_code == 1
    assert "The run has ended but could not be recorded" in result.stderr
    assert "gitexp status" in result.stderr
    assert "Traceback" not in result.stderr
    [folder] = (lab.path / ".git" / "gitexp" / "runs").iterdir()
    (folder / "after.json").rmdir()
    assert "recorded sh" in lab.gitexp("status").stderr
    assert tomllib.loads(lab.show("experiments:run.toml"))["status"] == "completed"


def test_a_run_whose_folder_was_removed_says_so(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", 'rm -r "${GITEXP_METRICS%/*}"')
    assert result.exit_code == 1
    assert "somebody removed its folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_from_a_folder_that_is_gone_there_is_one_clear_error(lab: Lab) -> None:
    result = lab.command("sh", "-c", "mkdir gone && cd gone && rmdir ../gone && gitexp run -- true")
    assert result.exit_code == 1
    assert result.stderr == "error: The folder that this shell is in does not exist any more\nfix:   cd DIR\n"
