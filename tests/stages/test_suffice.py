"""What a record says that a run needs, held against a machine."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Lab
from records import run_toml, write_run

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import find_repo
from gitexp.history.read import read_run
from gitexp.stages.suffice import lacking

GPU = {"model": "NVIDIA H100", "memory_bytes": 80 * 2**30}
HERE: dict[str, Any] = {
    "system": {"os": "Linux"},
    "cpu": {"cores": 4},
    "memory_bytes": 16 * 2**30,
    "gpus": [],
    "container": {"kind": "none"},
}
CONTAINER = '[container]\nkind = "docker"\nimage = "lab/torch:2"\ndigest = "unknown"\n'
USED = "time_s,cpu_s,processes,memory_bytes,read_bytes,written_bytes,gpu0_percent,gpu0_memory_bytes\n"


def needs(lab: Lab, *, environment: str = "", more: str = "", usage: str = "", **here: Any) -> list[tuple[str, bool]]:
    """What is lacking, and whether it must be here."""
    text = run_toml("k" * 16, finished="2026-11-20T10:00:00Z", recipe="r", status="completed")
    files: dict[str, str | bytes | None] = {"environment.toml": environment, "run.toml": text + more}
    commit = write_run(lab, "k" * 16, files={**files, **({"usage.csv": usage} if usage else {})})
    with ObjectReader(find_repo(lab.path)) as reader:
        return [need[:2] for need in lacking(read_run(reader, commit), {**HERE, **here})]


def test_what_the_record_does_not_say_is_no_need(lab: Lab) -> None:
    assert needs(lab) == []
    assert needs(lab, environment='gpus = [{ model = "NVIDIA H100" }]\n[container]\nkind = "docker"\n') == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"more": "[resources]\ngpus_asked = 2\n"}, "its recipe asks for 2 GPUs, and there is none here"),
        ({"environment": '[training]\ndevice = "cuda:0"\n'}, "it trained on 1 GPU (cuda:0), and there is none here"),
        (
            {"usage": USED + "2,1,1,1,1,1,87,9\n4,2,1,1,1,1,80,9\n"},
            "1 GPU was busy while it ran, and there is none here",
        ),
        ({"environment": '[system]\nos = "Darwin"\n'}, "it ran on Darwin, and this is Linux"),
        ({"environment": CONTAINER}, "it ran in the container lab/torch:2, and this is another, or none"),
    ],
)
def test_what_must_be_here(lab: Lab, said: dict[str, str], words: str) -> None:
    assert needs(lab, **said) == [(words, True)]


def test_a_training_on_the_cpu_needs_no_gpu(lab: Lab) -> None:
    assert needs(lab, environment='[training]\ndevice = "cpu"\n') == []


def test_gpus_that_are_here_are_enough(lab: Lab) -> None:
    assert needs(lab, environment='[training]\ndevice = "cuda"\nworld_size = 2\n', gpus=[GPU, GPU]) == []
    found = needs(lab, environment='[training]\ndevice = "cuda"\nworld_size = 2\n', gpus=[GPU])
    assert found == [("it trained on 2 GPUs (cuda), and there is 1 GPU here", True)]


def test_gpus_that_nobody_can_count_are_not_said_to_be_missing(lab: Lab) -> None:
    assert needs(lab, more="[resources]\ngpus_asked = 2\n", gpus="unknown") == []


def test_less_memory_and_fewer_cores_may_still_do(lab: Lab) -> None:
    asked = '[resources]\nmemory_asked = "64GiB"\ncpus_asked = 8\nprocesses = 2\n'
    assert needs(lab, more=asked) == [
        ("its recipe asks for 8 CPUs, and 4 may be used here", False),
        ("its recipe asks for 64.0 GiB of memory, and this machine has 16.0 GiB", False),
    ]
