"""What the probe said as environment.toml, and two such environments as their differences.

`document` is the worker's environment.json: {"probed", "how", "result", "error"}, and where there is something to tell
"launcher", "others" and "doubt"; `environment` is environment.toml read back. Both were written by somebody else's
Python: nothing in them is taken to have the right type.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.record.identity import as_plain

UNKNOWN = "unknown"
UNKNOWN_HARDWARE = "unknown hardware"
DOUBT = "another interpreter may have computed: processes ended before they were looked at"

Pair = tuple[Any, Any]


def dump_environment(
    document: Mapping[str, Any], *, training: Mapping[str, Any] | None = None, root: str = "", cwd: str = "."
) -> str:
    """The text of environment.toml. `probed` names the interpreter that answered; "unknown" where none did.

    `training`: what gitexp's own training program said that its results depend on. `root`, `cwd`: as run.toml has them.
    """
    import tomli_w

    result = in_code(table_of(document, "result"), root=root, cwd=cwd)
    probed, error = document.get("probed"), document.get("error")
    head: dict[str, Any] = {"probed": probed if isinstance(probed, str) else UNKNOWN}
    if isinstance(probed, str):
        head["how"] = document.get("how")
    if error or not isinstance(probed, str):
        seen = "no Python or R was seen among the program's processes"
        silence = seen if document else "the worker ended before it could ask"
        head["reason"] = error if isinstance(error, str) else silence
    known = {"training": training} if training else {}
    return tomli_w.dumps(as_plain(sound({**head, **result, **_beside(document), **head, **known})))


def in_code(environment: Mapping[str, Any], *, root: str, cwd: str) -> Mapping[str, Any]:
    """With the entries of PYTHONPATH that lie in the code as seen from its root, whatever the working tree."""
    interpreter, base = table_of(environment, "interpreter"), os.path.normpath(root)
    entries = interpreter.get("pythonpath")
    if not root or not isinstance(entries, list):
        return environment
    whole = [os.path.normpath(os.path.join(root, cwd, str(entry))) for entry in entries]  # noqa: PTH118 -- as text
    seen = [os.path.relpath(one, base) if f"{one}/".startswith(f"{base}/") else one for one in whole]
    return {**environment, "interpreter": {**interpreter, "pythonpath": seen}}


def doubts(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What a run's notes say of its environment."""
    return (f"environment: {DOUBT}",) if document.get("doubt") and document.get("probed") else ()


def _beside(document: Mapping[str, Any]) -> dict[str, Any]:
    """The interpreters that did not compute: the one that started it all, and others."""
    found: dict[str, Any] = {"doubt": DOUBT} if document.get("doubt") else {}
    others = document.get("others")
    if isinstance(others, list):
        found["others"] = [_told(other) for other in others if isinstance(other, Mapping)]
    launcher = table_of(document, "launcher")
    if launcher:
        packages = {key: launcher[key] for key in ("packages",) if key in launcher}
        found["launcher"] = {**_told(launcher), "how": launcher.get("how"), **packages}
    return found


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    interpreter = table_of(about, "interpreter")
    return {"path": about.get("path"), **{key: interpreter.get(key) for key in ("implementation", "version")}}


def sound(value: Any) -> Any:
    """The value as TOML can hold it: no null, no integer that other readers refuse."""
    if isinstance(value, Mapping):
        return {str(as_plain(str(k))): sound(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [sound(v) for v in value if v is not None]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def commit_of(about: Mapping[str, Any]) -> str:
    if about.get("commit", UNKNOWN) == UNKNOWN:
        return ""
    return f" at {about['commit']}{', with changes' if about.get('changed') else ''}"


def environment_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Pair]]:
    """What differs between two environments: group → fact → (in a, in b), None where a side has nothing.

    Places (where the interpreter and its packages lie, which of several equal GPUs it was) are no differences.
    """
    both = zip(_facts(a), _facts(b), strict=True)
    groups = {name: _pairs(old, new) for (name, old), (_, new) in both}
    counts = [_package_count(environment) for environment in (a, b)]
    if UNKNOWN in counts:  # then a line for each package of the other side would say nothing
        groups["packages"] = _pairs({"(all)": counts[0]}, {"(all)": counts[1]})
    for name in {*table_of(a, "variables"), *table_of(b, "variables")} & {*groups["flags"]}:
        old, new = groups["flags"][name]  # which are asked for beside the usual ones, each place says itself
        groups["flags"][name] = UNKNOWN if old is None else old, UNKNOWN if new is None else new
    return {name: pairs for name, pairs in groups.items() if pairs}


