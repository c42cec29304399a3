"""Start a worker on this machine, in a session of its own, that survives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# Held back while the worker starts, which lets them in once it can pass them on: none of them is lost or kills it.
HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


class LocalWorker(NamedTuple):
    """A process beside us, and both ends of the talk with it: a Worker (see protocol.py)."""

    process: subprocess.Popen[bytes]
    reader: int
    writer: int

    def tell(self, number: int) -> None:
        """Pass on a signal."""
        try:
            os.kill(self.process.pid, number)  # not waited for yet, so the id is nobody else's
        except ProcessLookupError:
            pass

    def wait(self) -> None:
        """Return once it has ended."""
        self.process.wait()


def start(folder: str, *, stdin: int | None) -> LocalWorker:
    """Start the worker of a run folder whose job.json is there. `stdin` is what the program inherits; None: nothing."""
    main = str(Path(__file__).parent.parent / "worker" / "main.py")
    reader, worker_writes = os.pipe()
    worker_reads, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", main, folder, str(worker_reads), str(worker_writes)],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(worker_reads, worker_writes),
            start_new_session=True,
            # So that its child is known for the run's before it has become the program.
            env={**os.environ, "GITEXP_RUN_ID": Path(folder).name},
        )
    except BaseException:
        os.close(reader)
        os.close(writer)
        raise
    finally:
        os.close(worker_reads)
        os.close(worker_writes)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return LocalWorker(process, reader, writer)
