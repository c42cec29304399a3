"""What the submitting side asks for: the recipe and the orders of a run folder, read once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gitexp import runfolder


class Job(NamedTuple):
    """One training that was asked for. The working folder is the repository's root."""

    folder: Path  # the run's
    saved: Path  # what lies there when it ends is kept
    recipe: Mapping[str, Any]  # as recipe.toml has it, placeholders kept
    only_check: bool
    smoke: bool
    imports: tuple[str, ...]  # modules whose components may be used
    data: Mapping[str, str]  # what {data.NAME} stands for
    datasets: Mapping[str, Mapping[str, Any]]

    @property
    def processes(self) -> int:
        """How many train together."""
        asked: int = self.recipe.get("resources", {}).get("processes", 1)
        return asked

    @property
    def level(self) -> str:
        """How repeatable it is to be."""
        level: str = self.recipe.get("reproducibility", {}).get("level", "seeded")
        return level

    @property
    def seed(self) -> int:
        """The seed of all others; 0 where the recipe has none."""
        seed: int = self.recipe.get("seed", 0)
        return seed


def read_job(folder: Path) -> Job:
    """The job of a run folder. Raises FileNotFoundError where it is none of a training."""
    orders = runfolder.read_json(str(folder), runfolder.TRAINING)
    if orders is None:
        raise FileNotFoundError(folder / runfolder.TRAINING)
    with (folder / runfolder.RECIPE).open("rb") as file:
        recipe = tomllib.load(file)
    return Job(
        folder=folder,
        saved=Path(os.environ.get("GITEXP_OUTPUT", folder / runfolder.SAVED)),
        recipe=recipe,
        only_check=orders["mode"] == "check",
        smoke=orders["smoke"],
        imports=tuple(orders["imports"]),
        data=orders["data"],
        datasets=orders["datasets"],
    )
