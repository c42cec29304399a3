"""What reruns said of a run: in `show`, `log`, `diff` and the report."""

from __future__ import annotations

import re

import pexpect
from harness import Gitexp, Lab, at_terminal
from records import RECIPE, write_run

from gitexp import notebook
from gitexp.record.identity import RunId
from gitexp.record.verdict import Counts, Divergence, Ending, InputDifference, Verdict, dump_verdict

A, B, C, D = "kkkkllllmmmmnnnn", "llllmmmmnnnnoooo", "mmmmnnnnoooopppp", "nnnnooooppppqqqq"


def put(lab: Lab) -> None:
    """A run, reproduced by Bob and not by Eve."""
    commit = write_run(lab, A)
    same = Verdict(
        RunId(A), 1, f"sha1:{commit}", "bitwise", "all that was compared is the same",
        Ending("completed", "completed"), Counts(6, 1),
    )  # fmt: skip
    other = same._replace(
        grade="different",
        reason="beyond the tolerance: val.acc\x1b[2J",
        different=Counts(3, 1),
        divergence=Divergence("val.acc", 2, 3, 0.5, 0.25),
        inputs_count=2,
        inputs=(
            InputDifference("packages", "numpy", "2.1.0", "2.2.0"),
            InputDifference("hardware", "cuda", "none", None),
        ),
    )
    for run_id, who, verdict in ((B, "Bob", same), (C, "Eve", other)):
        files = {"verdict.toml": dump_verdict(verdict)}
        write_run(
            lab, run_id, author=f"{who} <x@y>", kind="rerun", reproduces=A, files=files, finished="2026-11-21T10:00:00Z"
        )


