"""gitexp: every training run becomes a git commit.

What a training script may use is re-exported here from `gitexp.script`: `log`, `log_items`, `recipe`, `data`, `split`
and `save`. `runs` and `history` read what was recorded, for notebooks (`gitexp.notebook`).
They are looked up on first use, so that the command line, which needs none of them, does not pay for them. Inside a
run they are there from the start: by the first use the program may have no file descriptor left.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as type checkers know it; importing it from typing costs what a worker takes to start
if TYPE_CHECKING:
    from typing import Any

    from gitexp.notebook import runs
    from gitexp.script import data, log, log_items, recipe, save, split

__version__ = "0.1.0"
__all__ = ["__version__", "data", "log", "log_items", "recipe", "runs", "save", "split"]


if "GITEXP_METRICS" in os.environ:
    from gitexp.script import data, log, log_items, recipe, save, split


def __getattr__(name: str) -> Any:
    if name in {"data", "log", "log_items", "recipe", "save", "split"}:
        from gitexp import script

        return getattr(script, name)
    if name in {"runs", "history"}:
        from gitexp import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'gitexp' has no attribute {name!r}")
