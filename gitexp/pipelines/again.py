"""A recorded recipe held against the one that the code here has: what was set beside the file, and how to type it.

A record's settings are whatever its author wrote. What a resume takes from a run that somebody else recorded is shown
before anything is read, fetched or executed; its interpreter comes from the recipe file here, else from PATH.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.progress import Watch
from gitexp.errors import GitexpError, Refused
from gitexp.history.read import Run
from gitexp.pipelines.rehearse import rehearse
from gitexp.record.runrecord import RunRecord
from gitexp.spec.recipe import Recipe, dump_recipe, ordered
from gitexp.spec.recipe_shape import REMARKS
from gitexp.stages.check import check_program
from gitexp.stages.resolve import Request, resolve
from gitexp.stages.train import training_argv
from gitexp.text.schema import KeyPath, dotted, escaped, inline, leaves

Allow = Callable[[Refused], None]  # returns where somebody said yes to what is told; raises it otherwise
FLAGS = {("seed",): "--seed", ("run", "timeout"): "--timeout"}
INTERPRETER = ("run", "python")
WIDTH = 110


class Beside(NamedTuple):
    """What a recorded recipe has that the recipe here has not, by key path."""

    changed: Mapping[KeyPath, Any]
    added: Mapping[KeyPath, Any]  # also arguments of components that nobody typed
    left_out: tuple[KeyPath, ...]


def beside(recorded: Recipe, here: Recipe) -> Beside:
    """The differences that matter to a run."""
    theirs, ours = _settings(recorded), _settings(here)
    changed = {path: value for path, value in theirs.items() if path in ours and not _same(value, ours[path])}
    added = {path: value for path, value in theirs.items() if path not in ours}
    return Beside(changed, added, tuple(path for path in ours if path not in theirs))


def recipe_here(record: RunRecord, clone: Clone) -> Recipe:
    """What the recipe file, or the command, of a run resolves to here and now. Raises Refused."""
    root, config = clone.repo.root, clone.config
    if record.recipe_path is None:
        return resolve(Request(root / record.cwd, command=record.argv), root=root, config=config)
    parts = record.recipe_path.split("/")
    if ".." in parts or "" in parts or not (root / record.recipe_path).is_file():
        raise Refused(f"The code here has no recipe {escaped(record.recipe_path)}")
    return resolve(Request(root, record.recipe_path), root=root, config=config)


# ---- what somebody else recorded


def allowed(recipe: Recipe, run: Run, record: RunRecord, *, clone: Clone, allow: Allow) -> Recipe:
    """The recipe that may run, of a run that this clone has not recorded. Raises Refused, and nothing was looked at."""
    here = recipe_here(record, clone)
    if here.path != recipe.path or not here.made_of_components:
        raise Refused(
            f"The record of {record.id} does not say which recipe of the code here it is of",
            details=[f"  {escaped(record.recipe_path or record.recipe)}"],
        )
    named = _value(recipe, INTERPRETER)
    recipe = with_interpreter(recipe, _value(here, INTERPRETER))
    ours = {ref.url for ref in (*here.data.values(), *clone.config.datasets.values())}
    for ref in recipe.data.values():
        if ref.url is not None and ref.url not in ours:
            raise Refused(
                f"The record of {record.id} reads dataset {ref.name} from an address that nothing here names",
                details=[f"  {escaped(ref.url)}"],
                why="An address out of a record is not asked for data.",
                fix="if you know it, write it into the recipe; then it is a new run",
            )
    argv, root = training_argv(recipe), clone.repo.root
    check_program(argv, cwd=root)
    details = [
        f"  program   {escaped(shlex.join(argv))}",
        f"  in        {root}",
        f"  recipe    {escaped(record.recipe_path or '')}",
        *_told(beside(recipe, here)),
    ]
    if named not in (None, _value(here, INTERPRETER)):
        details.append(f"  not used  the interpreter that the record names: {escaped(str(named))}")
    allow(
        Refused(
            f"Run {record.id} was not recorded in this clone, but by {escaped(run.author)}. It would run, as you:",
            details=details,
            why="What is set beside the recipe file, and the checkpoints, are whatever that record says.",
            fix=f"gitexp resume {record.id} --yes",
        )
    )
    return recipe


def with_interpreter(recipe: Recipe, python: str | None) -> Recipe:
    """The recipe with this interpreter; None: the one on PATH."""
    table = {key: value for key, value in recipe.values.get("run", {}).items() if key != "python"}
    values = ordered({**recipe.values, "run": {**table, **({"python": python} if python else {})}})
    return recipe._replace(values=values, text=dump_recipe(values))


def _told(found: Beside) -> list[str]:
    lines = [f"  set       {dotted(path)} = {inline(value)}" for path, value in found.changed.items()]
    lines += [f"  left out  {dotted(path)}" for path in found.left_out]
    if found.added:
        words = ", ".join(f"{dotted(path)} = {inline(value)}" for path, value in found.added.items())
        lines.append("  and, not in the file (most of it defaults of components, as a rule):")
        lines += [f"            {line}" for line in textwrap.wrap(words, WIDTH, break_on_hyphens=False)]
    return lines


# ---- the command that does it once more


def command_again(recorded: Recipe, record: RunRecord, commit: str, *, clone: Clone, watch: Watch) -> str:
    """What to type to do a run once more, with all that was set beside its recipe."""
    whole = f"git show {commit[:10]}:recipe.toml >recipes/again.toml    commit it, then:  gitexp run again"
    try:
        options = _typed(beside(recorded, _completed(recipe_here(record, clone), clone, watch)))
    except (GitexpError, OSError):
        return whole
    if options is None:
        return whole
    smoke = ["--smoke"] if record.kind == "smoke" else []
    words = [record.recipe_path, *smoke, *options] if record.recipe_path else [*options, "--", *record.argv]
    command = shlex.join(["gitexp", "run", *words])
    if record.recipe_path is None and record.cwd != ".":
        command = f"{shlex.join(['cd', record.cwd])} && {command}"
    return command if command.isprintable() and ".." not in record.cwd.split("/") else whole


def _completed(here: Recipe, clone: Clone, watch: Watch) -> Recipe:
    """With the defaults that its components have, where that costs no fetching: they need not be typed."""
    root = clone.repo.root
    if not here.made_of_components or not all(ref.path and (root / ref.path).exists() for ref in here.data.values()):
        return here
    try:
        return rehearse(here, clone=clone, watch=watch)[0].recipe
    except GitexpError:
        return here


def _typed(found: Beside) -> list[str] | None:
    """The options; None: options cannot say it."""
    replaced = [path[:-1] for path in found.changed if path[-1] == "use"]
    if any(not any(path[: len(at)] == at for at in replaced) for path in found.left_out):
        return None
    options = []
    pairs = [(path, value, "") for path, value in found.changed.items()]
    pairs += [(path, value, "+") for path, value in found.added.items()]
    for path, value, plus in sorted(pairs, key=lambda pair: pair[0][-1] != "use"):  # another component drops arguments
        flag = FLAGS.get(path)
        options += [flag, str(value)] if flag else ["-s", f"{plus}{dotted(path)}={inline(value)}"]
    return options


def _settings(recipe: Recipe) -> dict[KeyPath, Any]:
    return {path: value for path, value in leaves(recipe.values) if path[0] not in REMARKS}


def _value(recipe: Recipe, path: KeyPath) -> Any:
    return _settings(recipe).get(path)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other))
