"""Turn a command whose program is not there into the one that was meant: what people of other tools type first.

A whole command in quotes, VAR=1 in front, a script without its interpreter, a word of the shell.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from gitexp.regularfile import read_regular

_INTERPRETERS = {
    ".py": "python", ".R": "Rscript", ".r": "Rscript", ".sh": "sh", ".bash": "bash", ".zsh": "zsh", ".jl": "julia",
    ".pl": "perl", ".rb": "ruby", ".js": "node", ".lua": "lua", ".do": "stata", ".m": "octave",
}  # fmt: skip
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_OPERATORS = frozenset(("&&", "||", "|", "|&", ";", "&", ">", ">>", "<", "2>", "2>&1", "&>"))
# Words that only a shell knows; the first change the shell itself, so that another command has to follow.
_PREPARES = frozenset((
    "cd", "source", ".", "export", "set", "unset", "ulimit", "umask", "alias", "pushd", "shopt", "module", "ml",
))  # fmt: skip
_WORDS = frozenset((
    "time", "exec", "eval", "command", "builtin", "coproc", "for", "while", "until", "if", "case", "[[", "((", "{", "!",
))  # fmt: skip
_LOGIN = frozenset(("module", "ml"))  # functions of the login shell, on clusters


def meant(argv: Sequence[str], *, cwd: Path) -> list[str] | None:
    """The command that this one would be, if its program is not there; None where nobody can say."""
    first, *rest = argv
    if any(word in _OPERATORS for word in rest):
        return _in_shell(" ".join(word if word in _OPERATORS else shlex.quote(word) for word in argv))
    if any(char.isspace() for char in first):
        return _unquoted(first, rest, cwd)
    if _ASSIGNMENT.match(first):
        program = next((index for index, word in enumerate(argv) if not _ASSIGNMENT.match(word)), None)
        if program is None:
            return _in_shell(f"{shlex.join(argv)} COMMAND…")
        return ["env", *argv[:program], *startable(argv[program:], cwd=cwd)]
    if first in _PREPARES:
        return _in_shell(f"{shlex.join(argv)} && COMMAND…")
    if first in _WORDS:
        return _in_shell(shlex.join(argv))
    if first == "python" and shutil.which("python3"):
        return ["python3", *rest]
    interpreter = interpreter_of(cwd / first)
    return [*interpreter, first, *rest] if interpreter else None


def startable(argv: Sequence[str], *, cwd: Path) -> list[str]:
    """A command as it stands where its program is there or nobody can say, else the one that was meant."""
    there = shutil.which(argv[0]) if os.sep not in argv[0] else os.access(cwd / argv[0], os.X_OK)
    return list(argv) if there else meant(argv, cwd=cwd) or list(argv)


def _unquoted(text: str, rest: Sequence[str], cwd: Path) -> list[str] | None:
    """A command that came as one word. Whatever only a shell understands stays its affair."""
    try:
        words = shlex.split(text)
        tokens = list(shlex.shlex(text, posix=True, punctuation_chars=True))
    except ValueError:
        return None
    if not words:
        return None
    if any(char in text for char in "$`*?~\n") or any(not token.strip("();<>|&") for token in tokens if token):
        return None if rest else _in_shell(text)
    return startable([*words, *rest], cwd=cwd)


def _in_shell(text: str) -> list[str]:
    first = text.split(None, 1)[0]
    bash = shutil.which("bash") is not None
    return ["bash" if bash else "sh", "-lc" if first in _LOGIN else "-c", text]


def interpreter_of(script: Path) -> list[str] | None:
    """What starts a script: its first line's word, else what its suffix says. None where neither does."""
    try:
        start = read_regular(script, most=200).partition(b"\n")[0]
    except (OSError, ValueError):
        return None
    words = os.fsdecode(start[2:]).split() if start.startswith(b"#!") else []
    if words[:1] and os.path.basename(words[0]) == "env":  # noqa: PTH119 -- a word of a file, no path of ours
        words = [word for word in words[1:] if not word.startswith("-")]
    elif words:
        words[0] = os.path.basename(words[0])  # noqa: PTH119 -- as above
    name = words[0] if words else _INTERPRETERS.get(script.suffix)
    if name == "python" and not shutil.which(name) and shutil.which("python3"):
        name = "python3"
    return [name] if name else None
