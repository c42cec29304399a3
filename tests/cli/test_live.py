"""A run at a terminal, driven by pexpect: what the program sees and the user sees, keys, job control, the live line."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from harness import wait_for
from jobs import DRIVE, environ, job, outcome

from gitexp.cli.live import Latest, LiveScreen
from gitexp.worker.output import read_output

SIZE = (30, 100)


def attended(folder: Path, *, shell: str = "", **variables: str) -> "pexpect.spawn[bytes]":
    """A front at a terminal of its own; `shell`: around it, with its command line as $1 to $3."""
    command = [sys.executable, str(DRIVE), str(folder)]
    if shell:
        command = ["bash", "-c", shell, "bash", *command]
    return pexpect.spawn(command[0], command[1:], env=environ(**variables), dimensions=SIZE, timeout=30)


def python(folder: Path, program: str) -> Path:
    return job(folder, [sys.executable, "-u", "-c", program])


def until_end(terminal: "pexpect.spawn[bytes]") -> bytes:
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert isinstance(terminal.before, bytes)
    return terminal.before


def without_live_line(text: bytes) -> bytes:
    return re.sub(rb"\r\x1b\[K(?:(?:\x1b\[2m)?digits[^\r\n]*)?", b"", text)


def test_the_program_sees_one_terminal_of_the_users_size(tmp_path: Path) -> None:
    program = (
        "import os; print([os.isatty(n) for n in range(3)], os.ttyname(0) == os.ttyname(2), *os.get_terminal_size())"
    )
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("[True, True, True] True 100 30\r\n")
    terminal.expect_exact("driven 0")
    assert until_end(terminal) == b"\r\n"


def test_the_program_can_open_its_terminal_and_is_in_its_foreground(tmp_path: Path) -> None:
    program = "import os; fd = os.open('/dev/tty', os.O_RDWR); print(os.tcgetpgrp(fd) == os.getpgrp() == os.getpid())"
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("True\r\ndriven 0")
    until_end(terminal)


def test_colours_and_progress_bars_pass_as_they_come(tmp_path: Path) -> None:
    terminal = attended(job(tmp_path / "run", ["printf", r"\033[31mred\033[0m 10%%\r20%%\n"]))
    assert without_live_line(until_end(terminal)) == b"\x1b[31mred\x1b[0m 10%\r20%\r\ndriven 0\r\n"
    assert read_output(str(tmp_path / "run")) == b"\x1b[31mred\x1b[0m 10%\r20%\r\n"


def test_what_is_typed_reaches_the_program_and_is_echoed_once(tmp_path: Path) -> None:
    terminal = attended(python(tmp_path / "run", "print('hello', input('name? '))"))
    terminal.expect_exact("name? ")
    terminal.send("Ada\r")
    assert until_end(terminal) == b"Ada\r\nhello Ada\r\ndriven 0\r\n"


def test_ctrl_d_ends_the_input(tmp_path: Path) -> None:
    terminal = attended(job(tmp_path / "run", ["sh", "-c", "echo ready; cat; echo end"]))
    terminal.expect_exact("ready\r\n")
    terminal.send("\x04")
    terminal.expect_exact("end\r\n")
    until_end(terminal)


def test_the_debugger_works(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", [sys.executable, "t.py"])
    (folder / "t.py").write_text("x = 41\nbreakpoint()\nprint('x is', x)\n")
    terminal = attended(folder)
    terminal.expect_exact("(Pdb) ")
    terminal.send("x += 1\r")
    terminal.expect_exact("(Pdb) ")
    terminal.send("c\r")
    terminal.expect_exact("x is 42")
    until_end(terminal)


def test_ctrl_c_interrupts_the_program(tmp_path: Path) -> None:
    program = (
        "import time\ntry:\n    print('go'); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('saved'); raise SystemExit(9)"
    )
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("go\r\n")
    terminal.send("\x03")
    terminal.expect_exact("saved\r\ndriven 9")
    until_end(terminal)
    assert (outcome(tmp_path / "run")["exit_code"], outcome(tmp_path / "run")["stop"]) == (9, "SIGINT")


def test_a_program_that_reads_ctrl_c_as_a_key_was_not_asked_to_stop(tmp_path: Path) -> None:
    program = "import sys, tty; tty.setraw(0); print('go'); print(repr(sys.stdin.read(1)))"
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("go\n")
    terminal.send("\x03")
    terminal.expect_exact(r"'\x03'")
    until_end(terminal)
    assert (outcome(tmp_path / "run")["exit_code"], outcome(tmp_path / "run")["stop"]) == (0, None)


def test_the_third_ctrl_c_kills(tmp_path: Path) -> None:
    program = (
        "import signal\nsignal.signal(signal.SIGINT, lambda *_: print('no'))\nprint('go')\nwhile True: signal.pause()"
    )
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("go\r\n")
    for _ in range(2):
        terminal.send("\x03")
        terminal.expect_exact("no\r\n")
    terminal.send("\x03")
    until_end(terminal)
    assert (outcome(tmp_path / "run")["signal"], outcome(tmp_path / "run")["stop"]) == ("SIGKILL", "SIGINT")


def test_a_window_that_changes_its_size_changes_the_programs(tmp_path: Path) -> None:
    program = (
        "import os, signal\nchanged = [signal.SIGWINCH]\nsignal.pthread_sigmask(signal.SIG_BLOCK, changed)\n"
        "print('go')\nsignal.sigwait(changed)\nprint(*os.get_terminal_size(), 'now')"
    )
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("go\r\n")
    terminal.setwinsize(50, 132)
    terminal.expect_exact("132 50 now\r\n")
    until_end(terminal)


def test_ctrl_z_gives_the_shell_back_and_fg_goes_on(tmp_path: Path) -> None:
    program = "print('go'); print('heard', input()); print('heard', input())"
    folder = python(tmp_path / "run", program)
    shell = pexpect.spawn("bash", ["--norc", "-i"], env=environ(PS1="prompt> "), dimensions=SIZE, timeout=30)
    shell.expect_exact("prompt> ")
    shell.sendline(f"{sys.executable} {DRIVE} {folder}")
    shell.expect_exact("go\r\n")
    shell.send("one\r")
    shell.expect_exact("heard one\r\n")
    shell.send("\x1a")
    shell.expect_exact("Stopped")
    shell.expect_exact("prompt> ")
    shell.sendline("stty -a | grep -o -w -e '-*icanon' -e '-*echo' -e '-*opost' | tr '\\n' ','; echo")
    shell.expect_exact("opost,icanon,echo,")
    shell.expect_exact("prompt> ")
    shell.sendline("fg")
    shell.expect_exact("drive.py")
    shell.send("two\r")
    shell.expect_exact("heard two\r\n")
    shell.expect_exact("driven 0")
    shell.expect_exact("prompt> ")
    shell.sendline("exit")
    until_end(shell)


def test_a_background_job_leaves_the_terminal_alone_until_it_is_brought_forward(tmp_path: Path) -> None:
    folder = python(tmp_path / "run", "print('go'); print('heard', input())")
    shell = pexpect.spawn("bash", ["--norc", "-i"], env=environ(PS1="prompt> "), dimensions=SIZE, timeout=30)
    shell.expect_exact("prompt> ")
    shell.sendline(f"{sys.executable} {DRIVE} {folder} &")
    shell.expect_exact("go\r")
    shell.sendline("echo $((40 + 2)) for the shell")
    shell.expect_exact("42 for the shell")
    shell.sendline("fg")
    shell.expect_exact("drive.py")
    shell.send("me\r")
    shell.expect_exact("heard me\r\n")
    shell.expect_exact("driven 0")
    shell.sendline("exit")
    until_end(shell)


def test_a_terminal_that_goes_away_stops_the_run_like_any_other(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "echo go; exec sleep 60"])
    terminal = attended(folder)
    terminal.expect_exact("go")
    terminal.close()
    wait_for((folder / "outcome.json").exists)
    assert outcome(folder)["stop"] == "SIGHUP"


def test_the_terminal_is_as_it_was_when_the_run_is_over(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["stty", "raw", "-echo"])
    terminal = attended(folder, shell='before=$(stty -g); "$@"; [ "$before" = "$(stty -g)" ] && echo the same')
    assert until_end(terminal).endswith(b"the same\r\n")


def test_output_into_a_pipeline_leaves_the_keyboard_to_the_others(tmp_path: Path) -> None:
    program = "import os; print(*[os.isatty(n) for n in range(3)])"
    terminal = attended(python(tmp_path / "run", program), shell='"$@" | sed s/^/piped:/')
    terminal.expect_exact("piped:True False True")
    until_end(terminal)


def test_ctrl_c_in_a_pipeline_stops_the_program(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "echo go >&2; exec sleep 60"])
    terminal = attended(folder, shell='"$@" | (trap "" INT; cat)')
    terminal.expect_exact("go")
    terminal.send("\x03")
    until_end(terminal)
    assert outcome(folder)["stop"] == "SIGINT"


def test_a_run_whose_worker_dies_gives_the_terminal_back(tmp_path: Path) -> None:
    folder = python(tmp_path / "run", "import os, signal; print('go'); os.kill(os.getppid(), signal.SIGKILL)")
    terminal = attended(folder, shell='before=$(stty -g); "$@"; [ "$before" = "$(stty -g)" ] && echo the same')
    terminal.expect_exact("driven crashed\r\nthe same")
    until_end(terminal)


# The live line


def test_a_silent_program_has_its_metrics_and_its_time_in_view(tmp_path: Path) -> None:
    metrics = tmp_path / "run" / "metrics.jsonl"
    program = (
        f"import time; open({str(metrics)!r}, 'w').write('{{\"step\": 120, \"loss\": 0.13219}}\\n'); time.sleep(60)"
    )
    terminal = attended(python(tmp_path / "run", program))
    terminal.expect_exact("\r\x1b[K\x1b[2mdigits · step 120 · loss 0.1322 · 0:01\x1b[22m".encode())
    terminal.send("\x03")
    terminal.expect_exact("\r\x1b[K")
    until_end(terminal)


def test_the_line_is_erased_before_the_program_prints_on(tmp_path: Path) -> None:
    program = "import sys\nprint('first'); sys.stdin.readline(); print('second'); sys.stdin.readline()"
    terminal = attended(python(tmp_path / "run", program), NO_COLOR="1")
    terminal.expect_exact("first\r\n\r\x1b[Kdigits · 0:01".encode())
    terminal.send("\r")
    terminal.expect_exact("\r\x1b[K\r\nsecond\r\n")
    terminal.send("\r")
    until_end(terminal)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A file that serves as terminal: what was shown, and the descriptor to show it on."""
    path = tmp_path / "shown"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    yield path, fd
    os.close(fd)


