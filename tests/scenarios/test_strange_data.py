"""Records that somebody forged: what they say of data is never believed to be more than words."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab, Result
from xxhash import xxh3_128_hexdigest

EMPTY = "xxh128:99aa06d3014798d86001c324468d497f"  # of an empty manifest
NONSENSE = {
    "a name that climbs": f'["../../evil"]\ndigest = "{EMPTY}"\n',
    "an absolute name": f'["/tmp/evil"]\ndigest = "{EMPTY}"\n',
    "a name of two lines": f'["a\\nb"]\ndigest = "{EMPTY}"\n',
    "a name like an option": f'["-x"]\ndigest = "{EMPTY}"\n',
    "a path that climbs": f'[one]\npath = "../../../.."\ndigest = "{EMPTY}"\n',
    "a path of two lines": f'[one]\npath = "a\\nHEAD"\ndigest = "{EMPTY}"\n',
    "a path like an option": f'[one]\npath = "-rf"\ndigest = "{EMPTY}"\n',
    "a path with a zero": f'[one]\npath = "a\\u0000b"\ndigest = "{EMPTY}"\n',
    "a path without an end": f'[one]\npath = "{"a/" * 5000}"\ndigest = "{EMPTY}"\n',
    "an empty path": f'[one]\npath = ""\ndigest = "{EMPTY}"\n',
    "no digest at all": '[one]\ndigest = "nonsense"\n',
    "a digest that climbs": '[one]\ndigest = "xxh128:../../../../../../etc/passwd"\n',
    "a digest of another manifest": f'[one]\ndigest = "xxh128:{"ab" * 16}"\n',
    "a keyed digest of nonsense": '[one]\naccess = "restricted"\ndigest = "hmac-sha256:zz"\n',
    "a keyed digest of nothing": f'[one]\naccess = "restricted"\ndigest = "hmac-sha256:{"ab" * 32}"\n',
    "a table that is none": "one = 1\n",
    "no TOML": "= = =\n",
}


def forge(lab: Lab, number: int, **files: str) -> None:
    """Add a run to the branch whose record is the newest one's, but for these files."""
    index = {"GIT_INDEX_FILE": str(lab.path / ".git/forged")}
    worker = Lab(lab.path, {**lab.env, **index})
    worker.git("read-tree", "experiments")
    for name, text in files.items():
        blob = worker.git("hash-object", "-w", "--stdin", feed=text).strip()
        worker.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    old, new = lab.git("log", "-1", "--format=%(trailers:key=Gitexp-Run,valueonly)", "experiments").strip(), "k" * 14
    run = f"{new}{chr(107 + number // 16)}{chr(107 + number % 16)}"
    message = lab.git("log", "-1", "--format=%B", "experiments").replace(old, run)
    toml = lab.show("experiments:run.toml").replace(old, run)
    blob = worker.git("hash-object", "-w", "--stdin", feed=toml).strip()
    worker.git("update-index", "--add", "--cacheinfo", f"100644,{blob},run.toml")
    tree = worker.git("write-tree").strip()
    lab.git(
        "update-ref", "refs/heads/experiments", lab.git("commit-tree", tree, "-p", "experiments", "-m", message).strip()
    )


@pytest.fixture
def victim(lab: Lab, hub: Lab, tmp_path: Path) -> Lab:
    """A lab that has taken up every kind of nonsense."""
    (tmp_path / "remote").mkdir()
    lab.write("gitexp.toml", '[remotes.lab]\nurl = "../remote"\n')
    lab.approve()
    lab.commit()
    lab.git("config", "gitexp.key", "the key of the lab")
    lab.git("remote", "add", "origin", str(hub.path))
    assert lab.gitexp("run", "--", "true").exit_code == 0
    for number, text in enumerate(NONSENSE.values()):
        forge(lab, number, **{"data.toml": text, "data/one.xxh128": ""})
    return lab


def everything(folder: Path) -> list[str]:
    """All paths outside of the repository."""
    return sorted(str(path) for path in folder.rglob("*") if ".git" not in path.parts and "hub.git" not in path.parts)


def test_nonsense_in_records_stops_neither_push_nor_gc_and_writes_nothing_elsewhere(
    victim: Lab, tmp_path: Path
) -> None:
    before = everything(tmp_path)
    collected = victim.well("data", "gc", "--dry-run")
    assert "its manifest is damaged or forged" in collected.stderr
    pushed = victim.well("push")
    assert "its manifest is not here" in pushed.stderr
    assert f"pushed {1 + len(NONSENSE)} runs to origin" in pushed.stderr
    assert everything(tmp_path) == before
    assert victim.gitexp("data", "push").exit_code == 0
    assert victim.gitexp("data", "runs", EMPTY).exit_code == 0


@pytest.mark.parametrize("number", range(len(NONSENSE)), ids=list(NONSENSE))
def test_get_of_a_forged_record_places_nothing_outside_of_its_folder(lab: Lab, number: int, tmp_path: Path) -> None:
    lab.git("config", "gitexp.key", "the key of the lab")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    forge(lab, 0, **{"data.toml": list(NONSENSE.values())[number], "data/one.xxh128": ""})
    before = everything(tmp_path)
    result = lab.gitexp("get", "experiments", "--to", str(tmp_path / "got"))
    assert result.exit_code in (0, 1)
    assert "Traceback" not in result.stderr
    assert set(everything(tmp_path)) - set(before) <= {str(tmp_path / "got")}


