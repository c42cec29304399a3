"""Records in which a key has a value of another type than the format says: log, show and diff go on, in text and JSON.

The pages are made in this process from whole records of which one value was replaced: for each key of each file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from harness import Gitexp, Lab
from records import write_run

from gitexp.cli.changewords import changes_in_words
from gitexp.cli.diffpage import diff_page
from gitexp.cli.recipesummary import summary_table
from gitexp.cli.render import Screen
from gitexp.cli.runpage import run_page
from gitexp.cli.shapes import csv_table, diff_document, document, run_shape, unreadable_shape, whole_run_shape
from gitexp.datasets.place import Place
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, find_repo
from gitexp.history.compare import compare
from gitexp.history.read import Run
from gitexp.history.rowof import RunCommit, read_row
from gitexp.record.runrecord import NewerFormat

A, B, C = "kkkkllllmmmmnnnn", "llllkkkkmmmmnnnn", "mmmmkkkkmmmmnnnn"

WHOLE = {
    "run.toml": """\
format = 1
id = "kkkkllllmmmmnnnn"
attempt = 2
kind = "run"
status = "failed"
exit_code = 1
signal = "SIGKILL"
stopped_by = "SIGINT"
error = "no"
started = 2026-11-20T10:00:00Z
finished = 2026-11-20T10:00:00Z
finished_is_last_sign = true
duration_s = 1.5
peak_memory_bytes = 1000
argv = ["python", "train.py"]
cwd = "."
recipe = "digits"
recipe_path = "recipes/digits.toml"
seed = 1
user = "ada"
host = "lab"
message = "a try"
job = "slurm:1"
defects = ["data changed"]
reproduces = "kkkkllllmmmmoooo"
[code]
clean = false
commit = "sha1:0000000000000000000000000000000000000000"
subject = "x"
branch = "main"
remote = "https://example.org/x"
changed = ["a.py"]
changed_count = 1
edited = ["a.py"]
edited_count = 1
[resources]
cpus_asked = 1
cpus = 2
memory_asked = "16GB"
memory_bytes = 1000
gpus_asked = 0
gpus = 0
processes = 1
[digests]
weights = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
[history]
rows = 3
kept = 2
digest = "xxh128:00000000000000000000000000000000"
""",
    "recipe.toml": """\
seed = 1
[about]
summary = "x"
[why]
"optimizer.lr" = "settles"
[run]
command = ["python", "train.py"]
timeout = "1h"
[data]
digits = "./data"
[metrics]
files = ["log.csv"]
goal = { "val.acc" = "max" }
summary = { "val.acc" = "best" }
output = { loss = "loss (.*)" }
[space]
"optimizer.lr" = { low = 0.1, high = 1.0, log = true }
[resources]
cpus = 1
[optimizer]
use = "torch.optim:SGD"
lr = 0.01
""",
    "data.toml": """\
[digits]
entry = "digits"
path = "data"
url = "https://example.org"
kind = "data"
digest = "xxh128:00000000000000000000000000000000"
key = "00000000"
sha256 = "sha256:00"
files = 1
size_bytes = 10
source = "x"
license = "CC0"
owner = "ada"
access = "open"
tags = ["a"]
fetched = "2026-01-01"
resolved = "https://example.org/x"
version = "1"
mirror = "https://example.org"
fetched_bytes = 0
contract = "xxh128:00000000000000000000000000000000"
[digits.counts]
rows = 3
"label=1" = 2
[digits.split.train]
fraction = 0.5
seed = 1
stratify = "label"
rows = 2
digest = "xxh128:00000000000000000000000000000000"
[digits.sampling.few]
of = "train"
count = 1
[digits.lineage]
recipe = "x"
command = ["x"]
run = "kkkkllllmmmmoooo"
stale = ["raw"]
parents = { raw = "xxh128:00000000000000000000000000000000" }
""",
    "environment.toml": """\
