"""What `gitexp run` records is what docs/format.md says, judged by a reader that was written from that page alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, abandoned, make_lab
from servers import absent

DIGITS = Path(__file__).parents[2] / "recipes" / "digits-mlp"
WINE = Path(__file__).parents[2] / "recipes" / "wine-centroid"

TRAIN = """\
import json, os, struct
with open(os.environ["GITEXP_METRICS"], "a") as log:
    for step in range(20_000):
        loss = struct.unpack("f", struct.pack("f", 1 / (step + 1)))[0]
        log.write(json.dumps({"step": step, "loss": float("nan") if step == 7 else loss, "acc": step == 4321}) + "\\n")
"""


def judged(lab: Lab) -> list[str]:
    """What the branch breaks of the format, by the reader of the page, and by gitexp itself."""
    broken = breaches(lab.path, store=lab.path / ".git" / "gitexp" / "objects")
    return broken + lab.gitexp("verify", "--all", "--data").stdout.splitlines()


def test_a_branch_that_was_just_begun(lab: Lab) -> None:
    assert judged(lab) == []


def test_a_completed_run_of_a_recipe_with_data_seed_and_goals(lab: Lab) -> None:
    shutil.copytree(WINE, lab.path / "recipes" / "wine-centroid")
    lab.commit("a recipe")
    assert lab.gitexp("run", "wine-centroid", "--seed", "3", "-m", "one\n\ntwo").exit_code == 0
    assert judged(lab) == []
    assert "Gitexp-Seed: 3\n" in lab.git("log", "-1", "--format=%B", "experiments")


def test_the_recorded_recipe_is_itself_a_recipe_that_resolves_to_the_same_bytes(lab: Lab) -> None:
    shutil.copytree(WINE, lab.path / "recipes" / "wine-centroid")
    lab.commit("a recipe")
    lab.gitexp("run", "wine-centroid", "-s", "eval.folds=3")
    recorded = lab.show("experiments:recipe.toml")
    lab.write("recipes/again.toml", recorded)
    lab.commit("the recorded recipe")
    assert lab.gitexp("run", "again").exit_code == 0
    assert lab.show("experiments:recipe.toml") == recorded
    assert judged(lab) == []


def test_runs_that_failed_each_in_its_own_way(lab: Lab) -> None:
    lab.write("broken", "#!/no/such/interpreter\n").chmod(0o755)
    lab.commit("a program that cannot start")
    lab.gitexp("run", "--", "sh", "-c", "exit 3")
    lab.gitexp("run", "--", "sh", "-c", "kill -SEGV $$")
    lab.gitexp("run", "--", "./broken")
    lab.gitexp("run", "--timeout", "0.2s", "--", "sleep", "30")
    assert judged(lab) == []
    assert lab.git("log", "--format=%(trailers:key=Gitexp-Status,valueonly)", "experiments").split() == [
        "timed-out",
        "failed",
        "failed",
        "failed",
    ]


def test_an_interrupted_and_a_crashed_run(lab: Lab) -> None:
    # In short sleeps: dash forgets a SIGINT that comes while it starts another program, until that has ended.
    stopped = lab.start("run", "--", "sh", "-c", "echo ready; while true; do sleep 0.1; done")
    assert stopped.stdout is not None
    stopped.stdout.readline()
    stopped.send_signal(signal.SIGINT)
    stopped.communicate(timeout=30)
    crashed = lab.start("run", "--", "sh", "-c", "echo $PPID; sleep 1")
    assert crashed.stdout is not None
    os.kill(int(crashed.stdout.readline()), signal.SIGKILL)
    crashed.communicate(timeout=30)
    assert judged(lab) == []
    assert len(lab.runs()) == 2


def test_a_run_that_a_later_command_recorded_does_not_say_that_nothing_was_edited(lab: Lab) -> None:
    abandoned(lab, "--", "sh", "-c", "echo ready; sleep 0.2")
    while not lab.runs():
        lab.gitexp("status")
    assert judged(lab) == []
    assert "edited_count" not in lab.toml("run.toml")["code"]


def test_a_dirty_run_with_untracked_files(lab: Lab) -> None:
    lab.write("README", "changed\n")
    lab.write("new/caf\u00e9.txt", "untracked\n")
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert judged(lab) == []
    assert lab.show("experiments:code/new/caf\u00e9.txt") == "untracked\n"
    assert lab.toml("run.toml")["code"]["changed"] == ["README", "new/caf\u00e9.txt"]


def test_a_run_that_edits_its_own_tree(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", "for n in $(seq 30); do echo > made$n; done")
    assert judged(lab) == []
    assert lab.toml("run.toml")["code"]["edited_count"] == 30


def test_data_of_more_than_16384_files_lies_in_parts(lab: Lab) -> None:
    folder = lab.path / "many"
    folder.mkdir()
    for number in range(16_385):
        os.close(os.open(folder / f"{number:05d}", os.O_CREAT | os.O_WRONLY))
    (folder / "16384").write_text("not empty\n")
    lab.write(".gitignore", "many/\n")
    lab.write("recipes/many.toml", '[run]\ncommand = ["true"]\n[data]\nmany-files = "many"\n')
    lab.commit("a large folder")
    assert lab.gitexp("run", "many").exit_code == 0
    assert judged(lab) == []
    parts = lab.git("ls-tree", "--name-only", "experiments:data/many-files.xxh128").split()
    assert parts == [f"{number:06d}" for number in range(9)]


def test_data_with_every_kind_of_name(lab: Lab) -> None:
    for name in ("line\nfeed", "back\\slash", "return\r", "latin \udcff", " blank ", "-dash", "sub/d\u00e9ep"):
        lab.write(f"odd/{name}", "1")
    lab.write(".gitignore", "odd/\n")
    lab.write("recipes/odd.toml", '[run]\ncommand = ["true"]\n[data]\nodd = "odd"\n')
    lab.commit("odd names")
    assert lab.gitexp("run", "odd").exit_code == 0
    assert judged(lab) == []
    assert lab.toml("data.toml")["odd"]["files"] == 7


def test_data_that_changes_during_the_run_is_a_defect(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "one").write_text("1")
    lab.write(
        "recipes/grow.toml", f'[run]\ncommand = ["cp", "README", "{{data.d}}/two"]\n[data]\nd = "{tmp_path}/outside"\n'
    )
    lab.commit("data outside of the repository")
    assert lab.gitexp("run", "grow").exit_code == 1
    assert judged(lab) == []
    assert len(lab.toml("run.toml")["defects"]) == 1


def test_artifacts_are_in_the_manifest_and_in_the_store(lab: Lab) -> None:
    script = 'mkdir "$GITEXP_OUTPUT/deep"; echo a > "$GITEXP_OUTPUT/deep/b"; printf x > "$GITEXP_OUTPUT/line\nfeed"'
    assert lab.gitexp("run", "--", "sh", "-c", script).exit_code == 0
    assert judged(lab) == []
    assert lab.show("experiments:artifacts.xxh128").count("\n") == 2


def test_files_of_the_users_own_that_the_output_leads_to_are_copied_and_stay_as_they_are(lab: Lab) -> None:
    for name in ("linked/weights", "hard"):
        lab.write(f"build/{name}", f"{name}\n").chmod(0o644)
    lab.write(".gitignore", "build/\n")
    lab.commit("ignored output")
    script = 'ln -s "$PWD/build/linked" "$GITEXP_OUTPUT/deep"; ln build/hard "$GITEXP_OUTPUT/hard"'
    assert lab.gitexp("run", "--", "sh", "-c", script).exit_code == 0
    for name in ("linked/weights", "hard"):
        status = (lab.path / "build" / name).stat()
        assert (status.st_mode & 0o777, status.st_nlink) == (0o644, 1)
        lab.write(f"build/{name}", "the next run's\n")
    assert judged(lab) == []


def test_data_that_vanishes_during_the_run_is_named_by_its_files(lab: Lab) -> None:
    lab.write("gone/a", "1")
    lab.write(".gitignore", "gone/\n")
    lab.write("recipes/gone.toml", '[run]\ncommand = ["rm", "-r", "gone"]\n[data]\nd = "gone"\n')
    lab.commit("a recipe that eats its data")
    assert lab.gitexp("run", "gone").exit_code == 1
    assert lab.toml("run.toml")["defects"] == ["dataset d changed while the program ran: a"]


def test_a_long_history_is_a_sample_and_the_store_has_the_whole(lab: Lab) -> None:
    lab.write("train.py", TRAIN)
    lab.write("recipes/long.toml", '[run]\ncommand = ["python", "train.py"]\n[metrics]\ngoal = { loss = "min" }\n')
    lab.commit("long training")
    assert lab.gitexp("run", "long").exit_code == 0
    assert judged(lab) == []
    about = lab.toml("run.toml")["history"]
    assert (about["rows"], about["kept"]) == (20_000, 1_000)
    assert lab.show("experiments:metrics.toml") == '"loss" = 4.999999873689376e-05\n"acc" = 0\n'


def test_a_long_output_is_cut(lab: Lab) -> None:
    lab.gitexp("run", "--", "seq", "100000")
    assert judged(lab) == []
    assert "bytes cut]\n" in lab.show("experiments:output.log")


def test_a_command_in_a_subfolder_with_words_that_look_like_trailers(lab: Lab) -> None:
    lab.write("sub/dir/x", "")
    lab.commit("a subfolder")
    message = "Signed-off-by: me\n\n---\nGitexp-Run: kkkkkkkkkkkkkkkk\n\n# not a comment\n\n\nlast"
    lab.gitexp(
        "run", "-m", message, "--", "sh", "-c", "true", "caf\u00e9", "\udcff", "a\nb", cwd=lab.path / "sub" / "dir"
    )
    assert judged(lab) == []
    run = lab.toml("run.toml")
    assert (run["cwd"], run["argv"][3:], run["message"]) == ("sub/dir", ["caf\u00e9", "\\xff", "a\nb"], message)
    assert run["root"] == str(lab.path)


def test_a_run_of_somebody_whose_git_has_habits(lab: Lab) -> None:
    lab.git("config", "i18n.commitEncoding", "ISO-8859-1")
    lab.git("config", "core.autocrlf", "true")
    lab.git("config", "user.name", "J\u00fcrgen <x>")
    lab.git("config", "commit.cleanup", "scissors")
    lab.git("config", "core.quotePath", "true")
    assert lab.gitexp("run", "--no-verify", "-m", "gr\u00fc\u00dfe", "--", "true").exit_code == 0
    assert judged(lab) == []


def test_a_sha256_repository(tmp_path: Path, env: dict[str, str]) -> None:
    lab = make_lab(tmp_path / "lab", {**env, "GIT_DEFAULT_HASH": "sha256"})
    lab.gitexp("init")
    lab.commit("set up gitexp")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert judged(lab) == []
    assert lab.toml("run.toml")["code"]["commit"] == f"sha256:{lab.git('rev-parse', 'HEAD').strip()}"


@pytest.mark.long
@pytest.mark.torch
def test_a_smoke_run_of_components_in_two_processes(lab: Lab) -> None:
    shutil.copytree(DIGITS, lab.path / "recipes" / "digits-mlp")
    lab.commit("a recipe made of components")
    result = lab.gitexp("run", "digits-mlp", "--smoke", "-s", "resources.processes=2")
    assert result.exit_code == 0, result.stderr
    assert judged(lab) == []
    files = lab.git("ls-tree", "-r", "--name-only", "experiments", "environment", "components.toml").split()
    assert files == ["components.toml", "environment/0.toml", "environment/1.toml"]
    record = lab.toml("run.toml")
    assert (record["kind"], record["resources"]["processes"]) == ("smoke", 2)
    ranks = [lab.toml(f"environment/{rank}.toml") for rank in (0, 1)]
    assert record["peak_memory_processes"] == 2
    assert record["peak_memory_bytes"] == sum(rank["peak_memory_bytes"] for rank in ranks)
    assert "2 processes at their peaks" in lab.gitexp("show", record["id"]).stdout
    assert lab.toml("environment/1.toml")["rank"] == 1
    components = lab.toml("components.toml")["components"]
    keys = {key for table in components.values() for key in table}
    assert keys <= {"use", "slot", "source", "version", "owner", "kind", "fits_on", "probability"} | {
        "takes",
        "gives",
        "removes",
    }
    assert components["preprocess.scale"]["slot"] == "preprocess"


def test_a_record_says_which_gitexp_wrote_it_and_holds_the_formats_page(lab: Lab) -> None:
    assert lab.gitexp("run", "--seed", "4", "--", "true").exit_code == 0
    run = lab.toml("run.toml")
    assert run["gitexp"]["version"] == "0.1.0"
    assert run["variables"] == {"GITEXP_SEED": "4"}
    assert run["artifacts"] == {"files": 0, "size_bytes": 0}
    assert "recorded_by" not in run
    assert lab.gitexp("show", "--json").json["run"]["gitexp"]["version"] == "0.1.0"
    if not (page := lab.show("experiments:FORMAT.md")):
        absent("gitexp was installed from something else than a wheel, without docs/format.md")
    assert page == (Path(__file__).parents[2] / "docs/format.md").read_text()


def test_what_the_code_does_not_hold_is_said_and_its_licence_named(lab: Lab, hub: Lab) -> None:
    lab.git("push", "-q", str(hub.path), "HEAD:main")
    lab.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(hub.path), "lib/hub")
    lab.write(".gitattributes", "*.txt text\n*.bin filter=lfs diff=lfs merge=lfs -text\n")
    lab.write("LICENSE", "                                 Apache License\n      Version 2.0, January 2004\n")
    lab.commit("a submodule, git-lfs and a licence")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    code = lab.toml("run.toml")["code"]
    assert (code["submodules"], code["lfs"], code["license"]) == (["lib/hub"], ["*.bin"], "Apache-2.0")
    assert judged(lab) == []


def test_artifacts_have_sha256_where_the_policy_asks(lab: Lab) -> None:
    lab.write("gitexp.toml", '[policy]\ndigests = ["xxh128", "sha256"]\n')
    lab.commit("a policy")
    assert (
        lab.gitexp("run", "--", "sh", "-c", "printf abc > $GITEXP_OUTPUT/a; printf '' > $GITEXP_OUTPUT/b").exit_code
        == 0
    )
    listed = lab.show("experiments:artifacts.sha256")
    assert listed == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n"
    )
    digest = hashlib.sha256(listed.encode()).hexdigest()
    assert lab.toml("run.toml")["artifacts"] == {"files": 2, "size_bytes": 3, "sha256": f"sha256:{digest}"}
    assert judged(lab) == []


def test_who_recorded_a_run_is_named_where_another_ran_it(lab: Lab) -> None:
    abandoned(lab, "--", "sh", "-c", "echo ready; sleep 0.2")
    while not lab.runs():
        lab.gitexp("status", LOGNAME="somebody")
    run = lab.toml("run.toml")
    assert run["user"] != "somebody"
    assert run["recorded_by"] == f"somebody@{run['host']}"
