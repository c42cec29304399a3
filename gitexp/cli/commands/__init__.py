"""One file for each command, each with a click command named `command`; `cli/main.py` has the table."""
