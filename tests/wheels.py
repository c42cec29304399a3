"""Small wheels and virtual environments, made here: nothing is fetched."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from harness import Lab


def wheel(folder: Path, name: str, version: str, *, command: str = "", **modules: str) -> Path:
    """A wheel with these modules, by name. `command`: that it installs, as `name = module:function`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    files = {f"{module}.py": text for module, text in modules.items()}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if command:
        files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{command}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"]))
    return path


def venv(folder: Path) -> Path:
    """An environment with nothing in it; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def install(python: Path, *args: str, find: Path | None = None) -> None:
    """With pip, the real one, from a folder or from nothing."""
    found = ["--find-links", str(find)] if find else []
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", *found, *args], check=True)


def develop(python: Path, lab: Lab) -> None:
    """Install the code of a lab in development mode, by the setuptools of these tests."""
    site = next(entry for entry in sys.path if entry.endswith("site-packages"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    how = ("--no-index", "--no-deps", "--no-build-isolation", "-e", str(lab.path))
    subprocess.run([*pip, "install", *how], check=True, env={**lab.env, "PYTHONPATH": site})


def offline(wheels: Path) -> dict[str, str]:
    """Variables by which uv has these wheels, and nothing else."""
    return {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(wheels.parent / "cache")}


def within(lab: Lab, python: Path, **variables: str) -> Lab:
    """The same person, with another environment activated."""
    return Lab(lab.path, {**lab.env, "PATH": f"{python.parent}:{lab.env['PATH']}", **variables})
