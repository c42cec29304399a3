"""The digest of a state: the same for the same names, dtypes, shapes and bytes, whatever file they came from.

SHA-256 over a spelling that docs/format.md gives, so that another program can check it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor


def state_digest(state: Mapping[str, Any]) -> str:
    """`sha256:…` of tensors and plain values by name; nested mappings and sequences are joined with dots."""
    hasher = hashlib.sha256()
    for name, value in sorted(flat(state), key=lambda named: named[0]):
        if isinstance(value, Tensor):
            tensor = value.detach().cpu().contiguous()
            head = f"{name}\0{str(tensor.dtype).removeprefix('torch.')}\0{list(tensor.shape)}\n"
            hasher.update(head.encode())
            if size := tensor.numel() * tensor.element_size():
                hasher.update((ctypes.c_char * size).from_address(tensor.data_ptr()))  # torch may have no numpy
        else:
            hasher.update(f"{name}\0{json.dumps(value)}\n".encode())
    return f"sha256:{hasher.hexdigest()}"


def package_digest(folder: Path) -> str:
    """`sha256:…` of the package that trains, as it lies here: of `sha256sum` of its .py and .toml files, by path."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".py", ".toml"))
    lines = (f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files)
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What a state is made of, by name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{name}.{index}")
    else:
        yield name, value
