"""What pages are made of: headings, facts in two columns, paragraphs, the line that ends a list too long to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, can_show, cut, safe, size, table, wrap
from gitexp.errors import GitexpError, counted

if TYPE_CHECKING:
    from gitexp.datasets.place import Place
    from gitexp.history.read import Run
    from gitexp.record.runrecord import Seen
    from gitexp.record.usage import Used

IDLE_PERCENT = 30  # a GPU that was busy for less is pointed out
LAST_LINES = 10  # of the output
LISTED = 60  # metrics, keys, datasets, problems; JSON has all of them
STATUS_STYLE = {
    "completed": "green", "failed": "red", "crashed": "red", "interrupted": "yellow", "timed-out": "yellow",
    "unreadable": "red",
}  # fmt: skip

Fact = tuple[str, str, str]  # name, safe text, style


def heading(text: str, note: str = "", *, on: Screen) -> str:
    """A section's first line."""
    return on.paint(text, "bold") + (f"  {on.paint(note, 'dim')}" if note else "") + "\n"


def status_cell(status: str) -> Cell:
    """How a run ended."""
    return Cell(safe(status), STATUS_STYLE.get(status, ""))


def fact_table(facts: Sequence[Fact], *, on: Screen) -> str:
    """Names and what they stand for, in two columns; long text goes on below itself."""
    room = None if on.width is None else on.width - max(len(name) for name, _, _ in facts) - 2
    rows = []
    for name, text, style in facts:
        whole = room is None or name == "command"  # which is there to be copied
        lines = [text] if whole else wrap(text, on=on._replace(width=room)).splitlines()
        rows += [
            [Cell(word, "dim"), Cell(part, style)]
            for word, part in zip([name, *[""] * len(lines)], lines, strict=False)
        ]
    return table([Column(""), Column("")], rows, on=on)


def cautions(texts: Sequence[str], *, most: int = LISTED, on: Screen) -> str:
    """What to bear in mind before believing numbers: sentences behind a mark, the first few of them."""
    lines = ""
    for text in texts[:most]:
        first, *rest = wrap(safe(text[:VALUE_LIMIT]), on=on, indent="  ").splitlines()
        lines += on.paint("!", "yellow") + first[1:] + "\n" + "".join(f"{line}\n" for line in rest)
    return lines + rest_of(len(texts) - most)


def curve(values: Sequence[float | int], width: int) -> str:
    """A curve in a line of text, as far as the terminal can show one."""
    from gitexp.curves.sparkline import BARS, PLAIN, sparkline

    return sparkline(values, width, bars=BARS if can_show(BARS) else PLAIN)


def remarks(texts: Sequence[str], *, on: Screen) -> str:
    """Sentences as paragraphs, the first few of them."""
    lines = "".join(wrap(safe(text[:VALUE_LIMIT]), on=on, indent="  ") for text in texts[:LISTED])
    return lines + rest_of(len(texts) - LISTED)


def size_of(digest: str, known: int | None, place: Place) -> int | None:
    """Of a saved file; of a record that does not say it, where the object store of this clone has the file."""
    if known is not None:
        return known
    try:
        return place.store.size_bytes(digest)
    except (OSError, ValueError, GitexpError):
        return None


def size_in_words(digest: str, known: int | None, place: Place) -> str:
    """The same for people."""
    found = size_of(digest, known, place)
    return "not here" if found is None else size(found)


def used_in_words(used: Used) -> Iterator[Fact]:
    """What a run used of its machine, in a few lines."""
    cores = [] if used.cores is None else [f"{used.cores:.2g} CPU cores on average"]
    if used.cores is not None and used.most_cores is not None:
        cores[0] += f", {max(used.most_cores, used.cores):.2g} at most"
    many = used.processes is not None and used.processes > 1
    in_all = f" in {used.processes} processes (what they share counts in each)" if many else ""
    cores += [] if used.memory_bytes is None else [f"{size(used.memory_bytes)} of memory at most{in_all}"]
    if used.read_bytes is not None and used.written_bytes is not None:
        cores.append(f"disk: {size(used.read_bytes)} read, {size(used.written_bytes)} written")
    if cores:
        yield "used", " · ".join(cores), ""
    busy, memory = used.gpu_busy_percent, used.gpu_memory_bytes
    words = [] if busy is None else [f"{busy:.0f} % busy"]
    shares = [gpu.busy_percent for gpu in used.gpus if gpu.busy_percent is not None]
    if len(shares) > 1:
        words[0] += f" on average over {len(shares)} GPUs ({min(shares):.0f} to {max(shares):.0f} %)"
    words += [] if memory is None else [f"{size(memory)} of memory at most"]
    if words:
        yield "GPU", ", ".join(words), "yellow" if busy is not None and busy < IDLE_PERCENT else ""


def rest_of(count: int, *, indent: str = "  ") -> str:
    """The line that ends a list which is longer than a page should be."""
    return f"{indent}and {count} more; --json has all\n" if count > 0 else ""


def by_example(a: Run, b: Run) -> str:
    """Where both runs have values by example: what compares them."""
    if not all(run.record and run.record.items for run in (a, b)):
        return ""
    return "  both have values by example: gitexp diff --metric NAME A B says what these show of the two models\n"


def seen_in_words(seen: Sequence[Seen], *, most: int) -> Iterator[str]:
    """Where metrics and settings were seen that nobody had named."""
    for one in seen[:most]:
        what = [f"{counted(one.metrics, 'metric')} in {counted(one.rows, 'row')}"] if one.metrics else []
        what += [counted(one.settings, "setting")] if one.settings else []
        place = f" ({safe(one.path[:VALUE_LIMIT])})" if one.path else ""
        yield f"{' and '.join(what)} of {safe(one.kind[:VALUE_LIMIT])}{place}"
    if len(seen) > most:
        yield f"and {len(seen) - most} more files"


def last_lines(printed: str | None, *, on: Screen) -> str:
    """The end of what a run printed."""
    lines = (printed or "").rstrip().splitlines()
    if not lines:
        return ""
    note = f"its last {LAST_LINES} lines" if len(lines) > LAST_LINES else ""
    room = on.width - 2 if on.width is not None else VALUE_LIMIT
    text = "".join(f"  {cut(safe(line[:VALUE_LIMIT]), room)}\n" for line in lines[-LAST_LINES:])
    return heading("output", note, on=on) + text
