"""`gitexp data`: datasets by name and by content. One file a command, imported when it is used."""

from __future__ import annotations

from gitexp.cli.table import CommandTable

COMMANDS = {
    "list": "List the datasets of the catalogue, and how each stands",
    "show": "Show one dataset: what it is, where it is, whose it is",
    "pin": "Write the digest of what is there into the catalogue",
    "history": "List the versions of a dataset, since when, and their runs",
    "runs": "List the runs that used these bytes",
    "lineage": "Draw what a dataset was made of, back to its sources",
    "check": "Check a dataset against its contract",
    "describe": "Describe a dataset, and write a first contract for it",
    "save": "Put a dataset's bytes into the object store",
    "push": "Send bytes to a remote",
    "pull": "Bring datasets to where the catalogue says they lie",
    "get": "Bring back bytes by their digest",
    "gc": "Say which stored bytes no run needs, and remove them",
}

command = CommandTable(
    "data",
    table=COMMANDS,
    package="gitexp.cli.commands.data",
    help="Datasets by name and by content.\n\nA dataset is named in the catalogue, [datasets.NAME] in gitexp.toml. "
    "Its digest is that of its manifest, so it does not depend on where the data lies.",
)
