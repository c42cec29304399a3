"""Whatever a text holds, a parser gives its thing or one of the house's own errors, soon; and what we write we read.

By hypothesis, derandomised: the same examples every time. A failure that it found is a plain test beside the parser's.
"""

from __future__ import annotations

import io
import math
import os
import time
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from byhand import message_of
from hostiletexts import LINES, WORDS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from records import ENVIRONMENT, RECIPE

from gitexp.cli.render import safe
from gitexp.errors import GitexpError
from gitexp.history.read import Run, load_record, parse_tree, parts_of
from gitexp.history.where import condition
from gitexp.record.datarecord import DatasetRecord, dump_data, load_data
from gitexp.record.digests import Digest, Oid
from gitexp.record.event import PAYLOADS, Payload, dump_payload, load_payload
from gitexp.record.history import HistoryWriter
from gitexp.record.identity import GRADES, RUN_ID_LETTERS, RunId
from gitexp.record.items import NoItems, dump_items, load_items, logged_items
from gitexp.record.manifest import Entry, dump_manifest, load_sizes, parse_manifest
from gitexp.record.metrics import Row, dump_metrics, load_metrics, metric_name_problem, normal_name
from gitexp.record.pasthistory import past_rows
from gitexp.record.requirements import load_requirements
from gitexp.record.rowblocks import blocks
from gitexp.record.runrecord import Mixture, RunRecord, dump_run, load_run
from gitexp.record.settings import dump_settings
from gitexp.record.usage import load_usage, sound_usage, summed_up
from gitexp.record.verdict import Verdict, dump_verdict, load_verdict
from gitexp.spec.config import load_config
from gitexp.spec.override import not_quite_toml, read_toml, split_override
from gitexp.spec.recipe import dump_recipe
from gitexp.spool import Room, Spool
from gitexp.stages.resolve import resolve_recorded
from gitexp.text.bounded import load_recorded, load_tables, load_toml
from gitexp.text.parameters import parameters

FEW = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", 40)),
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,  # to look further:  FUZZ_EXAMPLES=2000 pytest tests/test_any_text.py
    database=None,
    phases=[Phase.generate],  # no shrinking: it takes minutes
    suppress_health_check=list(HealthCheck),
)
SOON = 1.0  # seconds of CPU for a text of some tens of thousands of letters

CONFIG = load_config("")
RUN = "kkkkllllmmmmnnnn"
RIGHT_RUN = WORDS["run.toml"].replace("ID", RUN).partition("[mixture]")[0]


def keys(kind: str) -> list[str]:
    return {"metric": ["val.acc"], "setting": ["optimizer.lr", "x"]}.get(kind, [])


def recorded(text: str, *typed: str) -> None:
    resolve_recorded(text, name="r", path="r.toml", where="recipe.toml", config=CONFIG, overrides=typed)


def overridden(text: str) -> None:
    key, value = split_override(text)
    read_toml(value or key)
    not_quite_toml(value or key)
    recorded(RECIPE, text)


def header(raw: bytes) -> None:
    run = Run("0" * 40, raw, {}, {}, lambda name: iter(()))
    _ = run.author, run.committed, run.message


def of_bytes(parse: Callable[[bytes], object]) -> Callable[[str], object]:
    return lambda text: parse(text.encode("utf-8", "surrogatepass"))


