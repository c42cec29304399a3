"""The loop, in this process: what one step is, when it judges and stops, what it keeps and what it says."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from trainings import session, table, train  # noqa: E402

from gitexp import script  # noqa: E402
from gitexp.training.loop import Diverged, Train  # noqa: E402
from gitexp.training.preprocess import Prepared  # noqa: E402
from gitexp.training.repeating.checkpoint import read_newest  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Metrics go into the test's folder, and signals do again what they did before."""
    monkeypatch.setenv("GITEXP_METRICS", str(tmp_path / "metrics.jsonl"))
    monkeypatch.setattr(script, "_started", None)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Scripted:
    """An evaluator that gives one value after the other."""

    def __init__(self, *values: float, every: int = 1) -> None:
        self.values = list(values)
        self.every = every
        self.splits = ["val"]
        self.rows = 0

    def start(self) -> None:
        self.rows = 0

    def update(self, output: torch.Tensor, fields: dict[str, torch.Tensor]) -> None:
        self.rows += len(output)

    def result(self) -> dict[str, float]:
        return {"score": self.values.pop(0) if self.values else 0.0, "rows": float(self.rows)}


class Recorder(torch.optim.SGD):
    """Notes the gradients of each step."""

    def __init__(self, params: Any, **arguments: Any) -> None:
        super().__init__(params, **arguments)
        self.seen: list[list[torch.Tensor]] = []

    def step(self, closure: Any = None) -> None:
        self.seen.append([p.grad.clone() for group in self.param_groups for p in group["params"]])
        super().step(closure)


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 2)


def recorded(folder: Path, *, rows: int, batch_size: int, accumulate: int, rank: Any = None) -> list[torch.Tensor]:
    model = linear()
    optimizer = Recorder(model.parameters(), lr=0.0)
    prepared = Prepared({"train": table(rows)}, {}, (), (), {})
    built = session(folder, model=model, optimizer=optimizer, batch_size=batch_size, prepared=prepared)
    Train(epochs=1, accumulate=accumulate).run(built)
    return [torch.cat([grad.flatten() for grad in grads]) for grads in optimizer.seen]


# ---- one step


def test_four_batches_of_eight_accumulated_are_one_of_thirty_two(tmp_path: Path):
    small = recorded(tmp_path / "a", rows=50, batch_size=8, accumulate=4)
    large = recorded(tmp_path / "b", rows=50, batch_size=32, accumulate=1)
    assert [len(small), len(large)] == [2, 2]  # the second of 18 rows: two whole batches and one of two rows
    torch.testing.assert_close(small, large, rtol=1e-5, atol=1e-7)


def test_each_row_of_a_step_weighs_the_same_in_a_batch_of_one_row(tmp_path: Path):
    small = recorded(tmp_path / "a", rows=9, batch_size=8, accumulate=2)
    whole = recorded(tmp_path / "b", rows=9, batch_size=9, accumulate=1)
    torch.testing.assert_close(small, whole, rtol=1e-5, atol=1e-7)


def test_gradients_above_the_largest_norm_are_clipped(tmp_path: Path):
    model = linear()
    optimizer = Recorder(model.parameters(), lr=0.0)
    Train(epochs=1, clip_norm=0.01).run(session(tmp_path, model=model, optimizer=optimizer))
    norms = [torch.cat([grad.flatten() for grad in grads]).norm().item() for grads in optimizer.seen]
    assert norms == pytest.approx([0.01] * 7, rel=1e-3)


def test_bf16_computes_in_bf16_and_keeps_the_weights_in_float32(tmp_path: Path):
    dtypes = []
    model = linear()
    model.register_forward_hook(lambda layer, given, output: dtypes.append((given[0].dtype, output.dtype)))
    Train(epochs=1, precision="bf16").run(session(tmp_path, model=model))
    assert set(dtypes) == {(torch.float32, torch.bfloat16)}
    assert model.weight.dtype == torch.float32


# ---- a loss that is no number


class Lost(nn.CrossEntropyLoss):
    """Is `value` for one of the training batches."""

    def __init__(self, at: int, value: float = float("nan")) -> None:
        super().__init__()
        self.left, self.value = at, value

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.left -= torch.is_grad_enabled()
        loss = super().forward(output, target)
        return loss * self.value if self.left == 0 and torch.is_grad_enabled() else loss


def said_of(folder: Path) -> list[str]:
    """What the record is told that went wrong."""
    defects: list[str] = json.loads((folder / "trained.json").read_text())["defects"]
    return defects


