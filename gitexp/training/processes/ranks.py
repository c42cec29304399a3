"""Several processes as one training: started by torchrun, joined into a group, each knowing its share.

gloo connects processes on CPUs, nccl on GPUs. The first process writes and logs; all train.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from gitexp.training.talk import complain

PATIENCE = timedelta(minutes=10)  # for the slowest rank; one that died is noticed by torchrun, within a second
LAUNCHER = "GITEXP_LAUNCHER"  # its process id, for the processes that it starts
LOST_ANOTHER = 76  # the exit code of a rank that ended because another one did
PR_SET_PDEATHSIG = 1


class Ranks(NamedTuple):
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process logs and writes."""
        return self.rank == 0


def is_rank() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


def end_with_launcher() -> None:
    """Let this process be killed when the one that started it is, on Linux: torchrun puts ranks into sessions of their
    own, where whoever kills the run does not reach them, and two attempts would write into one folder.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[LAUNCHER]):
        os._exit(1)  # it was killed before


@contextmanager
def joined_ranks(device_name: str) -> Iterator[Ranks]:
    """The group that torchrun started this process for; alone, there is none. A rank ends with the block, and at once.

    Nothing is taken apart: while the interpreter does that to a DDP model it waits for gloo's threads, which may wait
    for the interpreter's lock (seen with torch 2.13). Then this rank never ends, nor do those that wait for it.
    """
    if not is_rank():
        yield Ranks()
        return
    exit_code = 1
    try:
        ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"]))
        if device_name == "cuda":
            torch.cuda.set_device(ranks.local_rank)
        _meet("nccl" if device_name == "cuda" else "gloo")
        yield ranks
        exit_code = 0
    except BaseException as error:  # noqa: BLE001 -- said as the interpreter would, were it let
        if isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error)):
            exit_code = LOST_ANOTHER
        else:
            sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


def _meet(backend: str) -> None:
    # torchrun keeps its store over a restart (seen with torch 2.13): without a prefix of their own, processes find the
    # addresses of those that died.
    store, rank, world = next(rendezvous("env://", timeout=PATIENCE))
    attempt = dist.PrefixStore(f"attempt-{os.environ['TORCHELASTIC_RESTART_COUNT']}", store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=world, timeout=PATIENCE)


def gathered(value: Any) -> list[Any]:
    """Every rank's value, in the order of ranks, on every rank. Plain values and CPU tensors."""
    if not (dist.is_available() and dist.is_initialized()):
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def said_by_first(value: Any) -> Any:
    """The first rank's value, on every rank."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def summed(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor added up over all ranks, in place."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


def launch(processes: int, *, max_restarts: int) -> int:
    """Start this program once for each rank, by torchrun, and wait for all. Returns the exit code.

    A rank that dies ends the others, or, while there are restarts left, starts all anew: they go on from the newest
    checkpoint.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # pages about what a line below says
    os.environ[LAUNCHER] = str(os.getpid())
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // processes)))
    arguments = [
        "--standalone",
        f"--nproc-per-node={processes}",
        f"--max-restarts={max_restarts}",
        "-m",
        "gitexp.training",
    ]
    try:
        run.run(run.parse_args(arguments))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        # Those that waited for the one that died, or were ended by torchrun, say nothing about why.
        rank, failure = min(
            error.failures.items(), key=lambda item: item[1].exitcode in (LOST_ANOTHER, -signal.SIGTERM)
        )
        how = failure.signal_name() if failure.exitcode < 0 else f"exit code {failure.exitcode}"
        complain(f"rank {rank} of {processes} died: {how}")
        return 1
    except SignalException as asked:
        signal.signal(asked.sigval, signal.SIG_DFL)
        os.kill(os.getpid(), asked.sigval)
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
