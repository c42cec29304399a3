"""Write the manual pages in docs/man from the help texts: `python scripts/man.py`. A test holds them equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gitexp import __version__
from gitexp.cli.main import COMMANDS, cli
from gitexp.cli.table import CommandTable

FOLDER = Path(__file__).parents[1] / "docs" / "man"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    context = click.Context(cli, info_name="gitexp", **cli.context_settings)
    found = {"gitexp.1": overview(context), "git-exp.1": ".so man1/gitexp.1\n"}
    for name, summary in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        inside = click.Context(command, parent=context, info_name=name)
        found[f"gitexp-{name}.1"] = page(command, inside, summary)
        for below, what in command.table.items() if isinstance(command, CommandTable) else ():
            part = command.get_command(inside, below)
            assert part is not None
            found[f"gitexp-{name}-{below}.1"] = page(part, click.Context(part, parent=inside, info_name=below), what)
    return found


def overview(context: click.Context) -> str:
    """The page of gitexp itself."""
    lines = [
        title("GITEXP"),
        ".SH NAME",
        f"gitexp \\- {text('Every training run becomes a git commit')}",
        *usage(context),
    ]
    lines += [".SH DESCRIPTION", *prose(context.command.help or ""), ".SH COMMANDS"]
    for name, summary in COMMANDS.items():
        lines += [".TP", f"\\fBgitexp-{name}\\fR(1)", text(summary)]
    lines += [".SH OPTIONS", *options(context)]
    lines += [".SH EXIT STATUS", *exit_codes(), ".SH SEE ALSO", "\\fBgit\\fR(1), \\fBgit-log\\fR(1)"]
    return "\n".join(lines) + "\n"


def page(command: click.Command, context: click.Context, summary: str) -> str:
    """The page of one command."""
    name = context.command_path.replace(" ", "-")
    lines = [title(name.upper()), ".SH NAME", f"{name} \\- {text(summary)}", *usage(context)]
    lines += [".SH DESCRIPTION", *prose(command.help or "")]
    if isinstance(command, CommandTable):
        lines.append(".SH COMMANDS")
        for below, what in command.table.items():
            lines += [".TP", f"\\fB{name}-{below}\\fR(1)", text(what)]
    lines += [".SH OPTIONS", *options(context)]
    return "\n".join([*lines, ".SH SEE ALSO", "\\fBgitexp\\fR(1)"]) + "\n"


def title(name: str) -> str:
    """The header line."""
    return f'.TH "{name}" "1" "" "gitexp {__version__}" "gitexp manual"'


def usage(context: click.Context) -> list[str]:
    """The synopsis."""
    pieces = context.command.collect_usage_pieces(context)
    return [".SH SYNOPSIS", f"\\fB{context.command_path}\\fR {text(' '.join(pieces))}"]


def prose(help_text: str) -> Iterator[str]:
    """Paragraphs; those that click keeps as they are stay so."""
    for paragraph in help_text.strip().split("\n\n"):
        body = [line.strip() for line in paragraph.splitlines()]
        if body[0] == "\b":
            yield from (".PP", ".nf", *map(text, body[1:]), ".fi")
        else:
            yield from (".PP", text(" ".join(body)))


def options(context: click.Context) -> Iterator[str]:
    """Each option and what it does."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield from (".TP", f"\\fB{text(record[0])}\\fR", text(record[1]))


def exit_codes() -> Iterator[str]:
    """The table of exit codes."""
    codes = {
        "0": "done, and recorded",
        "1": "an expected error; diff --exit-code found a difference; recorded with defects",
        "2": "wrong command line",
        "3": "refused; nothing ran",
        "4": "the program failed or timed out, and was recorded",
        "70": "a bug in gitexp",
        "130, 143": "interrupted",
    }
    for code, meaning in codes.items():
        yield from (".TP", f"\\fB{code}\\fR", text(meaning))


def text(plain: str) -> str:
    """Text that roff takes for nothing else."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, content in pages().items():
        (FOLDER / file).write_text(content, encoding="utf-8")
