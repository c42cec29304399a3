"""Connections to the public internet alone, for addresses that a stranger chose.

A name is looked up once and connected to as the number that it gave, so that it cannot stand for another the next
moment. Redirects go the same way. No proxy is used: it would look the name up itself, in a network of its own.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import urllib.request
from typing import Any

from gitexp.datasets.sources.refusals import unusable
from gitexp.datasets.sources.resolution import SourceSettings

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def public_handlers(settings: SourceSettings) -> list[urllib.request.BaseHandler]:
    """For urllib's opener."""

    def connect(address: tuple[str, int], timeout: Any = None, source_address: Any = None) -> socket.socket:
        host, port = address
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for *_, place in found:
            if not is_public(str(place[0])):
                raise _own_network(host, str(place[0]), settings)
        made = socket.create_connection((str(found[0][4][0]), port), timeout, source_address)
        if made.getsockname()[0] == made.getpeername()[0]:  # this machine, by a public number
            made.close()
            raise _own_network(host, str(found[0][4][0]), settings)
        return made

    class Plain(http.client.HTTPConnection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._create_connection = connect

    class Encrypted(http.client.HTTPSConnection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._create_connection = connect

    class ByHttp(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class ByHttps(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Encrypted, req, context=ssl.create_default_context())

    return [urllib.request.ProxyHandler({}), ByHttp(), ByHttps()]


def is_public(number: str) -> bool:
    """Whether an IP address is one of the public internet, also where it carries another in itself."""
    found = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return found.is_global and not found.is_multicast


def _own_network(host: str, number: str, settings: SourceSettings) -> Exception:
    shown = host if host == number else f"{host} ({number})"
    return unusable(
        settings,
        f"{shown} is on this machine's own network",
        why="The address is out of a record, and the catalogue here does not name it.",
    )
