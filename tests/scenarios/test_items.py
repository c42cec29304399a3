"""Values by example, from a program that logs them, or a file that the recipe names, to the record."""

import shutil
import sys
from pathlib import Path

from contract.reader import breaches
from harness import Lab

LOGS = """import sys
from array import array
import gitexp
seed, shift = int(sys.argv[1]), float(sys.argv[2])
rows = [float((row * 37 + seed * 11) % 100 < 60 + shift) for row in range(200)]
for at in range(0, 200, 50):
    gitexp.log_items(range(at, at + 50), {"val.acc": array("d", rows[at : at + 50])})
gitexp.log_items([0], {"val.acc": [1 - rows[0]]})
gitexp.log_items([0], {"val.acc": [rows[0]], "val.loss": [None]})
gitexp.log({"val.acc": sum(rows) / 200})
"""

WRITES = """import csv, os
rows = [("file", "label", "val.acc", "kind", "sure"),
("a.png", 3, "True", "cat", 0.25), ("b.png", 4, "False", "dog", "")
]
with open("predictions.csv", "w", newline="") as file:
    csv.writer(file).writerows(rows)
"""


DIGITS = """import csv, gzip, math, random, sys
import gitexp
used = int(sys.argv[1])
with gzip.open("digits.csv.gz", "rt") as file:
    rows = [(row, [float(cell) for cell in cells[:64]], cells[64]) for row, cells in enumerate(csv.reader(file))
            if cells[0][0].isdigit()]
test, rest = rows[-150:], rows[:-150]
random.Random(int(sys.argv[3])).shuffle(rest)
right = [min(rest[:used], key=lambda known: math.dist(known[1], image))[2] == label for _, image, label in test]
gitexp.log_items([row for row, _, _ in test], {"val.acc": right})
gitexp.log({"val.acc": sum(right) / len(right)})
"""


def test_what_a_program_logs_by_example_is_in_the_record(lab: Lab) -> None:
    lab.write("train.py", LOGS)
    lab.commit("a program")
    assert lab.gitexp("run", "--", sys.executable, "train.py", "1", "0").exit_code == 0
    lines = lab.show("experiments:items.csv").splitlines()
    assert (len(lines), lines[:3]) == (201, ["id,val.acc", "0,1.0", "1,1.0"])
    assert "[items]\nexamples = 200\n" in lab.show("experiments:run.toml")
    assert breaches(lab.path) == []


def test_a_file_of_the_run_gives_them_and_an_older_one_does_not(lab: Lab) -> None:
    lab.write("predict.py", WRITES)
    lab.write(
        "recipes/predict.toml",
        f"""[run]
command = ["{sys.executable}", "predict.py"]
outputs = ["predictions.csv"]
[metrics]
items = "predictions.csv"
""",
    )
    lab.write("recipes/idle.toml", 'extends = "predict.toml"\n[run]\ncommand = ["true"]\n')
    lab.commit("a program")
    assert lab.gitexp("run", "recipes/predict.toml").exit_code == 0
    assert lab.show("experiments:items.csv") == "id,label,val.acc,sure\na.png,3,1,0.25\nb.png,4,0,\n"
    assert lab.gitexp("run", "recipes/idle.toml").exit_code == 0
    assert "[items]" not in lab.show("experiments:run.toml")
    assert "the program did not write it" in lab.show("experiments:run.toml")
    assert breaches(lab.path) == []


def test_gitexp_toml_may_name_the_file_and_one_that_is_not_written_is_a_note(lab: Lab) -> None:
    (lab.path / "gitexp.toml").write_text('[metrics]\nitems = "predictions.csv"\n')
    lab.commit("for all")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert "the program did not write it" in lab.show("experiments:run.toml").partition("defects")[0]


def test_what_git_does_not_take_is_an_artifact_of_the_run(lab: Lab) -> None:
    (lab.path / "gitexp.toml").write_text('[policy]\nhistory_limit = "1KB"\n')
    lab.write("train.py", LOGS)
    lab.commit("a program")
    assert lab.gitexp("run", "--", sys.executable, "train.py", "1", "0").exit_code == 0
    assert "items.csv" not in lab.git("ls-tree", "--name-only", "experiments")
    assert "gitexp-items.csv" in lab.show("experiments:artifacts.xxh128")
    assert 'examples = 200\ndigest = "xxh128:' in lab.show("experiments:run.toml")
    assert breaches(lab.path) == []


def test_forged_lines_are_problems_and_never_formulas(lab: Lab) -> None:
    forge = """import os, pathlib
(pathlib.Path(os.environ["GITEXP_METRICS"]).parent / "items.jsonl").write_text(
    '{"":["=cmd()"],"a":[1]}\\n{"":["\\\\u001b[2J"],"a":[1]}\\n[1]\\n{"":["x"],"=b":[1],"a":[0.5],"id":[1]}\\n')
"""
    lab.write("forge.py", forge)
    lab.commit("a program")
    assert lab.gitexp("run", "--", sys.executable, "forge.py").exit_code == 1
    assert lab.show("experiments:items.csv") == "id,a\nx,0.5\n"
    assert "spreadsheets would execute it" in lab.show("experiments:run.toml")
    assert breaches(lab.path) == []


def test_groups_of_runs_that_logged_by_example_are_compared_on_both_levels(lab: Lab) -> None:
    (lab.path / "gitexp.toml").write_text('[metrics]\ngoal = { "val.acc" = "max" }\n')
    lab.write("train.py", LOGS)
    lab.commit("a program")
    for shift in ("0", "3"):
        for seed in ("1", "2", "3"):
            argv = (sys.executable, "train.py", seed, shift)
            assert lab.gitexp("run", "--seed", seed, "--", *argv).exit_code == 0
    groups = ("latest~5,latest~4,latest~3", "latest~2,latest~1,latest")
    found = lab.gitexp("diff", *groups, "--json").json["metrics"][0]
    assert found["finding"]["examples"] == 200
    assert found["finding"]["difference"]["method"] == "two-level t"
    assert abs(found["finding"]["difference"]["estimate"] - 0.03) < 1e-9


def test_real_digits_by_example_widen_the_interval_and_are_named_where_runs_are_shown(lab: Lab) -> None:
    (lab.path / "gitexp.toml").write_text('[metrics]\ngoal = { "val.acc" = "max" }\n')
    shutil.copy(Path(__file__).parents[2] / "recipes" / "digits-mlp" / "digits.csv.gz", lab.path)
    lab.write("nearest.py", DIGITS)
    lab.commit("nearest neighbours of so many digits")
    for used in ("40", "200"):
        for seed in ("1", "2", "3"):
            lab.well("run", "--", sys.executable, "nearest.py", used, "--seed", seed)
    groups = ("latest~5,latest~4,latest~3", "latest~2,latest~1,latest")
    page = " ".join(lab.gitexp("diff", *groups).stdout.split())
    assert "(3 runs each, 150 examples)" in page and "B is better by" in page
    alone = " ".join(lab.gitexp("diff", "--metric", "val.acc", "latest~5", "latest").stdout.split())
    assert "no claim: 1 run each; of these two models alone, on 150 examples" in alone
    lent = lab.gitexp("diff", "latest~5", "latest", "--noise", groups[0]).stdout
    assert "the noise is that of 3 runs of a baseline" in lent
    assert "both have values by example" in lab.gitexp("diff", "latest~5", "latest").stdout
    assert "values of 150 examples" in lab.gitexp("show", "latest").stdout
    assert breaches(lab.path) == []