probed = "/usr/bin/python"
how = "argv"
reason = "x"
cuda = "12.1"
hip = "none"
memory_bytes = 1000
memory_limit_bytes = 1000
driver = "550"
gpus = [{ model = "H100", uuid = "GPU-1", memory_bytes = 1000 }]
[interpreter]
implementation = "CPython"
version = "3.11.2"
executable = "/usr/bin/python"
prefix = "/usr"
pythonpath = ["src"]
[packages]
numpy = "2.1.0"
mine = { version = "1.0", editable = "/src", vcs = "git", commit = "0", changed = true, subdirectory = "x" }
[system]
os = "Linux"
kernel = "6"
[cpu]
model = "x"
cores = 2
capability = ["avx2"]
quota = 1.5
[container]
kind = "docker"
digest = "sha256:00"
image = "x"
[training]
level = "bitwise"
deterministic = true
threads = 1
device = "cpu"
steps = 10
fit_s = 1.5
[threads]
OMP_NUM_THREADS = "1"
[flags]
CUBLAS_WORKSPACE_CONFIG = ":4096:8"
[variables]
X = "1"
""",
    "metrics.toml": '"val.acc" = 0.9\nloss = 0.5\n',
}

HUGE = "0x" + "f" * 5000  # which Python reads, and can neither print nor make a float of
WRONG: dict[str, Any] = {
    "true": True,
    "an integer": -3,
    "an integer beyond a double": "@HUGE@",
    "inf": float("inf"),
    "nan": float("nan"),
    "empty": "",
    "text": "a\x1b[31m\u202eb\nc" + "x" * 3000,
    "an array of all": [1, "a", [2.5], {"b": [True]}, date(1979, 5, 27)],
    "a table": {"a": 1, "": {"\n": "\x07"}},
    "the first second": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    "the last local second": datetime(9999, 12, 31, 23, 59, 59),
    "a time": time(7, 32),
}


def keys(table: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key, and every element of an array, of the file."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from keys(value, (*path, key))


def replaced(name: str, path: tuple[Any, ...], value: Any) -> bytes:
    table = tomllib.loads(WHOLE[name])
    inner: Any = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return tomli_w.dumps(table).replace('"@HUGE@"', HUGE).encode()


def strict(document: str) -> None:
    """JSON as other readers want it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    json.loads(document, parse_constant=refuse)


@pytest.mark.parametrize("name", WHOLE)
def test_a_value_of_a_wrong_type_anywhere_in_a_record_breaks_no_command(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(fresh.path)
    commit = write_run(fresh, A, files=dict(WHOLE))
    repo, code = find_repo(fresh.path), fresh.git("rev-parse", "HEAD^{tree}").strip()
    whole = {file: text.encode() for file, text in WHOLE.items()}
    with ObjectReader(repo) as reader:
        good = Run(
            commit, b"author A <a@x> 1 +0000\n\nx", {**dict.fromkeys(whole, "0"), "code": code}, whole, no_blocks
        )
        tree = {**dict.fromkeys(whole, "1"), "code": code}
        # Each key meets two or three of the twelve, its neighbour others: all of them take a minute, and find no more.
        for path, kind in list(product(keys(tomllib.loads(WHOLE[name])), WRONG))[::5]:
            parts = {**whole, name: replaced(name, path, WRONG[kind])}
            try:
                print_all(repo, reader, good, tree, parts)
            except NewerFormat:
                assert path == ("format",)
            except Exception as error:
                error.add_note(f"{name}: {path} is {kind}")
                raise


def no_blocks(name: str) -> Iterator[bytes]:
    yield from ()


def print_all(repo: Repo, reader: ObjectReader, good: Run, tree: dict[str, str], parts: dict[str, bytes]) -> None:
    """What log, show and diff print of a record with these files, and of it beside a good one."""
    bad, on = (
        Run(good.commit, b"author B <b@x> 1 +0000\n\nx", tree, parts, no_blocks),
        Screen(width=80, height=None, colour=False),
    )
    row = read_row(
        RunCommit(bad.commit, 1, 1, "B", A), {name: part for name, part in parts.items() if part is not None}
    )
    strict(document(runs=[unreadable_shape(row) if row.problem else run_shape(bad, row)]))
    strict(document(run=whole_run_shape(bad, row)))
    csv_table([row])
    summary_table([row], on=on, now=0.0)
    changes_in_words(good, bad, whole_keys=False)
    place = Place(Path("/"), Path("/nowhere"), {})
    run_page(bad, row, good, goals={}, place=place, printed=None, on=on, now=0.0)
    for a, b in ((good, bad), (bad, good)):
        comparison = compare(repo, reader, a, b=b, goals={})
        diff_page(a, b, comparison, rows=(row, row), said={}, place=place, on=on)
        strict(diff_document(run_shape(a, row), run_shape(b, row), comparison, place=place))


def test_a_key_of_a_million_letters_makes_no_table_wide(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"recipe.toml": "x = 1\n"})
    write_run(fresh, B, files={"recipe.toml": f'x = 1\n"{"n" * 1_000_000}" = 1\n'}, finished="2026-11-21T10:00:00Z")
    listed = gitexp("log")
    assert (listed.exit_code, "nnnn… none→1" in listed.stdout) == (0, True)
    assert len(listed.stdout) < 2000


def test_what_changed_is_told_against_the_run_before_on_the_remote_that_is_listed(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, branch="theirs")
    write_run(fresh, B, branch="theirs", finished="2026-11-21T10:00:00Z")
    fresh.git("update-ref", "refs/remotes/lab/experiments", "theirs")
    fresh.git("branch", "-D", "theirs")
    write_run(fresh, C)
    listed = gitexp("log", "--remote", "lab").stdout.splitlines()
    assert ("same inputs" in listed[1], "first" in listed[2]) == (True, True)
