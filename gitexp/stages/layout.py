"""The data.toml and manifests of a run folder, laid out as a record holds them: whole, or in parts.

A long manifest that git holds from an earlier run is only named: a million files cost no more than a few.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp import runfolder
from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import Laid, is_whole
from gitexp.git.repo import Repo
from gitexp.record.manifest import PART_LINES, SHA256, XXH128, split_parts
from gitexp.regularfile import read_regular

if TYPE_CHECKING:
    from gitexp.datasets.statcache import StatCache

SHORTEST_LINE = 36  # bytes: a digest, two blanks, a name, a line feed


def lay_out_data(repo: Repo, folder: Path, *, cache: StatCache | None, digests: Mapping[str, str]) -> Laid:
    """`digests`: of the manifests, by file name. `cache`: which trees are known to hold one."""
    files: dict[str, Path] = {}
    trees: dict[str, str] = {}
    for path in sorted((folder / runfolder.DATA).iterdir()):
        name = f"data/{path.name}"
        if path.name == "data.toml":
            files[path.name] = path
        elif path.stat().st_size <= PART_LINES * SHORTEST_LINE:
            files[name] = path
        else:
            oid = cache.stored_oid(digests[path.name]) if cache is not None and path.name in digests else None
            if oid is not None and is_whole(repo, oid):
                trees[name] = oid
            else:
                files |= _in_parts(path, name, folder / runfolder.RECORD / path.name)
    return Laid(files, trees)


def _in_parts(path: Path, name: str, target: Path) -> dict[str, Path]:
    parts = split_parts(read_regular(path), algorithm=SHA256 if path.suffix == ".sha256" else XXH128)
    if parts is None:
        return {name: path}
    target.mkdir(parents=True, exist_ok=True)
    files = {}
    for number, part in enumerate(parts):
        file = target / f"{number:06d}"
        file.write_bytes(part)
        files[f"{name}/{file.name}"] = file
    return files


def note_stored(repo: Repo, commit: str, laid: Laid, *, cache: StatCache | None, digests: Mapping[str, str]) -> None:
    """Remember which trees hold the long manifests that were just recorded."""
    new = sorted({name.rpartition("/")[0] for name in laid.files if name.count("/") == 2})
    if cache is None or not new:
        return
    with ObjectReader(repo) as reader:
        for name in new:
            digest, found = digests.get(name.removeprefix("data/")), reader.find(f"{commit}:{name}")
            if digest is not None and found is not None:
                cache.note_stored(digest, found[0])
