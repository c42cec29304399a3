"""Which Python or R is the program's own, by its argv or its shebang, and which one a process is.

Found paths are as the program would call them (…/venv/bin/python), never resolved: a link's place is what makes a
virtual environment.
"""

from __future__ import annotations

import os
import time

from gitexp.regularfile import open_regular

# Of R's options those that decide which of the user's own files it reads before anything else.
_STARTUP = ("--vanilla", "--no-environ", "--no-site-file", "--no-init-file")

_BECOMING_S = 0.002  # longer than an execve takes to lay out what a program is given
_EXEC = b"'''exec' "  # after #!/bin/sh: how pip and uv write what a first line cannot say


class Found:
    """An interpreter, how it was found ("argv", "shebang" or "process"), and the surroundings to call it in."""

    __slots__ = ("cwd", "env", "how", "options", "path", "place")

    def __init__(self, path: str, how: str, env: dict[str, str], cwd: str, argv: list[str]) -> None:
        self.path, self.how, self.env, self.cwd = path, how, env, cwd
        self.options = [option for option in argv[1:] if option in _STARTUP] if self.is_r else []
        self.place = place_of(path)

    @property
    def is_r(self) -> bool:
        return looks_like_r(self.path)


def place_of(path: str) -> tuple[str, str]:
    """The same for `python` and `python3` of one virtual environment, another for those of two."""
    return os.path.realpath(os.path.dirname(path)), os.path.realpath(path)


def looks_like_python(path: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(("python", "pypy")) and not name.endswith((".py", ".sh", "-config"))


def looks_like_r(path: str) -> bool:
    return os.path.basename(path) in ("R", "Rscript")


def from_argv(argv: list[str], env: dict[str, str], cwd: str) -> Found | None:
    """The Python or R that argv[0] is, or that its shebang names."""
    path = _which(argv[0], env, cwd)
    if path is None:
        return None
    if looks_like_python(path) or looks_like_r(path):
        return Found(path, "argv", env, cwd, argv)
    named = _shebang(path)
    resolved = _which(named, env, cwd) if named and (looks_like_python(named) or looks_like_r(named)) else None
    return Found(resolved, "shebang", env, cwd, argv) if resolved else None


def _given(pid: int) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment of a process."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        argv = os.fsdecode(file.read()).split("\0")
    with open(f"/proc/{pid}/environ", "rb") as file:
        return argv, dict(os.fsdecode(e).split("=", 1) for e in file.read().split(b"\0") if b"=" in e)


def from_process(pid: int, exe: str, *, above: Found | None) -> Found | None:
    """The Python or R that a process is. Its path is `exe` where nothing says by which name it was called.

    `above`: the nearest one that it comes from.
    """
    if not (looks_like_python(exe) or looks_like_r(exe)):
        return None
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd")
        argv, env = _given(pid)
        if not env:  # it has none, or is just becoming this program: the kernel fills in first the one, then the other
            time.sleep(_BECOMING_S)
            argv, env = _given(pid)
    except OSError:
        return None  # it ended meanwhile, or is another user's
    if not env and not any(argv):
        return None
    if looks_like_r(exe):
        rscript = os.path.join(env.get("R_HOME", ""), "bin", "Rscript")
        return Found(rscript, "process", env, cwd, argv) if os.path.isfile(rscript) else None
    # A process may call itself anything: what it was called by counts only if it leads to what it runs. One that has
    # given itself a title was mostly forked.
    own_venv = os.path.join(env["VIRTUAL_ENV"], "bin", "python") if env.get("VIRTUAL_ENV") else None
    for candidate in (_which(argv[0], env, cwd) if argv[0] else None, above.path if above else None, own_venv):
        if candidate and os.path.realpath(candidate) == exe:
            return Found(candidate, "process", env, cwd, argv)
    return Found(exe, "process", env, cwd, argv)


def _which(name: str, env: dict[str, str], cwd: str) -> str | None:
    """Where a program called `name` is found, as execvp does."""
    if "/" in name:
        candidates = [os.path.join(cwd, name)]
    else:
        candidates = [os.path.join(cwd, d, name) for d in env.get("PATH", os.defpath).split(":")]
    return next((c for c in candidates if os.path.isfile(c) and os.access(c, os.X_OK)), None)


def _shebang(path: str) -> str | None:
    """The interpreter that a script's first line names, seen through `env`."""
    try:
        with open(open_regular(path)[0], "rb") as file:
            line, second = file.readline(512), file.readline(4096)
    except OSError:
        return None
    if second.startswith(_EXEC):
        return _executed(path, os.fsdecode(second[len(_EXEC) :]))
    words = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
    return words[0] if words else None


def _executed(script: str, words: str) -> str | None:
    """The Python that a console script's second line has sh execute: where its path is long, or moves with it."""
    if words.startswith('"$(dirname'):
        name = words.rpartition("/'")[2].partition("'")[0]
        return os.path.join(os.path.dirname(os.path.realpath(script)), name) if name else None
    return words.split('"')[1] if words.startswith('"') and words.count('"') > 1 else words.split(" ", 1)[0] or None
