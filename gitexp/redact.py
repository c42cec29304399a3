"""Turn text that is about to be recorded into the same text without secrets, each replaced by `[redacted:KIND]`.

Two sources: values that names give away (`secretnames.py`), and the forms of tokens (`secretforms.py`). What only
looks random (git ids, digests, ids of runs) stays: a record that hides its own facts is worth less than none.
A text without secrets comes back as it was, at the price of some substring searches; `re` is not even imported.
"""

from __future__ import annotations

from gitexp.secretforms import LONG, QUERY, SHAPES
from gitexp.secretnames import SHORTEST

TYPE_CHECKING = False  # as type checkers know it; typing itself imports re
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

UNMISTAKABLE = 12  # from this length on a value is also replaced in the middle of a word
_EDGE = rb"(?<![A-Za-z0-9])"


def redact(text: bytes, *, secrets: Iterable[str]) -> bytes:
    """The text without these values, as they are or escaped as in JSON, and without anything shaped like a token."""
    text = _redact_values(text, secrets)
    for kind, pattern in tried(text):
        text = pattern.sub(rb"\g<1>[redacted:" + kind.encode() + b"]", text)
    return text


def tried(text: bytes) -> Iterator[tuple[str, re.Pattern[bytes]]]:
    """Kinds and forms of which a text has the words that they need. Their group 1 is no part of a secret."""
    folded = text.lower()
    long = b" ".join(word for word in text.split() if len(word) >= LONG)
    for kind, needles, pattern in SHAPES:
        if any(needle in folded or needle in long for needle in needles) if needles else long:
            yield kind, _compiled(pattern)


def redact_toml(text: bytes, *, secrets: Iterable[str]) -> bytes:
    """The same for TOML, in strings and comments only: bare keys and numbers stay, and it still parses."""
    secrets = list(secrets)
    # Nothing found as it stands: then only a string with an escape can still hide something.
    unseen = b"\\" if redact(text, secrets=secrets) == text else b""
    if unseen not in text:
        return text
    literals = _compiled(
        rb'"""(?:\\[\s\S]|[^\\])*?"{3,5}|' + rb"'''[\s\S]*?'{3,5}|" + rb'"(?:\\.|[^"\\\n])*"|' + rb"'[^'\n]*'|#[^\n]*"
    )
    return literals.sub(lambda match: _redact_literal(match[0], secrets) if unseen in match[0] else match[0], text)


def _redact_literal(literal: bytes, secrets: list[str]) -> bytes:
    if literal.startswith(b"#"):
        return redact(literal, secrets=secrets)
    value = literal[1:-1]
    if b"\\" in literal or literal.startswith((b'"""', b"'''")):
        import tomllib

        try:
            value = str(tomllib.loads(f"x = {literal.decode()}")["x"]).encode()
        except ValueError:  # not TOML after all
            return redact(literal, secrets=secrets)
    redacted = redact(value, secrets=secrets)
    if redacted == value:
        return literal
    import json

    # A JSON string is a TOML string, but for DEL, which TOML wants escaped.
    return json.dumps(redacted.decode(errors="replace"), ensure_ascii=False).replace("\x7f", "\\u007f").encode()


def redact_url(url: str) -> str:
    """The URL without user, password and signed parameters. The user of an SSH URL stays: it is half of the address."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url  # a path, or host:path, which has no place for a password
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    host = rest[:end]
    port = host.rpartition("]")[2].partition(":")[2]
    if "@" in rest and "@" not in host and port and not port.isdigit():
        end = rest.index("@") + 1  # no port, but a password with an unescaped "/"
        host = rest[:end]
    credentials, at, address = host.rpartition("@")
    user = credentials.partition(":")[0]
    keeps_user = bool(user) and scheme.lower().endswith(("ssh", "sftp", "rsync"))
    clean = f"{scheme}://{user}@{address}{rest[end:]}" if at and keeps_user else f"{scheme}://{address}{rest[end:]}"
    if "=" not in clean:
        return clean
    encoded = _compiled(QUERY).sub(rb"\g<1>redacted", clean.encode("utf-8", "surrogateescape"))
    return encoded.decode("utf-8", "surrogateescape")


def _redact_values(text: bytes, secrets: Iterable[str]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):  # one may contain another
        if len(secret) < SHORTEST:
            continue
        for value in _spellings(secret):
            if value not in text:
                continue
            if len(value) >= UNMISTAKABLE:
                text = text.replace(value, b"[redacted:variable]")
            else:
                import re

                text = re.sub(_EDGE + re.escape(value) + rb"(?![A-Za-z0-9])", b"[redacted:variable]", text)
    return text


def _spellings(secret: str) -> set[bytes]:
    """As it is, as a terminal prints it, and as JSON or TOML write it."""
    plain = secret.encode("utf-8", "surrogateescape")
    spellings = {plain}
    if "\n" in secret:
        spellings.add(plain.replace(b"\n", b"\r\n"))
    if not secret.isalnum():
        import json

        spellings.add(json.dumps(secret)[1:-1].encode())
        spellings.add(json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"))
    return spellings


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    import re

    return re.compile(pattern)  # re itself keeps what it has compiled
