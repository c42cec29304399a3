"""Two gits agree: what gitexp has the git program write, libgit2 would have written, and it reads every record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from contract.test_format_1 import BUNDLE
from harness import Lab
from pygit2.enums import FileMode

from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import write_commit, write_files
from gitexp.git.repo import find_repo

MESSAGE = "digits: loss 0.5\n\nwie schön, not cleaned up  \n\n\nGitexp-Run: kkkkkkkkkkkkkkkk\n"
AUTHORED = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)


def by_git(folder: Path, files: Mapping[str, Path]) -> str:
    repo = find_repo(folder)
    tree = write_files(repo, files, trees={}).tree
    return write_commit(repo, tree=tree, parents=[], message=MESSAGE, authored=AUTHORED, committed=AUTHORED)


def by_libgit2(folder: Path, files: Mapping[str, Path]) -> str:
    repo = pygit2.Repository(folder)
    root, data = repo.TreeBuilder(), repo.TreeBuilder()
    for name, path in files.items():
        into = data if name.startswith("data/") else root
        into.insert(name.removeprefix("data/"), repo.create_blob(path.read_bytes()), FileMode.BLOB)
    root.insert("data", data.write(), FileMode.TREE)
    who = pygit2.Signature("Ada", "ada@example.org", int(AUTHORED.timestamp()), 0)
    return str(repo.create_commit(None, who, who, MESSAGE, root.write(), []))


@pytest.mark.parametrize("write", [by_git, by_libgit2])
def test_whoever_writes_a_record_its_commit_has_the_same_id(
    here: Lab, write: Callable[[Path, Mapping[str, Path]], str]
) -> None:
    here.git("config", "user.name", "Ada")
    here.git("config", "user.email", "ada@example.org")
    here.git("config", "core.autocrlf", "true")
    here.write(".gitattributes", "* text=auto eol=crlf ident\n")  # of no effect on a record
    files = {
        "run.toml": here.write("run.toml", "format = 1\n"),
        "output.log": here.write("output.log", "$Id$ crlf\r\nlf\nno end"),
        "data.toml": here.write("data.toml", ""),  # beside the folder data, before which it is sorted
        "data/digits.xxh128": here.write("digits", "0" * 32 + "  a\n"),
    }
    assert write(here.path, files) == "d47c61db6b4cee2f007fda2ccd5806932a11ed6f"
    assert here.git("fsck", "--strict", "--no-dangling") == ""


def reachable(repo: pygit2.Repository, ref: str) -> Iterator[pygit2.Object]:
    """Every commit, tree and blob of a branch, each once."""
    seen, waiting = set[pygit2.Oid](), [repo.revparse_single(ref)]
    while waiting:
        found = waiting.pop()
        if found.id in seen:
            continue
        seen.add(found.id)
        yield found
        if isinstance(found, pygit2.Commit):
            waiting += [found.tree, *found.parents]
        elif isinstance(found, pygit2.Tree):
            waiting += [entry for entry in found if entry.filemode != FileMode.COMMIT]  # of a submodule


def test_libgit2_reads_the_same_bytes_of_every_object_of_the_branch(here: Lab) -> None:
    here.git("fetch", "-q", str(BUNDLE), "experiments:experiments")
    found = {str(one.id): one.read_raw() for one in reachable(pygit2.Repository(here.path), "experiments")}
    ids = [line.split(" ")[0] for line in here.git("rev-list", "--objects", "experiments").splitlines()]
    with ObjectReader(find_repo(here.path)) as reader:
        ours = list(reader.find_many(ids))
    assert len(ids) > 100
    assert ours == [(oid, found.pop(oid)) for oid in ids]
    assert found == {}
