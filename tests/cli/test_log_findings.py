"""`gitexp log` as a table of settings against metrics: what varies as columns, groups over seeds, other formats."""

from __future__ import annotations

import pexpect
import pytest
from harness import GITEXP, Gitexp, Lab
from records import write_run

IDS = ["kkkkllllmmmmnnnn", "lllloooowwwwxxxx", "mmmmoooowwwwxxxx", "nnnnoooowwwwxxxx"]
RECIPE = (
    'seed = {seed}\n[metrics.goal]\n"val.acc" = "max"\n[optimizer]\nname = "adam"\nlr = {lr}\n[model]\nwidth = 64\n'
)


@pytest.fixture
def sweep(fresh: Lab) -> Lab:
    """Two rates with two seeds each; 0.9 and 0.92, 0.95 and 0.99."""
    trials = [(0.01, 1, 0.90), (0.01, 2, 0.92), (0.1, 1, 0.95), (0.1, 2, 0.99)]
    for hour, (run_id, (lr, seed, acc)) in enumerate(zip(IDS, trials, strict=True)):
        write_run(
            fresh, run_id, finished=f"2026-11-20T1{hour}:00:00Z", metrics={"val.acc": acc, "lr": lr / 2}, seed=seed,
            files={"recipe.toml": RECIPE.format(seed=seed, lr=lr)},
        )  # fmt: skip
    return fresh


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def on_a_terminal(lab: Lab, columns: int, *args: str) -> str:
    child = pexpect.spawn(
        str(GITEXP), [*args], cwd=lab.path, env={**lab.env, "NO_COLOR": "1", "GITEXP_PAGER": "cat", "PAGER": "cat"},
        dimensions=(50, columns), encoding="utf-8",
    )  # fmt: skip
    child.expect(pexpect.EOF)
    return str(child.before).replace("\r\n", "\n")


def test_settings_that_vary_are_columns_and_what_all_share_is_said_once(sweep: Lab) -> None:
    text = on_a_terminal(sweep, 110, "log")
    head, columns, first = text.splitlines()[:3]
    assert head == "all: digits  optimizer.name adam, model.width 64"
    assert columns.split() == ["run", "when", "author", "status", "lr", "seed", "changed", "val.acc"]
    assert first.split()[:1] + first.split()[4:7] == ["nnnnoooo", "completed", "0.1", "2"]
    assert first.split()[-1] == "0.99*"


def test_a_narrow_terminal_keeps_settings_and_metrics_and_drops_author_and_time(sweep: Lab) -> None:
    columns = on_a_terminal(sweep, 58, "log").splitlines()[1].split()
    assert columns == ["run", "status", "lr", "seed", "val.acc"]


def test_among_several_recipes_only_what_differs_within_one_is_a_column(sweep: Lab, gitexp: Gitexp) -> None:
    files = {"recipe.toml": "[model]\ndepth = 3\n"}
    write_run(sweep, "zzzzoooowwwwxxxx", recipe="other", finished="2026-11-20T20:00:00Z", files=files)
    head, newest = table(gitexp("log").stdout)[:2]
    assert head == ["run", "when", "author", "status", "recipe", "lr", "seed", "changed", "val.acc"]
    assert newest[5:7] == ["other", "-"] and "depth" not in head
    assert on_a_terminal(sweep, 62, "log").split()[:5] == ["run", "status", "recipe", "changed", "val.acc"]


def test_where_and_words_choose(sweep: Lab, gitexp: Gitexp) -> None:
    listed = [line[0] for line in table(gitexp("log", "--where", "optimizer.lr > 0.05 and val.acc < 0.97").stdout)[1:]]
    assert listed == ["mmmmoooo"]
    assert [line[0] for line in table(gitexp("log", f"{IDS[0]},{IDS[2]}").stdout)[1:]] == ["mmmmoooo", "kkkkllll"]
    wrong = gitexp("log", "--where", "optimizer.rate > 0.05")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "column 1: no run has 'optimizer.rate'" in wrong.stderr


def test_columns_are_chosen_by_name_or_by_its_end(sweep: Lab, gitexp: Gitexp) -> None:
    assert table(gitexp("log", "--columns", "width,val.acc,status", "-n", "1").stdout) == [
        ["run", "model.width", "val.acc", "status"],
        [IDS[3], "64", "0.99", "completed"],
    ]
    assert table(gitexp("log", "--columns", "lr", "-n", "1").stdout) == [
        ["run", "optimizer.lr", "lr"],
        [IDS[3], "0.1", "0.05"],
    ]
    wrong = gitexp("log", "--columns", "widht")
    assert "No column can be made of 'widht': no run has it; did you mean width?" in wrong.stderr