# name → parser of a text, and a text that is right.
PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "run.toml": (load_run, RIGHT_RUN),
    "run.toml as a record": (load_record, RIGHT_RUN),
    "recipe.toml": (recorded, RECIPE),
    "data.toml": (load_data, WORDS["data.toml"]),
    "environment.toml": (partial(load_tables, where="environment.toml"), ENVIRONMENT),
    "metrics.toml": (load_metrics, WORDS["metrics.toml"]),
    "verdict.toml": (load_verdict, WORDS["verdict.toml"]),
    "settings.toml": (load_recorded, WORDS["settings.toml"]),
    "TOML": (load_toml, WORDS["recipe.toml"]),
    "gitexp.toml": (load_config, '[policy]\ndirty = "allow"\n[remotes.a]\nurl = "s3://b"\n[datasets.d]\npath = "x"\n'),
    "history.csv": (of_bytes(lambda raw: list(past_rows(io.BytesIO(raw)))), "step,time_s,loss\n0,0.5,1\n1,,nan\n"),
    "items.csv": (of_bytes(load_items), LINES["items.csv"]),
    "items.jsonl": (of_bytes(logged_items), '{"": ["a", 1], "acc": [1, 0.5]}\n'),
    "usage.csv": (of_bytes(lambda raw: summed_up(load_usage(raw))), "time_s,cpu_s,processes\n2.0,1.5,2\n4.0,3.0,2\n"),
    "a manifest": (of_bytes(parse_manifest), "1" * 32 + "  a\n\\" + "2" * 32 + "  b\\\\c\n"),
    "artifacts.sizes": (of_bytes(lambda raw: load_sizes([raw], most=1000)), "1" * 32 + "  12\n"),
    "requirements.txt": (load_requirements, "numpy==2.1.0\nx @ git+https://h/x@abc\n# y==1: it is editable\n"),
    "a payload": (of_bytes(partial(load_payload, "note")), 'tree x\n\nnote\n\ntext = "x"\n\nGitexp-Event: note\n'),
    "a commit": (of_bytes(header), f"tree x\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n{message_of(RUN)}"),
    "a tree": (of_bytes(partial(parse_tree, id_bytes=20)), "100644 a\0" + "x" * 20),
    "parts of a manifest": (of_bytes(partial(parts_of, id_bytes=20)), "100644 0\0" + "x" * 20),
    "a condition": (
        partial(condition, keys=keys, now=0.0),
        'val.acc > 0.9 and recipe == "x" or not has(x) and x in (1, 2)',
    ),
    "an override": (overridden, "optimizer.lr = 0.1"),
    "parameters in YAML": (of_bytes(partial(parameters, "params.yaml")), "a: &a {b: 1}\nc: *a\nd:\n  <<: *a\n"),
    "parameters in JSON": (of_bytes(partial(parameters, "params.json")), '{"a": {"b": [1, null, 1e5]}}'),
    "text for a terminal": (safe, "a\x1b[0m"),
}
PIECES = (
    *('"""', "'''", '"', "'", "[", "]", "[[", "{", "}", "{ a = ", "a.", "= ", "#", "\\", "\\ud800", "\\U0010ffff"),
    *("\n", "\r\n", "\0", "\x1b[2J", "\u202e", "\ud800", "\udcff", ",", ";", "\t", "nan", "-inf", "1e999", "9" * 400),
    *("0x" + "f" * 400, "1_0", "\u0663", "\u00b2", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "true"),
    *("07:32:00", "<<: *a", "&a ", "*a ", "- ", "? ", "!!python/object:os.x ", "(", ")", " and ", " not ", "~", ".."),
    *("/", "  ", "%", "$", "{x}", "{{", "=cmd|x", "-9223372036854775809", " in (", "`"),
)
TIMES = st.sampled_from((1, 1, 1, 2, 40, 3000))