def _package_count(environment: Mapping[str, Any]) -> str:
    packages = environment.get("packages")
    return f"{len(packages)} packages" if isinstance(packages, Mapping) else UNKNOWN


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Pair]:
    names = sorted({*old, *new})
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _facts(environment: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    interpreter = table_of(environment, "interpreter")
    named = ("implementation", "version", "pythonpath", "blas", "lapack")
    kept = {key: _shown(interpreter[key]) for key in named if key in interpreter}
    yield "interpreter", kept or {"version": UNKNOWN}
    launcher = table_of(environment, "launcher")
    version = {"version": _shown(launcher.get("version", UNKNOWN))} if launcher else {}
    yield "launcher", {**version, **{str(k): _package(stated) for k, stated in table_of(launcher, "packages").items()}}
    yield "packages", {str(name): _package(stated) for name, stated in table_of(environment, "packages").items()}
    cpu = {f"cpu {key}": _shown(value) for key, value in table_of(environment, "cpu").items()}
    others = {key: _shown(environment[key]) for key in ("driver", "cuda", "hip") if key in environment}
    yield "hardware", {**cpu, "gpus": _gpus(environment) or None, "memory": _memory(environment), **others}
    container = {f"container {key}": _shown(value) for key, value in table_of(environment, "container").items()}
    yield "system", {**{key: _shown(value) for key, value in table_of(environment, "system").items()}, **container}
    flags = {name: table_of(environment, name) for name in ("threads", "flags", "variables")}
    yield "flags", {str(key): _flag(str(key), value) for table in flags.values() for key, value in table.items()}
    yield "training", _training(environment)


# Of [training]: what was measured. Two runs on one machine differ in it, and nothing follows from that.
_MEASURED = ("steps", "epochs", "rows", "peak_memory_bytes")
_HARDWARE = {
    "device_name": "accelerators",
    "device": "devices",
    "cpu_capability": "CPU capabilities",
    "threads": "numbers of threads",
    "world_size": "numbers of processes",
}


def lines_but_measures(text: str) -> list[str]:
    """environment.toml without what was measured: where two are the same, they need not be parsed to know it."""
    kept, within = [], False
    for line in text.split("\n"):
        within = line == "[training]" if line.startswith("[") else within
        key = line.partition(" ")[0]
        if not (within and (key in _MEASURED or key.endswith("_s"))):
            kept.append(line)
    return kept


def _training(environment: Mapping[str, Any]) -> dict[str, Any]:
    facts = table_of(environment, "training").items()
    return {str(key): _shown(value) for key, value in facts if key not in _MEASURED and not str(key).endswith("_s")}


def training_hardware(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What two trainings ran on, where both say so and it differs: what it is, in a, in b."""
    old, new = _training(a), _training(b)
    both = [key for key in _HARDWARE if key in old and key in new and old[key] != new[key]]
    return [(_HARDWARE[key], old[key], new[key]) for key in both]


def _flag(name: str, value: Any) -> Any:
    if name.endswith("_VISIBLE_DEVICES") and isinstance(value, str):
        return f"{len([device for device in value.split(',') if device.strip()])} devices"
    return _shown(value)


def _package(stated: Any) -> str:
    if not isinstance(stated, Mapping):
        return str(stated)
    version = str(stated.get("version", UNKNOWN))
    if "editable" in stated:
        return f"{version} (editable{commit_of(stated)})"
    where = next((str(stated[key]) for key in ("url", "path") if key in stated), UNKNOWN)
    return f"{version} ({where}{'@' if 'commit' in stated else ''}{stated.get('commit', '')})"


def _shown(value: Any) -> Any:
    if isinstance(value, list | Mapping):
        return " ".join(map(str, value)) or None
    return value if isinstance(value, str | int | float) else str(value)


def _memory(environment: Mapping[str, Any]) -> str:
    """To the GiB: what the kernel keeps for itself differs from boot to boot."""
    counts = [environment.get(key) for key in ("memory_bytes", "memory_limit_bytes")]
    known = [count for count in counts if isinstance(count, int)]
    return f"{round(min(known) / 2**30)} GiB" if known else UNKNOWN


def _gpus(environment: Mapping[str, Any]) -> str:
    """ "NVIDIA H100 80GB HBM3 ×2"; empty where there is none."""
    gpus = environment.get("gpus")
    if not isinstance(gpus, list):
        return UNKNOWN if "gpus" in environment else ""
    models = [str(gpu.get("model", UNKNOWN)) if isinstance(gpu, Mapping) else UNKNOWN for gpu in gpus]
    return " + ".join(f"{model} ×{models.count(model)}" for model in dict.fromkeys(models))


def environment_class(environment: Mapping[str, Any]) -> str:
    """The hardware in a few words, equal where runs may be compared: the GPUs, else the processor and its cores."""
    gpus = _gpus(environment)
    if gpus and gpus != UNKNOWN:
        return gpus
    cpu = table_of(environment, "cpu")
    model, cores = str(cpu.get("model", UNKNOWN)), cpu.get("cores")
    if model == UNKNOWN and not isinstance(cores, int):
        return UNKNOWN_HARDWARE
    many = f" · {cores} core{'' if cores == 1 else 's'}" if isinstance(cores, int) else ""
    return ("unknown processor" if model == UNKNOWN else model) + many


def table_of(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
