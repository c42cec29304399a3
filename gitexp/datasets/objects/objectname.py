"""The digest of an object to its name in stores and on remotes, `xxh128/ab/cdef…`, and whether bytes deserve it.

The manifest of restricted data also goes by `hmac-sha256/ab/cdef…`: HMAC-SHA256, under the lab's key, of the text of
its digest. Only who has the key can tell whether such a name fits.
"""

from __future__ import annotations

from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM

_KEPT = (ALGORITHM, "hmac-sha256")


class Name(NamedTuple):
    """A digest that was checked for its form. `lab_key`: what a keyed digest was made with; None: not known here."""

    algorithm: str
    digits: str
    lab_key: bytes | None = None

    @property
    def digest(self) -> Digest:
        return Digest(f"{self.algorithm}:{self.digits}")

    @property
    def key(self) -> str:
        """Where the object lies, below the root of a store or remote."""
        return f"{self.algorithm}/{self.digits[:2]}/{self.digits[2:]}"

    @property
    def can_be_checked(self) -> bool:
        return not self.digest.keyed or self.lab_key is not None

    def fits(self, found: str) -> bool:
        """Whether bytes whose xxh128 has the digits `found` are the ones that are meant."""
        if not self.digest.keyed:
            return found == self.digits
        if self.lab_key is None:
            return False
        import hmac

        return hmac.new(self.lab_key, f"{ALGORITHM}:{found}".encode(), "sha256").hexdigest() == self.digits


def name_of(digest: str, lab_key: bytes | None = None) -> Name:
    """The name of a digest, with or without `xxh128:`. Raises GitexpError for what is none (it may be a record's)."""
    known = Digest(digest if ":" in digest else f"{ALGORITHM}:{digest}")
    if known.algorithm not in _KEPT or not known.right:
        raise GitexpError(f"Not a digest that the object store knows: {digest!r}")
    return Name(known.algorithm, known.digits, lab_key)


def digest_at(key: str) -> Digest | None:
    """The digest of an object that lies at `xxh128/ab/cdef…`; None for what is no object's name."""
    algorithm, _, rest = key.partition("/")
    first, _, others = rest.partition("/")
    digest = Digest(f"{algorithm}:{first}{others}")
    return digest if len(first) == 2 and algorithm in _KEPT and digest.right else None
