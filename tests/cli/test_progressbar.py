"""The bar of long work on bytes, seen on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
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


def drawn(script: str, *, columns: int) -> list[str]:
    """What the terminal shows, line by line as it is drawn, without its escapes. The last is what is left."""
    child = pexpect.spawn(
        sys.executable,
        ["-c", script],
        encoding="utf-8",
        timeout=20,
        dimensions=(24, columns),
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
    )
    child.expect(pexpect.EOF)
    assert isinstance(child.before, str)
    return [line.strip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", child.before))]


def test_work_of_more_than_half_a_second_shows_its_share_and_rate_and_leaves_nothing() -> None:
    first, *_, last, end = drawn(SLOW, columns=120)
    assert re.fullmatch(
        r"hashing \\x1b\[2Jdigits [━╺╸]{20}  50% 50 of 100 files 50\.0/100\.0 MB (\?|[\d.]+ MB/s) [\d:-]{5}", first
    )
    assert (last, end) == ("after", "")


def test_the_cursor_stays_and_the_line_is_erased() -> None:
    child = pexpect.spawn(sys.executable, ["-c", SLOW], encoding="utf-8", timeout=20, dimensions=(24, 120))
    child.expect(r"\x1b\[\?25h.*\x1b\[2Kafter\r\n")


def test_a_narrow_terminal_gets_one_line() -> None:
    first, *_ = drawn(SLOW, columns=20)
    assert first.startswith("hashing")
    assert len(first) <= 20


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
    ("bar", "expected", "done", "words"),
    [
        ("ProgressBar", 1, 0, "0% 1 file --:--"),
        ("ProgressBar", 3, 3, "100% 3 of 3 files --:--"),
        ("ProgressBar", 3, 5, "100% 5 files --:--"),
        ("ObjectsBar", 0, 1, "1 object"),
        ("ObjectsBar", 2, 2, "100% 2 of 2 objects --:--"),
    ],
)
def test_the_bar_counts_as_people_do(bar: str, expected: int, done: int, words: str) -> None:
    first, *_ = drawn(ONE.format(bar=bar, expected=expected, done=done), columns=120)
    assert " ".join(first.split()[2:]) == words
