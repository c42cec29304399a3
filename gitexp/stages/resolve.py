"""Turn RECIPE, or a command line, with -s, --seed and --timeout into a Recipe, or into all that is wrong at once.

Reads recipe files, and nothing else: no environment, no data, no git.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.clone import read_text
from gitexp.errors import RecipeErrors, Refused, beyond
from gitexp.record.arguments import LAUNCHERS, options_called, with_value
from gitexp.record.written import OWN as OWN_FILES
from gitexp.spec.config import Config
from gitexp.spec.override import read_toml, split_override
from gitexp.spec.placeholders import escape
from gitexp.spec.recipe import Recipe, finish
from gitexp.spec.recipe_merge import Merged, Origin
from gitexp.spec.recipe_shape import OWN
from gitexp.text.bounded import load_toml, misread
from gitexp.text.schema import KeyPath, dotted, escaped, expected, near, quoted, spell

FOLDER = "recipes"
FILE = "recipe.toml"
LISTED = 20


class Said(NamedTuple):
    """What options say of a program beside its recipe, each as it was typed."""

    metrics: Sequence[str] = ()  # NAME=REGEX
    files: Sequence[str] = ()  # metric files
    data: Sequence[str] = ()  # NAME=PATH, relative to where it was typed
    outputs: Sequence[str] = ()


class Request(NamedTuple):
    """What the user asked for: a recipe, or a command as it stands."""

    cwd: Path  # absolute
    recipe: str | None = None
    command: tuple[str, ...] = ()  # of `gitexp run -- CMD…`, where there is no recipe
    overrides: Sequence[str] = ()
    said: Said = Said()
    seed: int | None = None
    timeout: str | None = None
    environ: Mapping[str, str] = {}  # from which `[run] env = [NAME, …]` takes its values
    smoke: bool = False  # on a few samples, of a recipe that is made of components


def resolve(request: Request, *, root: Path, config: Config) -> Recipe:
    """The recipe that is meant. `root` is absolute. Raises Refused; RecipeErrors has all problems.

    Of a command: one that means its argv, whose bytes that are not UTF-8 are shown escaped.
    """
    merged = _of_the_lab(config)
    if request.recipe is None:
        return _command(request, merged, config, root=root)
    path = find_recipe(request.recipe, root=root, cwd=request.cwd)
    shown = path.relative_to(root).as_posix()
    name = (path.parent.name if path.name == FILE else path.stem) or root.name
    if not name.isprintable() or name != name.strip():
        raise Refused(f"{escaped(shown)}: a recipe's name is shown in every log; this one has unprintable characters")
    complete = _add_file(merged, path, root=root, above=(), environ=request.environ)
    return _resolved(merged, name, shown, request, config, root=root, complete=complete)


def _command(request: Request, merged: Merged, config: Config, *, root: Path) -> Recipe:
    argv = request.command
    recorded = [escape(arg.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")) for arg in argv]
    merged.add({"run": {"command": recorded}}, Origin("command line"))
    found = _resolved(merged, command_name(argv, cwd=request.cwd), None, request, config, root=root, complete=True)
    return found._replace(argv=argv) if found.command == tuple(recorded) else found


def resolve_recorded(
    text: str, *, name: str, path: str | None, where: str, config: Config, overrides: Sequence[str] = ()
) -> Recipe:
    """The recipe that a record holds. `where` is what errors call it. Raises Refused; it may be anybody's text.

    `overrides`: what -s lays over it, as typed.
    """
    if "[redacted:" in text:
        raise Refused(
            f"{where} lacks what was taken for a secret when the run was recorded",
            details=[f"  {escaped(line)}" for line in text.splitlines() if "[redacted:" in line][:LISTED],
            why="The program would get [redacted:…] in its place. Secrets belong into environment variables.",
            fix=f"gitexp run {escaped(path or name)} -s KEY=VALUE    starts anew",
        )
    merged = Merged(config.datasets)
    try:
        table = load_toml(text)
    except ValueError as error:
        raise Refused(f"{where} is not valid TOML: {error}") from error
    merged.add(table, Origin(where, text))
    for typed in overrides:
        if path is None:
            _require_no_argument(typed, merged.value(("run", "command")), _as_override)
        merged.override(typed)
    recipe = finish(merged, name=name, path=path, datasets=config.datasets)
    if recipe is None:
        raise RecipeErrors(list(dict.fromkeys(merged.problems)))
    return recipe


def _of_the_lab(config: Config) -> Merged:
    merged = Merged(config.datasets)
    layer = {
        "metrics": ({"goal": config.goal} if config.goal else {}) | ({"items": config.items} if config.items else {}),
        "run": {"outputs": list(config.outputs)} if config.outputs else {},
        "capture": config.capture,
    }
    if any(layer.values()):
        merged.lab = Origin(config.where, config.text)
        merged.add({name: table for name, table in layer.items() if table}, merged.lab)
    return merged


def _resolved(
    merged: Merged,
    name: str,
    path: str | None,
    request: Request,
    config: Config,
    *,
    root: Path,
    complete: bool,
) -> Recipe:
    """Lay the flags over the files and check the whole. `complete`: all were read, so a missing key is missing."""
    for typed in request.overrides:
        if request.recipe is None:
            _require_no_argument(typed, [*request.command], _behind_dashes)
        merged.override(typed, known_keys=complete)
    _said(merged, request, root=root)
    _flag(merged, ("seed",), request.seed)
    _flag(merged, ("run", "timeout"), request.timeout)
    recipe = finish(merged, name=name, path=path, datasets=config.datasets) if complete else None
    if recipe is None:
        raise RecipeErrors(list(dict.fromkeys(merged.problems)))
    return recipe


def _require_no_argument(typed: str, command: Any, say: Callable[[list[str]], str]) -> None:
    """A key of that name would be recorded, and the program run with what its command says. `say`: how to type that."""
    key, text = split_override(typed.lstrip("+"))
    found = options_called(command, key) if isinstance(command, list) and text is not None else []
    if not found or (key != "seed" and key.partition(".")[0] in OWN):
        return
    value = read_toml(text or "")
    argv = with_value(command, found, value if isinstance(value, str) else text or "")
    raise Refused(
        f"-s {escaped(typed)}: the command has {escaped(found[0].name)} of its own, and -s changes no arguments",
        fix=say(argv) if argv != command and "".join(argv).isprintable() else "",
    )


def _behind_dashes(argv: list[str]) -> str:
    return f"behind --, in place of that -s:  {shlex.join(argv)}"


def _as_override(argv: list[str]) -> str:
    command = ", ".join(map(quoted, argv))
    return f"in its place:  -s {shlex.quote(f'run.command=[{command}]')}"


def _flag(merged: Merged, path: KeyPath, value: int | str | None) -> None:
    """Lay a flag of its own for a key over what is there; a -s that says otherwise is not just left aside."""
    if value is None:
        return
    origin, typed = Origin(f"--{path[-1]}"), merged.value(path)
    if typed != value and merged.origin(path).is_override:
        merged.complain(origin, path, f"got {spell(value)}, and -s {dotted(path)} got {spell(typed)}; leave one out")
    merged.add({path[0]: {path[1]: value} if path[1:] else value}, origin)


def _said(merged: Merged, request: Request, *, root: Path) -> None:
    """Lay what options name over what is there: lists grow, and a name that is there gets what was typed."""
    said, folder = request.said, root if request.recipe is not None else request.cwd

    def from_folder(typed: str) -> str:
        """As the program will see it."""
        if folder == request.cwd:
            return typed
        return os.path.relpath(request.cwd / typed, folder) + "/" * typed.endswith("/")

    for option, texts, path in (("--metric", said.metrics, ("metrics", "output")), ("--data", said.data, ("data",))):
        for text in texts:
            name, _, value = text.partition("=")
            if not (name and value):
                what = "NAME=REGEX, such as loss='loss (\\S+)'" if option == "--metric" else "NAME=PATH"
                merged.complain(Origin(option), (), f"expected {what}, got {escaped(text)}")
                continue
            if option == "--data" and "://" not in value and value not in merged.catalogue:
                value = value if os.path.isabs(value) else os.path.relpath(request.cwd / value, root)  # noqa: PTH117
            layer: Any = {name: value}
            for part in reversed(path):
                layer = {part: layer}
            merged.add(layer, Origin(option))
    files = [name if name.startswith(OWN_FILES) else from_folder(name) for name in said.files]
    outputs = list(map(from_folder, said.outputs))
    for option, more, at in (("--metrics", files, ("metrics", "files")), ("--save", outputs, ("run", "outputs"))):
        if more:
            before = merged.value(at)
            together = dict.fromkeys([*(before if isinstance(before, list) else ()), *more])
            merged.add({at[0]: {at[1]: list(together)}}, Origin(option))


# ---- files


def _add_file(merged: Merged, path: Path, *, root: Path, above: tuple[Path, ...], environ: Mapping[str, str]) -> bool:
    """Lay a recipe file over what is there, its bases first. False when a file of it is no TOML."""
    shown = path.relative_to(root).as_posix()
    text = read_text(root, shown)
    if text is None:
        raise Refused(f"{escaped(shown)} does not exist")
    origin = Origin(shown, text)
    try:
        table = load_toml(text)
    except ValueError as error:
        merged.problems.append(misread(text, error, where=escaped(shown)))
        return False
    names = _bases(merged, table.pop("extends", []), origin)
    complete = names is not None
    for index, name in enumerate(names or ()):
        base = Path(os.path.normpath(path.parent / name))
        base = base / FILE if _is_file(base / FILE) else base
        complaint = _base_problem(name, base, root=root, above=(*above, path))
        if complaint:
            merged.complain(origin, ("extends", str(index)), complaint)
            complete = False
        else:
            complete &= _add_file(merged, base, root=root, above=(*above, path), environ=environ)
    run = table.get("run")
    if isinstance(run, dict) and isinstance(run.get("env"), list):  # names: the record has what they were
        run["env"] = {name: environ[name] for name in run["env"] if isinstance(name, str) and name in environ}
    merged.add(table, origin)
    return complete


def _bases(merged: Merged, extends: Any, origin: Origin) -> list[str] | None:
    names = [extends] if isinstance(extends, str) else extends
    if isinstance(names, list) and all(isinstance(name, str) and name and "\0" not in name for name in names):
        return names
    merged.complain(origin, ("extends",), expected("a file or an array of files", extends))
    return None


def _base_problem(name: str, base: Path, *, root: Path, above: tuple[Path, ...]) -> str | None:
    if not base.is_relative_to(root):
        return f"{spell(name)} lies outside of the repository, so no record would hold it"
    if base in above:
        round_trip = [*above[above.index(base) :], base]
        return "a recipe cannot extend itself: " + " → ".join(p.relative_to(root).as_posix() for p in round_trip)
    if os.path.lexists(base):
        return None
    # By their stems: the suffix that all have in common would make any two names look alike.
    there = [p.stem for p in base.parent.glob("*.toml")] if _is_folder(base.parent) else []
    hint = near(base.stem, there)
    return f"there is no {escaped(base.relative_to(root).as_posix())}{hint and hint[:-1] + '.toml?'}"


def find_recipe(recipe: str, *, root: Path, cwd: Path) -> Path:
    """The file that RECIPE means: a path, a folder with a recipe.toml, or a name under recipes/. Raises Refused."""
    if not recipe or "\0" in recipe:
        raise Refused(f"{spell(recipe)} is no recipe: name a file, a folder or a recipe in {FOLDER}/")
    for base in (cwd, root):
        path = Path(os.path.normpath(base / recipe))
        if _is_file(path):
            return _inside(_is_recipe(path, recipe), root=root)
        if _is_file(path / FILE):
            return _inside(path / FILE, root=root)
    if "/" not in recipe:
        named = [p for p in (root / FOLDER / f"{recipe}.toml", root / FOLDER / recipe / FILE) if os.path.lexists(p)]
        if len(named) == 2:
            both = " and ".join(p.relative_to(root).as_posix() for p in named)
            raise Refused(f"{recipe} could be {both}", fix="name the file")
        if named:
            return named[0]
    raise _not_found(recipe, root=root, cwd=cwd)


def _is_file(path: Path) -> bool:
    """Whether something lies there that is no folder; who reads it says what it is, if it is no file."""
    return os.path.lexists(path) and not _is_folder(path)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 -- Path's raises for what is too long, or lies where nobody may look


def _is_recipe(path: Path, recipe: str) -> Path:
    if path.suffix == ".toml":
        return path
    from gitexp.executors.startable import interpreter_of

    started_by = interpreter_of(path)
    line = shlex.join([*started_by, recipe] if started_by else [recipe if "/" in recipe else f"./{recipe}"])
    raise Refused(
        f"{escaped(recipe)} is not a recipe: those are TOML files",
        fix=f"gitexp run -- {escaped(line)}    records a program as it is",
    )


def _inside(path: Path, *, root: Path) -> Path:
    for candidate in (path, Path(os.path.realpath(path.parent)) / path.name):
        if candidate.is_relative_to(root):
            return candidate
    raise Refused(
        f"{escaped(str(path))} lies outside of the repository {root}",
        why="A run is recorded with the code that is in the repository; this recipe would not be among it.",
        fix=f"cp {shlex.quote(str(path))} {shlex.quote(str(root / FOLDER))}/",
    )


def _not_found(recipe: str, *, root: Path, cwd: Path) -> Refused:
    folder = root / FOLDER
    names = sorted({p.stem for p in folder.glob("*.toml")} | {p.parent.name for p in folder.glob(f"*/{FILE}")})
    wanted = Path(recipe).parent.name if recipe.endswith(f"/{FILE}") else Path(recipe).stem
    what = f"There is no recipe {escaped(recipe)}{near(wanted, names)}"
    for place in (cwd / recipe, folder / recipe):
        if _is_folder(place):
            shown = os.path.relpath(place, cwd)
            what = f"The folder {escaped(shown)} has no {FILE}"
            break
    if not names:
        return Refused(
            what,
            why=f"There are none in {FOLDER}/ yet.",
            fix=f"gitexp new    shows recipes to start from; or write {FOLDER}/NAME.toml"
            "\nto record a program as it is:  gitexp run -- CMD…",
        )
    listed = [f"  {escaped(name)}" for name in names[:LISTED]]
    listed += beyond(len(names), LISTED)
    return Refused(what, details=[f"Recipes in {FOLDER}/:", *listed])


# ---- commands


def command_name(argv: Sequence[str], *, cwd: Path) -> str:
    """What a command's runs are called: after the script or module that it starts, else after the program."""
    program = os.path.basename(argv[0])  # noqa: PTH119 -- not a path of this machine's, and may not be UTF-8
    name = _script(argv, cwd=cwd) if program.rstrip("0123456789.") in LAUNCHERS else None
    return _sanitised(name or _stem(program))


def _script(argv: Sequence[str], *, cwd: Path) -> str | None:
    for index, arg in enumerate(argv[1:], start=1):
        if arg == "-m" and index + 1 < len(argv):
            return argv[index + 1]
        if arg == "-c":
            return None
        if arg and os.path.isfile(cwd / arg):  # noqa: PTH113 -- Path's raises for what no path can be
            return _stem(os.path.basename(arg))  # noqa: PTH119 -- as above
    return None


def _stem(file: str) -> str:
    """`train` of train.py; python3.11 stays whole, since a suffix has letters."""
    stem, dot, suffix = file.rpartition(".")
    return stem if dot and stem and suffix.isalpha() else file


def _sanitised(name: str) -> str:
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return allowed.strip("-.")[:64] or "command"
