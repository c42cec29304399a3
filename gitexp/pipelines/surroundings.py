"""What a rerun's program computes with: interpreter, variables, packages, machine, held against the recorded ones.

Everything that can be known is known before anything starts, and nothing of the code is executed for it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gitexp
from gitexp.errors import Refused
from gitexp.git.repo import Repo
from gitexp.history.inputs import other_environment
from gitexp.history.read import Run
from gitexp.record.environment import environment_class, in_code
from gitexp.regularfile import read_regular
from gitexp.stages.ask import Present, Sought, ask, machine
from gitexp.stages.imports import Elsewhere, elsewhere, modules_of, names_in, start_of
from gitexp.stages.rebuild import Environment
from gitexp.stages.suffice import Need, lacking
from gitexp.text.schema import escaped
from gitexp.worker.interpreter import Found, from_argv
from gitexp.worker.probe import FLAGS, LOCALE, THREADS, looks_secret

MOST_NAMED = 12  # facts of a group that differ, of which each has a line
BUILDS = ("cuda", "hip")  # what torch was built for: no hardware, though it stands there
MOST_OF_A_SCRIPT = 1 << 16  # bytes
MOST_SHOWN = 200  # characters of one
# A recorded value may be anybody's: one that names a file of this machine's is not given to a program here.
_PLAIN = r"(?!.*(^|[^A-Za-z0-9])/)(?!.*\.\.)[\x20-\x7e]{0,200}"
USUAL = {"threads": THREADS, "flags": FLAGS, "locale": LOCALE}
PLACES = ("_VISIBLE_DEVICES", "GOMP_CPU_AFFINITY")  # which of what this machine has, and not how much


class Asked(NamedTuple):
    """Whose environment is aimed at, and what would run where. `own`: this clone recorded it itself."""

    run: Run
    argv: tuple[str, ...]
    cwd: Path
    tree: Repo  # where the code was laid out
    code: str
    home: Repo  # the user's own working tree
    own: bool
    env: Mapping[str, str] = {}  # that the recipe sets
    named: str = ""  # text in which modules are named: the recipe
    variables: Sequence[str] = ()  # that are recorded beside the usual ones


class Surroundings(NamedTuple):
    """What the program gets beside what every program does, and what there is to say of it."""

    argv: tuple[str, ...]
    env: Mapping[str, str | None]  # None: is not to be there
    lines: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    strange: tuple[str, ...] = ()  # modules of the code that come from elsewhere
    environment: Environment | None = None  # the recorded one, which `entered` enters

    @property
    def is_to_be_made(self) -> bool:
        """Whether the recorded environment is not there yet."""
        return self.environment is not None and self.environment.uv is not None


def surroundings(asked: Asked) -> Surroundings:
    """The present environment, as this program would find it, beside the recorded one."""
    argv, how = _program_here(asked)
    env: dict[str, str | None] = {
        name: value
        for name, value in recorded_variables(asked.run).items()
        if name not in os.environ and name not in asked.env
    }
    found, lines = looked_at(asked._replace(argv=argv), env)
    names = [told("given", f"{name}={escaped(value)}, as recorded") for name, value in env.items() if value]
    return Surroundings(argv, env, (*how, *names, *lines), found[0], found[1])


def lacks(needs: Sequence[Need], run: Run, *, command: str) -> Refused | None:
    """What to say where something is lacking without which the program cannot do the same."""
    musts = [need for need in needs if need.must]
    if not musts:
        return None
    return Refused(
        f"Run {run.record.id if run.record else run.commit[:10]} needs what is not here",
        details=[f"  {need.words}" for need in musts],
        fix="\n".join([*dict.fromkeys(need.fix for need in musts), f"to try all the same:  {command}"]),
    )


def whole_of(asked: Asked, env: Mapping[str, str | None]) -> dict[str, str]:
    """The whole environment of the program, but for what says which run it is."""
    return {name: value for name, value in {**os.environ, **env, **asked.env}.items() if value is not None}


def harmless(asked: Asked, env: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, str]]:
    """The environment to ask an interpreter in, before anybody has said yes; and what is told to it instead.

    By the recipe's variables (LD_PRELOAD), and by a folder of the code in PYTHONPATH, it would execute what lies there.
    """
    whole, names = whole_of(asked, env), " ".join(USUAL.values()).split()
    plain = {n: v for n, v in asked.env.items() if n in names and re.fullmatch(_PLAIN, v)}
    start = {**whole_of(asked._replace(env={}), env), **plain}
    if "PYTHONPATH" in start:
        entries = start["PYTHONPATH"].split(os.pathsep)
        start["PYTHONPATH"] = os.pathsep.join(e for e in entries if e and not _is_in(asked.cwd / e, asked.tree.root))
    told = (n for n in ("PYTHONPATH", *names, *asked.variables) if n in whole and whole[n] != start.get(n))
    return start, {n: "" if looks_secret(n) else whole[n] for n in told}


def _is_to_be_asked(found: Found, asked: Asked, start: Mapping[str, str]) -> bool:
    """Whether nobody but the user can have made this interpreter what it is.

    One in the code, or in the user's clone of it, is its author's, unless PATH or an own record leads to it.
    """
    path, root = found.path, asked.tree.root
    first = from_argv(list(asked.argv), dict(start), str(asked.cwd))
    if first is None or first.path != path or _is_in(Path(path), root):
        return False
    if found.is_r and any(os.path.lexists(asked.cwd / name) for name in (".Rprofile", ".Renviron")):
        return False  # R reads them before anything else
    chosen = path == shutil.which(os.path.basename(path), path=start.get("PATH"))  # noqa: PTH119
    if chosen or (asked.own and path == asked.argv[0]):
        return True
    moving = {"..", "proc"} & {*path.split("/")}  # another file, seen from another folder
    return not moving and not any(_is_in(Path(path), place) for place in (asked.home.root, asked.home.common_dir))


def _is_in(path: Path, root: Path) -> bool:
    """Whether it lies there, or leads there."""
    return within(str(path), root) or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def looked_at(
    asked: Asked, env: Mapping[str, str | None]
) -> tuple[tuple[tuple[Need, ...], tuple[str, ...]], list[str]]:
    """What is lacking, which modules come from elsewhere; and lines: of them, and of what differs."""
    whole, root = whole_of(asked, env), asked.tree.root
    begun = start_of(asked.argv, cwd=asked.cwd, root=root)
    found = from_argv(list(asked.argv), whole, str(asked.cwd))
    on_path = [asked.cwd / entry for entry in whole.get("PYTHONPATH", "").split(os.pathsep) if entry]
    script, imported = _script_of(asked, whole) if found is not None and found.how == "shebang" else (None, "")
    text = "\n".join([*asked.argv, asked.named, imported])
    start, told_it = harmless(asked, env)
    own = found is not None and not _is_to_be_asked(found, asked, start)
    python = found is not None and not found.is_r and not own
    modules = (
        modules_of(asked.tree, asked.code, tree=root, begun=begun, cwd=asked.cwd, on_path=on_path, named=text)
        if python
        else {}
    )
    if script is not None and names_in(imported) & {*modules}:  # a command of the code's own, as pip installs it
        begun = begun._replace(first=Path(os.path.realpath(script)).parent)
    how = Sought(tuple(modules), begun.first, begun.options)
    present = (
        Present(None, machine(env=start, cwd=asked.cwd, variables=asked.variables, withheld=told_it))
        if own  # it does nothing yet
        else ask(asked.argv, env=start, cwd=asked.cwd, variables=asked.variables, withheld=told_it, sought=how)
    )
    there = in_code(present.environment, root=str(root), cwd=os.path.relpath(asked.cwd, root))
    others = elsewhere(present.modules, modules, tree=root, ours=Path(gitexp.__file__).parent)
    needs = lacking(asked.run, there)
    lines = [
        *differences(asked.run, there, packages=present.path is not None),
        *_imports(others, known=python and present.path is not None),
    ]
    strange = tuple(one.words for one in others if not one.installed)
    return (tuple(needs), strange), [*lines, *(told("warning", need.words) for need in needs if not need.must)]


def _script_of(asked: Asked, whole: Mapping[str, str]) -> tuple[str | None, str]:
    """The script that the program is, and its text."""
    path = shutil.which(asked.cwd / asked.argv[0] if os.sep in asked.argv[0] else asked.argv[0], path=whole.get("PATH"))
    try:
        return path, read_regular(path, most=MOST_OF_A_SCRIPT).decode("utf-8", "replace") if path else ""
    except OSError:
        return path, ""


# ---- which program, with which variables


def _program_here(asked: Asked) -> tuple[tuple[str, ...], list[str]]:
    """The command with a program that is here, and what to say of it where the recorded one is not."""
    name, base = asked.argv[0], os.path.basename(asked.argv[0])  # noqa: PTH119 -- of another machine
    if os.sep not in name:
        return asked.argv, []
    if within(str(asked.cwd / name), asked.tree.root) and os.access(asked.cwd / name, os.X_OK):
        return asked.argv, []
    if not os.path.isabs(name):  # noqa: PTH117 -- of another machine
        beside = (
            asked.home.root / os.path.relpath(asked.cwd, asked.tree.root) / name
        )  # .venv/bin/python, which git ignores
    else:
        beside = Path(name)
    if asked.own and beside.is_file() and os.access(beside, os.X_OK):
        return (str(beside), *asked.argv[1:]), []
    names = [base, "python3", "python"] if base.startswith("python") else [base]
    here = next(filter(None, map(shutil.which, names)), None)
    if here is None:
        raise Refused(
            f"{escaped(name)}, which the run was started with, is not here, nor is {escaped(base)} on PATH",
            fix="activate the environment that has it, or let uv make the recorded one:  --env",
        )
    return (here, *asked.argv[1:]), [told("program", f"{here}, in place of {escaped(name)}")]


def recorded_variables(run: Run) -> dict[str, str]:
    """Those on which threads, determinism and language depend, of the usual names alone, and with plain values."""
    found = {}
    for table, usual in USUAL.items():
        stated = (run.environment or {}).get(table)
        for name, value in stated.items() if isinstance(stated, Mapping) else ():
            plain = isinstance(value, str) and re.fullmatch(_PLAIN, value) is not None
            if name in usual.split() and not name.endswith(PLACES) and plain:
                found[name] = value
    return found


# ---- in words


def told(label: str, text: str) -> str:
    """A line of the plan."""
    return f"  {label:<9} {text}"


def matters(line: str) -> bool:
    """Whether it tells of something by which the same program may compute something else: all but the language."""
    words = line.split()
    about = words[1] if words[:1] == ["differs"] and len(words) > 2 else ""
    return about in ("interpreter", "package", "machine") or (about == "variable" and words[2] not in LOCALE.split())


def differences(run: Run, there: Mapping[str, Any], *, packages: bool) -> list[str]:
    """What is not as recorded. `packages`: whether the interpreter that will compute has told its own."""
    found = other_environment(run, there)
    if found is None:
        return [told("env", "that of the run is not recorded")]
    unknown = []
    if not packages:
        found = {name: pairs for name, pairs in found.items() if name not in ("interpreter", "packages")}
        found["hardware"] = {name: pair for name, pair in found.get("hardware", {}).items() if name not in BUILDS}
        unknown = [told("env", "interpreter and packages: which would compute is known once it runs")]
    lines = []
    classes = [escaped(one) for one in (run.hardware, environment_class(there))]
    if classes[0] != classes[1]:
        lines.append(told("differs", f"machine {classes[0]} → {classes[1]}"))
    for group, pairs in found.items():
        shown = list(pairs.items())
        what = "package" if group == "packages" else "variable" if group in ("flags", "locale") else group
        for name, (old, new) in shown[:MOST_NAMED]:
            lines.append(told("differs", f"{what} {escaped(str(name))} {_value(old)} → {_value(new)}"))
        if len(shown) > MOST_NAMED:
            lines.append(told("differs", f"{len(shown) - MOST_NAMED} more of {group}"))
    return [*(lines or ([] if unknown else [told("env", "as recorded")])), *unknown]


def _imports(others: Sequence[Elsewhere], *, known: bool) -> list[str]:
    lines = [told("imports", escaped(one.words)) for one in others[:MOST_NAMED]]
    if any(not one.installed for one in others):
        why = "so another code would compute, and the verdict is failed: --env gives it the recorded environment"
        lines.append(told("", why))
    return lines if known else [told("imports", "not looked at")]


def _value(one: object) -> str:
    return "not there" if one is None else escaped(str(one))[:MOST_SHOWN]


def within(path: str, root: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(root)  # noqa: PTH100 -- links are for whoever made the environment
