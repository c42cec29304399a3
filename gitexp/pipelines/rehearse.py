"""Try a recipe that is made of components without training: data made ready → laid out → its program in mode `check`.

The program is the one that would train, in the same surroundings; its folder is a passing one, and nothing is recorded.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.clone import Clone
from gitexp.datasets.progress import Watch
from gitexp.datasets.ready import Dataset
from gitexp.executors.beside import run_to_end
from gitexp.pipelines.rundata import ready_data
from gitexp.removal import remove_tree
from gitexp.spec.recipe import Recipe
from gitexp.stages.check import check_program
from gitexp.stages.submit import program_env, write_data
from gitexp.stages.train import completed, flow_lines, lay_out_training, training_argv, why_not_begun

NO_RUN = "k" * 16  # an id for a program that asks; no run has it
OUTPUT = "output"
LONGEST_OUTPUT = 1 << 16


class Rehearsed(NamedTuple):
    """A recipe whose components fit. `flow`: a line for what each gives to the next."""

    recipe: Recipe
    flow: tuple[str, ...]


def rehearse(recipe: Recipe, *, clone: Clone, watch: Watch) -> tuple[Rehearsed, tuple[str, ...]]:
    """Make the data ready and try. Also the warnings. Raises Refused; RecipeErrors has all that is wrong."""
    datasets = ready_data(recipe.data, clone=clone, watch=watch)
    warnings = tuple(warning for dataset in datasets.values() for warning in dataset.warnings)
    check_program(training_argv(recipe), cwd=clone.repo.root)
    return rehearse_with(recipe, datasets, clone=clone, smoke=False), warnings


def rehearse_with(recipe: Recipe, datasets: Mapping[str, Dataset], *, clone: Clone, smoke: bool) -> Rehearsed:
    """The same with data that is ready."""
    folder = Path(tempfile.mkdtemp(prefix="gitexp-check-"))
    try:
        env = lay_out_scratch(folder, recipe, datasets, clone=clone, mode="check", smoke=smoke)
        argv = training_argv(recipe)
        outcome = _execute(argv, clone.repo.root, env, folder / OUTPUT)
        if runfolder.never_began(str(folder)) or outcome["exit_code"] != 0:
            printed = _tail(folder / OUTPUT)
            raise why_not_begun(folder, recipe, outcome=outcome, printed=printed, argv=argv)
        return Rehearsed(completed(recipe, folder), tuple(flow_lines(folder)))
    finally:
        remove_tree(folder)


def lay_out_scratch(
    folder: Path, recipe: Recipe, datasets: Mapping[str, Dataset], *, clone: Clone, mode: str, smoke: bool
) -> dict[str, str]:
    """All of a run's folder that the training program sees, where no run is to be recorded; returns its environment."""
    for part in (runfolder.SAVED, runfolder.DATA):
        (folder / part).mkdir()
    write_data(folder, datasets)
    runfolder.write_whole(str(folder), runfolder.RECIPE, recipe.text.encode())
    env = lay_out_training(folder, recipe, datasets, clone=clone, mode=mode, smoke=smoke)
    return program_env(folder, NO_RUN, recipe, datasets) | env


def _execute(argv: tuple[str, ...], root: Path, env: Mapping[str, str], output: Path) -> dict[str, object]:
    """Run the program to its end; how it ended, as the worker writes it."""
    error = None
    with output.open("wb") as file:
        try:
            code = run_to_end(argv, cwd=root, env={**os.environ, **env}, output=file)
        except OSError as failed:
            error, code = failed.strerror, 127
    died = signal.Signals(-code).name if code < 0 and -code in set(signal.Signals) else None
    return {"stop": None, "error": error, "signal": died, "exit_code": None if died else code}


def _tail(output: Path) -> bytes:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - LONGEST_OUTPUT))
        return file.read()
