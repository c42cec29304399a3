"""`gitexp verify`: what is wrong with a record is named in a line, whoever wrote it; what is right is left alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from contract.reader import breaches
from contract.test_reader import SCRIPT, forge
from harness import Lab, Result
from records import commit_files, write_run
from scenarios.test_hostile_records import within_bounds

DIGITS = Path(__file__).parents[2] / "recipes" / "digits-mlp"
RECIPE = """\
[run]
command = ["sh", "small.sh"]
[data]
readme = "README"
[metrics]
goal = { loss = "min" }
"""


@pytest.fixture
def small(lab: Lab) -> Lab:
    """A clone with one run of a small recipe, with a metric, a dataset and an artifact."""
    lab.write("small.sh", SCRIPT)
    lab.write("recipes/small.toml", RECIPE)
    lab.commit("a recipe")
    assert lab.gitexp("run", "small").exit_code == 0
    return lab


def verified(lab: Lab, *args: str) -> Result:
    return lab.gitexp("verify", *(args or ("--all",)))


def test_a_sound_run_has_no_problem_and_says_so(small: Lab) -> None:
    found = verified(small, "latest")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "1 run, 0 events: no problem\n")


def tampered(lab: Lab, name: str, old: str, new: str) -> Result:
    """What is said of the branch once its latest record says something else, and nobody knows that it ever did not."""
    forge(lab, name, old, new)
    lab.git("reflog", "expire", "--expire=all", "refs/heads/experiments")
    return verified(lab)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("run.toml", 'status = "completed"', 'status = "done"', 'status "done"'),
        ("run.toml", "exit_code = 0", "exit_code = 1", "completed, but not by exiting with 0"),
        ("run.toml", "exit_code = 0", 'exit_code = "0"', "exit_code must be int, not str"),
        ("run.toml", "+00:00", "+01:00", "is not in UTC"),
        ("run.toml", 'cwd = "."', 'cwd = "../.."', "cwd leads out of code/"),
        ("run.toml", "finished = 20", "finished = 21", "finished is not the author date of the commit"),
        ("run.toml", "clean = true", "clean = false", "code/ is said to differ from its commit, and does not"),
        ("run.toml", "[summary]", "[summery]", "[summary] is not there, by the history it is row 1"),
        ("history.csv", "1,", "2,", "is not what [history] digest says"),
        ("metrics.toml", "0.5", "0.25", 'metrics.toml: "loss" is 0.25, by the history 0.5'),
        ("metrics.toml", "loss", "lass", "have other metrics"),
        ("artifacts.xxh128", "  ", " ", "artifacts.xxh128: it:1: not a digest"),
        ("artifacts.xxh128", "y", "../y", "leads elsewhere"),
        ("data.toml", "files = 1", "files = 2", "has 2 files by data.toml, 1 by its manifest"),
        ("data.toml", "xxh128:", "xxh128:0", "is no digest"),
        ("output.log", "\n", "\n" * 70_000, "output.log has 70,005 bytes"),
        ("message", "Gitexp-Status: completed", "Gitexp-Status: failed", "its trailers are not those of run.toml"),
        ("message", "author Ada", "encoding Latin-1\nauthor Ada", "must be UTF-8 without an encoding header"),
    ],
)
def test_what_another_reader_of_the_page_sees_is_named_too(
    small: Lab, name: str, old: str, new: str, words: str
) -> None:
    found = tampered(small, name, old, new)
    assert found.exit_code == 1
    assert words in found.stdout
    assert small.git("rev-parse", "--short=12", "experiments").strip() in found.stdout
    assert breaches(small.path) != []


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("run.toml", "files = 1", "files = 2", "run.toml says that 2 files were saved, artifacts.xxh128 has 1"),
        ("run.toml", "size_bytes = 2", "size_bytes = 3", "run.toml says that 3 bytes were saved, artifacts.sizes 2"),
        ("artifacts.sizes", "  ", "   ", "artifacts.sizes has not each digest"),
        ("artifacts.sizes", "2\n", "2\n0", "artifacts.sizes has not each digest"),
        ("run.toml", "[artifacts]", "[artefacts]", "run.toml says nothing of what was saved"),
        ("run.toml", "rows = 1\n", "rows = 2\n", "is the whole history, and run.toml says that it is 1 of 2 rows"),
        ("recipe.toml", "[run]", "seed = 8\n\n[run]", "seed is None, that of the recipe 8"),
        ("recipe.toml", '    "small.sh",\n', "", '[run] command of the recipe ["sh"]'),
        ("recipe.toml", "readme =", "other =", "data.toml has other datasets than [data] of recipe.toml"),
        ("recipe.toml", '"min"', '"least"', "metrics.goal.loss: expected"),
        ("requirements.txt", "\n", "\nevil==6.6.6\n", "installs evil 6.6.6, environment.toml has none"),
        (
            "run.toml",
            '"small.sh"',
            '"other.sh"',
            'argv is ["sh", "other.sh"], [run] command of the recipe ["sh", "small.sh"]',
        ),
        ("run.toml", "[history]", '[variables]\nGITEXP_SEED = "7"\n\n[history]', 'GITEXP_SEED is "7", seed None'),
        ("run.toml", 'kind = "run"', 'kind = "smoke"', "GITEXP_SMOKE says other than kind = smoke"),
        ("message", "small: loss 0.5", "small: loss 0.4", 'the subject says "loss 0.4", metrics.toml 0.5'),
        ("message", "loss 0.5", "loss 0.5, acc 0.9", 'the subject says "acc 0.9", metrics.toml nothing of it'),
        ("message", "\nGitexp-Code", "\ngitexp-verdict: bitwise\nGitexp-Code", '"gitexp-verdict: bitwise"'),
        ("message", "\nGitexp-Code", "\nGitexp-Verdict:bitwise\nGitexp-Code", '"Gitexp-Verdict:bitwise"'),
        ("message", "\nGitexp-Code", "\n and more\nGitexp-Code", '"Gitexp-Recipe: small and more"'),
    ],
)
def test_what_only_the_product_looks_at_is_named(small: Lab, name: str, old: str, new: str, words: str) -> None:
    found = tampered(small, name, old, new)
    assert found.exit_code == 1
    assert words in found.stdout


def test_what_the_recipe_puts_into_the_command_is_held_against_what_ran(lab: Lab) -> None:
    words = '"-c", "true", "{lr}", "{{}}", "{sizes}", "-s{seed}", "{data.d}", "{output}/x", "{token}"'
    recipe = f'seed = 3\nlr = 1e-5\nsizes = [1, 2]\ntoken = "ghp_{"a1B2" * 9}"\n[run]\ncommand = ["sh", {words}]\n'
    lab.write("recipes/full.toml", f'{recipe}[data]\nd = "README"\n')
    lab.commit("a recipe")
    assert lab.gitexp("run", "full").exit_code == 0
    assert verified(lab).stderr == "1 run, 0 events: no problem\n"
    assert "argv is" in tampered(lab, "recipe.toml", "lr = 1e-05", "lr = 1e-4").stdout
    forge(lab, "recipe.toml", "lr = 1e-4", "lr = 1e-05")
    assert "argv is" in tampered(lab, "recipe.toml", "    2,\n", "    2,\n    3,\n").stdout


def test_a_run_that_stands_on_nothing_is_named(small: Lab) -> None:
    parent = small.git("log", "-1", "--format=parent %P", "experiments")
    assert (
        "is a root, and not the one that all experiments branches share"
        in tampered(small, "message", parent, "").stdout
    )


def test_a_record_that_is_not_the_latest_is_checked_by_all_and_by_name(small: Lab) -> None:
    tampered(small, "metrics.toml", "0.5", "0.25")
    assert small.gitexp("run", "small").exit_code == 0
    assert verified(small, "latest").exit_code == 0
    assert 'metrics.toml: "loss" is 0.25' in verified(small, "latest~1").stdout
    found = verified(small, "--all", "--json")
    assert found.exit_code == 1
    assert [(one["run"] != "", one["what"]) for one in found.json["problems"]] == [
        (True, 'its message: the subject says "loss 0.5", metrics.toml 0.25'),
        (True, 'metrics.toml: "loss" is 0.25, by the history 0.5'),
    ]


def test_bytes_of_artifacts_and_data_are_read_again_where_asked(small: Lab) -> None:
    digest = small.show("experiments:artifacts.xxh128")[:32]
    path = small.path / ".git/gitexp/objects/xxh128" / digest[:2] / digest[2:]
    assert verified(small, "--data").stderr.startswith("1 object of data and artifacts read; 1 are not here")
    path.chmod(0o600)
    path.write_text("z\n")
    assert verified(small).exit_code == 0
    found = verified(small, "--data")
    assert found.exit_code == 1
    assert f"the bytes of {digest} in the object store are others by now" in found.stdout


LONG = """\
import json, os
with open(os.environ["GITEXP_METRICS"], "a") as log:
    for step in range(20_000):
        log.write(json.dumps({"step": step, "loss": 1 / (step + 1), "acc": step / 20_000}) + "\\n")
