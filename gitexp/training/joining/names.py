"""Turn `use` of a recipe into the callable that it names, and find its card. The one place where a recipe imports.

A name is allowed when it is the repository's own code, or when the policy's allow-list has it: both the module that is
typed, before it is imported, and the module where the object that it leads to was made. So neither `logging:os.system`
nor `torch:sys.exit` gets anywhere. `torch` stands for what a recipe is made of, not for all of torch: torch.hub runs
code from the net, and a recipe from a stranger must not be a program. Who needs more of it lists it by its own name.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import gitexp
from gitexp.spec.card import Card, find_card
from gitexp.text.schema import near, quoted
from gitexp.training.joining.blame import Unusable, blame, is_own, shown
from gitexp.training.joining.contracts import said_of

_READ_LIMIT_BYTES = 4 * 2**20  # of a file that may hold a card
DEFAULT_IMPORTS = ("torch", "gitexp.training")
# What `torch` in the list stands for, besides torch itself. The rest loads or starts other code (torch.hub, pickles,
# compilers, launchers), which an argument could name.
_TORCH = ("torch.nn", "torch.optim", "torch.functional", "torch.special", "torch._C._nn")


class Resolved(NamedTuple):
    """What `use` leads to."""

    callable: Any
    module: str  # where it was made, which may be deeper than what was typed: torch.optim.adamw
    source_path: Path | None  # the Python file, where that is the repository's or gitexp's
    source: str  # that file from the root, or package and version: torch 2.13.0


def resolve_use(use: str, *, root: Path, imports: Sequence[str] = DEFAULT_IMPORTS) -> Resolved:
    """Import what a recipe names. Puts the root on sys.path when it is not there. Raises Unusable with the reason."""
    module_name, colon, name = use.partition(":")
    if not colon or not module_name or not all(part.isidentifier() for part in name.split(".")):
        instead = use.rpartition(".") if not colon and not use.endswith(".py") else ("", "", "")
        hint = (
            f"; did you mean {instead[0]}:{instead[2]}?" if instead[0] and use.replace(".", "").isidentifier() else ""
        )
        raise Unusable(f'{quoted(use)} is no name; write "package.module:Name" or "path/from/root.py:Name"{hint}')
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if module_name.endswith(".py"):
        module = _load_file(module_name, root)
    else:
        module = _load_module(module_name, root, imports)
    found: Any = module
    for part in name.split("."):
        if part.startswith("__"):
            raise Unusable(f"{use} is not allowed: names with two underscores lead out of what a recipe may use")
        try:
            found = getattr(found, part)
        except AttributeError:
            public = [known for known in dir(found) if not known.startswith("_")]
            raise Unusable(f"{module_name} has no {part}{near(part, public)}") from None
    made_in = _made_in(found, use, root, imports)
    path, source = _source(made_in, root)
    return Resolved(found, made_in, path, source)


def card_of(use: str, *, root: Path) -> Card | None:
    """The card of a component. Raises Refused when it is malformed."""

    def read(path: str) -> str | None:
        own = root / path
        for file in (own, Path(gitexp.__file__).parent.parent / path):
            if file.is_file() and (file != own or is_own(file, root)) and file.stat().st_size <= _READ_LIMIT_BYTES:
                try:
                    return file.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    return None
        return None

    return find_card(use, read)


# ---- modules


def _load_file(typed: str, root: Path) -> ModuleType:
    file = root / typed
    if Path(typed).is_absolute() or ".." in Path(typed).parts:
        raise Unusable(f"{typed} must be a path from the repository's root, without ..")
    if not file.is_file():
        raise Unusable(f"there is no file {typed}{near(typed, _files_near(file, root))}")
    if not is_own(file, root):
        raise Unusable(f"{typed} is not allowed: it lies outside of the repository's own code")
    name = _importable_name(file, root)
    if name:
        return _import(name, root, typed)
    name = f"gitexp-file:{typed}"
    if name in sys.modules and _is_file(sys.modules[name].__file__, file):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Unusable(f"{typed} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise Unusable(f"{typed} cannot be loaded: {blame(error, root)}") from error
    return module


def _importable_name(file: Path, root: Path) -> str | None:
    """The name by which any process finds this very file (recipes.digits-mlp.components), so that what it holds can be
    pickled to loader workers; None where another module has that name or the path is no name."""
    parts = file.relative_to(root).with_suffix("").parts
    if any("." in part for part in parts):
        return None
    name = ".".join(parts)
    if name in sys.modules:
        return name if _is_file(getattr(sys.modules[name], "__file__", None), file) else None
    if parts[0] in sys.builtin_module_names:
        return None
    loaded = sys.modules.get(parts[0])
    folders: list[str] | None = list(getattr(loaded, "__path__", ())) if loaded else None
    for depth in range(1 if loaded else 0, len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(parts[depth], folders)
        if spec is None:
            return None
        if depth == len(parts) - 1:
            return name if _is_file(spec.origin, file) else None
        folders = list(spec.submodule_search_locations or ())
    return None


def _is_file(origin: str | None, file: Path) -> bool:
    return origin is not None and Path(origin).is_file() and Path(origin).samefile(file)


def _load_module(name: str, root: Path, imports: Sequence[str]) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise Unusable(f"{quoted(name)} is no module's name")
    if not _is_listed(name, imports) and not _is_own_package(name, root):
        if "torch" in imports and name.startswith("torch.") and not _is_of_torch(name):
            raise Unusable(f"there is no module {name}{near(name, _modules_near(name))}")
        raise Unusable(_not_allowed(name, imports))
    return _import(name, root, name)


def _import(name: str, root: Path, typed: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise Unusable(f"{typed} cannot be loaded: {blame(error, root)}") from error
        raise Unusable(f"there is no module {missing}{near(missing, _modules_near(missing))}") from None
    except (Exception, SystemExit) as error:
        raise Unusable(f"{typed} cannot be loaded: {blame(error, root)}") from error


def _is_own_package(name: str, root: Path) -> bool:
    """Whether a module is the repository's own, asked without importing anything."""
    top = name.partition(".")[0]
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return False
    try:
        spec = importlib.util.find_spec(top)  # of a module on top this only asks, it imports nothing
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = list(spec.submodule_search_locations or ()) or ([spec.origin] if spec.origin else [])
    return bool(places) and all(is_own(Path(place), root) for place in places)


