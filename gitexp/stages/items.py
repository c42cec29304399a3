"""Add values by example to what was collected: those that the program logged, or wrote to the file the recipe names.

What git does not take (a file beyond the limit of the history) becomes an artifact of the run. Whatever cannot be read
is a problem of the run, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gitexp import runfolder
from gitexp.attempt import Collected
from gitexp.capture.whose import Whose
from gitexp.record.runrecord import ByExample
from gitexp.record.written import OWN, Written, is_as_before, path_of
from gitexp.regularfile import open_regular, read_regular

ARTIFACT = "gitexp-items.csv"  # among what the run saved


def add_items(
    collected: Collected,
    *,
    folder: Path,
    cwd: Path,
    named: str | None,
    before: Mapping[str, Written],
    limit: int,
    beside: Whose,
) -> Collected:
    """`named`: the recipe's file; what the program logged by itself goes before it. `limit`: bytes that git takes."""
    logged = folder / runfolder.ITEMS
    if named is None and not logged.exists():
        return collected
    from gitexp.record.items import MOST_BYTES, NoItems, dump_items, examples_in, items_in_table, logged_items

    where = "gitexp.log_items()" if logged.exists() else str(named)
    try:
        if logged.exists():
            items, said = logged_items(_read(logged, MOST_BYTES))
        else:
            path = _ours(str(named), cwd, folder / runfolder.SAVED, before, beside)
            items, said = items_in_table(_read(path, MOST_BYTES), tabs=path.suffix == ".tsv")
        problems = tuple(f"{where}: {what}" for what in said)
        if not examples_in(items):
            return collected._replace(problems=(*collected.problems, *problems))
        text = b"".join(dump_items(items))
        known = ByExample(examples_in(items))
        if len(text) > limit:
            (folder / runfolder.SAVED / ARTIFACT).write_bytes(text)
            from xxhash import xxh3_128_hexdigest

            known, text = ByExample(known.examples, f"xxh128:{xxh3_128_hexdigest(text)}"), b""
        return collected._replace(items=known, items_csv=text, problems=(*collected.problems, *problems))
    except FileNotFoundError:  # also where an older one is there
        missing = f"{where}: [metrics] items names it, and the program did not write it"
        return collected._replace(notes=(*collected.notes, missing))
    except (NoItems, OSError) as error:
        what = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        return collected._replace(problems=(*collected.problems, f"{where}: {what}"))


def _ours(name: str, cwd: Path, own: Path, before: Mapping[str, Written], beside: Whose) -> Path:
    """The file, where this run wrote it. Raises OSError and NoItems."""
    import os

    from gitexp.record.items import NoItems

    path = path_of(name, cwd, own)
    fd, info = open_regular(path)
    os.close(fd)
    noted = before.get(name)
    if noted is not None and is_as_before(info, noted):
        raise FileNotFoundError
    other = None if name.startswith(OWN) else beside.other(name)
    if other is not None or beside.is_late(info):
        whose = f"run {other} was at work here at the same time" if other else "it was written to after the run ended"
        raise NoItems(f"was not read: {whose}; use gitexp.log_items() or {OWN}{Path(name).name}")
    return path


def _read(path: Path, most: int) -> bytes:
    from gitexp.record.items import NoItems

    content = read_regular(path, most=most + 1)
    if len(content) > most:
        raise NoItems(f"has more than {most >> 20} MiB, so it was not read")
    return content
