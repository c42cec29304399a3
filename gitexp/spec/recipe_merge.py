"""Lay recipe over recipe: tables merge, all else replaces, a value keeps its base's type and knows its origin.

Layers come from the lowest to the highest: goals of gitexp.toml, bases, the recipe, -s, --seed and --timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.spec.override import not_quite_toml, read_toml, split_override
from gitexp.spec.recipe_shape import DEFAULT_USE, OWN, RESERVED, SLOTS, oversized
from gitexp.text.schema import (
    KeyPath,
    dotted,
    escaped,
    expected,
    has_key,
    kind,
    leaves,
    near,
    problems_in,
    quoted,
    spell,
    split_key,
)

SOURCES = ("path", "url", "name")  # of a dataset: exactly one of them
_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Origin:
    """Where values come from: a file and its text, or a flag. Lines are looked up only when somebody asks."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        self.text = text  # None: a flag
        self._lines: dict[KeyPath, int] | None = None

    @property
    def is_override(self) -> bool:
        """Whether it was typed as -s."""
        return self.text is None and self.name == "-s"

    def at(self, path: KeyPath) -> str:
        """`recipes/x.toml:12`; the line is that of the key, or of the nearest table around it."""
        if self.text is None:
            return self.name
        from gitexp.text.keylines import key_lines, nearest_line

        if self._lines is None:
            self._lines = key_lines(self.text)
        line = nearest_line(self._lines, path)
        return escaped(self.name) + (f":{line}" if line else "")


def nearest(origins: Mapping[KeyPath, Origin], path: KeyPath) -> Origin | None:
    """Where a value came from; for a table or a missing key, the first around it; files before flags."""
    for end in range(len(path), 0, -1):
        if path[:end] in origins:
            return origins[path[:end]]
        below = [origin for at, origin in origins.items() if at[:end] == path[:end]]
        if below:
            return next((origin for origin in below if origin.text is not None), below[0])
    return None


