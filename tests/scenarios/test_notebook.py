"""`gitexp.runs()` and `gitexp.history()` in a program of the user's, anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness import Lab

LOG = """printf '{"step": 1, "acc": 0.5}\\n{"step": 2, "acc": 0.75, "loss": 3}\\n' >> "$GITEXP_METRICS" """


def python(lab: Lab, code: str, *, cwd: Path) -> object:
    done = lab.command(sys.executable, "-c", f"import gitexp, json\n{code}", cwd=cwd)
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def test_rows_are_plain_and_come_from_any_folder(lab: Lab, tmp_path: Path) -> None:
    lab.gitexp("run", "-m", "first", "--", "sh", "-c", LOG)
    lab.gitexp("run", "-m", "second", "--", "sh", "-c", LOG, "x", "--lr", "0.1")
    code = f"""
runs = gitexp.runs(where="acc > 0.7", path={str(lab.path)!r})
print(json.dumps([[row["message"], row["metrics"], type(row).__name__] for row in runs]))
"""
    assert python(lab, code, cwd=tmp_path) == [
        ["second", {"acc": 0.75, "loss": 3}, "dict"],
        ["first", {"acc": 0.75, "loss": 3}, "dict"],
    ]


def test_a_history_has_its_rows_and_series_and_both_tables(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", LOG)
    code = """
runs = gitexp.runs()
logged = gitexp.history(runs[0])
again = gitexp.history("latest")
from gitexp.history.read import Run
frame, other = logged.to_pandas(), logged.to_polars()
table, columns = runs.to_pandas(), runs.to_polars().columns
print(json.dumps([[row.get("loss") for row in logged], logged.series("acc").values, again == logged, logged.is_sample,
    frame["acc"].tolist(), other["loss"].to_list(), table["metrics.acc"].tolist(), "metrics.loss" in columns]))
"""
    assert python(lab, code, cwd=lab.path) == [
        [None, 3], [0.5, 0.75], True, False, [0.5, 0.75], [None, 3], [0.75], True,
    ]  # fmt: skip


def test_what_a_notebook_shows_is_escaped(lab: Lab) -> None:
    lab.gitexp("run", "-m", "<script>alert(1)</script>", "--", "sh", "-c", LOG)
    shown = python(lab, "print(json.dumps(gitexp.runs()._repr_html_()))", cwd=lab.path)
    assert "<script>" not in str(shown)
    assert "&lt;script&gt;" in str(shown)


def test_importing_gitexp_imports_none_of_it(lab: Lab) -> None:
    code = "import sys; print(json.dumps([m for m in sys.modules if m.startswith('gitexp.')]))"
    assert python(lab, code, cwd=lab.path) == []