@pytest.fixture
def screen(tmp_path: Path, shown: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> LiveScreen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    return LiveScreen(folder=str(tmp_path), name="digits", stdout_fd=shown[1])


@pytest.mark.parametrize(
    ("printed", "drawn"),
    [
        (b"", True),
        (b"a line\n", True),
        (b"\x1b[31mred\x1b[0m\n", True),
        (b"\x1b[?25l\x1b[?25h\x1b[K\n", True),
        (b"\x1b]0;title\x07\n", True),
        (b"half a line", False),
        (b"a bar 10%\r", False),
        (b"\x1b[1A\n", False),
        (b"\x1b[2J\n", False),
        (b"\x1b[?1049h\x1b[?1049l\n", False),
        (b"\x1b7\n", False),
    ],
)
def test_where_the_line_is_drawn(screen: LiveScreen, shown: tuple[Path, int], printed: bytes, drawn: bool) -> None:
    for i in range(len(printed)):  # in the smallest pieces: sequences are cut anywhere
        screen.write(1, printed[i : i + 1])
    screen.tick()
    assert shown[0].read_bytes() == printed + ("\r\x1b[Kdigits · 0:00".encode() if drawn else b"")


def test_a_dumb_terminal_gets_no_line(tmp_path: Path, shown: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    LiveScreen(folder=str(tmp_path), name="digits", stdout_fd=shown[1]).tick()
    assert shown[0].read_bytes() == b""


def test_a_colour_that_the_program_left_on_is_not_ended_by_ours(
    tmp_path: Path, shown: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = LiveScreen(folder=str(tmp_path), name="digits", stdout_fd=shown[1])
    screen.write(1, b"\x1b[31m\n")
    screen.tick()
    assert shown[0].read_bytes() == "\x1b[31m\n\r\x1b[Kdigits · 0:00".encode()


def test_what_does_not_fit_is_left_out(tmp_path: Path, screen: LiveScreen) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 7, "loss": 0.5, "精度": 0.25}) + "\n")
    assert screen.line(columns=80) == "digits · step 7 · loss 0.5 · 精度 0.25 · 0:00"
    assert screen.line(columns=46) == "digits · step 7 · loss 0.5 · 精度 0.25 · 0:00"
    assert screen.line(columns=45) == "digits · step 7 · loss 0.5 · 0:00"
    assert screen.line(columns=16) == "digits · 0:00"
    assert screen.line(columns=5) == "digi"


