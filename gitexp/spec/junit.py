"""Turn what was tested into the JUnit XML that continuous integration reads; pytest's own document goes into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

# What XML 1.0 can hold: no control characters but these three, no surrogates.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(NamedTuple):
    """One thing that was tested. `passed` is None where it was left out; `words` say what is wrong, or why."""

    part: str  # components, tests, golden
    name: str
    passed: bool | None
    words: str = ""
    seconds: float = 0.0


def dump_junit(name: str, cases: Sequence[Case], *, pytest: bytes | None) -> bytes:
    """A document with a suite for each part, named `NAME.part`, and pytest's suites as they are."""
    root = ElementTree.Element("testsuites", name=_xml(name))
    for part in dict.fromkeys(case.part for case in cases):
        _add_suite(root, f"{name}.{part}", [case for case in cases if case.part == part])
    for suite in ElementTree.fromstring(pytest).iter("testsuite") if pytest else ():
        root.append(suite)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_suite(root: ElementTree.Element, name: str, cases: Sequence[Case]) -> None:
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=_xml(name),
        tests=str(len(cases)),
        failures=str(sum(case.passed is False for case in cases)),
        errors="0",
        skipped=str(sum(case.passed is None for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        one = ElementTree.SubElement(
            suite, "testcase", classname=_xml(name), name=_xml(case.name), time=f"{case.seconds:.3f}"
        )
        if case.passed is not True:
            outcome = "skipped" if case.passed is None else "failure"
            ElementTree.SubElement(one, outcome, message=_xml(case.words.partition("\n")[0])).text = _xml(case.words)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
