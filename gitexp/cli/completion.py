"""Turn a half-typed word into the words that it may become: recipes, runs, metrics, datasets, remotes; else files.

The shell asks through click's own protocol (`_GITEXP_COMPLETE`). Reads only: what waits to be recorded goes on
waiting. After `--` stands somebody else's command, so there are programs and files, and nothing of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

if TYPE_CHECKING:
    from gitexp.cli.opened import Opened

VARIABLE = "_GITEXP_COMPLETE"
NEWEST = 200  # runs that are offered by id, and whose metrics are

Items = list[CompletionItem]
Words = Iterator[tuple[str, str]]  # each with what is known about it


def complete(what: str, ctx: click.Context, incomplete: str) -> Items:
    """The words that begin so, of what a parameter stands for, as `completing` of cli/table.py names it."""
    if what == "template":
        from gitexp.pipelines.new import templates

        return _beginning(incomplete, ((one.name, one.summary) for one in templates()))
    if what == "recipe":
        from pathlib import Path

        from gitexp.git.repo import find_repo
        from gitexp.stages.index import index_recipes

        listed = index_recipes(find_repo(Path.cwd()).root)
        found = _beginning(incomplete, ((one.name, one.summary) for one in listed))
        return [*found, CompletionItem(incomplete, "file")]  # it may be a path
    from gitexp.cli.opened import leave_what_waits, opened_here

    with opened_here(first=leave_what_waits) as here:
        return _beginning(incomplete, _READ[what](here, ctx, incomplete))


def _runs(here: Opened, ctx: click.Context, incomplete: str) -> Words:
    """`latest`, `best:METRIC`, the ids of the newest runs, and the same of each remote."""
    from gitexp.cli.runtable import id_letters
    from gitexp.record.metricnames import is_setting

    yield "latest", "the newest run"
    for name in filter(lambda name: not is_setting(name), _metrics(here)):
        yield f"best:{name}", "the best by its goal"
    newest = here.history.runs.rows(limit=NEWEST)
    letters = max(id_letters(newest, newest), len(incomplete))
    for row in newest:
        yield row.id[:letters], f"{row.recipe}, {row.status}"
    yield from _tags(here, incomplete)
    for remote in filter(None, here.history.tips):
        yield f"{remote}/latest", "the newest as last fetched"


def _tags(here: Opened, incomplete: str) -> Words:
    """Ours, and those of git that are a run's."""
    from gitexp.git.repo import output
    from gitexp.history.said import tagged

    yield from ((one.name, f"the run {one.about[:8]}") for one in tagged(here.history.runs))
    listed = output(
        here.repo, "for-each-ref", "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)", "refs/tags"
    )
    for line in listed.decode(errors="replace").splitlines():
        tag, plain, annotated = line.split("\0")
        row = here.history.runs.at_commit(annotated or plain) if tag.startswith(incomplete) else None
        if row is not None:
            yield tag, f"{row.recipe}, {row.status}"


def _metrics(here: Opened) -> list[str]:
    return list(dict.fromkeys(name for row in here.history.runs.rows(limit=NEWEST) for name in row.metrics))


def _remotes(here: Opened, ctx: click.Context, incomplete: str) -> Words:
    """The remotes of git."""
    for key, url in here.repo.settings.items():
        if key.startswith("remote.") and key.endswith(".url"):
            yield key[len("remote.") : -len(".url")], url


def _parts(here: Opened, ctx: click.Context, incomplete: str) -> Words:
    """Datasets, artifacts and the record's own files of the RUN that was typed before."""
    from gitexp.history.read import read_run

    found = read_run(here.reader, here.history.select(ctx.params["run"]).commit)
    for name in (*found.data, *(path for path, _ in found.artifacts.first), *found.tree):
        yield name, ""


_READ: Mapping[str, Callable[[Opened, click.Context, str], Words]] = {
    "run": _runs,
    "metric": lambda here, ctx, incomplete: ((name, "") for name in _metrics(here)),
    "dataset": lambda here, ctx, incomplete: ((name, "") for name in here.config.datasets),
    "store": lambda here, ctx, incomplete: ((name, one.url) for name, one in here.config.remotes.items()),
    "remote": _remotes,
    "part": _parts,
}


def _beginning(incomplete: str, words: Words) -> Items:
    """The words that begin so. What a record named as no command line would is left out: it is for no shell to read."""
    return [
        CompletionItem(word, help=" ".join(about.split()) if about.isprintable() else None)
        for word, about in words
        if word.startswith(incomplete) and word.isprintable()
    ]


def complete_quietly() -> None:
    """Answer shells in our own way, and say nothing else: whatever goes wrong, the line that is typed stays whole."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)
    if os.environ[VARIABLE].endswith("_complete"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


class _ForeignCommands(ShellComplete):
    """After `--`: a program of PATH, then files."""

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        if args and args[0].startswith("-C"):  # nobody has gone there, since nothing is run
            from pathlib import Path

            try:
                os.chdir(Path(args[0][2:] or "".join(args[1:2])).expanduser())
            except OSError:
                return []
        if "--" not in args:
            return super().get_completions(args, incomplete)
        first = args[-1] == "--" and "/" not in incomplete
        programs = _beginning(incomplete, ((name, "") for name in _programs())) if first and incomplete else []
        return [*programs, CompletionItem(incomplete, "file")]


def _programs() -> list[str]:
    found: set[str] = set()
    for folder in os.get_exec_path():
        try:
            found |= {one.name for one in os.scandir(folder) if one.is_file() and os.access(one.path, os.X_OK)}
        except OSError:
            continue
    return sorted(found)


class _Zsh(_ForeignCommands, ZshComplete):
    """After `--`, files."""


class _Fish(_ForeignCommands, FishComplete):
    """After `--`, files."""


class _Bash(_ForeignCommands, BashComplete):
    """bash takes `best:val.acc` for three words, and a redirection for an argument; where we know nothing it goes on
    as without us (`-o bashdefault -o default`): files, variables, users."""

    source_template = """\
%(complete_func)s() {
    case "${COMP_WORDS[COMP_CWORD - 1]}" in *[\\<\\>]*) return ;; esac
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}"
    COMPREPLY=($(set -f; env %(complete_var)s=bash_complete COMP_LINE="$line" COMP_WORDBREAKS="$COMP_WORDBREAKS" "$1"))
}
complete -o nosort -o bashdefault -o default -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        return (words[1:], "") if line[-1:].isspace() else (words[1:-1], words[-1])

    def complete(self) -> str:
        from shlex import quote

        args, incomplete = self.get_completion_args()
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        typed = max((incomplete.rfind(mark) + 1 for mark in ":=@" if mark in breaks), default=0)
        plain = [item.value for item in self.get_completions(args, incomplete) if item.type == "plain"]
        return "\n".join(quote(value[typed:]) for value in plain)
