"""Make the recorded Python and packages again, with uv, as a virtual environment that is kept under its digest.

Planned first, so that it can be said what is fetched and from where; then built beside, and renamed into place whole.
uv works as its own configuration says, apart from any project: a repository's settings are somebody else's.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from gitexp.errors import Refused, counted
from gitexp.record.requirements import Requirements
from gitexp.removal import remove_tree
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.git.repo import Repo

FOLDER = "environments"  # in the place that all working trees of a clone share; a cache
FILE = "gitexp-requirements.txt"  # in an environment: what uv was given
LIMIT_S = 60.0  # for a question to uv
USUAL = "https://pypi.org/simple"
_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_KEYS = ("index-url", "extra-index-url", "index", "find-links")  # of uv.toml, which mean the same


class Environment(NamedTuple):
    """An environment that is there, or is to be made. `uv`, `python`: what makes it; None: it is there."""

    folder: Path
    requirements: Requirements
    uv: str | None = None
    python: str | None = None
    lines: tuple[str, ...] = ()  # what would be done, for whoever is to allow it

    @property
    def interpreter(self) -> Path:
        return self.folder / "bin" / "python"


def planned(repo: Repo, requirements: Requirements, *, implementation: str, version: str) -> Environment:
    """The environment of these packages. Raises Refused where nobody here could make it."""
    folder = repo.common_dir / "gitexp" / FOLDER / _digest(implementation, version, requirements)
    made = Environment(folder, requirements)
    many = len(requirements.pinned) + len(requirements.sources) + sum(map(len, requirements.builds.values()))
    what = f"Python {escaped(version)} and {counted(many, 'package')}"
    if os.access(made.interpreter, os.X_OK):
        return made._replace(lines=(f"{what}, as they were built before in {folder}",))
    uv = shutil.which("uv")
    if uv is None:
        raise Refused(
            "uv was not found on PATH",
            why="--env makes the recorded environment with it.",
            fix="python3 -m pip install uv    or leave out --env: then the present environment computes",
        )
    python, how = _python(uv, implementation, version)
    lines = [f"{what} would be installed by uv in {folder}", how, *_sources(requirements)]
    return made._replace(uv=uv, python=python, lines=tuple(lines))


def build(environment: Environment, *, beside: Path, lock: int) -> None:
    """Make it, where it is not there: in the folder `beside`, whose lock uv keeps while it lives. Raises Refused.

    uv says on our stderr how far it is.
    """
    if environment.uv is None:
        return
    with open(os.dup(2), "wb") as talk:
        _make(environment, beside / FOLDER, lock=lock, talk=talk)
    _put_in_place(beside / FOLDER, environment)


def _make(environment: Environment, new: Path, *, lock: int, talk: BinaryIO) -> None:
    wanted = environment.requirements
    made = ("venv", "--quiet", "--no-project", "--relocatable", "--python", str(environment.python), str(new))
    _uv(environment, *made, lock=lock, talk=talk)
    listed = new / FILE
    listed.write_text("".join(f"{line}\n" for line in (*wanted.pinned, *wanted.sources)), encoding="utf-8")
    install = ("pip", "install", "--no-deps", "--python", str(new / "bin" / "python"))
    for index, builds in wanted.builds.items():
        with open(os.devnull, "wb") as nowhere:  # first as uv is configured: the lab's own index may have them
            code = _ended(environment, *install, *builds, lock=lock, talk=nowhere)
        if code:
            _uv(environment, *install, "--index", index, *builds, lock=lock, talk=talk)
    if wanted.pinned or wanted.sources:
        _uv(environment, *install, "--requirements", str(listed), lock=lock, talk=talk)


def _put_in_place(new: Path, environment: Environment) -> None:
    environment.folder.parent.mkdir(exist_ok=True)
    if environment.folder.exists() and not os.access(environment.interpreter, os.X_OK):
        remove_tree(environment.folder)  # the Python that it led to is gone
    try:
        new.rename(environment.folder)
    except OSError:
        if not os.access(environment.interpreter, os.X_OK):  # else another command was faster
            raise


def _uv(environment: Environment, *args: str, lock: int, talk: BinaryIO) -> None:
    code = _ended(environment, *args, lock=lock, talk=talk)
    if code:
        raise Refused(
            f"uv could not make the recorded environment (uv {args[0]}, exit code {code}); nothing ran",
            why="What it says above names what could not be had.",
            fix="without --env the present environment computes, and what differs is part of the verdict",
        )


def _ended(environment: Environment, *args: str, lock: int, talk: BinaryIO) -> int:
    from gitexp.executors.beside import run_to_end

    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return run_to_end([str(environment.uv), *args], cwd=Path("/"), env=env, output=talk, keep=(lock,))


# ---- what would be done


def _python(uv: str, implementation: str, version: str) -> tuple[str, str]:
    """What uv is to be asked for, and a line about it."""
    exact = f"{implementation}@{version}"
    ours = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    if exact == f"{sys.implementation.name}@{platform.python_version()}" and os.access(ours, os.X_OK):
        return str(ours), f"Python {version} is {escaped(str(ours))}"  # uv would look at each that PATH has
    path = _asked(uv, "find", "--no-project", "--system", "--no-python-downloads", exact)
    if path:
        return path, f"Python {version} is {escaped(path)}"
    if not _offline() and _asked(uv, "list", "--only-downloads", exact):
        return exact, f"Python {version} would be downloaded by uv"
    minor = f"{implementation}@{'.'.join(version.split('.')[:2])}"
    path = _asked(uv, "find", "--no-project", "--system", "--no-python-downloads", minor)
    if path:
        return path, f"Python {version} cannot be had; {escaped(path)} takes its place"
    raise Refused(
        f"Python {escaped(version)} ({escaped(implementation)}) is not here, and uv cannot download it",
        fix=f"uv python install {escaped(version)}    or leave out --env: then the present environment computes",
    )


def _offline() -> bool:
    return os.environ.get("UV_OFFLINE", "").lower() not in ("", "0", "false")


def _asked(uv: str, *args: str) -> str:
    """The first line of what `uv python` answers; empty: nothing."""
    try:
        done = subprocess.run(
            [uv, "python", *args], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(done.stdout).partition("\n")[0].strip() if done.returncode == 0 else ""


def _sources(requirements: Requirements) -> Iterator[str]:
    if requirements.pinned or requirements.builds:
        places = dict.fromkeys(place for place in _configured() if "://" not in place or not _offline())
        yield "packages come from uv's cache" + (f", else from {escaped(', '.join(places))}" if places else "")
    for index, builds in requirements.builds.items():
        yield f"{', '.join(builds)}: where those lack it, from {index}"
    for source in requirements.sources:
        yield f"fetched and built, which runs its code: {escaped(source)}"


def _configured() -> Iterator[str]:
    """The places where uv is told to look for packages, without credentials."""
    from gitexp.worker.probe import public

    words = {name: os.environ.get(name, "").replace(",", " ").split() for name in _INDEXES}
    stated = [word.partition("=")[2] or word for name in _INDEXES for word in words[name]]
    default = bool(words["UV_DEFAULT_INDEX"] or words["UV_INDEX_URL"])
    for table in _files():
        for key in _KEYS:
            value = table.get(key)
            for one in value if isinstance(value, list) else [value]:
                url = one.get("url") if isinstance(one, Mapping) else one
                stated += [url] if isinstance(url, str) else []
                default |= isinstance(url, str) and (
                    key == "index-url" or (isinstance(one, Mapping) and one.get("default") is True)
                )
        default |= table.get("no-index") is True
    yield from (public(url) for url in (*stated, *([] if default else [USUAL])))


def _files() -> Iterator[Mapping[str, Any]]:
    from gitexp.regularfile import read_regular
    from gitexp.text import toml

    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    for path in (os.environ.get("UV_CONFIG_FILE"), f"{home}/uv/uv.toml", "/etc/uv/uv.toml"):
        try:
            found = toml.loads(read_regular(path, most=1 << 20).decode()) if path else {}
        except (OSError, ValueError):
            continue
        yield found
        if isinstance(found.get("pip"), Mapping):
            yield found["pip"]


def _digest(implementation: str, version: str, requirements: Requirements) -> str:
    from hashlib import sha256

    machine = os.uname()
    said = (implementation, version, machine.sysname, machine.machine, requirements[:3])
    return sha256(repr(said).encode("utf-8", "surrogateescape")).hexdigest()[:32]
