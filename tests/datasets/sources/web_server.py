"""A web server with good and bad manners, and a small hub. Run as a process: web_server.py FOLDER LOG

The first part of a path says how it behaves, the rest names a file below FOLDER. Each request is a line of LOG.
It prints its port, then serves until it is killed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

FOLDER, LOG = Path(sys.argv[1]), Path(sys.argv[2])
DATE = "Sat, 03 Jan 2026 00:00:00 GMT"
COMMIT = "c0ffee0000000000000000000000000000000001"
SEEN: dict[str, int] = {}
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        fed = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with LOCK:
            SEEN[self.command + path] = self.nth = SEEN.get(self.command + path, 0) + 1
            with LOG.open("a") as log:
                line = {"method": self.command, "path": self.path, "range": self.headers.get("Range")}
                log.write(json.dumps({**line, "token": self.headers.get("Authorization")}) + "\n")
        _, manner, *rest = path.split("/")
        if manner in ("api", "datasets", "lab"):
            self.hub(path, fed)
        else:
            getattr(self, manner.replace("-", "_"), self.nothing)("/".join(rest))

    # ---- manners

    def nothing(self, name: str) -> None:
        self.reply(404)

    def good(self, name: str) -> None:
        content = self.content(name)
        etag = '"' + hashlib.md5(content).hexdigest() + '"'
        self.serve(content, {"ETag": etag, "Last-Modified": DATE}, etag)

    def dated(self, name: str) -> None:
        self.serve(self.content(name), {"Last-Modified": DATE}, DATE)

    def nameless(self, name: str) -> None:
        self.serve(self.content(name), {}, None)

    def breaking(self, name: str) -> None:
        """Breaks off in the middle of the first two answers."""
        content = self.content(name)
        etag = '"one"'
        if self.command == "HEAD" or self.nth > 2:
            return self.serve(content, {"ETag": etag}, etag)
        self.serve(content, {"ETag": etag}, etag, stop_after=len(content) // 3)

    def always_breaking(self, name: str) -> None:
        content = self.content(name)
        self.serve(content, {"ETag": '"one"'}, '"one"', stop_after=0 if self.nth > 1 else len(content) // 2)

    def silent(self, name: str) -> None:
        time.sleep(5)

    def no_head(self, name: str) -> None:
        return self.reply(405) if self.command == "HEAD" else self.good(name)

    def busy_once(self, name: str) -> None:
        return self.reply(503) if self.nth == 1 else self.good(name)

    def busy(self, name: str) -> None:
        self.reply(503)

    def forbidden(self, name: str) -> None:
        self.reply(403)

    def changing(self, name: str) -> None:
        self.serve(self.content(name), {"ETag": f'"{self.command}"'}, None)

    def stated(self, name: str) -> None:
        """With a sha256 that is the file's own only if the file is b'right'."""
        self.serve(
            self.content(name),
            {"ETag": '"s"', "Repr-Digest": "sha-256=:JwQvTm7KfQsqfuQCbfLs+lHTM55tEiqgmRGOzYVjutk=:"},
            '"s"',
        )

    def moved(self, name: str) -> None:
        self.reply(302, {"Location": f"/good/{name}"})

    def elsewhere(self, name: str) -> None:
        """To the same server under another name."""
        port = self.server.server_address[1]
        self.reply(302, {"Location": f"http://localhost:{port}/good/{name}?signature=hidden"})

    def around(self, name: str) -> None:
        self.reply(302, {"Location": f"/around/{name}"})

    def locked(self, name: str) -> None:
        return self.good(name) if self.headers.get("Authorization") == "Bearer open-sesame" else self.reply(401)

    def locked_elsewhere(self, name: str) -> None:
        return self.elsewhere(name) if self.headers.get("Authorization") == "Bearer open-sesame" else self.reply(401)

    def basic(self, name: str) -> None:
        return self.good(name) if self.headers.get("Authorization") == "Basic YWRhOnNlY3JldA==" else self.reply(401)

    # ---- a hub: the repository lab/digits, as a dataset and as a model

    def hub(self, path: str, fed: str) -> None:
        files = {
            f.relative_to(FOLDER / "hub").as_posix(): f.read_bytes() for f in (FOLDER / "hub").rglob("*") if f.is_file()
        }
        entries = [entry(name, content) for name, content in sorted(files.items())]
        for kind in ("datasets/", "models/"):
            api = f"/api/{kind}lab/digits/"
            if path in (f"{api}revision/main", f"{api}revision/v1.0", f"{api}revision/refs/pr/1"):
                return self.json({"sha": COMMIT})
            if path == f"{api}paths-info/{COMMIT}":
                asked = parse_qs(fed)["paths"][0]
                folders = [{"type": "directory", "path": asked}] if (FOLDER / "hub" / asked).is_dir() else []
                return self.json([e for e in entries if e["path"] == asked] + folders)
            if path.startswith(f"{api}tree/{COMMIT}"):
                below = path.removeprefix(f"{api}tree/{COMMIT}").strip("/")
                return self.page([e for e in entries if e["path"].startswith(f"{below}/" if below else "")])
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if name in files:
            return self.serve(b"damaged" if name == "lies.bin" else files[name], {"ETag": '"h"'}, '"h"')
        if path.startswith("/api/datasets/lab/closed/"):
            return self.reply(401)
        self.reply(404)

    def page(self, entries: list[dict[str, object]]) -> None:
        """Two at a time."""
        at = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
        host = self.headers["Host"]
        following = f'<http://{host}{urlsplit(self.path).path}?recursive=true&cursor={at + 2}>; rel="next"'
        self.json(entries[at : at + 2], {"Link": following} if at + 2 < len(entries) else {})

    # ---- answers

    def content(self, name: str) -> bytes:
        return (FOLDER / name).read_bytes()

    def json(self, table: object, headers: dict[str, str] | None = None) -> None:
        self.reply(200, headers or {}, json.dumps(table).encode())

    def reply(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def serve(
        self, content: bytes, headers: dict[str, str], validator: str | None, stop_after: int | None = None
    ) -> None:
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        status, start = 200, 0
        if wanted and validator and condition in (None, validator):
            status, start = 206, int(wanted.removeprefix("bytes=").rstrip("-"))
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        body = content[start:]
        if stop_after is None:
            return self.reply(status, headers, body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:stop_after])
        self.close_connection = True


def entry(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    found: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": blob}
    if name.endswith(".bin"):
        pointed = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return {**found, "oid": "0" * 40, "lfs": pointed}
    return found


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