def _is_of_torch(name: str) -> bool:
    """Whether torch has such a module, or what should lie in it, asked without importing it."""
    import torch

    beginning = ".".join(name.split(".")[:2])
    return importlib.machinery.PathFinder.find_spec(beginning, torch.__path__) is not None


def _modules_near(name: str) -> list[str]:
    """The modules that stand beside one that does not exist."""
    import pkgutil

    parent, dot, _ = name.rpartition(".")
    if not dot:
        return ["torch", "torch.nn", "torch.optim", "gitexp.training"]
    folders = getattr(sys.modules.get(parent), "__path__", ())
    return [f"{parent}.{found.name}" for found in pkgutil.iter_modules(list(folders)) if not found.name.startswith("_")]


def _files_near(file: Path, root: Path) -> list[str]:
    """Python files beside one that does not exist, and those with its name in recipes."""
    folder = file.parent if file.parent.is_dir() else None
    beside = sorted(folder.glob("*.py"))[:200] if folder else []
    return [shown(path, root) for path in [*beside, *sorted(root.glob(f"recipes/*/{file.name}"))[:200]]]


# ---- what is allowed


def _made_in(found: Any, use: str, root: Path, imports: Sequence[str]) -> str:
    """The module where an object was made; raises Unusable when it is no component or must not be used."""
    if isinstance(found, ModuleType):
        raise Unusable(f"{use} is a module; name a class or function in it")
    if not callable(found):
        raise Unusable(f"{use} is no class or function, but {said_of(found)}")
    made_in = getattr(found, "__module__", None)
    if not isinstance(made_in, str):
        raise Unusable(f"{use} is not allowed: it does not say which module it comes from")
    own = is_own(Path(getattr(sys.modules.get(made_in), "__file__", None) or "/"), root)
    if not own and not _is_listed(made_in, imports):
        raise Unusable(f"{use} is {made_in}.{getattr(found, '__qualname__', '?')}: " + _not_allowed(made_in, imports))
    return made_in


def _is_listed(module: str, imports: Iterable[str]) -> bool:
    if module == "torch" and "torch" in imports:
        return True
    prefixes = [prefix for listed in imports for prefix in (_TORCH if listed == "torch" else (listed,))]
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def _not_allowed(module: str, imports: Sequence[str]) -> str:
    if "torch" in imports and module.startswith("torch."):
        stands = '"torch" in [policy] imports of gitexp.toml stands for torch.nn and torch.optim'
        return f"{module} is not allowed: {stands}"
    named = ", ".join(imports) or "nothing"
    return f"{module} is not allowed: [policy] imports of gitexp.toml has {named}; the repository's own code always is"


def _source(module: str, root: Path) -> tuple[Path | None, str]:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file and is_own(Path(file), root):
        return Path(file), shown(Path(file), root)
    top = module.partition(".")[0]
    version = getattr(sys.modules.get(top), "__version__", None)
    path = Path(file) if file and top == "gitexp" else None
    return path, f"{top} {version}" if isinstance(version, str) else top
