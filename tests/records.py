"""Write run commits with plain git, as another implementation of the format would. Tests of reading start here."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from typing import Any

from harness import Lab

RECIPE = """\
seed = 1

[why]
"optimizer.lr" = "Settles within ten epochs."

[run]
command = ["python", "train.py"]

[metrics.goal]
"val.acc" = "max"

[optimizer]
lr = 0.01
"""

ENVIRONMENT = """\
probed = "python"

[interpreter]
implementation = "CPython"
version = "3.11.2"

[packages]
numpy = "2.1.0"

[cpu]
model = "Example CPU"
cores = 2
"""


def write_run(
    lab: Lab,
    run_id: str,
    *,
    finished: str = "2026-11-20T10:00:00Z",
    recipe: str = "digits",
    status: str = "completed",
    metrics: dict[str, float | int] | None = None,
    code: str | None = None,
    author: str = "Ada <ada@example.org>",
    branch: str = "experiments",
    trailer: str | None = None,
    files: dict[str, str | bytes | None] | None = None,
    **keys: Any,
) -> str:
    """Commit a run on top of a branch and return the commit's id.

    `code` is a tree (default: HEAD's), `keys` go into run.toml, `files` replace files of the record (None: leave out).
    """
    tree = code or lab.git("rev-parse", "HEAD^{tree}").strip()
    record = {
        "run.toml": run_toml(run_id, finished=finished, recipe=recipe, status=status, **keys),
        "recipe.toml": RECIPE,
        "data.toml": "",
        "metrics.toml": metrics_toml(metrics if metrics is not None else {"val.acc": 0.9}),
        "environment.toml": ENVIRONMENT,
        "artifacts.xxh128": "",
        "output.log": "hello\n",
        **(files or {}),
    }
    attempt = f"Gitexp-Attempt: {keys['attempt']}\n" if keys.get("attempt", 1) > 1 else ""
    message = f"{recipe}: {status}\n\nGitexp-Run: {trailer or run_id}\n{attempt}Gitexp-Status: {status}\n"
    return commit_files(lab, record, message=message, finished=finished, author=author, branch=branch, code=tree)


def run_toml(run_id: str, *, finished: str, recipe: str, status: str, **keys: Any) -> str:
    """A run.toml with every key that is required."""
    values = {"format": 1, "id": run_id, "status": status, "recipe": recipe, "argv": ["python", "train.py"], "cwd": "."}
    clean = keys.pop("clean", True)
    code = {"clean": clean, **keys.pop("code_keys", {})}
    mixture = keys.pop("mixture", {})
    values = {"seed": 1, **values, **keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
    lines += [f"mixture.{key} = {json.dumps(value)}" for key, value in mixture.items()]
    lines += [f"started = {finished}", f"finished = {finished}", "[code]"]
    return "\n".join([*lines, *(f"{key} = {json.dumps(value)}" for key, value in code.items())]) + "\n"


def metrics_toml(metrics: dict[str, float | int]) -> str:
    """A metrics.toml."""
    return "".join(f'"{name}" = {value}\n' for name, value in metrics.items())


def commit_files(
    lab: Lab,
    files: dict[str, str | bytes | None],
    *,
    message: str,
    finished: str = "2026-11-20T10:00:00Z",
    author: str = "Ada <ada@example.org>",
    branch: str = "experiments",
    code: str | None = None,
) -> str:
    """Commit exactly these files on top of a branch."""
    seconds = int(datetime.fromisoformat(finished).timestamp())
    stream = [f"commit refs/heads/{branch}\nmark :1\nauthor {author} {seconds} +0000".encode()]
    stream += [f"committer {author} {seconds} +0000".encode(), _data(message.encode())]
    if subprocess.run(
        ["git", "rev-parse", "-q", "--verify", f"refs/heads/{branch}"], cwd=lab.path, env=lab.env, capture_output=True
    ).stdout:
        stream.append(f"from refs/heads/{branch}^0".encode())
    stream.append(b"deleteall")
    for name, content in files.items():
        if content is not None:
            stream += [
                f"M 100644 inline {name}".encode(),
                _data(content if isinstance(content, bytes) else content.encode()),
            ]
    if code is not None:
        stream.append(f"M 040000 {code} code".encode())
    stream += [b"", b"get-mark :1", b""]
    done = subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=lab.path,
        env=lab.env,
        input=b"\n".join(stream),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s" % (len(content), content)
