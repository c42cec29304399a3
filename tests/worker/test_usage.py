"""What the worker writes into usage.csv of real programs that burn CPU time, fork, hold memory and write."""

import csv
import os
import sys
import time
from pathlib import Path

import pytest
from jobs import job, run_unattended

from gitexp.worker.disk import Disk
from gitexp.worker.usage import COLUMNS, LIMIT, Usage

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")

BURN = """
import os, time
held = bytearray(200_000_000)
for _ in range(2):
    if os.fork() == 0:
        began = time.process_time()
        while time.process_time() - began < 1:
            pass
        os._exit(0)
with open("written", "wb") as file:
    file.write(os.urandom(30_000_000))
    os.fsync(file.fileno())
for _ in range(2):
    os.wait()
time.sleep(2.5)
"""
# As nvidia-smi answers on a machine with two GPUs, one of which tells nothing of how busy it is.
SMI = """#!/bin/sh
echo "$@" >> "{folder}/asked"
echo "0, 12, 2048"
echo "1, [N/A], 1"
"""


def rows(folder: Path) -> list[dict[str, float | None]]:
    with (folder / "usage.csv").open() as file:
        return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]


def test_a_program_and_its_children_are_measured_together(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", [sys.executable, "-c", BURN])
    assert run_unattended(folder)["problems"] == []
    found = rows(folder)
    assert max(row["memory_bytes"] or 0 for row in found) > 200_000_000
    assert found[0]["processes"] in (1, 2, 3)
    used = found[-1]["cpu_s"]
    assert used is not None and used >= 2
    assert [row["cpu_s"] for row in found] == sorted(row["cpu_s"] for row in found if row["cpu_s"] is not None)
    assert found[-1]["memory_bytes"] is found[-1]["processes"] is None


def test_a_program_of_less_than_two_seconds_has_no_usage(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["true"])
    run_unattended(folder)
    assert not (folder / "usage.csv").exists()


def test_gpus_are_those_that_nvidia_smi_tells_of(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text(SMI.format(folder=tmp_path))
    (tmp_path / "nvidia-smi").chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0,1"}
    folder = job(tmp_path / "run", ["sleep", "3"], env=env)
    assert run_unattended(folder)["problems"] == []
    first = rows(folder)[0]
    assert (first["gpu0_percent"], first["gpu0_memory_bytes"], first["gpu1_memory_bytes"]) == (12, 2 << 30, 1 << 20)
    assert "gpu1_percent" not in first
    assert (tmp_path / "asked").read_text().startswith("--id=0,1 ")


@pytest.mark.parametrize("said", ["exit 9", "echo nonsense", "kill -9 $$", "exec sleep 30"])
def test_an_nvidia_smi_that_fails_or_hangs_costs_nothing_but_the_gpus(tmp_path: Path, said: str) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    folder = job(tmp_path / "run", ["sleep", "2.5"], env=env)
    assert run_unattended(folder)["problems"] == []
    assert [name for name in rows(folder)[0] if name.startswith("gpu")] == []


def test_a_program_that_may_use_no_gpu_has_none(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text(SMI.format(folder=tmp_path))
    (tmp_path / "nvidia-smi").chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "-1"}
    folder = job(tmp_path / "run", ["sleep", "2.5"], env=env)
    run_unattended(folder)
    assert list(rows(folder)[0]) == list(COLUMNS)
    assert not (tmp_path / "asked").exists()


def test_a_folder_that_takes_nothing_costs_the_program_nothing(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sleep", "2.5"])
    (folder / "usage.csv").mkdir()
    (folder / "usage.csv" / "in the way").touch()
    told = run_unattended(folder)
    assert (told["exit_code"], told["problems"]) == (0, [])


def test_a_file_that_is_full_goes_on_with_half_of_its_rows_and_keeps_peaks_and_the_end(tmp_path: Path) -> None:
    began = time.monotonic()
    usage = Usage(Disk(str(tmp_path)), os.getpid(), began=began, env={"CUDA_VISIBLE_DEVICES": ""})
    held = bytearray(100_000_000)
    usage.tick(began)
    peak = rows(tmp_path)[0]["memory_bytes"]
    del held
    for _ in range(700):
        usage.tick(usage.due)
    found = rows(tmp_path)
    assert (tmp_path / "usage.csv").stat().st_size <= LIMIT
    assert 100 < len(found) < 600
    assert max(row["memory_bytes"] or 0 for row in found) >= (peak or 0)
    assert (found[-1]["time_s"] or 0) > 1400
    assert found[-1]["memory_bytes"] is not None


def test_cpu_time_never_falls_when_a_process_goes_that_nobody_waits_for(tmp_path: Path) -> None:
    orphan = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nb = time.process_time()\n"
    orphan += "time.sleep(2.3)\nwhile time.process_time() - b < 0.5: pass\n"
    main = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {orphan!r}])\ntime.sleep(5)\n"
    folder = job(tmp_path / "run", [sys.executable, "-c", main])
    run_unattended(folder)
    cpu = [row["cpu_s"] for row in rows(folder) if row["cpu_s"] is not None]
    assert cpu == sorted(cpu)
