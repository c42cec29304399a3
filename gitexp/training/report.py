"""What a training tells the recorder, through JSON files in the run folder; each is written whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp import runfolder


def note_trained(folder: Path, digests: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Add digests of states, and facts on the training, to those noted before."""
    known = _trained(folder)
    document = {"digests": {**known["digests"], **digests}, "training": {**known["training"], **facts}}
    runfolder.write_json(str(folder), runfolder.TRAINED, {**known, **document})


def note_defect(folder: Path, words: str) -> None:
    """Add a sentence to what is wrong with the run."""
    known = _trained(folder)
    runfolder.write_json(str(folder), runfolder.TRAINED, {**known, "defects": [*known["defects"], words]})


def note_diverged(folder: Path, words: str) -> None:
    """Say that the training has failed, and how."""
    note_defect(folder, words)
    runfolder.write_json(str(folder), runfolder.TRAINED, {**_trained(folder), "diverged": True})


def has_diverged(folder: Path) -> bool:
    """Whether it has, in one of its processes."""
    return bool(_trained(folder).get("diverged"))


def _trained(folder: Path) -> Any:
    nothing: dict[str, Any] = {"digests": {}, "training": {}, "defects": []}
    return nothing | (runfolder.read_json(str(folder), runfolder.TRAINED) or {})


def note_progress(folder: Path, steps: int, *, of: int, rows_per_s: float) -> None:
    """Say how far the training is."""
    document = {"steps": steps, "of": of, "rows_per_s": round(rows_per_s, 1)}
    runfolder.write_json(str(folder), runfolder.PROGRESS, document)


def note_components(folder: Path, document: Mapping[str, Any]) -> None:
    """Say what was built. From here on there is a run."""
    runfolder.write_json(str(folder), runfolder.COMPONENTS, dict(document))


def note_refused(folder: Path, problems: list[dict[str, Any]]) -> None:
    """Say why there will be no run."""
    runfolder.write_json(str(folder), runfolder.REFUSED, {"problems": problems})


def note_rank(folder: Path, rank: int, facts: Mapping[str, Any]) -> None:
    """Say where one of several processes runs."""
    (folder / runfolder.RANKS).mkdir(exist_ok=True)
    document = {"rank": rank, "host": os.uname().nodename, "pid": os.getpid(), **facts}
    runfolder.write_json(str(folder / runfolder.RANKS), f"{rank}.json", document)


def note_peak_memory(folder: Path, rank: int) -> None:
    """Add how much memory this one of several processes had at its peak, where the kernel says so."""
    try:
        status = Path("/proc/self/status").read_text()  # getrusage counts what the process had before it was executed
        peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError):
        return
    known = runfolder.read_json(str(folder / runfolder.RANKS), f"{rank}.json") or {}
    runfolder.write_json(str(folder / runfolder.RANKS), f"{rank}.json", {**known, "peak_memory_bytes": peak_kib * 1024})
