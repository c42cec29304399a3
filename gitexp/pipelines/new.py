"""Copy a recipe that ships with gitexp into a repository, as a folder that stands on its own. Never overwrites."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from gitexp import __version__
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo
from gitexp.pipelines.cards import NOTICE
from gitexp.record.manifest import Entry, dataset_digest, dump_manifest
from gitexp.removal import remove_tree
from gitexp.stages.resolve import FILE, FOLDER
from gitexp.text import toml
from gitexp.text.schema import near, spell
from gitexp.text.tomledit import set_string

# Names become parts of paths in TOML, Python and shell: letters that need no quotes anywhere.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_TEXTS = (".toml", ".py", ".md", ".sh", ".awk", ".json", ".cfg", ".ini", ".r", ".jl")  # not data: that stays as it is


class Template(NamedTuple):
    """A recipe that ships with gitexp."""

    name: str
    version: str  # empty: it states none
    summary: str
    folder: Path


class Copied(NamedTuple):
    """What was written."""

    folder: str  # posix, relative to the root
    files: tuple[str, ...]  # relative to the folder
    template: str  # what the recipe now says under [about] template


def templates() -> list[Template]:
    """The recipes that ship with gitexp, by name."""
    found = []
    for path in sorted(_shipped_folder().glob(f"*/{FILE}")):
        about = toml.loads(path.read_text(encoding="utf-8")).get("about", {})
        found.append(Template(path.parent.name, about.get("version", ""), about.get("summary", ""), path.parent))
    return found


def new(template: str, name: str | None, *, repo: Repo) -> Copied:
    """Copy a template to recipes/NAME of the repository; its own name where `name` is None.

    Its paths `recipes/TEMPLATE/…` become `recipes/NAME/…`, and [about] template says what it was copied from: name,
    version and digest of the shipped folder, version of gitexp. Raises GitexpError where NAME is taken or no name.
    """
    there = templates()
    found = next((one for one in there if one.name == template), None)
    if found is None:
        names = [one.name for one in there]
        raise GitexpError(f"No recipe {spell(template)} ships with gitexp{near(template, names)}", fix="gitexp new")
    name = template if name is None else name
    require_name(name, fix=f"gitexp new {template} my-{template}")
    folder = repo.root / FOLDER / name
    for taken in (folder, folder.with_name(f"{name}.toml")):
        if os.path.lexists(taken):
            shown = taken.relative_to(repo.root).as_posix()
            raise GitexpError(f"{shown} is there already; nothing was written", fix=f"gitexp new {template} OTHER-NAME")
    files = _files(found.folder)
    origin = " ".join(filter(None, [template, found.version, f"{_digest(files)}, gitexp {__version__}"]))
    files = _with_borrowed(files, found)
    _write(folder, files, template=template, name=name, origin=origin)
    return Copied(f"{FOLDER}/{name}", tuple(files), origin)


def require_name(name: str, *, fix: str) -> None:
    """Raise GitexpError where this is no name for a recipe."""
    if not re.fullmatch(_NAME, name):
        raise GitexpError(
            f"{spell(name)} is no name for a recipe",
            why="It is written into paths: letters, digits, dots, - and _, at most 64, a letter or digit first.",
            fix=fix,
        )


def _shipped_folder() -> Path:
    """Where the shipped recipes lie: in the package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / FOLDER, package.parent / FOLDER):
        if any(folder.glob(f"*/{FILE}")):
            return folder
    raise GitexpError("This installation of gitexp lacks its recipes", fix="pip install --force-reinstall gitexp")


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of a shipped recipe by its posix path in the folder, but what an installer or a run put beside."""
    found = {}
    for path in folder.rglob("*"):
        within = path.relative_to(folder)
        left = any(name == "__pycache__" or name.startswith(".") for name in within.parts)
        if path.is_file() and path.suffix != ".pyc" and not left:
            found[within.as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))


def _with_borrowed(files: dict[str, bytes], template: Template) -> dict[str, bytes]:
    """The files, and beside them data that the template takes from another shipped recipe's folder, with its notice."""
    data = toml.loads(files[FILE].decode()).get("data", {})
    places = [place.get("path", "") if isinstance(place, dict) else place for place in data.values()]
    whole = dict(files)
    for place in places:
        path = template.folder.parents[1] / place
        if path.is_file() and path.parent.parent == template.folder.parent and path.parent != template.folder:
            mine = f"{FOLDER}/{template.name}/{path.name}".encode()
            for name, content in whole.items():
                if name.endswith(_TEXTS):
                    whole[name] = content.replace(place.encode(), mine)
            whole[path.name] = path.read_bytes()
            notice = path.with_name(NOTICE)
            if notice.is_file():
                whole.setdefault(NOTICE, notice.read_bytes())
    return dict(sorted(whole.items()))


def _digest(files: dict[str, bytes]) -> str:
    """The digest that `gitexp data pin` would give the shipped folder. Nobody can forget to raise it, as a number."""
    from xxhash import xxh3_128_hexdigest

    entries = [Entry(path.encode(), xxh3_128_hexdigest(content)) for path, content in files.items()]
    return dataset_digest(dump_manifest(entries))


def _write(folder: Path, files: dict[str, bytes], *, template: str, name: str, origin: str) -> None:
    """Write all files beside, then give them their name at once: half a recipe would pass for a whole one."""
    beside = folder.with_name(f".{name}.{os.getpid()}.tmp")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        for path, content in files.items():
            if path.endswith(_TEXTS):
                text = _renamed(content.decode(), template, name)
                content = (_with_origin(text, origin) if path == FILE else text).encode()
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        beside.rename(folder)  # fails where somebody else has made the folder meanwhile and put something into it
    except BaseException:
        remove_tree(beside)
        raise


def _renamed(text: str, template: str, name: str) -> str:
    """Paths and commands that name the template, with the copy's name."""
    old = re.escape(template)
    text = re.sub(rf"(\b{FOLDER}/){old}(?![\w-]|\.\w)", rf"\g<1>{name}", text)
    return re.sub(rf"(\bgitexp (?:run|check|test|recipe card) ){old}(?![\w/-]|\.\w)", rf"\g<1>{name}", text)


def _with_origin(text: str, origin: str) -> str:
    changed = set_string(text, ("about", "template"), origin)
    return changed if changed is not None else f'{text.rstrip()}\n\n[about]\ntemplate = "{origin}"\n'
