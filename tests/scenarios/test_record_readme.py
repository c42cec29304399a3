"""A stranger with git, xxhsum and Python repeats a run by what its README.md says, without the gitexp command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from harness import Lab, Result

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def stranger(lab: Lab, tmp_path: Path) -> Lab:
    """A clone in another place, of a run of digits-knn on real data, in a bare environment; no gitexp in reach."""
    shutil.copytree(RECIPES / "digits-knn", lab.path / "recipes" / "digits-knn")
    (lab.path / "recipes" / "digits-mlp").mkdir()
    shutil.copy(RECIPES / "digits-mlp" / "digits.csv.gz", lab.path / "recipes" / "digits-mlp")
    lab.write(".gitignore", "build/\n")
    lab.commit("a recipe with its data")
    venv.create(tmp_path / "bare", symlinks=True)
    result = lab.gitexp("run", "digits-knn", PATH=f"{tmp_path}/bare/bin:{lab.env['PATH']}")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "elsewhere" / "clone"
    lab.git("clone", "-q", str(lab.path), str(path))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    (tools / "python").symlink_to("python3")
    return Lab(path, {**lab.env, "PATH": f"{tools}:/usr/bin:/bin"})


def commands(readme: str) -> list[str]:
    """The README's blocks of commands, in order."""
    return re.findall(r"(?ms)^```sh\n(.*?)^```$", readme)


def typed(stranger: Lab, *blocks: str) -> Result:
    """What a stranger gets who types these blocks, RUN, FOLDER and so on filled in, into one shell."""
    script = "\n".join(["set -eu", *blocks])
    for word, value in {
        "RUN": "origin/experiments",
        "FOLDER": "recipes/digits-mlp",
        "NAME": "digits",
        "SEED": "1",
    }.items():
        script = re.sub(rf"\b{word}\b", value, script)
    done = subprocess.run(
        ["sh", "-c", script], cwd=stranger.path, env=stranger.env, capture_output=True, text=True, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_who_follows_the_readme_gets_the_same_metrics(stranger: Lab, xxhsum: str) -> None:
    assert shutil.which("gitexp", path=stranger.env["PATH"]) is None
    get, environment, check, export, run, compare, clean_up = commands(stranger.show("origin/experiments:README.md"))
    assert "artifacts.xxh128" in compare  # this run saved nothing
    look = "cat build/digits-knn/metrics.json; command -v python"
    result = typed(stranger, get, environment, check, export, run, look, clean_up)
    assert result.exit_code == 0, result.stderr
    assert "digits.csv.gz: OK\n" in result.stdout
    assert stranger.show("origin/experiments:metrics.toml") == '"val.acc" = 0.9805013927576601\n"val.errors" = 7\n'
    assert '"val": {"acc": 0.9805013927576601, "errors": 7}' in " ".join(result.stdout.split())
    assert result.stdout.endswith("/elsewhere/repeat/venv/bin/python\n")
    assert not (stranger.path.parent / "repeat").exists()
    assert stranger.git("worktree", "list").count("\n") == 1


def test_absolute_paths_into_the_code_lead_into_the_strangers_copy(stranger: Lab, lab: Lab, tmp_path: Path) -> None:
    lab.write("say.py", "import sys; print(open(sys.argv[1].removeprefix('--in=')).read())\n")
    lab.write("said.txt", "as recorded")
    lab.commit("a program")
    done = lab.gitexp("run", "--", "python", f"{lab.path}/say.py", f"--in={lab.path}/said.txt")
    assert done.exit_code == 0, done.stderr
    lab.path.rename(tmp_path / "moved")
    stranger.git("fetch", "-q", str(tmp_path / "moved"), "experiments:refs/remotes/origin/experiments")
    get, _, _, export, run, *_ = commands(stranger.show("origin/experiments:README.md"))
    result = typed(stranger, get, export, run)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("\nas recorded\n")


def test_who_changed_the_data_is_told_by_the_readmes_check(stranger: Lab, xxhsum: str) -> None:
    get, _, check, *_ = commands(stranger.show("origin/experiments:README.md"))
    result = typed(stranger, get, "echo >> recipes/digits-mlp/digits.csv.gz", check)
    assert result.exit_code == 1
    assert "digits.csv.gz: FAILED\n" in result.stdout


def test_the_readme_holds_no_values_so_that_all_runs_share_it(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    lab.gitexp("run", "-m", "another", "--", "false")
    first, second = (lab.git("rev-parse", f"{commit}:README.md") for commit in lab.runs())
    assert first == second


def test_what_decided_results_in_the_environment_is_set_again(lab: Lab, tmp_path: Path) -> None:
    lab.write("show.py", "import os\nprint(hash('a'), os.environ.get('TZ'), os.environ['GITEXP_SEED'], sep='|')\n")
    lab.commit("a program")
    told = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    assert lab.gitexp("run", "--seed", "5", "--", sys.executable, "show.py", **told).exit_code == 0
    printed = lab.show("experiments:output.log")
    assert printed.endswith("|Asia/Tokyo|5\n")
    get, _, _, export, run, compare, clean_up = commands(lab.show("experiments:README.md"))
    script = "\n".join(["set -eu", get.replace("RUN", "experiments"), export, run, compare])
    done = lab.command("sh", "-c", script.replace("python3 -c", f"{sys.executable} -c"))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith(printed)
    assert clean_up


def test_a_dataset_that_was_fetched_and_gitexp_itself_have_their_word_in_the_readme(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    readme = " ".join(lab.show("experiments:README.md").split())
    assert "A dataset that has only a `url` was fetched" in readme
    assert "pip install gitexp==" not in readme
