"""Test a recipe: has each of its components a test → do the tests pass → does a short run give the recorded metrics,
and how far is it from the baseline.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.clone import Clone
from gitexp.datasets.progress import Watch
from gitexp.errors import GitexpError
from gitexp.executors.beside import run_to_end
from gitexp.pipelines.cards import read_expected
from gitexp.pipelines.rehearse import OUTPUT, lay_out_scratch
from gitexp.pipelines.rundata import ready_data
from gitexp.removal import remove_tree
from gitexp.spec.expected import FILE as EXPECTED
from gitexp.spec.expected import Golden
from gitexp.spec.junit import Case, dump_junit
from gitexp.spec.recipe import Recipe
from gitexp.stages.check import check_program
from gitexp.stages.collect import collect
from gitexp.stages.cover import TESTS, Own, folders_with_tests, own_components, untested
from gitexp.stages.resolve import FILE, Request, resolve
from gitexp.stages.train import importable, training_argv, why_not_begun
from gitexp.text.schema import escaped

LAST_LINES = 15
SHOWN_METRICS = 5
REPORT = "pytest.xml"
NO_TESTS_COLLECTED = 5  # pytest's exit code
Tell = Callable[[Case], None]


class Tested(NamedTuple):
    """What came of it. `junit`: the whole as XML."""

    cases: tuple[Case, ...]
    junit: bytes

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(case.passed is not False for case in self.cases)


def test(request: Request, clone: Clone, *, tell: Tell, watch: Watch) -> Tested:
    """Test all of a recipe. `tell` hears of each case when it is known; pytest itself writes to our stdout.

    Nothing is recorded, and nothing is written to the working tree. Raises GitexpError where testing is not possible:
    the recipe does not resolve, its interpreter or pytest is missing.
    """
    root = clone.repo.root
    recipe = resolve(request, root=root, config=clone.config)
    golden = read_expected(recipe, root=root).golden
    own = own_components(recipe.values, root=root) if recipe.made_of_components else []
    tested = folders_with_tests(_home(recipe, root), own, root=root)
    cases: list[Case] = []

    def add(found: Iterator[Case]) -> None:
        for case in found:
            cases.append(case)
            tell(case)

    folder = Path(tempfile.mkdtemp(prefix="gitexp-test-"))
    try:
        add(_components(own, tested))
        add(_tests(recipe, root, tested, folder))
        add(_golden(request, clone, recipe, golden, folder, watch))
        report = folder / REPORT
        junit = dump_junit(recipe.name, cases, pytest=report.read_bytes() if report.is_file() else None)
    finally:
        remove_tree(folder)
    return Tested(tuple(cases), junit)


# ---- has each component a test


def _components(own: list[Own], tested: list[Path]) -> Iterator[Case]:
    bare = {one.key for one in untested(own, tested)}
    for one in own:
        where = f"{Path(one.file).parent.as_posix()}/{TESTS}/test_components.py"
        words = f"no test names {one.name}; write one in {where}" if one.key in bare else ""
        yield Case("components", f"{one.key} {one.use}", not words, words)


def _home(recipe: Recipe, root: Path) -> Path:
    """The folder that is the recipe's; of recipes/NAME.toml it would be recipes/NAME."""
    path = root / (recipe.path or "")
    return path.parent if path.name == FILE else path.with_suffix("")


# ---- do its tests pass


