"""`gitexp run`: whatever becomes of the program, there is one commit that says so, and the user's work is untouched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Lab, abandoned, until_over

RECORD = {
    "FORMAT.md",
    "README.md",
    "artifacts.xxh128",
    "code",
    "data.toml",
    "environment.toml",
    "history.csv",
    "metrics.toml",
    "output.log",
    "recipe.toml",
    "requirements.txt",
    "run.toml",
}


def test_a_run_becomes_a_commit_and_touches_nothing_else(lab: Lab) -> None:
    before = lab.state()
    result = lab.well("run", "-m", "why not", "--", "sh", "-c", "echo out; echo err >&2")
    assert lab.state() == before
    assert result.stdout == "out\n"
    assert "err\n" in result.stderr
    [commit] = lab.runs()
    assert set(lab.git("ls-tree", "--name-only", commit).split()) == RECORD
    assert lab.git("rev-parse", f"{commit}:code") == lab.git("rev-parse", "HEAD^{tree}")
    run = lab.toml("run.toml")
    assert (run["format"], run["status"], run["exit_code"], run["argv"]) == (
        1,
        "completed",
        0,
        ["sh", "-c", "echo out; echo err >&2"],
    )
    assert run["message"] == "why not"
    assert sorted(lab.show("experiments:output.log").split()) == ["err", "out"]
    message = lab.git("log", "-1", "--format=%B", "experiments")
    assert message.startswith("sh: completed\n\nwhy not\n\nGitexp-Run: ")
    assert f"Gitexp-Code: sha1:{lab.git('rev-parse', 'HEAD')}" in message


@pytest.mark.parametrize("module", ["bz2", "heapq", "shutil", "xxhash", "gitexp.datasets.build"])
def test_a_run_that_names_no_data_and_saves_nothing_loads_nothing_for_it(lab: Lab, module: str) -> None:
    result = lab.command(sys.executable, "-X", "importtime", "-m", "gitexp", "run", "--", "true")
    assert result.exit_code == 0
    loaded = [line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if line.startswith("import time:")]
    assert "gitexp.stages.record" in loaded
    assert module not in loaded


def test_a_failing_program_is_recorded_and_exits_with_4(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", "exit 7")
    assert result.exit_code == 4
    run = lab.toml("run.toml")
    assert (run["status"], run["exit_code"]) == ("failed", 7)
    assert "failed (exit code 7)" in result.stderr
    assert lab.git("log", "-1", "--format=%s", "experiments") == "sh: failed (exit code 7)\n"


def test_a_program_that_dies_by_itself_is_failed_with_its_signal(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "sh", "-c", "kill -SEGV $$").exit_code == 4
    run = lab.toml("run.toml")
    assert (run["status"], run["signal"]) == ("failed", "SIGSEGV")
    assert "exit_code" not in run


def test_a_command_that_does_not_exist_is_refused(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "no-such-program")
    assert result.exit_code == 3
    assert "no-such-program: command not found" in result.stderr
    assert lab.runs() == []


def test_a_timeout_stops_the_program_and_its_children(lab: Lab) -> None:
    result = lab.gitexp("run", "--timeout", "0.5s", "--", "sh", "-c", "sleep 60 & sleep 60")
    assert result.exit_code == 4
    assert lab.toml("run.toml")["status"] == "timed-out"


def test_sigterm_reaches_the_whole_group_and_the_run_is_interrupted(lab: Lab) -> None:
    script = "trap 'echo bye; exit 0' TERM; (trap 'echo child' TERM; sleep 30 & sleep 0.2; echo ready; wait) & wait"
    process = lab.start("run", "--", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert lab.toml("run.toml")["status"] == "interrupted"
    assert set(lab.show("experiments:output.log").split()) >= {"ready", "bye", "child"}


def test_sigint_interrupts_with_130(lab: Lab) -> None:
    # exec: dash forgets a SIGINT that comes while it starts another program.
    process = lab.start("run", "--", "sh", "-c", "echo ready; exec sleep 30")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    run = lab.toml("run.toml")
    assert (run["status"], run["stopped_by"]) == ("interrupted", "SIGINT")


def test_a_killed_gitexp_leaves_a_run_that_the_next_command_records(lab: Lab) -> None:
    assert abandoned(lab, "--", "sh", "-c", "echo ready; sleep 0.5; echo done") == "ready\n"
    assert lab.runs() == []
    until_over(lab)
    lab.well("status")
    [commit] = lab.runs()
    assert lab.toml("run.toml", commit)["status"] == "completed"
    assert lab.show(f"{commit}:output.log") == "ready\ndone\n"


def test_a_killed_worker_leaves_a_crashed_run(lab: Lab) -> None:
    process = lab.start("run", "--", "sh", "-c", "echo $PPID; sleep 30")
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == 4
    run = lab.toml("run.toml")
    assert (run["status"], run["finished_is_last_sign"]) == ("crashed", True)


def test_two_programs_at_once_leave_two_runs(lab: Lab) -> None:
    processes = [lab.start("run", "--", "sh", "-c", f"sleep 0.3; echo {n}") for n in range(8)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 8
    outputs = sorted(lab.show(f"{commit}:output.log") for commit in lab.runs())
    assert outputs == [f"{n}\n" for n in range(8)]


@pytest.mark.long
def test_two_hundred_runs_leave_two_hundred_commits_and_an_untouched_tree(lab: Lab) -> None:
    before = lab.state()
    for _ in range(100):
        pair = [lab.start("run", "--", "true") for _ in range(2)]
        for process in pair:
            process.communicate(timeout=60)
    assert len(lab.runs()) == 200
    assert lab.state() == before


def test_the_exit_of_a_dry_run_says_what_would_run_and_records_nothing(lab: Lab) -> None:
    result = lab.well("run", "--dry-run", "--", "touch", "made")
    assert "would run   touch made" in result.stdout
    assert lab.runs() == []
    assert not (lab.path / "made").exists()
    assert not (lab.path / ".git" / "gitexp" / "runs").exists()


def test_json_on_stdout_is_the_run_and_the_program_talks_on_stderr(lab: Lab) -> None:
    result = lab.well("run", "--json", "--", "echo", "hello")
    document = result.json
    assert document["format"] == 1
    assert document["run"]["status"] == "completed"
    assert document["run"]["commit"] == lab.runs()[0]
    assert "hello" in result.stderr


def test_a_command_keeps_the_folder_it_was_started_in(lab: Lab) -> None:
    folder = lab.path / "sub"
    folder.mkdir()
    result = lab.gitexp("run", "--", "pwd", cwd=folder)
    assert result.stdout == f"{folder}\n"
    assert lab.toml("run.toml")["cwd"] == "sub"


def test_stdin_reaches_the_program(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "cat", feed="from a pipe\n").stdout == "from a pipe\n"


def test_the_program_learns_of_its_run(lab: Lab) -> None:
    script = 'echo "$GITEXP_RUN_ID"; test -d "$GITEXP_OUTPUT" && test -f "$GITEXP_RECIPE" && echo "$GITEXP_SEED"'
    result = lab.gitexp("run", "--seed", "7", "--", "sh", "-c", script)
    run_id, seed = result.stdout.split()
    assert seed == "7"
    assert lab.toml("run.toml")["id"] == run_id


def test_metrics_of_the_python_api_are_recorded(lab: Lab) -> None:
    lab.write(
        "train.py",
        "import gitexp\n"
        "for step in range(3):\n"
        "    gitexp.log({'loss': 1 / (step + 1)}, step=step)\n"
        "gitexp.log(acc=0.5)\n"
        "open('weights.bin', 'w').write('w')\n"
        "gitexp.save('weights.bin')\n",
    )
    lab.write(".gitignore", "weights.bin\n__pycache__/\n")
    lab.commit("training")
    lab.well("run", "--", "python", "train.py")
    assert lab.toml("metrics.toml") == {"loss": 0.3333333333333333, "acc": 0.5}
    rows = lab.show("experiments:history.csv").splitlines()
    assert rows[0] == "step,time_s,loss,acc"
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "1", "2", ""]
    digest, name = lab.show("experiments:artifacts.xxh128").split()
    assert name == "weights.bin"
    kept = lab.path / ".git" / "gitexp" / "objects" / "xxh128" / digest[:2] / digest[2:]
    assert kept.read_text() == "w"


def test_the_message_cannot_forge_trailers(lab: Lab) -> None:
    lab.gitexp("run", "-m", "x\n\nGitexp-Run: kkkkkkkkkkkkkkkk", "--", "true")
    trailers = lab.git("log", "-1", "--format=%(trailers:key=Gitexp-Run,valueonly)", "experiments").split()
    assert trailers == [lab.toml("run.toml")["id"]]


def test_the_branch_may_not_be_checked_out(lab: Lab, tmp_path: Path) -> None:
    linked = tmp_path / "linked tree"
    lab.git("worktree", "add", "-q", str(linked), "experiments")
    result = lab.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert f"The branch experiments is checked out ({linked})\n" in result.stderr
    [fix] = [line[7:] for line in result.stderr.splitlines() if line.startswith("fix:")]
    assert lab.command("sh", "-c", fix).exit_code == 0
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.git("branch", "--show-current") == "main\n"
    lab.git("switch", "-q", "experiments")
    for where, advice in ((lab, "git switch -"), (Lab(linked, lab.env), f"git -C {lab.path} switch --detach")):
        result = where.gitexp("run", "--no-verify", "--", "true")
        assert f"The branch experiments is checked out ({lab.path})\n" in result.stderr
        assert result.stderr.endswith(f"fix:   {advice}\n")


def test_a_clone_without_init_is_refused_and_told_what_to_type(lab: Lab, tmp_path: Path) -> None:
    lab.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone", lab.env)
    result = clone.gitexp("run", "--", "true")
    assert result.exit_code == 3
    assert "gitexp init" in result.stderr
    assert clone.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert len(clone.runs()) == 1


def test_runs_work_in_a_linked_worktree(lab: Lab, tmp_path: Path) -> None:
    lab.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    linked = Lab(tmp_path / "linked", lab.env)
    assert linked.gitexp("run", "--", "true").exit_code == 0
    assert lab.toml("run.toml")["code"]["branch"] == "side"  # type: ignore[index]


def test_secrets_do_not_reach_the_record(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "sh", "-c", "echo key $API_TOKEN", API_TOKEN="tr0ub4dor-and-three")
    assert "tr0ub4dor" in result.stdout
    whole = lab.git("grep", "-I", "-h", "", "experiments")
    assert "tr0ub4dor" not in whole
    assert "redacted" in lab.show("experiments:output.log")


def test_git_log_alone_lists_the_runs(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    lab.gitexp("run", "--", "sh", "-c", "exit 1")
    subjects = lab.git("log", "--format=%s", "experiments").splitlines()
    assert subjects == ["sh: failed (exit code 1)", "true: completed", "Begin the experiments branch"]


def test_status_says_what_is_running(lab: Lab) -> None:
    process = lab.start("run", "--", "sh", "-c", "echo ready; sleep 30")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    status = lab.gitexp("status", "--json").json
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert [(run["recipe"], run["state"]) for run in status["runs"]] == [("sh", "running")]


def test_a_reader_that_goes_away_does_not_stop_the_run(lab: Lab) -> None:
    done = subprocess.run(
        ["sh", "-c", "gitexp run -- sh -c 'seq 100000; echo end' | head -n 1"],
        cwd=lab.path,
        env=lab.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert lab.show("experiments:output.log").endswith("end\n")


def test_an_empty_message_is_no_message(lab: Lab) -> None:
    assert lab.gitexp("run", "-m", "", "--", "true").exit_code == 0
    assert "message" not in lab.toml("run.toml")
    assert lab.git("log", "-1", "--format=%b", "experiments").startswith("Gitexp-Run: ")


def test_a_message_cannot_drive_the_terminal_of_who_reads_the_log(lab: Lab) -> None:
    lab.gitexp("run", "-m", "red \x1b[31m\nsecond line", "--", "true")
    assert "\n\nred  [31m\nsecond line\n\n" in lab.git("log", "-1", "--format=%B", "experiments")
    assert lab.toml("run.toml")["message"] == "red  [31m\nsecond line"


def test_signed_commits_of_the_code_do_not_confuse_the_record(lab: Lab, tmp_path: Path) -> None:
    lab.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    lab.git("config", "gpg.format", "ssh")
    lab.git("config", "user.signingKey", str(tmp_path / "key.pub"))
    lab.git("config", "commit.gpgSign", "true")
    lab.git("config", "log.showSignature", "true")
    lab.commit("signed")
    lab.well("run", "--", "true")
    assert lab.toml("run.toml")["code"]["subject"] == "signed"  # type: ignore[index]


def test_a_folder_or_a_file_that_is_not_executable_is_no_program(lab: Lab) -> None:
    lab.write("tool/script", "#!/bin/sh\n")
    lab.commit("a script")
    folder = lab.gitexp("run", "--", "./tool")
    assert (folder.exit_code, "tool is a folder, not a program" in folder.stderr) == (3, True)
    script = lab.gitexp("run", "--", "tool/script")
    assert (script.exit_code, "fix:   gitexp run -- sh tool/script" in script.stderr) == (3, True)


def test_a_program_that_cannot_be_executed_is_recorded_with_the_reason(lab: Lab) -> None:
    lab.write("script", "#!/no/such/interpreter\n").chmod(0o755)
    lab.commit("a script")
    result = lab.gitexp("run", "--", "./script")
    assert result.exit_code == 4
    assert "error: The program could not be started: No such file or directory: './script'" in result.stderr
    assert lab.toml("run.toml")["error"] == "No such file or directory: './script'"


def test_from_a_detached_head_the_record_names_no_branch(lab: Lab) -> None:
    lab.git("switch", "-q", "--detach")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert "branch" not in lab.toml("run.toml")["code"]  # type: ignore[operator]


# ---- a seed that nothing takes


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (["run", "regression", "--seed", "4"], "recipe"),
        (["run", "regression", "-s", "+seed=4"], "recipe"),
        (["run", "--seed", "4", "--", "python", "fit.py"], "command"),
    ],
)
def test_a_seed_that_nothing_takes_is_warned_of(lab: Lab, command: list[str], where: str) -> None:
    lab.write("fit.py", "print('done')\n")
    lab.write("recipes/regression.toml", '[run]\ncommand = ["python", "fit.py"]\n')
    lab.commit("a program without a seed")
    result = lab.well(*command)
    assert f"warning: nothing in the {where} takes the seed 4; the program may read GITEXP_SEED\n" in result.stderr


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["python", "fit.py", "--seed={seed}"], ""),
        (["python", "fit.py"], "import os\nprint(os.environ['GITEXP_SEED'])\n"),
        (["python", "fit.py"], "import gitexp\nprint(gitexp.recipe())\n"),
        (["sh", "-c", "echo $GITEXP_SEED"], ""),
    ],
)
def test_a_seed_that_something_takes_is_not(lab: Lab, argv: list[str], program: str) -> None:
    lab.write("fit.py", program)
    lab.write("recipes/regression.toml", f"seed = 1\n[run]\ncommand = {json.dumps(argv)}\n")
    lab.commit("a program with a seed")
    result = lab.well("run", "regression", "--seed", "4")
    assert "takes the seed" not in result.stderr
