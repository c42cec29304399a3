"""Parquet to pieces of typed values, by pyarrow. Nested structures become dotted fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gitexp.errors import Refused
from gitexp.tables.rows.readers.pieces import PIECE_CELLS, PIECE_ROWS, Damaged, Fault, Head, Items, Options, Piece

_DTYPES = {"halffloat": "float16", "float": "float32", "double": "float64", "string": "text", "large_string": "text"}
_CODES: dict[str, Any] = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q", "float": "f",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "double": "d",
}  # fmt: skip


def read(path: Path, options: Options) -> Items:
    """The columns of a file."""
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise Refused("Parquet files are read by pyarrow, which is not installed", fix="pip install pyarrow") from error
    try:
        with parquet.ParquetFile(path) as table:
            empty = _flat(table.schema_arrow.empty_table())
            names = tuple(empty.column_names)
            yield Head(
                names, {field.name: dtype_of(field.type) for field in empty.schema}, rows=table.metadata.num_rows
            )
            for name, times in Counter(names).items():
                if times > 1:
                    yield Fault("header", f"{times} columns have this name; only the first is read", column=name)
            wanted = None if options.fields is None else [name for name in names if name in options.fields]
            rows = max(1, min(PIECE_ROWS * 4, PIECE_CELLS // max(len(names), 1)))
            size, at = path.stat().st_size, 0
            for batch in table.iter_batches(batch_size=rows, columns=wanted):
                flat = _flat(arrow.Table.from_batches([batch]))
                columns: dict[str, Sequence[Any]] = {}
                for name, column in zip(flat.column_names, flat.columns, strict=True):
                    if name not in columns:
                        columns[name] = values_of(arrow, column)
                options.moved(size * batch.num_rows // max(table.metadata.num_rows, 1))
                yield Piece(columns, range(at, at + batch.num_rows), None, batch.num_rows)
                at += batch.num_rows
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise Damaged(f"cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error


def dtype_of(kind: Any) -> str:
    """A type of Arrow in the contract's words; what they have no word for, in Arrow's."""
    name = str(kind)
    if name.startswith("dictionary<values="):
        name = name.removeprefix("dictionary<values=").partition(",")[0]
    if name.startswith(("timestamp", "date")):
        return "date"
    return "float64" if name.startswith("decimal") else _DTYPES.get(name, name)


def values_of(arrow: Any, column: Any) -> Sequence[Any]:
    """A column as Python values, None where it has none."""
    kind = str(column.type)
    if kind.startswith("timestamp"):  # Python's times have no nanoseconds
        return list(column.cast(arrow.timestamp("us", column.type.tz), safe=False).to_pylist())
    if kind in _CODES and column.null_count == 0:
        values: list[Any] = []
        for part in column.chunks:  # five times as fast as asking for each value
            data = part.buffers()[1]
            if data is not None:
                values += memoryview(data).cast("B").cast(_CODES[kind])[part.offset : part.offset + len(part)].tolist()
        return values
    return list(column.to_pylist())


def _flat(table: Any) -> Any:
    while any(str(kind).startswith("struct<") for kind in table.schema.types):
        table = table.flatten()
    return table
