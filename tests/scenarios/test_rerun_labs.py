"""Two labs around one bare repository: other clones, users, HOMEs, object stores and environments."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, make_lab, published, ran, world
from wheels import install, venv, wheel, within

pytest.importorskip("torch")

from trainings import lay_out

pytestmark = [pytest.mark.torch, pytest.mark.long]


def a_lab(path: Path, name: str) -> dict[str, str]:
    """The environment of a person who has an environment of their own, with a package of its own."""
    env = world(path / f"home-{name}")
    config = Path(env["HOME"]) / ".gitconfig"
    config.write_text(config.read_text().replace("Ada", name).replace("ada@", f"{name.lower()}@"))
    python = venv(path / f"env-{name}")
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    there = next(entry for entry in sys.path if entry.endswith("site-packages"))
    (site / "shared.pth").write_text(f"{there}\n")
    return within(Lab(path, env), python).env


@pytest.fixture
def ada(tmp_path: Path, hub: Lab) -> Lab:
    """A lab with a recipe made of components and a dataset, whose runs and bytes go to the hub and to a folder."""
    (tmp_path / "shared").mkdir()
    lab = make_lab(tmp_path / "ada", a_lab(tmp_path, "Ada"))
    lab.write("gitexp.toml", f'[remotes.shared]\nurl = "{tmp_path / "shared"}"\n')
    assert lab.gitexp("init").exit_code == 0
    laid = lay_out(tmp_path / "laid", "tiny")
    lab.write("parts.py", (laid.root / "parts.py").read_text())
    lab.write("recipes/tiny.toml", f'{(laid.folder / "recipe.toml").read_text()}[data]\nrows = "./data/rows.csv"\n')
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a tiny recipe")
    lab.approve()
    published(lab, hub)
    return lab


def shared(lab: Lab) -> str:
    """Record a run of the recipe, and push it; its id."""
    run = ran(lab, "tiny")
    lab.well("push")
    return run


def only_the_url(hub: Lab, env: dict[str, str], path: Path) -> Lab:
    """A clone, made by git alone."""
    Lab(path.parent, env).git("clone", "-q", "-b", "main", str(hub.path), str(path))
    return Lab(path, env)


def test_a_lab_that_has_a_url_and_a_store_reruns_to_the_bit_and_the_verdict_comes_back(
    ada: Lab, hub: Lab, tmp_path: Path
) -> None:
    run = shared(ada)
    bea = only_the_url(hub, a_lab(tmp_path, "Bea"), tmp_path / "bea")
    before = bea.state()
    done = bea.gitexp("rerun", run, "--yes")
    assert done.exit_code == 0, done.stderr
    assert f"reproduces {run}: bitwise, " in done.stderr
    assert "from remote shared" in done.stderr
    assert bea.state() == before
    bea.approve()
    assert bea.gitexp("push").exit_code == 0
    assert ada.gitexp("pull").exit_code == 0
    assert ada.toml("verdict.toml")["grade"] == "bitwise"
    assert ada.git("log", "-1", "--format=%an", "experiments").strip() == "Bea"
    assert "bitwise" in ada.gitexp("log").stdout
    assert "Bea" in ada.gitexp("show", run).stdout
    assert breaches(hub.path) == []


def test_another_package_and_thread_count_are_named_in_the_verdict_of_the_other_lab(
    ada: Lab, hub: Lab, tmp_path: Path
) -> None:
    wheel(tmp_path / "wheels", "tool", "1.0", tool="")
    wheel(tmp_path / "wheels", "tool", "2.0", tool="")
    bea = only_the_url(hub, a_lab(tmp_path, "Bea"), tmp_path / "bea")
    install(tmp_path / "env-Ada" / "bin" / "python", "tool==1.0", find=tmp_path / "wheels")
    install(tmp_path / "env-Bea" / "bin" / "python", "tool==2.0", find=tmp_path / "wheels")
    ada.env["OMP_NUM_THREADS"], bea.env["OMP_NUM_THREADS"] = "1", "2"
    run = shared(ada)
    bea.git("fetch", "-q")
    bea.gitexp("rerun", run, "--yes")
    inputs = bea.toml("verdict.toml")["inputs"]
    assert {(one["name"], one["original"], one["rerun"]) for one in inputs} >= {
        ("tool", "1.0", "2.0"),
        ("OMP_NUM_THREADS", "1", "2"),
    }


def test_data_of_which_only_the_name_was_pushed_is_asked_of_whoever_has_it(ada: Lab, hub: Lab, tmp_path: Path) -> None:
    assert ada.gitexp("run", "tiny").exit_code == 0
    ada.git("push", "-q", "--no-verify", "origin", "experiments")
    bea = only_the_url(hub, a_lab(tmp_path, "Bea"), tmp_path / "bea")
    done = bea.gitexp("rerun", "latest", "--yes")
    assert done.exit_code == 3
    assert f"rows: data/rows.csv on {os.uname().nodename}, when run" in done.stderr
    assert "recorded by Ada <ada@example.org>" in done.stderr
    assert "fix:   ask who recorded it for:  gitexp data push" in done.stderr
    assert ada.gitexp("data", "push").exit_code == 0
    assert bea.gitexp("rerun", "latest", "--yes").exit_code == 0
