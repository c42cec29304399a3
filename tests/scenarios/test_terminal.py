"""`gitexp run` at a terminal, driven by pexpect: what the user sees and types, and what is recorded of it."""

from __future__ import annotations

import pytest
from harness import GITEXP, Lab, at_terminal, exit_code, spawn


def test_a_progress_bar_streams_through_and_one_line_ends_the_run(lab: Lab) -> None:
    terminal = at_terminal(lab, "run", "--", "sh", "-c", r"printf '\r\033[32m#\033[0m'; printf '\r##'; echo; tty -s")
    terminal.expect_exact("\r\x1b[32m#\x1b[0m\r##\r\n")
    terminal.expect(r"sh [k-z]{16}  commit [0-9a-f]{7}  \d+\.\d s\r\n")
    assert exit_code(terminal) == 0
    assert "\r##" in lab.git("cat-file", "blob", "experiments:output.log").replace("\n", "\r")


def test_a_silent_program_has_its_step_its_metrics_and_the_time_in_view(lab: Lab) -> None:
    script = 'echo \'{"step": 3, "loss": 0.5}\' >> "$GITEXP_METRICS"; sleep 1.5'
    terminal = at_terminal(lab, "run", "--", "sh", "-c", script)
    terminal.expect_exact("\r\x1b[K\x1b[2msh · step 3 · loss 0.5 · 0:01\x1b[22m")
    terminal.expect(r"\r\x1b\[Ksh [k-z]{16}  commit [0-9a-f]{7}  loss 0\.5  ")
    assert exit_code(terminal) == 0


@pytest.mark.parametrize(
    ("columns", "variables", "line"),
    [
        (30, {}, "\x1b[K\x1b[2msh · step 3 · loss 0.5 · 0:01\x1b"),
        (25, {}, "\x1b[K\x1b[2msh · step 3 · 0:01\x1b"),
        (80, {"NO_COLOR": "1"}, "\x1b[Ksh · step 3 · loss 0.5 · 0:01\r"),
    ],
)
def test_the_live_line_fits_narrow_terminals_and_obeys_no_color(
    lab: Lab, columns: int, variables: dict[str, str], line: str
) -> None:
    script = 'echo \'{"step": 3, "loss": 0.5}\' >> "$GITEXP_METRICS"; sleep 1.3'
    terminal = at_terminal(lab, "run", "--", "sh", "-c", script, columns=columns, **variables)
    terminal.expect_exact(line)
    assert exit_code(terminal) == 0


def test_a_dumb_terminal_gets_plain_lines(lab: Lab) -> None:
    terminal = at_terminal(lab, "run", "--", "sh", "-c", "sleep 1.3", TERM="dumb", NO_COLOR="1")
    terminal.expect(r"sh [k-z]{16}")
    assert "\x1b" not in terminal.before
    assert exit_code(terminal) == 0


def test_the_debugger_can_be_talked_to(lab: Lab) -> None:
    lab.write("train.py", "x = 41\nbreakpoint()\nprint('x is', x)\n")
    lab.commit("a breakpoint")
    terminal = at_terminal(lab, "run", "--", "python", "train.py")
    terminal.expect_exact("(Pdb) ")
    terminal.sendline("x = 42")
    terminal.expect_exact("(Pdb) ")
    terminal.sendline("c")
    terminal.expect_exact("x is 42\r\n")
    assert exit_code(terminal) == 0


def test_ctrl_c_interrupts_the_program_and_the_run_is_recorded(lab: Lab) -> None:
    program = "trap 'echo saved; exit 1' INT; echo ready; while true; do sleep 0.1; done"
    terminal = at_terminal(lab, "run", "--", "sh", "-c", program)
    terminal.expect_exact("ready\r\n")
    terminal.sendcontrol("c")
    terminal.expect_exact("saved\r\n")
    terminal.expect_exact("interrupted")
    assert exit_code(terminal) == 130
    run = lab.toml("run.toml")
    assert (run["status"], run["stopped_by"], run["exit_code"]) == ("interrupted", "SIGINT", 1)


def test_ctrl_z_stops_the_run_and_fg_goes_on_with_it(lab: Lab) -> None:
    terminal = spawn(lab, "bash", ["--norc", "-i"], 80, {"PS1": "shell> "})
    terminal.expect_exact("shell> ")
    # Forked before it says so: a child that is stopped between dash's vfork and exec would hold its parent, too.
    terminal.sendline(f"{GITEXP} run -- sh -c 'sleep 1 & echo ready; wait; echo over'")
    terminal.expect_exact("ready\r\n")
    terminal.sendcontrol("z")
    terminal.expect_exact("Stopped")
    terminal.expect_exact("shell> ")
    terminal.sendline("fg")
    terminal.expect_exact("over\r\n")
    terminal.expect(r"sh [k-z]{16}  commit")
    terminal.sendline("exit $?")
    assert exit_code(terminal) == 0
    assert lab.toml("run.toml")["status"] == "completed"


def test_a_window_that_changes_its_size_is_the_programs_too(lab: Lab) -> None:
    script = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.1; done"
    terminal = at_terminal(lab, "run", "--", "sh", "-c", script)
    terminal.expect_exact("24 80\r\n")
    terminal.setwinsize(40, 120)
    terminal.expect_exact("40 120\r\n")
    assert exit_code(terminal) == 0


def test_a_script_that_cannot_be_executed_says_why(lab: Lab) -> None:
    lab.write("train", "#!/no/such/interpreter\n").chmod(0o755)
    lab.commit("a script")
    terminal = at_terminal(lab, "run", "--", "./train")
    terminal.expect_exact("failed (exit code 127)")
    terminal.expect_exact("The program could not be started: No such file or directory: './train'")
    assert exit_code(terminal) == 4
