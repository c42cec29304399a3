"""Put a document, our script and our style into one HTML file that loads nothing.

Its Content-Security-Policy lets run the one script and the one style whose digests it names, and forbids every
request. The document is data inside of a script element that is not executed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from gitexp.report.document import dump

MARK = "<!doctype html>\n<!-- gitexp report 1 -->\n"  # how every page begins: what may be written over
_PAGE = """\
{mark}<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gitexp">
<meta name="referrer" content="no-referrer">{refresh}
<title>{title}</title><link rel="icon" href="data:,">
<style>{style}</style></head>
<body><main id="app"></main><noscript>This page is drawn by a script in it, and scripts are off.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body></html>
"""


def page(found: Mapping[str, Any], *, refresh_s: int | None = None) -> str:
    """The page of a document; one that loads itself anew, where `refresh_s` is given."""
    script, style = _part("report.js"), _part("report.css")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    refresh = f'\n<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s is not None else ""
    return _PAGE.format(
        mark=MARK, policy=policy, refresh=refresh, title=escape(found["title"]), style=style, script=script,
        data=dump(found),
    )  # fmt: skip


@cache
def _part(name: str) -> str:
    return "\n" + files("gitexp.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
