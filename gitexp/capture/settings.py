"""What a program was told, as Hydra, Lightning, timm and dvclive leave it beside its results."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from gitexp.record.metricreader import Reader
from gitexp.text.parameters import MOST_BYTES, parameters


def of_yaml(reader: Reader, file: IO[bytes], *, path: Path) -> dict[str, Any] | None:
    """The settings by their dotted names, such as `optim.lr`."""
    found = parameters(path.name, file.read(MOST_BYTES + 1))
    if found is None:
        missing = find_spec("yaml") is None
        why = "they are YAML, which is read by PyYAML: pip install pyyaml" if missing else "no table of moderate size"
        reader.notes.append(f"{reader.source}: its settings were not read: {why}")
    return found or None
