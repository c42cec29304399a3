"""Turn what people of other tools type into the gitexp line that they meant. Used on the way to an error only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from gitexp.errors import Refused, UsageError

# Commands of other tools, and of other days.
_OTHERS = {
    "ls": "log", "list": "log", "runs": "log", "history": "log", "compare": "diff", "exec": "run", "repro": "run",
    "start": "run", "train": "run", "fetch": "pull", "download": "get", "checkout": "get", "validate": "check",
    "create": "new", "sync": "push",
}  # fmt: skip
_ABOVE = ("exp", "exps", "experiment", "experiments", "runs")  # `dvc exp show`


def meant_line(
    ctx: click.Context, words: Sequence[str], options: Mapping[str, bool], error: click.UsageError | None
) -> Exception:
    """The error that names the line which was meant. `options`: the command's, and whether each takes a value."""
    from difflib import get_close_matches

    command = ctx.command_path
    what = "One recipe at a time" if error is None else error.message.rstrip(".")
    first = _first_word(words, options)
    if first is None:
        return error or UsageError(what, fix=f"{command} RECIPE")
    before, name, behind = words[:first], words[first], words[first + 1 :]
    keys = _keys(name)
    if keys is not None:
        kept, overrides, unclear = _as_overrides([*before, *behind], options, keys)
        if not unclear:
            flags = [word for override in overrides for word in ("-s", override)]
            line = shlex.join([*command.split(), name, *kept, *flags])
            return UsageError(what, why="The keys of a recipe are set with -s KEY=VALUE.", fix=line)
        if isinstance(error, click.NoSuchOption) and get_close_matches(error.option_name, options, cutoff=0.75):
            return error
        lists = f"gitexp check {shlex.quote(name)} --explain    lists its keys; -s KEY=VALUE sets one"
        return UsageError(what, why=f"{name} has no one key that is called {', '.join(unclear)}.", fix=lists)
    if ctx.info_name != "run" or any(word.startswith("-") and word not in options for word in before):
        return error or UsageError(what, fix=f"{command} RECIPE")
    return UsageError(what, why="A program and its own words stand behind --", fix=run_line([name, *behind], before))


def run_line(argv: Sequence[str], ours: Iterable[str] = ()) -> str:
    """`gitexp run -- …` with the command that was meant."""
    from gitexp.executors.startable import startable

    return shlex.join(["gitexp", "run", *ours, "--", *startable(argv, cwd=Path.cwd())])


def _first_word(words: Sequence[str], options: Mapping[str, bool]) -> int | None:
    """Where the first word stands that is no option and no option's value."""
    value_follows = False
    for index, word in enumerate(words):
        if not value_follows and not word.startswith("-"):
            return index
        # An option that nobody knows has a value, if that leaves a word to be the recipe.
        unknown = "=" not in word and index + 2 < len(words)
        value_follows = not value_follows and options.get(word, unknown)
    return None


def _keys(name: str) -> list[str] | None:
    """The keys of a recipe, gitexp's own among them. None where a program is meant. Raises Refused for neither."""
    import shutil

    from gitexp.clone import read_config
    from gitexp.executors.startable import meant
    from gitexp.git.repo import find_repo
    from gitexp.model.recipe import flatten
    from gitexp.model.recipe_shape import OWN
    from gitexp.stages.resolve import find_recipe, resolve

    cwd = Path.cwd()
    repo = find_repo(cwd)
    try:
        find_recipe(name, root=repo.root, cwd=cwd)
    except Refused:
        if shutil.which(name) or (cwd / name).is_file() or meant([name], cwd=cwd):
            return None
        raise
    found = resolve(
        root=repo.root, cwd=cwd, recipe=name, overrides=(), seed=None, timeout=None, config=read_config(repo)
    )
    own = [f"{table}.{key}" for table, part in OWN.items() if isinstance(part, dict) for key in part]
    return [*flatten(found.values), *(table for table, part in OWN.items() if callable(part)), *own]


def _as_overrides(
    words: Sequence[str], options: Mapping[str, bool], keys: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """gitexp's own options among the words, KEY=VALUE for those that set a key, and those of which nobody can say."""
    kept: list[str] = []
    overrides: list[str] = []
    unclear: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and word.partition("=")[0] in options:
            kept.append(word)
            if options[word.partition("=")[0]] and not equals and waiting:
                kept.append(waiting.pop(0))
            continue
        if word.startswith("-") and not equals:
            value = waiting.pop(0) if waiting and not waiting[0].startswith("--") else "true"
        key = _key(name, keys) if equals or word.startswith("-") else None
        if key is None:
            unclear.append(word)
        else:
            overrides.append(f"{key}={value}")
    return kept, overrides, unclear


def _key(name: str, keys: Sequence[str]) -> str | None:
    """The one key that a word means: itself, the end of a longer one, or what is nearest."""
    from difflib import get_close_matches

    for spelt in (name, name.replace("-", "_")):
        if spelt in keys:
            return spelt
        ends = [key for key in keys if key.endswith(f".{spelt}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            return None
    return next(iter(get_close_matches(name.replace("-", "_"), keys, n=1, cutoff=0.75)), None)


def no_such_command(args: Sequence[str], table: Mapping[str, str]) -> UsageError | None:
    """For words that begin with no command of gitexp: the line that was meant. None where nobody can say."""
    import shutil

    from gitexp.executors.startable import meant

    first, *rest = args
    what = f"'{first}' is not a gitexp command"
    if first in _ABOVE and rest and (rest[0] in table or rest[0] in _OTHERS or rest[0] == "show"):
        second = _OTHERS.get(rest[0], rest[0])
        second = "log" if rest == ["show"] else second  # `dvc exp show` lists them
        return UsageError(what, fix=shlex.join(["gitexp", second, *rest[1:]]))
    if first in _OTHERS:
        return UsageError(what, fix=shlex.join(["gitexp", _OTHERS[first], *rest]))
    if shutil.which(first) or Path(first).is_file() or meant(args, cwd=Path.cwd()):
        return UsageError(what, why="A program is recorded by `run`, behind --", fix=run_line(args))
    return None
