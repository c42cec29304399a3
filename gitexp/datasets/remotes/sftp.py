"""ssh://[user@]host[:port]/path as a remote, through the user's own sftp: their ssh config, agent and ProxyJump work.

An object goes up under a random name, and gets its own by the rename of the protocol, which never replaces a file.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.batch import INCOMING
from gitexp.datasets.objects.objectname import digest_at
from gitexp.datasets.remotes.protocol import (
    Failed,
    Listed,
    Parcel,
    Patience,
    Present,
    Sent,
    Told,
    Trouble,
    Wanted,
    local_trouble,
    shown_url,
)
from gitexp.datasets.remotes.sftpsession import Session, trouble_in
from gitexp.errors import GitexpError
from gitexp.spec.config import RemoteSettings

_SAFE = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # never an option of sftp's, nor of ssh's
_LONG_ENOUGH = ("bigger or same size", "was not modified", "larger than remote")
_ADDRESS = r"\[?[0-9A-Fa-f:.]+\]?"


class SftpRemote:
    """See protocol.py. `/~/folder` is relative to the user's home there."""

    writable = True
    at_once = 4
    together = 50

    def __init__(self, settings: RemoteSettings, patience: Patience) -> None:
        self.name = settings.name
        self.shown = shown_url(settings.url)
        self._target, self._folder = _parse(settings)
        self._patience = patience
        self._idle: list[tuple[Path, Session]] = []
        self._lock = threading.Lock()

    def present(self, keys: Sequence[str]) -> Present:
        folders = sorted({key.rpartition("/")[0] for key in keys})
        try:
            with self._session(Path(tempfile.gettempdir())) as session:
                answers = session.ask([f"-ls -ln {folder}" for folder in folders])
        except Failed as error:
            return Present(frozenset(), dict.fromkeys(keys, error.trouble))
        there = {one.key: one.size_bytes for lines in answers for one in _listed(lines)}
        sizes = {key: size_bytes for key, size_bytes in there.items() if size_bytes is not None}
        return Present(frozenset(key for key in keys if key in there), {}, sizes)

    def fetch(self, wanted: Sequence[Wanted], told: Told) -> list[Trouble | None]:
        folder = wanted[0].path.parent.parent  # of the store: below it no name needs quoting

        def begun(one: Wanted) -> int:
            return one.path.stat().st_size

        before = [begun(one) for one in wanted]
        commands = [
            f"-{'reget' if size else 'get'} {one.key} {one.path.relative_to(folder)}"
            for one, size in zip(wanted, before, strict=True)
        ]
        try:
            with self._session(folder) as session:
                answers = session.ask(commands, lambda number: told(begun(wanted[number]) - before[number]))
        except Failed as error:  # what has arrived until then is verified all the same
            return [error.trouble if begun(one) == 0 else None for one in wanted]
        return [None if _is_complete(lines) else trouble_in(lines) for lines in answers]

    def send(self, parcels: Sequence[Parcel], told: Told) -> list[Trouble | Sent]:
        with tempfile.TemporaryDirectory(prefix="gitexp-sftp-") as name:
            batch = _Batch(Path(name), parcels)
            try:
                with self._session(Path(name)) as session:
                    batch.upload(session, told)
                    batch.name_them(session)
            except Failed as error:
                return [answer or error.trouble for answer in batch.answers]
            return [answer or Trouble("other", "nothing is known of it") for answer in batch.answers]

    def listing(self) -> Iterator[Listed]:
        with self._session(Path(tempfile.gettempdir())) as session:
            algorithms = [line.strip() for line in session.ask(["-ls -1"])[0]]
            for algorithm in sorted({"xxh128", "hmac-sha256"} & set(algorithms)):
                folders = [line.strip() for line in session.ask([f"-ls -1 {algorithm}"])[0]]
                right = [folder for folder in folders if re.fullmatch(rf"{algorithm}/[0-9a-f]{{2}}", folder)]
                for lines in session.ask([f"-ls -ln {folder}" for folder in right]) if right else []:
                    yield from _listed(lines)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, session in idle:
            session.close()

    @contextmanager
    def _session(self, folder: Path) -> Iterator[Session]:
        """A connection that nobody else uses meanwhile; kept for the next call, unless something went wrong."""
        with self._lock:
            found = next((one for one in self._idle if one[0] == folder), None)
            if found:
                self._idle.remove(found)
        if found:
            session = found[1]
        else:
            session = Session(self._target, remote_folder=self._folder, folder=folder, patience=self._patience)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        with self._lock:
            self._idle.append((folder, session))


