"""Turn what people of other tools type into the gitexp line that they meant. Used on the way to an error only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gitexp.errors import Refused, UsageError

# Commands of other tools, and of other days.
_OTHERS = {
    "ls": "log", "list": "log", "runs": "log", "history": "log", "compare": "diff", "exec": "run", "repro": "run",
    "start": "run", "train": "run", "fetch": "pull", "download": "get", "checkout": "get", "validate": "check",
    "create": "new", "sync": "push", "share": "push", "remove": "drop", "delete": "drop", "undo": "drop",
    "comment": "note", "annotate": "note", "fsck": "verify",
}  # fmt: skip
_ABOVE = ("exp", "exps", "experiment", "experiments", "runs")  # `dvc exp show`
OTHERS = frozenset((*_ABOVE, *_OTHERS))
# What nobody is advised to run: these remove or overwrite files, and so does `>`.
_REMOVERS = frozenset((
    ">", "rm", "rmdir", "unlink", "shred", "mv", "cp", "dd", "truncate", "tee", "ln", "install", "rsync", "sed", "find",
    "xargs", "git", "chmod", "chown",
))  # fmt: skip


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
    if (
        ctx.info_name != "run"
        or _removes(words[first:])
        or any(word.startswith("-") and word not in options for word in before)
    ):
        return error or UsageError(what, fix=f"{command} RECIPE")
    return UsageError(what, why="A program and its own words stand behind --", fix=run_line([name, *behind], before))


def _removes(argv: Sequence[str]) -> bool:
    import re

    return not _REMOVERS.isdisjoint(re.findall(r">|[\w.+-]+", " ".join(argv)))


def run_line(argv: Sequence[str], ours: Iterable[str] = ()) -> str:
    """`gitexp run -- …` with the command that was meant."""
    from gitexp.executors.startable import startable

    return shlex.join(["gitexp", "run", *ours, "--", *startable(argv, cwd=Path.cwd())])


def _first_word(words: Sequence[str], options: Mapping[str, bool]) -> int | None:
    """Where the first word stands that is no option and no option's value."""
    value_follows = False
    for index, word in enumerate(words):
        if not value_follows and not word.startswith(("-", "+")):
            return index
        # An option that nobody knows has a value, if that leaves a word to be the recipe.
        unknown = "=" not in word and index + 2 < len(words)
        value_follows = not value_follows and options.get(word, unknown)
    return None


def _keys(name: str) -> dict[str, Any] | None:
    """The keys of a recipe with their values, gitexp's own among them (a value that is not set is None). None where a
    program is meant. Raises Refused for neither."""
    import shutil

    from gitexp.clone import read_config
    from gitexp.executors.startable import meant
    from gitexp.git.repo import find_repo
    from gitexp.spec.recipe import flatten
    from gitexp.spec.recipe_shape import OWN
    from gitexp.stages.resolve import Request, find_recipe, resolve

    cwd = Path.cwd()
    repo = find_repo(cwd)
    try:
        find_recipe(name, root=repo.root, cwd=cwd)
    except Refused:
        if shutil.which(name) or (cwd / name).is_file() or meant([name], cwd=cwd):
            return None
        raise
    found = resolve(Request(cwd, name), root=repo.root, config=read_config(repo))
    own = [f"{table}.{key}" for table, part in OWN.items() if isinstance(part, dict) for key in part]
    return {**dict.fromkeys([*(table for table, part in OWN.items() if callable(part)), *own]), **flatten(found.values)}


def _as_overrides(
    words: Sequence[str], options: Mapping[str, bool], keys: Mapping[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    """gitexp's own options among the words, KEY=VALUE for those that set a key, and those of which nobody can say."""
    kept: list[str] = []
    overrides: list[str] = []
    unclear: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        adds = word.startswith("+")  # Hydra's, who adds or overrides with ++
        name, equals, value = word.lstrip("+-").partition("=")
        if word.startswith("-") and word.partition("=")[0] in options:
            kept.append(word)
            if options[word.partition("=")[0]] and not equals and waiting:
                kept.append(waiting.pop(0))
            continue
        if word.startswith("-") and not equals:
            value = waiting.pop(0) if waiting and not waiting[0].startswith("--") else "true"
        key = name if adds and equals else _key(name, keys) if equals or word.startswith("-") else None
        if key is None:
            unclear.append(word)
        else:
            overrides.append(f"{'+' * adds}{key}={_as_toml(value, keys.get(key))}")
    return kept, overrides, unclear


def _as_toml(value: str, base: object) -> str:
    """`False` and `.5` as TOML writes them, unless what they replace is text."""
    from gitexp.spec.override import read_toml, toml_of

    if isinstance(base, str) or read_toml(value) is not None:
        return value
    try:
        return toml_of(value) or value
    except OverflowError:
        return value


def _key(name: str, keys: Iterable[str]) -> str | None:
    """The one key that a word means: itself, the end of a longer one, or what is nearest in the table that it names."""
    from difflib import get_close_matches

    for spelt in (name, name.replace("-", "_")):
        if spelt in keys:
            return spelt
        ends = [key for key in keys if key.endswith(f".{spelt}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            return None
    table, dot, last = name.replace("-", "_").rpartition(".")
    within = {key.removeprefix(table + dot): key for key in keys if key.startswith(table + dot)}
    return next((within[near] for near in get_close_matches(last, within, n=1, cutoff=0.75)), None)


def no_such_command(args: Sequence[str], table: Mapping[str, str]) -> UsageError | None:
    """For words that begin with no command of gitexp: the line that was meant. None where nobody can say."""
    from gitexp.executors.startable import meant
    from gitexp.record.arguments import LAUNCHERS

    first, *rest = args
    what = f"'{first}' is not a gitexp command"
    if first in _ABOVE and rest and (rest[0] in table or rest[0] in _OTHERS or rest[0] == "show"):
        second = _OTHERS.get(rest[0], rest[0])
        second = "log" if rest == ["show"] else second  # `dvc exp show` lists them
        return UsageError(what, fix=shlex.join(["gitexp", second, *rest[1:]]))
    if first in _OTHERS:
        return UsageError(what, fix=shlex.join(["gitexp", _OTHERS[first], *rest]))
    program = Path(first).name.rstrip("0123456789.") in LAUNCHERS or Path(first).is_file()
    if (program or meant(args, cwd=Path.cwd())) and not _removes(args):
        return UsageError(what, why="A program is recorded by `run`, behind --", fix=run_line(args))
    return None
