"""The files and keys of a record with their types: the tables of docs/format.md, sections 3, 4, 6 and 9."""

from __future__ import annotations

from datetime import datetime
from typing import Any

ALWAYS = {
    "README.md",
    "run.toml",
    "recipe.toml",
    "data.toml",
    "metrics.toml",
    "history.csv",
    "environment.toml",
    "requirements.txt",
    "FORMAT.md",
    "artifacts.xxh128",
    "output.log",
}

STRINGS = list
RUN_KEYS: dict[str, Any] = {
    "format": int,
    "id": str,
    "attempt": int,
    "kind": str,
    "status": str,
    "exit_code": int,
    "signal": str,
    "stopped_by": str,
    "error": str,
    "started": datetime,
    "finished": datetime,
    "finished_is_last_sign": bool,
    "duration_s": float,
    "peak_memory_bytes": int,
    "peak_memory_processes": int,
    "argv": STRINGS,
    "cwd": str,
    "root": str,
    "recipe": str,
    "recipe_path": str,
    "seed": int,
    "user": str,
    "host": str,
    "message": str,
    "job": str,
    "defects": STRINGS,
    "notes": STRINGS,
    "reproduces": str,
    "code": dict,
    "resources": dict,
    "digests": dict,
    "splits": dict,
    "history": dict,
    "items": dict,
    "summary": dict,
    "seen": list,
    "gitexp": dict,
    "artifacts": dict,
    "recorded_by": str,
    "variables": dict,
    "imported": dict,
    "mixture": dict,
}
MIXTURE_KEYS = {
    **dict.fromkeys(("of", "code", "recipe", "environment"), str),
    **dict.fromkeys(("keys", "packages", "set"), STRINGS),
    "data": dict,
    "seed": int,
}
IMPORTED_ALWAYS = {"README.md", "FORMAT.md", "run.toml", "recipe.toml", "metrics.toml", "history.csv"}
IMPORTED_KEYS = {
    **dict.fromkeys(("tool", "store", "id", "name", "status", "url", "commit", "times"), str),
    "artifacts": STRINGS,
    "tags": dict,
}
REQUIRED = {
    "format",
    "id",
    "attempt",
    "kind",
    "status",
    "started",
    "finished",
    "argv",
    "cwd",
    "recipe",
    "code",
}
CODE_KEYS: dict[str, Any] = {
    "clean": bool,
    "commit": str,
    "subject": str,
    "branch": str,
    "remote": str,
    "changed": STRINGS,
    "changed_count": int,
    "edited": STRINGS,
    "edited_count": int,
    "submodules": STRINGS,
    "lfs": STRINGS,
    "license": str,
}
RESOURCE_KEYS: dict[str, Any] = {
    "cpus_asked": int,
    "cpus": int,
    "memory_asked": str,
    "memory_bytes": int,
    "gpus_asked": int,
    "gpus": int,
    "processes": int,
}
GITEXP_KEYS: dict[str, Any] = {"version": str, "commit": str, "changed": bool, "url": str}
ARTIFACTS_KEYS: dict[str, Any] = {"files": int, "size_bytes": int, "sha256": str}
ITEMS_KEYS: dict[str, Any] = {"examples": int, "digest": str}
HISTORY_KEYS: dict[str, Any] = {"rows": int, "kept": int, "digest": str}
SUMMARY_KEYS: dict[str, Any] = {"by": str, "goal": str, "row": int, "step": int}
DATA_KEYS: dict[str, Any] = {
    "path": str,
    "url": str,
    "kind": str,
    "digest": str,
    "files": int,
    "size_bytes": int,
}
ENVIRONMENT_KEYS: dict[str, Any] = {
    "probed": str,
    "how": str,
    "reason": str,
    "doubt": str,
    "launcher": dict,
    "others": list,
    "interpreter": dict,
    "packages": dict,
    "cuda": str,
    "hip": str,
    "system": dict,
    "cpu": dict,
    "memory_bytes": int,
    "memory_limit_bytes": int,
    "gpus": list,
    "driver": str,
    "container": dict,
    "threads": dict,
    "flags": dict,
    "locale": dict,
    "indexes": dict,
    "variables": dict,
    "training": dict,
}