def test_a_metrics_name_cannot_command_the_terminal(tmp_path: Path, screen: LiveScreen) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"\x1b[2Jloss\n": 1}) + "\n")
    assert screen.line(columns=80) == "digits · \\x1b[2Jloss\\n 1 · 0:00"


def test_the_latest_values_of_a_growing_file_are_kept(tmp_path: Path) -> None:
    latest = Latest(str(tmp_path))
    with (tmp_path / "metrics.jsonl").open("w") as file:
        file.write('{"step": 1, "train": {"loss": 2.5}}\nnot json\n{"step": 2, "acc": 0.5}\n{"step": 3, "tr')
        file.flush()
        latest.read()
        assert (latest.step, latest.metrics) == (2, {"train.loss": 2.5, "acc": 0.5})
        file.write('ain.loss": 1.5}\n')
    (tmp_path / "matched.jsonl").write_text('{"step": 9, "time_s": 4.0, "val_bpb": 1.25}\n{"problem": "…"}\n')
    latest.read()
    assert (latest.step, latest.metrics) == (9, {"train.loss": 1.5, "acc": 0.5, "val_bpb": 1.25})


def test_of_a_file_that_grows_fast_the_end_is_read(tmp_path: Path) -> None:
    latest = Latest(str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"step": {n}, "loss": 0.5}}\n' for n in range(50_000)))
    latest.read()
    assert latest.step == 49_999


def test_suspending_erases_the_line(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sleep", "60"])
    shell = pexpect.spawn("bash", ["--norc", "-i"], env=environ(PS1="prompt> "), dimensions=SIZE, timeout=30)
    shell.expect_exact("prompt> ")
    shell.sendline(f"{sys.executable} {DRIVE} {folder}")
    shell.expect_exact("digits · 0:01".encode())
    shell.send("\x1a")
    shell.expect_exact("\r\x1b[K")
    shell.expect_exact("Stopped")
    shell.sendline("kill -TERM %1; fg")
    shell.expect_exact("driven None")
    shell.sendline("exit")
    until_end(shell)
    assert (outcome(folder)["signal"], outcome(folder)["stop"]) == ("SIGTERM", "SIGTERM")
