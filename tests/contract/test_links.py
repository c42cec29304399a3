"""Links in a dataset: what leads back is named, and nobody is told to remove what is no link."""

from __future__ import annotations

from harness import Lab


def test_a_link_that_leads_above_the_dataset_and_back_is_refused_without_advice_to_remove_the_data(lab: Lab) -> None:
    lab.write("data/deep/a", "1")
    (lab.path / "data" / "deep" / "up").symlink_to("../..")
    lab.write("recipes/d.toml", '[run]\ncommand = ["true"]\n[data]\nd = "data"\n')
    lab.commit("data that leads back to itself")
    result = lab.gitexp("run", "d")
    assert result.exit_code == 3
    assert "deep/up/data lies in itself, by a link above it" in result.stderr
    assert "rm " not in result.stderr
    assert lab.runs() == []
