"""Two labs with a store each, a git server and a bucket between them: what a run read and wrote goes from A to B."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Lab, published, wait_for, world
from servers import Bucket

pytestmark = pytest.mark.long

ONE, TWO = "".join(f"{n}\n" for n in range(100)), "".join(f"{n}\n" for n in range(100, 300))
PROGRAM = """
import pathlib, sys, gitexp
files = sorted(pathlib.Path(sys.argv[1]).rglob("*.csv"))
total = sum(int(word) for file in files for word in file.read_text().split())
for step in range(2000):
    gitexp.log(step=step, loss=step / 3)
gitexp.log(step=2000, total=total)
pathlib.Path("out").mkdir(exist_ok=True)
pathlib.Path("out/model.txt").write_text(f"model {total}")
gitexp.save("out/model.txt", name="out/model.txt")
"""
RECIPE = '[run]\ncommand = ["python", "sum.py", "{data.numbers}"]\n[data]\nnumbers = "numbers"\n'


def set_up(lab: Lab, remote: str, *, more: str = "") -> None:
    """A catalogue with one dataset, a program that sums it, and a remote for bytes; all but the data committed."""
    lab.write(".gitignore", "data/\nout/\n")
    lab.write("data/numbers/one.csv", ONE)
    lab.write("data/numbers/deep/two.csv", TWO)
    lab.write("sum.py", PROGRAM)
    lab.write("recipes/sum.toml", RECIPE)
    policy = '[policy]\nhistory_limit = "4kB"\n'
    lab.write("gitexp.toml", f'{policy}[datasets.numbers]\npath = "data/numbers"\n{more}[remotes.lab]\n{remote}')
    lab.approve()


def s3(bucket: Bucket) -> str:
    """The keys of a remote that is this bucket."""
    return f'url = "s3://{bucket.name}/lab"\nendpoint = "{bucket.endpoint}"\n'


@pytest.fixture
def a(lab: Lab, hub: Lab, bucket: Bucket) -> Lab:
    """Lab A: its data is pinned, its code pushed."""
    set_up(lab, s3(bucket))
    assert lab.gitexp("data", "pin", "numbers").exit_code == 0
    lab.commit("a program and its data")
    published(lab, hub)
    return lab


@pytest.fixture
def clone(hub: Lab, tmp_path: Path) -> Callable[[Lab], Lab]:
    """Lab B: nothing but the git URL, and read access to the bucket."""

    def make(other: Lab) -> Lab:
        home = world(tmp_path / "home of B")
        env = {**home, **{name: value for name, value in other.env.items() if name.startswith("AWS_")}}
        there = Lab(tmp_path / "b", env)
        Lab(tmp_path, env).git("clone", "-q", str(hub.path), str(there.path))
        there.approve()
        return there

    return make


def files(folder: Path) -> dict[str, str]:
    """Every file below, with its text."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def done(lab: Lab, *args: str) -> str:
    """What a gitexp command that succeeds says."""
    result = lab.well(*args)
    return result.stderr


def test_lab_b_gets_the_run_its_data_and_its_artifacts_byte_for_byte_and_runs_it_again(
    a: Lab, clone: Callable[[Lab], Lab], tmp_path: Path
) -> None:
    before = a.state()["branches"]
    done(a, "run", "sum")
    said = done(a, "push")
    assert "sent 5 objects" in said  # two files, their manifest, the model, the whole history
    assert "pushed 1 run to origin" in said
    assert a.state()["branches"] == before
    b = clone(a)
    said = done(b, "get", "latest", "--to", str(tmp_path / "got"))
    got = files(tmp_path / "got")
    history = got.pop("history.csv")
    assert got == {
        "artifacts/out/model.txt": "model 44850",
        "data/numbers/deep/two.csv": TWO,
        "data/numbers/one.csv": ONE,
    }
    assert history.startswith("step,time_s,loss,total\n")
    assert history.count("\n") == 2002
    assert (b.path / "data").exists() is False
    done(b, "init")
    done(b, "run", "sum")
    diff = b.gitexp("diff", "latest~1", "latest", "--json").json
    assert diff["identical_inputs"] is True
    assert next(row["a"] for row in diff["metrics"] if row["name"] == "total") == 44850


