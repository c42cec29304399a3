"""The user's own sftp program, asked in batch mode: commands go in, and what it said to each comes out.

It echoes each command before it executes it, and its words follow, so both streams are read as one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from gitexp.datasets.remotes.protocol import Failed, Patience, Trouble
from gitexp.errors import GitexpError

_PROMPT = "sftp> "
_LAST = "pwd"
_LAST_ANSWER = "Remote working directory:"
MOST_BYTES = 16_384  # of commands at once: pipes hold more, so neither side waits for the other

_NO_FOLDER = Trouble("bucket", "the folder does not exist (a new one: mkdir -p it there)")
_KINDS: tuple[tuple[str, Trouble], ...] = (
    ("Host key verification failed", Trouble("forbidden", "ssh does not know the host's key (ssh to it once)")),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Trouble("forbidden", "the host's key has changed")),
    ("Permission denied (", Trouble("credentials", "ssh was not let in (no key or agent that it takes)")),
    ("Too many authentication failures", Trouble("credentials", "ssh was not let in (too many keys)")),
    ("Could not resolve hostname", Trouble("unreachable", "its name cannot be resolved")),
    ("Connection refused", Trouble("unreachable", "it refuses the connection")),
    ("timed out", Trouble("unreachable", "it did not answer in time")),
    ("not responding", Trouble("unreachable", "it stopped answering")),
    ("No route to host", Trouble("unreachable", "there is no route to it")),
    ("Network is unreachable", Trouble("unreachable", "there is no network to it")),
    ("subsystem request failed", Trouble("other", "it does not serve sftp")),
    ("not found", Trouble("missing", "it is not there")),
    ("No such file", Trouble("missing", "it is not there")),
    ("Permission denied", Trouble("forbidden", "the server says: Permission denied")),
    ("No space left", Trouble("server", "the server says: No space left on device")),
)


def trouble_in(lines: Sequence[str]) -> Trouble:
    """What these words of sftp or ssh mean; others are quoted."""
    said = "\n".join(lines)
    for words, trouble in _KINDS:
        if words in said:
            return trouble
    last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return Trouble("other", f"sftp says: {last.strip()[:200]}")


class Session:
    """One connection. `folder` is the local one that relative paths are relative to. Raises Failed."""

    def __init__(self, target: Sequence[str], *, remote_folder: str, folder: Path, patience: Patience) -> None:
        options = [
            f"-oConnectTimeout={max(1, int(patience.connect_s))}",
            f"-oServerAliveInterval={max(1, int(patience.silence_s / 3))}",
            "-oServerAliveCountMax=3",
        ]
        try:
            self._process = subprocess.Popen(
                ["sftp", *options, "-b", "-", *target],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="backslashreplace",
                bufsize=1,
            )
        except FileNotFoundError as error:
            raise GitexpError("sftp was not found on PATH", fix="install OpenSSH's client") from error
        self.made: set[str] = set()  # folders that need not be made again
        try:
            if remote_folder:
                self.ask([f"cd {_quoted(remote_folder)}"])
            else:
                self.ask([])
        except Failed as error:
            self.close()
            if error.trouble.kind == "missing":
                raise Failed(_NO_FOLDER) from error
            raise

    def ask(self, commands: Sequence[str], done: Callable[[int], None] = lambda _number: None) -> list[list[str]]:
        """What it says to each command; `done` hears each one's number when it is over. Raises Failed: it has ended."""
        answers: list[list[str]] = []
        while commands:
            part = _beginning(commands)
            answers += self._ask(part, _shifted(done, len(answers)))
            commands = commands[len(part) :]
        return answers if answers else self._ask([], done)

    def _ask(self, commands: Sequence[str], done: Callable[[int], None]) -> list[list[str]]:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        answers: list[list[str]] = [[] for _ in commands]
        stray: list[str] = []
        current = -1
        try:
            process.stdin.write("".join(f"{command}\n" for command in [*commands, _LAST]))
            process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words say why
        for line in process.stdout:
            line = line.rstrip("\n")
            echoed = [*commands, _LAST][current + 1] if current < len(commands) else None
            if echoed is not None and line == _PROMPT + echoed:
                if current >= 0:
                    done(current)
                current += 1
            elif current == len(commands) and line.startswith(_LAST_ANSWER):
                return answers
            elif 0 <= current < len(commands):
                answers[current].append(line)
            else:
                stray.append(line)
        process.wait()
        raise Failed(_ended([*stray, *(answers[current] if 0 <= current < len(commands) else [])]))

    def close(self) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _ended(lines: Sequence[str]) -> Trouble:
    trouble = trouble_in(lines)
    if trouble.kind in ("other", "missing") and any("Connection" in line for line in lines):
        return Trouble("unreachable", "the connection was lost")
    return trouble


def _beginning(commands: Sequence[str]) -> Sequence[str]:
    size = 0
    for number, command in enumerate(commands):
        size += len(command.encode()) + 1
        if size > MOST_BYTES and number:
            return commands[:number]
    return commands


def _shifted(done: Callable[[int], None], by: int) -> Callable[[int], None]:
    return lambda number: done(by + number)


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
