"""Recipes and components as pages: one recipe as text or Markdown, and the index as a table or JSON.

All words in them are somebody else's: escaped for the terminal, and in Markdown also against markup, links and HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitexp.cli.folded import folded
from gitexp.cli.pageparts import fact_table, heading
from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, duration, safe, value
from gitexp.pipelines.cards import Fit, Index, RecipeCard
from gitexp.spec.card import Card
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.fields import Fields
from gitexp.spec.fitting import Part
from gitexp.spec.recipe_shape import ABOUT
from gitexp.text.schema import dotted, inline, leaves, split_key

TEXT_LIMIT = 4000  # characters of one text
_MARKUP = re.compile(r"([\\`*_{}\[\]|~$]|:(?=//)|^[-+#=])")  # what Markdown gives a meaning to, or GitHub


class Section(NamedTuple):
    """A part of a page: facts, or rows under names of columns. All of it raw text."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    level: int = 2
    note: str = ""


# ---- one recipe


def sections(card: RecipeCard) -> list[Section]:
    """The page of a recipe, raw."""
    recipe, about = card.recipe, card.recipe.values.get("about", {})
    facts = [(_spoken(name), about[name]) for name in ABOUT if name in about]
    facts.append(("file", str(recipe.path)))
    if not card.parts:
        facts.append(("command", inline(list(recipe.command))))
    found = [Section(recipe.name, facts, level=1, note="recipe")]
    rows = [_dataset(name, ref, card.notices) for name, ref in recipe.data.items()]
    found.append(Section("Data", columns=("dataset", "where", "licence", "source", "owner"), rows=rows))
    if card.parts:
        found.append(Section("Components", note="in the order in which they are used"))
        found += map(_component, card.parts)
        fields = [(one.key, _fields(one.takes), _fields(one.gives)) for one in card.parts if one.takes or one.gives]
        found.append(Section("Contracts", columns=("component", "takes", "gives"), rows=fields))
    found.append(Section("Why", columns=("key", "value", "reason"), rows=list(_reasons(card))))
    found.append(_expected(card))
    return [one for one in found if one.facts or one.rows or one.note]


def _dataset(name: str, ref: DatasetRef, notices: Mapping[str, str]) -> tuple[str, ...]:
    stated = f"see {notices[name]}" if name in notices else None
    where = ref.path or ref.url or ""
    return name, where, ref.license or stated or "not stated", ref.source or stated or "-", ref.owner or "-"


def _component(part: Part) -> Section:
    card = part.card
    facts = [("use", part.use)]
    if card is None:
        facts.append(("card", "none: it says nothing of itself"))
    else:
        of = [("contract", card.version), ("owner", card.owner), ("kind", card.kind), ("fitted on", card.fits_on)]
        facts += [(name, text) for name, text in of if text]
        if card.probability is not None:
            given = {**part.defaults, **part.arguments}.get(str(card.probability))
            facts.append(("probability", f"{card.probability}" if given is None else f"{card.probability} = {given}"))
        texts = ((name, getattr(card, name, "")) for name in ABOUT[:5])
        facts += [(_spoken(name), text) for name, text in texts if text]
    if part.arguments:
        facts.append(("arguments", ", ".join(f"{name} = {value(given)}" for name, given in part.arguments.items())))
    if card is not None:
        facts += [(f"  {name}", words) for name, words in _allowed(card)]
    return Section(part.key, facts, level=3)


def _allowed(card: Card) -> Iterator[tuple[str, str]]:
    for name, allowed in card.arguments.items():
        limits = ", ".join(value(one) for one in allowed.one_of)
        if allowed.low is not None and allowed.high is not None:
            limits = f"{allowed.low:g} to {allowed.high:g}"
        elif allowed.low is not None or allowed.high is not None:
            limits = f"from {allowed.low:g}" if allowed.low is not None else f"up to {allowed.high:g}"
        words = "; ".join(part for part in (allowed.what, limits) if part)
        if words:
            yield name, words


def _fields(fields: Fields) -> str:
    shown = []
    for name, spec in fields.items():
        limits = f" {spec.range[0]:g} to {spec.range[1]:g}" if spec.range else ""
        shown.append(f"{name} {spec.words()}{limits}")
    return ", ".join(shown) or "-"


def _reasons(card: RecipeCard) -> Iterator[tuple[str, str, str]]:
    values = dict(leaves(card.recipe.values))
    for key, reason in card.recipe.values.get("why", {}).items():
        path = split_key(key) or ()
        shown = inline(values[path]) if path in values else ""
        yield dotted(path), shown if len(shown) <= VALUE_LIMIT else f"{shown[:VALUE_LIMIT]}…", reason


