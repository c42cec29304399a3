"""Turn the bytes of a file that somebody wrote into text, or say in which encoding they are instead of UTF-8.

A byte order mark stays where it is: `bounded.load_toml` skips it, and whoever edits a file must not lose it.
"""

from __future__ import annotations

LARGEST = 2 << 20  # bytes, and so characters: 10,000 metrics with the longest names; a command line of 20,000 paths
MARK = "\ufeff"  # of UTF-8, as Windows' editors put it in front


class NotUtf8(ValueError):
    """The message is the end of a sentence, `line` where the text stops being UTF-8."""

    def __init__(self, what: str, *, line: int, encoding: str) -> None:
        super().__init__(f"{what}, not UTF-8")
        self.line, self.encoding = line, encoding


def decode(raw: bytes) -> str:
    """The text of a file. Raises NotUtf8."""
    if len(raw) > LARGEST:  # load_toml refuses it, whatever it is, and it may be cut off
        return raw.decode("utf-8", "replace")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4]:  # the second: PowerShell's, without a mark
        order = "" if raw[:1] in (b"\xff", b"\xfe") else "BE" if raw[:1] == b"\0" else "LE"
        raise NotUtf8("this is UTF-16", line=1, encoding=f"UTF-16{order}")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        byte = raw[error.start : error.start + 1]
        shown = byte.decode("cp1252", "replace")
        meant = f"{shown} in Latin-1" if shown.isprintable() and shown != "\ufffd" else "no letter in Latin-1 either"
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"here is the byte 0x{byte[0]:02X}, {meant}", line=line, encoding="WINDOWS-1252") from error
