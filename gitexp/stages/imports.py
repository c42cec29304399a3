"""Which modules of a code tree a program may import, and which of them it would get from somewhere else.

Names come from git, places from the interpreter (`modules` of worker/probe.py). Nothing of the code is imported, so a
module counts where a Python file of the code has an import of it, or the command or the recipe names it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.git.repo import Repo, finish, finish_answer, start
from gitexp.worker.interpreter import looks_like_python

MOST = 2000  # modules that are looked for
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_IMPORT = (
    r"^[[:space:]]*(from|import)[[:space:]]+[A-Za-z_][A-Za-z0-9_.]*"
    r"([[:space:]]+as[[:space:]]+[A-Za-z_0-9]+)?([[:space:]]*,[[:space:]]*[A-Za-z_][A-Za-z0-9_.]*)*"
)
_NAMED = rf"\b(?:import|from) +({_NAME})|\b({_NAME})[.:][A-Za-z_]"  # `use = "mine.models:Net"` of a recipe
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_THAT_MATTER = "EIPsS"  # of Python's options, for where it looks for modules


class Start(NamedTuple):
    """How a Python begins: the folder that comes first in its path, its options, the module that `-m` names."""

    first: Path | None
    options: tuple[str, ...] = ()
    module: str | None = None


class Module(NamedTuple):
    """Of the code. `sure`: a folder that Python's path has, or that projects have there, leads to it."""

    places: tuple[str, ...]  # its file or folder; several may have one name
    sure: bool


class Elsewhere(NamedTuple):
    """A module of the code that would come from another place."""

    name: str
    code: str  # its file, or folder, in the code
    found: str
    installed: bool  # among the interpreter's own packages, as a copy

    @property
    def words(self) -> str:
        """For a person, and for the verdict."""
        return f"{self.name} would be imported from {self.found}, not from {self.code} of the code"


def start_of(argv: Sequence[str], *, cwd: Path, root: Path) -> Start:
    """What a command line says of it. `root`: of the code; a script that lies there counts, whoever starts it."""
    options: list[str] = []
    module, words = None, iter(argv[1:] if looks_like_python(argv[0]) else ())
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith(("--", "-W", "-X")):
            parts = re.fullmatch(r"-([^mc]*)([mc]?)(.*)", word, re.DOTALL)
            letters, end, rest = parts.groups() if parts else ("", "", "")
            options += [f"-{letter}" for letter in letters if letter in _THAT_MATTER]
            if end == "m":
                module = rest or next(words, "")
            if end or not letters:
                break
    scripts = (cwd / word for word in argv[1:] if word.endswith(".py"))
    script = next((s for s in scripts if s.is_file() and _within(s, root)), None)
    own = module is not None and any((cwd / module.partition(".")[0]).with_suffix(end).exists() for end in ("", ".py"))
    first: Path | None = Path(os.path.realpath(script)).parent if script and not own else cwd
    if os.environ.get("PYTHONSAFEPATH") or {"-I", "-P"} & {*options}:
        first = None
    return Start(first, tuple(options), module)


def modules_of(
    repo: Repo, code: str, *, tree: Path, begun: Start, cwd: Path, on_path: Iterable[Path], named: str
) -> dict[str, Module]:
    """The modules that may be imported, by name. `tree`: where the code's files are; `on_path`: folders of PYTHONPATH;
    `named`: text (command, recipe) whose `package.module` count as imports."""
    listing = start(repo.root, "ls-tree", "-r", "-z", "--name-only", code)
    grep = start(repo.root, "grep", "--no-color", "-hoIE", _IMPORT, code, "--", "*.py")
    paths = os.fsdecode(finish(listing)).split("\0")
    imported = {*_top_level(os.fsdecode(finish_answer(grep)[1]))}
    imported |= names_in(named)
    if begun.module:
        imported.add(begun.module.partition(".")[0])
    known = (os.path.relpath(place, tree) for place in (begun.first, cwd, *on_path) if place and _within(place, tree))
    projects = {posixpath.dirname(path) for path in paths if posixpath.basename(path) in _PROJECT}
    roots = {
        *("" if one == "." else one for one in known),
        *projects,
        "",
        *(posixpath.join(one, "src") for one in projects),
    }
    packages = {posixpath.dirname(path) for path in paths if path.endswith("/__init__.py")}
    found: dict[str, Module] = {}
    for path in paths:
        for name, place, base in _modules(path, packages) if path.endswith(".py") else ():
            if name.partition(".")[0] in imported and len(found) < MOST:
                before = found.get(name, Module((), sure=False))
                found[name] = Module((*before.places, place), sure=before.sure or base in roots)
    return found


def names_in(text: str) -> set[str]:
    """What it imports, or names as a module."""
    return {name for match in re.finditer(_NAMED, text) for name in match.groups() if name}


def _modules(path: str, packages: set[str]) -> Iterator[tuple[str, str, str]]:
    """What a file may be part of: by which name, its file or package, below which folder of Python's path."""
    place = path
    while posixpath.dirname(place) in packages:
        place = posixpath.dirname(place)
    parts = place.removesuffix(".py").split("/")
    for at in reversed(range(len(parts))):
        if re.fullmatch(_NAME, parts[at]) is None or parts[at] == "__init__":
            break
        yield ".".join(parts[at:]), place, "/".join(parts[:at])


def elsewhere(
    found: Mapping[str, Sequence[str]], modules: Mapping[str, Module], *, tree: Path, ours: Path | None
) -> list[Elsewhere]:
    """Those of the modules that would not come from the code. `ours`: the gitexp that runs, which is nobody's copy."""
    strange = []
    for name, places in found.items():
        outside = [place for place in places if posixpath.isabs(place) and not _within(Path(place), tree)]
        if name in modules and outside and not (ours and _within(Path(outside[0]), ours)):
            one, parts = modules[name], Path(os.path.realpath(outside[0])).parts  # a link leads to what is imported
            copy = next((p for p in one.places if f"{outside[0]}/".endswith((f"/{p}/", f"/{p}/__init__.py/"))), None)
            installed = "site-packages" in parts or "dist-packages" in parts or _standard(outside[0])
            if one.sure or copy:
                strange.append(Elsewhere(name, copy or one.places[0], outside[0], installed))
    return strange


def _top_level(lines: str) -> Iterable[str]:
    """The names that `from a.b`, `import a, b.c` begin with."""
    for line in lines.splitlines():
        for part in line.split(None, 1)[1].split(","):
            yield part.split()[0].partition(".")[0]


def _standard(place: str) -> bool:
    """Whether it lies in a Python's standard library."""
    return re.search(r"/lib(64)?/(python|pypy)[0-9.]+/", place) is not None


def _within(place: Path, root: Path) -> bool:
    return Path(os.path.realpath(place)).is_relative_to(os.path.realpath(root))
