"""Several processes as one training: the same bytes again, and an end within seconds when one of them dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from harness import lives, wait_for  # noqa: E402
from trainings import Run, lay_out  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.long]

TWO = "resources.processes=2"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """24 steps of two processes; in the last batch of each epoch one has three rows and the other two."""
    run = lay_out(tmp_path_factory.mktemp("undisturbed") / "lab", "undisturbed", TWO)
    ended = run.go()
    assert ended.exit_code == 0, ended.stderr
    assert ended.stderr == ""
    return run


def test_each_process_says_where_it_ran_and_the_first_says_how_many_there_were(undisturbed: Run) -> None:
    assert [undisturbed.read(f"ranks/{rank}.json")["rank"] for rank in (0, 1)] == [0, 1]
    assert undisturbed.read("ranks/0.json")["pid"] != undisturbed.read("ranks/1.json")["pid"]
    assert undisturbed.read("trained.json")["training"]["world_size"] == 2
    assert undisturbed.read("trained.json")["training"]["backend"] == "gloo"
    assert sorted(undisturbed.metrics) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]
    assert len((undisturbed.folder / "metrics.jsonl").read_text().splitlines()) == 12


def test_all_of_them_killed_it_goes_on_to_the_same_bytes(tmp_path: Path, undisturbed: Run) -> None:
    run = lay_out(tmp_path / "lab", "killed", TWO)
    process = run.start(HOLD_AT="batch 9")
    for rank in (0, 1):
        wait_for((run.folder / f"held by {rank}").exists)
    os.killpg(process.pid, signal.SIGKILL)  # the ranks are in sessions of their own
    process.communicate()
    _all_end(run)
    assert not (run.folder / "saved/weights.pt").exists()
    ended = run.go()
    assert "going on from step 3\n" in ended.stdout
    assert run.digest == undisturbed.digest
    assert run.metrics == undisturbed.metrics


def test_one_that_is_killed_ends_the_run_and_a_line_names_it(tmp_path: Path) -> None:
    run = lay_out(tmp_path / "lab", "died", TWO)
    ended = run.go(DIE_AT="batch 9", DIE_RANK="1")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1] == "rank 1 of 2 died: SIGKILL"
    assert "torchrun" not in ended.stderr
    assert "elastic" not in ended.stderr


def test_one_that_fails_says_where_before_the_line_that_names_it(tmp_path: Path) -> None:
    run = lay_out(tmp_path / "lab", "failed", TWO)
    ended = run.go(FAIL_AT="3")
    assert ended.exit_code == 1
    assert "ValueError: the cat sat on the keyboard\n" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "rank 1 of 2 died: exit code 1"


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_loss_of_one_that_is_nan_stops_all_of_them_together(tmp_path: Path, rank: str) -> None:
    lost = ('loss.use="parts.py:Loss"', "loss.lost_at=9", f"loss.rank={rank}", "train={epochs=6, checkpoint_every=2}")
    run = lay_out(tmp_path / "lab", "lost", TWO, "resources.max_restarts=1", *lost)
    ended = run.go()
    assert ended.exit_code == 1
    error = 'error: train.loss is nan at step 9: the training stopped; [train] on_nan = "warn" would have gone on'
    assert ended.stderr.splitlines() == [error]
    assert run.read("trained.json")["defects"] == ["train.loss is nan at step 9: the training stopped"]
    assert run.checkpoints == ["step-00000006.pt", "step-00000008.pt"]
    assert not (run.folder / "saved/weights.pt").exists()


def test_with_restarts_one_that_is_killed_leaves_no_trace_in_the_result(tmp_path: Path, undisturbed: Run) -> None:
    run = lay_out(tmp_path / "lab", "died", TWO, "resources.max_restarts=1")
    ended = run.go(DIE_AT="step 8", DIE_RANK="1")
    assert ended.exit_code == 0, ended.stderr
    assert "going on from step 6\n" in ended.stdout
    assert run.digest == undisturbed.digest
    assert run.metrics == undisturbed.metrics


def test_a_model_that_is_spread_over_them_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole = lay_out(tmp_path / "whole", "whole", TWO, "train.shard=true")
    assert whole.go().exit_code == 0
    run = lay_out(tmp_path / "lab", "killed", TWO, "train.shard=true")
    assert run.go(DIE_AT="batch 19", DIE_RANK="0").exit_code == 1
    ended = run.go()
    assert "going on from step 9\n" in ended.stdout
    assert run.digest == whole.digest
    assert run.metrics == whole.metrics
    weights = torch.load(run.folder / "saved/weights.pt", weights_only=True)
    assert weights["second.weight"].shape == (5, 5)
    assert type(weights["second.weight"]) is torch.Tensor


def test_asked_to_stop_all_of_them_die_by_the_signal(tmp_path: Path) -> None:
    run = lay_out(tmp_path / "lab", "stopped", TWO, "train.epochs=5000")
    process = run.start()
    wait_for((run.folder / "saved/checkpoints/step-00000003.pt").exists)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert "Traceback" not in stderr
    _all_end(run)


def _all_end(run: Run) -> None:
    """Whoever is killed still takes a moment to be gone."""
    pids = [run.read(f"ranks/{rank}.json")["pid"] for rank in (0, 1)]
    wait_for(lambda: not any(lives(pid) for pid in pids))