"""


def test_a_sample_of_a_history_is_held_against_the_whole_where_that_is_here(lab: Lab) -> None:
    lab.write("long.py", LONG)
    lab.write("recipes/long.toml", '[run]\ncommand = ["python", "long.py"]\n[metrics]\ngoal = { acc = "max" }\n')
    lab.commit("a recipe")
    assert lab.gitexp("run", "long").exit_code == 0
    assert "not looked at: 1 × history of which git has a sample, without its whole" in verified(lab).stderr
    assert verified(lab, "--data").stderr == "1 object of data and artifacts read\n1 run, 0 events: no problem\n"
    history = lab.show("experiments:history.csv").splitlines()
    tampered(lab, "history.csv", history[40], history[40].replace("0.", "0.5"))
    assert (verified(lab).exit_code, verified(lab, "--data").exit_code) == (0, 1)
    assert "history.csv is no sample of the whole history" in verified(lab, "--data").stdout


SPLITS = """
[datasets.rows]
path = "rows.csv"
[datasets.rows.splits.train]
fraction = 0.8
seed = 3
[datasets.rows.splits.test]
rest = true
[datasets.rows.samples.few]
count = 4
seed = 1
of = "train"
"""


def test_rows_of_splits_are_drawn_again(lab: Lab) -> None:
    lab.write("rows.csv", "a,b\n" + "".join(f"{number},x\n" for number in range(50)))
    (lab.path / "gitexp.toml").write_text((lab.path / "gitexp.toml").read_text() + SPLITS)
    lab.write("recipes/rows.toml", '[run]\ncommand = ["true"]\n[data]\nrows = { name = "rows" }\n')
    lab.commit("data with splits")
    assert lab.gitexp("run", "rows").exit_code == 0
    assert verified(lab).stderr == "1 run, 0 events: no problem\n"
    assert "rows = 40" in lab.show("experiments:data.toml")
    found = tampered(lab, "data.toml", "seed = 3", "seed = 4")
    assert 'data.toml: rows: "train" has not the rows that its rule and seed give it' in found.stdout


@pytest.fixture
def rerun(small: Lab) -> Lab:
    """The same run done once more, to the bit."""
    assert small.gitexp("rerun", "latest", "--yes").exit_code == 0
    assert 'grade = "bitwise"' in small.show("experiments:verdict.toml")
    return small


def test_a_verdict_that_follows_from_both_records_has_no_problem(rerun: Lab) -> None:
    assert verified(rerun).stderr == "2 runs, 0 events: no problem\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("values = 1", "values = 100", "by the two records it is {'values': 1"),
        ("attempt = 1", "attempt = 2", "is no record of"),
        ('grade = "bitwise"', 'grade = "metrics"', "the grade is metrics, by the two records it is bitwise"),
        ('grade = "bitwise"', 'grade = "superb"', "'superb' is not a grade"),
    ],
)
def test_a_verdict_is_computed_again(rerun: Lab, old: str, new: str, words: str) -> None:
    found = tampered(rerun, "verdict.toml", old, new)
    assert words in found.stdout
    assert breaches(rerun.path) != []


def test_a_verdict_that_its_own_run_toml_contradicts_is_named(rerun: Lab) -> None:
    found = tampered(rerun, "verdict.toml", 'rerun = "completed"', 'rerun = "failed"')
    assert "it says that the rerun ended as failed, run.toml completed" in found.stdout


def test_a_verdict_on_a_run_that_is_not_here_is_counted(rerun: Lab, tmp_path: Path) -> None:
    alone = Lab(tmp_path / "alone", rerun.env)
    rerun.git("clone", "-q", "--depth", "1", "-b", "experiments", f"file://{rerun.path}", str(alone.path))
    assert (
        "1 × verdict on a run that is not here, or of a newer format, which was not computed again"
        in verified(alone).stderr
    )


def test_a_verdict_on_a_record_of_a_newer_format_is_counted(rerun: Lab) -> None:
    blob = rerun.git("hash-object", "-w", "--stdin", feed="format = 2\n").strip()
    tree = rerun.git("mktree", feed=f"100644 blob {blob}\trun.toml\n").strip()
    newer = rerun.git("commit-tree", tree, "-m", "newer").strip()
    found = tampered(rerun, "verdict.toml", rerun.toml("verdict.toml")["commit"], f"sha1:{newer}")
    assert "1 × verdict on a run that is not here, or of a newer format, which was not computed again" in found.stderr


def test_an_attempt_after_one_that_completed_is_named(small: Lab) -> None:
    run = small.show("experiments:run.toml").replace("attempt = 1", "attempt = 2")
    message = small.git("log", "-1", "--format=%B", "experiments").replace("-Status", "-Attempt: 2\nGitexp-Status")
    commit_files(small, {"run.toml": run}, message=message)
    assert "goes on with" in verified(small).stdout
    assert "which completed" in verified(small).stdout


def test_a_branch_that_was_set_back_is_named_by_the_reflog(small: Lab) -> None:
    gone = tip(small)
    assert small.gitexp("run", "small").exit_code == 0
    assert verified(small).exit_code == 0
    small.git("update-ref", "-m", "oops", "refs/heads/experiments", "experiments~2")
    found = verified(small)
    assert found.exit_code == 1
    assert "is no longer in refs/heads/experiments, which was set back from it: oops" in found.stdout
    small.git("update-ref", "refs/heads/experiments", f"{gone}")
    assert verified(small).exit_code == 1  # the second run is still lost


def test_a_server_that_was_set_back_is_named_though_all_is_here(small: Lab, hub: Lab) -> None:
    small.git("remote", "add", "origin", str(hub.path))
    assert small.gitexp("push").exit_code == 0
    assert small.gitexp("run", "small").exit_code == 0
    assert small.gitexp("push").exit_code == 0
    hub.git("update-ref", "refs/heads/experiments", "experiments~1")
    small.git("fetch", "-q")
    lost = "is no longer in refs/remotes/origin/experiments, which was set back from it: fetch -q: forced-update\n"
    found = verified(small)
    assert found.exit_code == 1
    assert found.stdout.startswith(f"{tip(small)[:12]} ") and found.stdout.endswith(f"  {lost}")
    assert small.gitexp("push").exit_code == 0
    assert verified(small).exit_code == 0


def test_an_object_that_is_missing_or_damaged_is_named(small: Lab) -> None:
    blob = small.git("rev-parse", "experiments:metrics.toml").strip()
    path = small.path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    other = small.git("hash-object", "-w", "--stdin", feed="loss = 0.25\n").strip()
    path.write_bytes((small.path / ".git/objects" / other[:2] / other[2:]).read_bytes())
    found = verified(small)
    assert "metrics.toml is no blob, or damaged: its bytes are not those of its id" in found.stdout
    path.unlink()
    found = verified(small)
    assert found.exit_code == 1
    assert "metrics.toml is missing from this clone" in found.stdout
    assert f"missing: {blob}" in found.stdout


def test_a_file_where_a_folder_should_be_and_the_other_way_round_are_named(small: Lab) -> None:
    run, code = (small.git("rev-parse", f"experiments:{name}").strip() for name in ("run.toml", "code"))
    old = raw(small, "cat-file", "tree", "experiments^{tree}")
    for there, other, words in [
        (code, run, "code/ is no tree, or damaged: its bytes are not those of its id"),
        (run, code, "its record is no blob, or damaged: its bytes are not those of its id"),
    ]:
        tree = old.replace(bytes.fromhex(there), bytes.fromhex(other))
        oid = raw(small, "hash-object", "-t", "tree", "-w", "--stdin", feed=tree)
        commit = small.git("cat-file", "commit", "experiments")
        commit = commit.replace(commit[5:45], oid.decode().strip(), 1)
        forged = small.git("hash-object", "-t", "commit", "-w", "--stdin", feed=commit).strip()
        found = verified(small, forged)
        assert found.exit_code == 1
        assert words in found.stdout


def test_what_cannot_be_looked_at_is_counted_and_is_no_problem(small: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other", small.env)
    small.git("init", "-q", str(other.path))
    other.git("fetch", "-q", str(small.path), "experiments:experiments")
    found = verified(other)
    assert (found.exit_code, found.stdout) == (0, "")
    assert "not looked at: 1 × run whose code commit is not here, to hold code/ against it" in found.stderr
    shallow = Lab(tmp_path / "shallow", small.env)
    small.git("clone", "-q", "--depth", "1", "-b", "experiments", f"file://{small.path}", str(shallow.path))
    found = verified(shallow)
    assert (found.exit_code, found.stdout) == (0, "")
    assert "not looked at: 1 × commit below which nothing was fetched: the clone is shallow" in found.stderr


def test_two_commits_with_one_key_are_named(small: Lab) -> None:
    commit = small.git("cat-file", "commit", "experiments").replace("committer Ada", "committer Bob")
    commit = commit.replace(small.git("log", "-1", "--format=%P", "experiments").strip(), tip(small))
    twin = small.git("hash-object", "-t", "commit", "-w", "--stdin", feed=commit).strip()
    small.git("update-ref", "refs/heads/experiments", twin)
    assert f"has the id and attempt of {twin[:12]}: one of them was not written by that run" in verified(small).stdout


def test_an_event_about_nothing_and_one_that_changes_the_tree_are_named(small: Lab) -> None:
    assert small.gitexp("note", "latest", "-m", "fine", "--outcome", "kept").exit_code == 0
    assert small.gitexp("tag", "latest", "good").exit_code == 0
    assert small.gitexp("decide", "adopt it", "--because", "good").exit_code == 0
    assert verified(small).stderr == "1 run, 3 events: no problem\n"
    body = 'note: x\n\noutcome = "superb"\n\nGitexp-Event: note\nGitexp-About: kkkkkkkkkkkkkkkk\n'
    commit_files(small, {"run.toml": "x"}, message=body)
    found = verified(small)
    assert [line.split("  ", 1)[1] for line in found.stdout.splitlines()] == [
        "changes the tree: what is no run has that of its first parent",
        "its payload lacks text",
        'its outcome is "superb", none of kept, rejected, inconclusive',
        "is about 'kkkkkkkkkkkkkkkk', and no such run is on the branch",
    ]


KINDS = ("note", "tag", "untag", "retract", "reinstate", "baseline", "unbaseline", "decision", "merge", "later")


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_any_kind_with_a_payload_of_any_type_is_a_line_and_no_crash(small: Lab, kind: str) -> None:
    body = "because = [1, {a = 1}]\ntext = 3\ninstead = [2]\nfrom = {}\nname = 1979-05-27\nwhy = nan\nrecipe = true"
    commit_files(small, {"run.toml": "x"}, message=f"x\n\n{body}\n\nGitexp-Event: {kind}\nGitexp-About: x\n")
    found = verified(small)
    assert found.exit_code == 1
    assert "Traceback" not in found.stderr


def test_a_manifest_of_very_many_artifacts_costs_little_memory(small: Lab) -> None:
    digests = [f"{number:032x}" for number in range(300_000)]
    manifest = "".join(f"{digest}  a/{digest}\n" for digest in digests)
    sizes = "".join(f"{digest}  5\n" for digest in digests)
    write_run(small, "kkkkllllmmmmnnnn", files={"artifacts.xxh128": manifest, "artifacts.sizes": sizes})
    assert "its tree has no README.md" in within_bounds(small, "verify", "kkkk")


def tip(lab: Lab) -> str:
    return lab.git("rev-parse", "experiments").strip()


def raw(lab: Lab, *args: str, feed: bytes = b"") -> bytes:
    """What git prints, of what is no text."""
    return subprocess.run(["git", *args], cwd=lab.path, env=lab.env, input=feed, capture_output=True, check=True).stdout
