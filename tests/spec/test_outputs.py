"""Entries of [run] outputs: which paths they cover, and which may not be written."""

from __future__ import annotations

import pytest

from gitexp.spec.outputs import covers, output_problem


@pytest.mark.parametrize(
    ("entry", "path", "covered"),
    [
        ("out/", "out/deep/er.pt", True),
        ("out", "out", True),
        ("./out", "out/x", True),
        ("out", "outer", False),
        ("out", "sub/out", False),
        ("*.pt", "a.pt", True),
        ("*.pt", "checkpoints/a.pt", True),  # without a slash, in every folder
        ("runs/*.pt", "runs/a/b.pt", False),
        ("runs/*/m", "runs/1/m/z", True),
        ("runs/**/m.csv", "runs/m.csv", True),
        ("runs/**/m.csv", "runs/a/b/m.csv", True),
        ("out/**", "out/a/b", True),
        ("a.b", "axb", False),
        ("*a*b*", "xaybz", True),
        ("ck[ab].x", "cka.x", True),
        ("ck[!a].x", "cka.x", False),
        ("a[", "a[", True),
        ("[]a]x", "]x", True),
    ],
)
def test_an_entry_covers_paths(entry: str, path: str, covered: bool) -> None:
    assert covers([entry])(path) is covered


@pytest.mark.parametrize("entry", ["", "/tmp/x", "../x", "a/../../x", "*", "**", ".", "./", "**/*", "a\0b"])
def test_entries_outside_of_the_working_folder_or_for_everything_are_refused(entry: str) -> None:
    assert output_problem(entry)


@pytest.mark.parametrize("entry", ["out/", "*.ckpt", "a", "**/x", ".hidden"])
def test_other_entries_are_taken(entry: str) -> None:
    assert output_problem(entry) is None
