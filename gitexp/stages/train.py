"""Ready a recipe that is made of components for its program, `PYTHON -m gitexp.training`; say why that did not train.

Nothing here imports a component, or torch. The program finds everything in the folder that GITEXP_FOLDER names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp import runfolder
from gitexp.clone import Clone
from gitexp.errors import GitexpError, RecipeErrors, Refused, Stopped
from gitexp.spec.assembly import with_defaults
from gitexp.spec.recipe import Recipe, dump_recipe, ordered
from gitexp.spec.recipe_merge import Origin
from gitexp.text.schema import dotted, escaped, leaves

if TYPE_CHECKING:
    from gitexp.datasets.ready import Dataset

FORMAT = 1
MODULE = "gitexp.training"
SHOWN_LINES = 15
SHOWN_PROBLEMS = 100
EXIT_INTERRUPTED = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143}


def training_argv(recipe: Recipe) -> tuple[str, ...]:
    """The program: the recipe's own interpreter, else the one on PATH."""
    return (recipe.values.get("run", {}).get("python") or _python_on_path(), "-m", MODULE)


def _python_on_path() -> str:
    named = ((name, folder) for name in ("python", "python3") for folder in os.get_exec_path())
    # Cheaper than Path's.
    there = (name for name, folder in named if os.access(os.path.join(folder, name), os.X_OK))  # noqa: PTH118
    return next(there, "python3")


def lay_out_training(
    folder: Path, recipe: Recipe, datasets: Mapping[str, Dataset], *, clone: Clone, mode: str, smoke: bool
) -> dict[str, str]:
    """Write what the training program reads beside recipe.toml, and return what its environment must say.

    `mode`: "run", or "check": all checks, no training. `smoke`: on a few samples.
    """
    parent, _, file = (recipe.path or "").rpartition("/")
    document: dict[str, Any] = {
        "format": FORMAT,
        "mode": mode,
        "smoke": smoke,
        "name": recipe.name,
        "folder": parent or None if file == "recipe.toml" else None,
        "imports": list(clone.config.policy.imports),
        "data": {name: one.path_from(clone.repo.root) for name, one in datasets.items()},
        "datasets": {name: {"kind": one.record.kind} for name, one in datasets.items()},
    }
    runfolder.write_json(str(folder), runfolder.TRAINING, document)
    return {"GITEXP_FOLDER": str(folder), **importable(folder)}


def importable(folder: Path) -> dict[str, str]:
    """Link this gitexp into a folder; the environment in which a Python that knows nothing of it can import it."""
    lib, before = link_in(folder), os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": str(lib) + (os.pathsep + before if before else "")}


def link_in(folder: Path) -> Path:
    """The folder of Python's path that has this gitexp alone."""
    import gitexp

    lib = folder / runfolder.LIB
    if not lib.exists():
        lib.mkdir()
        (lib / "gitexp").symlink_to(Path(gitexp.__file__).resolve().parent)
    return lib


# ---- how it ended


def why_not_begun(
    folder: Path, recipe: Recipe, *, outcome: Mapping[str, Any] | None, printed: bytes, argv: tuple[str, ...]
) -> GitexpError:
    """What to raise for a training program that ended before training. `outcome`: as the worker writes it."""
    stop = outcome["stop"] if outcome else None
    if stop in EXIT_INTERRUPTED:
        return Stopped(
            f"{escaped(recipe.name)} was stopped before training began; nothing was recorded",
            exit_code=EXIT_INTERRUPTED[stop],
        )
    refusals = _refusals(folder)
    if refusals:
        located = (f"{recipe.where(path)}: {f'{dotted(path)}: ' if path else ''}{what}" for path, what in refusals)
        return RecipeErrors(list(dict.fromkeys(located)))
    what = f"The training program {_ending(outcome)}; nothing was recorded"
    if stop == "timeout":
        what = f"{escaped(recipe.name)} took longer than its timeout before training began; nothing was recorded"
    lines = printed.decode("utf-8", "replace").rstrip().splitlines()[-SHOWN_LINES:]
    fix = ""
    if any("No module named" in line and "gitexp" not in line for line in lines):
        fix = f"install it for {escaped(argv[0])}, or name another interpreter: [run] python in the recipe"
    return Refused(what, details=[f"  {escaped(line)}" for line in lines], fix=fix)


def _ending(outcome: Mapping[str, Any] | None) -> str:
    if outcome is None:
        return "was lost sight of before training began"
    if outcome.get("error"):
        return f"could not be started: {outcome['error']}"
    return f"ended ({outcome['signal'] or 'exit code ' + str(outcome['exit_code'])}) before training began"


def _refusals(folder: Path) -> list[tuple[tuple[str, ...], str]]:
    try:
        document = runfolder.read_json(str(folder), runfolder.REFUSED) or {}
    except (ValueError, RecursionError):
        return []
    problems = document.get("problems")
    found = []
    for problem in problems[:SHOWN_PROBLEMS] if isinstance(problems, list) else ():
        if isinstance(problem, dict) and isinstance(problem.get("what"), str):
            path = problem.get("path")
            found.append((tuple(map(str, path)) if isinstance(path, list) else (), problem["what"]))
    return found


# ---- what it said


def completed(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the defaults that its components have and nobody typed."""
    defaults = _components(folder).get("defaults")
    values = ordered(with_defaults(recipe.values, defaults if isinstance(defaults, dict) else {}))
    origins = dict(recipe.origins)
    for path, _ in leaves(values):
        if path not in origins:
            origins[path] = Origin(_default_of(values, path))
    return recipe._replace(values=values, text=dump_recipe(values), origins=origins, seed=values.get("seed"))


def _components(folder: Path) -> Mapping[str, Any]:
    from gitexp.spec.trained import require_plain

    try:
        document = runfolder.read_json(str(folder), runfolder.COMPONENTS) or {}
        require_plain(document)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{runfolder.COMPONENTS} of the training program cannot be read: {error}") from error
    return document


def _default_of(values: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Whose default it is: that of the nearest component around it."""
    use, inside = None, values
    for part in path[:-1]:
        inside = inside.get(part, {})
        use = inside.get("use", use)
    return f"default of {escaped(use)}" if isinstance(use, str) and path[-1] != "use" else "default"


def flow_lines(folder: Path) -> list[str]:
    """Warnings, then what flows between components: `loader gives input [batch, 64] float32, target [batch] int64`."""
    document = _components(folder)
    flow, warnings = document.get("flow"), document.get("warnings")
    said = warnings if isinstance(warnings, list) else []
    lines = [escaped(f"warning: {words}") for words in said if isinstance(words, str)]
    for part in flow if isinstance(flow, list) else ():
        if isinstance(part, dict) and isinstance(part.get("fields"), dict):
            fields = ", ".join(f"{name} {_shape(field)}" for name, field in part["fields"].items())
            lines.append(escaped(f"{part.get('after')} gives {fields}"))
    return lines


def _shape(field: Any) -> str:
    if not isinstance(field, dict):
        return ""
    shape = field.get("shape")
    sizes = f"[{', '.join(map(str, shape))}] " if isinstance(shape, list) else ""
    return f"{sizes}{field.get('dtype', '')}".rstrip()
