"""`[reproducibility]` as settings of torch, and what results depend on as facts for the record.

bitwise: only deterministic algorithms; two runs on one machine give the same bytes.
seeded: seeds are set, and algorithms are free. off: nothing is set, not even the seeds of global generators; only the
order of rows still follows from the seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

BITWISE, SEEDED, OFF = "bitwise", "seeded", "off"
CUBLAS_WORKSPACE = ":4096:8"  # one of the two settings under which cuBLAS promises the same bits


def set_up(level: str, *, threads: int | None) -> None:
    """Apply a level; before anything runs on a device. `threads`: of one process; None: torch's own choice."""
    if threads is not None:
        torch.set_num_threads(threads)
    if level != BITWISE:
        return
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = CUBLAS_WORKSPACE  # read when cuBLAS starts, which is later
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


@contextmanager
def any_algorithm() -> Iterator[None]:
    """Let a block run whatever it likes, since it only looks at shapes."""
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def facts(level: str, *, device: torch.device) -> dict[str, Any]:
    """What results depend on besides code, recipe and data."""
    known: dict[str, Any] = {
        "level": level,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": device.type,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "torch": str(torch.__version__),
    }
    if device.type == "cuda":
        known |= {
            "device_name": torch.cuda.get_device_name(device),
            "device_capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
            "tf32": bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
        }
    return known


def choose_device(name: str, *, local_rank: int = 0) -> torch.device:
    """The device that `[train] device` means: "auto" is a GPU where there is one. Raises ValueError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ValueError(f'device must be "auto", "cpu" or "cuda", got {name!r}')
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError('device = "cuda", but torch finds no GPU here; "auto" takes one where there is one')
    return torch.device("cuda", local_rank)
