"""A bug of gitexp's own ends with a report that can be sent as it stands."""

from __future__ import annotations

from harness import Lab

BROKEN = """
import gitexp.cli.commands.status as status
def broken(*args, **kwargs):
    raise KeyError("a value: hunter2hunter2")
status.command.callback = broken
"""


def test_a_bug_is_reported_with_versions_command_and_traceback_and_without_secrets(lab: Lab) -> None:
    site = lab.write("../broken/sitecustomize.py", BROKEN).parent
    theirs = Lab(lab.path, lab.env | {"PYTHONPATH": str(site), "LAB_PASSWORD": "hunter2hunter2"})
    result = theirs.gitexp("status", "--json")
    first, versions, command, *traceback = result.stderr.splitlines()
    assert result.exit_code == 70
    assert first == "error: this is a bug in gitexp; please report it with the lines below, which you may read first"
    assert versions.startswith("gitexp 0.1.0, Python 3.") and ", git version " in versions
    assert command == "$ gitexp status --json"
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1] == "KeyError: 'a value: [redacted:variable]'"
