"""A dataset from its first pin to its second version, with real runs between: what each command then knows."""

from __future__ import annotations

import pytest
from harness import Lab

ROWS = "x,label\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(10))
CATALOGUE = """\
[datasets.pets]
path = "data"   # as it came
splits.train = { fraction = 0.8, stratify = "label", seed = 1 }
splits.test = { rest = true }

[datasets.clean]
path = "clean.csv"
[datasets.clean.derived]
parents = { pets = "xxh128:00000000000000000000000000000000" }
command = ["python", "clean.py"]
"""
RECIPE = '[run]\ncommand = ["python", "train.py"]\n[data]\npets = "pets"\ntidy = "clean"\n'
TRAIN = "import gitexp\nprint('test rows', gitexp.split('pets', 'test'))\n"


@pytest.fixture
def pets(lab: Lab) -> Lab:
    """A repository whose catalogue has two datasets, both pinned, one made of the other."""
    config = lab.path / "gitexp.toml"
    lab.write("gitexp.toml", f"{config.read_text()}\n{CATALOGUE}")
    lab.write("data/a.csv", ROWS)
    lab.write("clean.csv", ROWS)
    lab.write("recipes/pets.toml", RECIPE)
    lab.write("train.py", TRAIN)
    assert lab.gitexp("data", "pin", "--all", "--parents").exit_code == 0
    lab.commit("pets")
    return lab


def test_pinning_changes_the_digests_and_nothing_else_and_a_run_on_other_data_is_refused(pets: Lab) -> None:
    text = (pets.path / "gitexp.toml").read_text()
    assert CATALOGUE.splitlines()[1] in text and CATALOGUE.splitlines()[2] in text
    assert "00000000" not in text
    assert pets.gitexp("run", "pets").exit_code == 0
    pets.write("data/b.csv", ROWS)
    pets.commit("more data")
    before = pets.state()
    result = pets.gitexp("run", "pets")
    assert result.exit_code == 3
    assert "1 added, 0 removed, 0 changed" in result.stderr and "+ b.csv" in result.stderr
    assert "gitexp data pin pets" in result.stderr
    assert len(pets.runs()) == 1
    assert pets.state() == before


def test_two_versions_have_their_history_their_runs_and_a_stale_child(pets: Lab) -> None:
    pets.well("run", "pets")
    old = pets.gitexp("data", "list", "--json").json["datasets"][0]["digest"]
    pets.write("data/b.csv", ROWS)
    pinned = pets.gitexp("data", "pin", "pets")
    assert "  + b.csv" in pinned.stdout.splitlines()
    assert pinned.stderr == "note: clean was made of another version of pets\n"
    pets.commit("more pets")
    pets.well("run", "pets")
    before = pets.state()

    new, then = pets.gitexp("data", "history", "pets", "--json").json["versions"]
    assert (then["digest"], then["files"], len(then["runs"]), then["pinned"]) == (old, 1, 1, False)
    assert (new["files"], len(new["runs"]), new["pinned"], new["here"]) == (2, 1, True, True)
    assert [use["run"] for use in pets.gitexp("data", "runs", old, "--json").json["uses"]] == then["runs"]
    lines = pets.show("experiments:data/pets.xxh128").splitlines()
    in_both = pets.gitexp("data", "runs", lines[0][:32], "--json").json["uses"]
    assert [(use["run"], use["path"]) for use in in_both if use["dataset"] == "pets"] == [
        (new["runs"][0], "a.csv"), (new["runs"][0], "b.csv"), (then["runs"][0], "a.csv"),
    ]  # fmt: skip
    tree = pets.gitexp("data", "lineage", "tidy").stdout.splitlines()
    assert tree[0].endswith("by python clean.py")
    assert tree[1].endswith(f"stale: now {new['digest'][7:19]}")
    assert pets.state() == before


