"""Checkpoints: whole or not there, the last few kept, nothing in them executed; and the states that lie in them."""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import wait_for

torch = pytest.importorskip("torch")

import numpy  # noqa: E402

from gitexp.training.repeating.checkpoint import checkpoints, read_newest, save_whole, write_checkpoint  # noqa: E402
from gitexp.training.repeating.digest import state_digest  # noqa: E402
from gitexp.training.repeating.seeds import derive, fork_all, generator_states, restore_generators, seed_all  # noqa: E402

pytestmark = pytest.mark.torch


def write(folder: Path, *steps: int, keep: int = 2) -> None:
    for step in steps:
        write_checkpoint(folder / "kept", step, {"weights": torch.full((9,), step)}, keep=keep, scratch=folder)


def names(folder: Path) -> list[str]:
    return [path.name for path in checkpoints(folder / "kept")]


def test_the_last_few_are_kept_and_the_newest_is_read(tmp_path: Path):
    write(tmp_path, 3, 20, 100)
    assert names(tmp_path) == ["step-00000020.pt", "step-00000100.pt"]
    state = read_newest(tmp_path / "kept")
    assert state is not None
    assert state["step"] == 100
    assert state["weights"].tolist() == [100] * 9


def test_where_there_is_none_there_is_nothing_to_go_on_from(tmp_path: Path):
    assert read_newest(tmp_path / "kept") is None


@pytest.mark.parametrize("length", [0, 1, 100, 700, 1200])
def test_a_torn_one_is_passed_over_for_the_one_before(tmp_path: Path, length: int, capfd: pytest.CaptureFixture[str]):
    write(tmp_path, 10, 20)
    newest = tmp_path / "kept/step-00000020.pt"
    newest.write_bytes(newest.read_bytes()[:length])
    state = read_newest(tmp_path / "kept")
    assert state is not None
    assert state["step"] == 10
    assert capfd.readouterr().out == "step-00000020.pt cannot be read; going back to the one before it\n"


@pytest.mark.parametrize("content", [b"garbage" * 99, pickle.dumps({"format": 1}, protocol=2), b"PK\3\4" + bytes(999)])
def test_a_file_that_is_no_checkpoint_is_passed_over(tmp_path: Path, content: bytes):
    write(tmp_path, 10)
    (tmp_path / "kept/step-00000020.pt").write_bytes(content)
    state = read_newest(tmp_path / "kept")
    assert state is not None
    assert state["step"] == 10


def test_a_torn_one_of_a_later_step_does_not_push_out_a_good_one(tmp_path: Path):
    write(tmp_path, 10, 20)
    (tmp_path / "kept/step-00000025.pt").write_bytes(b"torn")
    write(tmp_path, 23, keep=1)
    assert names(tmp_path) == ["step-00000023.pt"]


def test_one_of_a_later_format_is_not_passed_over(tmp_path: Path):
    write(tmp_path, 10)
    torch.save({"format": 2}, tmp_path / "kept/step-00000020.pt")
    with pytest.raises(ValueError, match=r"step-00000020\.pt has checkpoint format 2, this gitexp reads 1"):
        read_newest(tmp_path / "kept")


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_what_would_run_when_it_is_unpickled_does_not(tmp_path: Path):
    write(tmp_path, 10)
    torch.save({"format": 1, "step": 20, "weights": Bomb(tmp_path / "exploded")}, tmp_path / "kept/step-00000020.pt")
    state = read_newest(tmp_path / "kept")
    assert state is not None
    assert state["step"] == 10
    assert not (tmp_path / "exploded").exists()
    torch.load(tmp_path / "kept/step-00000020.pt", weights_only=False)  # the bomb is a real one
    assert (tmp_path / "exploded").exists()


WRITER = """
import sys, torch
from pathlib import Path
from gitexp.training.repeating.checkpoint import write_checkpoint
folder, step = Path(sys.argv[1]), 0
while True:
    step += 1
    write_checkpoint(folder / "kept", step, {"weights": torch.full((3_000_000,), step)}, keep=2, scratch=folder)
"""


def test_killed_while_writing_it_leaves_whole_ones_only(tmp_path: Path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    wait_for(lambda: len(names(tmp_path)) >= 2 and (tmp_path / ".half-written").exists())
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    *_, before, newest = checkpoints(tmp_path / "kept")
    for path in (before, newest):
        state = torch.load(path, weights_only=True)
        assert state["weights"].unique().tolist() == [state["step"]]


def test_where_the_disk_takes_no_more_the_error_says_so_and_the_old_ones_stay(tmp_path: Path):
    write(tmp_path, 10, 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*/kept/step-00000030\.pt'"):
            large = {"weights": torch.zeros(100_000)}
            write_checkpoint(tmp_path / "kept", 30, large, keep=1, scratch=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["step-00000010.pt", "step-00000020.pt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


# ---- seeds and states


def test_seeds_of_neighbours_have_nothing_in_common():
    seeds = [derive(seed, "order", epoch) for seed in range(30) for epoch in range(30)]
    assert len(set(seeds)) == 900
    assert derive(1, "order", 0) == 8401410035462850704  # for ever: runs must repeat
    assert derive(1, "order", 12) != derive(1, "order", 1, 2)


def test_the_states_of_all_generators_come_back_from_a_file(tmp_path: Path):
    seed_all(5)
    random.gauss(0, 1)
    numpy.random.standard_normal()  # each keeps a second number for next time
    save_whole(generator_states(), tmp_path / "states.pt", scratch=tmp_path)
    drawn = [random.gauss(0, 1), numpy.random.standard_normal(), torch.rand(2).tolist(), random.random()]
    seed_all(6)
    restore_generators(torch.load(tmp_path / "states.pt", weights_only=True))
    assert [random.gauss(0, 1), numpy.random.standard_normal(), torch.rand(2).tolist(), random.random()] == drawn


def test_a_block_may_draw_what_it_likes():
    seed_all(5)
    expected = [random.random(), numpy.random.rand(), torch.rand(()).item()]
    seed_all(5)
    with fork_all():
        random.random(), numpy.random.rand(), torch.rand(3)
    assert [random.random(), numpy.random.rand(), torch.rand(()).item()] == expected


# ---- digests


def test_the_digest_is_of_the_spelling_that_the_format_gives():
    # printf 'a.n\0003\nb\0float32\0[1, 2]\n\000\000\200\077\000\000\000\100' | sha256sum
    state = {"b": torch.tensor([[1.0, 2.0]]), "a": {"n": 3}}
    assert state_digest(state) == "sha256:aee174d2de5ee0411ac7f2085f6443b1a68479ee3280bc378dc05213a30bb83c"


def test_the_digest_does_not_depend_on_order_or_layout_but_on_dtype_shape_and_each_bit():
    one = torch.arange(6.0).reshape(2, 3)
    digest = state_digest({"a": one, "b": torch.zeros(0)})
    assert state_digest({"b": torch.zeros(0), "a": one.T.contiguous().T}) == digest
    assert state_digest({"a": one[:], "b": torch.zeros(0)}) == digest
    assert state_digest({"a": one.reshape(3, 2), "b": torch.zeros(0)}) != digest
    assert state_digest({"a": one.view(torch.int32), "b": torch.zeros(0)}) != digest
    assert state_digest({"a": one, "b": torch.zeros(0, 2)}) != digest
    assert state_digest({"a": -one, "b": torch.zeros(0)}) != digest  # -0.0 too


def test_bfloat16_and_single_numbers_have_digests():
    assert state_digest({"a": torch.tensor(1.0, dtype=torch.bfloat16)}) != state_digest({"a": torch.tensor(1.0)})
