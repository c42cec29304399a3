"""The recorded environment in the place of the present one: planned, made by uv, and entered by a rerun's program.

Packages that were installed from the code itself come from the new working tree, and gitexp is the one that runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import gitexp
from gitexp import runfolder
from gitexp.errors import Refused
from gitexp.git.objectreader import ObjectReader
from gitexp.pipelines.surroundings import (
    PLACES,
    USUAL,
    Asked,
    Surroundings,
    differences,
    harmless,
    looked_at,
    recorded_variables,
    told,
    within,
)
from gitexp.record.requirements import is_package, load_requirements, requirements
from gitexp.stages.ask import machine
from gitexp.stages.rebuild import Environment, build, planned
from gitexp.stages.suffice import lacking
from gitexp.stages.train import link_in
from gitexp.text.schema import escaped
from gitexp.worker.interpreter import looks_like_python


def aimed(asked: Asked, *, beside: Path, lock: int) -> Surroundings:
    """The recorded environment: what it takes to have it here, and what of it cannot be had. Raises Refused.

    One that was made before is entered at once. `beside`: the run's folder, and its lock.
    """
    run = asked.run
    interpreter = (run.environment or {}).get("interpreter")
    known = [interpreter.get(key) for key in ("implementation", "version")] if isinstance(interpreter, Mapping) else []
    python = [word for word in known if isinstance(word, str) and re.fullmatch(r"[a-z0-9.]{1,20}", word)]
    if len(python) != 2 or python[0] not in ("cpython", "pypy") or not run.packages_recorded:
        raise Refused(
            f"The record of {run.commit[:10]} does not say with which Python and packages it computed",
            fix="leave out --env: then the present environment computes",
        )
    if run.packages_of is not None:
        text = requirements({"probed": "of two runs", "result": run.environment})
    else:
        with ObjectReader(asked.home) as reader:
            text = (reader.read(f"{run.commit}:requirements.txt") or b"").decode("utf-8", "replace")
    wanted = load_requirements(text)
    environment = planned(asked.home, wanted, implementation=python[0], version=python[1])
    paths, gone = _path_of(asked)
    own = _in_code(asked)
    lacking_here = [said for name, said in wanted.lacking.items() if name not in (*own, "gitexp")]
    lines = [told("env" if at == 0 else "", line) for at, line in enumerate(environment.lines)]
    lines += [
        told("", f"{name} comes from the code ({escaped(one.source)}), without its commands")
        for name, one in own.items()
    ]
    if "gitexp" in (run.environment or {}).get("packages", {}):
        lines.append(told("", f"gitexp is the one that runs here, {gitexp.__version__}"))
    lines += [told("lacking", escaped(one)) for one in (*gone, *wanted.remarks, *lacking_here)]
    env = _variables(asked, environment, paths)
    around = Surroundings(asked.argv, env, tuple(lines), environment=environment)
    if not around.is_to_be_made:
        return entered(around, asked, beside=beside, lock=lock)
    start, told_it = harmless(asked, env)
    here = machine(env=start, cwd=asked.cwd, variables=asked.variables, withheld=told_it)
    needs = tuple(lacking(run, here))
    lines += [line for line in differences(run, here, packages=False) if line.split()[0] == "differs"]
    lines += [told("warning", need.words) for need in needs if not need.must]
    argv = (_program_in(environment.folder, asked.argv[0], env), *asked.argv[1:])
    return around._replace(argv=argv, lines=tuple(lines), needs=needs)


def entered(around: Surroundings, asked: Asked, *, beside: Path, lock: int) -> Surroundings:
    """With the recorded environment made, where it is not, and asked. Raises Refused.

    `beside`: the run's folder, and its lock.
    """
    assert around.environment is not None
    build(around.environment, beside=beside, lock=lock)
    env, folder = {**around.env, **_installed(asked, beside, around.env.get("PYTHONPATH"))}, around.environment.folder
    argv = (_program_in(folder, asked.argv[0], env), *asked.argv[1:])
    found, lines = looked_at(asked._replace(argv=argv), env)
    return Surroundings(argv, env, tuple(dict.fromkeys([*around.lines, *lines])), found[0], found[1])


def _variables(asked: Asked, environment: Environment, paths: Sequence[str]) -> dict[str, str | None]:
    """Exactly the recorded ones: of those that are usual and that the run did not have, none."""
    recorded, tables = recorded_variables(asked.run), asked.run.environment or {}
    usual = [(table, words.split()) for table, words in USUAL.items() if table in tables]
    names = {name for _, words in usual for name in words if not name.endswith(PLACES)} - asked.env.keys()
    path = os.pathsep.join([str(environment.folder / "bin"), os.environ.get("PATH", os.defpath)])
    place = {"PATH": path, "VIRTUAL_ENV": str(environment.folder), "PYTHONHOME": None}
    given = {name: recorded.get(name) for name in sorted(names) if name in recorded or name in os.environ}
    return {**place, **given, "PYTHONPATH": os.pathsep.join(paths) or None}


def _program_in(folder: Path, name: str, env: Mapping[str, str | None]) -> str:
    """What the command is started with: of the environment, else as PATH has it."""
    base = os.path.basename(name)  # noqa: PTH119 -- of another machine
    if looks_like_python(name):
        return str(folder / "bin" / "python")
    return shutil.which(base, path=env["PATH"]) or name


def _path_of(asked: Asked) -> tuple[list[str], list[str]]:
    """What of the recorded PYTHONPATH is here, its places in the code in the new working tree; and what is not."""
    root, interpreter = asked.tree.root, (asked.run.environment or {}).get("interpreter")
    stated = interpreter.get("pythonpath") if isinstance(interpreter, Mapping) else None
    places = [root / str(entry) for entry in stated] if isinstance(stated, list) else []
    here = [within(str(place), root) or (asked.own and place.is_dir()) for place in places]
    away = [str(place) for place, there in zip(places, here, strict=True) if not there]
    return (
        [os.path.normpath(place) for place, there in zip(places, here, strict=True) if there],
        [f"{place}, which PYTHONPATH had" for place in away],
    )


def _installed(asked: Asked, beside: Path, path: str | None) -> dict[str, str]:
    """Packages of the code itself, and gitexp, as if they were installed: importable, and known by name and version.

    Metadata and a link to the gitexp that runs lie in a folder of the run, the only place that goes with it.
    """
    packages, own = (asked.run.environment or {}).get("packages", {}), _in_code(asked)
    if "gitexp" in packages:
        lib = link_in(beside)
        package = (lib / "gitexp").resolve()
        for about in package.parent.glob("gitexp-*.dist-info"):
            if not (lib / about.name).exists():
                (lib / about.name).symlink_to(about)
    else:
        lib = beside / runfolder.LIB
        lib.mkdir(exist_ok=True)
    for name, place in own.items():
        about = lib / f"{name.replace('-', '_')}-{packages[name]['version']}.dist-info"
        about.mkdir(exist_ok=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {packages[name]['version']}\n"
        (about / "METADATA").write_text(text, encoding="utf-8")
        url = {"url": (asked.tree.root / place.project).as_uri(), "dir_info": {"editable": place.editable}}
        (about / "direct_url.json").write_text(json.dumps(url), encoding="utf-8")
    recorded = path.split(os.pathsep) if path else []
    sources = dict.fromkeys(str(asked.tree.root / place.source) for place in own.values())
    added = [one for one in sources if one not in recorded]
    given = [str(lib), *recorded, *added]
    return {"PYTHONPATH": os.pathsep.join(given), "GITEXP_PATH": os.pathsep.join(added), "GITEXP_FOLDER": str(beside)}


class _Place(NamedTuple):
    """Where a package of the code has its project, and what is imported; both as seen from the root."""

    project: str
    source: str
    editable: bool


def _in_code(asked: Asked) -> dict[str, _Place]:
    """The packages that were installed from the code itself, with names and versions as such are."""
    packages, base = (asked.run.environment or {}).get("packages"), asked.run.record and asked.run.record.root
    found = {}
    for name, stated in packages.items() if base and isinstance(packages, Mapping) else ():
        path = (stated.get("editable") or stated.get("path")) if isinstance(stated, Mapping) else None
        inside = isinstance(path, str) and f"{os.path.normpath(path)}/".startswith(f"{base}/")
        if inside and name != "gitexp" and is_package(name, stated.get("version")):
            place = os.path.relpath(str(path), base)
            source = os.path.normpath(os.path.join(place, "src"))  # noqa: PTH118 -- as text
            there = (asked.tree.root / source).is_dir()
            found[name] = _Place(place, source if there else place, "editable" in stated)
    return found
