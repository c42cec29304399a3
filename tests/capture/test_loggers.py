"""CSV and JSON that loggers write: the step is theirs, and an epoch beside a step is no metric."""

from __future__ import annotations

from pathlib import Path

from taken import SAMPLES, flat, rows_of

from gitexp.record.metricreader import Reader


def test_lightning_has_the_steps_of_its_column() -> None:
    rows = rows_of(SAMPLES / "lightning" / "version_0" / "metrics.csv")
    assert flat(rows[0]) == (4, {"train_loss": 2.148982048034668})
    assert flat(rows[4]) == (21, {"val_acc": 0.8539043068885803, "val_loss": 0.9752423763275146})
    assert {name for row in rows for name in row.values} == {"train_loss", "val_acc", "val_loss"}


def test_lightning_in_event_files_has_the_same_numbers_without_its_placeholder() -> None:
    rows = rows_of(SAMPLES / "lightning" / "version_0" / "events.out.tfevents.lightning")
    assert flat(rows[0]) == (4, {"train_loss": 2.148982048034668})
    assert {name for row in rows for name in row.values} == {"train_loss", "val_acc", "val_loss"}


def test_the_epoch_is_the_step_of_keras_and_timm() -> None:
    keras = rows_of(SAMPLES / "keras" / "training.csv")
    assert [row.step for row in keras] == [0, 1, 2]
    assert list(keras[2].values) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    timm = rows_of(SAMPLES / "timm" / "summary.csv")
    assert flat(timm[1]) == (
        1,
        {"train_loss": 0.7208394996325175, "eval_loss": 3.6104042530059814, "eval_top1": 10.5, "lr": 0.00375},
    )


def test_a_table_that_does_not_begin_with_epochs_is_none_of_ours(tmp_path: Path) -> None:
    for name, text in (("predictions.csv", "id,epoch\n1,2\n"), ("train.log", "epoch 1: loss 0.5\n"), ("a.log", "")):
        (tmp_path / name).write_text(text)
        reader = Reader(name)
        assert rows_of(tmp_path / name, reader=reader) == []
        assert (reader.problems(), reader.notes) == ((), [])


def test_an_epoch_that_is_no_whole_number_stays_a_metric(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,loss\n0.5,2\n1.0,1\n")
    assert [flat(row) for row in rows_of(tmp_path / "log.csv")] == [
        (None, {"epoch": 0.5, "loss": 2}),
        (None, {"epoch": 1.0, "loss": 1}),
    ]


def test_a_row_with_nothing_but_an_epoch_is_none(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,loss,acc\n0,2,\n1,,\n2,,0.5\n")
    assert [flat(row) for row in rows_of(tmp_path / "log.csv")] == [(0, {"loss": 2}), (2, {"acc": 0.5})]


def test_only_the_lines_that_were_added_are_read(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,loss\n0,2\n1,1\n")
    assert [flat(row) for row in rows_of(tmp_path / "log.csv", start=15)] == [(1, {"loss": 1})]


def test_the_trainer_has_its_history_with_steps() -> None:
    rows = rows_of(SAMPLES / "trainer" / "trainer_state.json")
    assert [row.step for row in rows] == [10, 10, 20, 20, 20]
    assert list(rows[0].values) == ["grad_norm", "learning_rate", "loss"]
    assert rows[1].values["eval_accuracy"] == 0.095
    assert [row.step for row in rows_of(SAMPLES / "trainer" / "checkpoint-10" / "trainer_state.json")] == [10, 10]


def test_a_state_that_is_torn_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"log_history": [{"loss"')
    reader = Reader("trainer_state.json")
    assert rows_of(tmp_path / "trainer_state.json", reader=reader) == []
    assert reader.problems() == ("trainer_state.json: is not read as JSON: Expecting ':' delimiter",)


def test_dvclive_has_whole_names_in_its_plots_and_beside_them() -> None:
    plotted = rows_of(SAMPLES / "dvclive" / "plots" / "metrics" / "train" / "loss.tsv")
    assert [flat(row) for row in plotted] == [
        (0, {"train/loss": 1}),
        (1, {"train/loss": 0.5}),
        (2, {"train/loss": 1 / 3}),
    ]
    assert [flat(row) for row in rows_of(SAMPLES / "dvclive" / "metrics.json")] == [
        (2, {"train/loss": 1 / 3, "acc": 2 / 3, "f1": 2})
    ]


def test_settings_beside_results_are_no_metrics(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"accuracy": 0.9, "test": {"f1": 0.8}, "params": {"eta": 0.3}}')
    assert [flat(row) for row in rows_of(tmp_path / "results.json")] == [(None, {"accuracy": 0.9, "test.f1": 0.8})]


def test_lines_of_json_have_the_epoch_as_step_where_they_have_no_other(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "loss": 1.0}\n')
    assert [flat(row) for row in rows_of(tmp_path / "metrics.jsonl")] == [(1, {"loss": 2}), (2, {"loss": 1})]
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "epoch": 1, "loss": 2.0}\n{"epoch": 1, "val": 1.0}\n')
    assert [flat(row) for row in rows_of(tmp_path / "metrics.jsonl")] == [(10, {"loss": 2}), (None, {"val": 1})]


def test_what_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").mkdir()
    reader = Reader("metrics.csv")
    assert rows_of(tmp_path / "metrics.csv", reader=reader) == []
    assert reader.problems() == ("metrics.csv: cannot be read: it is a folder",)
