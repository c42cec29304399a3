"""The house holds: imports go down only, no cycles, nothing heavy at start-up, only the command line prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "gitexp"
MODULES = sorted(SOURCE.rglob("*.py"))

# Top to bottom. A room may import from the floors below it, and its own files; stages do not even import each other.
FLOORS = [
    {"__main__"},
    {"cli"},
    {"pipelines", "notebook"},
    {"report"},
    {"stages", "curves", "verify"},
    {"attempt", "history", "executors", "worker", "training", "elsewhere"},
    {"clone", "tables", "capture"},
    {"git", "datasets", "runfolder"},
    {"spec"},
    {"record"},
    {"text"},
    {"redact", "stats"},
    {
        "secretnames",
        "secretforms",
        "errors",
        "regularfile",
        "durable",
        "wholefile",
        "removal",
        "spool",
        "script",
        "__init__",
    },
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def name_of(path: Path) -> str:
    parts = ["gitexp", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """Everything the file imports, at the top or inside a function, as module names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                found.add(whole if whole in NAMES else module)
    return found


def inside(path: Path) -> set[str]:
    return {name for name in imports_of(path) if name in NAMES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(name_of(path))
    for imported in inside(path) - {"gitexp"}:
        target = room_of(imported)
        below = FLOOR_OF[target] > FLOOR_OF[room]
        # The lazy re-export in gitexp/__init__.py is the one door from the porch into script.py.
        assert below or target == room or room == "__init__", f"{name_of(path)} must not import {imported}"


@pytest.mark.parametrize("path", sorted((SOURCE / "stages").glob("*.py")), ids=name_of)
def test_no_stage_imports_another(path: Path) -> None:
    assert not {name for name in inside(path) if room_of(name) == "stages"} - {name_of(path)}


def test_there_are_no_import_cycles() -> None:
    graph = {name: inside(path) - {name, "gitexp"} for name, path in NAMES.items() if name != "gitexp"}
    list(TopologicalSorter(graph).static_order())  # raises CycleError and names the cycle


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(name_of(p)) != "training"], ids=name_of)
def test_only_training_imports_torch(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & {"torch", "numpy"}


BESIDE_THE_PROGRAM = {"worker", "runfolder", "regularfile", "wholefile", "removal"}


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room_of(name_of(p)) in {*BESIDE_THE_PROGRAM, "script"}], ids=name_of
)
def test_what_runs_beside_the_program_needs_the_standard_library_only(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) | {"gitexp"}
    assert {name.split(".")[0] for name in imports_of(path)} <= allowed
    assert {room_of(name) for name in inside(path)} <= {*BESIDE_THE_PROGRAM, "__init__"}


def test_nothing_imports_libgit2() -> None:
    """Its import costs more than writing a run by git's programs; only the tests have it, as a second reader."""
    assert not [path for path in MODULES if any(name.startswith("pygit2") for name in imports_of(path))]


@pytest.mark.torch
def test_training_needs_nothing_that_gitexp_needs() -> None:
    """It runs in the project's interpreter, where gitexp may not be installed."""
    code = (
        "import sys\n"
        "for name in ('click', 'rich', 'tomli', 'tomli_w', 'xxhash', 'obstore', 'pyarrow', 'PIL'):\n"
        "    sys.modules[name] = None\n"
        "import gitexp.training.program, gitexp.training.loop, gitexp.training.testing\n"
        "import gitexp.training.loaders, gitexp.training.steps, gitexp.training.augment, gitexp.training.evaluate\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


# A training has a voice of its own: it is the program, and what it prints is what a run's output is.
SILENT = [p for p in MODULES if room_of(name_of(p)) not in {"cli", "worker"} and name_of(p) != "gitexp.training.talk"]


@pytest.mark.parametrize("path", SILENT, ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from gitexp.cli.main import run_command; run_command(['--help']);"
        "print(' '.join(sorted(m.split('.')[0] for m in sys.modules)), file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split()
    assert not set(loaded) & {
        "torch",
        "numpy",
        "pygit2",
        "rich",
        "tomllib",
        "subprocess",
        "xxhash",
        "tomli_w",
        "sqlite3",
        "yaml",
    }


def mapped(text: str) -> set[str]:
    """The modules in the map of docs/architecture.md, by full path. Folders end with a slash, names lie below them."""
    found, folders = set[str](), list[tuple[int, str]]()
    for line in text.split("## Where things are")[1].split("```")[1].splitlines():
        depth, words = len(line) - len(line.lstrip()), line.split()
        while folders and folders[-1][0] >= depth:
            folders.pop()
        below = "".join(folder for _, folder in folders)
        if words and words[0].endswith("/"):
            folders.append((depth, words.pop(0)))
            below += folders[-1][1]
        found |= {below + word.rstrip(",:;") for word in words if word.rstrip(",:;").endswith(".py")}
    return found


def test_the_map_has_every_module_under_its_path_and_no_other() -> None:
    text = (SOURCE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    there = {str(path.relative_to(SOURCE.parent)) for path in MODULES if path.name != "__init__.py"}
    named = {path for path in mapped(text) if path.startswith("gitexp/") and not path.endswith("__init__.py")}
    assert (there - named, named - there) == (set(), set())
