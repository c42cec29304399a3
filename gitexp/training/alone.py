"""A training without `gitexp run`: the run folder that a stranger's hands stand in for, made from the environment.

Who repeats a record with plain git sets GITEXP_RECIPE, GITEXP_OUTPUT and GITEXP_DATA_NAME, and starts this program in
`code/`. Nothing is recorded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp import runfolder
from gitexp.spec.assembly import REQUIRED
from gitexp.text.bounded import load_toml


def lacking(recipe: Path) -> list[str]:
    """The components without which nothing can be trained, and which this recipe does not have."""
    values = load_toml(recipe.read_text(encoding="utf-8-sig"))
    return [name for name in REQUIRED if name not in values]


def lay_out_alone(recipe: Path, *, root: Path) -> Path:
    """A folder such as `gitexp run` lays out, for this recipe. Raises OSError where the recipe cannot be read."""
    output = os.environ.get("GITEXP_OUTPUT")
    parent = Path(output).absolute().parent if output else None  # what is saved is renamed into it
    if output:
        Path(output).mkdir(parents=True, exist_ok=True)
    text = recipe.read_text(encoding="utf-8-sig")
    values = load_toml(text)
    folder = Path(tempfile.mkdtemp(prefix="gitexp-training-", dir=parent))
    (folder / runfolder.SAVED).mkdir()
    (folder / runfolder.RECIPE).write_text(text, encoding="utf-8")
    data = {name: _path_of(name, entry) for name, entry in values.get("data", {}).items()}
    orders = {
        "mode": "run",
        "smoke": "GITEXP_SMOKE" in os.environ,
        "imports": _imports(root),
        "data": data,
        "datasets": {name: {"kind": "data"} for name in data},
    }
    runfolder.write_json(str(folder), runfolder.TRAINING, orders)
    return folder


def _path_of(name: str, entry: Any) -> str:
    """What {data.NAME} stands for."""
    stated = entry.get("path") or name if isinstance(entry, Mapping) else str(entry)
    return os.environ.get(f"GITEXP_DATA_{name.upper().replace('-', '_')}", stated)


def _imports(root: Path) -> list[str]:
    """The allow-list of the code's own gitexp.toml."""
    try:
        config = load_toml((root / "gitexp.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        config = {}
    return list(config.get("policy", {}).get("imports", ["torch", "gitexp.training"]))
