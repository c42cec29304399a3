"""Files that hold tables, byte by byte: numpy is not needed to test what reads its arrays."""

from __future__ import annotations

import struct
from pathlib import Path


def npy(descr: str, shape: str, data: bytes, *, order: str = "False") -> bytes:
    """An array as numpy writes it."""
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def file(folder: Path, name: str, data: bytes) -> Path:
    """Write a file and the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
