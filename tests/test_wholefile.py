"""Files that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.wholefile import WholeFile, write_note, write_whole


def test_a_file_is_replaced_by_the_joined_parts_in_a_folder_that_need_not_exist(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    write_note(target, b"old, and longer")
    with WholeFile(target, mode=0o444) as file:
        file.writelines([b"a", b"", b"b"])
    assert target.read_bytes() == b"ab"
    assert target.stat().st_mode & 0o777 == 0o444
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_what_cannot_be_put_in_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "taken" / "folder").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "taken", b"x")
    write_note(tmp_path / "taken", b"x")
    write_note(Path("/dev/null/note"), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