def test_show_says_who_reproduced_a_run_on_what_and_with_which_grade(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    shown = gitexp("show", A).stdout
    assert "reproduced  1 of 2 times\n" in shown
    assert "            bitwise by Bob on Example CPU · 2 cores, " in shown
    assert "            different by Eve on Example CPU · 2 cores, " in shown
    run = gitexp("show", A, "--json").json["run"]
    assert [(one["id"], one["grade"], one["author"], one["passes"]) for one in run["reruns"]] == [
        (B, "bitwise", "Bob", True),
        (C, "different", "Eve", False),
    ]
    assert run["verdict"] is None


def test_show_of_a_rerun_has_its_verdict(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    shown = gitexp("show", C).stdout
    assert (
        "verdict   different: beyond the tolerance: val.acc\\x1b[2J  (6 logged values and 1 final value compared)\n"
        in shown
    )
    assert "          first differs: val.acc at step 2: 0.5, then 0.25\n" in shown
    assert "          inputs that differ: packages numpy 2.1.0 → 2.2.0; hardware cuda none → (none)\n" in shown
    verdict = gitexp("show", C, "--json").json["run"]["verdict"]
    assert (verdict["grade"], verdict["divergence"]["step"], verdict["different"]["values"]) == ("different", 2, 3)


def test_show_names_a_verdict_that_contradicts_its_record(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A)
    verdict = dump_verdict(Verdict(RunId(C), 1, f"sha1:{commit}", "bitwise"))
    write_run(fresh, B, kind="rerun", reproduces=A, files={"verdict.toml": verdict})
    shown = gitexp("show", B)
    assert shown.exit_code == 0
    assert f"verdict.toml is about {C}, run.toml says that it is of {A}" in shown.stdout


def test_a_verdict_that_was_written_by_hand_is_no_reproduction_and_show_says_why(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A)
    by_hand = f'run = "{A}"\nattempt = 1\ncommit = "sha1:{commit}"\ngrade = "bitwise"\n'
    for run_id, kind, status in ((B, "rerun", "completed"), (C, "rerun", "failed"), (D, "run", "completed")):
        write_run(fresh, run_id, kind=kind, status=status, reproduces=A, files={"verdict.toml": by_hand})
    assert "reproduced" not in gitexp("show", A).stdout
    for run_id, why in (
        (B, "nothing was compared, and it says bitwise"),
        (C, "it says that the rerun ended as completed, run.toml failed"),
        (D, "by its run.toml the run is no rerun"),
    ):
        assert f"verdict.toml counts for nothing: {why}\n" in gitexp("show", run_id).stdout
        assert gitexp("show", run_id, "--json").json["run"]["verdict"] is None


def test_a_failure_of_which_nobody_knows_why_is_no_reproduction(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A, status="failed", exit_code=1)
    for run_id, words in ((B, "failed (exit code 1)"), (C, "failed (exit code 1): KeyError: 'x'")):
        ending = Ending(words, words)
        text = dump_verdict(Verdict(RunId(A), 1, f"sha1:{commit}", "bitwise", ending=ending))
        keys = {"kind": "rerun", "reproduces": A, "exit_code": 1}
        write_run(fresh, run_id, status="failed", files={"verdict.toml": text}, **keys)
    assert "verdict.toml counts for nothing: nothing was compared, and it says bitwise\n" in gitexp("show", B).stdout
    assert gitexp("show", C, "--json").json["run"]["verdict"]["grade"] == "bitwise"


def test_log_counts_reproductions(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    lines = {line.split()[0]: line for line in gitexp("log").stdout.splitlines()}
    assert "  1 of 2×  " in lines[A[:8]]
    assert "  bitwise  " in lines[B[:8]]
    assert "  different  " in lines[C[:8]]
    assert [run["id"] for run in gitexp("log", "--reproduced", "1", "--json").json["runs"]] == [A]
    assert gitexp("log", "--reproduced", "2", "--json").json["runs"] == []
    runs = {run["id"]: run for run in gitexp("log", "--json").json["runs"]}
    assert (runs[A]["reproduced"], runs[B]["reproduced"], runs[B]["grade"]) == (1, 0, "bitwise")
    assert gitexp("log", "--where", "verdict == 'bitwise'", "--columns", "reproduces,verdict,hardware").stdout == (
        f"run               reproduces  verdict  hardware\n{B}  {A[:8]}    bitwise  Example CPU · 2 cores\n"
    )


def test_on_a_narrow_terminal_settings_give_way_to_verdicts(fresh: Lab) -> None:
    put(fresh)
    tried = RECIPE.replace("lr = 0.01", "lr = 0.0125\nmomentum = 0.95\nweight_decay = 0.0001")
    write_run(fresh, D, files={"recipe.toml": tried}, finished="2026-11-19T10:00:00Z")
    terminal = at_terminal(fresh, "log", columns=60, PAGER="cat", NO_COLOR="1")
    terminal.expect(pexpect.EOF)
    assert terminal.before is not None
    assert "  1 of 2×" in terminal.before and "  0.9" in terminal.before


def test_a_log_without_reruns_has_no_column_for_them(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    assert "verdict" not in gitexp("log").stdout


def test_a_retracted_rerun_says_nothing_any_more(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    assert gitexp("retract", B, "--why", "on the wrong branch").exit_code == 0
    assert gitexp("log", "--reproduced", "1", "--json").json["runs"] == []
    assert "reproduced  0 of 1 time\n" in gitexp("show", A).stdout


def test_diff_of_a_run_and_its_rerun_says_the_grade(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    lines = gitexp("diff", A, B).stdout.splitlines()
    assert "rerun of the other: bitwise" in lines[1]
    assert "rerun of the other" not in gitexp("diff", B, C).stdout


def test_the_report_has_the_verdicts_of_the_reruns_of_its_runs(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    assert gitexp("report", A, "-o", "page.html").exit_code == 0
    text = (fresh.path / "page.html").read_text()
    assert text.count('["verdict","kkkkllllmmmmnnnn","') == 2
    for who, words in (("Bob", "bitwise: on Example CPU"), ("Eve", "different: on Example CPU")):
        assert re.search(rf'\["verdict","{A}","{who}",[0-9.]+,"[0-9a-f]{{12}}","{words}', text)


def test_in_python_a_rerun_has_its_grade(fresh: Lab, gitexp: Gitexp) -> None:
    put(fresh)
    found = {row["id"]: row for row in notebook.runs(path=fresh.path)}
    assert (found[B]["verdict"], found[B]["reproduces"], found[B]["hardware"]) == (
        "bitwise",
        A,
        "Example CPU · 2 cores",
    )
    assert (found[A]["verdict"], found[A]["reproduces"]) == (None, None)
