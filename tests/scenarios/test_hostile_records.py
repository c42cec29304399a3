"""Records made to cost whoever reads them: each command answers with an exit code of the table, within 100 MB.

That the memory stays small is what keeps the time short: nobody builds a million of anything.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import GITEXP, Lab
from records import commit_files, run_toml, write_run

A, B = "kkkkllllmmmmnnnn", "lllloooovvvvwwww"
LINES = 300_000
MANIFEST = "".join(f"{number:032x}  a/{number:07}.bin\n" for number in range(LINES))
WHEN = "2026-11-20T10:00:00Z"


# A process starts with the peak of the one that started it, and pytest is large: so a small one starts gitexp.
WATCH = """\
import os, sys
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(".git/peak", "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""


def within_bounds(lab: Lab, *args: str) -> str:
    """Run gitexp; what it said. It ends with one of the table's exit codes, and neither it nor its git had 100 MB."""
    result = lab.command(sys.executable, "-I", "-c", WATCH, GITEXP, *args)
    words = result.stdout + result.stderr
    assert result.exit_code in (0, 1, 2, 3), words[-3000:]
    assert "Traceback" not in words
    peak = int((lab.path / ".git/peak").read_text())
    assert peak < 100 << 10, f"gitexp {' '.join(args)} took {peak >> 10} MB"
    return words


def test_a_manifest_of_very_many_artifacts_costs_little_memory(fresh: Lab, tmp_path: Path) -> None:
    write_run(fresh, A, files={"artifacts.xxh128": MANIFEST})
    assert "and 299,990 more" in within_bounds(fresh, "show", A)
    assert '"artifacts_count": 300000' in within_bounds(fresh, "show", A, "--json")[-2000:]
    within_bounds(fresh, "data", "gc", "--dry-run")
    assert "Not everything could be brought here" in within_bounds(fresh, "get", A, "--to", str(tmp_path / "all"))
    one = within_bounds(fresh, "get", A, "a/0299999.bin", "--to", str(tmp_path / "one"))
    assert "a/0299999.bin" in one and "it is not in the object store" in one
    assert "The run has no dataset, artifact or file a/x" in within_bounds(
        fresh, "get", A, "a/x", "--to", str(tmp_path)
    )


def test_what_a_long_manifest_lists_is_kept_by_gc(fresh: Lab) -> None:
    fresh.write("saved", "bytes")
    digest = fresh.command("xxhsum", "-H2", "saved").stdout[:32]
    objects = fresh.path / ".git/gitexp/objects/xxh128"
    (objects / digest[:2]).mkdir(parents=True)
    (objects / digest[:2] / digest[2:]).write_text("bytes")
    assert "0 are needed; 1 not needed but younger" in within_bounds(fresh, "data", "gc", "--dry-run")
    write_run(fresh, A, files={"artifacts.xxh128": f"{MANIFEST}{digest}  b\n"})
    assert "0 objects (0 B) would be removed; 1 are needed" in within_bounds(fresh, "data", "gc", "--dry-run")


def test_a_commit_message_of_a_million_trailers_is_one_run_that_cannot_be_read(fresh: Lab) -> None:
    write_run(fresh, A)
    record = {"run.toml": run_toml(B, finished=WHEN, recipe="x", status="completed"), "metrics.toml": ""}
    commit = commit_files(fresh, {**record}, message="x\n\n" + f"Gitexp-Run: {B}\n" * 300_000)
    assert "its Gitexp-Run is not a run id" in within_bounds(fresh, "log")
    within_bounds(fresh, "log", "--json")
    within_bounds(fresh, "show", commit)
    within_bounds(fresh, "diff", A, commit)


@pytest.mark.parametrize("name", ["run.toml", "metrics.toml", "recipe.toml", "data.toml", "environment.toml", "code"])
def test_a_folder_where_a_file_should_be_is_named(fresh: Lab, name: str) -> None:
    commit = write_run(fresh, A)
    write_run(fresh, B)
    fresh.git("read-tree", f"{commit}^{{tree}}")
    fresh.git("rm", "-rqf", "--cached", "--ignore-unmatch", name)
    blob = fresh.git("hash-object", "-w", "--stdin", feed="x").strip()
    fresh.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}{'' if name == 'code' else '/x'}")
    tree = fresh.git("write-tree").strip()
    bad = fresh.git("commit-tree", tree, "-m", f"x\n\nGitexp-Run: {A}\n", "-p", "experiments").strip()
    fresh.git("update-ref", "refs/heads/experiments", bad)
    for args in (
        ["log"],
        ["log", "--json"],
        ["show", bad],
        ["show", bad, "--json"],
        ["diff", B, bad],
        ["get", bad, "--to", "x"],
    ):
        within_bounds(fresh, *args)
    within_bounds(fresh, "diff", B, bad, "--patch")
    within_bounds(fresh, "data", "gc", "--dry-run")


def test_files_of_a_record_that_are_huge_are_not_even_read(fresh: Lab) -> None:
    write_run(fresh, A)
    huge = {
        f"{name}.toml": f"x = '{'y' * (40 << 20)}'\n" for name in ("run", "metrics", "recipe", "data", "environment")
    }
    write_run(fresh, B, files=huge)
    assert "run.toml is larger than 2 MiB" in within_bounds(fresh, "log")
    within_bounds(fresh, "show", B)
    within_bounds(fresh, "diff", A, B)
    within_bounds(fresh, "data", "gc", "--dry-run")
    within_bounds(fresh, "data", "list")
    within_bounds(fresh, "status")


def test_an_output_without_end_is_shown_to_its_limit(fresh: Lab) -> None:
    write_run(fresh, A, status="failed", exit_code=1, files={"output.log": "x" * (50 << 20)})
    within_bounds(fresh, "show", A)
    within_bounds(fresh, "show", A, "--output")


def test_a_pulled_tree_with_huge_files_of_settings_is_refused(fresh: Lab) -> None:
    write_run(fresh, A)
    with (fresh.path / "recipe.toml").open("w") as huge:
        huge.truncate(400 << 20)
    assert "recipe.toml: it has more than 2,097,152 characters" in within_bounds(fresh, "check", "recipe.toml")
    (fresh.path / "recipe.toml").rename(fresh.path / "gitexp.toml")
    assert "gitexp.toml: it has more than 2,097,152 characters" in within_bounds(fresh, "log")


def test_a_pulled_file_of_settings_that_is_tried_again_at_every_line_is_refused_at_once(fresh: Lab) -> None:
    fresh.write("gitexp.toml", 'a = """\n' + "b = 1\n" * 200_000)
    assert "Unterminated string" in within_bounds(fresh, "log")


def test_where_metrics_were_seen_and_who_started_the_program_are_shown_escaped_and_cut(fresh: Lab) -> None:
    evil = r"\u001b]0;x\u0007" + "k" * 500_000
    seen = f'seen = [{{ kind = "{evil}", rows = -1, metrics = 2, path = "{evil}" }}]\n'
    launcher = f'[launcher]\npath = "{evil}"\nhow = 3\npackages = 3\n'
    write_run(fresh, A)
    write_run(
        fresh,
        B,
        files={
            "run.toml": seen + run_toml(B, finished=WHEN, recipe="tiny", status="completed"),
            "environment.toml": launcher,
            "settings.toml": evil,
        },
    )
    for args in (["show", B], ["diff", A, B]):
        words = within_bounds(fresh, *args)
        assert len(words) < 10_000
        assert "\x1b" not in words
