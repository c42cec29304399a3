"""Repeating and going on: the same bytes again, whenever and however a training was ended in between."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip("torch")

from trainings import Run, lay_out

pytestmark = [pytest.mark.torch, pytest.mark.long]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """24 steps in one process, from beginning to end."""
    run = lay_out(tmp_path_factory.mktemp("undisturbed") / "lab", "undisturbed")
    ended = run.go()
    assert ended.exit_code == 0, ended.stderr
    assert sorted(run.metrics) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]
    return run


def test_the_same_recipe_gives_the_same_bytes_of_weights_and_metrics(tmp_path: Path, undisturbed: Run) -> None:
    again = lay_out(tmp_path / "lab", "again")
    assert again.go().exit_code == 0
    assert again.digest == undisturbed.digest
    assert again.metrics == undisturbed.metrics
    assert (again.folder / "saved/weights.pt").read_bytes() == (undisturbed.folder / "saved/weights.pt").read_bytes()


def test_killed_three_times_it_ends_as_if_it_never_was(tmp_path: Path, undisturbed: Run) -> None:
    run = lay_out(tmp_path / "lab", "killed")
    assert run.go(DIE_AT="batch 5").exit_code == -signal.SIGKILL  # in the middle of accumulating, nothing kept yet
    assert run.go(DIE_AT="step 8").exit_code == -signal.SIGKILL  # with gradients, before they are used
    assert run.go(DIE_AT="batch 14").exit_code == -signal.SIGKILL
    ended = run.go()
    assert ended.exit_code == 0, ended.stderr
    assert "going on from step 12\n" in ended.stdout
    assert run.digest == undisturbed.digest
    assert run.metrics == undisturbed.metrics
    assert (run.folder / "saved/best.pt").read_bytes() == (undisturbed.folder / "saved/best.pt").read_bytes()
    assert (run.folder / "fitted").read_text() == "53\n53\n"  # before the first checkpoint; afterwards it is loaded
    assert run.read("trained.json")["digests"] == undisturbed.read("trained.json")["digests"]


def test_killed_while_it_writes_a_checkpoint_it_goes_on_from_the_one_before(tmp_path: Path, undisturbed: Run) -> None:
    run = lay_out(tmp_path / "lab", "killed")
    assert run.go(DIE_AT="write 3").exit_code == -signal.SIGKILL  # after one checkpoint and the first best weights
    assert (run.folder / ".half-written").exists()
    assert run.checkpoints == ["step-00000003.pt"]
    assert "going on from step 3\n" in run.go().stdout
    assert run.digest == undisturbed.digest
    assert not (run.folder / ".half-written").exists()


def test_asked_to_stop_it_writes_a_checkpoint_and_dies_by_the_signal(tmp_path: Path, undisturbed: Run) -> None:
    run = lay_out(tmp_path / "lab", "stopped")
    stopped = run.go(DIE_AT="batch 9", DIE_BY="2")
    assert stopped.exit_code == -signal.SIGINT
    assert stopped.stdout.endswith("stopped after step 5\n")
    assert stopped.stderr == ""
    assert run.checkpoints == ["step-00000003.pt", "step-00000005.pt"]
    assert "going on from step 5\n" in run.go().stdout
    assert run.digest == undisturbed.digest
    assert run.metrics == undisturbed.metrics


def test_a_signal_to_all_its_processes_stops_it_as_well_when_others_load_its_rows(
    tmp_path: Path, undisturbed: Run
) -> None:
    run = lay_out(tmp_path / "lab", "stopped", "loader.lazy=true", "loader.workers=2")
    stopped = run.go(DIE_AT="batch 9", DIE_BY="15", DIE_GROUP="1")
    assert stopped.exit_code == -signal.SIGTERM
    assert stopped.stderr == ""
    assert run.checkpoints == ["step-00000003.pt", "step-00000005.pt"]
    assert run.go().exit_code == 0
    assert run.digest == undisturbed.digest  # rows that are loaded one by one are the same rows


def test_with_another_number_of_processes_it_does_not_go_on(tmp_path: Path) -> None:
    run = lay_out(tmp_path / "lab", "grown")
    run.go(DIE_AT="batch 9")
    recipe = run.folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('"processes" = 1', '"processes" = 2'))
    assert run.go().exit_code == 3
    assert run.problems == [
        ("resources.processes", "the run goes on from a checkpoint of 1 process, so it needs as many again")
    ]
