"""Ask the interpreter that a command would compute with what it is, before anything starts.

It is asked as the worker does while the program runs (worker/probing.py), by itself and bounded. Nothing of the
program is imported or read by it: variables by which its author could have it do so are told to it alone (`withheld`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.worker import fastjson
from gitexp.worker.interpreter import Found, from_argv
from gitexp.worker.probing import IMPORT_PROBE, LIMIT_S, LONGEST_ANSWER

MACHINE = (sys.executable, "-I", "-S")  # our own Python, which speaks of the machine and not of itself


class Present(NamedTuple):
    """What would compute here. `modules`: where each that was asked for would be imported from."""

    path: str | None  # of the interpreter that answered; None: none did
    environment: Mapping[str, Any]  # as environment.toml has it
    modules: Mapping[str, Sequence[str]] = {}


class Sought(NamedTuple):
    """Modules to look for: their names, the folder that comes before all others, the interpreter's own options."""

    names: Sequence[str] = ()
    first: Path | None = None
    options: Sequence[str] = ()


def ask(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    variables: Sequence[str] = (),
    withheld: Mapping[str, str] = {},
    sought: Sought | None = None,
) -> Present:
    """What the command's interpreter says, with this whole environment; where there is none, the machine alone.

    `variables`: those to be told beside the usual ones. `withheld`: those that the program has besides, or otherwise.
    """
    found = from_argv(list(argv), dict(env), str(cwd))
    told = {"variables": list(variables), "env": dict(withheld)}
    alone = partial(machine, env=env, cwd=cwd, variables=variables, withheld=withheld)
    if found is None:
        return Present(None, alone())
    answer = _of_r(found, env, cwd) if found.is_r else _of_python(found, env, cwd, told, sought or Sought())
    if answer is None:
        return Present(None, alone())
    if found.is_r:
        answer = {**alone(), **answer}
    modules = answer.pop("modules", None)
    kept = {n: p for n, p in modules.items() if isinstance(p, list)} if isinstance(modules, dict) else {}
    return Present(found.path, {"probed": found.path, **answer}, kept)


def machine(
    *, env: Mapping[str, str], cwd: Path, variables: Sequence[str] = (), withheld: Mapping[str, str] = {}
) -> Mapping[str, Any]:
    """What can be said of this machine and these variables, as environment.toml has it."""
    told = {"variables": list(variables), "env": dict(withheld), "interpreter": False}
    return _answer([*MACHINE], env, cwd, told) or {}


def _of_python(
    found: Found, env: Mapping[str, str], cwd: Path, told: Mapping[str, Any], sought: Sought
) -> dict[str, Any] | None:
    modules = {"modules": list(sought.names), "first": str(sought.first) if sought.first else None}
    return _answer([found.path, *sought.options], env, cwd, {**told, **(modules if sought.names else {})})


def _of_r(found: Found, env: Mapping[str, str], cwd: Path) -> dict[str, Any] | None:
    from gitexp.worker.rsession import SOURCE, understood

    return understood(_printed([found.path, *found.options, "-e", SOURCE], env, cwd) or b"")


def _answer(python: list[str], env: Mapping[str, str], cwd: Path, options: Mapping[str, Any]) -> dict[str, Any] | None:
    printed = _printed([*python, "-B", "-c", IMPORT_PROBE, fastjson.dumps(dict(options))], env, cwd)
    try:
        answer = fastjson.loads((printed or b"").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _printed(argv: list[str], env: Mapping[str, str], cwd: Path) -> bytes | None:
    """What it writes; None where it does not start, fails, or takes longer than LIMIT_S."""
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv, env=dict(env), cwd=cwd, stdin=nothing, stdout=pipe, stderr=nothing, process_group=0
        )
    except OSError:
        return None
    try:
        printed: bytes = process.communicate(timeout=LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # and what it started
        process.wait()
    return printed if process.returncode == 0 and len(printed) <= LONGEST_ANSWER else None
