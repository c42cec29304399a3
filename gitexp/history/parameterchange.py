"""Say which keys of parameter files differ between the code of two runs: of params.yaml, conf/*.yaml, config.json, …

Only files that are named so, that both have, and that are small are read, out of those that are known to differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.history.codechange import FileChange
from gitexp.history.inputs import KeyChange, other_values
from gitexp.history.read import Run
from gitexp.record.metricnames import holds_settings
from gitexp.text.parameters import ENDINGS, MOST_BYTES, parameters

NOTED = "settings.toml"  # of the record: what programs noted themselves
MOST_FILES = 12
MOST_IN_ALL = 4 * MOST_BYTES  # of both runs: a second or two of parsing, whoever wrote them
_TOO_DEEP = "…"  # in place of what the reader does not take apart


class ParameterChange(NamedTuple):
    """A parameter file that differs. `keys` None: one of the two cannot be read whole; (): no value differs."""

    path: str
    keys: tuple[KeyChange, ...] | None


def parameter_changes(reader: ObjectReader, a: Run, b: Run, files: Iterable[FileChange]) -> tuple[ParameterChange, ...]:
    """What differs in the first parameter files among those of the code that differ, and in what programs noted."""
    chosen = [file for file in files if _holds_parameters(file.path)][:MOST_FILES]
    names = [(f"{a.commit}:code/{file.old or file.path}", f"{b.commit}:code/{file.path}") for file in chosen]
    names.append((f"{a.commit}:{NOTED}", f"{b.commit}:{NOTED}"))
    found = iter(list(reader.find_many((name for both in names for name in both), limit=MOST_BYTES)))
    changes, left = [], MOST_IN_ALL
    for path, old, new in zip([*(file.path for file in chosen), NOTED], found, found, strict=True):
        if old and new and old != new:
            left -= len(old[1] or b"") + len(new[1] or b"")
            keys = _keys(path, old[1], new[1]) if left >= 0 else None
            if path == NOTED and keys is not None:  # which has those files, too
                keys = tuple(key for key in keys if not any(key.key.startswith(f"{file.path}.") for file in chosen))
                if not keys:
                    continue
            changes.append(ParameterChange(path, keys))
    return tuple(changes)


def _holds_parameters(path: str) -> bool:
    place = PurePosixPath(path)
    named = [place.stem, *(part for part in place.parts[:-1] if not part.startswith("."))]
    return place.suffix in ENDINGS and not place.name.startswith(".") and any(map(holds_settings, named))


def _keys(path: str, old: bytes | None, new: bytes | None) -> tuple[KeyChange, ...] | None:
    sides = [None if data is None else parameters(path, data) for data in (old, new)]
    if sides[0] is None or sides[1] is None or any(_TOO_DEEP in side.values() for side in sides if side):
        return None
    before, after = (
        {key: _Null("null") if one is None else one for key, one in side.items()} for side in sides if side is not None
    )
    return tuple(KeyChange(key, before.get(key), after.get(key), None) for key in other_values(before, after))


class _Null(str):
    """A null that is there, where None is a key that is not."""
