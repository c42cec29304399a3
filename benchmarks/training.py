"""Budgets of training: steps a second through a recipe against a bare loop, start-up, checkpoints, two processes."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from ratios import Row, pair
from world import Bench

HERE = Path(__file__).parent
RECIPES = HERE.parent / "recipes"
ROUNDS = 5
DIGITS = ("train.epochs=200", "eval.every=200")  # 4,600 steps
CHARS = ("train.steps=300", "eval.every=300")


class School:
    """A repository with the shipped recipes, and runs in it."""

    def __init__(self, bench: Bench, gitexp: str) -> None:
        self.bench, self.gitexp = bench, gitexp
        self.folder = Path(tempfile.mkdtemp(prefix="school-", dir=bench.root))
        shutil.copytree(RECIPES, self.folder / "recipes", ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / ".gitignore").write_text("__pycache__/\n")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "recipes"]):
            self.git(*words)
        subprocess.run([gitexp, "init"], cwd=self.folder, env=bench.env, check=True, capture_output=True)
        self.git("add", "-A")
        self.git("commit", "-qm", "gitexp init")

    def git(self, *words: str) -> str:
        argv = ["git", *words]
        return subprocess.run(
            argv, cwd=self.folder, env=self.bench.env, check=True, capture_output=True, text=True
        ).stdout

    def steps_per_s(self, recipe: str, *overrides: str) -> Callable[[], float]:
        """A run, and what its record says of its speed."""

        def go() -> float:
            self.run(recipe, *overrides)
            facts = tomllib.loads(self.git("show", "experiments:environment.toml"))["training"]
            return float(facts["steps_per_s"])

        return go

    def run(self, recipe: str, *overrides: str) -> float:
        """A run; the seconds it took."""
        argv = [self.gitexp, "run", recipe, *(word for one in overrides for word in ("-s", one))]
        began = time.perf_counter()
        subprocess.run(argv, cwd=self.folder, env=self.bench.env, check=True, capture_output=True)
        return time.perf_counter() - began


def bare(*words: str) -> Callable[[], float]:
    """Steps a second of a bare loop."""

    def go() -> float:
        done = subprocess.run(
            [sys.executable, str(HERE / "bareloops.py"), *words], capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    return go


def training_rows(bench: Bench, gitexp: str) -> Iterator[Row]:
    """Rates, so more is better."""
    school = School(bench, gitexp)
    digits = school.steps_per_s("digits-mlp", *DIGITS)
    chars = school.steps_per_s("char-transformer", *CHARS)
    yield _rate("training digits MLP, steps", "a bare loop", 0.97, digits, bare("digits", str(RECIPES), "4600"))
    yield _rate("training characters, steps", "a bare loop", 0.97, chars, bare("chars", str(RECIPES), "300"))
    often = school.steps_per_s("char-transformer", *CHARS, "train.checkpoint_every=50")
    yield _rate("  a checkpoint each 50 steps", "none", None, often, chars)
    two = school.steps_per_s("char-transformer", *CHARS, "resources.processes=2")
    yield _rate("  two processes of one thread", "one of one", None, two, chars)


def _rate(
    name: str, reference: str, budget: float | None, ours: Callable[[], float], theirs: Callable[[], float]
) -> Row:
    row = pair(name, reference, budget, ours, theirs, rounds=ROUNDS)
    return Row(row.name, row.reference, row.ours_s, row.reference_s, row.low, row.high, row.budget, at_least=True)


def start_line(bench: Bench, gitexp: str) -> str:
    """What training one step takes beyond what any program pays that imports torch and steps an optimizer once."""
    school = School(bench, gitexp)
    extra = []
    for _ in range(ROUNDS):
        ours = school.run("digits-mlp", "scheduler.T_max=1", "train.epochs=0", "train.steps=1")
        began = time.perf_counter()
        subprocess.run([sys.executable, str(HERE / "bareloops.py"), "start"], check=True)
        extra.append(ours - (time.perf_counter() - began))
    seconds = statistics.median(extra)
    verdict = "ok" if seconds <= 0.5 else "OVER"
    return f"{'training, start-up beyond torch':<36}{seconds:>9.2f} s{'':<31}≤ 0.5 s   {verdict}"
