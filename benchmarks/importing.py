"""`gitexp import` of a table of 1,000 runs beside `git fast-import` of as many commits with as many files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ratios import Row, pair
from world import Bench, quiet

RUNS = 1000


def import_row(bench: Bench, gitexp: str) -> Iterator[Row]:
    """Each round writes another table, since a run that was imported is skipped; git's is a new repository."""
    lab, numbers = bench.lab(0), count()

    def ours() -> float:
        table = bench.root / "results.csv"
        turn = next(numbers)
        rows = (f"r{turn}-{n},0.1,{n / 7},{n / 11}\n" for n in range(RUNS))
        table.write_text("name,lr,acc,loss\n" + "".join(rows))
        return quiet([gitexp, "import", str(table)], cwd=lab, env=bench.env)

    def theirs() -> float:
        folder = bench.root / f"fast-{next(numbers)}"
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        stream = folder / "stream"
        stream.write_bytes(b"".join(_commit(number) for number in range(RUNS)))
        return quiet(["sh", "-c", "git fast-import --quiet < stream"], cwd=Path(folder), env=bench.env)

    yield pair(f"import, a table of {RUNS:,} runs", "git fast-import", None, ours, theirs, rounds=3)


def _commit(number: int) -> bytes:
    """With seven small files, as the record of an imported run has."""
    head = f"commit refs/heads/x\ncommitter A <a@example.org> {1700000000 + number} +0000\ndata 1\nx\ndeleteall\n"
    text = f"{number}\n" * 100
    files = (f"M 100644 inline {name}\ndata {len(text) + 1}\n{name}{text}\n" for name in "abcdefg")
    return (head + "".join(files)).encode()
