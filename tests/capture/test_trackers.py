"""MLflow's stores and W&B's file: the runs that are this run's, their steps and settings."""

from __future__ import annotations

import math
import sqlite3
import zlib
from pathlib import Path

from taken import SAMPLES, flat, rows_of

from gitexp.capture.kinds import kind_of
from gitexp.capture.reading import sources
from gitexp.capture.source import Source
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Row

FIRST, SECOND = "1fee126124754dfc879d0725543b24ac", "b7df9e8b53d547439d08f790e28dbf82"
WANDB = SAMPLES / "wandb" / "offline-run-20260101_000000-aaaaaaaa" / "run-aaaaaaaa.wandb"


def sources_of(path: Path, *, since: float | None = None) -> list[Source]:
    kind = kind_of(path.as_posix())
    assert kind is not None
    return sources(kind, path, since=since)


def rows_in(source: Source, reader: Reader | None = None) -> list[Row]:
    return [row for block in source.blocks(reader or Reader("store")) for row in block.rows()]


def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as made:
        made.executescript((SAMPLES / "mlflow" / "mlflow.sql").read_text())
    made.close()
    return path


def test_each_run_of_a_database_is_a_training_of_its_own(tmp_path: Path) -> None:
    first, second = sources_of(database(tmp_path))
    assert (first.label, second.label) == (FIRST, SECOND)
    assert [flat(row) for row in rows_in(first)] == [
        (0, {"train/loss": 0.1}),
        (1, {"train/loss": 0.05}),
        (2, {"train/loss": 0.1 / 3}),
        (None, {"acc": 0.5}),  # MLflow has 0 where the program gave no step
    ]
    assert math.isnan(rows_in(second)[3].values["acc"])
    assert (first.settings(Reader("store")), second.settings(Reader("store"))) == (
        {"lr": "0.1", "name": "mlp"},
        {"lr": "0.2", "name": "mlp"},
    )


def test_runs_from_before_are_not_ours_but_what_was_added_to_them_is(tmp_path: Path) -> None:
    path = database(tmp_path)
    began = 1796003493.36  # between the two
    assert [source.label for source in sources_of(path, since=began)] == [SECOND]
    with sqlite3.connect(path) as made:
        made.execute("INSERT INTO metrics VALUES ('train/loss', 0.01, 1796003494000, ?, 3, 0)", (FIRST,))
    made.close()
    first, _ = sources_of(path, since=began)
    assert first.label == FIRST
    assert [flat(row) for row in rows_in(first)] == [(3, {"train/loss": 0.01})]


def test_what_its_writer_has_only_in_its_journal_is_read_too(tmp_path: Path) -> None:
    path = database(tmp_path)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("INSERT INTO metrics VALUES ('late', 1e999, 1796003494000, ?, 0, 0)", (FIRST,))
    writer.commit()
    first, _ = sources_of(path)
    assert flat(rows_in(first)[-1]) == (None, {"acc": 0.5, "late": math.inf})
    writer.close()


def test_a_file_of_that_name_that_is_no_database_of_mlflows_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    for content in (b"no database at all " * 100, b""):
        path.write_bytes(content)
        (source,) = sources_of(path)
        reader = Reader("mlflow.db")
        assert rows_in(source, reader) == []
        assert len(reader.problems()) == 1
        assert reader.problems()[0].startswith("mlflow.db: cannot be read as MLflow's: ")
    path.unlink()
    damaged = database(tmp_path).read_bytes().replace(b'"step"', b'"\xb5tep"').replace(b"step", b"\xb5tep")
    path.write_bytes(damaged)
    assert [row for source in sources_of(path) for row in rows_in(source)] == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mlflow.db"]


def test_a_folder_of_mlflows_is_read_from_its_description() -> None:
    meta = SAMPLES / "mlflow" / "mlruns" / "1" / "7a75a2d12c7a43609ddde4a37f5bd07f" / "meta.yaml"
    (source,) = sources_of(meta)
    assert [flat(row) for row in rows_in(source)] == [
        (0, {"train/loss": 0.1}),
        (1, {"train/loss": 0.05}),
        (2, {"train/loss": 0.1 / 3}),
        (None, {"acc": 0.5}),
    ]
    assert source.settings(Reader("store")) == {"lr": "0.1", "name": "mlp"}
    (later,) = sources_of(meta, since=1796003480.886)
    assert [flat(row) for row in rows_in(later)] == [(2, {"train/loss": 0.1 / 3}), (None, {"acc": 0.5})]


