"""Standard streams that are closed, broken or open the wrong way: no traceback, and no word of a bug."""

from __future__ import annotations

import pytest
from harness import GITEXP, Lab

COMMANDS = [
    "log",
    "show",
    "status --json",
    "diff latest latest~1",
    "data list",
    "check nope",
    "--help",
    "run r",
    "frob",
]


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "1</dev/null", "2</dev/null"])
def test_no_command_minds_a_stream_that_is_not_there(lab: Lab, streams: str) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n')
    lab.commit()
    lab.gitexp("run", "r")
    lab.gitexp("run", "r")
    for words in COMMANDS:
        done = lab.command("bash", "-c", f"{GITEXP} {words} {streams}")
        assert done.exit_code == (3 if "nope" in words else 2 if words == "frob" else 0), (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_ends_a_command_as_quietly_as_git(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    for words in ("log", "show", "show nope", "frob"):
        done = lab.command("bash", "-c", f"{{ {GITEXP} {words} 2>&1; echo $? > rc; }} | true; cat rc")
        assert done.stderr == ""
        assert int(done.stdout) in (0, 1, 2, 141)
