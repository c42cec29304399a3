"""Whether this machine has what a run needs, as far as its record says so. What it does not say is no need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.errors import counted
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.history.read import Run

BUSY_PERCENT = 1.0  # of a GPU, from which on it counts as used: a display costs less
UNKNOWN = "unknown"
MOST_PROCESSES = 4096


class Need(NamedTuple):
    """What is lacking. `must`: without it the program cannot do the same; else it may still do."""

    words: str
    must: bool
    fix: str = ""


def lacking(run: Run, here: Mapping[str, Any]) -> list[Need]:
    """What the run had or asked for and this machine lacks. `here`: this machine, as environment.toml has it."""
    return [
        *_system(run, here),
        *_gpus(run, here),
        *_processors(run, here),
        *_memory(run, here),
        *_container(run, here),
    ]


def _system(run: Run, here: Mapping[str, Any]) -> Iterator[Need]:
    old, new = (_of(one, "system", "os") for one in (run.environment or {}, here))
    if old and new and old != new:
        yield Need(
            f"it ran on {escaped(old)}, and this is {escaped(new)}", True, f"run it on a machine with {escaped(old)}"
        )


def _gpus(run: Run, here: Mapping[str, Any]) -> Iterator[Need]:
    count, how = _gpus_used(run)
    there = here.get("gpus")
    if not count or not isinstance(there, list):
        return
    if len(there) < count:
        have = f"{counted(len(there), 'GPU')} here" if there else "none here"
        fix = "run it where there is one, or let CUDA_VISIBLE_DEVICES name those that it may use"
        yield Need(f"{how}, and there is {have}", True, fix)
        return
    most = max((gpu.memory_bytes or 0 for gpu in run.used.gpus), default=0) if run.used else 0
    room = [gpu.get("memory_bytes") for gpu in there if isinstance(gpu, Mapping)]
    least = min((one for one in room if isinstance(one, int)), default=None)
    if least is not None and most > least:
        yield Need(f"up to {_gib(most)} of a GPU's memory was in use, and a GPU here has {_gib(least)}", False)


def _gpus_used(run: Run) -> tuple[int, str]:
    training, asked = (run.environment or {}).get("training"), run.record.resources.gpus_asked if run.record else None
    device = training.get("device") if isinstance(training, Mapping) else None
    if asked:
        return asked, f"its recipe asks for {counted(asked, 'GPU')}"
    if isinstance(device, str) and device.partition(":")[0] not in ("cpu", ""):
        stated = training.get("world_size") if isinstance(training, Mapping) else None
        many = stated if isinstance(stated, int) and 0 < stated < MOST_PROCESSES else 1
        return many, f"it trained on {counted(many, 'GPU')} ({escaped(device)[:40]})"
    busy = [gpu for gpu in run.used.gpus if (gpu.busy_percent or 0) >= BUSY_PERCENT] if run.used else []
    return len(busy), f"{counted(len(busy), 'GPU')} {'was' if len(busy) == 1 else 'were'} busy while it ran"


def _processors(run: Run, here: Mapping[str, Any]) -> Iterator[Need]:
    resources = run.record.resources if run.record else None
    cores = here.get("cpu", {}).get("cores") if isinstance(here.get("cpu"), Mapping) else None
    if resources is None or not isinstance(cores, int):
        return
    for many, what in ((resources.processes, "runs in {} processes"), (resources.cpus_asked, "asks for {} CPUs")):
        if many is not None and many > cores:
            yield Need(f"its recipe {what.format(many)}, and {cores} may be used here", False)


def _memory(run: Run, here: Mapping[str, Any]) -> Iterator[Need]:
    known = [here.get(key) for key in ("memory_bytes", "memory_limit_bytes")]
    have = min((one for one in known if isinstance(one, int)), default=None)
    if have is None or run.record is None:
        return
    for needed, what in ((run.record.peak_memory_bytes, "it took"), (_asked(run), "its recipe asks for")):
        if needed is not None and needed > have:
            yield Need(f"{what} {_gib(needed)} of memory, and this machine has {_gib(have)}", False)
            return


def _asked(run: Run) -> int | None:
    from gitexp.spec.config import parse_size

    stated = run.record.resources.memory_asked if run.record else None
    try:
        return None if stated is None else parse_size(int(stated) if stated.isdecimal() else stated)
    except ValueError:
        return None


def _container(run: Run, here: Mapping[str, Any]) -> Iterator[Need]:
    """Only one that is named: that a run was in some container says nothing of which would do."""
    for key in ("digest", "image"):
        old, new = (_of(one, "container", key) for one in (run.environment or {}, here))
        if old and old != new:
            image = escaped(_of(run.environment or {}, "container", "image") or old)
            words = f"it ran in the container {image}" + (f" ({escaped(old)})" if image != escaped(old) else "")
            yield Need(f"{words}, and this is another, or none", True, "start that container, and type this in it")
            return


def _of(environment: Mapping[str, Any], table: str, key: str) -> str | None:
    found = environment.get(table)
    value = found.get(key) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) and value != UNKNOWN else None


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
