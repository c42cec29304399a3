"""The text of a `.dvc` file, which is YAML, to what it names. Every scalar is a text: no md5 passes for a number."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from gitexp.errors import Refused

LARGEST = 1 << 20
_OID = r"[0-9a-f]{32}(?:\.dir)?"


class DvcOut(NamedTuple):
    """What a `.dvc` file names."""

    path: str  # relative to the folder of the file
    md5: str  # 32 hexadecimal digits; of the list of files, for a folder
    is_folder: bool
    size: int | None
    files: int | None
    dos2unix: bool  # before DVC 3, text was hashed with LF for CR LF


class _Wrong(Exception):
    """What is wrong, in words."""


def load_dvc(content: bytes, *, where: str) -> DvcOut:
    """Parse a `.dvc` file. Raises Refused as `where:line: what`, or `where: what`."""
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise Refused(
            f"{where} is YAML, which is read by PyYAML, which is not installed", fix="pip install pyyaml"
        ) from error
    try:
        if len(content) > LARGEST:
            raise _Wrong(f"larger than {LARGEST} bytes")
        return _out(yaml.load(content, Loader=yaml.BaseLoader))
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _refusal(f"{where}{line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(f"{where} is no YAML") from error
    except _Wrong as error:
        raise _refusal(f"{where}: {error}") from error


def _refusal(what: str) -> Refused:
    return Refused(
        what,
        why="gitexp reads .dvc files as `dvc add` writes them.",
        fix="dvc checkout, and name the data itself as the dataset's path",
    )


def _out(table: Any) -> DvcOut:
    outs = table.get("outs") if isinstance(table, dict) else None
    if not isinstance(outs, list) or not all(isinstance(out, dict) for out in outs):
        raise _Wrong("names no outs")
    if len(outs) != 1:
        raise _Wrong(f"names {len(outs)} outs; a dataset is one")
    out = outs[0]
    if cloud := next((key for key in ("files", "version_id") if key in out), None):
        raise _Wrong(f"cloud-versioned data ({cloud}) is not understood")
    if out.get("hash", "md5") != "md5":
        raise _Wrong(f"a hash other than md5: {out['hash']}")
    path, md5 = out.get("path"), out.get("md5")
    if not isinstance(path, str) or not path or "\0" in path:
        raise _Wrong("the out has no path")
    if not isinstance(md5, str) or not re.fullmatch(_OID, md5):
        raise _Wrong("the out has no md5 of 32 hexadecimal digits")
    wdir = table.get("wdir", ".")
    return DvcOut(
        path=path if wdir == "." else f"{wdir}/{path}",
        md5=md5.removesuffix(".dir"),
        is_folder=md5.endswith(".dir"),
        size=_number(out, "size"),
        files=_number(out, "nfiles"),
        dos2unix="hash" not in out,
    )


def _number(out: dict[str, Any], key: str) -> int | None:
    value = out.get(key)
    if not value:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,18}", value):
        raise _Wrong(f"{key} is not a number: {value}")
    return int(value)
