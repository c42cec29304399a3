"""Files as splits of rows in memory: the loaders that ship with gitexp. A name that ends in .gz is unpacked.

A loader has `batch_size`, and `splits` by name. Which rows are held out follows from the seed and nothing else.
All raise OSError for a file that cannot be read and ValueError, with file and line, for one that says something else.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor

from gitexp.training.data import Table


def stratified(labels: Sequence[int], fraction: float, *, seed: int) -> tuple[list[int], list[int]]:
    """Row numbers to train on and to hold out: the same fraction of every label, chosen by the seed alone."""
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"a fraction to hold out lies between 0 and 1, got {fraction}")
    shuffler = random.Random(seed)
    train: list[int] = []
    held_out: list[int] = []
    for label in sorted(set(labels)):
        rows = [row for row, found in enumerate(labels) if found == label]
        shuffler.shuffle(rows)
        count = round(fraction * len(rows))
        held_out += rows[:count]
        train += rows[count:]
    return train, held_out


class PixelRows:
    """Small images from CSV without a header; a row is an image's pixels (0 to 255) and its class, whole numbers.

    Pixels go channel by channel, row by row from the top left. Splits `train` and `val` have the fields
    `input`, uint8 of shape [batch, channels, height, width], and `target`, int64 of shape [batch].
    `val_fraction` of each class is held out.
    """

    def __init__(
        self,
        path: str,
        *,
        height: int,
        width: int,
        classes: int,
        batch_size: int,
        seed: int,
        channels: int = 1,
        val_fraction: float = 0.2,
    ) -> None:
        pixels = channels * height * width
        rows: list[list[int]] = []
        for line, cells in _cells(path):
            try:
                row = [int(cell) for cell in cells]
            except ValueError as error:
                raise ValueError(f"{path}:{line}: expected whole numbers: {error}") from None
            if len(row) != pixels + 1:
                raise ValueError(f"{path}:{line}: expected {pixels} pixels and a class, got {len(row)} columns")
            if not 0 <= row[-1] < classes:
                raise ValueError(f"{path}:{line}: classes are 0 to {classes - 1}, got {row[-1]}")
            if not 0 <= min(row[:-1]) <= max(row[:-1]) <= 255:
                raise ValueError(f"{path}:{line}: a pixel lies between 0 and 255")
            rows.append(row)
        labels = [row.pop() for row in rows]
        images = torch.tensor(rows, dtype=torch.uint8).reshape(-1, channels, height, width)
        fields = {"input": images, "target": torch.tensor(labels)}
        self.batch_size = batch_size
        self.splits = _train_and_val(fields, labels, val_fraction, seed)


class TableFile:
    """A table of numbers and categories from CSV with a header, to tell the classes in one of its columns.

    Splits `train` and `val` have the fields `numbers`, float32 of shape [batch, columns] in the order of the argument;
    one for each column of `categories`, under its own name, and `target`: int64 of shape [batch], codes of the words in
    alphabetical order. A cell that says one of `missing` is NaN, or the code -1; in the target's column it is an error.
    `val_fraction` of each class is held out.
    """

    def __init__(
        self,
        path: str,
        *,
        target: str,
        numbers: Sequence[str],
        batch_size: int,
        seed: int,
        categories: Sequence[str] = (),
        missing: Sequence[str] = ("", "NA"),
        val_fraction: float = 0.2,
    ) -> None:
        lines = _cells(path)
        header = next(lines, (1, []))[1]
        for name in (target, *numbers, *categories):
            if name not in header:
                raise ValueError(f"{path}:1: there is no column {name!r}; there are: {', '.join(header)}")
        columns: dict[str, list[str]] = {name: [] for name in header}
        for line, cells in lines:
            if len(cells) != len(header):
                raise ValueError(f"{path}:{line}: expected {len(header)} columns as in the header, got {len(cells)}")
            if cells[header.index(target)] in missing:
                raise ValueError(f"{path}:{line}: the target {target} is missing")
            for name, cell in zip(header, cells, strict=True):
                columns[name].append(cell)
        fields = {"numbers": _numbers(path, columns, numbers, missing)}
        words = {}
        for field, name in {**{name: name for name in categories}, "target": target}.items():
            words[field] = sorted(set(columns[name]) - set(missing))
            codes = {word: code for code, word in enumerate(words[field])}
            fields[field] = torch.tensor([codes.get(word, -1) for word in columns[name]])
        self.batch_size = batch_size
        self.splits = _train_and_val(fields, fields["target"].tolist(), val_fraction, seed, words)


class TextFile:
    """A text of UTF-8 as windows of characters, to tell each next one; the end of the text is held out.

    Splits `train` and `val` have the fields `input` and `target`, int64 of shape [batch, length]: `target` is one
    character further on. Windows begin every `stride` characters (0: every `length`; held-out ones always so).
    Codes are the training part's characters in order of code points; 0 stands for all that it lacks.
    Raises ValueError where they are more than `vocabulary`, and where a part is shorter than a window.
    """

    def __init__(
        self, path: str, *, length: int, vocabulary: int, batch_size: int, stride: int = 0, val_fraction: float = 0.1
    ) -> None:
        with _opened(path) as file:
            text = file.read()
        end = len(text) - round(val_fraction * len(text))
        characters = sorted(set(text[:end]))
        if len(characters) + 1 > vocabulary:
            raise ValueError(f"{path}: {len(characters)} different characters and one for all others do not fit into"
                             f" vocabulary = {vocabulary}")  # fmt: skip
        codes = {character: code for code, character in enumerate(characters, start=1)}
        coded = torch.tensor([codes.get(character, 0) for character in text])
        self.batch_size = batch_size
        self.characters = characters
        self.splits = {
            "train": Table(_windows(path, coded[:end].clone(), length, stride or length)),
            "val": Table(_windows(path, coded[end:].clone(), length, length)),
        }


def _opened(path: str) -> TextIO:
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return Path(path).open(encoding="utf-8", newline="")


def _cells(path: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their line numbers."""
    with _opened(path) as file:
        reader = csv.reader(file)
        for cells in reader:
            if cells:
                yield reader.line_num, cells


def _numbers(path: str, columns: dict[str, list[str]], names: Sequence[str], missing: Sequence[str]) -> Tensor:
    parsed = []
    for name in names:
        try:
            parsed.append([float("nan") if cell in missing else float(cell) for cell in columns[name]])
        except ValueError as error:
            raise ValueError(f"{path}: column {name}: {error}; is it one of the categories?") from None
    return torch.tensor(parsed, dtype=torch.float32).reshape(len(names), -1).T.contiguous()


def _train_and_val(
    fields: dict[str, Tensor],
    labels: Sequence[int],
    fraction: float,
    seed: int,
    names: dict[str, list[str]] | None = None,
) -> dict[str, Table]:
    train, held_out = stratified(labels, fraction, seed=seed)
    whole = Table(fields, names)
    return {
        split: Table(whole.rows(torch.tensor(rows)), names, indices=rows)
        for split, rows in (("train", train), ("val", held_out))
    }


def _windows(path: str, coded: Tensor, length: int, stride: int) -> dict[str, Tensor]:
    if len(coded) <= length:
        raise ValueError(f"{path}: {len(coded)} characters are too few for a window of {length} and the next one")
    return {"input": coded[:-1].unfold(0, length, stride), "target": coded[1:].unfold(0, length, stride)}