class Merged:
    """A recipe while it is being put together: its values, where each is from, and what is wrong so far."""

    def __init__(self, catalogue: Mapping[str, object]) -> None:
        self.values: dict[str, Any] = {}
        self.lab: Origin | None = None  # what gitexp.toml says of every recipe's goals: behind the recipe's own
        self.origins: dict[KeyPath, Origin] = {}
        self.problems: list[str] = []
        self.left_out: set[KeyPath] = set()  # keys that are there and wrong: nobody has to hear that they are missing
        self.catalogue = catalogue  # names that a dataset's plain string may mean
        self.wraps = False  # there is a command: tables such as [model] are its program's own

    def complain(self, origin: Origin, path: KeyPath, what: str) -> None:
        """Note a problem as `file:line: key: what`."""
        key = f"{dotted(path)}: " if path else ""
        self.problems.append(f"{origin.at(path)}: {key}{what}")

    def complain_at(self, path: KeyPath, what: str) -> None:
        """Note a problem with a value that was merged, at the place it came from."""
        self.complain(self.origin(path), path, what)

    def origin(self, path: KeyPath) -> Origin:
        """Where a value came from; for a table, where its first value did."""
        return nearest(self.origins, path) or Origin("recipe")

    def add(self, values: Mapping[str, Any], origin: Origin) -> None:
        """Lay a layer over what is there. What is wrong in it is noted and left out."""
        table = _copy(values)
        own = {key: value for key, value in table.items() if key in OWN}
        for path, what in [*problems_in(own, OWN), *oversized(table)]:
            self.complain(origin, path, what)
            _leave_out(table, path)
            self.left_out.add(path)
        for name, entry in table.get("data", {}).items():
            if isinstance(entry, str):  # a table says what the plain string means
                source = "name" if entry in self.catalogue else "url" if "://" in entry else "path"
                table["data"][name] = {source: entry}
        self.wraps = self.wraps or "command" in table.get("run", {})
        self._merge(self.values, table, (), origin)

    def override(self, typed: str, *, known_keys: bool = True) -> None:
        """Lay one `key=value` or `+key=value` of -s over what is there. `known_keys`: what exists is certain."""
        origin = Origin("-s")
        try:
            typed.encode()
        except UnicodeEncodeError:
            self.complain(origin, (), f"expected UTF-8, got {quoted(typed)}")
            return
        plain = typed.lstrip("+")
        key, text = split_override(plain)
        path = split_key(key) if text is not None and len(typed) - len(plain) <= 2 else None
        if plain.startswith("~"):  # Hydra's
            self.complain(origin, (), f"a key cannot be removed here, only set; got {spell(typed)}")
            return
        if text is None or path is None or key.rstrip().endswith((":", "+")):
            self.complain(origin, (), f"expected key.path=value, got {spell(typed)}")
            return
        if path[0] == "extends":
            self.complain(origin, path, "this is what a file is built on; it cannot be set here")
            return
        value = self._read(path, text)
        complaint = not_quite_toml(text) if value is None and self._takes_anything(path) else None
        if complaint:
            quotes = _pasted(f"+{dotted(path)}={quoted(text)}")
            self.complain(origin, path, f"got {spell(text)}; {complaint}{quotes and f'; if it is text: {quotes}'}")
            self.left_out.add(path)
            return
        layer: Any = text if value is None else value
        is_new = not (typed.startswith("+") or not known_keys)
        new = [at for at, _ in leaves(layer, path) if not self.has(at)] if is_new else []
        for part in reversed(path):
            layer = {part: layer}
        new = [at for at in new if not self._is_argument(at, layer)]
        if not new:
            before = len(self.problems)
            self.add(layer, origin)
            got = (f"got {spell(value)}", f"got {escaped(text[:60])}")  # what was typed, not what TOML makes of it
            if value is not None and not isinstance(value, str | dict):
                self.problems[before:] = [problem.replace(*got, 1) for problem in self.problems[before:]]
            return
        in_tables = all(isinstance(self.value(path[:end]), dict | None) for end in range(1, len(path)))
        addable = in_tables and (path[0] not in OWN or not any(problems_in(layer, OWN)))
        pasted = _pasted(f"+{plain}") if addable else ""
        how = f" ({pasted} adds one)" if pasted else ""
        for at in new:
            self.complain(origin, at, f"no such key{self.near_key(at)}{how}")

    def _read(self, path: KeyPath, text: str) -> Any | None:
        """The value of an override; a string's is the text as it was typed. None: the text is no TOML."""
        value, base = read_toml(text), self.value(path)
        if value is None or isinstance(value, str):
            return value
        if path[0] in OWN:  # `about.version=1.10` can only be text
            return text if _fits(path, text) and not _fits(path, value) else value
        is_string = isinstance(base, str) and not (self._in_component(path) and _stands_for_another(base))
        return text if is_string else value

    def _takes_anything(self, path: KeyPath) -> bool:
        """Whether neither gitexp nor a value below says what this key may be."""
        return path[0] not in OWN and self.value(path) is None

    def _in_component(self, path: KeyPath) -> bool:
        return path[0] in SLOTS and not self.wraps

    def has(self, path: KeyPath) -> bool:
        """Whether a key exists: it has a value, or is one of gitexp's own."""
        inside: Any = self.values
        for depth, part in enumerate(path, start=1):
            if not isinstance(inside, dict) or part not in inside:
                is_last = isinstance(inside, dict) and depth == len(path) > 1
                return (is_last and self._is_reserved(path, inside)) or has_key(OWN, path, self.values)
            inside = inside[part]
        return True

    def _is_reserved(self, path: KeyPath, table: Mapping[str, Any]) -> bool:
        """Whether every component knows this key; `table` is what it would stand in."""
        is_table = "use" in table or path[:-1] in DEFAULT_USE
        return self._in_component(path) and is_table and path[-1] in RESERVED

    def value(self, path: KeyPath) -> Any:
        """The value of a key; None where it has none."""
        return _at(self.values, path)

    def near_key(self, path: KeyPath) -> str:
        """`; did you mean …?` for a key that does not exist: in its table if there is one, else anywhere."""
        known = self._known_keys()
        if path[0] not in self.values and path[0] not in OWN and (table := near(path[0], [*self.values, *OWN])):
            return table
        if len(path) > 1 and self.has(path[:-1]):
            table = dotted(path[:-1]) + "."
            known = [key for key in known if key.startswith(table) and near(path[-1], [key.removeprefix(table)])]
        return near(dotted(path), known)

    def _known_keys(self) -> list[str]:
        """All keys that exist, as they would be typed."""
        keys = {dotted(path[:end]): None for path in self.origins for end in range(1, len(path) + 1)}
        for table, part in OWN.items():
            keys[table] = None
            if isinstance(part, dict):
                keys.update((f"{table}.{key}", None) for key in part)
        return list(keys)

    def _merge(self, into: dict[str, Any], table: dict[str, Any], path: KeyPath, origin: Origin) -> None:
        for key, value in table.items():
            at = (*path, key)
            base = into.get(key)
            # A dataset's digest belongs to its source: another source drops it.
            whole = path == ("data",) and any(source in value for source in SOURCES)
            # And so are a range and a list of choices never mixed.
            whole |= path == ("space",) and isinstance(base, dict) and ("choices" in value) != ("choices" in base)
            if key in into and isinstance(base, dict) and isinstance(value, dict) and not whole:
                if self._replaces(value, base, at):
                    self._drop_arguments(base, at, origin)
                self._merge(base, value, at, origin)
                continue
            if key in into and at[0] not in OWN:
                complaint = self._kept(base, value, at)
                if complaint:
                    self.complain(origin, at, complaint)
                    continue
                value = _as_base(base, value)
            for old in [old for old in self.origins if old[: len(at)] == at] if isinstance(base, dict) else ():
                del self.origins[old]
            if self.lab is not None and self.origins.get(at) is self.lab:
                del into[key]  # from here on it is the recipe's own, in its order
            into[key] = value
            for leaf, _ in leaves(value, at):
                self.origins[leaf] = origin

    def _replaces(self, value: Mapping[str, Any], base: Mapping[str, Any], at: KeyPath) -> bool:
        """Whether a layer puts another component in the place of one."""
        if not self._in_component(at):
            return False
        old, new = base.get("use", DEFAULT_USE.get(at)), value.get("use")
        return isinstance(old, str) and isinstance(new, str) and old != new

    def _is_argument(self, at: KeyPath, layer: Mapping[str, Any]) -> bool:
        """Whether a key stands in a component's table: what the component takes is for its own signature to say."""
        if not self._in_component(at):
            return False
        if any(at[:end] in DEFAULT_USE for end in range(1, len(at))):
            return True
        around = [(*at[:end], "use") for end in range(1, len(at))]
        return any(_at(source, use) is not None for source in (self.values, layer) for use in around)

    def _drop_arguments(self, base: dict[str, Any], at: KeyPath, origin: Origin) -> None:
        """A component's arguments are its own: another one in its place does not get them."""
        for name in [name for name in base if name not in RESERVED]:
            del base[name]
            for leaf in [leaf for leaf in self.origins if leaf[: len(at) + 1] == (*at, name)]:
                if self.origins.pop(leaf).is_override:
                    use = dotted((*at, "use"))
                    self.complain(origin, leaf, f"set before -s {use}=…, which drops it; write it after that")
        for table in ("space", "why"):  # what was said of the old one does not hold for the new
            for key in [key for key in self.values.get(table, {}) if (split_key(key) or ())[: len(at)] == at]:
                below = [leaf for leaf in self.origins if leaf[:2] == (table, key)]
                if not any(self.origins[leaf] is origin for leaf in below):
                    del self.values[table][key]
                    for leaf in below:
                        del self.origins[leaf]

    def _kept(self, base: Any, value: Any, path: KeyPath) -> str | None:
        if type(base) is type(value) or (type(base) is float and type(value) is int and float(value) == value):
            return None
        if self._in_component(path) and (_stands_for_another(base) or _stands_for_another(value)):
            return None  # "{train.epochs}" is as good as a number
        place = self.origin(path).at(path)
        shown = "a table" if isinstance(base, dict) else spell(base, limit=30)
        hint = None
        if isinstance(base, str) and not isinstance(value, dict | list):
            hint = "a string stands in quotes"
        elif isinstance(value, str) and not isinstance(base, dict):
            hint = not_quite_toml(_BOOLEANS.get(value.lower(), value) if isinstance(base, bool) else value)
        hint = f"; {hint}" if hint else ""
        return f"{expected(kind(base), value)}{hint} ({place} has {shown})"


