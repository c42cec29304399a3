"""The bar of long work on bytes, seen on a real pseudo-terminal."""

from __future__ import annotations

import subprocess
import sys

import pexpect
import pytest

SLOW = (
    "import time\nfrom gitexp.cli.progressbar import ProgressBar\n"
    "with ProgressBar('hashing \\x1b[2Jdigits') as bar:\n"
    "    bar.expect(files=100, size_bytes=100_000_000)\n"
    "    bar.advance(files=49, size_bytes=49_000_000)\n"
    "    time.sleep(0.6)\n"
    "    bar.advance(files=1, size_bytes=1_000_000)\n"
    "print('after')\n"
)


def test_work_of_more_than_half_a_second_shows_its_share_rate_and_time_left() -> None:
    child = pexpect.spawn(sys.executable, ["-c", SLOW], encoding="utf-8", timeout=20, dimensions=(24, 120))
    child.expect(r"hashing \\x1b\[2Jdigits   50 %  50 of 100 files  50 MB  \d+(\.\d+)? MB/s  \d+(\.\d+)? ?s left")
    child.expect(r"\r\x1b\[2Kafter\r\n")


def test_a_narrow_terminal_gets_one_line() -> None:
    child = pexpect.spawn(sys.executable, ["-c", SLOW], encoding="utf-8", timeout=20, dimensions=(24, 20))
    child.expect(r"\r\x1b\[2K(hashing[^\r]*)\r\x1b\[2Kafter")
    assert child.match is not None
    assert len(child.match[1]) <= 19


def test_no_terminal_sees_no_bar() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("after\n", "")


ONE = (
    "import time\nfrom gitexp.cli.progressbar import ObjectsBar, ProgressBar\n"
    "with {bar}('storing') as bar:\n"
    "    bar.expect(files={expected}, size_bytes=0)\n"
    "    time.sleep(0.6)\n"
    "    bar.advance(files={done}, size_bytes=0)\n"
)


@pytest.mark.parametrize(
    ("bar", "expected", "done", "line"),
    [
        ("ProgressBar", 1, 0, "storing  1 file"),
        ("ProgressBar", 3, 3, "storing  100 %  3 of 3 files"),
        ("ProgressBar", 3, 5, "storing  100 %  5 files"),
        ("ObjectsBar", 0, 1, "storing  1 object"),
        ("ObjectsBar", 2, 2, "storing  100 %  2 of 2 objects"),
    ],
)
def test_the_bar_counts_as_people_do(bar: str, expected: int, done: int, line: str) -> None:
    script = ONE.format(bar=bar, expected=expected, done=done)
    child = pexpect.spawn(sys.executable, ["-c", script], encoding="utf-8", timeout=20, dimensions=(24, 120))
    child.expect(r"\r\x1b\[2K([^\r]*)\r\x1b\[2K")
    assert child.match is not None
    assert child.match[1] == line
