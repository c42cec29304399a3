"""A text to the secrets in it: of which kind each is, in which line, and a fingerprint by which it can be allowed.

Looked for are the forms of well-known tokens (`secretforms.py`) and, where it is installed, what the detectors of
detect-secrets know by its form. Its three others are left out: what looks random (37,697 places in the code of gitexp
itself), addresses (8), and any text beside the word "secret" (20).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.redact import tried
from gitexp.secretforms import PREFIXED
from gitexp.secretnames import HARMLESS_VALUES

if TYPE_CHECKING:
    import re

    from detect_secrets.plugins.base import RegexBasedDetector

PREFIXES = 8192  # bytes in which a binary file has a NUL
SECOND_OPINION = 1 << 20  # bytes of the largest file that detect-secrets is asked about: it takes a second for each MB
LONG_LINE = 4096  # characters of a line that it is asked about: of one 16 times as long it may take 256 times as long
TOGETHER = 1 << 18  # bytes of small files that are looked through at once
DIGITS = 16  # of a fingerprint
_LEFT_OUT = "base high_entropy_strings ip_public keyword"


class Secret(NamedTuple):
    """One that was found. It is in nothing here but the fingerprint."""

    kind: str
    line: int  # from 1; 0: in a binary file
    fingerprint: str


def secrets_in(content: bytes, detectors: Sequence[RegexBasedDetector]) -> list[Secret]:
    """The secrets in a file, in the order in which they stand there. What one finds within another is that one."""
    text, is_binary = as_text(content)
    found = [one for one in _own(text) if not is_binary or one[0] in PREFIXED.split()]
    if not is_binary and len(text) <= SECOND_OPINION:
        known: dict[int, list[bytes]] = {}
        for _, line, value in found:
            known.setdefault(line, []).append(value)
        for kind, line, value in _detected(text, detectors):
            if not any(value in one or one in value for one in known.get(line, ())):
                found.append((kind, line, value))
    found = [one for one in found if not _stands_for_one(one[2])]
    if not found:
        return []
    from hashlib import sha256

    secrets = (
        Secret(kind, 0 if is_binary else line, sha256(value).hexdigest()[:DIGITS]) for kind, line, value in found
    )
    return sorted(dict.fromkeys(secrets), key=lambda one: one.line)


def secrets_in_each(contents: Iterable[bytes], detectors: Sequence[RegexBasedDetector]) -> Iterator[list[Secret]]:
    """The same of many files, in their order. Small ones are first looked through together: that most are free of."""
    batch, size = list[bytes](), 0
    for content in contents:
        if size + len(content) > TOGETHER:
            yield from _of_batch(batch, detectors)
            batch, size = [], 0
        batch.append(content)
        size += len(content)
    yield from _of_batch(batch, detectors)


def _of_batch(batch: Sequence[bytes], detectors: Sequence[RegexBasedDetector]) -> Iterator[list[Secret]]:
    texts = [as_text(content) for content in batch]
    # No form goes over a bell, which is neither a space nor part of a word.
    together = b"\n\a\n".join(text for text, is_binary in texts if not is_binary)
    free = len(batch) > 1 and not secrets_in(together, detectors)
    for content, (_, is_binary) in zip(batch, texts, strict=True):
        yield [] if free and not is_binary else secrets_in(content, detectors)


def _stands_for_one(value: bytes) -> bool:
    """Whether it is what documentation writes in the place of a secret: `user:password`, `{}:{}`."""
    word = value.rpartition(b":")[2].lower()
    return word.decode("ascii", "replace") in HARMLESS_VALUES.split() or (word.startswith(b"{") and word.endswith(b"}"))


def as_text(content: bytes) -> tuple[bytes, bool]:
    """What of a file can be searched for words, and whether it is a binary one."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) and content[2:4] != b"\0\0":  # as PowerShell writes text
        return content.decode("utf-16", "replace").encode("utf-8", "surrogateescape"), False
    if b"\0" not in content[:PREFIXES]:
        return content, False
    import re

    # Of one, two or four bytes a letter: UTF-16 and UTF-32 have no mark where a program says which it is.
    words = re.findall(rb"[ -~]{16,}|(?:[ -~]\0){15,}[ -~]|(?:[ -~]\0{3}){15,}[ -~]", content)
    return b"\n".join(words).replace(b"\0", b""), True


