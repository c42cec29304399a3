"""Many objects by one `git cat-file --batch`: whole, or in pieces where they may be large. Never writes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from gitexp.git.repo import PULL, GitFailed, NoObject, Repo, failure, start

BLOCK = 1 << 16  # bytes of an object that are in memory at a time, where it is read in pieces
OBJECT_LIMIT = 64 << 20  # bytes: a larger file of a record is not read whole into memory


class ObjectReader:
    """One `git cat-file --batch` for many reads. Use as a context manager.

    A name is anything git resolves to an object: an id, a ref, `COMMIT:run.toml`.
    """

    def __init__(self, repo: Repo, *, env: Mapping[str, str] | None = None) -> None:
        self._repo, self._env = repo, env
        self._process = start(repo.root, "cat-file", "--batch", env=env, stdin=subprocess.PIPE)
        self._begun: object = None  # whoever takes an object in pieces, and how much of it git has yet to say
        self._left = 0

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._begun, self._left = None, 0
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # git died, which whoever asked it was told
            self._process.stdin.close()
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
        # A name may come from a record. With a line feed in it, it would be two; an empty one names nothing.
        requests = (f"{name}\n" if "\n" not in name else "\n" for name in names)
        # A chunk of requests fits into the pipe whole, so that git never waits for us while we wait for it.
        while lines := list(islice(requests, 200)):
            self._ask(lines)
            for number in range(len(lines)):
                try:
                    answer = self._answer(limit)
                except GitFailed as error:
                    self._start_again(error)
                    self._ask(lines[number + 1 :])
                    answer = None
                yield answer

    def _start_again(self, error: GitFailed) -> None:
        """git dies of an object that broke off. It is as good as missing, and what else is asked is not."""
        if self._process.returncode != 128:
            raise error
        self._process = start(self._repo.root, "cat-file", "--batch", env=self._env, stdin=subprocess.PIPE)

    def _ask(self, lines: Sequence[str]) -> None:
        asked = self._process.stdin
        assert asked is not None
        self._end()
        with suppress(BrokenPipeError):  # git died; reading its answer says of what
            asked.write("".join(lines).encode("utf-8", "surrogateescape"))
            asked.flush()

    def blocks(self, name: str) -> Iterator[bytes]:
        """One object in pieces of whole lines, whatever its size; nothing is asked until the last one is taken.

        Raises NoObject where there is none, or where it breaks off.
        """
        rest, begun = b"", object()
        try:
            self._ask([f"{name}\n"])
            header = self._header()
            if header is None:
                raise NoObject(f"{name} is not in this clone", fix=PULL)
            self._begun, self._left = begun, header[1] + 1
            while self._begun is not begun or self._left > 1:
                assert self._begun is begun, "another object was asked for meanwhile"
                piece = self._take(min(self._left - 1, BLOCK))
                self._left -= len(piece)
                whole = piece.rfind(b"\n") + 1
                if whole or len(rest) > BLOCK:  # longer than any line that makes sense: it is nobody's to wait for
                    yield rest + piece[:whole]
                    rest = piece[whole:]
                else:
                    rest += piece
            if rest:
                yield rest
        except GitFailed as error:
            self._begun, self._left = None, 0
            self._start_again(error)
            raise NoObject(f"{name} is damaged in this clone", fix=PULL) from error
        finally:
            if self._begun is begun:
                self._end()

    def _end(self) -> None:
        """Skip what nobody took. Whoever stopped amid an object may live on, in a traceback, past the next question."""
        left, self._begun, self._left = self._left, None, 0
        try:
            self._skip(left)
        except GitFailed as error:
            self._start_again(error)

    def _answer(self, limit: int) -> tuple[str, bytes | None] | None:
        header = self._header()
        if header is None:
            return None
        oid, size = header
        if size > limit:
            self._skip(size + 1)
            return oid, None
        content = self._take(size)
        self._skip(1)
        return oid, content

    def _header(self) -> tuple[str, int] | None:
        assert self._process.stdout is not None
        header = self._process.stdout.readline()
        if not header.endswith(b"\n"):
            raise self._died()
        fields = header.rsplit(b" ", 2)
        if header.endswith((b" missing\n", b" ambiguous\n")) or len(fields) != 3:
            return None
        return fields[0].decode(), int(fields[2])

    def _take(self, count: int) -> bytes:
        assert self._process.stdout is not None
        content = self._process.stdout.read(count)
        if len(content) < count:
            raise self._died()
        return content

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._take(min(count, 1 << 20)))

    def _died(self) -> GitFailed:
        _, err = self._process.communicate()
        return failure(["git", "cat-file", "--batch"], self._process.returncode, err)
