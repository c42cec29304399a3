"""Run many commands of gitexp, each within bounds: time, memory, and what it may print.

A process that has gitexp imported forks for each of them, so that one costs some hundredths of a second.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness import Lab

SECONDS, MEGABYTES = 20, 160  # of one command, with its git; a plain `gitexp log` has 40 MB
HIDING = {0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x061C, 0xFEFF, *range(0x202A, 0x202F), *range(0x2060, 0x2070)}

SERVER = """\
import importlib, json, os, resource, signal, sys
sys.argv = ["gitexp"]
from gitexp.cli.main import COMMANDS, main
for name in COMMANDS:
    try:
        importlib.import_module(f"gitexp.cli.commands.{name}")
    except ImportError:
        importlib.import_module(f"gitexp.cli.commands.{name}_")
for line in sys.stdin:
    asked = json.loads(line)
    out = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        signal.alarm(asked["seconds"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out[0], 1), os.dup2(out[1], 2)
        os.environ.update(asked["env"])
        sys.argv = ["gitexp", *asked["args"]]
        main()
    _, status, usage = os.wait4(child, 0)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    words = []
    for fd in out:
        with open(fd, "rb") as file:
            file.seek(0)
            words.append(file.read(32 << 20).decode("utf-8", "backslashreplace"))
    said = {"exit_code": os.waitstatus_to_exitcode(status), "kib": usage.ru_maxrss, "words": words}
    print(json.dumps({**said, "cpu_s": usage.ru_utime + usage.ru_stime}), flush=True)
"""


class Answer(NamedTuple):
    """How a command ended: what it said, its CPU time and its peak, both with the git that it waited for."""

    args: Sequence[str]
    exit_code: int
    out: str
    err: str
    cpu_s: float
    kib: int

    @property
    def wrong(self) -> str:
        """What no reading command may do; empty where it did nothing of it."""
        return self._ended_wrong or self._printed_wrong

    @property
    def _ended_wrong(self) -> str:
        words = self.out + self.err
        if self.exit_code not in (0, 1, 2, 3):
            return f"exit code {self.exit_code}: {words[-1500:]}"
        if "Traceback (most" in self.err:
            return self.err[-1500:]
        if self.cpu_s > SECONDS:
            return f"took {self.cpu_s:.0f} s"
        return f"took {self.kib >> 10} MB" if self.kib > MEGABYTES << 10 else ""

    @property
    def _printed_wrong(self) -> str:
        words = self.out + self.err
        if raw := next((char for char in words if _is_raw(char)), None):
            at = words.index(raw)
            return f"prints {raw!r} raw: {words[max(0, at - 200) : at + 100]!r}"
        if "--csv" in self.args and (cell := next(filter(_is_formula, _cells(self.out)), None)):
            return f"a formula for spreadsheets: {cell[:80]!r}"
        if self.args[0] == "report" and "<script>alert" in self.out:
            return "a script of the record"
        if "--latex" in self.args and "\\input" in self.out:
            return "LaTeX of the record"
        if "--markdown" in self.args and re.search(r"(?<!\\)(<script|\[x)", self.out):
            return "Markdown of the record"
        return ""


def _cells(text: str) -> Iterator[str]:
    for row in csv.reader(io.StringIO(text, newline="")):
        yield from row


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute it."""
    if cell[:1] not in ("=", "+", "-", "@", "\t", "\r"):
        return False
    try:
        float(cell)
    except ValueError:
        return len(cell) > 1
    return False


def _is_raw(char: str) -> bool:
    if char.isascii():
        return not char.isprintable() and char not in "\n\t"
    return unicodedata.category(char) in ("Cc", "Cs") or ord(char) in HIDING


def _asked(args: Sequence[str], env: dict[str, str]) -> dict[str, object]:
    if args[0] in ("_bash", "_zsh"):  # which ask when somebody presses the tabulator key behind these words
        words = " ".join(["gitexp", *args[1:], ""])
        line = {"COMP_LINE": words, "COMP_POINT": str(len(words)), "COMP_WORDS": words, "COMP_CWORD": str(len(args))}
        env = {**env, **line, "_GITEXP_COMPLETE": f"{args[0][1:]}_complete"}
        args = []
    return {"args": args, "env": env, "seconds": 240}  # by the clock: a busy machine is no fault


def answers(lab: Lab, commands: Sequence[Sequence[str]], **env: str) -> list[Answer]:
    """What gitexp says to each of these, one after the other."""
    asked = "".join(json.dumps(_asked(args, env)) + "\n" for args in commands)
    done = subprocess.run(
        [sys.executable, "-I", "-c", SERVER], cwd=lab.path, env=lab.env, input=asked, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = []
    for args, line in zip(commands, done.stdout.splitlines(), strict=True):
        said = json.loads(line)
        found.append(Answer(args, said["exit_code"], *said["words"], said["cpu_s"], said["kib"]))
    return found
