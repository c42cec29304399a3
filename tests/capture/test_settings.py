"""What a program was told, as tools leave it: flat, and nothing is made of it but plain values."""

from __future__ import annotations

from pathlib import Path

from taken import SAMPLES

from gitexp.capture.kinds import kind_of
from gitexp.capture.reading import sources
from gitexp.record.metricreader import Reader


def settings_of(path: Path, reader: Reader | None = None) -> dict[str, object] | None:
    kind = kind_of(path.as_posix())
    assert kind is not None
    (source,) = sources(kind, path)
    assert [*source.blocks(Reader(""))] == []
    return source.settings(reader or Reader(path.name))


def test_settings_have_their_dotted_names() -> None:
    assert settings_of(SAMPLES / "hydra" / ".hydra" / "config.yaml") == {
        "optim.name": "Adam",
        "optim.lr": 0.01,
        "epochs": 3,
        "seed": 0,
        "data": "data/digits.csv.gz",
    }
    assert settings_of(SAMPLES / "lightning" / "version_0" / "hparams.yaml") == {"lr": 0.01}
    assert settings_of(SAMPLES / "timm" / "args.yaml") == {
        "epochs": 3,
        "lr": 0.005,
        "model": "test_resnet",
        "opt": "adamw",
        "output": "./output/train",
        "seed": 42,
    }
    assert settings_of(SAMPLES / "dvclive" / "params.yaml") == {"lr": 0.1, "model.n": 3}


def test_what_cannot_be_read_as_settings_is_said(tmp_path: Path) -> None:
    (tmp_path / "hparams.yaml").write_text("a: [\n")
    reader = Reader("hparams.yaml")
    assert settings_of(tmp_path / "hparams.yaml", reader) is None
    assert reader.notes == ["hparams.yaml: its settings were not read: no table of moderate size"]