def _expected(card: RecipeCard) -> Section:
    took = card.expected.time_s
    facts = [] if took is None else [("time", f"{duration(took)} on two cores")]
    for name, bound in card.expected.metrics.items():
        facts.append((name, f"{bound.value:g}, give or take {bound.tolerance:g}"))
    return Section("Expected", facts)


def _spoken(name: str) -> str:
    return {"trade_offs": "trade-offs"}.get(name, name.replace("_", " "))


def text_page(found: Sequence[Section], *, on: Screen) -> str:
    """The page for a terminal or a file."""
    return "\n".join(_text(section, on=on) for section in found)


def _text(section: Section, *, on: Screen) -> str:
    if section.level == 1:
        lines = heading(f"recipe {safe(section.title)}", on=on)
    else:
        lines = heading(safe(section.title), safe(section.note), on=on)
    if section.facts:
        lines += fact_table([(safe(name), _line(text), "") for name, text in section.facts], on=on)
    if section.rows and "reason" in section.columns:  # long: each below its key
        for key, given, reason in section.rows:
            lines += fact_table([(safe(key), safe(given), "bold"), ("", _line(reason), "")], on=on)
    elif section.rows:
        columns = [Column(name, least=0 if number == 0 else 12) for number, name in enumerate(section.columns)]
        rows = [
            [Cell(_line(text), "" if number else "bold") for number, text in enumerate(row)] for row in section.rows
        ]
        lines += folded(columns, rows, on=on)
    return lines


def _line(text: str) -> str:
    cut = text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"
    return safe(" ".join(cut.split()))


# ---- Markdown


def markdown_page(found: Sequence[Section]) -> str:
    """The page as Markdown that shows the same text wherever it is rendered, and nothing else."""
    return "\n".join(_markdown(section) for section in found)


def _markdown(section: Section) -> str:
    lines = f"{'#' * section.level} {_plain(section.title)}\n"
    if section.facts:
        lines += "\n" + "".join(f"- **{_plain(name.strip())}**: {_plain(text)}\n" for name, text in section.facts)
    if section.rows:
        lines += f"\n| {' | '.join(map(_plain, section.columns))} |\n|{'---|' * len(section.columns)}\n"
        lines += "".join(f"| {' | '.join(map(_plain, row))} |\n" for row in section.rows)
    return lines


def _plain(text: str) -> str:
    """Text that stays text: no markup, no link, no tag, no line of its own."""
    escaped = re.sub(r"^(\d+)([.)])(?= |$)", r"\1\\\2", _MARKUP.sub(r"\\\1", _line(text)))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub makes links of bare addresses, whose colon is escaped above, and of www.
    return re.sub(r"(?i)\bwww\.", lambda found: f"{found[0][:-1]}&#46;", escaped)


# ---- the index


def index_page(index: Index, *, on: Screen) -> str:
    """The recipes, then the components that would fit where that was asked."""
    pages = []
    if index.recipes:
        rows = [[Cell(safe(one.name), "bold"), Cell(_line(one.summary))] for one in index.recipes]
        pages.append(folded([Column("recipe"), Column("what it is", least=20)], rows, on=on))
    fitting = [one for one in index.components if not one.problems]
    if fitting:
        columns = [Column("slot"), Column("use", least=20), Column("contract")]
        pages.append(folded(columns, (row for one in fitting for row in _rows(one)), on=on))
    return "\n".join(pages)


def _rows(one: Fit) -> Iterator[Sequence[Cell]]:
    card = one.component.card
    yield Cell(card.slot), Cell(_line(one.component.use), "bold"), Cell(safe(card.version or "-"))
    about = f"{card.summary} ({card.owner})" if card.owner else card.summary
    if about:
        yield Cell(""), Cell(_line(about)), Cell("")


def index_shape(index: Index, *, judged: bool) -> dict[str, Any]:
    """The index as JSON has it. `judged`: it was asked what fits, so each component says so."""
    return {
        "recipes": index.recipes,
        "components": [
            {
                "use": one.component.use,
                "slot": one.component.card.slot,
                "version": one.component.card.version or None,
                "owner": one.component.card.owner or None,
                "kind": one.component.card.kind or None,
                "summary": one.component.card.summary or None,
                "where": one.component.card.source,
                **({"fits": not one.problems, "problems": list(one.problems)} if judged else {}),
            }
            for one in index.components
        ],
    }
