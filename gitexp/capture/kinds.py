"""Which files of a working folder are of a kind that gitexp reads, told by their paths alone.

Importing this costs `re`. The order is precedence: where two files of one training have a metric of one name, the kind
that stands first is believed, which is text in full precision before event files with their 32 bits.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of file. `pattern` is matched in full against a POSIX path below the working folder.

    Its group `training` is the folder whose files are of one training; None: the working folder itself.
    """

    name: str  # as people call it
    pattern: str
    reader: str  # module of this room
    grows: bool = False  # lines or records are only ever added, so that it can be read from a byte on
    latest: bool = False  # each holds all that was there before: of several of one training the newest counts


_HERE = r"(?:(?P<training>.+)/)?"

KINDS: tuple[Kind, ...] = (Kind("TensorBoard", _HERE + r"[^/]*tfevents[^/]*", "events", grows=True),)

_LIKELY = (".csv", ".tsv", ".log", ".json", ".yaml", ".db", ".wandb")


def kind_of(path: str) -> Kind | None:
    """The kind of the file at this path, or None. Says nothing of what is in it."""
    name = path.rpartition("/")[2]
    if not name.endswith(_LIKELY) and "tfevents" not in name:
        return None
    return next((kind for kind in KINDS if re.fullmatch(kind.pattern, path)), None)


def training_of(kind: Kind, path: str) -> str:
    """The folder of the training that this file is of; "" for the working folder."""
    match = re.fullmatch(kind.pattern, path)
    return (match["training"] if match else None) or ""
