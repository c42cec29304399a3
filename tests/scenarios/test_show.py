"""`gitexp show` on runs that `gitexp run` made: how each ended, and why."""

from __future__ import annotations

import signal

from harness import Lab


def page(lab: Lab, *args: str) -> list[str]:
    result = lab.well("show", *args)
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_a_failed_run_shows_the_end_of_its_output(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", "seq 30; echo 'ValueError: no such file' >&2; exit 3")
    lines = page(lab)
    assert lines[0].endswith(" sh failed")
    assert "ended exit code 3" in lines
    at = lines.index("output its last 10 lines")
    assert lines[at + 1] == "22"
    assert lines[at + 10] == "ValueError: no such file"
    assert "ValueError: no such file\n" in lab.gitexp("show", "--output").stdout


def test_a_run_that_took_too_long_says_what_its_limit_was(lab: Lab) -> None:
    lab.gitexp("run", "--timeout", "0.2s", "--", "sh", "-c", "sleep 30")
    assert "ended stopped at its limit of 0.2s, signal SIGTERM" in page(lab)


def test_an_interrupted_run_says_by_what(lab: Lab) -> None:
    with lab.start("run", "--", "sh", "-c", "echo ready; exec sleep 30") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    assert "ended stopped by SIGTERM" in page(lab)


def test_what_changed_since_the_run_before_is_said_in_one_line(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", "true", "--lr", "1")
    lab.gitexp("run", "--", "sh", "-c", "true", "--lr", "2")
    before = lab.gitexp("log", "--json").json["runs"][1]["id"]
    assert f"changed lr 1→2 against {before[:8]}" in page(lab)


def test_a_history_that_git_holds_a_sample_of_says_so(lab: Lab) -> None:
    program = """i=0; while [ $i -lt 20000 ]; do echo "{\\"step\\": $i, \\"loss\\": 0.12345678$i}"; i=$((i+1)); done"""
    lab.gitexp("run", "--", "sh", "-c", f'{program} >> "$GITEXP_METRICS"')
    assert any(line.endswith(":history.csv 1000 of 20000 rows") for line in page(lab))


def test_defects_stand_above_the_metrics_that_they_concern(lab: Lab) -> None:
    lab.write(".gitignore", "out.json\n")
    lab.write(
        "recipes/net.toml", '[run]\ncommand = ["sh", "-c", "echo x > out.json"]\n[metrics]\nfiles = ["out.json"]\n'
    )
    lab.commit()
    assert lab.gitexp("run", "net").exit_code == 1
    lines = page(lab)
    assert lines[lines.index("defects") + 1].startswith("out.json: ")
    assert lines.index("defects") < lines.index("metrics none were logged")


def test_a_message_of_several_lines_keeps_them(lab: Lab) -> None:
    lab.gitexp("run", "-m", "first\nsecond", "--", "sh", "-c", "true")
    lines = page(lab)
    assert lines[lines.index("message first") + 1] == "second"


def test_artifacts_are_listed_with_their_sizes(lab: Lab) -> None:
    script = 'head -c 1500 /dev/zero >"$GITEXP_OUTPUT/a.bin"; echo hi >"$GITEXP_OUTPUT/b.txt"'
    assert lab.gitexp("run", "--", "sh", "-c", script).exit_code == 0
    shown = lab.gitexp("show").stdout.partition("artifacts  ")[2].splitlines()
    assert [line.split()[:3] for line in shown[:3]] == [
        ["1.5", "kB", "in"],
        ["a.bin", "1.5", "kB"],
        ["b.txt", "3", "B"],
    ]
