"""The probe as the worker runs it: source by -c, in a Python that has only the packages named here."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.worker import probe

SOURCE = Path(probe.__file__).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def a_probe_that_has_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one is a process of its own; imported here, its deadline has long passed."""
    monkeypatch.setattr(probe, "DEADLINE", probe.monotonic() + 7)


def asked(
    *entries: Path, cwd: Path | None = None, variables: tuple[str, ...] = (), **environment: str
) -> dict[str, Any]:
    """What the probe says with these folders on the path; -S keeps the test's own site-packages off it."""
    env = {"PATH": os.environ["PATH"], **environment}
    if entries:
        env["PYTHONPATH"] = os.pathsep.join(map(str, entries))
    argv = [sys.executable, "-S", "-c", SOURCE, json.dumps({"variables": variables, "interpreter": True})]
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def installed(site: Path, folder: str, **files: str) -> None:
    """A package's metadata folder: METADATA="…" or direct_url="…"."""
    (site / folder).mkdir(parents=True)
    for name, text in files.items():
        (site / folder / {"direct_url": "direct_url.json"}.get(name, name.replace("_", "-"))).write_text(text)


def repository(folder: Path) -> str:
    """A git repository with one file, committed; the commit's id."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.py").write_text("a = 1\n")
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "a.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    return subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()


def editable(site: Path, folder: Path) -> dict[str, Any]:
    """What is said of a package that is installed from this folder in development mode."""
    url = json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}})
    installed(site, "mine-0.1.dist-info", direct_url=url)
    found: dict[str, Any] = asked(site, HOME=str(site))["packages"]["mine"]
    return found


# The interpreter


def test_the_interpreter_describes_itself(tmp_path: Path) -> None:
    found = asked(tmp_path, tmp_path / "lib")["interpreter"]
    assert found.pop("prefix") in (sys.prefix, sys.base_prefix)  # before 3.14, -S hides the virtual environment
    assert found == {
        "implementation": "cpython",
        "version": sys.version.split()[0],
        "executable": sys.executable,
        "pythonpath": [str(tmp_path), str(tmp_path / "lib")],
    }


def test_where_only_the_machine_is_asked_for_no_interpreter_is_described() -> None:
    argv = [sys.executable, "-I", "-S", "-c", SOURCE, '{"interpreter": false}']
    found = json.loads(subprocess.check_output(argv))
    assert found["system"]["os"] == os.uname().sysname
    assert not {"interpreter", "packages", "cuda"} & found.keys()


@pytest.mark.parametrize("place", ["cwd", "pythonpath"])
def test_modules_of_the_users_that_are_named_like_pythons_own_are_not_run(tmp_path: Path, place: str) -> None:
    for name in ("json", "_json", "select", "subprocess", "re"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user s own code ran')\n")
    site = tmp_path / "site"
    installed(site, "mine-0.1.dist-info", direct_url='{"url": "file:///nowhere", "dir_info": {"editable": true}}')
    entries = [site] if place == "cwd" else [tmp_path, site]
    assert asked(*entries, cwd=tmp_path)["packages"]["mine"]["editable"] == "/nowhere"


def test_the_source_is_that_of_an_old_python() -> None:
    ast.parse(SOURCE, feature_version=(3, 6))


# Packages


def test_a_package_is_its_normalised_name_and_version(tmp_path: Path) -> None:
    installed(tmp_path, "Jaraco.Text_Extra-4.0.0.dist-info")
    installed(tmp_path, "torch-2.13.0+cpu.dist-info")
    installed(tmp_path, "~orch-2.12.0.dist-info")
    (tmp_path / "docopt-0.6.2-py3.11.egg-info").write_text("")
    (tmp_path / "train.py").write_text("")
    assert asked(tmp_path)["packages"] == {"docopt": "0.6.2", "jaraco-text-extra": "4.0.0", "torch": "2.13.0+cpu"}


def test_the_package_that_python_would_import_wins(tmp_path: Path) -> None:
    installed(tmp_path / "first", "numpy-2.0.0.dist-info")
    installed(tmp_path / "second", "numpy-1.26.4.dist-info")
    assert asked(tmp_path / "first", tmp_path / "second")["packages"] == {"numpy": "2.0.0"}


def test_a_folder_without_a_version_in_its_name_is_read(tmp_path: Path) -> None:
    installed(
        tmp_path, "Old_Tool.dist-info", METADATA="Metadata-Version: 2.1\nName: Old_Tool\nVersion: 1.5\n\nVersion: 9"
    )
    assert asked(tmp_path)["packages"] == {"old-tool": "1.5"}


def test_what_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "not-a-folder.zip").write_bytes(b"PK")
    site = tmp_path / "site"
    installed(site, "nameless.dist-info")
    installed(site, "odd-1.0.dist-info", direct_url="{")
    installed(site, "rich-15.0.0.dist-info")
    found = asked(tmp_path / "not-a-folder.zip", tmp_path / "gone", site)
    assert found["packages"] == {"odd": {"version": "1.0", "url": "unknown"}, "rich": "15.0.0"}


def test_an_install_from_version_control_names_the_commit_but_no_credentials(tmp_path: Path) -> None:
    url = {
        "url": "https://ada:hunter2@example.org/lab/nets.git?token=hunter2",
        "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123456789abcdef01234567"},
        "subdirectory": "python",
    }
    installed(tmp_path, "nets-1.0.dist-info", direct_url=json.dumps(url))
    assert asked(tmp_path)["packages"]["nets"] == {
        "version": "1.0",
        "url": "https://example.org/lab/nets.git",
        "vcs": "git",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "subdirectory": "python",
    }


def test_the_user_of_an_ssh_url_is_kept_for_without_it_nobody_gets_in(tmp_path: Path) -> None:
    url = {"url": "ssh://git@example.org/nets.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    installed(tmp_path, "nets-1.0.dist-info", direct_url=json.dumps(url))
    assert asked(tmp_path)["packages"]["nets"]["url"] == "ssh://git@example.org/nets.git"


def test_an_install_from_a_file_names_it(tmp_path: Path) -> None:
    url = {"url": "file:///data/my%20wheels/nets.whl", "archive_info": {"hashes": {"sha256": "ab" * 32}}}
    installed(tmp_path, "nets-1.0.dist-info", direct_url=json.dumps(url))
    path = {"version": "1.0", "path": "/data/my wheels/nets.whl", "sha256": "ab" * 32}
    assert asked(tmp_path)["packages"]["nets"] == path


def test_a_conda_package_does_not_name_the_folder_of_condas_build_machine(tmp_path: Path) -> None:
    installed(
        tmp_path, "nets-1.0.dist-info", direct_url='{"url": "file:///croot/nets", "dir_info": {}}', INSTALLER="conda\n"
    )
    assert asked(tmp_path)["packages"] == {"nets": "1.0"}


def test_an_editable_install_names_its_commit(tmp_path: Path) -> None:
    commit = repository(tmp_path / "my nets")
    found = editable(tmp_path / "site", tmp_path / "my nets")
    assert found == {"version": "0.1", "editable": str(tmp_path / "my nets"), "commit": commit, "changed": False}


def test_an_editable_install_with_changes_says_so(tmp_path: Path) -> None:
    commit = repository(tmp_path / "nets")
    (tmp_path / "nets" / "new.py").write_text("")
    found = editable(tmp_path / "site", tmp_path / "nets")
    assert (found["commit"], found["changed"]) == (commit, True)


def test_an_editable_install_that_its_repository_ignores_has_no_commit(tmp_path: Path) -> None:
    repository(tmp_path / "outer")
    (tmp_path / "outer" / ".gitignore").write_text("vendor/\n")
    (tmp_path / "outer" / "vendor" / "nets").mkdir(parents=True)
    (tmp_path / "outer" / "vendor" / "nets" / "nets.py").write_text("")
    found = editable(tmp_path / "site", tmp_path / "outer" / "vendor" / "nets")
    assert found == {
        "version": "0.1",
        "editable": str(tmp_path / "outer" / "vendor" / "nets"),
        "commit": "unknown",
    }


def test_an_editable_install_outside_any_repository_has_no_commit(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    assert editable(tmp_path / "site", tmp_path / "nets")["commit"] == "unknown"


def test_an_old_editable_install_is_known_by_its_egg_info(tmp_path: Path) -> None:
    commit = repository(tmp_path / "nets")
    installed(tmp_path / "nets", "nets.egg-info", PKG_INFO="Name: nets\nVersion: 0.3\n")
    assert asked(tmp_path / "nets")["packages"]["nets"] == {
        "version": "0.3",
        "editable": str(tmp_path / "nets"),
        "commit": commit,
        "changed": True,
    }


def test_the_repository_of_a_git_hook_is_not_taken_for_the_packages(tmp_path: Path) -> None:
    commit = repository(tmp_path / "nets")
    repository(tmp_path / "other")
    installed(tmp_path / "nets", "nets.egg-info", PKG_INFO="Name: nets\nVersion: 0.3\n")
    found = asked(tmp_path / "nets", GIT_DIR=str(tmp_path / "other" / ".git"))
    assert found["packages"]["nets"]["commit"] == commit


@pytest.mark.parametrize(("stated", "build"), [("'12.8'", {"cuda": "12.8"}), ("None", {"cuda": "none"})])
def test_what_torch_was_built_for_is_read_and_torch_is_not_imported(
    tmp_path: Path, stated: str, build: dict[str, str]
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    text = f"__version__ = '2.13.0'\ncuda: Optional[str] = {stated}\nhip: Optional[str] = None\n"
    (tmp_path / "torch" / "version.py").write_text(text)
    found = asked(tmp_path)
    assert {key: found[key] for key in ("cuda", "hip") if key in found} == build


def test_without_torch_nothing_is_said_of_cuda(tmp_path: Path) -> None:
    assert "cuda" not in asked(tmp_path)


# Variables


def test_threads_and_flags_are_recorded_as_they_are_set() -> None:
    found = asked(OMP_NUM_THREADS="4", PYTHONHASHSEED="0", CUBLAS_WORKSPACE_CONFIG=":4096:8", LANG="C")
    assert found["threads"] == {"OMP_NUM_THREADS": "4"}
    assert found["flags"] == {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYTHONHASHSEED": "0"}
    assert found["variables"] == {}


def test_other_variables_are_recorded_only_where_asked_for() -> None:
    found = asked(
        variables=("LAB_SITE", "LAB_UNSET"), LAB_SITE="b\udcff", LAB_OTHER="not asked for", WANDB_API_KEY="hunter2"
    )
    assert found["variables"] == {"LAB_SITE": "b\udcff"}
    assert "not asked for" not in json.dumps(found)
    assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password", "LAB_API_KEY"])
def test_a_secret_is_not_shown_even_where_asked_for(name: str) -> None:
    found = asked(variables=(name,), **{name: "hunter2"})
    assert found["variables"] == {name: "[redacted]"}


# The machine


def test_the_machine_is_described() -> None:
    found = asked()
    assert found["system"]["os"] == os.uname().sysname
    assert found["system"]["kernel"] == os.uname().release
    assert found["system"]["machine"] == os.uname().machine
    assert found["cpu"]["cores"] == probe.cores()
    assert found["memory_bytes"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found["cpu"]["model"]
    assert found["cpu"]["capability"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to cores")
def test_the_cores_are_those_that_the_program_may_use() -> None:
    first = min(os.sched_getaffinity(0))
    argv = [
        sys.executable,
        "-c",
        f"import os, sys; os.sched_setaffinity(0, [{first}]); os.execv(sys.executable, sys.argv[1:])",
    ]
    found = json.loads(subprocess.check_output([*argv, sys.executable, "-c", SOURCE, "{}"]))
    assert found["cpu"]["cores"] == 1


@pytest.mark.parametrize(
    ("flags", "short"),
    [
        ("fpu sse2", "base"),
        ("fpu avx avx2 fma", "avx2"),
        ("avx avx2 avx_vnni", "avx2+vnni"),
        ("avx2 avx512f avx512_vnni avx512_bf16 amx_tile", "avx512+vnni+bf16+amx"),
        ("fp asimd sve bf16", "sve+bf16"),
    ],
)
def test_the_vector_instructions_are_a_short_class(flags: str, short: str) -> None:
    assert probe.capability({"flags": flags}) == short


def test_a_fact_that_cannot_be_found_out_is_unknown() -> None:
    assert probe.fact(probe.read, "/proc/no/such/file") == "unknown"
    assert probe.fact(probe.ask, "no-such-program") == "unknown"
    assert probe.fact(probe.ask, "false") == "unknown"


def test_a_program_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()  # servers that other tests have started
    monkeypatch.setattr(probe, "DEADLINE", probe.monotonic() + 0.05)
    with pytest.raises(OSError, match="no answer in time"):
        probe.ask("sleep", "60")
    assert children.read_text() == before


def test_nvidia_gpus_are_what_their_own_tool_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, GPU-aa, 81559'\necho 'NVIDIA GB10, GPU-bb, [N/A]'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert probe.from_smi() == [
        {"model": "NVIDIA H100 80GB HBM3", "uuid": "GPU-aa", "memory_bytes": 81559 * 1024 * 1024},
        {"model": "NVIDIA GB10", "uuid": "GPU-bb", "memory_bytes": "unknown"},
    ]


@pytest.mark.parametrize(
    ("asked_for", "through"),
    [
        ("", []),
        ("1", ["GPU-bb"]),
        ("1,0", ["GPU-bb", "GPU-aa"]),
        ("GPU-b", ["GPU-bb"]),
        ("0,-1,1", ["GPU-aa"]),
        ("7", []),
    ],
)
def test_only_gpus_that_the_program_may_use_count(
    monkeypatch: pytest.MonkeyPatch, asked_for: str, through: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", asked_for)
    there = [{"model": "NVIDIA H100", "uuid": "GPU-aa"}, {"model": "NVIDIA H100", "uuid": "GPU-bb"}]
    assert [gpu["uuid"] for gpu in probe.visible(there)] == through


def test_which_of_different_gpus_a_number_means_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [{"model": "NVIDIA T400", "uuid": "GPU-aa"}, {"model": "NVIDIA H100", "uuid": "GPU-bb"}]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    assert probe.visible(there) == [{"model": "unknown"}]
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert probe.visible(there) == [{"model": "NVIDIA T400", "uuid": "GPU-aa"}]


def test_a_container_is_named_with_the_digest_that_it_states() -> None:
    digest = "sha256:" + "ab" * 32
    found = asked(APPTAINER_CONTAINER="/images/lab.sif", CONTAINER_IMAGE_DIGEST=f"registry.example.org/lab@{digest}")
    assert found["container"] == {"kind": "apptainer", "digest": digest}


def test_the_digest_of_a_container_that_states_none_is_unknown() -> None:
    assert asked(APPTAINER_CONTAINER="/images/lab.sif")["container"] == {"kind": "apptainer", "digest": "unknown"}


def test_modules_are_found_and_none_is_imported(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "mine.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "path" / "pack").mkdir(parents=True)
    (tmp_path / "path" / "pack" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "path" / "open").mkdir()
    (tmp_path / "path" / "open" / "inner.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "path" / "json.py").write_text("raise SystemExit('imported')\n")
    names = ["mine", "pack.deep", "open", "open.inner", "open.none", "none", "json", "sys"]
    options = {"modules": names, "first": str(tmp_path / "first")}
    argv = [sys.executable, "-S", "-c", SOURCE, json.dumps(options)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "path")}
    done = subprocess.run(argv, env=env, capture_output=True, check=True)
    assert json.loads(done.stdout)["modules"] == {
        "mine": [f"{tmp_path}/first/mine.py"],
        "pack.deep": [f"{tmp_path}/path/pack/__init__.py"],
        "open": [f"{tmp_path}/path/open"],
        "open.inner": [f"{tmp_path}/path/open/inner.py"],
        "open.none": [],
        "none": [],
        "json": [f"{tmp_path}/path/json.py"],
        "sys": ["built-in"],
    }
