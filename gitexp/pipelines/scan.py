"""Look for secrets in what is about to be published: files, their names, messages of runs and events.

Left alone is what the other side has in the same place already, code of a commit that it has, and what the file
`.gitexp-secrets` allows by fingerprint. The secret itself is never shown.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp import __version__
from gitexp.clone import Clone, read_text
from gitexp.errors import Refused, beyond, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import AS_IT_IS, commits_among, output
from gitexp.pipelines.published import CODE, NewFile, Publication, holders
from gitexp.record.identity import ABOUT_TRAILER, CODE_TRAILER, RUN_TRAILER, RunId
from gitexp.record.manifest import display
from gitexp.redact import redact
from gitexp.regularfile import read_regular
from gitexp.secretforms import SHAPES
from gitexp.text.encoding import MARK
from gitexp.text.secretscan import DIGITS, Secret, load_detectors, secrets_in_each
from gitexp.wholefile import write_note

if TYPE_CHECKING:
    from detect_secrets.plugins.base import RegexBasedDetector

    from gitexp.datasets.progress import Progress, Watch

ALLOWED = ".gitexp-secrets"
SHOWN = 20
LARGEST = 16 << 20  # bytes of a file that is looked at: each MB takes half a second
NOTED_S = 1.0  # a look that takes longer is not taken again
NOTED = 200_000  # files

WITHOUT = "Looked for were the forms that gitexp knows; pip install 'gitexp[secrets]' has detect-secrets look, too."


class _Found(NamedTuple):
    """A secret, and where."""

    secret: Secret
    commit: str
    file: NewFile | None  # None: it is in the message
    in_name: bool = False


def check_secrets(clone: Clone, new: Publication, *, watch: Watch) -> list[str]:
    """What is to be said. Raises Refused where secrets would leave, unless [policy] secrets says otherwise."""
    policy = clone.config.policy.secrets
    if policy == "off":
        return []
    scan = _Scan(clone, new)
    found = scan.found(watch)
    if not found:
        return scan.unseen
    count = counted(len(found), "secret is", "secrets are")
    lines, holding = scan.shown(found[:SHOWN])
    details = lines + beyond(len(found), SHOWN) + scan.unseen
    details += [] if scan.detectors else [WITHOUT]
    if policy == "warn":
        return [f"{count} in what is published by this:", *details]
    drops = " && ".join(f"gitexp drop {one}" for one in holding[:SHOWN])
    raise Refused(
        f"Nothing was published: {count} in it",
        details=details,
        why="Whoever gets a secret keeps it. Replace a real one where it is valid, and drop what holds it.",
        fix=f"{drops}    where it is real\n{scan.allowing(found[:SHOWN])}    where it is none",
    )


def means(policy: str) -> str:
    """What looks for secrets here, in words."""
    if policy == "off":
        return "[policy] secrets is off: nobody looked for any"
    return "gitexp's own forms" + (" and detect-secrets" if load_detectors() else ", detect-secrets is not installed")


class _Scan:
    """One look at what would be published."""

    def __init__(self, clone: Clone, new: Publication) -> None:
        self.repo, self.new = clone.repo, new
        self.allowed = frozenset(_allowed(clone.repo.root))
        self.detectors: Sequence[RegexBasedDetector] = load_detectors()
        self.unseen: list[str] = []  # what was not looked at, in words
        self._unread = set[str]()  # the objects of these files
        self._runs: dict[str, str] = {}  # commit → the run that it is, or about which it says something
        self._said = set[str]()  # those that are events
        self._there: dict[str, frozenset[str] | None] = {}  # path → fingerprints of what the other side has there
        self._codes = set[str]()  # commits of the code of these runs
        self._note = clone.repo.common_dir / "gitexp" / "free-of-secrets"

    def found(self, watch: Watch) -> list[_Found]:
        """The secrets, each at the first of its places."""
        began = time.monotonic()
        with ObjectReader(self.repo, env=AS_IT_IS) as reader:
            held = list(self._in_messages(reader))
            free = self._noted()
            files = [file for file in self.new.files if file.oid not in free]
            if any(file.path.startswith(CODE) for file in files):
                there = self._code_there()
                files = [file for file in files if file.oid not in there]
            with watch("looking for secrets") as progress:
                in_files = list(self._in_files(reader, files, progress))
            held += [one for one in self._in_names() if not self._is_there(reader, one)]
            held += [one for one, _ in in_files if not self._is_there(reader, one)]
        if held or time.monotonic() - began > NOTED_S:
            free |= {file.oid for file in files} - {oid for _, oid in in_files} - self._unread
            write_note(self._note, "\n".join([self._rules, *sorted(free)[:NOTED]]).encode())
        return list(dict.fromkeys(held))

    def shown(self, found: Iterable[_Found]) -> tuple[list[str], list[str]]:
        """A line for each, `1a2b3c4:code/notes.txt:3  github  (run kmzqtrvxwyloupsn)`, and what is to be dropped.

        Those are runs, and commits that are none; the newest of these first, since what comes after gets new ids.
        """
        lines, holding = list[str](), dict[str, None]()
        with ObjectReader(self.repo, env=AS_IT_IS) as reader:
            for one in found:
                having = [one.commit] if one.file is None else [*holders(reader, self.new.runs, one.file), one.commit]
                known = [commit for commit in having[::-1] if commit in self._runs]
                dropped = [commit[:12] if commit in self._said else self._runs[commit] for commit in known]
                holding |= dict.fromkeys(dropped or [one.commit[:12]])
                having = list(dict.fromkeys(self._runs[commit] for commit in known))
                more = f" and {len(having) - 1} more" if len(having) > 1 else ""
                kind = one.secret.kind + (" in its name" if one.in_name else "")
                lines.append(f"  {_place(one)}  {kind}" + (f"  (run {having[0]}{more})" if having else ""))
        newest = {commit[:12]: place for place, commit in enumerate(self.new.commits)}
        return lines, sorted(holding, key=lambda one: newest.get(one, len(newest)))

    def allowing(self, found: Iterable[_Found]) -> str:
        """The command that allows these."""
        lines = {one.secret.fingerprint: f"{one.secret.fingerprint}  {one.secret.kind}, {_place(one)}" for one in found}
        texts = ("".join(c if c.isprintable() else "?" for c in text) for text in lines.values())
        file = os.path.relpath(self.repo.root / ALLOWED)
        return f"printf '%s\\n' {' '.join(map(shlex.quote, texts))} >>{shlex.quote(file)}"

    def _in_messages(self, reader: ObjectReader) -> Iterator[_Found]:
        """Those of runs and events, with the names of who wrote them."""
        commits = self.new.commits
        texts = map(self._message, commits, reader.find_many(commits))
        for commit, secrets in zip(commits, self._secrets_in_each(texts), strict=True):
            yield from (_Found(secret, commit, None) for secret in secrets)

    def _message(self, commit: str, answer: tuple[str, bytes | None] | None) -> bytes:
        if answer is None or answer[1] is None:
            self.unseen.append(f"not looked at: the message of {commit[:7]}")
            return b""
        header, _, message = answer[1].partition(b"\n\n")
        for line in message.rstrip().rpartition(b"\n\n")[2].decode("utf-8", "replace").split("\n"):
            key, _, value = line.partition(": ")
            if key in (RUN_TRAILER, ABOUT_TRAILER):
                with suppress(ValueError):
                    self._runs[commit] = RunId(value)
                    self._said |= {commit} if key == ABOUT_TRAILER else set()
            elif key == CODE_TRAILER:
                self._codes.add(value.partition(" ")[0])
        return message + b"\n" + header.partition(b"\ngpgsig")[0]

    def _in_names(self) -> Iterator[_Found]:
        first = {file.path.replace("\n", " "): file for file in reversed(self.new.files)}
        files = list(first.values())
        (secrets,) = self._secrets_in_each(["\n".join(first).encode(errors="surrogateescape")])
        for secret in secrets:
            file = files[secret.line - 1]
            yield _Found(secret._replace(line=0), file.commit, file, in_name=True)

    def _in_files(
        self, reader: ObjectReader, files: Sequence[NewFile], progress: Progress
    ) -> Iterator[tuple[_Found, str]]:
        """Those in files, with the file's object."""
        at = {file.oid: file for file in reversed(files)}
        progress.expect(files=len(at), size_bytes=sum(file.size for file in at.values()))
        texts = map(self._text, at.values(), reader.find_many(at, limit=LARGEST))
        for file, secrets in zip(at.values(), self._secrets_in_each(texts), strict=True):
            progress.advance(files=1, size_bytes=file.size)
            yield from ((_Found(secret, file.commit, file), file.oid) for secret in secrets)

    def _text(self, file: NewFile, answer: tuple[str, bytes | None] | None) -> bytes:
        if answer is None or answer[1] is None:
            self._unread.add(file.oid)
            size = f"{file.size / 1e6:.1f} MB"
            self.unseen.append(f"not looked at: {file.commit[:7]}:{display(os.fsencode(file.path))} ({size})")
            return b""
        return answer[1]

    def _secrets_in_each(self, contents: Iterable[bytes]) -> Iterator[list[Secret]]:
        for found in secrets_in_each(contents, self.detectors):
            yield [one for one in found if one.fingerprint not in self.allowed]

    def _code_there(self) -> set[str]:
        """The objects of code that the other side has: of its branches, and of these runs' commits behind them."""
        heads = self.new.there.heads
        if not heads:
            return set()
        codes = commits_among(self.repo, self._codes)
        feed = "".join(f"{commit}\n" for commit in (*codes, *(f"^{head}" for head in heads))).encode()
        lacking = output(self.repo, "rev-list", "--stdin", feed=feed, env=AS_IT_IS).decode().split()
        feed = "".join(f"{commit}\n" for commit in {*heads, *codes} - {*lacking}).encode()
        flags = ("--objects", "--no-walk", "--no-object-names", "--stdin")
        return set(output(self.repo, "rev-list", *flags, feed=feed, env=AS_IT_IS).decode().split())

    def _is_there(self, reader: ObjectReader, one: _Found) -> bool:
        """Whether the other side has it in the same file, or, of a name, the file."""
        path = one.file.path if one.file is not None else ""
        if path not in self._there:
            there = self.new.there
            names = [f"{there.tip}:{path}"] if there.tip is not None else []
            if path.startswith(CODE):
                names += [f"{head}:{path.removeprefix(CODE)}" for head in there.heads]
            contents = {found[0]: found[1] or b"" for found in reader.find_many(names, limit=LARGEST) if found}
            each = self._secrets_in_each(contents.values())
            known = frozenset(secret.fingerprint for secrets in each for secret in secrets)
            self._there[path] = known if contents else None
        fingerprints = self._there[path]
        return fingerprints is not None and (one.in_name or one.secret.fingerprint in fingerprints)

    @property
    def _rules(self) -> str:
        """What tells this look from one by other rules."""
        from hashlib import sha256
        from sys import modules

        version = getattr(modules.get("detect_secrets"), "VERSION", None) if self.detectors else None
        return sha256(repr((__version__, SHAPES, version, sorted(self.allowed))).encode()).hexdigest()

    def _noted(self) -> set[str]:
        """The objects in which an earlier look found nothing."""
        try:
            rules, *oids = read_regular(self._note).decode("ascii", "replace").split("\n")
        except OSError:
            return set()
        return set(oids) if rules == self._rules else set()


def _place(one: _Found) -> str:
    if one.file is None:
        return f"{one.commit[:7]}, its message" + (f", line {one.secret.line}" if one.secret.line > 1 else "")
    path = redact(os.fsencode(one.file.path), secrets=())
    return f"{one.commit[:7]}:{display(path)}" + (f":{one.secret.line}" if one.secret.line else "")


def _allowed(root: Path) -> Iterator[str]:
    """The fingerprints that the allow-file has: the first word of each line, but for what is behind a #."""
    text = (read_text(root, ALLOWED) or "").removeprefix(MARK)
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].split()[:1]
        if word and (len(word[0]) != DIGITS or word[0].strip("0123456789abcdef")):
            # What it has instead may be the secret.
            raise Refused(f"{ALLOWED}:{number}: expected a fingerprint of {DIGITS} digits as the first word")
        yield from word
