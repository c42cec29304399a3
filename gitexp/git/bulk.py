"""Many commits at once, by one `git fast-import`: a pack with all of them, and no ref moved."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gitexp.git.append import IMPORTED, Next, advance
from gitexp.git.branch import take_up
from gitexp.git.repo import Repo, finish, line, output, start
from gitexp.git.rewriting import rewrite

_REF = "refs/gitexp/bulk"  # of the stream alone: it ends with no such ref


class Whole(NamedTuple):
    """A commit to be: its files by their names, which are ours, and trees that are there already."""

    message: str
    authored: datetime
    files: Mapping[str, bytes]
    trees: Mapping[str, str]


def append_all(repo: Repo, branch: str, commits: Sequence[Whole], *, why: str, patience_s: float) -> None:
    """Append commits to `branch`, in their order: all of them or, where the process is killed, none.

    Raises as `advance` does.
    """

    def follow(tip: str | None) -> Next:
        tip = tip or take_up(repo, branch)[0]

        def write() -> str:
            return _written(repo, commits, tip)

        last = write()
        if not repo.signs:
            return Next(tip, last, (), write, tip)
        made = output(repo, "rev-list", "--reverse", last, f"^{tip}", "--").decode().split()
        signed = rewrite(repo, made)  # git fast-import signs nothing
        return Next(tip, signed.ids[last], (), lambda: (write(), signed.store(repo)), tip)

    advance(repo, branch, follow, why=f"{IMPORTED}{why}", patience_s=patience_s)


def _written(repo: Repo, commits: Sequence[Whole], tip: str) -> str:
    """The id of the last one. git waits for the disk to have the pack, of which each loose object would be one more."""
    who = line(repo, "var", "GIT_AUTHOR_IDENT").rsplit(" ", 2)[0]
    recorder = line(repo, "var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]
    options = ("-c", "fastimport.unpackLimit=0", "-c", "core.fsync=all")
    process = start(repo.root, *options, "fast-import", "--quiet", "--date-format=raw", stdin=subprocess.PIPE)
    now = datetime.now().astimezone()
    told = finish(process, b"".join(_stream(commits, tip, who, recorder, now)))
    return told.decode().split()[0]


def _stream(commits: Sequence[Whole], tip: str, who: str, recorder: str, now: datetime) -> Iterator[bytes]:
    yield b"feature get-mark\n"
    for number, one in enumerate(commits, 1):
        yield f"commit {_REF}\nmark :{number}\n".encode()
        yield f"author {who} {_raw(one.authored)}\ncommitter {recorder} {_raw(now)}\n".encode()
        yield from _data(one.message.encode("utf-8", "backslashreplace"))
        yield f"from {tip if number == 1 else f':{number - 1}'}\ndeleteall\n".encode()
        for name, content in one.files.items():
            yield f"M 100644 inline {name}\n".encode()
            yield from _data(content)
        for name, tree in one.trees.items():
            yield f"M 040000 {tree} {name}\n".encode()
    yield f"get-mark :{len(commits)}\nreset {_REF}\nfrom {'0' * len(tip)}\n".encode()


def _data(content: bytes) -> Iterator[bytes]:
    yield f"data {len(content)}\n".encode()
    yield content
    yield b"\n"


def _raw(moment: datetime) -> str:
    return f"{int(moment.timestamp())} {moment.strftime('%z')[:5] or '+0000'}"