def test_replicates_stand_in_one_line_with_n_mean_sd_and_range(sweep: Lab, gitexp: Gitexp) -> None:
    write_run(
        sweep, "zzzzoooowwwwxxxx", finished="2026-11-20T20:00:00Z", status="failed", exit_code=1, metrics={}, seed=3,
        files={"recipe.toml": RECIPE.format(seed=3, lr=0.1)},
    )  # fmt: skip
    assert table(gitexp("log", "--group").stdout) == [
        ["lr", "n", "seeds", "val.acc", "range"],
        ["0.1", "2", "of", "3", "1,", "2,", "3", "0.97", "±", "0.028", "0.95…0.99"],
        ["0.01", "2", "1,", "2", "0.91", "±", "0.014", "0.9…0.92"],
    ]
    [first, other] = gitexp("log", "--group", "--json").json["groups"]
    assert (first["completed"], first["seeds"], len(first["runs"])) == (2, [3, 2, 1], 3)
    assert other["metrics"]["val.acc"] == {
        "n": 2, "mean": 0.91, "sd": 0.014142135623730963, "least": 0.9, "most": 0.92, "left_out": 0,
    }  # fmt: skip
    one = gitexp("log", "--group", "-n", "1")
    assert (len(one.stdout.splitlines()), one.stderr) == (2, "1 of 2 groups; -n 2 shows all of them\n")
    assert table(gitexp("log", "--by", "seed").stdout)[0][:2] == ["seed", "n"]
    assert "None of these runs has 'sead'; did you mean seed?" in gitexp("log", "--by", "sead").stderr


def test_other_code_or_other_settings_are_no_replicates(sweep: Lab, gitexp: Gitexp) -> None:
    sweep.write("other.py", "x = 1\n")
    sweep.git("add", "other.py")
    tree = sweep.git("write-tree").strip()
    sweep.git("rm", "-qf", "other.py")
    recipe = {"recipe.toml": RECIPE.format(seed=3, lr=0.1)}
    write_run(sweep, "zzzzoooowwwwxxxx", finished="2026-11-20T20:00:00Z", seed=3, code=tree, files=recipe)
    groups = gitexp("log", "--group", "--json").json["groups"]
    assert [len(group["runs"]) for group in groups] == [1, 2, 2]


def test_the_table_as_markdown_and_latex_with_every_character_as_it_stands(sweep: Lab, gitexp: Gitexp) -> None:
    files: dict[str, str | bytes | None] = {"recipe.toml": '[x]\na_b = "50% & $1|2"\n'}
    write_run(sweep, "zzzzoooowwwwxxxx", finished="2026-11-20T20:00:00Z", files=files)
    markdown = gitexp("log", "--markdown", "--columns", "a_b", "zzzzoooowwwwxxxx").stdout
    assert markdown == "| run | x.a\\_b |\n|---|---|\n| zzzzoooowwwwxxxx | 50% & $1\\|2 |\n"
    latex = gitexp("log", "--latex", "--columns", "a_b", "zzzzoooowwwwxxxx").stdout
    assert "  run & x.a\\_b \\\\\n" in latex
    assert "  zzzzoooowwwwxxxx & 50\\% \\& \\$1|2 \\\\\n" in latex


def test_chosen_columns_as_csv_have_all_digits_and_negative_numbers_are_numbers(sweep: Lab, gitexp: Gitexp) -> None:
    metrics = {"val.acc": -0.123456789}
    write_run(sweep, "zzzzoooowwwwxxxx", finished="2026-11-20T20:00:00Z", metrics=metrics)
    head, newest, before = gitexp("log", "--csv", "--columns", "val.acc,width", "-n", "2").stdout.splitlines()
    assert head == "run,val.acc,model.width"
    assert newest == "zzzzoooowwwwxxxx,-0.123456789,"
    assert before == "nnnnoooowwwwxxxx,0.99,64"


def test_csv_has_every_setting(sweep: Lab, gitexp: Gitexp) -> None:
    head, first = gitexp("log", "--csv", "-n", "1").stdout.splitlines()
    assert head.split(",")[-9:-4] == ["lr", "setting:seed", "optimizer.name", "optimizer.lr", "model.width"]
    assert first.split(",")[-6:-4] == ["0.1", "64"]


def test_a_rerun_of_a_run_that_is_there_is_no_replicate_of_it(sweep: Lab, gitexp: Gitexp) -> None:
    recipe = {"recipe.toml": RECIPE.format(seed=2, lr=0.1)}
    again = write_run(
        sweep, "zzzzoooowwwwxxxx", finished="2026-11-21T10:00:00Z", metrics={"val.acc": 0.99}, seed=2, files=recipe,
        kind="rerun", reproduces=IDS[3],
    )  # fmt: skip
    done = gitexp("log", "--group", "--json")
    assert [sorted(group["runs"]) for group in done.json["groups"]] == [IDS[2:], IDS[:2]]
    assert done.stderr == "1 rerun of runs that are there: left out, as no replicates\n"
    alone = gitexp("log", "--group", "--json", IDS[2], "zzzzoooowwwwxxxx").json["groups"]
    assert [len(group["runs"]) for group in alone] == [2]  # its original is not among them
    found = gitexp("diff", "optimizer.lr == 0.01", "optimizer.lr == 0.1", "--json").json
    assert "1 rerun of B's own runs: left out, as no replicates" in found["unfair"]
    assert [run["id"] for run in found["groups"]["b"]] == [IDS[3], IDS[2]]
    assert "left out, as no replicates" in gitexp("plot", "val.acc", "--group").stderr
    assert gitexp("report", "-o", "page.html").exit_code == 0 and again
    text = (sweep.path / "page.html").read_text()
    assert '"repeats":[true,false,false,false,false]' in text
