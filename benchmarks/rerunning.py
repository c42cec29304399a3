"""What `gitexp rerun` adds to a program, beside the same made bare: `git worktree add`, `uv venv`, `uv pip install`.

With `--env` from uv's warm cache: made anew each time, as the bare one is, and kept from the time before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from ratios import Row, pair
from world import Bench, on_a_terminal, quiet

PACKAGES, MODULES = 60, 250  # some 15,000 files: torch and what it needs
BUDGET = 1.3
BARE = "worktree, uv venv, uv pip install"


def rerun_rows(bench: Bench, gitexp: str, python: str) -> Iterator[Row]:
    """Nothing where uv is not on PATH."""
    if shutil.which("uv", path=bench.env["PATH"]) is None:
        return
    lab, wheels = bench.lab(0), bench.root / "wheels"
    names = [_wheel(wheels, f"package{number}") for number in range(PACKAGES)]
    uv = {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(bench.root / "uv")}
    env, turns = {**bench.env, **uv}, count()
    requirements = bench.root / "requirements.txt"
    requirements.write_text("".join(f"{name}==1.0\n" for name in names))

    def made(folder: Path) -> float:
        taken = quiet(["uv", "venv", "-q", "--no-project", "--python", python, str(folder)], cwd=bench.root, env=env)
        install = ["uv", "pip", "install", "-q", "--no-deps", "--python", str(folder / "bin" / "python"), "-r"]
        return taken + quiet([*install, str(requirements)], cwd=bench.root, env=env)

    def bare() -> float:
        folder = bench.root / f"bare-{next(turns)}"
        tree = quiet(["git", "worktree", "add", "-q", "--detach", str(folder), "HEAD"], cwd=lab, env=env)
        taken = tree + made(folder.with_suffix(".venv"))
        subprocess.run(["git", "worktree", "remove", "-f", str(folder)], cwd=lab, env=env, check=True)
        return taken

    made(bench.root / "original")
    within = {**env, "PATH": f"{bench.root}/original/bin:{env['PATH']}"}
    program = ["python", "program.py"]
    done = subprocess.run(
        [gitexp, "run", "--json", "--", *program], cwd=lab, env=within, check=True, capture_output=True
    )
    run = json.loads(done.stdout)["run"]["id"]

    def ours(*options: str, kept: bool = True) -> Callable[[], float]:
        def go() -> float:
            if not kept:
                shutil.rmtree(lab / ".git" / "gitexp" / "environments", ignore_errors=True)
            alone = on_a_terminal(program, cwd=lab, env=within)
            return on_a_terminal([gitexp, "rerun", *options, run], cwd=lab, env=within) - alone

        return go

    yield pair("rerun adds", BARE, BUDGET, ours(), bare)
    yield pair("rerun --env adds, made anew", BARE, BUDGET, ours("--env", kept=False), bare)
    yield pair("rerun --env adds, kept", BARE, BUDGET, ours("--env"), bare)


def _wheel(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.0.dist-info"
    files = {f"{name}/module{number}.py": f"VALUE = {number}\n" * 100 for number in range(MODULES)}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return name
