"""Run folders with a job in them, carried out by the real worker, attended by drive.py or by nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gitexp

MAIN = Path(gitexp.__file__).parent / "worker" / "main.py"
DRIVE = Path(__file__).with_name("drive.py")


def job(folder: Path, argv: list[str], **changes: Any) -> Path:
    """A run folder whose job is to run argv there, with pipes for streams."""
    folder.mkdir(exist_ok=True)
    document = {
        "format": 1,
        "id": "kkkkllllmmmmnnnn",
        "argv": argv,
        "cwd": str(folder),
        "env": {},
        "timeout_s": None,
        "patterns": {},
        "stdin": "inherit",
        "stdout": "pipe",
        "stderr": "pipe",
        "rows": 24,
        "columns": 80,
        "probe": {"variables": []},
    } | changes
    (folder / "job.json").write_text(json.dumps(document))
    return folder


def start_unattended(folder: Path, **popen: Any) -> subprocess.Popen[bytes]:
    """The worker alone, as on a cluster."""
    popen = {"stdin": subprocess.DEVNULL} | popen
    return subprocess.Popen([sys.executable, "-I", "-S", str(MAIN), str(folder)], start_new_session=True, **popen)


def run_unattended(folder: Path, **popen: Any) -> dict[str, Any]:
    """Carry out a job to its end; what outcome.json says."""
    assert start_unattended(folder, **popen).wait(60) == 0, (folder / "worker-error.txt").read_text()
    return outcome(folder)


def outcome(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "outcome.json").read_text())
    assert isinstance(document, dict)
    return document


def environment(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "environment.json").read_text())
    assert isinstance(document, dict)
    return document


def drive(folder: Path, **popen: Any) -> subprocess.CompletedProcess[bytes]:
    """Carry out a job attended by a front without a terminal."""
    return subprocess.run([sys.executable, str(DRIVE), str(folder)], env=environ(), timeout=60, **popen)


def environ(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(MAIN.parents[2]), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "TERM": "xterm", **more}
