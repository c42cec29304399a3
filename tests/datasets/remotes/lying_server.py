"""A server on a free port of loopback that lies: the first part of a path, after a bucket `bucket`, says how."""

from __future__ import annotations

import http.server
import time

MEGABYTE = b"x" * 1_000_000
REFUSALS = {
    "broken": (500, b"<Error><Code>InternalError</Code></Error>"),
    "forbidden": (403, b"<Error><Code>AccessDenied</Code></Error>"),
    "stranger": (401, b""),
    "no-bucket": (404, b"<Error><Code>NoSuchBucket</Code></Error>"),
    "expired": (400, b"<Error><Code>ExpiredToken</Code></Error>"),
}


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        lie = self.path.removeprefix("/bucket").strip("/").split("/")[0].split("?")[0]
        if lie in REFUSALS:
            self.say(*REFUSALS[lie])
        elif lie == "other":
            self.say(200, b"other bytes")
        elif lie == "short":
            self.say(200, b"")
        elif lie == "silent":
            time.sleep(5)
        elif lie == "stalls":
            self.begin(200, len(MEGABYTE))
            self.wfile.write(MEGABYTE[:1000])
            self.wfile.flush()
            time.sleep(5)
        elif lie == "cut":
            self.begin(200, len(MEGABYTE))
            self.wfile.write(MEGABYTE[:1000])
            self.close_connection = True
        elif lie == "cut-once":
            self.cut_once()
        elif lie == "drips":
            self.drip()
        else:
            self.say(404, b"")

    def cut_once(self) -> None:
        """The first time only 600,000 bytes come; later what is asked for."""
        asked = self.headers.get("Range")
        if asked:
            offset = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {offset}-999999/1000000")
            self.send_header("Content-Length", str(1_000_000 - offset))
            self.end_headers()
            self.wfile.write(MEGABYTE[offset:])
            return
        self.begin(200, len(MEGABYTE))
        self.wfile.write(MEGABYTE[:600_000])
        self.close_connection = True

    def drip(self) -> None:
        """Each time only 200,000 bytes of what is asked for."""
        offset = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if offset else 200)
        self.send_header("Content-Range", f"bytes {offset}-999999/1000000")
        self.send_header("Content-Length", str(1_000_000 - offset))
        self.end_headers()
        self.wfile.write(MEGABYTE[offset : offset + 200_000])
        self.close_connection = True

    def begin(self, code: int, length: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def say(self, code: int, body: bytes) -> None:
        self.begin(code, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
