"""A training's whole state as a file, and back: written whole or not at all, the last few kept, loaded without pickles.

Files are called `step-00000120.pt`. Whoever is killed while writing leaves the earlier ones as they were.
"""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch

from gitexp.training.talk import say
from gitexp.wholefile import WholeFile

FORMAT = 1
_NAME = re.compile(r"step-(\d{8,})\.pt")


def write_checkpoint(folder: Path, step: int, state: dict[str, Any], *, keep: int, scratch: Path) -> Path:
    """Write the state after `step`, then remove all but the newest `keep`. Raises OSError where there is no room.

    `scratch`: a folder of the same file system where half a file does no harm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.pt"
    save_whole({"format": FORMAT, "step": step, **state}, path, scratch=scratch)
    there = checkpoints(folder)
    upto = there.index(path) + 1
    # Later ones could not be read, or this training would have gone on from them.
    for useless in there[: max(0, upto - keep)] + there[upto:]:
        useless.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Those in a folder, the oldest first."""
    try:
        names = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(names, key=lambda path: int(path.stem.removeprefix("step-")))


def read_newest(folder: Path) -> dict[str, Any] | None:
    """The newest state that can be read; None where there is none. Raises ValueError for one of a later format."""
    for path in reversed(checkpoints(folder)):
        try:
            # Never anything but tensors and plain values: checkpoints travel between labs.
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, LookupError):
            say(f"{path.name} cannot be read; going back to the one before it")
            continue
        if state.get("format") != FORMAT:
            raise ValueError(f"{path.name} has checkpoint format {state.get('format')}, this gitexp reads {FORMAT}")
        return state
    return None


def save_whole(state: dict[str, Any], path: Path, *, scratch: Path) -> None:
    """torch.save elsewhere, then renamed: a reader sees the whole of it or what was there before."""
    beside = scratch / ".half-written"  # one name: whoever is killed while writing leaves one file, however often
    try:
        with WholeFile(path, beside=beside) as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        said = error if isinstance(error, OSError) else error.__context__  # torch's writer has only "unexpected pos"
        if isinstance(said, OSError) and said.errno is not None:
            raise OSError(said.errno, os.strerror(said.errno), str(path)) from error
        raise
