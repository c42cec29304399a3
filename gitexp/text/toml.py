"""TOML to values: by tomli, which is compiled; by the standard library where it is not there.

`gitexp.training` runs in the project's own interpreter, which has torch and need not have our packages.
"""

from __future__ import annotations

try:
    from tomli import TOMLDecodeError as TOMLDecodeError
    from tomli import loads as loads
except ImportError:
    from tomllib import TOMLDecodeError as TOMLDecodeError  # type: ignore[assignment]
    from tomllib import loads as loads
