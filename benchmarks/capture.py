"""Event files beside TensorBoard's own reader in a loop, the plain parser: each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from ratios import Row, pair, timed
from world import Bench

PYTHON = sys.executable
WRITE = """
import random, sys
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
some = random.Random(0)
with open(sys.argv[1], "wb") as file:
    writer, step = RecordWriter(file), 0
    while file.tell() < int(sys.argv[2]) * 1e6:
        for tag in range(20):
            value = Summary.Value(tag=f"train/metric_{tag}", simple_value=some.random())
            writer.write(Event(wall_time=1e9 + step, step=step, summary=Summary(value=[value])).SerializeToString())
        step += 1
"""
OURS = """
import sys
from pathlib import Path
from gitexp.capture.kinds import kind_of
from gitexp.capture.reading import read
from gitexp.record.metricreader import Reader
print(sum(len(block.steps) * len(block.columns) for block in read(kind_of("tfevents"), Reader(""), Path(sys.argv[1]))))
"""
THEIRS = """
import sys
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
print(sum(len(Event.FromString(raw).summary.value) for raw in RawEventFileLoader(sys.argv[1]).Load()))
"""


def capture_rows(bench: Bench, *, full: bool) -> Iterator[Row]:
    """Scalars of 20 tags. Time grows with the bytes: 100 MB, of which a round takes a minute, only when `full`."""
    megabytes = 100 if full else 10
    file = str(bench.root / "tfevents")
    if subprocess.run([PYTHON, "-c", WRITE, file, str(megabytes)], capture_output=True, check=False).returncode:
        print("tensorboard is not installed: the capture rows are left out", file=sys.stderr)
        return
    ours, theirs = timed(PYTHON, "-c", OURS, file), timed(PYTHON, "-c", THEIRS, file)
    yield pair(f"capture, {megabytes} MB of event files", "tensorboard's loop", 2.0, ours, theirs, rounds=3)
