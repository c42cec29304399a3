"""What flows from component to component: real fields, with the ranges that cards promise, and where two disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.spec.fields import Fields as Specs
from gitexp.spec.fields import FieldSpec, after, as_data, join
from gitexp.text.schema import KeyPath, Problem
from gitexp.training.data import Fields
from gitexp.training.joining.contracts import batch_problems, field_shapes, kept_promises
from gitexp.training.joining.parts import Part, contract_of


class Stream:
    """The fields behind the components that were looked at so far. `checks` off: they are only noted."""

    def __init__(self, parts: Mapping[KeyPath, Part], *, first: KeyPath, checks: bool) -> None:
        self.parts, self.checks = parts, checks
        self.giver = parts[first].name  # who gave them
        self.giver_path = first
        self.flow: list[dict[str, Any]] = []  # for the record
        self._declared: dict[str, FieldSpec] = {}

    def gave(self, path: KeyPath, fields: Fields) -> list[Problem]:
        """Take what a component gave; where it is not what its card says."""
        part = self.parts[path]
        takes, gives = contract_of(part)
        self._declared = after(self._declared, takes, gives, part.card.removes if part.card else ())
        self.giver, self.giver_path = part.name, path
        problems = [*batch_problems(part.name, fields), *kept_promises(part.name, fields, gives)] if self.checks else []
        if not problems:
            self.note(part.name, self.specs(fields))
        return [(path, what) for what in problems]

    def note(self, giver: str, specs: Specs) -> None:
        """Write down what a component gives."""
        self.flow.append({"after": giver, "fields": as_data(specs)})

    def disagreements(self, path: KeyPath, fields: Fields) -> list[Problem]:
        """Where these fields are not what the next component says that it takes."""
        if not self.checks:
            return []
        takes, _ = contract_of(self.parts[path])
        return [(path, what) for what in join(self.giver, self.specs(fields), self.parts[path].name, takes)]

    def specs(self, fields: Fields) -> dict[str, FieldSpec]:
        """What the fields are, with the ranges that cards promise."""
        known = self._declared
        return {
            name: spec._replace(range=known[name].range) if name in known else spec
            for name, spec in field_shapes(fields).items()
        }
