"""A picture to one row: its file, its label (the folder that it is in), and by Pillow its size and whether it opens.

Pillow reads the header and checks what the format has checksums for; it does not decode every pixel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from gitexp.errors import Refused
from gitexp.tables.rows.readers.pieces import Damaged

FIELDS = ("file", "label", "width", "height", "channels", "image")
OPENED_FIELDS = frozenset(FIELDS) - {"file", "label"}
_DTYPES = {"1": "bool", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "int32", "F": "float32"}


class Picture(NamedTuple):
    """What `image` is: rows, columns and, where there are several, channels."""

    shape: tuple[int, ...]
    dtype: str


def label_of(relative: str) -> str | None:
    """The name of the folder that a file is in; None at the top."""
    folder = relative.rpartition("/")[0]
    return folder.rpartition("/")[2] or None


def row_of(path: Path, relative: str, *, opened: bool) -> dict[str, Any]:
    """One row. Raises Damaged."""
    row: dict[str, Any] = {"file": relative, "label": label_of(relative)}
    if not path.stat().st_size:
        raise Damaged("is empty")
    if opened:
        picture = open_picture(path)
        height, width = picture.shape[:2]
        channels = picture.shape[2] if len(picture.shape) > 2 else 1
        row |= {"width": width, "height": height, "channels": channels, "image": picture}
    return row


def open_picture(path: Path) -> Picture:
    """Shape and dtype of a picture. Raises Damaged, or Refused without Pillow."""
    import warnings

    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise Refused(
            "Pictures are opened by Pillow, which is not installed",
            why="The contract asks for more of them than their names and labels.",
            fix="pip install pillow",
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pictures that are very large: none is unpacked here
            with Image.open(path) as image:
                mode, size, bands = image.mode, image.size, len(image.getbands())
                image.verify()
    except UnidentifiedImageError as error:
        raise Damaged("is not a picture that Pillow knows") from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Damaged(f"cannot be read as a picture: {' '.join(str(error).split())[:200]}") from error
    shape = (size[1], size[0]) if bands == 1 else (size[1], size[0], bands)
    return Picture(shape, _DTYPES.get(mode, "uint8"))
