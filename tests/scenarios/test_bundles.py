"""Labs without a network between them exchange runs by files: what is new and no more, checked before it is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Lab, make_lab
from test_secret_forms import TOKENS

AWS = TOKENS["AWS key id"][1]


@pytest.fixture
def far(lab: Lab, tmp_path: Path) -> Lab:
    """Another lab, with the same code and no way to the first."""
    other = Lab(tmp_path / "far", lab.env)
    lab.git("clone", "-q", str(lab.path), str(other.path))
    other.git("remote", "remove", "origin")
    assert other.gitexp("init").exit_code == 0
    return other


def tip(lab: Lab) -> str:
    return lab.git("rev-parse", "experiments").strip()


def run(lab: Lab, *flags: str) -> None:
    result = lab.gitexp("run", *flags, "--", "true")
    assert result.exit_code == 0, result.stderr


def inside(file: Path) -> int:
    """How many objects are in a bundle's pack."""
    pack = file.read_bytes().partition(b"PACK")[2]
    return int.from_bytes(pack[4:8])


def test_runs_go_there_and_back_and_each_file_has_only_what_is_new(lab: Lab, far: Lab, tmp_path: Path) -> None:
    one, two, back = tmp_path / "one.bundle", tmp_path / "two.bundle", tmp_path / "back.bundle"
    run(lab)
    run(far)
    own = far.runs()
    result = lab.gitexp("bundle", str(one))
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(f"wrote 1 run to {one} (new branch experiments {tip(lab)[:7]}, ")
    assert f"--since {tip(lab)[:12]}\n" in result.stderr
    before = far.state()
    result = far.gitexp("unbundle", str(one), "--as", "lab-a")
    assert result.exit_code == 0 and result.stderr.startswith(f"took up 1 run of {one} (experiments ")
    assert far.state() == before
    assert set(far.runs()) == {*own, *lab.runs()} and far.git("rev-parse", "lab-a/experiments").strip() == tip(lab)
    assert far.gitexp("show", "lab-a/latest").exit_code == 0

    told = tip(lab)
    run(lab)
    result = lab.gitexp("bundle", str(two), "--since", told[:12])
    assert result.exit_code == 0 and f"wrote 1 run to {two} (experiments {told[:7]}..{tip(lab)[:7]}, " in result.stderr
    assert inside(two) < 12 < inside(one)
    assert far.gitexp("unbundle", str(two), "--as", "lab-a").exit_code == 0

    result = far.gitexp("bundle", str(back), "--since", "lab-a")
    assert result.exit_code == 0, result.stderr
    result = lab.gitexp("unbundle", str(back))
    assert result.exit_code == 0, result.stderr
    assert sorted(lab.runs()) == sorted(far.runs()) and len(lab.runs()) == 3 and tip(lab) == tip(far)
    assert lab.gitexp("unbundle", str(back)).stderr == f"already has all that is in {back}\n"
    assert lab.gitexp("unbundle", str(one)).stderr == f"already has all that is in {one}\n"
    lab.git("fsck", "--strict")


def test_an_older_file_takes_nothing_back_of_what_a_lab_is_known_to_have(lab: Lab, far: Lab, tmp_path: Path) -> None:
    """Else a run of one's own that they have by now could be dropped."""
    run(lab)
    assert lab.gitexp("bundle", str(tmp_path / "old")).exit_code == 0
    run(lab)
    assert lab.gitexp("bundle", str(tmp_path / "new")).exit_code == 0
    for file in ("new", "old"):
        assert far.gitexp("unbundle", str(tmp_path / file), "--as", "lab-a").exit_code == 0
    assert far.git("rev-parse", "lab-a/experiments").strip() == tip(lab)


