"""Write a digest into the catalogue: one value of one TOML file, every other character of it kept."""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.clone import read_text
from gitexp.errors import GitexpError
from gitexp.spec.config import Config
from gitexp.text.bounded import load_toml
from gitexp.text.schema import KeyPath, dotted, quote_key
from gitexp.text.tomledit import set_string
from gitexp.wholefile import WholeFile


def write_pin(root: Path, config: Config, name: str, digest: str) -> str:
    """Pin a dataset; the file that was written, relative to the root. Raises GitexpError."""
    return _write(root, config, ("datasets", name, "digest"), digest)


def write_parent(root: Path, config: Config, name: str, parent: str, digest: str) -> str:
    """Note which version of a parent a derived dataset was made of."""
    return _write(root, config, ("datasets", name, "derived", "parents", parent), digest)


def write_contract(root: Path, config: Config, name: str, file: str) -> str:
    """Name the file that holds a dataset's contract."""
    return _write(root, config, ("datasets", name, "contract"), file)


def _write(root: Path, config: Config, path: KeyPath, value: str) -> str:
    for file in filter(None, (config.where, config.catalogue)):
        text = read_text(root, file)
        if text is None or path[1] not in load_toml(text).get("datasets", {}):
            continue
        edited = set_string(text, path, value)
        if edited is None:
            raise GitexpError(
                f"{file} is written in a way that gitexp does not know how to change",
                fix=f'write it there yourself, in [{dotted(path[:-1])}]:\n{quote_key(path[-1])} = "{value}"',
            )
        if edited != text:
            # The whole new file or the whole old one, with its permissions, also where the path is a link.
            target = Path(os.path.realpath(root / file))
            with WholeFile(target) as new:
                os.fchmod(new.fileno(), target.stat().st_mode & 0o7777)
                new.write(edited.encode())
                new.flush()
                os.fsync(new.fileno())
        return file
    raise GitexpError(f"There is no dataset {path[1]} in {config.where}")
