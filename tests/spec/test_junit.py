"""The report for continuous integration."""

from __future__ import annotations

from xml.etree import ElementTree

from gitexp.spec.junit import Case, dump_junit

CASES = [
    Case("components", "model x.py:Net", True),
    Case("components", "loss x.py:Loss", False, "no test names Loss"),
    Case("golden", "golden run", None, "no [golden]", 1.5),
]
PYTEST = b'<testsuites><testsuite name="pytest" tests="1"><testcase name="test_a"/></testsuite></testsuites>'


def test_each_part_is_a_suite_and_pytests_own_is_among_them() -> None:
    root = ElementTree.fromstring(dump_junit("digits", CASES, pytest=PYTEST))
    assert [suite.get("name") for suite in root] == ["digits.components", "digits.golden", "pytest"]
    assert [suite.get("failures") for suite in root] == ["1", "0", None]
    assert [suite.get("skipped") for suite in root] == ["0", "1", None]
    assert [case.get("name") for case in root.iter("testcase")] == [
        "model x.py:Net",
        "loss x.py:Loss",
        "golden run",
        "test_a",
    ]
    assert root[0][1][0].tag == "failure"
    assert root[0][1][0].get("message") == "no test names Loss"
    assert root[1][0][0].tag == "skipped"


def test_what_xml_cannot_hold_is_replaced_and_markup_stays_text() -> None:
    root = ElementTree.fromstring(dump_junit("a\x1b<b>\ud800", [Case("x", "&\0", False, "]]>\x07")], pytest=None))
    assert root.get("name") == "a\ufffd<b>\ufffd"
    assert root[0][0].get("name") == "&\ufffd"
    assert root[0][0][0].text == "]]>\ufffd"
