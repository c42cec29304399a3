"""What a push or a bundle would publish: the new commits of the experiments branch, and the files that are new in them.

New is what the other side is not known to have. Restricted data (`confine.py`) and secrets (`scan.py`) are looked for
in it before anything leaves: in the objects themselves, which is what git sends, whatever stands for them here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import AS_IT_IS, Repo, output
from gitexp.git.trailers import commits_with
from gitexp.git.transport import There
from gitexp.record.identity import RUN_TRAILER

CODE = "code/"
FILES = (b"100644", b"100755")
LINK = b"120000"  # of a link git keeps where it points to; of a submodule which commit it is at, which is no file


class NewFile(NamedTuple):
    """A file that commits bring, at one of its places."""

    oid: str
    size: int
    path: str  # in the record
    commit: str  # the oldest that has it there
    is_link: bool


class Publication(NamedTuple):
    """What would leave, and what the other side has."""

    commits: list[str]  # the newest first, merges and events too
    runs: list[str]  # those of them that are runs
    files: list[NewFile]
    there: There


def publication(repo: Repo, tip: str, *, there: There) -> Publication:
    """What `tip` has and the other side lacks. A merge brings what is in neither of its parents."""
    without = [f"^{there.tip}"] if there.tip is not None else []
    commits = output(repo, "rev-list", tip, *without, "--", env=AS_IT_IS).decode().split()
    runs = commits_with(repo, RUN_TRAILER, tip, *without, env=AS_IT_IS) if commits else []
    return Publication(commits, runs, _new_files(repo, commits), there)


def holders(reader: ObjectReader, runs: Sequence[str], file: NewFile) -> list[str]:
    """Those of the runs in which this file lies at its place."""
    asked = reader.find_many((f"{commit}:{file.path}" for commit in runs), limit=0)
    return [commit for commit, found in zip(runs, asked, strict=True) if found is not None and found[0] == file.oid]


def _new_files(repo: Repo, commits: Sequence[str]) -> list[NewFile]:
    feed = "".join(f"{commit}\n" for commit in reversed(commits)).encode()
    flags = ("--stdin", "-c", "-r", "--root", "--raw", "--no-abbrev", "--no-renames", "-z")
    fields = iter(output(repo, "diff-tree", *flags, feed=feed, env=AS_IT_IS).split(b"\0"))
    commit, places = "", dict[tuple[str, str, bool], str]()
    for field in fields:
        if not field.startswith(b":"):
            commit = field.decode()
            continue
        change, path = field.lstrip(b":").split(b" "), os.fsdecode(next(fields))
        sides = len(field) - len(field.lstrip(b":"))  # of a merge, each parent's come first
        mode, oid = change[sides], change[2 * sides + 1].decode()
        if mode in FILES or mode == LINK:
            places.setdefault((oid, path, mode == LINK), commit)
    oids = sorted({oid for oid, _, _ in places})
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    sizes = output(repo, "cat-file", "--batch-check=%(objectsize)", feed=asked, env=AS_IT_IS).splitlines()
    size_of = {oid: int(size) for oid, size in zip(oids, sizes, strict=True) if size.isdigit()}  # else it is not here
    found = sorted(places.items(), key=lambda place: place[0][1])
    return [
        NewFile(oid, size_of[oid], path, commit, is_link) for (oid, path, is_link), commit in found if oid in size_of
    ]
