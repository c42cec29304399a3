"""requirements.txt: what the probe said as lines that pip takes, and back, of a file that anybody may have written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitexp.record.environment import UNKNOWN, commit_of, table_of

MOST_LINES = 20_000


class Requirements(NamedTuple):
    """A requirements.txt, as far as gitexp writes such: nothing else of it is ever handed to a program."""

    pinned: tuple[str, ...] = ()  # `name==version`
    builds: Mapping[str, tuple[str, ...]] = {}  # torch's own, by the index that has them
    sources: tuple[str, ...] = ()  # `name @ url`
    lacking: Mapping[str, str] = {}  # by name: what could not be written so that pip finds it, and why
    remarks: tuple[str, ...] = ()  # what is not quite the same


def requirements(document: Mapping[str, Any]) -> str:
    """The text of requirements.txt. What an index cannot give back is a comment that says why."""
    result = table_of(document, "result")
    packages, python = result.get("packages"), table_of(result, "interpreter").get("version")
    if not isinstance(packages, Mapping) or not isinstance(document.get("probed"), str):
        return "# The packages of this run are unknown: no Python of the program's was asked.\n"
    if table_of(result, "interpreter").get("implementation") == "R":
        return "# This run's R and its packages are in environment.toml; none of them is installed by pip.\n"
    lines = ["# What this run's Python had installed, for `pip install -r requirements.txt`."]
    if isinstance(python, str) and python.replace(".", "").isalnum() and python.isascii():
        lines.append(f"# It was Python {python}.")
    found = [_requirement(str(name), stated) for name, stated in sorted(packages.items())]
    return "\n".join([*lines, *_indexes(table_of(result, "indexes"), found), *found]) + "\n"


# torch's own builds for a kind of machine: the one index beside the usual that everybody can reach and many need.
_TORCH = r"(?:torch|torchvision|torchaudio)==[0-9A-Za-z.!_-]+\+(?P<build>cpu|cu\d+|rocm[\d.]+|xpu)"
_TORCH_INDEX = "https://download.pytorch.org/whl/"


def _indexes(stated: Mapping[str, Any], found: list[str]) -> Iterator[str]:
    from re import fullmatch

    more = stated.get("extra_index_urls")
    for url in [stated.get("index_url"), *(more if isinstance(more, list) else [])]:
        if isinstance(url, str):  # of the lab that ran it: who repeats the run may not reach it
            yield _comment(f"pip was told to look at {url}")
    for build in dict.fromkeys(match["build"] for match in (fullmatch(_TORCH, line) for line in found) if match):
        yield f"--extra-index-url {_TORCH_INDEX}{build}"


_NAME = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_VERSION = (
    r"(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?"
)
# What setuptools-scm and the like append to a build from a checkout; an index never has these.
_FROM_CHECKOUT = r"(.*\.)?(g(it)?[0-9a-f]{6,}|d\d{8}|dirty)(\..*)?"
_SOURCE = r"(?:(?:git|hg|bzr|svn)\+)?(?:https?|ssh|git)://[!\"%-~]+(?:#[A-Za-z0-9_./=&-]+)?"  # no file of this machine
_URL = r"[a-z][a-z0-9+.-]*://[!\"%-~]+"  # no "#", which begins a comment, and no "$", for which pip looks


def _requirement(name: str, stated: Any) -> str:
    from re import IGNORECASE, fullmatch

    about = stated if isinstance(stated, Mapping) else {"version": stated}
    version = str(about.get("version", UNKNOWN))
    public, _, local = version.partition("+")
    if not fullmatch(_NAME, name) or not fullmatch(_VERSION, public, IGNORECASE):
        return _comment(f"{name} {version}: not a name and version that pip knows")
    if "editable" in about:
        return _comment(f"{name}=={version}: an editable install of {about['editable']}{commit_of(about)}")
    if "path" in about:
        return _comment(f"{name}=={version}: installed from {about['path']}{commit_of(about)}")
    if "url" in about:
        return _by_url(name, version, about)
    if name == "gitexp":
        return _comment(f"gitexp=={version}: if the code needs it, see README.md")
    if fullmatch(_TORCH, f"{name}=={version}"):
        return f"{name}=={version}"
    if local and fullmatch(_FROM_CHECKOUT, local, IGNORECASE):
        return _comment(f"{name}=={version}: built from a checkout")
    return f"{name}=={public}  # it was {version}" if local and local.isprintable() else f"{name}=={public}"


def _by_url(name: str, version: str, about: Mapping[str, Any]) -> str:
    from re import fullmatch

    url, commit, system = str(about["url"]), str(about.get("commit", "")), about.get("vcs")
    pinned = fullmatch(r"[A-Za-z0-9_.-]+", commit) and system in ("git", "hg", "bzr", "svn")
    if not fullmatch(_URL, url) or (system is not None and not pinned):
        return _comment(f"{name}=={version}: installed from {url} {commit}".rstrip())
    at = f"{system}+{url}@{commit}" if pinned else url
    marks = [
        f"{key}={about[key]}"
        for key in ("sha256", "subdirectory")
        if fullmatch(r"[A-Za-z0-9_./-]+", str(about.get(key, "")))
    ]
    return f"{name} @ {at}{'#' if marks else ''}{'&'.join(marks)}"


def _comment(text: str) -> str:
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "# " + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)


def is_package(name: str, version: object) -> bool:
    """Whether these are a name and a version as packages have them."""
    from re import IGNORECASE, fullmatch

    said = isinstance(version, str) and fullmatch(_VERSION + r"(\+[a-z0-9.]+)?", version, IGNORECASE)
    return bool(fullmatch(_NAME, name) and said)


def load_requirements(text: str) -> Requirements:
    """What is to be installed, and what cannot be had, with the reason that the file gives."""
    from re import IGNORECASE, fullmatch

    pinned, sources, remarks = list[str](), list[str](), list[str]()
    builds: dict[str, tuple[str, ...]] = {}
    lacking: dict[str, str] = {}
    for line in text.splitlines()[:MOST_LINES]:
        wanted, _, remark = (part.strip() for part in line.partition("  # "))
        name, _, version = wanted.partition("==")
        if build := fullmatch(_TORCH, wanted):
            index = f"{_TORCH_INDEX}{build['build']}"
            builds[index] = (*builds.get(index, ()), wanted)
        elif fullmatch(_NAME, name) and fullmatch(_VERSION, version, IGNORECASE):
            pinned.append(wanted)
            remarks += [f"{wanted}, {remark}"] if remark else []
        elif (parts := wanted.partition(" @ "))[1] and fullmatch(_NAME, parts[0]) and fullmatch(_SOURCE, parts[2]):
            sources.append(wanted)
        elif said := fullmatch(rf"# ({_NAME})(?:==| )([^:]+: .+)", line.strip()):
            lacking[said[1]] = line.strip()[2:]
        elif wanted and not wanted.startswith(("#", f"--extra-index-url {_TORCH_INDEX}")):
            remarks.append(f"not understood: {wanted}")
    return Requirements(tuple(pinned), builds, tuple(sources), lacking, tuple(remarks))
