"""Which Python is the program's own: from its argv, its shebang, or the processes that it started.

Found paths are as the program would call them (…/venv/bin/python), never resolved: a link's place is what makes a
virtual environment.
"""

from __future__ import annotations

import os

from gitexp.regularfile import open_regular


class Found:
    """An interpreter, how it was found ("argv", "shebang" or "process"), and the surroundings to call it in."""

    __slots__ = ("cwd", "env", "how", "path", "process")

    def __init__(self, path: str, how: str, env: dict[str, str], cwd: str, process: int = 0) -> None:
        self.path, self.how, self.env, self.cwd, self.process = path, how, env, cwd, process


def looks_like_python(path: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(("python", "pypy")) and not name.endswith((".py", ".sh", "-config"))


def from_argv(argv: list[str], env: dict[str, str], cwd: str) -> Found | None:
    """The Python that argv[0] is, or that its shebang names."""
    path = _which(argv[0], env, cwd)
    if path is None:
        return None
    if looks_like_python(path):
        return Found(path, "argv", env, cwd)
    named = _shebang(path)
    resolved = _which(named, env, cwd) if named and looks_like_python(named) else None
    return Found(resolved, "shebang", env, cwd) if resolved else None


def from_processes(root: int) -> Found | None:
    """The first Python among a process and its descendants, nearest first. None also where there is no /proc."""
    generation, seen = [root], 0
    while generation and seen < 1000:
        following: list[int] = []
        for pid in generation:
            found = _of_process(pid)
            if found is not None:
                return found
            following += _children(pid)
        seen += len(generation)
        generation = following
    return None


def _of_process(pid: int) -> Found | None:
    try:
        exe = os.readlink(f"/proc/{pid}/exe")
        if not looks_like_python(exe):
            return None
        cwd = os.readlink(f"/proc/{pid}/cwd")
        with open(f"/proc/{pid}/environ", "rb") as file:
            env = dict(os.fsdecode(e).split("=", 1) for e in file.read().split(b"\0") if b"=" in e)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            called = os.fsdecode(file.read().split(b"\0")[0])
    except OSError:
        return None  # it ended meanwhile, or is another user's
    # A process may call itself anything: what it was called by counts only if it leads to what it runs.
    own_venv = os.path.join(env["VIRTUAL_ENV"], "bin", "python") if env.get("VIRTUAL_ENV") else None
    for candidate in (_which(called, env, cwd) if called else None, own_venv):
        if candidate and os.path.realpath(candidate) == exe:
            return Found(candidate, "process", env, cwd, pid)
    return Found(exe, "process", env, cwd, pid)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                children += map(int, file.read().split())
    except OSError:
        pass
    return children


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
            line = file.readline(512)
    except OSError:
        return None
    words = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
    return words[0] if words else None
