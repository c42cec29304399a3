"""Turn the wish for a distribution into scipy's, imported when it is asked for, or into the line that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gitexp.errors import GitexpError


def scipy(part: str) -> Any:
    """`special`, which has the t distributions and takes 0.4 s to import, or `stats` (1.1 s). Raises GitexpError."""
    try:
        return import_module(f"scipy.{part}")
    except ImportError as error:
        what = "Intervals and tests over several runs need scipy"
        raise GitexpError(what, fix="pip install 'gitexp[stats]'") from error
