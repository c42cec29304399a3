"""Rows in an order that anybody can repeat, and cut: which rows each rule of a split or a sample gets.

A row goes by the hash BLAKE2b, 16 bytes, of the text `SEED:ROW`. Among the n rows that have its value of the `stratify`
column (all rows, without one), let it be the r-th, from 0, by that hash: its place in the order is (r × 2¹²⁸ + hash)
div n, ties by the value. So every beginning of the order holds the values in their shares, to a row or so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b

from gitexp.errors import GitexpError, Refused
from gitexp.spec.catalogue import DrawRule

HASH_BITS = 128
SHOWN = 5


class Drawing:
    """The rows of a dataset while they are divided. Problems are sentences, collected to be told at once."""

    def __init__(self, rows: int, column: Callable[[str], list[str]], indices: Callable[[str], list[int]]) -> None:
        self.rows = rows
        self.problems: list[str] = []
        self._column, self._indices = column, indices
        self._columns: dict[str, list[str] | None] = {}

    def splits(self, rules: Mapping[str, DrawRule]) -> dict[str, Sequence[int]]:
        """The rows of each split that could be drawn, `rest` last."""
        fractions = [rule for rule in rules.values() if rule.fraction is not None]
        if sum(map(_exact, fractions)) > 1:
            stated = " + ".join(f"{rule.name} {rule.fraction}" for rule in fractions)
            self.problems.append(f"the splits' fractions are more than all rows: {stated}")
            return {}
        groups: dict[tuple[int, str | None], list[DrawRule]] = {}
        found: dict[str, Sequence[int]] = {}
        for rule in rules.values():
            if rule.indices is not None:
                found |= self._listed(rule, f"split {rule.name}", range(self.rows))
            elif not rule.rest:
                groups.setdefault((rule.seed, rule.stratify), []).append(rule)
        for (seed, stratify), members in groups.items():
            found |= self._cut(members, range(self.rows), seed, stratify, kind="split")
        left = self._left({name: found[name] for name in rules if name in found})
        for rule in rules.values():
            if rule.rest and len(found) == len(rules) - 1:  # what is left is known only when all others are
                found |= self._filled(rule, "split", left)
        return found

    def sample(self, rule: DrawRule, splits: Mapping[str, Sequence[int]]) -> Sequence[int] | None:
        """The rows of a sample; None where it could not be drawn."""
        if rule.of is not None and rule.of not in splits:
            return None  # what is wrong with the split has been said
        among = range(self.rows) if rule.of is None else sorted(splits[rule.of])
        if rule.indices is not None:
            return self._listed(rule, f"sample {rule.name}", among).get(rule.name)
        return self._cut([rule], among, rule.seed, rule.stratify, kind="sample").get(rule.name)

    def _listed(self, rule: DrawRule, what: str, among: Sequence[int]) -> dict[str, Sequence[int]]:
        """The rows that a file lists, which must be some of `among`, each once."""
        assert rule.indices is not None
        try:
            listed = self._indices(rule.indices)
        except GitexpError as error:
            self.problems.append(f"{what}: {error.what}")
            return {}
        known = among if isinstance(among, range) else set(among)
        outside = [row for row in listed if row not in known]
        seen: set[int] = set()
        twice = [row for row in listed if row in seen or seen.add(row)]  # type: ignore[func-returns-value]
        if outside:
            where = f"in split {rule.of}" if rule.of else f"there (0 to {self.rows - 1})"
            self.problems.append(f"{what}: {_rows(outside)} of {rule.indices} {_be(outside)} not {where}")
        if twice:
            self.problems.append(f"{what}: {_rows(twice)} {_be(twice)} in {rule.indices} more than once")
        return {} if outside or twice else self._filled(rule, what.split()[0], listed)

    def _cut(
        self, rules: Sequence[DrawRule], among: Sequence[int], seed: int, stratify: str | None, *, kind: str
    ) -> dict[str, Sequence[int]]:
        """Rules that share an order, one after another."""
        labels = None if stratify is None else self._labels(stratify, f"{kind} {rules[0].name}")
        if stratify is not None and labels is None:
            return {}
        ends = list(_ends(rules, len(among)))
        if ends and ends[-1] > len(among):
            names = " and ".join(rule.name for rule in rules)
            there = f"split {rules[0].of} has" if rules[0].of else "there are"
            asks = "asks" if len(rules) == 1 else "ask"
            self.problems.append(f"{kind} {names} {asks} for {ends[-1]:,} rows, and {there} {len(among):,}")
            return {}
        order = _order(among, seed, labels)
        found: dict[str, Sequence[int]] = {}
        for rule, begin, end in zip(rules, [0, *ends], ends, strict=False):
            found |= self._filled(rule, kind, order[begin:end])
        return found

    def _filled(self, rule: DrawRule, kind: str, chosen: Sequence[int]) -> dict[str, Sequence[int]]:
        if not chosen:
            self.problems.append(f"{kind} {rule.name} would have no rows")
        return {rule.name: chosen}

    def _labels(self, name: str, what: str) -> list[str] | None:
        if name not in self._columns:
            self._columns[name] = None
            try:
                labels = self._column(name)
                if len(labels) != self.rows:
                    raise Refused(f"column {name} has {len(labels):,} values, and there are {self.rows:,} rows")
                self._columns[name] = labels
            except GitexpError as error:
                self.problems.append(f"{what}: {error.what}")
        return self._columns[name]

    def _left(self, found: Mapping[str, Sequence[int]]) -> list[int]:
        """The rows that no split has. Notes those that two have."""
        taken = bytearray(self.rows)
        names = list(found)
        for number, name in enumerate(names):
            if any(map(taken.__getitem__, found[name])):
                for other in names[:number]:
                    both = sorted(set(found[name]) & set(found[other]))
                    if both:
                        self.problems.append(f"splits {other} and {name} share {_rows(both)}")
            for row in found[name]:
                taken[row] = 1
        return [row for row, is_taken in enumerate(taken) if not is_taken]


def _exact(rule: DrawRule) -> Fraction:
    """A fraction as the decimal that was written: 0.8 is four fifths."""
    return Fraction(str(rule.fraction))


def _ends(rules: Sequence[DrawRule], rows: int) -> Iterator[int]:
    """Where each cut ends: fractions so far of all rows, rounded, half up; and the counts so far."""
    fractions, counts = Fraction(0), 0
    for rule in rules:
        if rule.fraction is not None:
            fractions += _exact(rule)
        counts += rule.number or 0
        yield int(fractions * rows + Fraction(1, 2)) + counts


def _order(among: Sequence[int], seed: int, labels: Sequence[str] | None) -> list[int]:
    hashes = [blake2b(b"%d:%d" % (seed, row), digest_size=HASH_BITS // 8).digest() for row in among]
    if labels is None:  # one value for all: the order by hash is that by place
        return [among[at] for at in sorted(range(len(among)), key=hashes.__getitem__)]
    alike: dict[str, list[int]] = {}
    for at, row in enumerate(among):
        alike.setdefault(labels[row], []).append(at)
    order: list[int] = []
    places: list[int] = []  # rising for each value: what is sorted at the end are few long runs, which is fast
    for label in sorted(alike):
        members = sorted(alike[label], key=hashes.__getitem__)
        order += members
        count = len(members)
        places += [
            ((rank << HASH_BITS) + int.from_bytes(hashes[at], "big")) // count for rank, at in enumerate(members)
        ]
    return [among[order[at]] for at in sorted(range(len(order)), key=places.__getitem__)]


def _rows(rows: Sequence[int]) -> str:
    """`row 3`, or `7 rows (1, 2, 3, 4, 5, …)`."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    more = ", …" if len(rows) > SHOWN else ""
    return f"{len(rows):,} rows ({', '.join(map(str, rows[:SHOWN]))}{more})"


def _be(rows: Sequence[int]) -> str:
    return "is" if len(rows) == 1 else "are"
