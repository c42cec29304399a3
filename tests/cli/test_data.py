"""`gitexp data list, show, pin, history, runs, lineage`: what they print, for whoever reads it."""

from __future__ import annotations

import pytest
from harness import Gitexp, Lab
from records import write_run

from gitexp.cli.datapage import catalogue_table, hits_table, lineage_tree, rule_in_words
from gitexp.cli.render import Screen
from gitexp.history.datause import Hit
from gitexp.history.row import Row
from gitexp.spec.catalogue import DatasetRef, Derived, DrawRule
from gitexp.spec.lineage import Ancestor
from gitexp.stages.look import Look

A = "kkkkllllmmmmnnnn"
NONE = "xxh128:" + "0" * 32
PETS = "xxh128:3068f6c1d0cd03287864e9d40fe016cb"  # of data/a.txt with "cat\n" in it, and nothing else
PLAIN = Screen(None, None, False)


@pytest.fixture
def pets(fresh: Lab) -> Lab:
    """A repository with the dataset `pets`, not pinned."""
    fresh.write("gitexp.toml", '[datasets.pets]\npath = "data"  # as it came\n')
    fresh.write("data/a.txt", "cat\n")
    return fresh


# ---- list


def test_each_dataset_is_listed_with_how_it_stands(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("more/b.txt", "dog\n")
    pets.write(
        "gitexp.toml",
        f'[datasets.pets]\npath = "data"\ndigest = "{PETS}"\n'
        f'[datasets.changed]\npath = "more"\ndigest = "{PETS}"\n'
        '[datasets.fresh]\npath = "more"\n'
        f'[datasets.gone]\npath = "nowhere"\ndigest = "{NONE}"\naccess = "restricted"\n'
        '[datasets.far]\nurl = "s3://bucket/far/"\n',
    )
    assert gitexp("data", "list").stdout == (
        "dataset  kind  access      files  size  digest        state         where\n"
        "pets     data  open            1   4 B  3068f6c1d0cd  pinned        data\n"
        "changed  data  open            1   4 B  084f20633606  changed       more\n"
        "fresh    data  open            1   4 B  084f20633606  not pinned    more\n"
        "gone     data  restricted      -     -  000000000000  missing       nowhere\n"
        "far      data  open            -     -  -             only its URL  s3://bucket/far/\n"
    )
    states = {
        one["name"]: (one["state"], one["files"], one["digest"])
        for one in gitexp("data", "list", "--json").json["datasets"]
    }
    assert states["pets"] == ("pinned", 1, PETS)
    assert states["gone"] == ("missing", None, None)
    assert states["far"] == ("remote", None, None)


def test_an_empty_catalogue_says_how_to_name_a_dataset(gitexp: Gitexp) -> None:
    result = gitexp("data", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "[datasets.NAME]" in result.stderr
    assert gitexp("data", "list", "--json").json == {"format": 1, "datasets": []}


def test_a_dataset_that_cannot_be_hashed_does_not_hide_the_others(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("gitexp.toml", '[datasets.bad]\npath = "bad"\n[datasets.pets]\npath = "data"\n')
    (pets.path / "bad").mkdir()
    (pets.path / "bad" / "link").symlink_to("nothing")
    bad, good = gitexp("data", "list", "--json").json["datasets"]
    assert (bad["state"], good["state"]) == ("unreadable", "unpinned")
    assert "link is a link to nothing" in bad["problem"]


def test_a_narrow_terminal_shows_the_columns_that_matter_and_nothing_hostile() -> None:
    ref = DatasetRef("pets", path="data/\x1b[2Jx" + "y" * 200, digest=PETS)
    text = catalogue_table([Look(ref, "missing")], on=Screen(70, None, False))
    assert "\x1b" not in text and "\\x1b[2Jx" in text
    assert max(len(line) for line in text.splitlines()) <= 70
    assert text.splitlines()[0].split() == ["dataset", "files", "size", "digest", "state", "where"]
    text = catalogue_table([Look(ref, "missing")], on=Screen(54, None, False))
    assert text.splitlines()[0].split() == ["dataset", "digest", "state", "where"]
    assert max(len(line) for line in text.splitlines()) <= 54


# ---- show


def test_a_dataset_is_shown_with_all_that_the_catalogue_says(pets: Lab, gitexp: Gitexp) -> None:
    pets.write(
        "gitexp.toml",
        f'[datasets.pets]\npath = "data"\ndigest = "{PETS}"\nsource = "UCI"\nlicense = "CC-BY-4.0"\n'
        'owner = "Jane"\ntags = ["consent:research"]\nfetched = 2026-11-21\n'
        'splits.train = { fraction = 0.5, stratify = "label", seed = 1 }\nsplits.test = { rest = true }\n',
    )
    write_run(pets, A, files={"data.toml": f'[pets]\ndigest = "{PETS}"\n'})
    result = gitexp("data", "show", "pets")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "dataset pets the pinned version is there"
    for fact in (
        f"pinned {PETS}", "size 1 file, 4 B", "source UCI", "license CC-BY-4.0", "owner Jane", "tags consent:research",
        "fetched 2026-11-21", "path data", "store does not hold it", "access open",
        "train split 0.5 of the rows, stratified by label, seed 1", "test split the rows that no other split has",
    ):  # fmt: skip
        assert fact in lines
    shape = gitexp("data", "show", "pets", "--json").json["dataset"]
    assert (shape["runs"], shape["stored"], shape["license"]) == ([A], False, "CC-BY-4.0")
    assert shape["splits"]["train"] == {"fraction": 0.5, "stratify": "label", "seed": 1}


def test_the_rows_of_a_split_are_printed_one_a_line(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("t.csv", "x\n" + "".join(f"{n}\n" for n in range(10)))
    pets.write("gitexp.toml", '[datasets.t]\npath = "t.csv"\nsplits.train = { fraction = 0.2, seed = 1 }\n')
    assert gitexp("data", "show", "t", "--rows", "train").stdout == "7\n8\n"
    assert gitexp("data", "show", "t", "--rows", "train", "--json").json["rows"] == [7, 8]
    result = gitexp("data", "show", "t", "--rows", "tran")
    assert (result.exit_code, "did you mean train?" in result.stderr) == (1, True)


def test_an_unknown_dataset_is_answered_with_the_nearest(pets: Lab, gitexp: Gitexp) -> None:
    for command in ("show", "pin", "history", "lineage"):
        result = gitexp("data", command, "pest")
        assert result.exit_code == 1
        assert "did you mean pets?" in result.stderr


def test_rules_are_told_in_words() -> None:
    assert rule_in_words(DrawRule("s", number=1000, of="train")) == "1,000 of split train, seed 0"
    assert rule_in_words(DrawRule("s", indices="rows.txt")) == "the rows in rows.txt"


# ---- pin


def test_a_dataset_is_pinned_by_changing_one_value(pets: Lab, gitexp: Gitexp) -> None:
    result = gitexp("data", "pin", "pets")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"pets  not pinned → {PETS}  in gitexp.toml\n"
    assert (
        pets.path / "gitexp.toml"
    ).read_text() == f'[datasets.pets]\npath = "data"  # as it came\ndigest = "{PETS}"\n'
    assert gitexp("data", "pin", "pets").stdout == f"pets  {PETS}  as pinned in gitexp.toml\n"


def test_pinning_again_says_what_has_changed(pets: Lab, gitexp: Gitexp) -> None:
    gitexp("data", "pin", "pets")
    pets.write("data/a.txt", "lion\n")
    pets.write("data/b\x1b.txt", "dog\n")
    lines = gitexp("data", "pin", "pets").stdout.splitlines()
    assert lines[0].startswith(f"pets  {PETS} → xxh128:")
    assert lines[1:] == ["  1 added, 0 removed, 1 changed", "  + b\\x1b.txt", "  ~ a.txt"]


def test_a_version_is_pinned_by_its_digest(pets: Lab, gitexp: Gitexp) -> None:
    result = gitexp("data", "pin", "pets", "--digest", NONE, "--json")
    assert result.json["pinned"][0]["new"] == NONE
    assert NONE in (pets.path / "gitexp.toml").read_text()
    assert gitexp("data", "pin", "pets", "--digest", "xxh128:12").exit_code == 1


def test_the_file_that_holds_the_entry_is_the_one_that_is_written(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("gitexp.toml", 'catalogue = "data/catalogue.toml"\n')
    written = pets.write("cat.toml", '[datasets.pets]\npath = "data"\n')
    written.chmod(0o600)
    pets.write("gitexp.toml", 'catalogue = "cat.toml"\n')
    assert gitexp("data", "pin", "--all").exit_code == 0
    assert written.read_text() == f'[datasets.pets]\npath = "data"\ndigest = "{PETS}"\n'
    assert written.stat().st_mode & 0o777 == 0o600
    assert (pets.path / "gitexp.toml").read_text() == 'catalogue = "cat.toml"\n'


def test_one_dataset_that_is_missing_does_not_keep_the_others_from_being_pinned(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("gitexp.toml", '[datasets.gone]\npath = "gone"\n[datasets.pets]\npath = "data"\n')
    result = gitexp("data", "pin", "--all")
    assert result.exit_code == 3
    assert "gone does not exist" in result.stderr
    assert PETS in (pets.path / "gitexp.toml").read_text()


def test_pin_wants_names_or_all(pets: Lab, gitexp: Gitexp) -> None:
    assert gitexp("data", "pin").exit_code == 2
    assert gitexp("data", "pin", "pets", "--all").exit_code == 2


def test_the_parents_of_a_derived_dataset_are_noted_when_asked_for(pets: Lab, gitexp: Gitexp) -> None:
    pets.write("clean.txt", "clean\n")
    derived = (
        f'[datasets.clean]\npath = "clean.txt"\n[datasets.clean.derived]\nparents = {{ pets = "{NONE}" }}  # then\n'
    )
    pets.write("gitexp.toml", f'[datasets.pets]\npath = "data"\n{derived}')
    result = gitexp("data", "pin", "pets")
    assert result.stderr == "note: clean was made of another version of pets\n"
    result = gitexp("data", "pin", "clean", "--parents")
    assert result.stdout.splitlines()[1] == f"  parent pets  {NONE} → {PETS}"
    assert f'parents = {{ pets = "{PETS}" }}  # then\n' in (pets.path / "gitexp.toml").read_text()


# ---- history and runs


def test_the_versions_of_a_dataset_are_listed_with_those_that_no_run_has_used(pets: Lab, gitexp: Gitexp) -> None:
    write_run(pets, A, files={"data.toml": f'[pets]\ndigest = "{NONE}"\nfiles = 3\nsize_bytes = 12\n'})
    here, used = gitexp("data", "history", "pets", "--json").json["versions"]
    assert (here["digest"], here["here"], here["pinned"], here["runs"]) == (PETS, True, False, [])
    assert (used["digest"], used["here"], used["files"], used["runs"]) == (NONE, False, 3, [A])
    assert used["since"] == "2026-11-20T10:00:00Z"
    assert [line.split()[0] for line in gitexp("data", "history", "pets").stdout.splitlines()] == [
        "digest", "3068f6c1d0cd", "000000000000",
    ]  # fmt: skip


def test_runs_that_used_bytes_are_listed(pets: Lab, gitexp: Gitexp) -> None:
    write_run(pets, A, files={"data.toml": f'[pets]\ndigest = "{NONE}"\n'})
    assert gitexp("data", "runs", "000000").stdout.splitlines()[1].endswith("dataset pets")
    result = gitexp("data", "runs", "123456")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No run has used 123456\n")


def test_a_beginning_that_may_be_several_digests_is_asked_about(pets: Lab, gitexp: Gitexp) -> None:
    other = "xxh128:000000" + "1" * 26
    write_run(pets, A, files={"data.toml": f'[a]\ndigest = "{NONE}"\n[b]\ndigest = "{other}"\n'})
    result = gitexp("data", "runs", "000000")
    assert result.exit_code == 1
    assert other in result.stderr and "type more digits" in result.stderr


def test_runs_on_restricted_data_are_found_by_who_has_the_key(pets: Lab, gitexp: Gitexp) -> None:
    keyed = "hmac-sha256:a034ac575c5a5ae4e09ccfb8164d21de025d3c8c3d2e61cb7fc86fa21a75e6ca"
    write_run(pets, A, files={"data.toml": f'[pets]\ndigest = "{keyed}"\naccess = "restricted"\nkey = "6f37a364"\n'})
    untold = "note: 1 run used restricted data that cannot be told without its lab's key (git config gitexp.key)\n"
    result = gitexp("data", "runs", PETS)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"No run has used {PETS}\n{untold}")
    assert gitexp("data", "runs", keyed).stderr == ""
    pets.git("config", "gitexp.key", "the key of another lab")
    assert gitexp("data", "runs", PETS).stderr == f"No run has used {PETS}\n{untold}"
    assert gitexp("data", "runs", PETS, "--json").json["untold"] == 1
    pets.git("config", "gitexp.key", "the key of the lab")
    result = gitexp("data", "runs", PETS)
    assert (result.stdout.splitlines()[1].endswith("dataset pets"), result.stderr) == (True, "")
    assert "1 run used restricted data that only a whole digest can tell" in gitexp("data", "runs", "123456").stderr
    assert gitexp("data", "history", "pets", "--json").json["versions"][0]["here"] is True


def test_what_a_record_says_cannot_reach_the_terminal_raw() -> None:
    row = Row(A, "c" * 40, 1, 0.0, 0.0, "Ada", "completed", "re\x1bcipe")
    text = hits_table([Hit(row, NONE, "file", "pets", "\x1b]0;owned\x07.png")], on=PLAIN, now=0.0)
    assert "\x1b" not in text and "\x07" not in text
    assert "\\x1b]0;owned\\x07.png in dataset pets" in text


# ---- lineage


def test_a_dataset_is_drawn_back_to_its_sources(pets: Lab, gitexp: Gitexp) -> None:
    pets.write(
        "gitexp.toml",
        f'[datasets.pets]\npath = "data"\nsource = "UCI"\n[datasets.labels]\nurl = "s3://b/l/"\ndigest = "{NONE}"\n'
        '[datasets.clean]\npath = "c"\nderived.recipe = "tidy"\n'
        f'derived.parents = {{ pets = "{NONE}", labels = "{NONE}" }}\n'
        f'[datasets.small]\npath = "s"\nderived = {{ parents = {{ clean = "{PETS}" }}, command = ["head", "-n 5"] }}\n',
    )
    assert gitexp("data", "lineage", "small").stdout == (
        "small  -  by head '-n 5'\n"
        "└─ clean  3068f6c1d0cd  by recipe tidy\n"
        "   ├─ pets  000000000000  UCI, data  stale: now 3068f6c1d0cd\n"
        "   └─ labels  000000000000  s3://b/l/\n"
    )
    tree = gitexp("data", "lineage", "small", "--json").json["lineage"]
    assert [(one["dataset"], one["stale"]) for one in tree["parents"][0]["parents"]] == [
        ("pets", True),
        ("labels", False),
    ]


def test_what_a_run_made_was_made_of_what_that_run_read(pets: Lab, gitexp: Gitexp) -> None:
    write_run(pets, A, files={"data.toml": f'[raw]\nentry = "pets"\ndigest = "{NONE}"\n'})
    pets.write("gitexp.toml", f'[datasets.pets]\npath = "data"\n[datasets.clean]\npath = "c"\nderived.run = "{A}"\n')
    assert gitexp("data", "lineage", "clean").stdout == (
        f"clean  -  by run {A}\n└─ pets  000000000000  data  stale: now 3068f6c1d0cd\n"
    )


def test_a_dataset_of_a_record_alone_has_the_lineage_that_is_recorded(pets: Lab, gitexp: Gitexp) -> None:
    data = f'[mine]\ndigest = "{NONE}"\npath = "m"\n[mine.lineage]\nrecipe = "tidy"\nparents = {{ pets = "{PETS}" }}\n'
    write_run(pets, A, files={"data.toml": data})
    assert (
        gitexp("data", "lineage", "mine").stdout == "mine  000000000000  by recipe tidy\n└─ pets  3068f6c1d0cd  data\n"
    )


def test_a_dataset_that_is_made_of_itself_is_refused(pets: Lab, gitexp: Gitexp) -> None:
    pets.write(
        "gitexp.toml",
        f'[datasets.a]\npath = "a"\nderived.parents.b = "{NONE}"\n'
        f'[datasets.b]\npath = "b"\nderived.parents.a = "{NONE}"\n',
    )
    result = gitexp("data", "lineage", "a")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (3, "error: Dataset a is made of itself: a → b → a")


def test_hostile_names_are_escaped_in_the_tree() -> None:
    ref = DatasetRef("a", url="s3://\x1b[2J", derived=Derived({}, run="\x1b"))
    assert "\x1b" not in lineage_tree(Ancestor("a\x1b", ref, None, None), on=PLAIN)