def _own(text: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Kind, line and value by our own forms, without what only looks like one in a file of any sort."""
    taken = bytearray()  # a 1 for each byte of what was found: what has a form is not also the value of a name
    for kind, pattern in tried(text):
        line, at = 1, 0
        for match in pattern.finditer(text):
            start, end = match.end(1), match.end()
            if text.startswith(b"[redacted", start) or taken.find(1, start, end) >= 0:
                continue
            if not (not match[1] and _in_base64(text, match)) and not _is_code(kind, match):
                taken = taken or bytearray(len(text))
                taken[start:end] = b"\1" * (end - start)
                line, at = line + text.count(b"\n", at, start), start
                yield kind, line, text[start:end]


def _in_base64(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether it is a piece of a picture in a notebook, or of a digest: a million random letters hold any beginning."""
    import re

    start = match.end(1)
    begin = max(0, start - 256)
    around, at = text[begin : match.end() + 256], start - begin
    for words in (
        rb"[A-Za-z0-9+/=_-]{32,}",
        rb"(?:[A-Za-z0-9+/]{60,}(?:\\n|\r?\n))+[A-Za-z0-9+/]{20,}",
    ):  # whole; wrapped
        for word in re.finditer(words, around):
            if word.start() <= at < word.end():
                long = len(word[0]) >= 64 and (b"+" in word[0] or (len(word[0]) >= 200 and b"-" not in word[0]))
                if long or re.match(rb"sha\d{1,3}[-=]", word[0]):
                    return True
    return False


def _is_code(kind: str, match: re.Match[bytes]) -> bool:
    """Whether what stands behind a name is no value, but where a program takes one from."""
    import re

    if kind not in ("named", "authorization") or match[1].endswith((b"'", b'"')):
        return False
    value = match[0][len(match[1]) :]
    if match.string[match.end() : match.end() + 1] in (b"(", b"[") or re.search(rb"[(\[{]", value):
        return True
    of_words = re.fullmatch(rb"[a-z][a-z0-9]*(?:[_./-][a-z0-9]+)+", value) is not None
    return of_words and re.search(rb"(?i)pass|pwd", match[1]) is None


def _detected(text: bytes, detectors: Sequence[RegexBasedDetector]) -> Iterator[tuple[str, int, bytes]]:
    """The same by detect-secrets: a detector reads line by line where its patterns are found in the whole."""
    lines = [line if len(line) <= LONG_LINE else "" for line in text.decode("utf-8", "replace").split("\n")]
    words = "\n".join(lines)
    for detector in detectors:
        if any(pattern.search(words) for pattern in detector.denylist):
            for number, line in enumerate(lines, 1):
                for value in detector.analyze_string(line):
                    yield detector.secret_type.lower(), number, value.encode("utf-8", "replace")


def load_detectors() -> list[RegexBasedDetector]:
    """Those of detect-secrets, none where it is not installed. Nothing of it asks anybody whether a token is valid."""
    from importlib import import_module
    from pkgutil import iter_modules

    try:
        plugins = import_module("detect_secrets.plugins")
        base = import_module("detect_secrets.plugins.base").RegexBasedDetector
    except ImportError:
        return []
    names = [module.name for module in iter_modules(plugins.__path__) if module.name not in _LEFT_OUT.split()]
    modules = [import_module(f"{plugins.__name__}.{name}") for name in names]
    return [
        one()
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, base) and one.__module__ == module.__name__
    ]
