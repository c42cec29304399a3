"""Commands that are known by a table and imported when they are used, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class CommandTable(click.Group):
    """`table`: name → what it does. The command `name` is `command` in the module `package.name`."""

    def __init__(self, *args: Any, table: Mapping[str, str], package: str, **kwargs: Any) -> None:
        super().__init__(*args, context_settings={"help_option_names": ["-h", "--help"]}, **kwargs)
        self.table = table
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        from importlib import import_module
        from keyword import iskeyword

        command: click.Command = import_module(f"{self._package}.{cmd_name}{'_' * iskeyword(cmd_name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.table and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.table, n=1)
            if ctx.parent is None:
                from gitexp.cli.habits import OTHERS, no_such_command

                # `exp` is another tool's word, however near `explain` is.
                meant = no_such_command(args, self.table) if not near or args[0] in OTHERS else None
                if meant is not None:
                    raise meant
            hint = f" Did you mean '{near[0]}'?" if near else f" See '{ctx.command_path} --help'."
            ctx.fail(f"'{args[0]}' is not a {ctx.command_path} command.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if getattr(ctx, "_protected_args", None):
            return []  # behind a word that is no command
        # From the table: click's own way imports every command.
        found = [CompletionItem(name, help=what) for name, what in self.table.items() if name.startswith(incomplete)]
        return found or click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


class RecipeCommand(click.Command):
    """`COMMAND RECIPE`, which knows what people type behind it: the recipe's keys as options, a program's own words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)  # click takes them out as it parses
        try:
            rest = super().parse_args(ctx, args)
            if len(ctx.params.get("words", ())) < 2:
                return rest
            error: click.UsageError | None = None
        except click.UsageError as caught:
            error = caught
        if ctx.resilient_parsing or "--" in words:
            if error is not None:
                raise error
            return rest
        unknown = isinstance(error, click.NoSuchOption)
        if error is not None and not unknown and "unexpected extra" not in error.message:
            raise error
        options = {
            name: not option.is_flag
            for option in self.params
            if isinstance(option, click.Option)
            for name in option.opts
        }
        from gitexp.cli.habits import meant_line

        raise meant_line(ctx, words, options, error) from error


def paragraphs(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> str:
    """`callback` of a text that may be given several times, as `git commit -m` takes it: a paragraph each."""
    return "\n\n".join(texts)


def why_option(text: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """`--why`, `-m`: the reason for what is said of a run; `text` is its help."""
    return click.option("--why", "-m", metavar="TEXT", multiple=True, callback=paragraphs, help=text)


def completing(what: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """`shell_complete` of a parameter that stands for a run, a recipe, …: who answers is imported when a shell asks."""

    def answer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from gitexp.cli.completion import complete

        return complete(what, ctx, incomplete)

    return answer
