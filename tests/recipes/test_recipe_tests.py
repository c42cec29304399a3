"""The tests in the recipes' own folders pass, run as `gitexp test` runs them: by pytest, from the root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.torch


def test_the_tests_of_all_recipes_pass():
    folders = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("recipes/*/tests"))
    assert len(folders) == 5
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "38 passed" in done.stdout