def test_a_program_gets_the_same_split_in_a_run_outside_of_one_and_from_the_shell(pets: Lab) -> None:
    pets.well("run", "pets")
    outside = pets.command("python", "train.py")
    assert outside.stdout == "test rows [4, 5]\n"
    assert outside.stdout in pets.show("experiments:output.log")
    assert pets.gitexp("data", "show", "pets", "--rows", "test").stdout == "4\n5\n"
    assert "rows = 2" in pets.show("experiments:data.toml")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("'pets', 'tset'", "LookupError: the dataset 'pets' has no split 'tset'; did you mean 'test'?"),
        ("'pet', 'test'", "LookupError: no dataset of this run has splits and is called 'pet'; did you mean 'pets'?"),
        ("'../pets', 'test'", "LookupError: no dataset of this run has splits"),
    ],
)
def test_a_split_that_the_run_does_not_have_is_an_error_that_names_the_nearest(
    pets: Lab, call: str, error: str
) -> None:
    pets.write("train.py", f"import gitexp\ngitexp.split({call})\n")
    pets.commit("a slip")
    result = pets.gitexp("run", "pets")
    assert result.exit_code == 4
    assert error in pets.show("experiments:output.log")


def test_a_split_that_the_catalogue_does_not_have_is_a_lookup_error_outside_of_a_run(pets: Lab) -> None:
    pets.write("train.py", "import gitexp\ngitexp.split('pets', 'tset')\n")
    result = pets.command("python", "train.py")
    assert result.exit_code == 1
    assert "LookupError: no split 'tset' of 'pets': Dataset pets has no split or sample tset" in result.stderr


def test_a_split_that_cannot_be_drawn_refuses_the_run_and_is_a_value_error_outside(pets: Lab) -> None:
    config = pets.path / "gitexp.toml"
    config.write_text(config.read_text().replace('stratify = "label"', 'stratify = "colour"'))
    pets.commit("a slip")
    result = pets.gitexp("run", "pets")
    assert result.exit_code == 3
    assert "The splits of dataset pets cannot be drawn" in result.stderr and "colour" in result.stderr
    assert "ValueError: no split 'test' of 'pets'" in pets.command("python", "train.py").stderr


def test_parents_may_be_noted_later_and_until_then_nothing_is_said_of_them(lab: Lab) -> None:
    catalogue = CATALOGUE.replace("xxh128:00000000000000000000000000000000", "")
    lab.write("gitexp.toml", catalogue)
    lab.write("data/a.csv", ROWS)
    lab.write("clean.csv", ROWS)
    lab.write("recipes/tidy.toml", '[run]\ncommand = ["cat", "{data.clean}"]\n[data]\nclean = "clean"\n')
    lab.commit("a catalogue")
    run = lab.well("run", "tidy")
    assert "warning" not in run.stderr
    assert 'pets = "unknown"' in lab.show("experiments:data.toml")
    before = lab.gitexp("data", "lineage", "clean")
    assert before.stdout.splitlines()[1] == "└─ pets  not noted  data"
    assert lab.gitexp("data", "lineage", "clean", "--json").json["lineage"]["parents"][0]["digest"] is None
    assert lab.gitexp("data", "pin", "clean").stderr == ""
    pinned = lab.gitexp("data", "pin", "clean", "--parents")
    assert "  parent pets  not noted → xxh128:" in pinned.stdout
    assert 'parents = { pets = "xxh128:' in (lab.path / "gitexp.toml").read_text()
    assert "not noted" not in lab.gitexp("data", "lineage", "clean").stdout


def test_the_record_of_a_parent_that_was_not_noted_is_read_back_as_that(lab: Lab) -> None:
    lab.write("gitexp.toml", CATALOGUE.replace("xxh128:00000000000000000000000000000000", ""))
    lab.write("data/a.csv", ROWS)
    lab.write("clean.csv", ROWS)
    lab.write("recipes/tidy.toml", '[run]\ncommand = ["cat", "{data.clean}"]\n[data]\nclean = "clean"\n')
    lab.commit("a catalogue")
    assert lab.gitexp("run", "tidy").exit_code == 0
    lab.write("gitexp.toml", "")
    assert lab.gitexp("data", "lineage", "clean").stdout.splitlines()[1] == "└─ pets  not noted"


