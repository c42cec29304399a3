"""What a `.dvc` file names to its bytes: from the working tree where they are those, else from DVC's cache.

Neither DVC nor its remotes are asked: what is in neither place is `dvc pull`'s to bring.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.datasets.digest import digest_with
from gitexp.datasets.sources.dvcfile import DvcOut, load_dvc
from gitexp.datasets.sources.looks import DVC
from gitexp.datasets.walk import Problem, walk
from gitexp.errors import Refused, beyond
from gitexp.record.manifest import display
from gitexp.regularfile import read_regular

LARGEST_LIST = 1 << 30
SHOWN = 20
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


class Located(NamedTuple):
    """A file that has the bytes of a part."""

    path: bytes  # in the dataset
    place: Path
    digest: str  # xxh128, 32 hexadecimal digits
    size: int


class Part(NamedTuple):
    """One file of the dataset, as the list of files names it."""

    path: bytes
    md5: str


def read_dvc_file(path: Path) -> DvcOut:
    """What the file names. Raises Refused."""
    try:
        return load_dvc(read_regular(path), where=display(os.fsencode(path)))
    except OSError as error:
        raise Refused(f"{display(os.fsencode(path))} cannot be read: {error.strerror}") from error


def find_cache(dvc_file: Path, *, root: Path) -> Path:
    """The cache of the DVC project around the file. Raises Refused where there is none up to the repository's root."""
    for folder in (above for above in dvc_file.parents if above.is_relative_to(root)):
        project = folder / ".dvc"
        if project.is_dir():
            return _cache_dir(project)
    raise Refused(
        f"{display(os.fsencode(dvc_file))} belongs to no DVC project",
        why=f"There is no folder .dvc beside or above it, up to {root}",
        fix="dvc init    or name the data itself as the dataset's path",
    )


def _cache_dir(project: Path) -> Path:
    import configparser

    found = "cache"
    for name in ("config", "config.local"):  # what is local wins
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(read_regular(project / name).decode())
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            raise Refused(f"{project / name} cannot be read: {str(error).splitlines()[0]}") from error
        found = parser.get("cache", "dir", fallback=found).strip("\"'")
    # Relative to the file that says so, which lies in the project's folder.
    return Path(os.path.normpath(project / Path(found).expanduser()))


def _places(cache: Path, name: str) -> tuple[Path, Path]:
    """Where an object may lie: old versions of DVC kept them in the cache's top folder."""
    below = f"{name[:2]}/{name[2:]}"
    return cache / "files" / "md5" / below, cache / below


def parts_of(out: DvcOut, lies_at: Path, cache: Path) -> list[Part]:
    """The files that the out consists of; a single file is one part, by its name. Raises Refused."""
    if not out.is_folder:
        return [Part(os.fsencode(lies_at.name), out.md5)]
    for place in _places(cache, f"{out.md5}.dir"):
        try:
            content = read_regular(place) if place.stat().st_size <= LARGEST_LIST else b""
        except OSError:
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == out.md5:
            return _parse_list(content, place)
    parts = _list_of(lies_at, dos2unix=out.dos2unix) if lies_at.is_dir() else []
    if _digest_of_list(parts) == out.md5:
        return parts
    raise _absent(lies_at, [f"  the list of its files, {out.md5}.dir"], cache)


def _parse_list(content: bytes, place: Path) -> list[Part]:
    wrong = Refused(f"{place} is no list of files as DVC writes it", fix="dvc fetch    (after removing that file)")
    try:
        found: Any = json.loads(content)
        parts = [Part(entry["relpath"].encode("utf-8", "surrogatepass"), entry["md5"]) for entry in found]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise wrong from error
    if any(
        not isinstance(part.md5, str) or len(part.md5) != 32 or part.md5.strip("0123456789abcdef") for part in parts
    ):
        raise wrong
    return parts


def _list_of(folder: Path, *, dos2unix: bool) -> list[Part]:
    """The list that DVC would make of a folder as it is."""
    found = walk(os.fsencode(folder))
    return sorted(
        Part(one.relative, _hash(Path(os.fsdecode(one.path)), dos2unix=dos2unix)[0])
        for one in found
        if not isinstance(one, Problem)
    )


def _digest_of_list(parts: list[Part]) -> str:
    ordered = sorted(parts, key=lambda part: part.path.split(b"/"))
    table = [{"md5": part.md5, "relpath": part.path.decode("utf-8", "surrogateescape")} for part in ordered]
    return hashlib.md5(json.dumps(table, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def locate(out: DvcOut, parts: list[Part], lies_at: Path, cache: Path) -> Iterator[Located]:
    """For each part a file with its bytes, verified by md5. At the end raises Refused, naming all that are nowhere."""
    absent: list[str] = []
    for part in parts:
        here = lies_at / os.fsdecode(part.path) if out.is_folder else lies_at
        found = next((one for place in (here, *_places(cache, part.md5)) if (one := _at(place, part, out))), None)
        if found:
            yield found
        else:
            absent.append(f"  {display(part.path)}")
    if absent:
        raise _absent(lies_at, absent, cache)


def _at(place: Path, part: Part, out: DvcOut) -> Located | None:
    try:
        if not place.is_file():
            return None
        md5, digest, size = _hash(place, dos2unix=out.dos2unix)
    except OSError:  # what cannot be read is not here
        return None
    return Located(part.path, place, digest, size) if md5 == part.md5 else None


def _absent(lies_at: Path, lines: list[str], cache: Path) -> Refused:
    import shlex

    more = beyond(len(lines), SHOWN)
    name = display(os.fsencode(lies_at))
    return Refused(
        f"The bytes of {name} are not here",
        details=[*lines[:SHOWN], *more],
        why=f"They are neither at their place, with the md5 that the .dvc file states, nor in {cache}",
        fix=f"dvc pull {shlex.quote(name + DVC)}    (then run the command again)",
    )


def _hash(path: Path, *, dos2unix: bool) -> tuple[str, str, int]:
    """md5 as DVC computes it, xxh128, and size. With `dos2unix` as it did before version 3: LF for CR LF in what looks
    like text; DVC reads blocks of 1 MiB as well, and each is looked at alone."""
    md5 = hashlib.md5(usedforsecurity=False)

    def update(block: memoryview) -> None:
        is_text = dos2unix and _looks_like_text(bytes(block[:512]))
        md5.update(bytes(block).replace(b"\r\n", b"\n") if is_text else block)

    seen = digest_with(os.fsencode(path), update)
    return md5.hexdigest(), seen.digest, seen.size


def _looks_like_text(block: bytes) -> bool:
    return b"\0" not in block and len(block.translate(None, _TEXT)) <= 0.30 * len(block)
