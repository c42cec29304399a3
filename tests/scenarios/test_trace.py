"""`gitexp trace`: from a number of a run back to its row, the recipe's line, code and data."""

from __future__ import annotations

import pytest
from harness import Lab

RECIPE = """\
seed = 1

[run]
command = ["sh", "train.sh"]

[metrics]
goal = { "val.acc" = "max" }
summary = { "grad" = "max" }
"""

TRAIN = """\
{
  echo '{"step": 1, "val.acc": 0.5, "loss": 3, "grad": 9}'
  echo '{"step": 2, "val.acc": 0.75, "loss": 2, "grad": 4}'
  echo '{"step": 3, "val.acc": 0.625, "loss": 1, "grad": 1}'
} >> "$GITEXP_METRICS"
"""


@pytest.fixture
def trained(lab: Lab) -> Lab:
    """One run, the best in its second row."""
    lab.write("recipes/net.toml", RECIPE)
    lab.write("train.sh", TRAIN)
    lab.commit()
    assert lab.gitexp("run", "net").exit_code == 0
    return lab


def test_the_row_the_rule_and_the_line_of_the_recipe_are_named(trained: Lab) -> None:
    best = trained.gitexp("trace", "latest", "val.acc", "--json").json
    assert best["value"] == 0.75
    assert best["rule"] == "its best value (max): row 2, step 2"
    assert (best["row"]["number"], best["row"]["step"]) == (2, 2)
    assert best["row"]["values"] == {"val.acc": 0.75, "loss": 2, "grad": 4}
    assert best["asked"][0] == 'code/recipes/net.toml:7: metrics.goal."val.acc" = "max"'
    assert best["code"]["tree"] == trained.git("rev-parse", "experiments:code").strip()
    beside = trained.gitexp("trace", "latest", "loss", "--json").json
    assert (beside["row"]["number"], beside["value"]) == (2, 2)
    assert beside["rule"].startswith("its value at the row that is best by val.acc")
    assert beside["asked"] == []
    highest = trained.gitexp("trace", "latest", "grad", "--json").json
    assert (highest["row"]["number"], highest["rule"]) == (1, "its highest value, as [metrics] summary says")


def test_the_page_says_it_in_words_and_a_near_name_is_told(trained: Lab) -> None:
    page = trained.gitexp("trace", "latest", "val.acc").stdout
    assert "chosen  its best value (max): row 2, step 2" in page
    assert "asked   code/recipes/net.toml:7" in page
    wrong = trained.gitexp("trace", "latest", "val.ac")
    assert wrong.exit_code == 1
    assert "did you mean val.acc?" in wrong.stderr


def test_of_a_long_history_the_row_of_the_whole_is_found_where_the_store_has_it(lab: Lab) -> None:
    lab.write("gitexp.toml", '[policy]\nhistory_limit = "4KiB"\n')
    lab.commit()
    logged = """awk 'BEGIN {for (i = 0; i < 3000; i++) printf "{\\"step\\": %d, \\"loss\\": %d.5}\\n", i, i}'"""
    script = f'{logged} >> "$GITEXP_METRICS"'
    assert lab.gitexp("run", "--", "sh", "-c", script).exit_code == 0
    found = lab.gitexp("trace", "latest", "loss", "--json").json
    assert (found["row"]["number"], found["notes"]) == (3000, [])
    lab.command("rm", "-rf", ".git/gitexp/objects")
    sampled = lab.gitexp("trace", "latest", "loss", "--json").json
    assert (sampled["row"]["number"], sampled["row"]["step"]) == (None, 2999)
    assert "of 3000 rows" in sampled["notes"][0]


def test_show_has_a_curve_beside_each_metric(trained: Lab) -> None:
    assert "▁█▅" in trained.gitexp("show").stdout
    assert "▁█▅" not in trained.gitexp("show", PYTHONIOENCODING="ascii").stdout


def test_of_an_imported_run_no_tree_is_recorded(lab: Lab) -> None:
    lab.write("t.csv", "lr,acc\n0.1,0.9\n")
    lab.commit("a table")
    assert lab.gitexp("import", "t.csv").exit_code == 0
    assert "no commit, tree not recorded\n" in lab.gitexp("trace", "latest", "acc").stdout
