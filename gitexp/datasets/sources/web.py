"""One HTTP request to its answer: redirects followed, secrets sent to the host that they are for and no further.

Every failure is a Refused that says what to do; those worth another try are NotNow.
"""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from email.message import Message
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from gitexp.datasets.sources.refusals import (
    missing,
    no_access,
    shown,
    unreachable,
    unusable,
)
from gitexp.datasets.sources.resolution import SourceSettings
from gitexp.errors import Refused
from gitexp.spec.trust import credential_entry, require_trusted

BLOCK = 1 << 20
LARGEST_ANSWER = 64 << 20  # bytes of JSON
AGENT = "gitexp"
_LATER = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Answer(NamedTuple):
    """An answer whose body is still to be read. `url` is that of whoever answered."""

    status: int
    headers: Message
    url: str
    body: http.client.HTTPResponse


def ask(
    url: str,
    settings: SourceSettings,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    feed: bytes | None = None,
    expected: tuple[int, ...] = (),
) -> Answer:
    """Ask once. Raises Refused for every status that is no success, unless it is `expected`."""
    _check(url, settings)
    request = urllib.request.Request(url, data=feed, method=method)
    for name, value in {"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}.items():
        request.add_header(name, value)
    if secret := _authorization(url, settings):
        request.add_unredirected_header("Authorization", secret)
    handlers: list[urllib.request.BaseHandler] = [_Redirects(settings)]
    if settings.public_only:
        from gitexp.datasets.sources.public import public_handlers

        handlers += public_handlers(settings)
    elif _is_loopback(url):  # a proxy cannot know our own loopback
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    try:
        answer = opener.open(request, timeout=settings.timeout_s)
        return Answer(answer.status, answer.headers, answer.url, answer)
    except urllib.error.HTTPError as error:
        if error.code in expected:
            return Answer(error.code, error.headers, error.url or url, error)  # type: ignore[arg-type]
        with error:
            raise _status(error, url, settings) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _broken(error, url, settings) from error


def blocks(answer: Answer, settings: SourceSettings) -> Generator[bytes]:
    """The body as it comes. Raises NotNow where it breaks off."""
    with answer.body as body:
        while True:
            try:
                block = body.read1(BLOCK)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _broken(error, answer.url, settings) from error
            if not block:
                return
            yield block


def ask_json(url: str, settings: SourceSettings, *, feed: bytes | None = None) -> tuple[Any, Message]:
    """A JSON document and its headers."""
    import json

    headers = {"Accept": "application/json"}
    answer = ask(url, settings, method="GET" if feed is None else "POST", headers=headers, feed=feed)
    content = b""
    for block in blocks(answer, settings):
        content += block
        if len(content) > LARGEST_ANSWER:
            raise unusable(settings, f"{shown(url)} answered more than {LARGEST_ANSWER} bytes of JSON")
    try:
        return json.loads(content), answer.headers
    except (ValueError, RecursionError) as error:
        what = f"{shown(url)} did not answer in JSON"
        raise unusable(settings, what, why="Is there a login page, or a proxy, in between?") from error


# ---- secrets


def _authorization(url: str, settings: SourceSettings) -> str | None:
    auth = settings.auth or ""
    if settings.anonymous or not (auth.startswith("env:") or auth == "netrc"):
        return None
    if urlsplit(url).scheme != "https" and not _is_loopback(url):
        raise unusable(settings, f"{auth} would be sent in the clear to {shown(url)}", fix="use https://")
    secret = _bearer(auth.removeprefix("env:"), settings) if auth.startswith("env:") else _netrc(url, settings)
    if secret is not None:
        require_trusted([credential_entry(auth, url)], settings.trusted)
    return secret


def _bearer(variable: str, settings: SourceSettings) -> str:
    token = os.environ.get(variable, "").strip()
    if not token:
        owner = f"    (or ask {settings.owner} for a token)" if settings.owner else ""
        raise unusable(
            settings,
            f"the environment variable {variable} is not set",
            why=f"The catalogue says that the token for {settings.source or settings.name} is in it.",
            fix=f"export {variable}=…{owner}",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise unusable(settings, f"what the environment variable {variable} holds is no token")
    return f"Bearer {token}"


def _netrc(url: str, settings: SourceSettings) -> str | None:
    import base64
    import netrc

    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        found = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
    except FileNotFoundError as error:
        raise unusable(settings, f"there is no {path}", fix=f"write machine, login and password to {path}") from error
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        line = f":{error.lineno}" if isinstance(error, netrc.NetrcParseError) and error.lineno else ""
        raise unusable(settings, f"{path}{line} cannot be read") from error
    if found is None:
        return None
    login, _, password = found
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects, up to ten; the secret stays with the host that it is for, and https is not left."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            what = f"{shown(req.full_url)} redirects to {shown(newurl)}, which is not encrypted"
            raise unusable(self._settings, what)
        _check(newurl, self._settings)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is None:
            return None
        if req.get_method() == "HEAD":
            new.method = "HEAD"  # Python makes it a GET
        secret = req.unredirected_hdrs.get("Authorization")
        if secret and _origin(req.full_url) == _origin(newurl):
            new.add_unredirected_header("Authorization", secret)
        return new


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _check(url: str, settings: SourceSettings) -> None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise unusable(settings, f"{shown(url)} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise unusable(settings, f"{shown(url)} is no http:// or https:// address")
    if parts.scheme == "http" and not settings.plain_http and not _is_loopback(url):
        raise unusable(
            settings,
            f"{shown(url)} is not encrypted",
            why="Anybody on the way could change the data.",
            fix="write https://, or git config gitexp.plainHttp true    (then pin the digest)",
        )


# ---- failures


def _status(error: urllib.error.HTTPError, url: str, settings: SourceSettings) -> Refused:
    said = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
    if error.code in (401, 403, 407):
        return no_access(settings, url, said)
    if error.code in (404, 410):
        return missing(settings, url, said)
    if error.code in _LATER:
        return unreachable(settings, url, f"{urlsplit(url).netloc.rpartition('@')[2]} answered {said}")
    if error.code in (301, 302, 303, 307, 308):
        return unusable(settings, f"{shown(url)} redirects without end")
    return unusable(settings, f"{shown(url)} answered {said}")


def _broken(error: Exception, url: str, settings: SourceSettings) -> Refused:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(reason, ssl.SSLCertVerificationError):
        return unusable(settings, f"{host} has no valid certificate: {reason.verify_message}")
    if isinstance(reason, TimeoutError):
        return unreachable(settings, url, f"{host} did not answer for {settings.timeout_s:g} s")
    if isinstance(reason, OSError):
        return unreachable(settings, url, f"{host} cannot be reached: {reason.strerror or type(reason).__name__}")
    return unreachable(settings, url, f"{host} broke off: {type(reason).__name__}")