@pytest.mark.parametrize("settings", [{}, {"precision": "bf16"}, {"log_every": 1}, {"clip_norm": 1.0}])
def test_the_first_loss_that_is_nan_ends_the_training_and_the_checkpoint_before_it_stays(
    tmp_path: Path, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(Diverged):
        train(session(tmp_path, loss=Lost(5)), epochs=2, checkpoint_every=2, **settings)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert (rows[-1]["step"], str(rows[-1]["train.loss"])) == (5, "nan")
    assert said_of(tmp_path) == ["train.loss is nan at step 5: the training stopped"]
    assert "error: train.loss is nan at step 5: the training stopped" in capsys.readouterr().err
    state = read_newest(tmp_path / "saved" / "checkpoints")
    assert state is not None
    assert state["step"] == 4
    assert not (tmp_path / "saved" / "weights.pt").exists()


def test_an_infinite_loss_in_the_middle_of_a_step_ends_it_at_that_step(tmp_path: Path):
    with pytest.raises(Diverged):
        train(session(tmp_path, loss=Lost(4, float("inf"))), epochs=2, accumulate=3, checkpoint_every=1)
    assert said_of(tmp_path) == ["train.loss is inf at step 2: the training stopped"]
    state = read_newest(tmp_path / "saved" / "checkpoints")
    assert state is not None
    assert state["step"] == 1


def test_where_the_recipe_says_warn_it_goes_on_and_says_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = train(session(tmp_path, loss=Lost(3)), epochs=2, log_every=1, on_nan="warn")
    assert sorted(rows) == list(range(1, 15))
    assert capsys.readouterr().err.count("warning: train.loss is nan at step 3\n") == 1
    assert [words for words in said_of(tmp_path) if "train.loss" in words] == ["train.loss is nan at step 3"]


def test_a_held_out_metric_that_becomes_nan_while_the_loss_is_finite_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows = train(session(tmp_path, evaluator=Scripted(0.5, float("nan"), float("nan"))), epochs=3)
    assert sorted(rows) == [7, 14, 21]
    assert said_of(tmp_path) == ["val.score is nan at step 14"]
    assert capsys.readouterr().err == "warning: val.score is nan at step 14\n"


# ---- how long, and what is said


def test_epochs_end_after_so_many_and_each_is_judged(tmp_path: Path):
    rows = train(session(tmp_path), epochs=2)
    assert sorted(rows) == [7, 14]
    assert sorted(rows[7]) == ["lr", "train.loss", "val.loss"]


def test_steps_end_exactly_there_also_in_the_middle_of_an_epoch(tmp_path: Path):
    rows = train(session(tmp_path), steps=10)
    assert sorted(rows) == [10]
    assert read_newest(tmp_path / "saved/checkpoints")["position"]["batch"] == 3


def test_the_logged_loss_is_the_mean_over_all_rows_since_the_last(tmp_path: Path):
    model = linear()
    built = session(tmp_path, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    rows = train(built, epochs=1)
    whole = table(50)
    expected = nn.functional.cross_entropy(model(whole.fields["input"]), whole.fields["target"]).item()
    assert rows[7]["train.loss"] == pytest.approx(expected, rel=1e-6)


def test_the_loss_is_logged_every_so_many_steps(tmp_path: Path):
    rows = train(session(tmp_path), epochs=1, log_every=3)
    assert sorted(rows) == [3, 6, 7]
    assert sorted(rows[3]) == ["lr", "train.loss"]


def test_where_steps_are_counted_it_judges_every_so_many_steps(tmp_path: Path):
    rows = train(session(tmp_path, evaluator=Scripted(every=4)), steps=10)
    assert [step for step in sorted(rows) if "val.score" in rows[step]] == [4, 8, 10]
    assert rows[4]["val.rows"] == 11.0


def test_where_epochs_are_counted_it_judges_every_so_many_epochs_and_at_the_end(tmp_path: Path):
    rows = train(session(tmp_path, evaluator=Scripted(every=2)), epochs=5)
    assert [step for step in sorted(rows) if "val.score" in rows[step]] == [14, 28, 35]


def test_judging_more_often_changes_nothing(tmp_path: Path):
    class Draws(Scripted):
        def result(self) -> dict[str, float]:
            torch.rand(5)
            return super().result()

    def weights(folder: Path, every: int) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
        Train(epochs=5).run(session(folder, model=model, evaluator=Draws(every=every)))
        return model[3].weight.flatten().tolist()

    assert weights(tmp_path / "a", 1) == weights(tmp_path / "b", 5)


# ---- schedules


def test_a_schedule_moves_with_each_epoch_or_with_each_step(tmp_path: Path):
    def rates(folder: Path, schedule: str) -> list[float]:
        model = linear()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        Train(epochs=2, schedule=schedule).run(
            session(folder, model=model, optimizer=optimizer, scheduler=scheduler, batch_size=25)
        )
        return optimizer.param_groups[0]["lr"]

    assert rates(tmp_path / "a", "epoch") == 0.25
    assert rates(tmp_path / "b", "step") == 0.0625


@pytest.mark.parametrize("schedule", ["epoch", "step"])
def test_a_schedule_that_waits_for_a_plateau_follows_the_monitored_metric(tmp_path: Path, schedule: str):
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    evaluator = Scripted(5.0, 4.0, 4.0, 3.0)
    built = session(tmp_path, model=model, optimizer=optimizer, scheduler=plateau, evaluator=evaluator)
    rows = train(built, epochs=4, schedule=schedule, monitor="val.score")
    assert [row["lr"] for _, row in sorted(rows.items())] == [1.0, 1.0, 1.0, 0.1]


# ---- the best, and stopping early


def saved_bias(folder: Path, name: str) -> list[float]:
    return torch.load(folder / "saved" / name, weights_only=True)["bias"].tolist()


def biases(folder: Path, scores: list[float], **settings: Any) -> list[list[float]]:
    """The model's bias at the end of each epoch."""
    model = linear()
    seen: list[list[float]] = []

    class Watching(Scripted):
        def result(self) -> dict[str, float]:
            seen.append(model.bias.tolist())
            return super().result()

    goal = settings.pop("goal", {})
    Train(epochs=len(scores), monitor="val.score", **settings).run(
        session(folder, model=model, evaluator=Watching(*scores), goal=goal)
    )
    return seen


def test_the_best_weights_are_those_of_the_lowest_value(tmp_path: Path):
    seen = biases(tmp_path, [3.0, 1.0, 2.0])
    assert saved_bias(tmp_path, "best.pt") == seen[1]
    assert saved_bias(tmp_path, "weights.pt") == seen[2]


def test_where_the_goal_is_max_they_are_those_of_the_highest(tmp_path: Path):
    seen = biases(tmp_path, [2.0, 1.0, 3.0, 3.0], goal={"val.score": "max"})
    assert saved_bias(tmp_path, "best.pt") == seen[2]


def test_a_first_value_that_is_no_number_is_not_the_best_for_ever(tmp_path: Path):
    seen = biases(tmp_path, [float("nan"), 1.0, float("nan")])
    assert saved_bias(tmp_path, "best.pt") == seen[1]


def test_without_a_better_value_it_stops_after_so_many_evaluations(tmp_path: Path):
    assert len(biases(tmp_path, [3.0, 1.0, 2.0, 2.0, 0.0], patience=2)) == 4


def test_a_metric_that_is_no_number_is_no_improvement(tmp_path: Path):
    nan = float("nan")
    assert len(biases(tmp_path, [nan, nan, nan, nan, nan], patience=2)) == 3


def test_the_first_number_after_none_is_better(tmp_path: Path):
    assert len(biases(tmp_path, [nan := float("nan"), nan, 1.0, 2.0, 3.0, 4.0], patience=2)) == 5


def test_it_says_why_it_stops_early(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    biases(tmp_path, [1.0, 2.0, 3.0, 4.0], patience=2)
    assert "val.score was best 2 evaluations ago: stopping at 21\n" in capsys.readouterr().out


def test_with_no_patience_set_it_goes_to_the_end(tmp_path: Path):
    assert len(biases(tmp_path, [1.0, 2.0, 3.0, 4.0])) == 4


# ---- checkpoints and the end


def test_checkpoints_come_every_so_many_steps_and_at_the_end(tmp_path: Path):
    Train(epochs=2, checkpoint_every=4, keep=9).run(session(tmp_path))
    names = sorted(path.name for path in (tmp_path / "saved/checkpoints").iterdir())
    assert names == ["step-00000004.pt", "step-00000008.pt", "step-00000012.pt", "step-00000014.pt"]


def test_a_training_that_has_ended_only_says_so_again(tmp_path: Path):
    Train(epochs=1).run(session(tmp_path))
    first = json.loads((tmp_path / "trained.json").read_text())["digests"]
    state = read_newest(tmp_path / "saved/checkpoints")
    again = session(tmp_path, model=nn.Linear(4, 2), resumed=state)
    Train(epochs=1).run(again)
    assert json.loads((tmp_path / "trained.json").read_text())["digests"] == first
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "give either epochs or steps, above 0; got epochs = 0 and steps = 0"),
        ({"epochs": 1, "steps": 1}, "give either epochs or steps, above 0; got epochs = 1 and steps = 1"),
        ({"epochs": -1}, "give either epochs or steps, above 0; got epochs = -1 and steps = 0"),
        ({"epochs": 1, "precision": "fp16"}, 'precision must be "float32" or "bf16", got \'fp16\''),
        ({"epochs": 1, "schedule": "batch"}, 'schedule must be "epoch" or "step", got \'batch\''),
        ({"epochs": 1, "accumulate": 0}, "accumulate and keep must be at least 1, got 0 and 2"),
        ({"epochs": 1, "clip_norm": -1.0}, "clip_norm, patience, log_every and checkpoint_every cannot be negative"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], words: str):
    with pytest.raises(ValueError) as refused:
        Train(**settings)
    assert str(refused.value) == words
