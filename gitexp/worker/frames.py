"""Bytes on two pipes to messages and back: one letter, the payload's length in four bytes, the payload.

Signals do not travel here: the submitting side sends them to the worker as signals, so that they arrive
even when a slow reader has filled the pipes.
"""

from __future__ import annotations

# To the worker.
INPUT = b"i"  # bytes typed at the user's terminal
INPUT_END = b"e"  # that terminal is gone
SIZE = b"w"  # rows and columns, two bytes each

# From the worker.
STDOUT = b"o"
STDERR = b"r"
STOPPED = b"s"  # the program was suspended at its terminal (Ctrl-Z)
FINISHED = b"f"  # what stands in outcome.json, which is there where the disk took it; nothing follows

_HEAD = 5


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def size_payload(rows: int, columns: int) -> bytes:
    return min(rows, 65535).to_bytes(2, "big") + min(columns, 65535).to_bytes(2, "big")


def take(received: bytearray) -> list[tuple[bytes, bytes]]:
    """Cut the whole frames off the front of what was received, and leave the rest there."""
    frames, start = [], 0
    while len(received) - start >= _HEAD:
        end = start + _HEAD + int.from_bytes(received[start + 1 : start + _HEAD], "big")
        if end > len(received):
            break
        frames.append((bytes(received[start : start + 1]), bytes(received[start + _HEAD : end])))
        start = end
    del received[:start]
    return frames
