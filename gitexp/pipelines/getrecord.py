"""What a run's record itself holds, as files in a folder of the user's: its texts, and the code that ran."""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.datasets.objects.placing import Below, refuse_repositories
from gitexp.datasets.objects.store import ObjectStore
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, output
from gitexp.history.read import Run
from gitexp.pipelines.get import Got, Wanted, require_own
from gitexp.record.manifest import ALGORITHM, Entry, display, dump_manifest, parse_manifest
from gitexp.removal import remove_tree

CODE = "code"
_LINK, _SUBMODULE, _PROGRAM = b"120000", b"160000", b"100755"


def file_of_record(repo: Repo, reader: ObjectReader, run: Run, name: str, store: ObjectStore) -> Wanted | None:
    """The file of this path in the record, `code/` included; None where there is none."""
    if not name.isprintable() or name.split("/")[0] not in run.tree:
        return None
    content = reader.read(f"{run.commit}:{name}")
    if content is None or output(repo, "cat-file", "-t", f"{run.commit}:{name}") != b"blob\n":
        return None
    digest = store.put_bytes(content).removeprefix(f"{ALGORITHM}:")
    return Wanted(name, "record", "record", [Entry(os.fsencode(name.rpartition("/")[2]), digest)])


def get_code(repo: Repo, run: Run, *, folder: Path) -> Got:
    """The code that ran, byte for byte, in a new or empty folder. Raises GitexpError, and places nothing."""
    require_own(repo, folder)
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise GitexpError(
            f"{folder} is there already; the code of a run goes to a folder of its own", fix="name another with --to"
        )
    listing = output(repo, "ls-tree", "-r", "-z", "--full-tree", f"{run.commit}:{CODE}").split(b"\0")
    modes = {path: about.split() for about, _, path in (line.partition(b"\t") for line in listing if line)}
    entries = parse_manifest(dump_manifest(Entry(path, "0" * 32) for path in modes), where="code/")
    refuse_repositories(entries)
    beside, size_bytes = f".gitexp-{os.urandom(6).hex()}".encode(), 0
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Below(folder.parent) as around, ObjectReader(repo) as reader:
        os.mkdir(beside, dir_fd=around.fd)
        try:
            with Below(beside, dir_fd=around.fd) as made:
                for path in sorted(modes, key=lambda path: modes[path][0] == _LINK):  # no link before its folder
                    size_bytes += _write(reader, path, modes[path], made)
            os.rename(beside, os.fsencode(folder.name), src_dir_fd=around.fd, dst_dir_fd=around.fd)
        except OSError as error:
            raise GitexpError(f"{folder} cannot be written: {error.strerror or error}") from error
        finally:
            remove_tree(beside, dir_fd=around.fd)
    return Got([CODE], len(modes), size_bytes, 0)


def _write(reader: ObjectReader, path: bytes, about: list[bytes], made: Below) -> int:
    mode, _, oid = about
    fd, name = made.parent(path, make=True)
    if mode == _SUBMODULE:  # its own commit is named, and its files are in no record
        os.mkdir(name, dir_fd=fd)
        return 0
    content = reader.read(oid.decode())
    if content is None:
        raise GitexpError(f"{display(path)} is missing from this clone, or too large to be read", fix="gitexp pull")
    if mode == _LINK:
        os.symlink(content, name, dir_fd=fd)
        return 0
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if mode == _PROGRAM else 0o666, dir_fd=fd)
    with open(file, "wb") as writer:
        writer.write(content)
    return len(content)