def test_what_a_file_builds_on_is_named_where_it_is_not_here(lab: Lab, far: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x.bundle"
    run(lab, "-m", "the first of all")
    first = tip(lab)
    run(lab)
    assert lab.gitexp("bundle", str(file), "--since", "latest~1").exit_code == 0
    run(far)
    before = tip(far)
    result = far.gitexp("unbundle", str(file))
    assert result.exit_code == 1 and tip(far) == before
    assert f"{file} builds on 1 commit that this clone does not have" in result.stderr
    assert f"  {first[:12]} true: completed\n" in result.stderr
    assert f"fix:   gitexp bundle FILE --since {before[:12]}" in result.stderr


def test_a_file_that_makes_the_tree_dirty_is_said_to(lab: Lab, tmp_path: Path) -> None:
    run(lab)
    note = "note: [one].bundle lies in the working tree: runs are refused until it is elsewhere\n"
    assert note in lab.gitexp("bundle", "[one].bundle").stderr
    assert lab.gitexp("run", "--", "true").exit_code == 3
    lab.write(".gitignore", "*.bundle\n")
    assert "note: " not in lab.gitexp("bundle", "two.bundle").stderr
    assert "note: " not in lab.gitexp("bundle", str(tmp_path / "three.bundle")).stderr


def test_a_folder_that_is_not_there_is_named(lab: Lab, tmp_path: Path) -> None:
    run(lab)
    result = lab.gitexp("bundle", str(tmp_path / "new disk" / "one"))
    assert result.exit_code == 1
    assert result.stderr == f"error: There is no folder {tmp_path}/new disk\nfix:   mkdir -p '{tmp_path}/new disk'\n"


def test_since_takes_any_revision_of_the_branch(lab: Lab, tmp_path: Path) -> None:
    run(lab)
    assert lab.gitexp("note", "latest", "-m", "said").exit_code == 0
    lab.git("update-ref", "refs/remotes/lab-b/experiments", "experiments")
    run(lab)
    result = lab.gitexp("bundle", str(tmp_path / "one"), "--since", "lab-b/experiments")
    assert result.exit_code == 0 and result.stderr.startswith("wrote 1 run to "), result.stderr
    code = lab.gitexp("bundle", str(tmp_path / "two"), "--since", "HEAD")
    assert code.stderr.startswith("error: HEAD is no commit of experiments in this clone\n")
    assert lab.gitexp("bundle", str(tmp_path / "two"), "--since", "nosuch").stderr.startswith("error: No run is called")


def test_a_file_does_not_say_what_a_remote_of_this_clone_has(lab: Lab, far: Lab, tmp_path: Path) -> None:
    run(lab)
    assert lab.gitexp("bundle", str(tmp_path / "one")).exit_code == 0
    far.git("remote", "add", "origin", str(tmp_path / "hub"))
    result = far.gitexp("unbundle", str(tmp_path / "one"), "--as", "origin")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: origin is a remote of this clone\n"
        "What it has is what git last fetched from there. A lab that a file comes from has a name of its own.\n"
        "fix:   gitexp unbundle FILE --as ANOTHER-NAME    or without --as\n"
    )
    assert far.git("for-each-ref", "refs/remotes") == ""


def test_a_file_that_is_there_is_left_alone_and_nothing_new_makes_none(lab: Lab, tmp_path: Path) -> None:
    run(lab)
    file = tmp_path / "x.bundle"
    file.write_text("mine\n")
    result = lab.gitexp("bundle", str(file))
    assert result.exit_code == 1 and "exists already" in result.stderr and file.read_text() == "mine\n"
    result = lab.gitexp("bundle", "new.bundle", "--since", "latest")
    assert result.exit_code == 1 and "There is nothing to write: the other side has all of it" in result.stderr
    assert not (lab.path / "new.bundle").exists()
    for since in ("nowhere", "0123456789ab", lab.git("rev-parse", "main").strip()):
        assert lab.gitexp("bundle", "new.bundle", "--since", since).exit_code == 1
    assert lab.gitexp("bundle", "no/such/folder/x.bundle").exit_code == 1


