"""Histories of recorded runs: of many as git has them; of one whole, where the object store here has all of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING

from gitexp.curves.series import RunHistory, load_history
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.text.bounded import Unreadable, load_tables

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore
    from gitexp.history.read import Run

MOST_BYTES = 16 << 20  # of a history.csv; gitexp keeps 256 KiB in git unless a lab asks for more
MOST_STORED = 256 << 20


def read_histories(
    reader: ObjectReader, commits: Iterable[str], *, wanted: Container[str] | None = None
) -> Iterator[RunHistory]:
    """The history of each commit, in order; `wanted`: only these metrics. What cannot be read is its `problem`."""
    names = (f"{commit}:{name}" for commit in commits for name in ("history.csv", "run.toml"))
    found = reader.find_many(names, limit=MOST_BYTES)
    for history, record in zip(found, found, strict=True):
        if history is None:
            yield RunHistory(problem="history.csv is not in this clone")
        elif history[1] is None:
            yield RunHistory(problem=f"history.csv has more than {MOST_BYTES >> 20} MiB, so it was not read")
        else:
            yield load_history(history[1], logged=_logged(record), wanted=wanted)


def read_whole(reader: ObjectReader, run: Run, store: ObjectStore) -> RunHistory:
    """Every row that was logged, where the object store of this clone has them; else what git has, which says so."""
    kept = run.record.history if run.record is not None else None
    if kept is not None and kept.kept < kept.rows:
        try:
            size = store.size_bytes(kept.digest)
            if size is not None and size <= MOST_STORED:
                return load_history(store.read_bytes(kept.digest), logged=kept.rows)
        except (GitexpError, OSError, ValueError):
            pass  # the sample is whole
    return next(read_histories(reader, [run.commit]))


def _logged(record: tuple[str, bytes | None] | None) -> int | None:
    """How many rows run.toml says there were."""
    try:
        text = (record[1] if record is not None else None) or b""
        table = load_tables(text.decode(), where="run.toml").get("history")
    except (Unreadable, UnicodeDecodeError):
        return None
    rows = table.get("rows") if isinstance(table, dict) else None
    return rows if type(rows) is int else None
