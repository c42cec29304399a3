"""Find a repository, and read its configuration, refs and objects. Never writes.

Calls are named by what is expected of them: `output` wants success, `succeeds` asks a question, `start` runs beside us.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from gitexp.errors import GitexpError

OBJECT_LIMIT = 64 << 20  # bytes: a larger file of a record is not read whole into memory


class GitFailed(GitexpError):
    """A git command that should have worked did not."""


class NoRepository(GitexpError):
    """There is no working tree here."""


class Repo(NamedTuple):
    """A repository with a working tree. All paths are absolute."""

    root: Path
    git_dir: Path  # of this working tree
    common_dir: Path  # shared by all linked working trees


def object_folder(repo: Repo) -> Path:
    """Where git stores the repository's objects."""
    return repo.root / os.environ.get("GIT_OBJECT_DIRECTORY", repo.common_dir / "objects")


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a git child: ours, and nothing may refresh the user's index behind their back."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(extra or {})}


def start(
    cwd: Path, *args: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a git command in `cwd`; stdout and stderr are piped."""
    try:
        return subprocess.Popen(
            ["git", *args],
            cwd=cwd,
            env=git_environment(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise GitexpError(f"The folder {cwd} does not exist any more") from error
        raise GitexpError("git was not found on PATH", fix="install git 2.36 or later") from error


def finish(process: subprocess.Popen[bytes], feed: bytes | None = None) -> bytes:
    """Wait for a started command and return its stdout. Raises GitFailed with git's own words."""
    out, err = process.communicate(feed)
    if process.returncode != 0:
        raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
    return out


def failure(args: Sequence[str], code: int, stderr: bytes) -> GitFailed:
    """The error for a git command that failed."""
    words = stderr.decode(errors="replace").strip().splitlines()
    shown = " ".join(a for a in args[1:6] if len(a) < 60)
    return GitFailed(f"git {shown} failed (exit code {code})", details=words[-20:])


def output(repo: Repo, *args: str, feed: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
    """Run a git command in the working tree's root and return its stdout."""
    stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
    return finish(start(repo.root, *args, env=env, stdin=stdin), feed)


def line(repo: Repo, *args: str, feed: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """The stdout of a git command as one stripped line of text."""
    return output(repo, *args, feed=feed, env=env).decode(errors="surrogateescape").strip()


def succeeds(repo: Repo, *args: str) -> bool:
    """Whether a git command exits with 0."""
    process = start(repo.root, *args)
    process.communicate()
    return process.returncode == 0


_WHERE = ("--is-bare-repository", "--path-format=absolute", "--git-common-dir", "--absolute-git-dir", "--show-toplevel")


def start_find(cwd: Path) -> subprocess.Popen[bytes]:
    """Begin to look for the repository around `cwd`; `finish_find` reads the answer."""
    return start(cwd, "rev-parse", *_WHERE)


def finish_find(process: subprocess.Popen[bytes], cwd: Path) -> Repo:
    """The repository around `cwd`. Raises NoRepository outside of one and in a bare one."""
    out, err = process.communicate()
    found = os.fsdecode(out).splitlines()
    if found[:1] == ["true"]:
        raise NoRepository(
            f"{cwd} is a bare repository: there is no working tree to run anything in",
            fix="git clone it, and run gitexp in the clone",
        )
    if process.returncode != 0 or len(found) < 4:
        words = err.decode(errors="replace").strip()
        if "not a git repository" in words.lower() or not words:
            raise NoRepository(f"{cwd} is not inside a git repository", fix="git init    or cd into a repository")
        raise NoRepository(f"git cannot use the repository at {cwd}", details=words.splitlines()[:8])
    return Repo(root=Path(found[3]), git_dir=Path(found[2]), common_dir=Path(found[1]))


def find_repo(cwd: Path) -> Repo:
    """The repository around `cwd`. Raises NoRepository outside of one and in a bare one."""
    return finish_find(start_find(cwd), cwd)


def parse_config(listing: bytes) -> dict[str, str]:
    """`git config -z --list` as a dictionary; the last value wins. Names are lower-case but for the middle part."""
    pairs: dict[str, str] = {}
    for item in listing.split(b"\0"):
        name, newline, value = item.decode(errors="surrogateescape").partition("\n")
        if name:
            pairs[name] = value if newline else "true"
    return pairs


def git_config(repo: Repo) -> dict[str, str]:
    """The user's whole git configuration as seen from here."""
    return parse_config(output(repo, "config", "-z", "--list"))


def ref_id(repo: Repo, ref: str) -> str | None:
    """The commit a ref or revision names; None where there is none."""
    return finish_ref_id(start_ref_id(repo, ref))


def start_ref_id(repo: Repo, ref: str) -> subprocess.Popen[bytes]:
    """Begin to ask what commit a ref names; `finish_ref_id` reads the answer."""
    return start(repo.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")


def finish_ref_id(process: subprocess.Popen[bytes]) -> str | None:
    """The commit that was asked for; None where there is none."""
    out, _ = process.communicate()
    return out.decode().strip() if process.returncode == 0 else None


def is_ancestor(repo: Repo, older: str, newer: str) -> bool:
    """Whether `older` is `newer` or in its history."""
    return succeeds(repo, "merge-base", "--is-ancestor", older, newer)


def algorithm(oid: str) -> str:
    """`sha1` or `sha256`, told by the length of an object id."""
    return "sha256" if len(oid) == 64 else "sha1"


class ObjectReader:
    """One `git cat-file --batch` for many reads. Use as a context manager.

    A name is anything git resolves to an object: an id, a ref, `COMMIT:run.toml`.
    """

    def __init__(self, repo: Repo) -> None:
        self._process = start(repo.root, "cat-file", "--batch", stdin=subprocess.PIPE)

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.stderr.close()  # type: ignore[union-attr]
        self._process.wait()

    def read(self, name: str, *, limit: int = OBJECT_LIMIT) -> bytes | None:
        """The bytes of one object; None where there is none or it is larger than `limit`."""
        found = self.find(name, limit=limit)
        return None if found is None else found[1]

    def find(self, name: str, *, limit: int = OBJECT_LIMIT) -> tuple[str, bytes | None] | None:
        """Object id and bytes; None where there is none. The bytes are None past `limit`."""
        return next(self.find_many([name], limit=limit))

    def find_many(
        self, names: Iterable[str], *, limit: int = OBJECT_LIMIT
    ) -> Iterator[tuple[str, bytes | None] | None]:
        """Object id and bytes of each name, in order. What is larger than `limit` is never in memory."""
        asked, stream = self._process.stdin, self._process.stdout
        assert asked is not None and stream is not None
        # A chunk of requests fits into the pipe whole, so that git never waits for us while we wait for it.
        for chunk in _chunks(names, 200):
            # A name may come from a record. With a line feed in it, it would be two; an empty one names nothing.
            lines = [f"{name}\n" if "\n" not in name else "\n" for name in chunk]
            asked.write("".join(lines).encode("utf-8", "surrogateescape"))
            asked.flush()
            for _ in chunk:
                yield self._answer(stream, limit)

    def _answer(self, stream: IO[bytes], limit: int) -> tuple[str, bytes | None] | None:
        header = stream.readline()
        if not header.endswith(b"\n"):
            _, err = self._process.communicate()
            raise failure(["git", "cat-file", "--batch"], self._process.returncode, err)
        fields = header.rsplit(b" ", 2)
        if header.endswith((b" missing\n", b" ambiguous\n")) or len(fields) != 3:
            return None
        size = int(fields[2])
        if size > limit:
            left = size + 1
            while left:
                left -= len(stream.read(min(left, 1 << 20)))
            return fields[0].decode(), None
        content = stream.read(size + 1)[:-1]
        return fields[0].decode(), content


def _chunks(names: Iterable[str], size: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
