"""One way in, whatever the source: the catalogue says where data lies, and the program does not notice."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Lab, at_terminal, exit_code, have, published, until_over, wait_for, world
from servers import Bucket, Server

pytestmark = pytest.mark.long

PETS = "label,size\n" + "cat,1\ndog,2\n" * 50
PROGRAM = """
import pathlib, sys
lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
print("rows:", len(lines) - 1)
"""
RECIPE = """
[run]
command = ["python", "count.py", "{data.animals}"]
[data]
animals = "pets"
[metrics]
output = { rows = 'rows: (\\d+)' }
"""


@pytest.fixture
def a(lab: Lab) -> Lab:
    """A program that counts the rows of a file that the catalogue calls pets, and the recipe animals."""
    lab.write(".gitignore", "data/\n")
    lab.write("data/pets.csv", PETS)
    lab.write("count.py", PROGRAM)
    lab.write("recipes/count.toml", RECIPE)
    return lab


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a web server that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "-d", str(folder), "0"]
    with Server(argv) as address:
        yield folder, address


def catalogue(lab: Lab, pets: str, more: str = "") -> None:
    """Say where pets lies, and commit that."""
    lab.write("gitexp.toml", f"{more}\n[datasets.pets]\n{pets}\n")
    lab.approve()
    lab.commit("the catalogue")


def ran(lab: Lab, *args: str) -> dict[str, Any]:
    """What the record of a run that completed says of animals."""
    lab.well("run", *(args or ("count",)))
    assert lab.show("experiments:metrics.toml") == '"rows" = 100.0\n'
    found: dict[str, Any] = lab.toml("data.toml")["animals"]
    return found


def test_moving_a_dataset_from_a_folder_to_s3_to_the_web_changes_the_catalogue_alone(
    a: Lab, bucket: Bucket, served: tuple[Path, str]
) -> None:
    catalogue(a, 'path = "data/pets.csv"')
    code = a.git("rev-parse", "HEAD:count.py", "HEAD:recipes")
    at_path = ran(a)
    assert "fetched_bytes" not in at_path
    assert at_path["entry"] == "pets"

    shutil.rmtree(a.path / "data")
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    bucket.put("pets/v3/pets.csv", PETS.encode())
    catalogue(a, f'url = "s3://{bucket.name}/pets/v3/pets.csv"\nendpoint = "{bucket.endpoint}"')
    in_s3 = ran(a)
    assert in_s3["digest"] == at_path["digest"]
    assert in_s3["url"] == f"s3://{bucket.name}/pets/v3/pets.csv"
    assert in_s3["resolved"].startswith(f"s3://{bucket.name}/pets/v3/pets.csv?versionId=")
    assert in_s3["version"] in in_s3["resolved"]
    assert in_s3["fetched_bytes"] == 611
    assert ran(a)["fetched_bytes"] == 0

    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"')
    on_the_web = ran(a)
    assert on_the_web["digest"] == at_path["digest"]
    assert on_the_web["fetched_bytes"] in (0, 611)
    assert on_the_web["version"].endswith("GMT")
    assert a.git("rev-parse", "HEAD:count.py", "HEAD:recipes") == code


def test_a_pinned_dataset_from_its_url_keeps_its_version_in_every_record_and_is_fetched_once(
    a: Lab, served: tuple[Path, str]
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"')
    assert a.gitexp("data", "pin", "pets").exit_code == 0
    a.commit("pinned")
    first = ran(a)
    (folder / "pets.csv").unlink()  # nobody is asked again
    second = ran(a)
    assert second["fetched_bytes"] == 0
    assert second["version"].endswith("GMT")
    assert {**second, "fetched_bytes": None} == {**first, "fetched_bytes": None}


def test_a_source_that_has_changed_is_refused_with_what_was_added_removed_and_changed(a: Lab, bucket: Bucket) -> None:
    for name in ("a", "b", "c"):
        bucket.put(f"pets/{name}.csv", name.encode())
    catalogue(a, f'url = "s3://{bucket.name}/pets/"\nendpoint = "{bucket.endpoint}"')
    assert a.gitexp("data", "pin", "pets").exit_code == 0
    a.commit("pinned")
    bucket.put("pets/b.csv", b"changed")
    bucket.put("pets/d.csv", b"new")
    bucket.client.delete_object(Bucket=bucket.name, Key="pets/a.csv")
    lost = a.path / ".git/gitexp/objects/xxh128/a9"  # of b"a"
    shutil.rmtree(lost)
    shutil.rmtree(a.path / ".git/gitexp/data")
    result = a.gitexp("run", "count")
    assert result.exit_code == 3
    assert "Dataset animals is not the one that is pinned" in result.stderr
    assert "  + d.csv\n  - a.csv\n  ~ b.csv\n" in result.stderr
    assert a.runs() == []


def test_data_that_has_changed_at_its_path_is_refused_with_what_was_added_removed_and_changed(a: Lab) -> None:
    for name in ("a", "b", "c"):
        a.write(f"data/pets/{name}.csv", name)
    catalogue(a, 'path = "data/pets"')
    assert a.gitexp("data", "pin", "pets").exit_code == 0
    a.commit("pinned")
    a.write("data/pets/b.csv", "changed")
    a.write("data/pets/d.csv", "new")
    (a.path / "data/pets/a.csv").unlink()
    result = a.gitexp("run", "count")
    assert result.exit_code == 3
    assert "1 added, 1 removed, 1 changed:" in result.stderr
    assert "  + d.csv\n  - a.csv\n  ~ b.csv\n" in result.stderr
    assert "gitexp data pin pets" in result.stderr


def test_missing_access_names_the_system_the_scope_the_method_and_whom_to_ask(a: Lab, bucket: Bucket) -> None:
    bucket.put("pets.csv", PETS.encode())
    del a.env["AWS_ACCESS_KEY_ID"], a.env["AWS_SECRET_ACCESS_KEY"]
    catalogue(
        a,
        f'url = "s3://{bucket.name}/pets.csv"\nendpoint = "{bucket.endpoint}"\nsource = "the vet\'s archive"\n'
        'access = "open"\nauth = "aws-profile vet"\nowner = "Jo <jo@vet.example>"',
    )
    result = a.gitexp("run", "count")
    assert result.exit_code == 3
    assert "the vet's archive" in result.stderr
    assert "open" in result.stderr
    assert "aws-profile vet" in result.stderr
    assert "Jo <jo@vet.example>" in result.stderr
    assert a.runs() == []


def test_a_dataset_that_is_nowhere_says_where_it_was_looked_for_and_whom_to_ask(a: Lab) -> None:
    digest = "xxh128:" + "ab" * 16
    catalogue(a, f'path = "data/none.csv"\ndigest = "{digest}"\nowner = "Jo"\nsource = "the vet"')
    result = a.gitexp("run", "count")
    assert result.exit_code == 3
    assert "data/none.csv does not exist, and its pinned version could not be fetched" in result.stderr
    assert f"{digest}: it is not in the object store" in result.stderr
    assert "source the vet, owner Jo" in result.stderr


def test_two_runs_at_once_on_the_same_url_both_complete(a: Lab, bucket: Bucket) -> None:
    bucket.put("pets.csv", PETS.encode())
    catalogue(a, f'url = "s3://{bucket.name}/pets.csv"\nendpoint = "{bucket.endpoint}"')
    first, second = a.start("run", "count"), a.start("run", "count")
    assert "rows: 100" in first.communicate(timeout=60)[0]
    assert "rows: 100" in second.communicate(timeout=60)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(a.runs()) == 2


def test_ctrl_c_while_fetching_leaves_nothing_half_placed(a: Lab, tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import http.server, time\n"
        "class Slow(http.server.BaseHTTPRequestHandler):\n"
        "    def do_HEAD(self):\n"
        "        self.send_response(200)\n"
        "        self.send_header('Content-Length', '1000000')\n"
        "        self.send_header('ETag', '\"1\"')\n"
        "        self.end_headers()\n"
        "    def do_GET(self):\n"
        "        self.do_HEAD()\n"
        "        for _ in range(1000):\n"
        "            self.wfile.write(b'x' * 1000)\n"
        "            open('begun', 'w').close()\n"
        "            time.sleep(0.1)\n"
        "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Slow)\n"
        "print(f'http://127.0.0.1:{server.server_address[1]}', flush=True)\n"
        "server.serve_forever()\n"
    )
    with Server(["sh", "-c", f"cd {tmp_path} && exec {sys.executable} -u {slow} 2>&1"]) as address:
        catalogue(a, f'url = "{address}/pets.csv"')
        run = a.start("run", "count")
        wait_for((tmp_path / "begun").exists)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert a.runs() == []
    assert not (a.path / ".git/gitexp/data").exists()
    objects = a.path / ".git/gitexp/objects/xxh128"
    assert not objects.exists()
    assert not any((a.path / ".git/gitexp/runs").glob("*"))


def test_what_a_program_damaged_in_gitexps_own_copy_is_mended_from_its_source(a: Lab, bucket: Bucket) -> None:
    bucket.put("pets.csv", PETS.encode())
    catalogue(a, f'url = "s3://{bucket.name}/pets.csv"\nendpoint = "{bucket.endpoint}"')
    ran(a)
    (copy,) = (a.path / ".git/gitexp/data").rglob("pets.csv")
    (stored,) = (path for path in (a.path / ".git/gitexp/objects").rglob("*/*/*") if path.read_text() == PETS)
    for path in (copy, stored):  # one file by two names, unless root made them
        path.chmod(0o644)
        with path.open("r+") as file:
            file.write("LABEL")
        path.chmod(0o444)
    assert ran(a)["fetched_bytes"] == 611
    assert copy.read_text() == PETS


def test_two_names_for_one_dataset_are_two_datasets_of_the_record_with_one_digest(a: Lab) -> None:
    catalogue(a, 'path = "data/pets.csv"')
    a.write("recipes/count.toml", RECIPE + "[optimizer]\nx = 1\n")
    text = (a.path / "recipes/count.toml").read_text()
    a.write("recipes/count.toml", text.replace('animals = "pets"', 'animals = "pets"\nsame = "pets"'))
    a.commit()
    ran(a)
    data = a.toml("data.toml")
    assert data["animals"]["digest"] == data["same"]["digest"]
    assert a.show("experiments:data/same.xxh128") == a.show("experiments:data/animals.xxh128")


def test_a_dataset_with_a_repository_in_it_is_recorded_without_what_git_keeps_there(a: Lab) -> None:
    shutil.rmtree(a.path / "data")
    a.write("data/pets/pets.csv", PETS)
    catalogue(a, 'path = "data/pets"')
    a.write("count.py", PROGRAM.replace("sys.argv[1]", "sys.argv[1], 'pets.csv'"))
    a.commit()
    before = ran(a)["digest"]
    Lab(a.path / "data/pets", a.env).git("init", "-q")
    assert ran(a)["digest"] == before


def test_the_root_of_the_repository_can_be_a_dataset(a: Lab) -> None:
    catalogue(a, 'path = "."')
    a.write("count.py", PROGRAM.replace("sys.argv[1]", "sys.argv[1], 'data/pets.csv'"))
    a.commit()
    ran(a)
    manifest = a.show("experiments:data/animals.xxh128")
    assert "  count.py\n" in manifest
    assert ".git/" not in manifest


def test_a_run_that_another_command_records_has_its_manifest_too(a: Lab, xxhsum: str) -> None:
    catalogue(a, 'path = "data/pets.csv"')
    a.write("count.py", PROGRAM + "pathlib.Path('data/started').touch()\nimport time; time.sleep(1)\n")
    a.commit()
    run = a.start("run", "count", start_new_session=True)
    wait_for((a.path / "data/started").exists)
    run.kill()
    run.communicate()
    until_over(a)
    a.gitexp("status")
    found = a.toml("data.toml")["animals"]
    assert (found["entry"], found["size_bytes"]) == ("pets", 611)
    manifest = a.show("experiments:data/animals.xxh128")
    assert a.command(xxhsum, "-H2", "data/pets.csv").stdout.split()[0] == manifest.split()[0]


def test_a_long_manifest_is_written_to_git_once(a: Lab) -> None:
    (a.path / "data/many").mkdir()
    for number in range(17_000):
        (a.path / f"data/many/{number:05}").touch()
    catalogue(a, 'path = "data/many"')
    a.git("config", "gc.auto", "0")
    a.git("config", "maintenance.auto", "false")
    a.write("count.py", "print('rows: 100')\n")
    a.commit()
    ran(a)
    before = int(a.git("count-objects").split()[0])
    assert len(a.git("ls-tree", "--name-only", "experiments:data/animals.xxh128").split()) > 1
    tree = a.git("rev-parse", "experiments:data")
    ran(a)
    assert a.git("rev-parse", "experiments:data") == tree
    assert int(a.git("count-objects").split()[0]) - before <= 4  # run.toml, history.csv, the record's tree, the commit


# ---- gitexp get, back to the source


def forget(lab: Lab) -> None:
    """Lose everything that was ever brought here."""
    for name in ("objects", "data", "sources"):
        shutil.rmtree(lab.path / ".git/gitexp" / name)


def test_what_neither_store_nor_remotes_have_is_got_from_its_url(
    a: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"')
    ran(a)
    forget(a)
    result = a.well("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/pets.csv").read_text() == PETS
    assert "611 B fetched" in result.stderr


def test_the_exact_version_is_got_though_its_source_has_moved_on(a: Lab, bucket: Bucket, tmp_path: Path) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    bucket.put("pets.csv", PETS.encode())
    catalogue(a, f'url = "s3://{bucket.name}/pets.csv"\nendpoint = "{bucket.endpoint}"')
    ran(a)
    bucket.put("pets.csv", b"others")
    forget(a)
    a.well("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/pets.csv").read_text() == PETS


def test_a_source_with_other_bytes_places_nothing_and_says_whom_to_ask(
    a: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(
        a,
        f'url = "{address}/pets.csv"\nsource = "the vet\'s archive"\nauth = "vpn"\nowner = "Jo <jo@vet.example>"',
    )
    ran(a)
    forget(a)
    (folder / "pets.csv").write_text("others")
    result = a.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert f"animals: {address}/pets.csv: it has another version by now" in result.stderr
    assert "animals: source the vet's archive, access open, auth vpn, owner Jo <jo@vet.example>\n" in result.stderr
    assert not (tmp_path / "got").exists()
    (folder / "pets.csv").unlink()
    result = a.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert f"animals: {address}/pets.csv: pets is not at {address}/pets.csv" in result.stderr


def test_what_opens_the_source_of_the_catalogue_goes_to_no_address_of_a_record(
    a: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"')
    ran(a)
    forget(a)
    catalogue(a, 'url = "https://data.example/pets.csv"\nauth = "env:TOKEN"')
    result = a.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"), TOKEN="secret")
    assert result.exit_code == 1
    assert "so it was not asked (--from-source asks it)" in result.stderr
    result = a.gitexp("get", "latest", "animals", "--from-source", "--to", str(tmp_path / "got"), TOKEN="secret")
    assert result.exit_code == 1
    assert "the record names it and the catalogue does not, so it is asked over https:// alone" in result.stderr


def test_an_address_of_a_record_is_never_asked_on_this_machines_own_network(
    a: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"')
    ran(a)
    forget(a)
    inside = address.replace("http://127.0.0.1", "https://localhost")
    tree = rewritten(a, "experiments^{tree}", "data.toml", a.show("experiments:data.toml").replace(address, inside))
    message = a.git("log", "-1", "--format=%B", "experiments")
    commit = a.git("commit-tree", tree, "-p", "experiments~1", feed=message).strip()
    a.git("update-ref", "refs/heads/experiments", commit)
    asked = "localhost (127.0.0.1) is on this machine's own"
    for flags, words in (([], "--from-source asks it"), (["--from-source"], asked)):
        result = a.gitexp("get", "latest", "animals", *flags, "--to", str(tmp_path / "got"))
        assert result.exit_code == 1
        assert words in result.stderr.replace("::1", "127.0.0.1")


def rewritten(lab: Lab, tree: str, name: str, text: str) -> str:
    """A tree with other words in one file."""
    blob = lab.git("hash-object", "-w", "--stdin", feed=text).strip()
    lines = lab.git("ls-tree", tree).splitlines()
    kept = [line for line in lines if not line.endswith(f"\t{name}")]
    return lab.git("mktree", feed="\n".join([*kept, f"100644 blob {blob}\t{name}"]) + "\n").strip()


# ---- where tokens and bytes go


def test_a_tracked_file_sends_no_token_to_where_nobody_here_has_approved_it(a: Lab, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    a.write("gitexp.toml", f'[datasets.pets]\nurl = "{address}/pets.csv"\nauth = "env:TOKEN"\n')
    a.commit("a colleague's change, pulled")
    for command in (["run", "--dry-run", "count"], ["run", "count"], ["data", "pin", "pets"], ["data", "save", "pets"]):
        result = a.gitexp(*command, TOKEN="secret")
        assert result.exit_code == 3
        assert f"  env:TOKEN  →  {address}\n" in result.stderr
        assert "secret" not in result.stderr
    fix = f"git config --add gitexp.trusted 'env:TOKEN {address}'"
    assert f"fix:   {fix}\n" in result.stderr
    assert a.command("sh", "-c", fix).exit_code == 0
    assert a.gitexp("run", "count", TOKEN="secret").exit_code == 0
    a.write("gitexp.toml", f'[datasets.pets]\nurl = "{address}/pets.csv"\nauth = "env:HOME"\n')
    a.commit("another variable")
    forget(a)
    assert f"  env:HOME  →  {address}\n" in a.gitexp("run", "count").stderr
    a.write("gitexp.toml", '[datasets.pets]\nurl = "http://localhost:1/pets.csv"\nauth = "env:TOKEN"\n')
    a.commit("another host")
    assert "  env:TOKEN  →  http://localhost:1\n" in a.gitexp("run", "count", TOKEN="secret").stderr


def test_bytes_go_to_no_remote_that_nobody_here_has_approved(a: Lab, hub: Lab, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    a.git("remote", "add", "origin", str(hub.path))
    catalogue(a, 'path = "data/pets.csv"', f'[remotes.lab]\nurl = "{tmp_path}/ours"\n')
    ran(a)
    assert a.gitexp("push").exit_code == 0
    assert held(tmp_path / "ours") >= {PETS}
    config = (a.path / "gitexp.toml").read_text()
    a.write("gitexp.toml", config.replace("ours", "theirs"))
    a.commit("a colleague's change, pulled")
    a.write("data/pets.csv", PETS.replace("cat", "cow"))
    ran(a)
    for command in (["push"], ["data", "push"], ["data", "push", "--remote", "lab"]):
        result = a.gitexp(*command)
        assert result.exit_code == 3
        assert f"  remotes.lab  →  {tmp_path}/theirs\n" in result.stderr
        assert f"fix:   git config --add gitexp.trusted 'remotes.lab {tmp_path}/theirs'\n" in result.stderr
    assert held(tmp_path / "theirs") == set()
    assert a.gitexp("push", "--no-objects").exit_code == 0


def test_a_remote_on_the_net_is_not_asked_before_somebody_approved_it(a: Lab, bucket: Bucket) -> None:
    digest = "xxh128:" + "ab" * 16
    remote = f'[remotes.lab]\nurl = "s3://{bucket.name}/lab"\nendpoint = "{bucket.endpoint}"\n'
    a.write("gitexp.toml", f'{remote}[datasets.pets]\npath = "none.csv"\ndigest = "{digest}"\n')
    a.commit("a remote")
    for command in (["run", "count"], ["data", "pull"], ["data", "get", digest, "--to", "../got"]):
        result = a.gitexp(*command)
        assert result.exit_code == 3
        assert f"'remotes.lab s3://{bucket.name}/lab endpoint={bucket.endpoint}'\n" in result.stderr


def test_at_a_terminal_a_yes_is_asked_for_and_noted_and_the_command_goes_on(a: Lab, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    a.write("gitexp.toml", f'[datasets.pets]\nurl = "{address}/pets.csv"\nauth = "env:TOKEN"\n')
    a.commit("a token")
    terminal = at_terminal(Lab(a.path.parent, a.env), "-C", a.path.name, "run", "count", TOKEN="secret")
    terminal.expect_exact("Approve it in this clone? [y/N]: ")
    terminal.sendline("n")
    assert exit_code(terminal) == 3
    terminal = at_terminal(Lab(a.path.parent, a.env), "-C", a.path.name, "run", "count", TOKEN="secret")
    terminal.expect_exact("Approve it in this clone? [y/N]: ")
    terminal.sendline("y")
    terminal.expect_exact("rows 100")
    assert exit_code(terminal) == 0
    assert a.git("config", "--local", "--get-all", "gitexp.trusted") == f"env:TOKEN {address}\n"


def test_restricted_data_comes_back_from_its_url_to_who_has_the_key(
    a: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "pets.csv").write_text(PETS)
    catalogue(a, f'url = "{address}/pets.csv"\naccess = "restricted"')
    a.git("config", "gitexp.key", "the key of the lab")
    ran(a)
    forget(a)
    a.git("config", "--unset", "gitexp.key")
    result = a.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (result.exit_code, "this clone has no key" in result.stderr) == (1, True)
    a.git("config", "gitexp.key", "the key of another lab")
    result = a.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (result.exit_code, "it has another version by now" in result.stderr) == (1, True)
    a.git("config", "gitexp.key", "the key of the lab")
    a.well("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/pets.csv").read_text() == PETS


# ---- git-lfs and DVC


def test_a_clone_with_git_lfs_pointers_runs_on_what_they_stand_for(a: Lab, tmp_path: Path) -> None:
    if not have("git-lfs"):
        assert os.environ.get("CI") != "true"
        pytest.skip("git-lfs is not installed (Debian's package git-lfs)")
    a.git("lfs", "install", "--local", "--skip-repo")
    a.git("lfs", "track", "*.csv")
    a.write(".gitignore", "")
    catalogue(a, 'path = "data/pets.csv"')
    digest = ran(a)["digest"]
    home = world(tmp_path / "home of B")
    b = Lab(tmp_path / "b", {**home, "GIT_LFS_SKIP_SMUDGE": "1"})
    Lab(tmp_path, b.env).git("clone", "-q", str(a.path), str(b.path))
    b.git("lfs", "fetch")
    assert b.gitexp("init").exit_code == 0
    b.git("config", "filter.lfs.smudge", "git-lfs smudge --skip -- %f")
    assert "git-lfs" in (b.path / "data/pets.csv").read_text()
    assert ran(b)["digest"] == digest
    assert "git-lfs" in (b.path / "data/pets.csv").read_text()


def test_a_dvc_file_stands_for_the_data_in_dvcs_cache(a: Lab) -> None:
    md5 = hashlib.md5(PETS.encode()).hexdigest()
    shutil.rmtree(a.path / "data")
    a.write(".dvc/config", "")
    a.write(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}", PETS)
    a.write(".gitignore", "/.dvc/cache\n")
    a.write("data/pets.csv.dvc", f"outs:\n- md5: {md5}\n  size: 611\n  hash: md5\n  path: pets.csv\n")
    catalogue(a, 'path = "data/pets.csv"')
    by_path = ran(a)
    catalogue(a, 'path = "data/pets.csv.dvc"')
    assert ran(a)["digest"] == by_path["digest"]
    assert not (a.path / "data/pets.csv").exists()


# ---- restricted data

RESTRICTED = 'path = "data/pets.csv"\naccess = "restricted"\nremotes = ["vault"]'
REMOTES = '[remotes.lab]\nurl = "{0}/lab"\n[remotes.vault]\nurl = "{0}/vault"\n'


@pytest.fixture
def secret(a: Lab, hub: Lab, tmp_path: Path) -> Lab:
    """Restricted data that only the remote vault may hold; a lab with a key."""
    (tmp_path / "lab").mkdir(exist_ok=True)
    for name in ("lab", "vault"):
        (tmp_path / "remotes" / name).mkdir(parents=True)
    catalogue(a, RESTRICTED, REMOTES.format(tmp_path / "remotes"))
    a.git("config", "gitexp.key", "the key of the lab")
    published(a, hub)
    return a


def held(folder: Path) -> set[str]:
    """What lies in a folder, by content."""
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_record_of_restricted_data_tells_no_more_than_a_digest_under_the_labs_key(secret: Lab) -> None:
    found = ran(secret)
    assert found["digest"].startswith("hmac-sha256:")
    assert sorted(found) == ["access", "digest", "entry", "key", "kind", "path"]
    assert secret.git("ls-tree", "-r", "--name-only", "experiments", "data/") == ""
    assert ran(secret)["digest"] == found["digest"]


def test_without_the_labs_key_a_run_on_restricted_data_is_refused(secret: Lab) -> None:
    secret.git("config", "--unset", "gitexp.key")
    result = secret.gitexp("run", "count")
    assert result.exit_code == 3
    assert "this clone has no key" in result.stderr
    assert "gitexp.key" in result.stderr
    assert secret.runs() == []


def test_bytes_of_restricted_data_go_only_to_the_remotes_that_its_entry_lists(secret: Lab, tmp_path: Path) -> None:
    ran(secret)
    result = secret.well("push")
    assert "note: dataset pets is restricted, and its entry does not list lab" in result.stderr
    assert "pushed 1 run" in result.stderr
    assert secret.gitexp("data", "push").exit_code == 0
    assert secret.gitexp("data", "push", "pets").exit_code == 1
    assert held(tmp_path / "remotes/lab") == set()
    assert secret.gitexp("data", "push", "--remote", "vault").exit_code == 0
    assert PETS in held(tmp_path / "remotes/vault")


def test_restricted_bytes_do_not_leave_as_an_artifact_or_by_what_older_records_say(secret: Lab, tmp_path: Path) -> None:
    catalogue(secret, 'path = "data/pets.csv"', REMOTES.format(tmp_path / "remotes"))
    program = PROGRAM + "import gitexp; gitexp.save(sys.argv[1])\n"
    secret.write("count.py", program)
    secret.commit()
    assert "digest" in ran(secret)  # as open data
    catalogue(secret, RESTRICTED, REMOTES.format(tmp_path / "remotes"))
    ran(secret)
    result = secret.well("push")
    assert "artifacts: pets.csv has the bytes of restricted data" in result.stderr
    assert held(tmp_path / "remotes/lab") == set()


def test_restricted_data_that_a_recipe_names_by_its_path_is_refused(secret: Lab) -> None:
    secret.write("recipes/count.toml", RECIPE.replace('"pets"', '"data"'))
    secret.commit()
    result = secret.gitexp("run", "count")
    assert result.exit_code == 3
    assert "data is restricted data, pets in the catalogue" in result.stderr
    assert 'animals = "pets"' in result.stderr


def test_restricted_data_whose_manifest_is_recorded_still_goes_only_where_it_may(secret: Lab, tmp_path: Path) -> None:
    policy = '[policy]\nrestricted_manifests = "record"\n'
    catalogue(secret, RESTRICTED, policy + REMOTES.format(tmp_path / "remotes"))
    assert ran(secret)["digest"].startswith("xxh128:")
    assert secret.gitexp("push").exit_code == 0
    assert held(tmp_path / "remotes/lab") == set()
    assert secret.gitexp("data", "push", "--remote", "vault").exit_code == 0
    assert PETS in held(tmp_path / "remotes/vault")


def test_the_digest_of_a_restricted_parent_is_recorded_under_the_key_too(secret: Lab, tmp_path: Path) -> None:
    digest = "xxh128:" + "ab" * 16
    derived = (
        f'[datasets.clean]\npath = "data/clean.csv"\n[datasets.clean.derived]\nparents = {{ pets = "{digest}" }}\n'
    )
    secret.write("data/clean.csv", PETS)
    secret.write("recipes/count.toml", RECIPE.replace('"pets"', '"clean"'))
    catalogue(secret, RESTRICTED, REMOTES.format(tmp_path / "remotes") + derived)
    assert ran(secret)["lineage"]["parents"]["pets"].startswith("hmac-sha256:")
    assert digest not in secret.show("experiments:data.toml")


def test_who_has_the_key_gets_restricted_data_and_nobody_else(secret: Lab, hub: Lab, tmp_path: Path) -> None:
    ran(secret)
    assert secret.gitexp("data", "push", "--remote", "vault").exit_code == 0
    assert secret.gitexp("push").exit_code == 0
    b = Lab(tmp_path / "b", world(tmp_path / "home of B"))
    Lab(tmp_path, b.env).git("clone", "-q", str(hub.path), str(b.path))
    result = b.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert result.exit_code != 0
    assert "this clone has no key" in result.stderr
    b.git("config", "gitexp.key", "the key of another lab")
    result = b.gitexp("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert result.exit_code == 1
    assert not (tmp_path / "got").exists()
    b.git("config", "gitexp.key", "the key of the lab")
    b.well("get", "latest", "animals", "--to", str(tmp_path / "got"))
    assert (tmp_path / "got/pets.csv").read_text() == PETS


def test_after_the_key_has_changed_old_restricted_data_stays_and_is_named(secret: Lab, tmp_path: Path) -> None:
    ran(secret)
    secret.git("config", "gitexp.key", "a new key of the lab")
    result = secret.well("data", "push", "--remote", "vault")
    assert "dataset animals: it was recorded under another key than gitexp.key has now" in result.stderr
    assert held(tmp_path / "remotes/vault") == set()
    secret.well("get", "latest", "animals", "--to", str(tmp_path / "got"))


# ---- sha256


def test_sha256sum_accepts_the_records_manifest(a: Lab) -> None:
    catalogue(a, 'path = "data/pets.csv"', '[policy]\ndigests = ["xxh128", "sha256"]')
    found = ran(a)
    manifest = a.show("experiments:data/animals.sha256")
    assert found["sha256"] == f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    checked = a.command("sha256sum", "--strict", "-c", "-", cwd=a.path / "data", feed=manifest)
    assert (checked.exit_code, checked.stdout) == (0, "pets.csv: OK\n")
