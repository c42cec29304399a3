"""The index of runs where it is hard to keep: no SQLite, no room, no leave to write, many at once."""

from __future__ import annotations

from harness import Lab


def test_a_python_without_sqlite_records_and_says_what_it_cannot_do(lab: Lab) -> None:
    (lab.path.parent / "bare").mkdir()
    (lab.path.parent / "bare" / "_sqlite3.py").write_text("raise ImportError('no _sqlite3')\n")
    bare = Lab(lab.path, {**lab.env, "PYTHONPATH": str(lab.path.parent / "bare")})
    assert bare.gitexp("run", "--", "true").exit_code == 0
    listed = bare.gitexp("log")
    assert listed.exit_code == 1
    assert listed.stderr.startswith("error: The Python that gitexp is installed in has no SQLite")
    assert "true" in lab.gitexp("log").stdout
