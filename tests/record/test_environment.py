"""environment.toml, requirements.txt and the differences of two environments, from what a probe said."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from gitexp.record.environment import (
    doubts,
    dump_environment,
    environment_class,
    environment_differences,
)
from gitexp.record.requirements import requirements
from gitexp.text.bounded import Unreadable, load_tables

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def probed(**result: Any) -> dict[str, Any]:
    """environment.json as the worker writes it where the program has a Python."""
    return {"probed": "/venv/bin/python", "how": "argv", "result": result, "error": None}


def of(packages: dict[str, Any]) -> list[str]:
    """The lines of requirements.txt that are not its heading."""
    return requirements(probed(packages=packages)).splitlines()[1:]


# environment.toml


def test_an_environment_is_written_as_tables() -> None:
    document = probed(
        interpreter={"implementation": "cpython", "version": "3.11.7"},
        packages={"numpy": "2.0.0", "nets": {"version": "0.1", "editable": "/src", "commit": "unknown"}},
        memory_bytes=8589934592,
        gpus=[{"model": "NVIDIA H100", "uuid": "GPU-aa"}],
    )
    assert dump_environment(document) == (
        'probed = "/venv/bin/python"\n'
        'how = "argv"\n'
        "memory_bytes = 8589934592\n"
        "gpus = [\n"
        '    { model = "NVIDIA H100", uuid = "GPU-aa" },\n'
        "]\n"
        "\n"
        "[interpreter]\n"
        'implementation = "cpython"\n'
        'version = "3.11.7"\n'
        "\n"
        "[packages]\n"
        'numpy = "2.0.0"\n'
        "\n"
        "[packages.nets]\n"
        'version = "0.1"\n'
        'editable = "/src"\n'
        'commit = "unknown"\n'
    )


def test_where_no_python_was_seen_the_machine_alone_is_recorded_and_why() -> None:
    document = {"probed": None, "how": "none", "result": {"cpu": {"cores": 2}}, "error": None}
    assert tomllib.loads(dump_environment(document)) == {
        "probed": "unknown",
        "reason": "no Python or R was seen among the program's processes",
        "cpu": {"cores": 2},
    }


def test_where_the_probe_failed_its_error_is_the_reason() -> None:
    document = {"probed": None, "how": "none", "result": None, "error": "/bin/python: the probe ended with 9"}
    assert tomllib.loads(dump_environment(document)) == {
        "probed": "unknown",
        "reason": "/bin/python: the probe ended with 9",
    }


def test_where_the_worker_wrote_nothing_that_is_the_reason() -> None:
    assert tomllib.loads(dump_environment({})) == {
        "probed": "unknown",
        "reason": "the worker ended before it could ask",
    }


LAUNCHER = {
    "path": "/dvc/bin/python",
    "how": "shebang",
    "interpreter": {"implementation": "cpython", "version": "3.12.1"},
}
SEEN = {"path": "/usr/bin/python3", "how": "process"}


def test_the_launcher_and_other_interpreters_stand_beside_the_one_that_computed() -> None:
    beside = {"launcher": {**LAUNCHER, "packages": {"dvc": "3.67.0"}}, "others": [SEEN]}
    written = tomllib.loads(dump_environment({**probed(packages={"numpy": "2.0.0"}), **beside}))
    assert (written["probed"], written["packages"]) == ("/venv/bin/python", {"numpy": "2.0.0"})
    assert written["launcher"] == {
        "path": "/dvc/bin/python",
        "implementation": "cpython",
        "version": "3.12.1",
        "how": "shebang",
        "packages": {"dvc": "3.67.0"},
    }
    assert written["others"] == [{"path": "/usr/bin/python3"}]


def test_that_another_interpreter_may_have_computed_is_said() -> None:
    document = {**probed(packages={}), "doubt": True}
    assert doubts(document) == (
        "environment: another interpreter may have computed: processes ended before they were looked at",
    )
    assert tomllib.loads(dump_environment(document))["doubt"] == doubts(document)[0].removeprefix("environment: ")
    assert doubts(probed()) == ()


def test_packages_of_r_are_nothing_for_pip() -> None:
    document = probed(interpreter={"implementation": "R", "version": "4.2.2"}, packages={"MASS": "7.3-58.2"})
    assert requirements(document) == (
        "# This run's R and its packages are in environment.toml; none of them is installed by pip.\n"
    )


def test_another_launcher_is_a_difference_of_its_own() -> None:
    a = tomllib.loads(dump_environment({**probed(packages={}), "launcher": {**LAUNCHER, "packages": {"dvc": "3.1"}}}))
    b = tomllib.loads(dump_environment({**probed(packages={}), "launcher": {**LAUNCHER, "packages": {"dvc": "3.2"}}}))
    assert environment_differences(a, b) == {"launcher": {"dvc": ("3.1", "3.2")}}


def test_what_the_probe_says_cannot_take_the_place_of_what_the_worker_says() -> None:
    written = tomllib.loads(dump_environment(probed(probed="/elsewhere", how="guess")))
    assert (written["probed"], written["how"]) == ("/venv/bin/python", "argv")


def test_values_that_toml_cannot_hold_are_left_out_or_written_as_text() -> None:
    document = probed(a=None, b=[None, 1], c=2**63, flags={"odd\ud800": "b\udcff"})
    assert load_tables(dump_environment(document), where="environment.toml") == {
        "probed": "/venv/bin/python",
        "how": "argv",
        "b": [1],
        "c": "9223372036854775808",
        "flags": {"odd\\ud800": "b\\xff"},
    }


@pytest.mark.parametrize("text", ["packages = ", "a = 1\na = 2", "n = " + "9" * 5000, "deep = " + "[" * 9999])
def test_an_environment_that_is_not_toml_is_named(text: str) -> None:
    with pytest.raises(Unreadable, match=r"^environment\.toml (is not valid TOML|cannot be read): "):
        load_tables(text, where="environment.toml")


# requirements.txt


def test_packages_are_listed_by_name() -> None:
    document = probed(interpreter={"version": "3.11.7"}, packages={"numpy": "2.0.0", "click": "8.5.1"})
    assert requirements(document) == (
        "# What this run's Python had installed, for `pip install -r requirements.txt`.\n"
        "# It was Python 3.11.7.\n"
        "click==8.5.1\n"
        "numpy==2.0.0\n"
    )


@pytest.mark.parametrize(
    "document",
    [{}, {"probed": None, "result": {"packages": {"gitexp": "1"}}}, probed(packages="unknown"), probed()],
)
def test_unknown_packages_are_said_to_be_unknown(document: dict[str, Any]) -> None:
    said = "# The packages of this run are unknown: no Python of the program's was asked.\n"
    assert requirements(document) == said


def test_a_local_version_is_dropped_for_no_index_has_it_and_stays_as_a_comment() -> None:
    assert of({"nets": "2.13.0+ours"}) == ["nets==2.13.0  # it was 2.13.0+ours"]


def test_torchs_own_builds_are_named_with_the_index_that_has_them() -> None:
    assert of({"numpy": "2.1.0", "torch": "2.13.0+cu126", "torchvision": "0.28.0+cu126"}) == [
        "--extra-index-url https://download.pytorch.org/whl/cu126",
        "numpy==2.1.0",
        "torch==2.13.0+cu126",
        "torchvision==0.28.0+cu126",
    ]


def test_gitexp_itself_is_left_to_the_readme_for_it_may_be_on_no_index() -> None:
    assert of({"gitexp": "0.1.0"}) == ["# gitexp==0.1.0: if the code needs it, see README.md"]


def test_the_indexes_of_a_lab_are_named_and_not_used() -> None:
    result = {"packages": {"a": "1"}, "indexes": {"index_url": "https://lab/simple", "extra_index_urls": ["https://b"]}}
    lines = requirements({"probed": "python", "result": result}).splitlines()[1:]
    assert lines == ["# pip was told to look at https://lab/simple", "# pip was told to look at https://b", "a==1"]


@pytest.mark.parametrize("version", ["0.1.dev3+g1234abc", "0.1+g1234abc.d20261121", "2.9.0a0+git1234abc"])
def test_a_build_from_a_checkout_is_a_comment(version: str) -> None:
    assert of({"nets": version}) == [f"# nets=={version}: built from a checkout"]


def test_an_install_from_version_control_is_pinned_to_its_commit() -> None:
    source = {"version": "1.0", "url": "https://example.org/nets.git", "vcs": "git", "commit": COMMIT}
    assert of({"nets": source}) == [f"nets @ git+https://example.org/nets.git@{COMMIT}"]
    assert of({"nets": {**source, "subdirectory": "python"}}) == [
        f"nets @ git+https://example.org/nets.git@{COMMIT}#subdirectory=python"
    ]


def test_an_install_from_an_archive_names_its_digest() -> None:
    source = {"version": "1.0", "url": "https://example.org/nets-1.0.tar.gz", "sha256": "ab" * 32}
    assert of({"nets": source}) == [f"nets @ https://example.org/nets-1.0.tar.gz#sha256={'ab' * 32}"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ({"editable": "/src/nets", "commit": "unknown"}, "# nets==1.0: an editable install of /src/nets"),
        (
            {"editable": "/src/nets", "commit": COMMIT, "changed": True},
            f"# nets==1.0: an editable install of /src/nets at {COMMIT}, with changes",
        ),
        ({"path": "/w/nets-1.0.whl"}, "# nets==1.0: installed from /w/nets-1.0.whl"),
        ({"path": "/w/nets", "vcs": "git", "commit": COMMIT}, f"# nets==1.0: installed from /w/nets at {COMMIT}"),
        ({"url": "unknown"}, "# nets==1.0: installed from unknown"),
    ],
)
def test_an_install_that_only_this_machine_has_is_a_comment(source: dict[str, Any], line: str) -> None:
    assert of({"nets": {"version": "1.0", **source}}) == [line]


@pytest.mark.parametrize(
    "packages",
    [
        {"nets": "1.0\n-r /etc/passwd"},
        {"nets\n--index-url=http://example.org": "1.0"},
        {"--pre": "1.0"},
        {"nets": "1.0 --hash=md5:0"},
        {"nets": "1.0+cpu\n-r x"},
        {"nets": {"version": "1.0", "url": "https://example.org/x\n-r /etc/passwd"}},
        {"nets": {"version": "1.0", "url": "https://example.org/${HOME}"}},
        {"nets": {"version": "1.0", "editable": "/x\u2028-r y\r-r z"}},
        {"nets": {"version": "1.0", "url": "https://example.org/x", "vcs": "git", "commit": "a b"}},
        {"nets": {"version": "1.0", "url": "https://example.org/x", "vcs": "git"}},
        {"nets": ["1.0"]},
        {"nets": {}},
    ],
)
def test_nothing_that_a_package_says_of_itself_can_become_another_line(packages: dict[str, Any]) -> None:
    text = requirements(probed(packages=packages))
    (line,) = text.splitlines()[1:]
    assert line.startswith("# ") or line == "nets==1.0"


def test_the_version_of_python_cannot_become_another_line() -> None:
    text = requirements(probed(interpreter={"version": "3\n-r x"}, packages={}))
    assert text == "# What this run's Python had installed, for `pip install -r requirements.txt`.\n"


def test_every_line_is_a_requirement_as_packaging_reads_it() -> None:
    lines = of(
        {
            "nets": {"version": "1.0", "url": "ssh://git@example.org/nets.git", "vcs": "git", "commit": COMMIT},
            "numpy": "2.0.0rc1",
            "pip": "23.2.1",
            "trove-classifiers": "2026.9.21.13",
            "tz": "1!2026.1.post1",
        }
    )
    read = [Requirement(line) for line in lines]
    assert [(one.name, str(one.specifier), one.url) for one in read] == [
        ("nets", "", f"git+ssh://git@example.org/nets.git@{COMMIT}"),
        ("numpy", "==2.0.0rc1", None),
        ("pip", "==23.2.1", None),
        ("trove-classifiers", "==2026.9.21.13", None),
        ("tz", "==1!2026.1.post1", None),
    ]


def wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel with one empty module."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        empty = base64.urlsafe_b64encode(hashlib.sha256(b"").digest()).rstrip(b"=").decode()
        archive.writestr(f"{info}/RECORD", f"{name}.py,sha256={empty},0\n{info}/RECORD,,\n")
    return path


@pytest.fixture
def pip() -> list[str]:
    """The real pip, which takes nothing from an index."""
    if importlib.util.find_spec("pip") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("pip is missing, and under CI nothing may be skipped")
        pytest.skip("pip is not installed in this virtual environment")
    return [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def test_pip_installs_what_requirements_lists(tmp_path: Path, pip: list[str]) -> None:
    wheel(tmp_path, "one", "1.0")
    by_url = wheel(tmp_path, "two", "2.0")
    with http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{by_url.name}"
        sha256 = hashlib.sha256(by_url.read_bytes()).hexdigest()
        packages = {
            "one": "1.0+cpu",
            "two": {"version": "2.0", "url": url, "sha256": sha256},
            "mine": {"version": "0.1", "editable": "/src/mine", "commit": "unknown"},
            "odd": "not a version",
        }
        listed = requirements(probed(interpreter={"version": "3.11.7"}, packages=packages))
        (tmp_path / "requirements.txt").write_text(listed)
        where = ["--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "site")]
        done = subprocess.run(
            [*pip, "install", *where, "-r", str(tmp_path / "requirements.txt")], capture_output=True, text=True
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "site").glob("*.py")) == ["one.py", "two.py"]


# Differences

A: dict[str, Any] = {
    "probed": "/venv/bin/python",
    "interpreter": {"implementation": "cpython", "version": "3.11.7", "executable": "/a/python", "prefix": "/a"},
    "packages": {"numpy": "2.0.0", "torch": "2.13.0+cpu", "only-a": "1"},
    "system": {"os": "Linux", "kernel": "6.1"},
    "cpu": {"model": "AMD EPYC 9554", "cores": 2},
    "memory_bytes": 8_000_000_000,
    "gpus": [],
    "threads": {"OMP_NUM_THREADS": "2"},
    "flags": {"PYTHONHASHSEED": "0"},
}


def test_an_environment_does_not_differ_from_itself() -> None:
    assert environment_differences(A, A) == {}
    assert environment_differences({}, {}) == {}


def test_places_and_a_few_bytes_of_memory_are_no_differences() -> None:
    elsewhere = {"implementation": "cpython", "version": "3.11.7", "executable": "/b/python", "prefix": "/b"}
    b = {**A, "probed": "/b/bin/python", "interpreter": elsewhere, "memory_bytes": 8_000_004_096}
    assert environment_differences(A, b) == {}


def test_which_of_equal_gpus_it_was_is_no_difference() -> None:
    gpus = [[{"model": "NVIDIA H100", "uuid": uuid}] for uuid in ("GPU-aa", "GPU-bb")]
    a = {**A, "gpus": gpus[0], "flags": {"CUDA_VISIBLE_DEVICES": "0"}}
    b = {**A, "gpus": gpus[1], "flags": {"CUDA_VISIBLE_DEVICES": "3"}}
    assert environment_differences(a, b) == {}


def test_differences_come_in_groups() -> None:
    b = {
        **A,
        "interpreter": {"implementation": "cpython", "version": "3.12.1"},
        "packages": {"numpy": "2.1.0", "torch": "2.13.0+cpu", "only-b": {"version": "2", "path": "/w/b.whl"}},
        "system": {"os": "Linux", "kernel": "6.6"},
        "cpu": {"model": "AMD EPYC 9554", "cores": 8},
        "memory_bytes": 16_000_000_000,
        "gpus": [{"model": "NVIDIA H100"}, {"model": "NVIDIA H100"}],
        "driver": "560.35.03",
        "threads": {},
        "flags": {"PYTHONHASHSEED": "1"},
    }
    assert environment_differences(A, b) == {
        "interpreter": {"version": ("3.11.7", "3.12.1")},
        "packages": {"numpy": ("2.0.0", "2.1.0"), "only-a": ("1", None), "only-b": (None, "2 (/w/b.whl)")},
        "hardware": {
            "cpu cores": (2, 8),
            "driver": (None, "560.35.03"),
            "gpus": (None, "NVIDIA H100 ×2"),
            "memory": ("7 GiB", "15 GiB"),
        },
        "system": {"kernel": ("6.1", "6.6")},
        "flags": {"OMP_NUM_THREADS": ("2", None), "PYTHONHASHSEED": ("0", "1")},
    }


def test_another_commit_of_the_same_package_is_a_difference() -> None:
    old = {"packages": {"nets": {"version": "0.1", "editable": "/src", "commit": "a" * 40, "changed": False}}}
    new = {"packages": {"nets": {"version": "0.1", "editable": "/src", "commit": "a" * 40, "changed": True}}}
    assert environment_differences(old, new) == {
        "packages": {
            "nets": (f"0.1 (editable at {'a' * 40})", f"0.1 (editable at {'a' * 40}, with changes)"),
        }
    }


def test_unknown_packages_differ_as_a_whole() -> None:
    b = {key: value for key, value in A.items() if key not in ("packages", "interpreter")}
    assert environment_differences(A, b) == {
        "interpreter": {"implementation": ("cpython", None), "version": ("3.11.7", "unknown")},
        "packages": {"(all)": ("3 packages", "unknown")},
    }


def test_a_record_with_the_wrong_types_is_compared_all_the_same() -> None:
    text = 'cpu = []\ngpus = [7]\ninterpreter = 3\npackages = [1]\nsystem = "x"\nflags.a.b = 1\n'
    text += "training.when = 2020-01-01\n"
    found = environment_differences(load_tables(text, where="environment.toml"), A)
    assert found["hardware"]["gpus"] == ("unknown ×1", None)
    assert found["flags"]["a"] == ("b", None)
    assert found["training"]["when"] == ("2020-01-01", None)


# The class of the hardware


@pytest.mark.parametrize(
    ("environment", "short"),
    [
        ({"gpus": [{"model": "NVIDIA H100 80GB HBM3"}]}, "NVIDIA H100 80GB HBM3 ×1"),
        ({"gpus": [{"model": "A"}, {"model": "B"}, {"model": "A"}]}, "A ×2 + B ×1"),
        ({"gpus": [], "cpu": {"model": "AMD EPYC 9554", "cores": 2}}, "AMD EPYC 9554 · 2 cores"),
        ({"gpus": "unknown", "cpu": {"model": "Apple M3", "cores": 1}}, "Apple M3 · 1 core"),
        ({"cpu": {"model": "AMD EPYC 9554", "cores": "unknown"}}, "AMD EPYC 9554"),
        ({"cpu": {"model": "unknown", "cores": 4}}, "unknown processor · 4 cores"),
        ({"cpu": {"model": "unknown", "cores": "unknown"}}, "unknown hardware"),
        ({"cpu": 3, "gpus": {}}, "unknown hardware"),
        ({}, "unknown hardware"),
    ],
)
def test_the_hardware_in_a_few_words(environment: dict[str, Any], short: str) -> None:
    assert environment_class(environment) == short
