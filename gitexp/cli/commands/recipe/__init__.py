"""`gitexp recipe`: recipes and components to read about. One file a command, imported when it is used."""

from __future__ import annotations

from gitexp.cli.table import CommandTable

COMMANDS = {
    "card": "Show a recipe and its components as a page",
    "list": "List the recipes and components that there are, or that would fit",
}

command = CommandTable(
    "recipe",
    table=COMMANDS,
    package="gitexp.cli.commands.recipe",
    help="Recipes and components to read about.\n\nA component's card is a TOML table beside its module: what it takes "
    "and gives, in which contract version, whose it is, what it is good for. Nothing is imported to read it.",
)
