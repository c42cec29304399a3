"""Every kind of run is done once more; what cannot be is refused, and says why."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, left_behind, make_lab, ran, world

pytestmark = pytest.mark.long

LOG = 'echo "{\\"loss\\": 0.5}" >> "$GITEXP_METRICS"\n'


def grade(lab: Lab) -> str:
    """Of the newest run, which is a rerun."""
    assert left_behind(lab) == []
    found: str = lab.toml("verdict.toml")["grade"]
    return found


def test_a_bare_command_in_a_subfolder_of_a_repository_with_sha_256(tmp_path: Path) -> None:
    env = world(tmp_path / "home")
    (tmp_path / "lab").mkdir()
    lab = Lab(tmp_path / "lab", env)
    lab.git("init", "-q", "--object-format=sha256")
    lab.write("sub/dir/train.sh", f"pwd >&2; {LOG}")
    lab.commit("a program")
    assert lab.gitexp("init").exit_code == 0
    lab.commit("set up")
    lab.well("run", "--", "sh", "train.sh", "a b", cwd=lab.path / "sub" / "dir")
    lab.well("rerun", "latest")
    assert grade(lab) == "bitwise"
    record = lab.toml("run.toml")
    assert (record["argv"], record["cwd"]) == (["sh", "train.sh", "a b"], "sub/dir")
    assert breaches(lab.path) == []


def test_from_a_linked_worktree_and_its_own_is_the_only_one_that_goes(lab: Lab, tmp_path: Path) -> None:
    lab.write("train.sh", LOG)
    lab.commit("a program")
    first = ran(lab, "--", "sh", "train.sh")
    lab.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    before = lab.git("worktree", "list")
    linked = Lab(tmp_path / "linked", lab.env)
    linked.well("rerun", first)
    assert lab.git("worktree", "list") == before
    lab.git("fsck", "--strict")


def test_a_program_that_asks_git_where_it_is_gets_the_answers_of_the_original(lab: Lab) -> None:
    asks = "git rev-parse HEAD; git status --short; git describe --always --dirty; git ls-files | wc -l"
    lab.write("train.sh", f"{{ {asks}; git rev-parse --show-prefix; }} > $GITEXP_OUTPUT/said\n{LOG}")
    lab.commit("a program")
    lab.write("new.txt", "x\n")
    lab.write("README", "changed\n")
    first = ran(lab, "--no-verify", "--", "sh", "train.sh")
    lab.git("stash", "-q", "-u")
    state = lab.state()
    done = lab.gitexp("rerun", first)
    assert (done.exit_code, grade(lab)) == (0, "bitwise"), done.stderr
    assert lab.state() == state
    assert lab.git("stash", "list").count("\n") == 1


def test_the_commit_of_a_run_that_this_clone_lacks_is_made_of_its_code(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    lab.write("train.sh", f"git rev-parse --verify HEAD >&2; {LOG}")
    lab.commit("on a branch that nobody pushes")
    first = ran(lab, "--", "sh", "train.sh")
    lab.git("remote", "add", "origin", str(hub.path))
    lab.git("push", "-q", "--no-verify", "origin", "experiments", "HEAD~1:refs/heads/main")
    hub.git("clone", "-q", "-b", "main", str(hub.path), str(tmp_path / "other"))
    other = Lab(tmp_path / "other", lab.env)
    assert other.gitexp("init").exit_code == 0
    done = other.well("rerun", first, "--yes")
    assert "that commit is not in this clone: HEAD is " in done.stderr
    assert other.git("rev-parse", "experiments:code") == lab.git("rev-parse", "experiments:code")
    assert grade(other) == "bitwise"


def test_a_clone_that_is_shallow_reruns_what_it_has_and_names_what_it_lacks(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    lab.write("train.sh", LOG)
    lab.commit("a program")
    older = ran(lab, "--", "sh", "train.sh")
    newer = ran(lab, "--", "sh", "train.sh")
    lab.git("remote", "add", "origin", str(hub.path))
    lab.git("push", "-q", "--no-verify", "origin", "experiments", "main")
    how = ("--depth=1", "--no-single-branch", "-b", "main")
    hub.git("clone", "-q", *how, f"file://{hub.path}", str(tmp_path / "shallow"))
    other = Lab(tmp_path / "shallow", lab.env)
    assert other.gitexp("init").exit_code == 0
    other.well("rerun", newer, "--yes")
    refused = other.gitexp("rerun", older, "--yes")
    assert refused.exit_code == 3
    assert "git fetch --unshallow" in refused.stderr


def test_code_of_which_this_clone_lacks_a_file_is_refused_and_names_it(lab: Lab) -> None:
    lab.write("train.sh", LOG)
    lab.commit("a program")
    first = ran(lab, "--", "sh", "train.sh")
    blob = lab.git("rev-parse", "experiments:code/train.sh").strip()
    (lab.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    done = lab.gitexp("rerun", first)
    assert done.exit_code == 3
    assert "train.sh" in done.stderr and f"This clone lacks some of the code of run {first}" in done.stderr
    assert left_behind(lab) == []


def test_an_imported_run_is_refused(lab: Lab) -> None:
    lab.write("results.tsv", "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.9\t1.0\tkeep\tbaseline\n")
    assert lab.gitexp("import", "results.tsv").exit_code == 0
    done = lab.gitexp("rerun", "latest")
    assert done.exit_code == 3
    assert "it cannot be done again" in done.stderr
    assert "Its program, data and environment are not in the record." in done.stderr


def test_a_run_whose_recipe_had_a_secret_says_what_to_set(lab: Lab) -> None:
    lab.write("train.sh", LOG)
    lab.write("recipes/r.toml", '[run]\ncommand = ["sh", "train.sh"]\n[service]\napi_key = "s3cr3t-enough"\n')
    lab.commit("a program")
    first = ran(lab, "r")
    done = lab.gitexp("rerun", first)
    assert done.exit_code == 3
    assert "lacks what was taken for a secret" in done.stderr
    assert "api_key" in done.stderr
    bare = ran(lab, "--", "sh", "train.sh", "--api-key=s3cr3t-enough")
    assert lab.gitexp("rerun", bare).exit_code == 3


def test_submodules_are_said_to_be_absent(lab: Lab, tmp_path: Path) -> None:
    make_lab(tmp_path / "part", lab.env)
    lab.write("train.sh", LOG)
    lab.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "part"), "part")
    lab.commit("with a submodule")
    first = ran(lab, "--", "sh", "train.sh")
    done = lab.well("rerun", first)
    assert "without the files of submodules, which no record holds: part" in done.stderr


def test_files_pass_through_the_filters_of_whoever_reruns_only_once_it_goes_on(lab: Lab, tmp_path: Path) -> None:
    lab.git("config", "filter.up.smudge", f"touch {tmp_path}/ran; tr a-z A-Z")
    lab.git("config", "filter.up.clean", f"case $PWD in *gitexp/runs*) touch {tmp_path}/ran;; esac; tr A-Z a-z")
    lab.write(".gitattributes", "*.up filter=up\n")
    lab.write("a.up", "WORDS\n")
    lab.write("train.sh", f"cp a.up $GITEXP_OUTPUT; git status --short >&2; {LOG}")
    lab.commit("filtered")
    first = ran(lab, "--", "sh", "train.sh")
    (tmp_path / "ran").unlink(missing_ok=True)
    assert lab.gitexp("rerun", first, "--dry-run").exit_code == 0
    assert not (tmp_path / "ran").exists()
    done = lab.gitexp("rerun", first)
    assert (done.exit_code, grade(lab)) == (0, "bitwise"), done.stderr
    assert "a.up" not in lab.show("experiments:output.log")
    lab.write("more.txt", "of a run from a dirty tree\n")
    ran(lab, "--no-verify", "--", "sh", "train.sh")
    (tmp_path / "ran").unlink(missing_ok=True)
    assert lab.gitexp("rerun", "latest", "--dry-run").exit_code == 0
    assert not (tmp_path / "ran").exists()


def test_restricted_data_needs_the_key(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    lab.git("config", "gitexp.key", "0123456789abcdef0123456789abcdef")
    with (lab.path / "gitexp.toml").open("a") as file:
        file.write('[datasets.pets]\npath = "data/pets.csv"\naccess = "restricted"\n')
    lab.write("data/pets.csv", "1\n2\n")
    lab.write(".gitignore", "data/\n")
    lab.write("train.sh", f"cp data/pets.csv $GITEXP_OUTPUT; {LOG}")
    lab.write("recipes/r.toml", '[run]\ncommand = ["sh", "train.sh"]\n[data]\npets = "pets"\n')
    lab.commit("a program")
    first = ran(lab, "r")
    original = lab.git("rev-parse", "experiments").strip()
    lab.git("config", "--unset", "gitexp.key")
    done = lab.gitexp("rerun", first)
    assert done.exit_code == 3
    assert "Restricted data is recorded under a keyed digest, and this clone has no key" in done.stderr
    lab.git("config", "gitexp.key", "0123456789abcdef0123456789abcdef")
    done = lab.gitexp("rerun", first)
    assert (done.exit_code, grade(lab)) == (0, "bitwise"), done.stderr
    assert lab.git("rev-parse", "experiments:data.toml") == lab.git("rev-parse", f"{original}:data.toml")
    (lab.path / "data" / "pets.csv").unlink()
    done = lab.gitexp("rerun", first)  # the first has brought it into the object store
    assert (done.exit_code, grade(lab)) == (0, "bitwise"), done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A smoke run, a run that was killed and went on, and one of two processes, of a recipe made of components."""
    pytest.importorskip("torch")
    from trainings import lay_out  # noqa: PLC0415 -- imports torch

    path = tmp_path_factory.mktemp("trained")
    lab = make_lab(path / "lab", world(path / "home"))
    assert lab.gitexp("init").exit_code == 0
    laid = lay_out(path / "laid", "tiny")
    lab.write("parts.py", (laid.root / "parts.py").read_text())
    lab.write("recipes/tiny.toml", (laid.folder / "recipe.toml").read_text())
    lab.commit("a tiny recipe")
    return lab


