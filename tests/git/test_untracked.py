"""What programs leave behind is found wherever they run, and however much it is."""

from __future__ import annotations

from pathlib import Path

from harness import Lab

from gitexp.git.repo import finish
from gitexp.git.untracked import collapsed, entries_of, entries_within, files_in, list_untracked


def csvs(folder: Path, entries: list[str], *, without: tuple[str, ...] = ()) -> list[str]:
    return files_in(folder, entries, wanted=lambda name: name.endswith(".csv"), without=without)


def test_in_a_folder_that_git_does_not_know_files_have_the_names_that_the_program_gives_them(lab: Lab) -> None:
    lab.write("mine/a.csv", "")
    lab.write("mine/out/b.csv", "")
    lab.write("mine/data/c.csv", "")
    mine = lab.path / "mine"
    asked = entries_of(finish(list_untracked(mine)))
    told = entries_within(entries_of(finish(list_untracked(lab.path))), lab.path, mine)
    assert csvs(mine, asked, without=("data",)) == ["a.csv", "out/b.csv"]
    assert csvs(mine, told, without=("data",)) == ["a.csv", "out/b.csv"]


def test_a_file_whose_name_begins_a_folders_is_not_around_it(lab: Lab) -> None:
    lab.write("experiments/known.csv", "")
    lab.commit()
    lab.write("exp", "")
    lab.write("experiments/new.csv", "")
    entries = entries_of(finish(list_untracked(lab.path)))
    assert entries_within(entries, lab.path, lab.path / "experiments") == ["new.csv"]


def test_untracked_paths_are_the_outermost_folder_in_which_git_tracks_nothing() -> None:
    listing = b"H src/train.py\0H train.py\0"
    paths = ["src/out/a", "src/out/deep/b", "src/c", "runs/1/d", "runs/e", "f"]
    assert collapsed(paths, listing) == ["src/out/", "src/c", "runs/", "f"]