def test_what_is_there_already_is_not_sent_again(a: Lab) -> None:
    done(a, "run", "sum")
    done(a, "push")
    done(a, "run", "sum", "-s", "+x=1")
    said = done(a, "push")
    assert "sent 1 object" in said  # the history has other times
    assert "4 were there" in said
    assert "already up to date" in done(a, "push")


def test_one_artifact_or_one_dataset_is_brought_by_its_name(
    a: Lab, clone: Callable[[Lab], Lab], tmp_path: Path
) -> None:
    done(a, "run", "sum")
    done(a, "push")
    b = clone(a)
    done(b, "get", "latest", "out", "--to", str(tmp_path / "one"))
    assert files(tmp_path / "one") == {"out/model.txt": "model 44850"}
    done(b, "get", "latest", "numbers", "--to", str(tmp_path / "two"))
    assert sorted(files(tmp_path / "two")) == ["deep/two.csv", "one.csv"]
    result = b.gitexp("get", "latest", "nubmers", "--to", str(tmp_path / "three"))
    assert result.exit_code == 1
    assert "no dataset, artifact or file nubmers; did you mean numbers?" in result.stderr


def test_a_file_in_the_way_stays_and_nothing_is_placed_beside_it(a: Lab, tmp_path: Path) -> None:
    done(a, "run", "sum")  # its data is only where it lies
    (tmp_path / "got" / "artifacts" / "out").mkdir(parents=True)
    (tmp_path / "got" / "artifacts" / "out" / "model.txt").write_text("mine")
    result = a.gitexp("get", "latest", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "artifacts/out/model.txt" in result.stderr
    assert files(tmp_path / "got") == {"artifacts/out/model.txt": "mine"}


def test_with_a_broken_bucket_nothing_is_pushed_and_the_second_push_works(a: Lab, bucket: Bucket, hub: Lab) -> None:
    right = (a.path / "gitexp.toml").read_text()
    a.write("gitexp.toml", right.replace(bucket.name, "no-such-bucket"))
    a.approve()
    a.commit("another bucket")
    done(a, "run", "sum")
    result = a.gitexp("push")
    assert result.exit_code == 1
    assert "there is no such bucket" in result.stderr
    assert "Nothing was pushed, because the bytes that the runs need could not all be sent" in result.stderr
    assert "gitexp push --no-objects" in result.stderr
    assert hub.git("branch", "--list", "experiments") == ""
    assert len(a.runs()) == 1
    a.write("gitexp.toml", right)
    assert "pushed 1 run to origin" in done(a, "push")


def test_without_objects_only_the_branch_is_pushed_and_the_bytes_can_follow(a: Lab, bucket: Bucket) -> None:
    done(a, "run", "sum")
    assert "pushed 1 run to origin" in done(a, "push", "--no-objects")
    assert bucket.keys() == []
    assert "sent 5 objects" in done(a, "data", "push")
    assert len(bucket.keys()) == 5


def test_bytes_that_are_not_here_any_more_are_named_and_the_rest_is_pushed(a: Lab, bucket: Bucket) -> None:
    done(a, "run", "sum")
    a.write("data/numbers/one.csv", "0\n")
    (a.path / "data/numbers/deep/two.csv").unlink()
    said = done(a, "push")
    assert "note: dataset numbers: 2 objects are not here, or changed: deep/two.csv, one.csv" in said
    assert "pushed 1 run to origin" in said
    assert len(bucket.keys()) == 3


def test_a_tampered_object_is_named_and_nothing_is_placed(
    a: Lab, clone: Callable[[Lab], Lab], bucket: Bucket, tmp_path: Path
) -> None:
    done(a, "run", "sum")
    done(a, "push")
    digest = a.show("experiments:artifacts.xxh128")[:32]
    bucket.put(f"lab/xxh128/{digest[:2]}/{digest[2:]}", b"model 99999")
    b = clone(a)
    result = b.gitexp("get", "latest", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert "out/model.txt" in result.stderr
    assert f"xxh128:{digest}" in result.stderr
    assert "other bytes under this name" in result.stderr
    assert not (tmp_path / "got").exists()


def test_data_that_git_holds_is_not_sent_but_comes_back_from_git(
    lab: Lab, hub: Lab, bucket: Bucket, tmp_path: Path
) -> None:
    set_up(lab, s3(bucket))
    lab.write(".gitignore", "out/\n")
    lab.commit("the data too")
    lab.git("remote", "add", "origin", str(hub.path))
    done(lab, "run", "sum")
    assert "sent 2 objects" in done(lab, "push")
    b = Lab(tmp_path / "b", lab.env)  # where no remote for bytes is named, nor approved
    lab.git("clone", "-q", str(hub.path), str(b.path))
    b.git("fetch", "-q", "origin", "experiments:experiments")
    done(b, "get", "latest", "numbers", "--to", str(tmp_path / "got"))
    assert files(tmp_path / "got") == {"deep/two.csv": TWO, "one.csv": ONE}


# ---- gitexp data save, push, pull, get


def test_a_dataset_is_saved_pushed_pulled_and_got_by_its_digest(
    a: Lab, clone: Callable[[Lab], Lab], bucket: Bucket, tmp_path: Path
) -> None:
    assert "2 files, 1.09 kB, 2 new" in done(a, "data", "save")
    assert "all stored before" in done(a, "data", "save", "numbers")
    assert "sent 3 objects" in done(a, "data", "push", "numbers")
    b = clone(a)
    assert "brought to data/numbers" in done(b, "data", "pull")
    assert files(b.path / "data/numbers") == {"deep/two.csv": TWO, "one.csv": ONE}
    assert (b.path / "data/numbers/one.csv").stat().st_nlink == 1
    assert "already at data/numbers" in done(b, "data", "pull", "numbers")
    b.write("data/numbers/one.csv", "mine\n")
    result = b.gitexp("data", "pull")
    assert result.exit_code == 3
    assert "~ one.csv" in result.stderr
    digest = next(line for line in (a.path / "gitexp.toml").read_text().splitlines() if line.startswith("digest"))
    done(b, "data", "get", digest.split('"')[1], "--to", str(tmp_path / "got"))
    assert files(tmp_path / "got") == {"deep/two.csv": TWO, "one.csv": ONE}
    one = "aa" * 16
    result = b.gitexp("data", "get", one, "--to", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert f"xxh128:{one} is not to be had" in result.stderr


def test_a_single_file_comes_back_by_its_digest_under_its_digits(a: Lab, tmp_path: Path) -> None:
    done(a, "run", "sum")
    digest = a.show("experiments:artifacts.xxh128")[:32]
    done(a, "data", "get", digest, "--to", str(tmp_path / "got"))
    assert files(tmp_path / "got") == {digest: "model 44850"}


def test_an_unknown_dataset_or_remote_is_answered_with_the_nearest(a: Lab) -> None:
    assert (
        "There is no dataset nunbers in the catalogue; did you mean numbers?"
        in a.gitexp("data", "save", "nunbers").stderr
    )
    assert (
        "There is no [remotes.lap] in gitexp.toml; did you mean lab?"
        in a.gitexp("data", "push", "--remote", "lap").stderr
    )


# ---- gitexp data gc


def kept(lab: Lab) -> list[str]:
    """The digests in the store."""
    folder = lab.path / ".git/gitexp/objects/xxh128"
    return sorted(f"{path.parent.name}{path.name}" for path in folder.rglob("*") if path.is_file())


def year_later(lab: Lab, *args: str) -> list[str]:
    """What `gitexp data gc` says when all that is stored now is old."""
    later = "import sys, time; real = time.time; time.time = lambda: real() + 366 * 86_400"
    typed = f"sys.argv = ['gitexp', 'data', 'gc', *{args!r}]"
    script = f"{later}\n{typed}\nfrom gitexp.cli.main import main\nmain()"
    result = lab.command("python", "-c", script)
    assert result.exit_code == 0, result.stderr
    return [line.split()[0].removeprefix("xxh128:") for line in result.stdout.splitlines()]


def test_gc_keeps_what_any_run_needs_and_removes_the_rest(a: Lab) -> None:
    a.write("data/extra", "nobody needs it\n")
    text = (a.path / "gitexp.toml").read_text()
    a.write("gitexp.toml", text + '[datasets.extra]\npath = "data/extra"\n')
    done(a, "data", "save")
    a.write("gitexp.toml", text)
    done(a, "run", "sum")
    a.git("update-ref", "refs/remotes/origin/theirs", "experiments")
    a.git("branch", "-D", "experiments")
    assert len(kept(a)) == 7  # 2 files, 1 file, their manifests, the model, the history
    gone = year_later(a, "--dry-run")
    assert len(gone) == 2
    assert len(kept(a)) == 7
    year_later(a)
    assert len(kept(a)) == 5
    assert not set(gone) & set(kept(a))


def test_gc_keeps_what_only_a_reflog_remembers_or_the_catalogue_pins(a: Lab) -> None:
    done(a, "data", "save")
    done(a, "run", "sum")
    a.git("update-ref", "--create-reflog", "refs/heads/experiments", "experiments~1")
    assert a.runs() == []
    assert year_later(a, "--dry-run") == []


def test_gc_takes_nothing_that_is_younger_than_two_weeks(a: Lab) -> None:
    done(a, "data", "save")
    a.write("gitexp.toml", "")
    result = a.well("data", "gc")
    assert result.stderr == "0 objects (0 B) removed; 0 are needed; 3 not needed but younger than two weeks\n"
    assert len(kept(a)) == 3


def test_gc_sweeps_up_what_killed_commands_left_behind(a: Lab) -> None:
    done(a, "data", "save")
    left = a.write(".git/gitexp/objects/incoming/1-ab", "half")
    new = a.write(".git/gitexp/objects/incoming/2-cd", "half")
    os.utime(left, (0, 0))
    a.write(".git/gitexp/data/.gitexp-ab/file", "half")
    os.utime(a.path / ".git/gitexp/data/.gitexp-ab", (0, 0))
    done(a, "data", "gc")
    assert (left.exists(), new.exists()) == (False, True)
    assert not (a.path / ".git/gitexp/data/.gitexp-ab").exists()


def test_gc_never_touches_a_store_that_others_may_share(a: Lab, tmp_path: Path) -> None:
    a.git("config", "gitexp.store", str(tmp_path / "scratch"))
    done(a, "data", "save")
    result = a.gitexp("data", "gc")
    assert result.exit_code == 3
    assert "may hold what other clones need" in result.stderr
    assert "gitexp data gc --dry-run" in result.stderr


def test_gc_keeps_what_a_run_reads_that_is_still_going_on(a: Lab) -> None:
    done(a, "data", "save")
    shutil.rmtree(a.path / "data/numbers")
    a.write("sum.py", "import pathlib, time\npathlib.Path('out').mkdir()\ntime.sleep(60)\n")
    a.commit("it takes long")
    run = a.start("run", "sum")
    wait_for((a.path / "out").exists)
    a.write("gitexp.toml", "")
    try:
        assert year_later(a, "--dry-run") == []
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=20)
    assert run.returncode == 130