@pytest.mark.torch
@pytest.mark.parametrize("how", [(), ("--smoke",), ("-s", "resources.processes=2")])
def test_a_training_of_components_comes_out_to_the_same_bits(trained: Lab, how: tuple[str, ...]) -> None:
    first = ran(trained, "tiny", *how)
    done = trained.gitexp("rerun", first)
    assert (done.exit_code, grade(trained)) == (0, "bitwise"), done.stderr
    record = trained.toml("run.toml")
    assert (record["kind"], record["reproduces"]) == ("smoke" if "--smoke" in how else "rerun", first)


@pytest.mark.torch
def test_a_path_in_a_recipe_of_components_that_leads_out_of_the_code_is_named(trained: Lab) -> None:
    first = ran(trained, "tiny")
    planned = trained.gitexp("rerun", first, "-s", "+note.path=/away/rows.csv", "--dry-run")
    assert "  outside   /away/rows.csv: used where it is, and no part of the record\n" in planned.stdout, planned.stderr


@pytest.mark.torch
def test_a_run_that_went_on_after_a_kill_is_done_again_from_its_beginning(trained: Lab) -> None:
    ran(trained, "tiny", "-s", "optimizer.lr=0.25")
    assert trained.gitexp("run", "tiny", DIE_AT="step 9").exit_code == 4
    assert trained.gitexp("resume", "latest").exit_code == 0
    trained.well("rerun", "latest")
    verdict = trained.toml("verdict.toml")
    assert (verdict["attempt"], verdict["grade"]) == (2, "metrics")
    assert {name.partition("/")[0] for name in verdict["names"]} == {"artifact checkpoints"}
    assert verdict["different"].get("digests", 0) == 0