class _Batch:
    """Files on their way up. `answers`: None while nothing is known."""

    def __init__(self, folder: Path, parcels: Sequence[Parcel]) -> None:
        self._parcels = parcels
        self.answers: list[Trouble | Sent | None] = [None] * len(parcels)
        self._seen: dict[int, os.stat_result] = {}
        self._unnamed = [f"{INCOMING}/{os.urandom(12).hex()}" for _ in parcels]
        for number, parcel in enumerate(parcels):
            try:
                seen = parcel.path.stat()
                if not parcel.name.fits(digest_file(os.fsencode(parcel.path)).digest):
                    self.answers[number] = Trouble("local", f"{parcel.path} has other bytes by now")
                    continue
                # Links in a folder of our own, so that no path of the user's needs quoting.
                (folder / str(number)).symlink_to(os.path.abspath(parcel.path))
                self._seen[number] = seen
            except OSError as error:
                self.answers[number] = local_trouble(error)

    def upload(self, session: Session, told: Told) -> None:
        numbers = list(self._seen)
        folders = {INCOMING}
        for number in numbers:
            algorithm, first, _ = self._parcels[number].name.key.split("/")
            folders |= {algorithm, f"{algorithm}/{first}"}
        session.ask([f"-mkdir {folder}" for folder in sorted(folders - session.made)])
        session.made |= folders
        answers = session.ask(
            [f"-put {number} {self._unnamed[number]}" for number in numbers],
            lambda index: told(self._seen[numbers[index]].st_size),
        )
        for number, lines in zip(numbers, answers, strict=True):
            if lines:
                trouble = trouble_in(lines)
                self.answers[number] = Trouble("forbidden", trouble.words) if trouble.kind == "missing" else trouble
            elif not _is_same(self._parcels[number].path, self._seen[number]):
                self.answers[number] = Trouble("local", f"{self._parcels[number].path} changed while it was sent")

    def name_them(self, session: Session) -> None:
        """Only what went up whole, and did not change under way."""
        good = [number for number in self._seen if self.answers[number] is None]
        commands = []
        for number in good:
            unnamed, key = self._unnamed[number], self._parcels[number].name.key
            commands += [f"-chmod 444 {unnamed}", f"-rename -l {unnamed} {key}", f"-ls -1 {key}"]
        answers = session.ask(commands) if good else []
        for index, number in enumerate(good):
            refused, listed = answers[3 * index + 1], answers[3 * index + 2]
            there = any(line.strip() == self._parcels[number].name.key for line in listed)
            self.answers[number] = ("there" if refused else "sent") if there else trouble_in(refused or listed)
        left = [self._unnamed[number] for number in self._seen if self.answers[number] != "sent"]
        session.ask([f"-rm {unnamed}" for unnamed in left])


def _is_same(path: Path, before: os.stat_result) -> bool:
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ctime_ns,
        before.st_ino,
    )


def _is_complete(lines: Sequence[str]) -> bool:
    """A beginning that is as long as the object, or longer, is not fetched again; verifying it will tell."""
    said = " ".join(lines)
    return not said.strip() or any(words in said for words in _LONG_ENOUGH)


def _listed(lines: Sequence[str]) -> Iterator[Listed]:
    for line in lines:
        fields = line.split()
        if len(fields) >= 9 and digest_at(fields[-1]):
            yield Listed(fields[-1], int(fields[4]) if fields[4].isdigit() else None)


def _parse(settings: RemoteSettings) -> tuple[list[str], str]:
    """What to tell sftp, and the folder there. Settings are committed, so anybody may have written them."""
    try:
        parts = urlsplit(settings.url)
        host, user, port = parts.hostname or "", parts.username, parts.port
    except ValueError as error:
        raise _unusable(settings) from error
    if parts.password is not None or not (re.fullmatch(_SAFE, host) or re.fullmatch(_ADDRESS, host)):
        raise _unusable(settings)
    if user is not None and not re.fullmatch(_SAFE, user):
        raise _unusable(settings)
    folder = unquote(parts.path)
    if not folder.isprintable():  # a line feed would begin a command
        raise _unusable(settings)
    folder = folder.removeprefix("/~/") if folder.startswith("/~") else folder
    host = f"[{host}]" if ":" in host else host
    target = [*(["-P", str(port)] if port else []), f"{user}@{host}" if user else host]
    return target, folder.strip() and folder


def _unusable(settings: RemoteSettings) -> GitexpError:
    return GitexpError(
        f"Remote {settings.name}: {shown_url(settings.url)!r} is no address that sftp can be given",
        why="Expected ssh://[user@]host[:port]/folder, without a password.",
    )
