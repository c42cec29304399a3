"""`https://…/file`: one file, its version the ETag, else Last-Modified; without either it is fetched each time."""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Generator
from email.message import Message
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from gitexp.datasets.sources.refusals import changed, shown, unusable
from gitexp.datasets.sources.resolution import Resolution, SourceFile, SourceSettings
from gitexp.datasets.sources.web import Answer, ask, blocks


class Reading(NamedTuple):
    """A file's bytes from `start` on, which may be earlier than was asked for."""

    start: int
    blocks: Generator[bytes]


def resolve(url: str, settings: SourceSettings) -> Resolution:
    """Ask what is there now, without its bytes."""
    name = _name(url, settings)
    answer = ask(url, settings, method="HEAD", expected=(400, 403, 405, 501))
    if answer.status >= 400:  # some servers, and signed addresses, know only GET
        answer.body.close()
        answer = ask(url, settings)
    answer.body.close()
    etag, modified = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
    sha256, md5 = _stated(answer.headers)
    file = SourceFile(name, url, _size(answer.headers), etag, sha256, md5, modified=modified)
    return Resolution(
        url,
        resolved=url,
        version=etag.strip('"') if etag and not etag.startswith("W/") else modified or etag,
        files=(file,),
        mirror=shown(answer.url) if answer.url != url else None,
    )


def read(file: SourceFile, offset: int, settings: SourceSettings) -> Reading:
    """The file's bytes from `offset`, or from 0 where the server cannot. Raises Refused where it is another by now."""
    headers = {}
    if offset and (unchanged := _validator(file)) is not None:
        headers = {"Range": f"bytes={offset}-", **({"If-Range": unchanged} if unchanged else {})}
    answer = ask(file.url, settings, headers=headers, expected=(416,) if headers else ())
    if answer.status == 416:
        answer.body.close()
        return read(file, 0, settings)
    start = _start(answer) if answer.status == 206 else 0
    try:
        _check_same(answer, file, settings)
        if start not in (0, offset):
            raise unusable(settings, f"{shown(file.url)} answered with another range than was asked for")
    except BaseException:
        answer.body.close()
        raise
    return Reading(start, blocks(answer, settings))


def _validator(file: SourceFile) -> str | None:
    """What If-Range needs; "" where the address alone names the bytes; None: it cannot be continued."""
    if file.etag and not file.etag.startswith("W/"):
        return file.etag
    if file.sha256 or file.blob:
        return ""
    return file.modified


def _start(answer: Answer) -> int:
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else -1


def _check_same(answer: Answer, file: SourceFile, settings: SourceSettings) -> None:
    etag, modified = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
    if file.etag and etag and file.etag != etag:
        raise changed(settings, file.url, f"its ETag was {file.etag} and is {etag}")
    if not file.etag and file.modified and modified and file.modified != modified:
        raise changed(settings, file.url, f"it was of {file.modified} and is of {modified}")
    size = _size(answer.headers)
    if answer.status == 200 and file.size is not None and size not in (None, file.size):
        raise changed(settings, file.url, f"it had {file.size} bytes and has {size}")


def _size(headers: Message) -> int | None:
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _stated(headers: Message) -> tuple[str | None, str | None]:
    """sha256 and md5 as hexadecimal digits, from RFC 9530, RFC 3230 and RFC 1864 headers."""
    sha256 = md5 = None
    for line in (*headers.get_all("Repr-Digest", []), *headers.get_all("Digest", [])):
        for item in line.split(","):
            name, _, value = item.strip().partition("=")
            if name.lower() == "sha-256":
                sha256 = _hex(value.strip(":"), 32) or sha256
            elif name.lower() == "md5":
                md5 = _hex(value.strip(":"), 16) or md5
    return sha256, _hex(headers.get("Content-MD5", ""), 16) or md5


def _hex(encoded: str, size: int) -> str | None:
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value.hex() if len(value) == size else None


def _name(url: str, settings: SourceSettings) -> bytes:
    name = posixpath.basename(unquote_to_bytes(urlsplit(url).path))
    if name in (b"", b".", b"..") or b"\0" in name:
        raise unusable(
            settings,
            f"{shown(url)} names no file",
            why="gitexp fetches one file from a web address, not a folder.",
            fix="name the file, or pack the folder",
        )
    return name