def test_what_a_dvc_file_stands_for_comes_from_the_object_store(lab: Lab) -> None:
    content = "1\n2\n"
    digest = hashlib.md5(content.encode()).hexdigest()
    cached = lab.write(f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}", content)
    lab.write(".dvc/config", "")
    lab.write(".dvc/.gitignore", "/cache\n")
    lab.write("data/rows.csv.dvc", f"outs:\n- md5: {digest}\n  size: 4\n  hash: md5\n  path: rows.csv\n")
    lab.write("data/.gitignore", "/rows.csv\n")
    lab.write("train.sh", f'cp "$1" "$GITEXP_OUTPUT"; {LOG}')
    lab.write("recipes/r.toml", '[run]\ncommand = ["sh", "train.sh", "{data.d}"]\n[data]\nd = "data/rows.csv.dvc"\n')
    lab.commit("a program")
    first = ran(lab, "r")
    original = lab.git("rev-parse", "experiments").strip()
    cached.unlink()
    done = lab.gitexp("rerun", first)
    assert (done.exit_code, grade(lab)) == (0, "bitwise"), done.stderr
    old, new = (lab.toml("data.toml", rev)["d"] for rev in (original, "experiments"))
    assert (new["digest"], new["path"]) == (old["digest"], old["path"])
    assert "edited" not in lab.toml("run.toml")["code"]


def test_read_only_folders_that_the_program_made_are_removed_too(lab: Lab) -> None:
    lab.write("train.sh", f"mkdir -p build/in; touch build/in/x; chmod -R a-w build; {LOG}")
    lab.write(".gitignore", "build/\n")
    lab.commit("a program")
    first = ran(lab, "--", "sh", "train.sh")
    lab.git("config", "core.sharedRepository", "all")
    subprocess.run(["chmod", "-R", "u+w", str(lab.path / "build")], check=True)
    assert lab.gitexp("rerun", first).exit_code == 0
    assert grade(lab) == "bitwise"
