"""The history of a run in progress, from its folder, read on as its files grow. Changes nothing.

What a program writes to files of its own is read when it is recorded, not before.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from gitexp import runfolder
from gitexp.curves.series import RunHistory
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Row
from gitexp.regularfile import open_regular

MOST_ROWS = 20_000  # in memory; beyond, every second one goes
PIECE = 8 << 20  # bytes of a file that are looked at by one call of `read`, so that a page is never long in coming


class Growing:
    """`read` gives what is there; asked again, it takes only what was added meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at = dict.fromkeys(runfolder.LOGGED, 0)
        self._rows: list[Row] = []
        self._logged = 0
        self._every = 1

    def read(self) -> RunHistory:
        """Rows by time, as the record will have them; a sample of them where there are very many."""
        for name in runfolder.LOGGED:
            for block in Reader(name, strict=True).lines(BytesIO(self._more(name))):
                for row in block.rows():
                    if self._logged % self._every == 0:
                        self._rows.append(row)
                    self._logged += 1
        while len(self._rows) > MOST_ROWS:
            self._rows, self._every = self._rows[::2], self._every * 2
        times = [row.time_s for row in self._rows if row.time_s is not None]
        if times != sorted(times):
            self._rows.sort(key=lambda row: row.time_s or 0.0)
        names = dict.fromkeys(name for row in self._rows for name in row.values)
        return RunHistory(
            steps=[row.step for row in self._rows],
            times=[row.time_s for row in self._rows],
            columns={name: [row.values.get(name) for row in self._rows] for name in names},
            logged=self._logged,
        )

    def _more(self, name: str) -> bytes:
        """The whole lines of a file that were not read yet, some megabytes at most."""
        try:
            fd, found = open_regular(self._folder / name)
            with open(fd, "rb") as file:
                at = self._at[name] if found.st_size >= self._at[name] else 0
                file.seek(at)
                content = file.read(PIECE)
        except OSError:
            return b""
        whole = content.rfind(b"\n") + 1
        self._at[name] = at + (whole or (len(content) if len(content) == PIECE else 0))
        return content[:whole]
