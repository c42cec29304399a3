"""How the files beside this were made: by the writer of neptune-exporter (its source on PYTHONPATH), to a folder given.

The server is gone that the rest of the exporter asks, so the values are ours; the schema, names and parts are its own.
"""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from neptune_exporter.model import SCHEMA
from neptune_exporter.storage.parquet_writer import ParquetWriter

BEGAN = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)


def batch(run: str, rows: list[dict[str, object]]) -> pa.RecordBatch:
    whole = [{"project_id": "lab/digits", "run_id": run, **row} for row in rows]
    return pa.RecordBatch.from_pylist(whole, schema=SCHEMA)


def value(path: str, kind: str, one: object) -> dict[str, object]:
    return {"attribute_path": path, "attribute_type": kind, f"{kind}_value": one}


def series(path: str, values: list[float]) -> list[dict[str, object]]:
    return [
        {
            "attribute_path": path,
            "attribute_type": "float_series",
            "step": Decimal(10 * n),
            "timestamp": BEGAN + timedelta(seconds=n + 1),
            "float_value": one,
        }
        for n, one in enumerate(values)
    ]


writer = ParquetWriter(Path(sys.argv[1]), target_part_size_bytes=1)
for run, failed, trashed in (("DIG-1", False, False), ("DIG-2", True, False), ("DIG-3", False, True)):
    with writer.run_writer("lab/digits", run) as file:
        said = [
            value("sys/id", "string", run),
            value("sys/name", "string", f"name of {run}"),
            value("sys/creation_time", "datetime", BEGAN),
            value("sys/failed", "bool", failed),
            value("sys/trashed", "bool", trashed),
            value("sys/owner", "string", "ada"),
            value("sys/hostname", "string", "box"),
            value("sys/tags", "string_set", ["base", "sgd"]),
            value("parameters/lr", "float", 0.1),
            value("parameters/layers", "int", 2),
            value("optimizer", "string", "sgd"),
            value("test/acc", "float", 0.75),
            value("absent", "float", None),
        ]
        said.append({"attribute_path": "model", "attribute_type": "file", "file_value": {"path": "x/model.pt"}})
        file.save(batch(run, said))
        file.save(batch(run, series("train/loss", [0.5, 0.25, 0.125])))
        file.save(batch(run, [*series("val/acc", [0.5, 0.625]), *series("monitoring/cpu", [90.0])]))
