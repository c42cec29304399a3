"""`use` of a recipe: what may be imported, what is found, and what a newcomer reads when it is not."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gitexp.training.joining.blame import Unusable  # noqa: E402
from gitexp.training.joining.names import Resolved, card_of, resolve_use  # noqa: E402

pytestmark = pytest.mark.torch

POLICY = "[policy] imports of gitexp.toml has torch, gitexp.training; the repository's own code always is"
TORCH = 'is not allowed: "torch" in [policy] imports of gitexp.toml stands for torch.nn and torch.optim'
FORM = 'is no name; write "package.module:Name" or "path/from/root.py:Name"'
SCHEDULER = "torch.optim.lr_scheduler"
DUNDER = "is not allowed: names with two underscores lead out of what a recipe may use"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty repository; what is imported from it is forgotten again."""
    loaded = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "lab"
    folder.mkdir()
    yield folder
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def refusal(use: str, root: Path, imports: tuple[str, ...] = ("torch", "gitexp.training")) -> str:
    with pytest.raises(Unusable) as refused:
        resolve_use(use, root=root, imports=imports)
    return refused.value.what


def test_a_class_of_torch_is_found_with_the_version_it_comes_from(root: Path):
    assert resolve_use("torch.nn:Linear", root=root) == Resolved(
        torch.nn.Linear, "torch.nn.modules.linear", None, f"torch {torch.__version__}"
    )


def test_a_file_of_the_repository_is_found_by_its_path(root: Path):
    write(root, "recipes/my-net/parts.py", "class Net:\n    pass\n")
    found = resolve_use("recipes/my-net/parts.py:Net", root=root)
    assert found.callable.__name__ == "Net"
    assert found.module == "recipes.my-net.parts"
    assert found.source_path == root / "recipes/my-net/parts.py"
    assert found.source == "recipes/my-net/parts.py"


def test_path_and_module_name_lead_to_the_same_class(root: Path):
    write(root, "labnets/parts.py", "class Net:\n    pass\n")
    by_name = resolve_use("labnets.parts:Net", root=root).callable
    assert resolve_use("labnets/parts.py:Net", root=root).callable is by_name


def test_what_a_file_holds_can_be_pickled_to_another_process(root: Path):
    write(root, "recipes/my-net/parts.py", "class Net:\n    size = 7\n")
    pickled = pickle.dumps(resolve_use("recipes/my-net/parts.py:Net", root=root).callable())
    code = f"import pickle; print(pickle.loads({pickled!r}).size)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"


def test_a_file_named_like_a_module_of_python_does_not_replace_it(root: Path):
    write(root, "types.py", "class Net:\n    pass\n")
    assert resolve_use("types.py:Net", root=root).source == "types.py"
    assert sys.modules["types"].__name__ == "types"
    assert not hasattr(sys.modules["types"], "Net")


def test_the_card_lies_beside_the_file(root: Path):
    write(root, "parts.py", 'class Net:\n    """A net."""\n')
    write(root, "parts.toml", '[Net]\nslot = "model"\nversion = "1.0"\n')
    card = card_of("parts.py:Net", root=root)
    assert card is not None
    assert (card.version, card.summary, card.source) == ("1.0", "A net.", "parts.toml")
    assert card_of("torch.nn:Linear", root=root) is None


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("torch.nn.Linear", f'"torch.nn.Linear" {FORM}; did you mean torch.nn:Linear?'),
        ("net.py", f'"net.py" {FORM}'),
        ("net.py:a b", f'"net.py:a b" {FORM}'),
        ("torch.nn:Linaer", "torch.nn has no Linaer; did you mean Linear?"),
        ("torch.optim.lr_schedular:StepLR", f"there is no module torch.optim.lr_schedular; did you mean {SCHEDULER}?"),
        ("torch.optm:AdamW", "there is no module torch.optm; did you mean torch.optim?"),
        ("torch.nn:functional", "torch.nn:functional is a module; name a class or function in it"),
        ("torch:float32", "torch:float32 is no class or function, but a dtype"),
        ("nets.py:Net", "there is no file nets.py; did you mean net.py?"),
    ],
)
def test_a_misspelt_name_is_answered_with_a_better_one(root: Path, use: str, words: str):
    write(root, "net.py", "")
    assert refusal(use, root) == words


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("logging:os.system", f"logging is not allowed: {POLICY}"),
        ("torch:sys.exit", f"torch:sys.exit is sys.exit: sys is not allowed: {POLICY}"),
        ("torch:hub.load", f"torch:hub.load is torch.hub.load: torch.hub {TORCH}"),
        ("torch.serialization:load", f"torch.serialization {TORCH}"),
        ("torch.nn:Linear.__init__", f"torch.nn:Linear.__init__ {DUNDER}"),
        ("torch.nn:Linear.mro", "torch.nn:Linear.mro is not allowed: it does not say which module it comes from"),
    ],
)
def test_what_the_policy_does_not_list_is_refused(root: Path, use: str, words: str):
    assert refusal(use, root) == words


def test_a_module_that_is_not_allowed_is_not_even_imported(root: Path):
    assert "antigravity" not in sys.modules
    assert refusal("antigravity:webbrowser.open", root).startswith("antigravity is not allowed")
    assert "antigravity" not in sys.modules


def test_what_the_repositorys_code_imports_is_not_the_repositorys_own(root: Path):
    write(root, "parts.py", "from os import system\nfrom torch.nn import Linear\n")
    assert refusal("parts.py:system", root).startswith("parts.py:system is posix.system: posix is not allowed")
    assert resolve_use("parts.py:Linear", root=root).callable is torch.nn.Linear


def test_a_longer_entry_opens_more_of_torch(root: Path):
    imports = ("torch", "torch.utils.data")
    assert (
        resolve_use("torch.utils.data:TensorDataset", root=root, imports=imports).module == "torch.utils.data.dataset"
    )


def test_a_package_installed_inside_the_repository_is_not_its_own(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root, ".venv/lib/python3/site-packages/evilpackage.py", "class Net:\n    pass\n")
    monkeypatch.syspath_prepend(str(root / ".venv/lib/python3/site-packages"))
    assert refusal("evilpackage:Net", root).startswith("evilpackage is not allowed")


def test_a_link_out_of_the_repository_is_refused(root: Path, tmp_path: Path):
    (tmp_path / "outside.py").write_text("class Net:\n    pass\n")
    (root / "parts.py").symlink_to(tmp_path / "outside.py")
    assert refusal("parts.py:Net", root) == "parts.py is not allowed: it lies outside of the repository's own code"
    assert refusal("../outside.py:Net", root) == "../outside.py must be a path from the repository's root, without .."


def test_an_error_in_a_components_file_comes_with_its_line(root: Path):
    write(root, "parts.py", "import math\n\nSIZE = math.sqrt(-1)\n")
    assert refusal("parts.py:Net", root) == "parts.py cannot be loaded: parts.py:3: ValueError: math domain error"
    write(root, "torn.py", "class Net:\n  def forward(self:\n")
    assert refusal("torn.py:Net", root) == ("torn.py cannot be loaded: torn.py:2: SyntaxError: '(' was never closed")


def test_a_package_that_a_components_file_needs_is_named(root: Path):
    write(root, "parts.py", "import notinstalled\n")
    assert refusal("parts.py:Net", root) == (
        "parts.py cannot be loaded: parts.py:1: ModuleNotFoundError: No module named 'notinstalled'"
    )
