"""Index the components and recipes that there are: cards in the repository and in gitexp, recipes under recipes/.

Reads TOML and docstrings; nothing is imported. What a card or recipe says is text of somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.clone import read_text
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, output
from gitexp.regularfile import read_regular
from gitexp.spec.assembly import components_in, filled
from gitexp.spec.card import Card, find_card, load_cards
from gitexp.spec.fitting import Part
from gitexp.spec.recipe import Recipe
from gitexp.spec.recipe_shape import DEFAULT_USE, RESERVED
from gitexp.spec.signature import literal_defaults
from gitexp.text.bounded import load_toml
from gitexp.text.schema import dotted

FOLDER, FILE = "recipes", "recipe.toml"
_PACKAGE = Path(__file__).parents[1]  # gitexp/
_LARGEST = 1 << 20  # bytes of a file that is looked at


class Component(NamedTuple):
    """A component that has a card. `use` is how a recipe names it."""

    use: str
    card: Card
    defaults: Mapping[str, Any]  # of its arguments, as far as its source shows them


class Listed(NamedTuple):
    """A recipe. `summary` is its own file's, empty where that says none."""

    name: str
    path: str  # posix, relative to the root
    summary: str


def index_components(repo: Repo) -> tuple[list[Component], list[str]]:
    """Every component with a card: the repository's own (no ignored files), then gitexp's; and what is wrong.

    A TOML file is one of cards when it lies beside a module of its name and a table in it has a `slot`.
    """
    found: list[Component] = []
    problems: list[str] = []
    listing = output(repo, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.py", "*.toml")
    names = dict.fromkeys(name.decode(errors="surrogateescape") for name in listing.split(b"\0") if name)
    for name in names:
        path = repo.root / name
        beside = f"{name.removesuffix('.toml')}.py"
        # A file of gitexp's own, as in its checkout, has a shorter name.
        if name.endswith(".toml") and beside in names and not path.is_relative_to(_PACKAGE):
            _add(found, problems, path, where=name, module=beside)
    for path in sorted((_PACKAGE / "training").glob("*.toml")):
        _add(found, problems, path, where=f"gitexp/training/{path.name}", module=f"gitexp.training.{path.stem}")
    return found, problems


def _add(found: list[Component], problems: list[str], path: Path, *, where: str, module: str) -> None:
    text = _text(path)
    if text is None or not _holds_cards(text):
        return
    try:
        cards = load_cards(text, where=where)
    except GitexpError as error:
        problems += error.details or [error.what]
        return
    code = _text(path.with_suffix(".py")) or ""
    for name, card in cards.items():
        # The cards of torch's own classes stand under their whole names.
        use = name if ":" in name else f"{module}:{name}"
        found.append(Component(use, card, literal_defaults(code, name)))


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return None
        return read_regular(path).decode()
    except (OSError, ValueError):
        return None  # gone, or no text: no card in any case


def _holds_cards(text: str) -> bool:
    """Whether this is a file of cards, or one that cannot be read: what is wrong with it is for its author to know."""
    tables = _tables(text)
    return tables is None or any(isinstance(table, dict) and "slot" in table for table in tables.values())


def _tables(text: str) -> dict[str, Any] | None:
    try:
        return load_toml(text)
    except ValueError:
        return None


def index_recipes(root: Path) -> Iterator[Listed]:
    """The recipes that `gitexp run NAME` finds by name, with their summaries."""
    folder = root / FOLDER
    for path in sorted([*folder.glob("*.toml"), *folder.glob(f"*/{FILE}")]):
        text = _text(path) or ""
        if path.name != FILE and path.with_suffix(".py").is_file() and _holds_cards(text):
            continue
        table = _tables(text) or {}
        about = table.get("about")
        summary = about.get("summary", "") if isinstance(about, dict) else ""
        name = path.parent.name if path.name == FILE and path.parent != folder else path.stem
        if name.startswith("."):
            continue  # what a copy left behind that was killed
        yield Listed(name, path.relative_to(root).as_posix(), str(summary))


# ---- the components of one recipe


def parts_of(recipe: Recipe, *, root: Path) -> list[Part]:
    """The components of a recipe in the order of their slots, nested ones after their owners, each with its card.

    None of a recipe that wraps a program: tables of those names are its own there.
    Raises GitexpError for a card that is wrong.
    """
    if not recipe.made_of_components:
        return []
    paths = {name: f"{{data.{name}}}" for name in recipe.data}  # which it is, is said elsewhere
    parts = []
    for path, table in components_in(recipe.values):
        use = str(table.get("use", DEFAULT_USE.get(path, "")))
        arguments = {key: value for key, value in table.items() if key not in RESERVED}
        known = filled(arguments, values=recipe.values, seed=recipe.seed, data_paths=paths)
        is_nested = len(path) > (2 if path[0] == "preprocess" else 1)
        parts.append(
            Part(
                key=dotted(path),
                slot="" if is_nested else path[0],
                use=use,
                card=find_card(use, reader(root)),
                arguments=known,
                contract=str(table.get("contract", "")),
                defaults=_defaults(use, root),
            )
        )
    return parts


def _defaults(use: str, root: Path) -> dict[str, Any]:
    module, _, name = use.partition(":")
    stem = module.removesuffix(".py") if module.endswith(".py") else module.replace(".", "/")
    if module.partition(".")[0] == "torch":
        return {}
    return literal_defaults(reader(root)(f"{stem}.py") or "", name)


def reader(root: Path) -> Callable[[str], str | None]:
    """Reads a module or its cards by path: from the repository, else from where gitexp lies. Never outside of them."""

    def read(name: str) -> str | None:
        for base in (root, _PACKAGE.parent):
            path = base / name
            if base is not root and not path.is_relative_to(_PACKAGE):
                return None
            try:
                if path.is_file() and path.resolve().is_relative_to(base.resolve()):
                    return read_text(base, name) if path.stat().st_size <= _LARGEST else None
            except OSError:
                return None
        return None

    return read