def _tests(recipe: Recipe, root: Path, tested: list[Path], folder: Path) -> Iterator[Case]:
    folders = [path.relative_to(root).as_posix() for path in tested]
    if not folders:
        where = (_home(recipe, root) / TESTS).relative_to(root).as_posix()
        yield Case("tests", "pytest", False, f"there are no tests; write {where}/test_components.py")
        return
    python = training_argv(recipe)[0]
    check_program((python,), cwd=root)
    env = _outside() | importable(folder)  # this gitexp is there to import
    _require_pytest(python, root, env)
    argv = [python, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    began = time.monotonic()
    argv += [f"--junit-xml={folder / REPORT}", "--", *folders]
    code = run_to_end(argv, cwd=root, env=env, stop=signal.SIGINT)  # at which pytest ends what its tests have started
    words = ""
    if code == NO_TESTS_COLLECTED:
        words = f"pytest finds no test in {' '.join(folders)}"
    elif code:
        words = f"pytest ended with exit code {code}; what failed is above"
    yield Case("tests", f"pytest {' '.join(folders)}", not code, words, time.monotonic() - began)


def _outside() -> dict[str, str]:
    """Our environment without a run that may be around us; programs in it leave no bytecode in the working tree."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GITEXP_")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def _require_pytest(python: str, root: Path, env: Mapping[str, str]) -> None:
    question = "import importlib.util, sys; sys.exit(0 if importlib.util.find_spec('pytest') else 9)"
    if subprocess.run([python, "-c", question], cwd=root, env=env, check=False).returncode:
        raise GitexpError(
            f"{escaped(python)} has no pytest, so the recipe's tests cannot run",
            why="Tests run in the interpreter that trains: [run] python of the recipe, else the python on PATH.",
            fix=f"{escaped(python)} -m pip install pytest",
        )


# ---- does a short run give the recorded metrics


def _golden(
    request: Request, clone: Clone, recipe: Recipe, golden: Golden | None, folder: Path, watch: Watch
) -> Iterator[Case]:
    if golden is None:
        yield Case("golden", "golden run", None, f"no {EXPECTED} with [golden] beside the recipe, so no short run")
        return
    if not recipe.made_of_components:
        words = f"{recipe.name} wraps a program, and a golden run is for recipes that are made of components"
        remedy = f"remove [golden] from its {EXPECTED}, and test the program in {TESTS}/"
        yield Case("golden", "golden run", False, f"{words}; {remedy}")
        return
    began, shown = time.monotonic(), "".join(f" -s {override}" for override in golden.overrides)
    scratch = folder / "golden"
    scratch.mkdir()
    try:
        failure, summary = _short_run(request._replace(overrides=golden.overrides), clone, scratch, watch)
    except GitexpError as error:  # the tests before it stand in the report all the same
        failure, summary = "\n".join([error.what, *error.details]), {}
    took = time.monotonic() - began
    if failure:
        yield Case("golden", "golden run", False, failure, took)
        return
    for name, bound in golden.metrics.items():
        found = summary.get(name)
        held = bound.holds(found)
        words = "was not logged" if found is None else f"is {found!r}"
        wanted = f"expected {bound.value!r}, give or take {bound.tolerance:g}"
        yield Case("golden", f"{name}{shown}", held, "" if held else f"{words}; {wanted}", took)
        took = 0.0  # one run, counted once
    yield from _against_baseline(clone, recipe, summary, shown)


def _against_baseline(clone: Clone, recipe: Recipe, summary: Mapping[str, float | int], shown: str) -> Iterator[Case]:
    """How far the short run is from what runs of the recipe are measured against, where there is that: no verdict."""
    from gitexp.git.objectreader import ObjectReader
    from gitexp.history.said import baseline_for
    from gitexp.history.select import History
    from gitexp.record.message import short
    from gitexp.record.metrics import foremost

    with ObjectReader(clone.repo) as reader:
        row = baseline_for(History(clone, reader=reader).runs, recipe.name)
    if row is None:
        return
    words = []
    for name in foremost([name for name in summary if name in row.metrics], recipe.metrics.goal)[:SHOWN_METRICS]:
        here, there = summary[name], row.metrics[name]
        change = f" ({here - there:+.3g})" if isfinite(here - there) else ""
        words.append(f"{name} {short(here)} against {short(there)}{change}")
    told = ", ".join(words) or "none of its metrics was logged"
    seeds = "" if row.seed == recipe.seed else f", of seed {row.seed}"
    yield Case(
        "baseline",
        f"against the baseline {row.id[:8]}",
        None,
        f"{told}; one short run{shown} against one run{seeds}: a difference, no verdict",
    )


def _short_run(request: Request, clone: Clone, folder: Path, watch: Watch) -> tuple[str, Mapping[str, float | int]]:
    """Train in a folder that passes: what went wrong, in words, or nothing; and the metrics. Raises GitexpError."""
    root = clone.repo.root
    short = resolve(request, root=root, config=clone.config)
    datasets = ready_data(short.data, clone=clone, watch=watch)
    env = lay_out_scratch(folder, short, datasets, clone=clone, mode="run", smoke=False)
    check_program(training_argv(short), cwd=root)
    failure = _train(short, root, {**_outside(), **env}, folder)
    logged = collect(folder=str(folder), cwd=root, rules=short.metrics, history_limit=0)
    return failure, logged.summary


def _train(recipe: Recipe, root: Path, env: Mapping[str, str], folder: Path) -> str:
    """Run the training program; what went wrong, or nothing. Raises RecipeErrors where the components do not fit."""
    argv = training_argv(recipe)
    stop, code = None, None
    with (folder / OUTPUT).open("wb") as file:
        try:
            code = run_to_end(argv, cwd=root, env=env, output=file, within_s=recipe.timeout_s)
        except subprocess.TimeoutExpired:
            stop = "timeout"
    printed = (folder / OUTPUT).read_bytes()
    if runfolder.never_began(str(folder)):
        outcome = {"stop": stop, "error": None, "signal": None, "exit_code": code}
        raise why_not_begun(folder, recipe, outcome=outcome, printed=printed, argv=argv)
    if stop is None and code == 0:
        return ""
    lines = printed.decode("utf-8", "replace").rstrip().splitlines()[-LAST_LINES:]
    how = f"took longer than its timeout of {recipe.timeout_s:g} s" if stop else f"ended with exit code {code}"
    return "\n".join([f"the run {how}", *(f"  {escaped(line)}" for line in lines)])
