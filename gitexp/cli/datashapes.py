"""Datasets as JSON of format 1: how one stands, its versions, its ancestors, the runs that used bytes."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.cli.shapes import moment
from gitexp.history.datause import Hit
from gitexp.history.versions import Version
from gitexp.spec.catalogue import DrawRule
from gitexp.spec.lineage import Ancestor
from gitexp.stages.look import Look


def look_shape(one: Look) -> Mapping[str, object]:
    """A dataset of the catalogue for JSON: what it says, and how it stands."""
    ref = one.ref
    stated = {
        key: value
        for key, value in ref._asdict().items()
        if value not in (None, (), {}, False) and key not in ("entry", "splits", "samples", "derived", "digest")
    }
    shape: dict[str, object] = {**stated, "state": one.state, "pinned": ref.digest, "digest": one.digest}
    shape |= {"files": one.files, "size_bytes": one.size_bytes}
    for key in ("splits", "samples"):
        rules: Mapping[str, DrawRule] = getattr(ref, key)
        if rules:
            shape[key] = {name: _rule_shape(rule) for name, rule in rules.items()}
    if ref.derived is not None:
        shape["derived"] = {key: value for key, value in ref.derived._asdict().items() if value}
    if one.problem is not None:
        shape["problem"] = one.problem
    return shape


def _rule_shape(rule: DrawRule) -> dict[str, object]:
    kept = {key: value for key, value in rule._asdict().items() if value not in (None, False) and key != "name"}
    return {"count" if key == "number" else key: value for key, value in kept.items()}


def ancestor_shape(one: Ancestor) -> dict[str, object]:
    """An ancestor for JSON, its parents within it."""
    derived = one.ref.derived if one.ref else None
    making = {key: value for key, value in derived._asdict().items() if value and key != "parents"} if derived else {}
    origin = {"path": one.ref.path, "url": one.ref.url, "source": one.ref.source} if one.ref else {}
    return {
        "dataset": one.name,
        "digest": one.noted or (one.present if one.is_noted else None),
        "present": one.present,
        "stale": one.stale,
        **making,
        **{key: value for key, value in origin.items() if value is not None},
        "parents": [ancestor_shape(parent) for parent in one.parents],
    }


def version_shape(one: Version) -> dict[str, object]:
    """A version; its runs newest first."""
    return {
        "digest": one.digest,
        "since": moment(one.since),
        "files": one.files,
        "size_bytes": one.size_bytes,
        "pinned": one.is_pinned,
        "here": one.is_here,
        "runs": [row.id for row in one.runs],
    }


def hit_shape(one: Hit) -> dict[str, object]:
    """A use of some bytes by a run."""
    named = {"dataset": one.name, "path": one.path} if one.role != "artifact" else {"path": one.name}
    shape = {"run": one.row.id, "attempt": one.row.attempt, "commit": one.row.commit, "recipe": one.row.recipe}
    shape |= {"status": one.row.status, "finished": moment(one.row.finished), "as": one.role, "digest": one.digest}
    return shape | {key: value for key, value in named.items() if value is not None}
