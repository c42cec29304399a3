"""The shell recipe, its placeholders filled by hand: the command runs, and its patterns read what it prints."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = tomllib.loads((ROOT / "recipes/wine-centroid/recipe.toml").read_text())


def classify(wine: Path, folds: str, standardise: str) -> subprocess.CompletedProcess[str]:
    filled = {"{data.wine}": str(wine), "{eval.folds}": folds, "{preprocess.standardise}": standardise}
    command = [filled.get(word, word) for word in RECIPE["run"]["command"]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def matched(name: str, output: str) -> list[str]:
    pattern = re.compile(RECIPE["metrics"]["output"][name])
    return [match[1] for line in output.splitlines() if (match := pattern.search(line))]


def test_173_of_178_wines_are_told_apart():
    output = classify(ROOT / RECIPE["data"]["wine"], "5", "true").stdout
    assert matched("val.acc", output) == ["0.9719"]
    assert matched("fold.acc", output) == ["1.0000", "0.9722", "0.9722", "1.0000", "0.9118"]


def test_without_standardising_one_wine_in_four_is_wrong():
    output = classify(ROOT / RECIPE["data"]["wine"], "5", "false").stdout
    assert matched("val.acc", output) == ["0.7247"]


def test_a_path_with_spaces_and_quotes_is_safe(tmp_path):
    odd = tmp_path / "my 'wine'; touch x.csv"
    odd.write_bytes((ROOT / RECIPE["data"]["wine"]).read_bytes())
    assert matched("val.acc", classify(odd, "5", "true").stdout) == ["0.9719"]


def test_missing_data_fails_and_says_so(tmp_path):
    result = classify(tmp_path / "nothing.csv", "5", "true")
    assert result.returncode == 1
    assert "nothing.csv" in result.stderr
    assert "centroid.awk: 0 rows cannot be cut into 5 parts" in result.stderr
    assert matched("val.acc", result.stdout) == []


def test_one_part_is_refused_because_nothing_would_be_left_to_learn_from():
    result = classify(ROOT / RECIPE["data"]["wine"], "1", "true")
    assert result.returncode == 1
    assert "centroid.awk: 178 rows cannot be cut into 1 parts" in result.stderr
