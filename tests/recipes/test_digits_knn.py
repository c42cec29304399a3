"""The recipe around a program that knows nothing of gitexp: the program is run as it is, in an empty environment."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "recipes/digits-mlp/digits.csv.gz"


def knn(folder: Path, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-I", str(ROOT / "recipes/digits-knn/knn.py"), str(data)]
    return subprocess.run([*program, *options], cwd=folder, capture_output=True, text=True, check=False)


def test_three_neighbours_read_352_of_359_digits_right(tmp_path):
    result = knn(tmp_path, DATA, "-k", "3", "--val-fraction", "0.2", "--seed", "1", "--metrics", "build/metrics.json")
    assert result.returncode == 0
    assert "accuracy 0.9805" in result.stdout
    metrics = json.loads((tmp_path / "build/metrics.json").read_text())
    assert metrics == {"val": {"acc": 1 - 7 / 359, "errors": 7}}


def test_the_result_of_an_earlier_run_does_not_survive_a_failure(tmp_path):
    (tmp_path / "metrics.json").write_text('{"val": {"acc": 1.0}}')
    result = knn(tmp_path, tmp_path / "nothing.csv.gz", "--metrics", "metrics.json")
    assert result.returncode == 1
    assert "nothing.csv.gz" in result.stderr
    assert not (tmp_path / "metrics.json").exists()