# ---- where a record or the catalogue would have something written


@pytest.mark.parametrize("asked", ["get latest w.bin", "get latest code", "get latest run.toml", "data get DIGEST"])
@pytest.mark.parametrize("to", ["models", "models/new"])
def test_a_committed_link_does_not_choose_where_get_writes(lab: Lab, asked: str, to: str) -> None:
    outside = lab.path.parent / ".ssh"
    outside.mkdir()
    assert lab.gitexp("run", "--", "sh", "-c", "echo w >$GITEXP_OUTPUT/w.bin").exit_code == 0
    digest = lab.show("experiments:artifacts.xxh128")[:32]
    (lab.path / "models").symlink_to("../.ssh")
    lab.commit("a colleague's change, pulled")
    words = asked.replace("DIGEST", digest).split()
    result = lab.gitexp(*words, "--to", to)
    assert result.exit_code == 3
    assert "models is a link in git, and leads to " in result.stderr
    assert list(outside.iterdir()) == []
    named = result.stderr.partition("--to ")[2].strip()
    assert lab.gitexp(*words, "--to", f"{named}/here").exit_code == 0  # as somebody says who means it
    (lab.path / "mine").symlink_to("../.ssh")
    assert lab.gitexp(*words, "--to", "mine/too").exit_code == 0  # a link of one's own


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../.ssh/keys", "that is outside of the working tree"),
        (".git/hooks/more", "that is outside of the working tree"),
        ("models/keys", "that is below a link that is in git, models"),
    ],
)
def test_a_catalogue_cannot_have_a_dataset_brought_out_of_the_working_tree(lab: Lab, path: str, words: str) -> None:
    outside = lab.path.parent / ".ssh"
    outside.mkdir()
    (lab.path / "models").symlink_to("../.ssh")
    lab.write("data/keys", "ssh-ed25519\n")
    lab.write("gitexp.toml", '[datasets.keys]\npath = "data"\n')
    assert lab.gitexp("data", "pin", "keys").exit_code == 0
    assert lab.gitexp("data", "save", "keys").exit_code == 0
    config = (lab.path / "gitexp.toml").read_text().replace('"data"', f'"{path}"')
    lab.write("gitexp.toml", config)
    lab.commit("a colleague's change, pulled")
    result = lab.gitexp("data", "pull", "keys")
    assert result.exit_code == 3
    assert words in result.stderr
    assert list(outside.iterdir()) == []
    assert not (lab.path / ".git" / "hooks" / "more").exists()


def test_a_link_that_is_the_users_own_takes_a_dataset_to_a_larger_disk(lab: Lab) -> None:
    disk = lab.path.parent / "disk"
    disk.mkdir()
    lab.write("data/pets", "1\n")
    lab.write("gitexp.toml", '[datasets.pets]\npath = "data/pets"\n')
    lab.write(".gitignore", "data\n")
    assert lab.gitexp("data", "pin", "pets").exit_code == 0
    assert lab.gitexp("data", "save", "pets").exit_code == 0
    (lab.path / "data" / "pets").unlink()
    (lab.path / "data").rmdir()
    (lab.path / "data").symlink_to(disk)
    assert lab.gitexp("data", "pull", "pets").exit_code == 0
    assert (disk / "pets").read_text() == "1\n"


def test_an_artifact_is_not_written_through_a_link_that_the_code_has(lab: Lab) -> None:
    outside = lab.path.parent / ".ssh"
    outside.mkdir()
    (lab.path / "models").symlink_to("../.ssh")
    lab.commit("a link")
    program = "mkdir $GITEXP_OUTPUT/models; echo EVIL >$GITEXP_OUTPUT/models/authorized_keys"
    assert lab.gitexp("run", "--", "sh", "-c", program).exit_code == 0
    before = lab.state()
    result = lab.gitexp("get", "latest", "models", "--to", ".")
    assert result.exit_code == 1
    assert f"1 of 1 files cannot be written to {lab.path}\n  {lab.path}/models\n" in result.stderr
    assert list(outside.iterdir()) == []
    assert lab.state() == before


