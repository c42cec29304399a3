"""Write git objects byte for byte, as no git would: records that break whatever a reader might rely on."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from harness import Lab
from records import ENVIRONMENT, RECIPE, metrics_toml, run_toml

from gitexp.git.branch import ROOT_README

WHEN = "2026-11-20T10:00:00Z"
SECONDS = 1795168800


class Odd(NamedTuple):
    """An entry of a tree that is no file: its mode and what it points at."""

    mode: str
    id: str


Files = Mapping[str, "bytes | str | Odd | Files | None"]


class ByHand:
    """Objects of a lab, and its experiments branch. No git process is started."""

    def __init__(self, lab: Lab) -> None:
        self.git = lab.path / ".git"
        self.code = lab.git("rev-parse", "HEAD^{tree}").strip()
        self.root = self._root()
        self.tip: str | None = self.root

    def _root(self) -> str:
        """The commit with which each such branch begins."""
        who = "gitexp <gitexp@localhost> 0 +0000"
        head = f"tree {self.tree({'README.md': ROOT_README})}\nauthor {who}\ncommitter {who}\n\n"
        return self.put("commit", f"{head}Begin the experiments branch\n".encode())

    def put(self, kind: str, content: bytes) -> str:
        """Store an object; its id."""
        whole = b"%s %d\0%s" % (kind.encode(), len(content), content)
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = self.git / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole, 1))
        return name

    def blob(self, content: bytes | str) -> str:
        """A file."""
        return self.put("blob", content if isinstance(content, bytes) else content.encode())

    def zeros(self, size: int) -> str:
        """A file of so many zeros, which git stores in a thousandth of that."""
        packer, digest = zlib.compressobj(1), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        stored, block = [packer.compress(b"blob %d\0" % size)], b"0" * (1 << 20)
        for _ in range(size >> 20):
            digest.update(block)
            stored.append(packer.compress(block))
        name = digest.hexdigest()
        path = self.git / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join([*stored, packer.flush()]))
        return name

    def tree(self, files: Files) -> str:
        """A folder, whatever its names; None: left out."""
        entries = []
        for name, what in files.items():
            if isinstance(what, Odd):
                entries.append((name, what.mode, what.id))
            elif isinstance(what, Mapping):
                entries.append((name, "40000", self.tree(what)))
            elif what is not None:
                entries.append((name, "100644", self.blob(what)))
        entries.sort(key=lambda one: one[0] + "/" * (one[1] == "40000"))
        raw = (f"{mode} ".encode() + name.encode() + b"\0" + bytes.fromhex(oid) for name, mode, oid in entries)
        return self.put("tree", b"".join(raw))

    def record(self, run_id: str, files: Files | None = None, **keys: object) -> str:
        """The tree of a plain run, but for these files, and these keys of its run.toml."""
        about = {"finished": WHEN, "recipe": "digits", "status": "completed", **keys}
        plain: Files = {
            "README.md": "read\n",
            "FORMAT.md": "format\n",
            "code": Odd("40000", self.code),
            "run.toml": run_toml(run_id, **about),  # type: ignore[arg-type]
            "recipe.toml": RECIPE,
            "data.toml": "",
            "metrics.toml": metrics_toml({"val.acc": 0.9}),
            "history.csv": "step,time_s,val.acc\n0,0,0.5\n1,1,0.9\n",
            "environment.toml": ENVIRONMENT,
            "requirements.txt": "numpy==2.1.0\n",
            "artifacts.xxh128": "",
            "output.log": "hello\n",
        }
        return self.tree({**plain, **(files or {})})

    def commit(
        self,
        tree: str,
        message: bytes | str,
        *,
        who: bytes = b"Ada <ada@example.org>",
        when: bytes = b"%d +0000" % SECONDS,
        extra: bytes = b"",
        parents: tuple[str, ...] | None = None,
    ) -> str:
        """A commit on top of the branch, which moves there. `extra`: more lines of its header."""
        parents = parents if parents is not None else (self.tip,) if self.tip else ()
        head = [f"tree {tree}".encode(), *(f"parent {one}".encode() for one in parents)]
        head += [b"author " + who + b" " + when, b"committer " + who + b" " + when]
        body = message if isinstance(message, bytes) else message.encode()
        self.tip = self.put("commit", b"\n".join(head) + b"\n" + extra + b"\n" + body)
        self.point("refs/heads/experiments", self.tip)
        return self.tip

    def run(self, run_id: str, files: Files | None = None, **keys: object) -> str:
        """A run, recorded."""
        return self.commit(self.record(run_id, files, **keys), message_of(run_id))

    def event(self, kind: str, about: str | None, payload: str, **keys: bytes) -> str:
        """An event, with the tree of the tip."""
        tree = self.tree_of_tip()
        trailers = f"Gitexp-Event: {kind}\n" + (f"Gitexp-About: {about}\n" if about else "")
        return self.commit(tree, f"{kind}\n\n{payload}\n\n{trailers}", **keys)  # type: ignore[arg-type]

    def tree_of_tip(self) -> str:
        """The id of its tree."""
        assert self.tip
        stored = zlib.decompress((self.git / "objects" / self.tip[:2] / self.tip[2:]).read_bytes())
        return stored.partition(b"\0tree ")[2][:40].decode()

    def point(self, ref: str, to: str) -> None:
        """Let a ref name an object."""
        path = self.git / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{to}\n")


def message_of(run_id: str, status: str = "completed") -> str:
    """The message of a plain run."""
    return f"digits: {status}\n\nGitexp-Run: {run_id}\nGitexp-Status: {status}\nGitexp-Recipe: digits\n"