def _at(value: Any, path: KeyPath) -> Any:
    """What stands at a key path; None where nothing does."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _stands_for_another(value: Any) -> bool:
    """Whether this is one placeholder and nothing else, whose value has a type of its own."""
    return isinstance(value, str) and value[:1] == "{" and value[1:2] != "{" and value.find("}") == len(value) - 1


def _as_base(base: Any, value: Any) -> Any:
    """Integers become floats where the base has floats."""
    if type(base) is float and type(value) is int:
        return float(value)
    if isinstance(base, list) and isinstance(value, list) and base and all(type(item) is float for item in base):
        return [float(item) if type(item) is int else item for item in value]
    return value


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _leave_out(table: Any, path: KeyPath) -> None:
    around = _at(table, path[:-1])
    if isinstance(around, dict):
        around.pop(path[-1], None)


def _fits(path: KeyPath, value: Any) -> bool:
    """Whether one of gitexp's own keys may have this value."""
    for part in reversed(path):
        value = {part: value}
    return not any(problems_in(value, OWN))


def _pasted(override: str) -> str:
    """`-s KEY=VALUE` as a shell takes it; nothing where it is too long to be shown, or has what no terminal shows."""
    import shlex

    return f"-s {shlex.quote(override)}" if len(override) <= 200 and override.isprintable() else ""