def test_a_manifest_that_climbs_or_is_a_repository_is_placed_nowhere(lab: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    digest = "99aa06d3014798d86001c324468d497f"
    forge(lab, 0, **{"artifacts.xxh128": f"{digest}  ../evil\n"})
    result = lab.gitexp("get", "experiments", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "leads elsewhere" in result.stderr
    objects = lab.path / f".git/gitexp/objects/xxh128/{digest[:2]}"
    objects.mkdir(parents=True)
    (objects / digest[2:]).write_text("")
    forge(lab, 1, **{"artifacts.xxh128": f"{digest}  .git/config\n"})
    result = lab.gitexp("get", "experiments", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "settings could run programs" in result.stderr
    forge(lab, 2, **{"artifacts.xxh128": f"{digest}  a\n{digest}  a/b\n"})
    result = lab.gitexp("get", "experiments", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "got").exists()


# ---- gc


def orphan(lab: Lab, text: str) -> str:
    """Put bytes into the store that no run needs by itself; their digits."""
    digits = xxh3_128_hexdigest(text.encode())
    lab.write(f".git/gitexp/objects/xxh128/{digits[:2]}/{digits[2:]}", text)
    return digits


def gc_in_a_year(lab: Lab, *args: str) -> Result:
    """`gitexp data gc` when all that is stored now is old."""
    later = "import sys, time; real = time.time; time.time = lambda: real() + 366 * 86_400"
    typed = f"sys.argv = ['gitexp', 'data', 'gc', *{args!r}]"
    return lab.command("python", "-c", f"{later}\n{typed}\nfrom gitexp.cli.main import main\nmain()")


def stored(lab: Lab) -> set[str]:
    """The digits of everything in the store."""
    folder = lab.path / ".git/gitexp/objects/xxh128"
    return {f"{path.parent.name}{path.name}" for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def reader_of_data(lab: Lab) -> Lab:
    """A lab with one honest run, whose data and manifest only the store and the record have by now."""
    lab.write(".gitignore", "data\n")
    lab.write("data", "honest\n")
    lab.write("recipes/read.toml", '[run]\ncommand = ["cat", "data"]\n[data]\none = "./data"\n')
    lab.commit()
    assert lab.gitexp("run", "read").exit_code == 0
    (lab.path / "data").unlink()
    orphan(lab, "honest\n")
    return lab


def test_a_forged_manifest_does_not_stop_gc_and_what_it_lists_is_kept(reader_of_data: Lab) -> None:
    lab = reader_of_data
    listed, unlisted, honest = orphan(lab, "listed\n"), orphan(lab, "unlisted\n"), orphan(lab, "honest\n")
    digest = "xxh128:" + "ab" * 16
    forge(
        lab, 0, **{"data.toml": f'[one]\ndigest = "{digest}"\n', "data/one.xxh128": f"nonsense\n{listed}  a\n{listed}"}
    )
    result = gc_in_a_year(lab)
    assert result.exit_code == 0, result.stderr
    commit = lab.git("rev-parse", "experiments")[:7]
    assert (
        f"note: dataset one of run {commit}: its manifest is damaged or forged; what it lists is kept\n"
        in result.stderr
    )
    assert stored(lab) == {listed, honest}
    assert unlisted not in stored(lab)


def test_a_forged_copy_of_a_record_costs_the_honest_one_nothing(reader_of_data: Lab, tmp_path: Path) -> None:
    lab = reader_of_data
    forge(Lab(lab.path, {**lab.env, "GIT_COMMITTER_DATE": "2030-01-02T03:04:05Z"}), 0, **{"data/one.xxh128": ""})
    assert gc_in_a_year(lab).exit_code == 0
    assert stored(lab) == {xxh3_128_hexdigest(b"honest\n")}
    (tmp_path / "remote").mkdir()
    lab.write("gitexp.toml", '[remotes.lab]\nurl = "../remote"\n')
    lab.approve()
    assert lab.gitexp("data", "push").exit_code == 0
    assert "honest\n" in [path.read_text() for path in (tmp_path / "remote").rglob("*") if path.is_file()]


def test_artifacts_that_a_damaged_list_names_are_kept(reader_of_data: Lab) -> None:
    lab = reader_of_data
    listed = orphan(lab, "listed\n")
    forge(lab, 0, **{"artifacts.xxh128": f"{listed}  ../evil\n\x1b[2J"})
    result = gc_in_a_year(lab)
    assert result.exit_code == 0, result.stderr
    assert "artifacts.xxh128 of run" in result.stderr
    assert listed in stored(lab)


@pytest.mark.parametrize("part", ["data/one.xxh128", "data.toml", "artifacts.xxh128", "run.toml"])
def test_gc_removes_nothing_while_this_clone_lacks_a_part_of_a_record(reader_of_data: Lab, part: str) -> None:
    lab = reader_of_data
    orphan(lab, "perhaps needed\n")
    blob = lab.git("rev-parse", f"experiments:{part}").strip()
    if part == "artifacts.xxh128":  # the empty blob is built into git
        blob = lab.git("hash-object", "-w", "--stdin", feed=f"{'ab' * 16}  a\n").strip()
        forge(lab, 0, **{"artifacts.xxh128": f"{'ab' * 16}  a\n"})
    (lab.path / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    before = stored(lab)
    result = gc_in_a_year(lab)
    assert result.exit_code == 1
    assert "Nothing is removed, because this clone lacks parts of some records" in result.stderr
    assert f"{part} of run" in result.stderr
    assert "git fetch --refetch" in result.stderr
    assert stored(lab) == before
