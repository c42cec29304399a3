"""The repository `fresh`, as the functions of this room take it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Lab

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, find_repo


@pytest.fixture
def repo(here: Lab) -> Repo:
    return find_repo(here.path)


@pytest.fixture
def reader(repo: Repo) -> Iterator[ObjectReader]:
    with ObjectReader(repo) as reader:
        yield reader