@st.composite
def texts(draw: st.DrawFn, right: str) -> str:
    """A right text with pieces put in, taken out, and put in very often; or any text at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.text(max_size=200))
    text = right
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=3), st.just(text[:at][-9:])))
        text = (text[:at] + piece * draw(TIMES) + text[to:])[:60_000]
    return text


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_gives_its_thing_or_the_houses_own_error_and_soon(name: str) -> None:
    parse, right = PARSERS[name]
    parse(right)

    @FEW
    @given(texts(right))
    def try_it(text: str) -> None:
        began = time.process_time()
        try:
            parse(text)
        except (GitexpError, NoItems):
            pass
        except ValueError:
            if parse not in (load_toml, load_recorded):  # which leave it to whoever called what the file is called
                raise
        assert time.process_time() - began < SOON

    try_it()


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
wholes = st.integers(-(2**63), 2**63 - 1)
numbers = st.one_of(wholes, st.floats(allow_nan=False))
run_ids = st.text(RUN_ID_LETTERS, min_size=16, max_size=16).map(RunId)
digits = st.binary(min_size=16, max_size=16).map(bytes.hex)
names = words.filter(lambda name: metric_name_problem(name) is None)
VALUES: dict[Any, Any] = {
    str: words,
    int: wholes,
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)),
    RunId: run_ids,
    Digest: digits.map(Digest.xxh128),
    Oid: st.binary(min_size=20, max_size=20).map(bytes.hex).map(Oid.of),
}
some_digests = st.dictionaries(names, digits.map(lambda one: f"sha256:{one}{one}"), max_size=2)
FIELDS: dict[tuple[type, str], Any] = {  # of which not all that their type allows is right
    (RunRecord, "format"): st.just(1),
    (RunRecord, "digests"): some_digests,
    (RunRecord, "splits"): st.just({}),
    (RunRecord, "seen"): st.just(()),
    (Mixture, "data"): st.dictionaries(words, run_ids, max_size=2),
    (Verdict, "grade"): st.sampled_from(GRADES),
    **dict.fromkeys(((DatasetRecord, name) for name in ("sampling", "split", "lineage")), st.just({})),
}


def any_of(kind: Any) -> Any:
    """A named tuple with anything in its fields: not all of them, where they need not be there."""
    if kind in VALUES:
        return VALUES[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(any_of(args[0]), max_size=2).map(tuple)
    if origin is not None and not args[1:]:
        return any_of(args[0])
    if origin is Mapping or origin is dict:
        return st.dictionaries(words, any_of(args[1]), max_size=2)
    if args:  # a union
        return st.one_of(*(st.none() if one is type(None) else any_of(one) for one in args))
    hints = typing.get_type_hints(kind).items()
    return st.builds(
        kind, **{name: FIELDS[kind, name] if (kind, name) in FIELDS else any_of(hint) for name, hint in hints}
    )


def plain(value: Any) -> Any:
    """Without what is not recorded, and tuples of nothing else."""
    if hasattr(value, "_asdict"):
        found = {name: plain(part) for name, part in value._asdict().items()}
        return {name: part for name, part in found.items() if part not in (None, [], {})}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value


@FEW
@given(any_of(RunRecord))
def test_run_toml_is_read_as_it_was_written(record: RunRecord) -> None:
    assert plain(load_run(dump_run(record))) == plain(record)


@FEW
@given(any_of(Verdict))
def test_verdict_toml_is_read_as_it_was_written(verdict: Verdict) -> None:
    assert plain(load_verdict(dump_verdict(verdict))) == plain(verdict)


@FEW
@given(st.lists(any_of(DatasetRecord), unique_by=lambda one: one.name, max_size=3))
def test_data_toml_is_read_as_it_was_written(records: list[DatasetRecord]) -> None:
    assert plain(load_data(dump_data(records))) == plain({one.name: one for one in records})


@FEW
@given(st.dictionaries(names, numbers))
def test_metrics_toml_is_read_as_it_was_written(metrics: dict[str, float]) -> None:
    assert load_metrics(dump_metrics(metrics)) == metrics


logged = st.dictionaries(st.sampled_from(["loss", 'val,"acc']), numbers, min_size=1)
rows = st.builds(Row, st.one_of(st.none(), wholes), st.one_of(st.none(), st.floats(0, 1e9)), logged)


@FEW
@given(st.lists(rows, max_size=20))
def test_history_csv_is_read_as_it_was_written(some: list[Row]) -> None:
    with TemporaryDirectory() as folder, Room(Path(folder)) as room:
        writer = HistoryWriter(Spool(room))
        for block in blocks(iter(some)):
            writer.add(block)
        text = b"".join(writer.pieces())
    assert [row for _, row in past_rows(io.BytesIO(text))] == some


ids = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
columns = st.dictionaries(ids, st.floats(-1e99, 1e99), min_size=1, max_size=5)


@FEW
@given(st.dictionaries(ids.map(lambda name: normal_name(f"m{name}")), columns, min_size=1, max_size=5))
def test_items_csv_is_read_as_it_was_written(items: dict[str, dict[str, float]]) -> None:
    assert load_items(b"".join(dump_items(items))) == items  # type: ignore[arg-type]


paths = st.binary(min_size=1, max_size=20)


@FEW
@given(st.dictionaries(paths, digits, max_size=10))
def test_a_manifest_is_read_as_it_was_written_or_its_paths_are_refused(files: dict[bytes, str]) -> None:
    entries = [Entry(path, digest) for path, digest in sorted(files.items())]
    try:
        assert parse_manifest(dump_manifest(entries)) == entries
    except GitexpError:
        assert any(b"\0" in path or {b"", b".", b".."} & {*path.split(b"/")} for path in files)


@FEW
@given(st.sampled_from(PAYLOADS), words, st.lists(run_ids, max_size=3))
def test_what_was_said_is_read_as_it_was_written(kind: str, text: str, runs: list[RunId]) -> None:
    said = Payload(text=text.strip(), runs=runs)
    commit = f"tree x\n\nsubject\n\n{dump_payload(kind, said)}\n\nGitexp-Event: {kind}\n".encode()
    assert load_payload(kind, commit) == said


leaves = st.one_of(words, numbers, st.booleans())
tables = st.recursive(
    st.dictionaries(words, leaves, max_size=3),
    lambda inner: st.dictionaries(words, st.one_of(leaves, inner), max_size=3),
)


@FEW
@given(tables)
def test_recipe_toml_and_settings_toml_are_read_as_they_were_written(table: dict[str, Any]) -> None:
    assert load_toml(dump_recipe(table)) == table
    assert load_recorded(dump_settings({"hydra": {"a": 1, "b": "x"}}).decode()) == {"hydra": {"a": 1, "b": "x"}}


@FEW
@given(st.binary(max_size=300).map(lambda raw: b"time_s,cpu_s\n" + raw))
def test_what_is_sound_of_usage_csv_stays_as_it_is(raw: bytes) -> None:
    sound = sound_usage(raw)
    assert sound_usage(sound) == sound
    assert all(field is None or math.isfinite(field) for row in load_usage(sound).rows for field in row)
