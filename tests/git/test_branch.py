"""The constant root of every experiments branch: another implementation can make it from docs/format.md alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import Lab

FORMAT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
ROOTS = {
    "sha1": "bd649e5b4206e0f538ce41e3875a9377c19c7f7c",
    "sha256": "0e5115cce90c6b82c68f8c335f1fc654f2103929d4e660791ac91a3d90d387df",
}


@pytest.mark.parametrize("algorithm", ROOTS)
def test_the_root_is_made_from_the_format_document_alone(bare_world: Lab, algorithm: str) -> None:
    bare_world.git("init", "-q", f"--object-format={algorithm}", ".")
    found = re.search(r"line feed after the last:\n\n((?:(?:    .*)?\n)+)", FORMAT)
    assert found is not None
    readme = "".join(line.removeprefix("    ") for line in found[1].rstrip("\n").splitlines(keepends=True)) + "\n"
    blob = bare_world.git("hash-object", "-w", "--stdin", feed=readme).strip()
    tree = bare_world.git("mktree", feed=f"100644 blob {blob}\tREADME.md\n").strip()
    person = "gitexp <gitexp@localhost> 0 +0000"
    commit = f"tree {tree}\nauthor {person}\ncommitter {person}\n\nBegin the experiments branch\n"
    assert bare_world.git("hash-object", "-w", "-t", "commit", "--stdin", feed=commit).strip() == ROOTS[algorithm]


@pytest.mark.parametrize("algorithm", ROOTS)
def test_init_makes_the_same_root_everywhere(bare_world: Lab, algorithm: str) -> None:
    bare_world.git("init", "-q", f"--object-format={algorithm}", ".")
    bare_world.git("config", "i18n.commitEncoding", "ISO-8859-1")
    bare_world.git("config", "core.autocrlf", "true")
    bare_world.git("commit", "-q", "--allow-empty", "-m", "first")
    assert bare_world.gitexp("init").exit_code == 0
    assert bare_world.git("rev-parse", "experiments").strip() == ROOTS[algorithm]
