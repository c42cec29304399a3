"""Turn what is typed behind --where into a condition over the index, every value of it bound.

    optimizer.lr < 1e-3 and val.acc > 0.9 and status == "completed" and since("2w")

A name is a fact of the run (FACTS), what is said of it (SAID), a metric, a setting, `env.KEY` or `digest.DATASET`; what
no run has is an error. A run that has no value for a name fits no comparison with it, `!=` neither: `not has(NAME)`
finds those.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.history.cache import Condition
from gitexp.history.reproduced import REPRODUCED
from gitexp.history.rowof import MOST_METRICS as MOST_KEYS
from gitexp.history.said import RETRACTED, SAID
from gitexp.record.event import OUTCOMES
from gitexp.record.identity import GRADES
from gitexp.record.metricnames import is_setting
from gitexp.record.runrecord import STATUSES

# Names of facts, and what they are in SQL; of times, seconds since 1970 in UTC.
FACTS = {
    "id": "r.id", "commit": 'r."commit"', "attempt": "r.attempt", "author": "r.author", "status": "r.status",
    "recipe": "r.recipe", "kind": "r.kind", "message": "r.message", "code": "r.code", "defects": "r.defects",
    "duration": "r.duration_s", "duration_s": "r.duration_s", "finished": "r.finished",
    "clean": "r.clean", "held_out": "r.held_out", "replicates": "r.alike", "retracted": f"({RETRACTED.sql})",
    "hardware": "nullif(r.hardware, '')", "reproduces": "nullif(r.reproduces, '')", "verdict": "nullif(r.grade, '')",
    "reproduced": REPRODUCED,
}  # fmt: skip
_TRUTHS = {"clean", "retracted"}  # which are conditions by themselves
_SHORT = {"id", "commit", "code", "replicates", "reproduces"}  # of which the beginning is enough
_TIMES = {"finished"}
# What a fact can be: another word is a mistake, not a run that there is not.
_WORDS = {
    "status": (*STATUSES, "unreadable"),
    "kind": ("run", "smoke", "rerun", "imported"),
    "verdict": GRADES,
    "outcome": OUTCOMES,
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
DEEPEST = 50  # parentheses in each other
LONGEST = 4000  # characters of a condition

_NAME = r"[^\W\d][\w.@/:+-]*(?:\[[^\]\"']*\])?"
_TOKEN = rf"""(?x)\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)
    |(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    |(?P<operator><=|>=|==|!=|<>|=|<|>|!~|~|\(|\)|,)|(?P<name>{_NAME}))"""  # compiled when one is needed
_COMPARING = {"<", "<=", ">", ">=", "==", "=", "!=", "<>", "~", "!~"}
_LITERALS: dict[str, float | int] = {"true": 1, "false": 0, "inf": float("inf")}

Keys = Callable[[str], Sequence[str]]  # the names that runs have: of a `metric`, a `setting`, `env`


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Value(NamedTuple):
    """What a name stands for, as SQL that is NULL where a run has none."""

    name: str
    sql: str
    values: tuple[object, ...]


def condition(text: str, keys: Keys, *, now: float | None = None) -> Condition:
    """The condition. Raises GitexpError, which points at the column and names the nearest key."""
    return _Parser(text, keys, time.time() if now is None else now).whole()


def asks_for(text: str, fact: str) -> bool:
    """Whether this condition, which can be read, names that fact."""
    return any(token == _Token("name", fact, token.at) for token in _Parser(text, lambda kind: (), 0.0).tokens)


def looks_like_one(text: str) -> bool:
    """Whether a word is a condition rather than a run, or several: `latest~1`, `latest~2..latest~1` are none."""
    return re.search(r"[<>=]|~(?!\d*([~^,]|\.\.|$))|\bin\s*\(|\b(has|since|before|event)\(", text) is not None


class _Parser:
    def __init__(self, text: str, keys: Keys, now: float) -> None:
        self._text, self._keys, self._now = text, keys, now
        if len(text) > LONGEST:
            raise GitexpError(f"A condition of {len(text):,} characters is too long: {LONGEST:,} at most")
        self.tokens = self._split()
        self._next = 0
        self._depth = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._peek.kind != "end":
            raise self._wrong(self._peek, "expected `and`, `or` or the end")
        return found

    def _split(self) -> list[_Token]:
        tokens, at, pattern = list[_Token](), 0, re.compile(_TOKEN)
        while self._text[at:].strip():
            match = pattern.match(self._text, at)
            if match is None or match.lastgroup is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                unclosed = self._text[start] in "\"'`"
                raise self._wrong(_Token("", "", start), "this quote is not closed" if unclosed else "unexpected")
            tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        return [*tokens, _Token("end", "", len(self._text))]

    @property
    def _peek(self) -> _Token:
        return self.tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += token.kind != "end"
        return token

    def _took(self, *words: str) -> bool:
        if self._peek.kind in ("name", "operator") and self._peek.text.lower() in words:
            self._next += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise self._wrong(self._peek, f"expected {word!r}")

    def _either(self) -> Condition:
        found = self._both()
        while self._took("or"):
            other = self._both()
            found = Condition(f"({found.sql}) OR ({other.sql})", (*found.values, *other.values))
        return found

    def _both(self) -> Condition:
        found = self._one()
        while self._took("and"):
            found &= self._one()
        return found

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(self._peek, "too many parentheses")
        try:
            if self._took("not"):
                inner = self._one()
                return Condition(f"NOT ({inner.sql})", inner.values)
            if self._took("("):
                inner = self._either()
                self._need(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Condition:
        token = self._take()
        if token.kind == "name" and self._peek.text == "(" and token.text in ("has", "since", "before", "event"):
            return self._called(token)
        if token.kind in ("number", "string"):
            raise self._wrong(token, "a name comes first, as in `lr < 0.1`")
        if token.kind == "name" and token.text in SAID:
            return self._said(token)
        subject = self._named(token)
        operator = self._peek
        if self._took("in"):
            return self._among(subject)
        if operator.kind == "operator" and operator.text in _COMPARING:
            self._take()
            return self._compared(subject, operator.text, self._take())
        if subject.name in _TRUTHS:
            return Condition(subject.sql)
        raise self._wrong(operator, f"expected a comparison of {subject.name!r}, such as == or <")

    def _called(self, function: _Token) -> Condition:
        self._need("(")
        token = self._take()
        if function.text == "has" and token.kind == "name" and token.text in SAID:
            found = Condition(f"r.id IN (SELECT about FROM ({SAID[token.text]}))")
        elif function.text == "has":
            subject = self._named(token)
            found = Condition(f"{subject.sql} IS NOT NULL", subject.values)
        elif function.text == "event":
            text = self._string(token)  # of another version of gitexp it may be any
            found = Condition("EXISTS (SELECT 1 FROM events AS e WHERE e.about = r.id AND e.kind = ?)", (text,))
        else:
            then = self._moment(token)
            found = Condition(f"r.finished {'>=' if function.text == 'since' else '<'} ?", (then,))
        self._need(")")
        return found

    def _said(self, fact: _Token) -> Condition:
        """Of what a run may have several: one of them fits, or, by != and !~, there are some and none does."""
        operator, value = self._peek, _Value(fact.text, "said.value", ())
        having = f"r.id IN (SELECT about FROM ({SAID[fact.text]}) AS said"
        if self._took("in"):
            found = self._among(value)
        elif self._took("==", "=", "~", "!=", "<>", "!~"):
            found = self._compared(
                value, {"!=": "==", "<>": "==", "!~": "~"}.get(operator.text, operator.text), self._take()
            )
        else:
            raise self._wrong(operator, f"expected a comparison of {fact.text!r}, such as == or ~")
        fits = Condition(f"{having} WHERE {found.sql})", found.values)
        if operator.text in ("!=", "<>", "!~"):
            return Condition(f"{having}) AND NOT ({fits.sql})", fits.values)
        return fits

    def _among(self, subject: _Value) -> Condition:
        self._need("(")
        parts = []
        while True:
            parts.append(self._compared(subject, "==", self._take()))
            if not self._took(","):
                break
        self._need(")")
        return Condition(
            " OR ".join(f"({part.sql})" for part in parts), tuple(value for part in parts for value in part.values)
        )

    def _compared(self, subject: _Value, operator: str, token: _Token) -> Condition:
        sign = {"=": "==", "<>": "!="}.get(operator, operator)
        twice = (*subject.values, *subject.values)
        if subject.name in _TIMES:
            return Condition(f"{subject.sql} {sign} ?", (*subject.values, self._moment(token)))
        if token.kind == "number" or (token.kind == "name" and token.text.lower() in _LITERALS):
            if "~" in sign:
                raise self._wrong(token, "a pattern is a text in quotes")
            number = _number(token.text)
            kind = f"typeof({subject.sql}) IN ('integer', 'real')"
            # What is a text, such as NaN, is unlike any number, and neither less nor more.
            return Condition(f"({kind} AND {subject.sql} {sign} ?)", (*twice, number))
        text = self._word(subject.name, token) if sign in ("==", "!=") else self._string(token)
        if sign in ("~", "!~"):
            pattern = text if any(sign in text for sign in "*?[") else f"*{text}*"
            test = f"folded({subject.sql}) {'NOT ' if sign == '!~' else ''}GLOB ?"
            return Condition(test, (*subject.values, pattern.lower()))
        if subject.name in _SHORT or subject.name.startswith("digest."):
            if sign not in ("==", "!="):
                raise self._wrong(token, f"{subject.name!r} is compared by ==, != or ~")
            same = f"({subject.sql} = ? OR (length(?) >= 4 AND substr({subject.sql}, 1, length(?)) = ?)"
            same += f" OR substr({subject.sql}, instr({subject.sql}, ':') + 1, length(?)) = ?)"
            bound = (*subject.values, text, text, *subject.values, text, text, *twice, text, text)
            return Condition(same if sign == "==" else f"NOT {same}", bound)
        folded = " COLLATE NOCASE" if subject.name == "author" else ""
        return Condition(f"(typeof({subject.sql}) = 'text' AND {subject.sql} {sign} ?{folded})", (*twice, text))

    def _word(self, fact: str, token: _Token) -> str:
        text, known = self._string(token), _WORDS.get(fact, ())
        if known and text not in known:
            from gitexp.text.schema import near

            hint = near(text, known) or f"; there are {', '.join(known)}"
            raise self._wrong(token, f"no {fact} is {text!r}{hint}")
        return text

    def _string(self, token: _Token) -> str:
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "name":
            raise self._wrong(token, f'a text stands in quotes: "{token.text}"')
        raise self._wrong(token, "expected a number or a text in quotes")

    def _moment(self, token: _Token) -> float:
        """`"2w"` ago, or a date in UTC."""
        text = self._string(token)
        ago = re.fullmatch(r"(\d{1,9})\s*([smhdwy])", text.strip())
        if ago:
            return self._now - int(ago[1]) * _UNITS[ago[2]]
        from datetime import UTC, datetime

        try:
            then = datetime.fromisoformat(text.strip())
            return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise self._wrong(token, 'expected a time such as "2w" (ago), "3d", or "2026-11-30"') from None

    # ---- names

    def _named(self, token: _Token) -> _Value:
        if token.kind not in ("name", "quoted"):
            raise self._wrong(token, "expected a name")
        name = token.text[1:-1] if token.kind == "quoted" else token.text
        if token.kind == "name" and name in ("metric", "setting") and self._peek.text == "(":
            self._need("(")
            wanted = self._take()
            found = wanted.text[1:-1] if wanted.kind in ("string", "quoted") else wanted.text
            self._need(")")
            return self._key(wanted, found, (name,))
        if token.kind == "name" and name in FACTS:
            return _Value(name, FACTS[name], ())
        if token.kind == "name" and name == "seed":
            setting = setting_value("seed")
            return _Value(name, f"coalesce(r.seed, {setting.sql})", setting.values)
        return self._key(token, name, ("metric", "setting"))

    def _key(self, token: _Token, name: str, kinds: Sequence[str]) -> _Value:
        if name.startswith("digest."):
            return _Value(name, *_in_json("r.data_text", name.removeprefix("digest.")))
        if name.startswith("env.") and name.removeprefix("env.") in self._keys("env"):
            key = name.removeprefix("env.")
            asked = "(SELECT value FROM frame_values WHERE frame = r.environment AND key = ?)"
            return _Value(name, asked, (key,))
        having = [kind for kind in kinds if name in self._keys(kind)]
        if len(having) > 1:
            raise self._wrong(token, f'{name!r} is a metric and a setting: metric("{name}") or setting("{name}")')
        told = self._as_told(name) if having == ["metric"] and "setting" in kinds else None
        if told is not None:  # the rate that was logged last is seldom what is meant
            raise self._wrong(token, f'{name!r} is a metric and the end of a setting: metric("{name}") or {told}')
        if having:
            return metric_value(name) if having[0] == "metric" else setting_value(name)
        every = [key for kind in kinds for key in self._keys(kind)]
        ends = [key for key in dict.fromkeys(every) if key.endswith(f".{name}")]
        if len(ends) == 1:
            return self._key(token, ends[0], kinds)
        from gitexp.text.schema import near

        known = [*FACTS, *SAID, "seed", *every, *(f"env.{key}" for key in self._keys("env"))]
        hint = f"; there are {', '.join(sorted(ends)[:6])}" if ends else near(name, known)
        cut = (
            f" (of one run the index has {MOST_KEYS:,} metrics and settings at most)" if len(every) >= MOST_KEYS else ""
        )
        raise self._wrong(token, f"no run has {name!r}{cut}{hint}")

    def _as_told(self, name: str) -> str | None:
        """The setting that a metric such as a learning rate follows; None where it is a result, or there is none."""
        ends = [key for key in self._keys("setting") if key.endswith(f".{name}")] if is_setting(name) else []
        return ends[0] if ends else None

    def _wrong(self, token: _Token, why: str) -> GitexpError:
        begin = max(0, token.at - 60)
        shown = self._text[begin : begin + 100].replace("\n", " ")
        details = [f"  {shown}", f"  {' ' * (token.at - begin)}^"]
        return GitexpError(f"The condition cannot be read at column {token.at + 1}: {why}", details=details)


def _number(text: str) -> float | int:
    if text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    try:
        number = int(text)
        return number if abs(number) < 2**63 else float(number)
    except ValueError:
        return float(text)


# ---- as SQL


def metric_value(name: str) -> _Value:
    """A metric of a run."""
    return _Value(name, *_in_json("r.metrics_text", name))


def setting_value(name: str) -> _Value:
    """A setting of a run: its own, where it differs from what it shares with others."""
    shared = "(SELECT value FROM frame_values WHERE frame = r.base AND key = ?)"
    own, values = _in_json("r.settings_text", name)
    there, same = _in_json("r.settings_text", name, asked="type")
    return _Value(name, f"(CASE WHEN {there} IS NULL THEN {shared} ELSE {own} END)", (*same, name, *values))


def _in_json(column: str, name: str, *, asked: str = "value") -> tuple[str, tuple[object, ...]]:
    if any(letter in '"\\' or letter < " " for letter in name):  # no path of SQLite's can name these
        return f"(SELECT {asked} FROM json_each({column}) WHERE key = ?)", (name,)
    return f"json_{'extract' if asked == 'value' else asked}({column}, ?)", (f'$."{name}"',)


def best_first(name: str, *, goal: str) -> Condition:
    """An order by a metric: the best first, those whose value is no number behind them, those without one last."""
    value = metric_value(name)
    kind = f"typeof({value.sql})"
    order = f"{kind} IN ('integer', 'real') DESC, {kind} = 'text' DESC"
    order += f", {value.sql} {'DESC' if goal == 'max' else 'ASC'}"
    return Condition(order, (*value.values, *value.values, *value.values))


def a_number(name: str) -> Condition:
    """Runs with a number as this metric; NaN is none."""
    value = metric_value(name)
    return Condition(f"typeof({value.sql}) IN ('integer', 'real')", value.values)
