"""The reader of the format sees what is wrong with a record: a judge that finds nothing proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab

SCRIPT = """\
echo '{"step": 1, "loss": 0.5}' >> "$GITEXP_METRICS"
echo x > "$GITEXP_OUTPUT/y"
echo hello
"""


def forge(lab: Lab, name: str, old: str, new: str) -> None:
    """Make the latest run one in which a file of the record, or the message, says something else."""
    commit = lab.git("cat-file", "commit", "experiments")
    if name == "message":
        commit = commit.replace(old, new, 1)
    else:
        blob = lab.git(
            "hash-object", "-w", "--stdin", feed=lab.show(f"experiments:{name}").replace(old, new, 1)
        ).strip()
        was = lab.git("rev-parse", f"experiments:{name}").strip()
        tree = lab.git("mktree", feed=lab.git("ls-tree", "experiments").replace(was, blob)).strip()
        commit = commit.replace(lab.git("rev-parse", "experiments^{tree}").strip(), tree)
    forged = lab.git("hash-object", "-t", "commit", "-w", "--stdin", feed=commit).strip()
    lab.git("update-ref", "refs/heads/experiments", forged)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("run.toml", 'status = "completed"', 'status = "done"', "status is done"),
        ("run.toml", "format = 1", "format = 1\ncolour = 3", "colour is not in docs/format.md"),
        ("run.toml", "exit_code = 0", "exit_code = 1", "completed, but not by exiting with 0"),
        ("run.toml", "+00:00", "+01:00", "is not in UTC"),
        ("history.csv", "1,", "2,", "is not what [history] digest says"),
        ("metrics.toml", "0.5", "0.25", "loss is 0.25, by the history 0.5"),
        ("artifacts.xxh128", "  ", " ", "is no line of a manifest"),
        ("artifacts.xxh128", "y", "../y", "is no path below the dataset's folder"),
        ("data.toml", "files = 1", "files = 2", "2 files, but the manifest has 1"),
        ("output.log", "\n", "\n" * 70_000, "bytes and 0 marks"),
        ("message", "Gitexp-Status: completed", "Gitexp-Status: failed", "differ from run.toml"),
        ("message", "author Ada", "encoding Latin-1\nauthor Ada", "has an encoding header"),
    ],
)
def test_the_reader_sees_what_is_wrong(lab: Lab, name: str, old: str, new: str, words: str) -> None:
    lab.write("small.sh", SCRIPT)
    lab.write("recipes/small.toml", '[run]\ncommand = ["sh", "small.sh"]\n[data]\nreadme = "README"\n')
    lab.commit("a recipe")
    assert lab.gitexp("run", "small").exit_code == 0
    assert breaches(lab.path) == []
    forge(lab, name, old, new)
    assert words in "\n".join(breaches(lab.path))


def test_the_reader_is_no_part_of_gitexp() -> None:
    sources = [
        Path(__file__).with_name(name).read_text() for name in ("reader.py", "keys.py", "manifests.py", "history.py")
    ]
    assert [source for source in sources if "import gitexp" in source or "from gitexp" in source] == []
