"""Turn a half-typed word into the words that it may become: recipes, runs, metrics, datasets, remotes; else files.

The shell asks through click's own protocol (`_GITEXP_COMPLETE`). Reads only: what waits to be recorded goes on
waiting. After `--` stands somebody else's command, so there are programs and files, and nothing of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

if TYPE_CHECKING:
    from gitexp.cli.opened import Opened

VARIABLE = "_GITEXP_COMPLETE"
NEWEST = 200  # runs that are offered by id, and whose metrics are

Items = list[CompletionItem]


def _complete_recipes(ctx: click.Context, incomplete: str) -> Items:
    """Names under recipes/, and files: a RECIPE may be a path."""
    from pathlib import Path

    from gitexp.git.repo import find_repo
    from gitexp.stages.index import index_recipes

    listed = index_recipes(find_repo(Path.cwd()).root)
    return [*_beginning(incomplete, ((one.name, one.summary) for one in listed)), CompletionItem(incomplete, "file")]


def _complete_runs(ctx: click.Context, incomplete: str) -> Items:
    """`latest`, `best:METRIC`, the ids of the newest runs, and the same of each remote."""
    with _reading() as here:
        return _beginning(incomplete, _runs(here, incomplete))


def _complete_metrics(ctx: click.Context, incomplete: str) -> Items:
    """Metrics of the newest runs."""
    with _reading() as here:
        return _beginning(incomplete, ((name, "") for name in _metrics(here)))


def _complete_datasets(ctx: click.Context, incomplete: str) -> Items:
    """Names in the catalogue."""
    with _reading() as here:
        return _beginning(incomplete, ((name, "") for name in here.config.datasets))


def _complete_stores(ctx: click.Context, incomplete: str) -> Items:
    """The remotes of gitexp.toml."""
    with _reading() as here:
        return _beginning(incomplete, ((name, one.url) for name, one in here.config.remotes.items()))


def _complete_remotes(ctx: click.Context, incomplete: str) -> Items:
    """The remotes of git."""
    with _reading() as here:
        keys = [key for key in here.repo.settings if key.startswith("remote.") and key.endswith(".url")]
        return _beginning(incomplete, ((key[len("remote.") : -len(".url")], here.repo.settings[key]) for key in keys))


def _complete_parts_of_run(ctx: click.Context, incomplete: str) -> Items:
    """Datasets, artifacts and the record's own files of the RUN that was typed before."""
    from gitexp.history.read import read_run

    with _reading() as here:
        found = read_run(here.reader, here.history.select(ctx.params["run"]).commit)
        return _beginning(
            incomplete,
            ((name, "") for name in [*found.data, *(path for path, _ in found.artifacts.first), *found.tree]),
        )


def _complete_templates(ctx: click.Context, incomplete: str) -> Items:
    """Recipes that ship with gitexp."""
    from gitexp.pipelines.new import templates

    return _beginning(incomplete, ((one.name, one.summary) for one in templates()))


def _runs(here: Opened, incomplete: str) -> Iterator[tuple[str, str]]:
    from gitexp.cli.runtable import id_letters
    from gitexp.record.metrics import is_setting

    yield "latest", "the newest run"
    for name in filter(lambda name: not is_setting(name), _metrics(here)):
        yield f"best:{name}", "the best by its goal"
    newest = here.history.runs.all()[:NEWEST]
    letters = max(id_letters(newest, newest), len(incomplete))
    for row in newest:
        yield row.id[:letters], f"{row.recipe}, {row.status}"
    yield from _tags(here, incomplete)
    for remote in filter(None, here.history.tips):
        yield f"{remote}/latest", "the newest as last fetched"


def _tags(here: Opened, incomplete: str) -> Iterator[tuple[str, str]]:
    from gitexp.git.repo import output

    listed = output(
        here.repo, "for-each-ref", "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)", "refs/tags"
    )
    for line in listed.decode(errors="replace").splitlines():
        tag, plain, annotated = line.split("\0")
        row = here.history.runs.at_commit(annotated or plain) if tag.startswith(incomplete) else None
        if row is not None:
            yield tag, f"{row.recipe}, {row.status}"


def _metrics(here: Opened) -> list[str]:
    return list(dict.fromkeys(name for row in here.history.runs.all()[:NEWEST] for name in row.metrics))


def _beginning(incomplete: str, words: Iterable[tuple[str, str]]) -> Items:
    """The words that begin so. What a record named as no command line would is left out: it is for no shell to read."""
    return [
        CompletionItem(word, help=" ".join(about.split()) if about.isprintable() else None)
        for word, about in words
        if word.startswith(incomplete) and word.isprintable()
    ]


COMPLETE: Mapping[str, Callable[[click.Context, str], Items]] = {
    "recipe": _complete_recipes,
    "run": _complete_runs,
    "metric": _complete_metrics,
    "dataset": _complete_datasets,
    "store": _complete_stores,
    "remote": _complete_remotes,
    "part": _complete_parts_of_run,
    "template": _complete_templates,
}  # by what a parameter is, as `completing` of cli/table.py names it


@contextmanager
def _reading() -> Iterator[Opened]:
    from gitexp.cli.opened import leave_what_waits, opened_here

    with opened_here(first=leave_what_waits) as here:
        yield here


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
        from click.shell_completion import split_arg_string

        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        return (words[1:], "") if line[-1:].isspace() else (words[1:-1], words[-1])

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        typed = max((incomplete.rfind(mark) + 1 for mark in ":=@" if mark in breaks), default=0)
        plain = [item.value for item in self.get_completions(args, incomplete) if item.type == "plain"]
        return "\n".join(_quoted(value[typed:]) for value in plain)


def _quoted(word: str) -> str:
    from shlex import quote

    return quote(word)
