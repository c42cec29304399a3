"""A store, and a file to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.datasets.objects.store import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.fixture
def one(tmp_path: Path) -> Path:
    path = tmp_path / "one"
    path.write_bytes(b"1")
    return path
