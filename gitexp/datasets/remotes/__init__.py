"""Places that keep objects for several clones, each at `xxh128/ab/cdef…` below a URL; none is believed.

The table of schemes is below: a remote's settings to the remote.

transfer.py     objects to a remote, and from remotes; many at once: threads.py
arrivals.py     bytes on their way into the store
protocol.py     what a remote can do, and the ways in which it fails
folder.py       a folder
objectstore.py  s3:// gs:// az:// https://, through obstore; buckets.py opens one, awsprofile.py finds its credentials,
                answers.py puts obstore's errors into words
sftp.py         ssh://, through the user's own sftp program, which sftpsession.py drives
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from gitexp.datasets.remotes.protocol import Patience, Remote, shown_url
from gitexp.errors import GitexpError
from gitexp.spec.config import RemoteSettings


def open_remote(settings: RemoteSettings, *, root: Path, patience: Patience | None = None) -> Remote:
    """The remote of these settings; a relative folder is relative to `root`. Raises GitexpError: no such kind, no
    obstore, no such profile."""
    opener = OPENERS.get(settings.scheme)
    if opener is None or re.search(r"[\x00-\x1f\x7f]", settings.url):
        raise GitexpError(
            f"Remote {settings.name}: {shown_url(settings.url)!r} is no kind of remote that gitexp knows",
            why=f"It knows folders, and {', '.join(f'{known}://' for known in OPENERS)}",
        )
    return opener(settings, root, patience or Patience())


def _local(settings: RemoteSettings, root: Path, _patience: Patience) -> Remote:
    from gitexp.datasets.remotes.folder import LocalRemote

    path = Path(settings.url.removeprefix("file://")).expanduser()
    return LocalRemote(settings.name, Path(os.path.normpath(root / path)))


def _object_store(settings: RemoteSettings, _root: Path, patience: Patience) -> Remote:
    from gitexp.datasets.remotes.objectstore import ObjectStoreRemote

    return ObjectStoreRemote(settings, patience)


def _sftp(settings: RemoteSettings, _root: Path, patience: Patience) -> Remote:
    from gitexp.datasets.remotes.sftp import SftpRemote

    return SftpRemote(settings, patience)


OPENERS: dict[str, Callable[[RemoteSettings, Path, Patience], Remote]] = {
    "file": _local,
    "s3": _object_store,
    "gs": _object_store,
    "az": _object_store,
    "https": _object_store,
    "http": _object_store,
    "ssh": _sftp,
}
