"""settings.toml: what programs said they were told, as TOML can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.record.identity import visible
from gitexp.secretnames import redact_values


def dump_settings(settings: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The text of settings.toml, without values that their keys give away. What TOML cannot hold is text."""
    import tomli_w

    tables = {
        visible(name): {visible(key): _setting(value) for key, value in one.items()} for name, one in settings.items()
    }
    return tomli_w.dumps(redact_values(tables)).encode()


def _setting(value: Any) -> Any:
    """A value as TOML can hold it, whatever a program left in a file or a database."""
    if isinstance(value, list):
        return [_setting(one) for one in value if one is not None]
    if isinstance(value, float | bool) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 4096 else f"{value:#x}"  # more digits Python does not write
    return visible(value.decode(errors="backslashreplace") if isinstance(value, bytes) else value)
