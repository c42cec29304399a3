"""However many processes look at commits, what comes of them is the same, in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from harness import Lab

from gitexp.git.repo import find_repo
from gitexp.verify.commits import Commit
from gitexp.verify.objects import Objects
from gitexp.verify.parallel import Part, in_parts

COMMITS = [Commit(f"{number:040x}", "", (), 0, 0, "", "", "", "") for number in range(2_100)]


def begin(_objects: Objects) -> Callable[[Sequence[Commit]], Part]:
    return lambda some: Part({one.id: ["seen"] for one in some}, [], Counter(looks=1))


@pytest.mark.parametrize("alone", [True, False])
def test_every_commit_is_looked_at_once_in_its_order(fresh: Lab, alone: bool) -> None:
    parts = list(in_parts(find_repo(fresh.path), COMMITS, begin, alone=alone))
    assert [oid for part in parts for oid in part.problems] == [one.id for one in COMMITS]
    assert sum((part.unseen for part in parts), Counter()) == {"looks": 11}


def test_an_error_of_one_process_is_an_error(fresh: Lab) -> None:
    def failing(_objects: Objects) -> Callable[[Sequence[Commit]], Part]:
        def look(_some: Sequence[Commit]) -> Part:
            raise ValueError("no")

        return look

    with pytest.raises(ValueError, match="no"):
        list(in_parts(find_repo(fresh.path), COMMITS, failing, alone=False))