# ---- what the record itself holds


def test_the_code_of_a_run_comes_back_byte_for_byte_and_so_do_files_of_its_record(lab: Lab) -> None:
    lab.write("sub/train.sh", "echo loss 0.5\n").chmod(0o755)
    (lab.path / "link").symlink_to("../.ssh")
    lab.write("crlf.txt", "a\r\n")
    lab.write(".gitattributes", "*.txt text eol=lf export-ignore\n")
    lab.commit("code")
    assert lab.gitexp("run", "--", "sh", "sub/train.sh").exit_code == 0
    lab.write("sub/train.sh", "echo other\n")
    before = lab.state()
    lab.well("get", "latest", "code", "--to", "../was")
    was = lab.path.parent / "was"
    assert (was / "sub" / "train.sh").read_text() == "echo loss 0.5\n"
    assert (was / "sub" / "train.sh").stat().st_mode & 0o111
    assert (was / "link").readlink().as_posix() == "../.ssh"
    assert (was / "crlf.txt").read_bytes() == lab.git("cat-file", "blob", "experiments:code/crlf.txt").encode()
    assert lab.state() == before
    again = lab.gitexp("get", "latest", "code", "--to", "../was")
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    both = lab.gitexp("get", "latest", "history.csv", "code", "--to", "../both")
    assert both.exit_code == 1
    assert (
        "fix:   gitexp get latest code --to ../both-code && gitexp get latest history.csv --to ../both" in both.stderr
    )
    lab.well("get", "latest", "history.csv", "recipe.toml", "code/sub/train.sh", "output.log", "--to", "../got")
    out = lab.path.parent / "got"
    assert sorted(path.name for path in out.iterdir()) == ["history.csv", "output.log", "recipe.toml", "train.sh"]
    assert (out / "output.log").read_text() == "loss 0.5\n"
    assert (out / "recipe.toml").read_text() == lab.show("experiments:recipe.toml")


def test_an_unknown_name_is_answered_with_what_there_is(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "sh", "-c", "echo 1 >$GITEXP_OUTPUT/weights.pt").exit_code == 0
    result = lab.gitexp("get", "latest", "metrics.tml", "--to", "../got")
    assert result.exit_code == 1
    assert "The run has no dataset, artifact or file metrics.tml; did you mean metrics.toml?" in result.stderr
    assert "  artifact  weights.pt\n" in result.stderr
    assert ", code, data.toml, environment.toml, history.csv, metrics.toml, " in result.stderr
    for name in ("data", "code/none", "../x", "code/../../x"):
        assert lab.gitexp("get", "latest", name, "--to", "../got").exit_code == 1


def test_code_that_a_stranger_recorded_cannot_leave_its_folder(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    blob = lab.git("hash-object", "-w", "--stdin", feed="evil\n").strip()
    inner = lab.git("mktree", feed=f"100644 blob {blob}\tkeys\n").strip()
    for name, words in (("..", "leads elsewhere"), (".git", "holds a git repository")):
        code = lab.git("mktree", feed=f"040000 tree {inner}\t{name}\n").strip()
        kept = [line for line in lab.git("ls-tree", "experiments").splitlines() if not line.endswith("\tcode")]
        tree = lab.git("mktree", feed="\n".join([*kept, f"040000 tree {code}\tcode"]) + "\n").strip()
        message = lab.git("log", "-1", "--format=%B", "experiments")
        commit = lab.git("commit-tree", tree, "-p", "experiments~1", feed=message).strip()
        lab.git("update-ref", "refs/heads/experiments", commit)
        result = lab.gitexp("get", "latest", "code", "--to", "../was")
        assert result.exit_code == 1
        assert words in result.stderr
        assert not (lab.path.parent / "keys").exists()
        assert not (lab.path.parent / "was").exists()