def test_lines_that_are_not_mlflows_are_named(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "1" / ("a" * 32)
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("start_time: 1\n")
    lines = ["17 0.5 -2", "18 0.25 3 data 0a1b", f"{'9' * 5000} 1 1", "19 1 --5", "20 x 1", "21 0.1"]
    (run / "metrics" / "loss").write_text("\n".join(lines) + "\n")
    (source,) = sources_of(run / "meta.yaml")
    reader = Reader("store")
    assert [flat(row) for row in rows_in(source, reader)] == [
        (-2, {"loss": 0.5}),
        (3, {"loss": 0.25}),
        (0, {"loss": 0.1}),
    ]
    assert reader.problems() == tuple(f"store: metrics/loss: line {number} is not MLflow's" for number in (3, 4, 5))


def test_links_in_a_store_are_not_followed(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "1" / ("a" * 32)
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("start_time: 1\n")
    (tmp_path / "secret").write_text("1 5.0 1\n")
    (run / "metrics" / "loss").symlink_to(tmp_path / "secret")
    (run / "params").symlink_to(tmp_path)
    (source,) = sources_of(run / "meta.yaml")
    assert rows_in(source) == []
    assert source.settings(Reader("store")) is None


def test_wandb_has_history_summary_and_configuration() -> None:
    reader = Reader("wandb")
    rows = rows_of(WANDB, reader=reader)
    assert [flat(row) for row in rows[:3]] == [
        (0, {"nested.a": 0, "train/loss": 1}),
        (1, {"nested.a": 1, "train/loss": 0.5}),
        (2, {"nested.a": 2, "train/loss": 1 / 3}),
    ]
    assert rows[3].step == 10
    assert list(rows[3].values) == ["much", "none", "val"]
    assert math.isinf(rows[3].values["much"])
    assert math.isnan(rows[3].values["none"])
    assert flat(rows[4]) == (None, {"best": 0.25})
    assert (reader.problems(), reader.notes) == ((), [])
    (source,) = sources_of(WANDB)
    assert source.settings(Reader("store")) == {"lr": 0.1, "model.name": "mlp", "model.layers": 2, "late": 7}


def test_wandb_killed_or_damaged_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = WANDB.read_bytes()
    folder = tmp_path / "wandb" / "run-x"
    folder.mkdir(parents=True)
    path = folder / "run-x.wandb"
    path.write_bytes(whole[: len(whole) // 2])
    reader = Reader("x")
    assert rows_of(path, reader=reader)[0].step == 0
    assert reader.problems() == ()
    assert reader.notes == ["x: the last record is not whole, so it was left out (was the program killed?)"]
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    path.write_bytes(damaged)
    reader = Reader("x")
    rows_of(path, reader=reader)
    assert "is damaged at byte" in reader.problems()[0]
    path.write_bytes(b"no such file")
    reader = Reader("x")
    assert rows_of(path, reader=reader) == []
    assert reader.problems() == ("x: is no file of W&B's",)


def test_wandb_over_many_blocks_loses_no_record(tmp_path: Path) -> None:
    """Records that are cut at the end of a block, written as LevelDB does."""
    folder = tmp_path / "wandb" / "run-x"
    folder.mkdir(parents=True)
    path = folder / "run-x.wandb"
    path.write_bytes(log_of([history(step, 40_000 if step % 7 == 0 else step) for step in range(300)]))
    reader = Reader("x")
    rows = rows_of(path, reader=reader)
    assert reader.problems() == ()
    assert [flat(row) for row in rows] == [(step, {"loss": step / 2}) for step in range(300)]


def history(step: int, padding: int) -> bytes:
    def field(number: int, data: bytes) -> bytes:
        out, key, left = b"", number << 3 | 2, len(data)
        for value in (key, left):
            while value >= 0x80:
                out, value = out + bytes((value & 0x7F | 0x80,)), value >> 7
            out += bytes((value,))
        return out + data

    items = {"loss": step / 2, "_step": step, "text": "x" * padding}
    return field(2, b"".join(field(1, field(2, k.encode()) + field(16, _json(v))) for k, v in items.items()))


def _json(value: object) -> bytes:
    return (f'"{value}"' if isinstance(value, str) else repr(value)).encode()


def log_of(records: list[bytes]) -> bytes:
    out = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        first = True
        while first or record:
            room = 32768 - len(out) % 32768
            if room < 7:
                out += bytes(room)
                continue
            piece, record = record[: room - 7], record[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not record]
            out += zlib.crc32(piece, zlib.crc32(bytes((kind,)))).to_bytes(4, "little")
            out += len(piece).to_bytes(2, "little") + bytes((kind,)) + piece
            first = False
    return bytes(out)
