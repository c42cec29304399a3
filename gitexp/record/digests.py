"""What bytes and commits are known by in records: digests, and git's object ids with their hash in front.

A record may be anybody's, so these are text as it stands there; `right` says whether it has the form.
"""

from __future__ import annotations

from typing import ClassVar

_HEX = "0123456789abcdef"


class _Named(str):
    """`ALGORITHM:DIGITS`."""

    __slots__ = ()
    lengths: ClassVar[dict[str, int]]  # of the digits

    @property
    def algorithm(self) -> str:
        return self.rpartition(":")[0]

    @property
    def digits(self) -> str:
        return self.rpartition(":")[2]

    @property
    def right(self) -> bool:
        return len(self.digits) == self.lengths.get(self.algorithm) and not self.digits.strip(_HEX)


class Digest(_Named):
    """Of a file's bytes or, for a dataset, of its manifest's; of restricted data under the lab's key, `hmac-sha256`."""

    __slots__ = ()
    lengths: ClassVar = {"xxh128": 32, "sha256": 64, "hmac-sha256": 64}

    @classmethod
    def xxh128(cls, digits: str) -> Digest:
        """Of 32 hexadecimal digits, as manifests have them."""
        return cls(f"xxh128:{digits}")

    @property
    def keyed(self) -> bool:
        """Whether only who has the lab's key can tell what it is of."""
        return self.algorithm == "hmac-sha256"


class Oid(_Named):
    """A commit, with the hash of the repository that it is in."""

    __slots__ = ()
    lengths: ClassVar = {"sha1": 40, "sha256": 64}

    @classmethod
    def of(cls, digits: str) -> Oid:
        """Of an object id as git has it, whose length tells the hash."""
        return cls(f"{'sha256' if len(digits) == 64 else 'sha1'}:{digits}")