def test_a_secret_goes_into_no_file(lab: Lab, tmp_path: Path) -> None:
    lab.write("settings.py", f'key = "{AWS}"\n')
    lab.commit("settings")
    run(lab)
    result = lab.gitexp("bundle", str(tmp_path / "x.bundle"))
    assert result.exit_code == 3 and ":code/settings.py:1  aws  (run " in result.stderr and AWS not in result.stderr
    assert list(tmp_path.glob("*.bundle*")) == []
    lab.write("gitexp.toml", '[policy]\nsecrets = "off"\n')
    assert lab.gitexp("bundle", str(tmp_path / "x.bundle")).exit_code == 0
    run(lab, "--no-verify")
    lab.write("gitexp.toml", "")
    assert lab.gitexp("bundle", str(tmp_path / "y.bundle"), "--since", "latest~1").exit_code == 0  # they have it


def test_both_sides_say_that_bytes_go_another_way_where_there_are_any(lab: Lab, far: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x.bundle"
    (lab.path.parent / "data.csv").write_text("1,2\n")
    lab.write("train.py", "import gitexp, pathlib\npathlib.Path('m').write_text('m')\ngitexp.save('m')\n")
    lab.write(".gitignore", "m\n")
    lab.commit("a program")
    assert lab.gitexp("run", "--data", "d=../data.csv", "--", "python", "train.py").exit_code == 0
    words = "note: the bytes of 1 dataset and 1 other file of these runs are not in it: a folder as a remote"
    assert words in lab.gitexp("bundle", str(file)).stderr
    assert words in far.gitexp("unbundle", str(file)).stderr


def hostile(lab: Lab, file: Path, *refs: str) -> None:
    lab.git("bundle", "create", "-q", str(file), *refs)


def test_a_file_without_the_branch_or_with_another_of_that_name_is_refused(lab: Lab, far: Lab, tmp_path: Path) -> None:
    run(lab)
    file = tmp_path / "x.bundle"
    lab.git("update-ref", "refs/heads/zz", "main")
    hostile(lab, file, "main", "zz")
    result = far.gitexp("unbundle", str(file))
    assert result.exit_code == 1 and f"{file} has no branch experiments; branches in it: main, zz\n" in result.stderr
    lab.git("update-ref", "refs/heads/experiments", "main")
    file.unlink()
    hostile(lab, file, "experiments", "main")
    before, refs = tip(far), far.git("for-each-ref")
    result = far.gitexp("unbundle", str(file), "--as", "lab-a")
    assert result.exit_code == 1 and "does not hold runs of gitexp" in result.stderr
    assert (tip(far), far.git("for-each-ref")) == (before, refs)


def test_other_refs_of_a_file_come_to_nothing(lab: Lab, far: Lab, tmp_path: Path) -> None:
    run(lab)
    file = tmp_path / "x.bundle"
    lab.git("tag", "v1", "main")
    lab.git("update-ref", "refs/heads/evil", "main")
    hostile(lab, file, "--all")
    refs = far.git("for-each-ref", "--format=%(refname)")
    assert far.gitexp("unbundle", str(file)).exit_code == 0
    assert far.git("for-each-ref", "--format=%(refname)") == refs and far.runs() == lab.runs()


@pytest.mark.parametrize("kept", [0, 10, 60, 200, -30])
def test_a_file_that_broke_off_is_refused_and_leaves_nothing(lab: Lab, far: Lab, tmp_path: Path, kept: int) -> None:
    run(lab)
    file = tmp_path / "x.bundle"
    assert lab.gitexp("bundle", str(file)).exit_code == 0
    file.write_bytes(file.read_bytes()[:kept])
    before = far.git("for-each-ref"), far.git("cat-file", "--batch-check", "--batch-all-objects")
    result = far.gitexp("unbundle", str(file), "--as", "lab-a")
    assert result.exit_code == 1 and "broke off" in result.stderr, result.stderr
    assert (far.git("for-each-ref"), far.git("cat-file", "--batch-check", "--batch-all-objects")) == before


def test_what_a_file_says_of_itself_is_bounded_and_printed_escaped(lab: Lab, far: Lab, tmp_path: Path) -> None:
    run(lab)
    file = tmp_path / "x.bundle"
    assert lab.gitexp("bundle", str(file)).exit_code == 0
    first, ref, rest = file.read_bytes().split(b"\n", 2)
    escape = b"\x1b]0;evil\x07\xe2\x80\xae"
    many = b"".join(b"-%040x\n" % number for number in range(200_000))
    for head, said in (
        (
            (b"-" + b"f" * 40 + b" " + escape, ref),
            "builds on 1 commit that this clone does not have\n  ffffffffffff \\x1b]0",
        ),
        ((b"f" * 40 + b" refs/heads/" + escape,), "has no branch experiments; branches in it: \\x1b]0;evil"),
        ((many, ref), "is no bundle, or broke off"),
        ((b"@filter=blob:none", ref), "leaves out parts of what it holds (filter=blob:none)"),
        ((b"-../../x " + escape, ref), "builds on 1 commit"),
    ):
        file.write_bytes(b"\n".join((b"# v3 git bundle" if head[0][:1] == b"@" else first, *head, rest)))
        result = far.gitexp("unbundle", str(file))
        assert result.exit_code == 1 and said in result.stderr, result.stderr
        assert "\x1b" not in result.stderr and "\u202e" not in result.stderr


def test_what_is_no_file_is_no_bundle(lab: Lab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "fifo", lab.path / "README"):
        result = lab.gitexp("unbundle", str(path))
        assert result.exit_code == 1 and str(path) in result.stderr
    assert lab.gitexp("unbundle", "README", "--as", "../x").exit_code == 2


def test_a_file_of_a_repository_with_other_ids_is_not_said_to_be_damaged(
    lab: Lab, tmp_path: Path, env: dict[str, str]
) -> None:
    other = Lab(tmp_path / "other", env)
    other.path.mkdir()
    other.git("init", "-q", "-b", "main", "--object-format=sha256")
    other.commit("a program")
    assert other.gitexp("init").exit_code == 0
    run(other, "--no-verify")
    file = tmp_path / "one"
    assert other.gitexp("bundle", str(file)).exit_code == 0
    result = lab.gitexp("unbundle", str(file))
    assert result.exit_code == 1
    words = "has ids of sha256, this clone those of sha1: git brings no such two together"
    assert result.stderr == f"error: {file} {words}\n"


def test_a_lab_that_never_had_a_run_takes_up_all(lab: Lab, tmp_path: Path, env: dict[str, str]) -> None:
    run(lab)
    file = tmp_path / "-x.bundle"
    assert lab.gitexp("bundle", "--", "../-x.bundle").exit_code == 0
    fresh = make_lab(tmp_path / "new", env)
    result = fresh.gitexp("unbundle", str(file))
    assert result.exit_code == 0 and f"(new branch experiments {tip(lab)[:7]})" in result.stderr
    assert fresh.runs() == lab.runs()


def test_a_clone_of_only_the_end_writes_no_file_that_lacks_the_beginning(lab: Lab, tmp_path: Path) -> None:
    run(lab)
    run(lab)
    end = Lab(tmp_path / "end", lab.env)
    lab.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{lab.path}", str(end.path))
    assert end.gitexp("init").exit_code == 0
    result = end.gitexp("bundle", "x.bundle")
    assert result.exit_code == 1 and "fix:   git fetch --unshallow " in result.stderr
    run(end)
    assert end.gitexp("bundle", "x.bundle", "--since", "origin").exit_code == 0
    assert lab.gitexp("unbundle", str(end.path / "x.bundle")).exit_code == 0
    assert len(lab.runs()) == 3
