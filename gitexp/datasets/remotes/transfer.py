"""Objects to a remote, and from remotes to the store: only what is missing, many at once, each verified.

What fails is told object by object. A remote that is out of reach is not asked again for each of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.batch import Batch
from gitexp.datasets.objects.objectname import Name, name_of
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.progress import Progress
from gitexp.datasets.remotes.arrivals import Arrival, WrongBytes
from gitexp.datasets.remotes.protocol import WHOLE, Kind, Parcel, Remote, Sent, Trouble, Wanted, local_trouble
from gitexp.datasets.remotes.threads import Item, Work
from gitexp.errors import GitexpError

Answer = TypeVar("Answer")

TOGETHER_BYTES = 1 << 25  # objects that are sent by one call
MOST_IN_A_ROW = 8  # failures of a remote that is slow or broken, before it is left alone
MOST_OPEN = 256  # files that are on their way in at once: a process may have 1,024 open, or fewer


class Failure(NamedTuple):
    """An object that could not be moved: its digest, words that name the remote and say why, a kind of protocol.py."""

    key: str
    words: str
    kind: Kind


class SendReport(NamedTuple):
    """How many objects were sent (with that many bytes) or found there, and each that was neither."""

    sent: int
    already_there: int
    failures: tuple[Failure, ...]
    size_bytes: int


class FetchReport(NamedTuple):
    """How many objects were fetched (with that many bytes) or found in the store, and each that was neither."""

    fetched: int
    already_there: int
    failures: tuple[Failure, ...]
    size_bytes: int


def send_objects(
    remote: Remote,
    digests: Iterable[str],
    holdings: Callable[[str], Path | None],
    progress: Progress | None = None,
    *,
    lab_key: bytes | None = None,
) -> SendReport:
    """Send what the remote lacks. `holdings` finds a file with an object's bytes, in the store or where it first lay;
    they are verified. `lab_key`: for keyed digests. Raises GitexpError for a remote that can only be read."""
    names = _names(digests, lab_key)
    if not remote.writable:
        raise GitexpError(f"Nothing can be sent to {remote.name} ({remote.shown}): it can only be read")
    try:
        known = remote.present([name.key for name in names])
        parcels: list[Parcel] = []
        failures: list[Failure] = []
        for name in names:
            trouble, path = known.unsure.get(name.key), holdings(name.digest)
            if name.key in known.there:
                if (cut := _other_size(name, path, known.size_bytes.get(name.key))) is not None:
                    failures.append(_failure(remote, name, cut))
                continue
            if trouble is not None and trouble.kind != "forbidden":  # who may write may not always ask
                failures.append(_failure(remote, name, trouble))
            elif path is None:
                failures.append(Failure(name.digest, "it is neither in the object store nor at its place", "local"))
            elif not name.can_be_checked:
                failures.append(_no_key(name))
            else:
                parcels.append(Parcel(name, path))
        sizes = {parcel.name: _size(parcel.path) for parcel in parcels}
        work = Work(progress)
        work.expect(len(parcels), sum(sizes.values()))
        loads = _loads(parcels, sizes, remote)
        answers = _all_of(lambda some: _sent(remote, some, work), loads, remote=remote, work=work)
    finally:
        remote.close()
    failures += [_failure(remote, parcel.name, answer) for parcel, answer in answers if isinstance(answer, Trouble)]
    sent = [parcel.name for parcel, answer in answers if answer == "sent"]
    existing = len(names) - len(sent) - len(failures)
    return SendReport(len(sent), existing, _in_order(failures, names), sum(sizes[name] for name in sent))


def _sent(remote: Remote, some: Sequence[Parcel], work: Work) -> list[Trouble | Sent]:
    try:
        return list(remote.send(some, work.told))
    except OSError as error:  # of a file of ours: no other load's trouble
        return [local_trouble(error)] * len(some)


def fetch_objects(
    remotes: Sequence[Remote],
    digests: Iterable[str],
    store: ObjectStore,
    progress: Progress | None = None,
    *,
    lab_key: bytes | None = None,
) -> FetchReport:
    """Fetch what the store lacks from the first remote that has it. `lab_key`: for keyed digests."""
    names = _names(digests, lab_key)
    missing = [name for name in names if not store.has(name.digest)]
    wanted = [name for name in missing if name.can_be_checked]
    work = Work(progress)
    work.expect(len(wanted), 0)
    sizes: dict[Name, int] = {}
    met: dict[Name, list[tuple[Remote, Trouble]]] = {name: [] for name in wanted}
    for remote in remotes:
        left = [name for name in wanted if name not in sizes]
        if not left:
            break
        try:
            for name, answer in _fetch(remote, left, store, work):
                if isinstance(answer, Trouble):
                    met[name].append((remote, answer))
                else:
                    sizes[name] = answer
        finally:
            remote.close()
    failures = [_no_key(name) for name in missing if not name.can_be_checked]
    failures += [_everywhere(name, troubles) for name, troubles in met.items() if name not in sizes]
    return FetchReport(len(sizes), len(names) - len(missing), _in_order(failures, names), sum(sizes.values()))


def _fetch(remote: Remote, names: Sequence[Name], store: ObjectStore, work: Work) -> list[tuple[Name, Trouble | int]]:
    with store.batch() as batch:
        answers = _all_of(
            lambda some: _arrive(remote, some, store, batch, work), _batches(names, remote), remote=remote, work=work
        )
        lost = batch.settle()
    return [(name, local_trouble(lost[name.digest]) if name.digest in lost else answer) for name, answer in answers]


def _arrive(remote: Remote, names: Sequence[Name], store: ObjectStore, batch: Batch, work: Work) -> list[Trouble | int]:
    """Fetch, verify, keep; what was continued and turned out wrong is fetched once again, whole."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        arrivals = [stack.enter_context(Arrival(store, batch, name)) for name in names]
        continued = {number for number, arrival in enumerate(arrivals) if arrival.size_bytes}
        answers = _once(remote, arrivals, work)
        wrong = [number for number, answer in enumerate(answers) if _is_wrong(answer)]
        for number in wrong:
            arrivals[number].restart()
        again = [number for number in wrong if number in continued]
        if again:
            for number, answer in zip(again, _once(remote, [arrivals[n] for n in again], work), strict=True):
                answers[number] = answer
                if _is_wrong(answer):
                    arrivals[number].restart()
        return answers


def _once(remote: Remote, arrivals: Sequence[Arrival], work: Work) -> list[Trouble | int]:
    troubles = remote.fetch([Wanted(arrival.name.key, arrival.path) for arrival in arrivals], work.told)
    answers: list[Trouble | int] = []
    for arrival, trouble in zip(arrivals, troubles, strict=True):
        try:
            answers.append(trouble if trouble is not None else arrival.keep())
        except WrongBytes as error:
            words = f"it has other bytes under this name: {error.size_bytes} of them, {error.found}"
            answers.append(Trouble("wrong", words))
        except OSError as error:
            answers.append(local_trouble(error))
    return answers


def _is_wrong(answer: Trouble | int) -> bool:
    return isinstance(answer, Trouble) and answer.kind == "wrong"


class Breaker:
    """Whether a remote is worth asking on: `trouble` is why not."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self._in_a_row = 0

    def trip(self, trouble: Trouble) -> None:
        self.trouble = self.trouble or trouble

    def note(self, trouble: Trouble | None) -> None:
        """How it went with an object."""
        if trouble is None or trouble.kind not in (*WHOLE, "timeout", "server"):
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if trouble.kind in WHOLE or self._in_a_row >= MOST_IN_A_ROW:
            self.trip(trouble)


def _all_of(
    move: Callable[[Sequence[Item]], list[Answer]],
    loads: Iterable[Sequence[Item]],
    *,
    remote: Remote,
    work: Work,
) -> list[tuple[Item, Trouble | Answer]]:
    """Move all loads, each item with its answer. After a trouble that is everybody's it answers for what is left."""
    breaker = Breaker()

    def one(some: Sequence[Item]) -> list[tuple[Item, Trouble | Answer]]:
        answers: list[Trouble | Answer] = []
        try:
            answers += move(some) if breaker.trouble is None else [breaker.trouble] * len(some)
        except OSError as error:  # the disk is full, or worse
            breaker.trip(local_trouble(error))
            answers += [local_trouble(error)] * len(some)
        for answer in answers:
            breaker.note(answer if isinstance(answer, Trouble) else None)
        work.done(sum(not isinstance(answer, Trouble) for answer in answers))
        return list(zip(some, answers, strict=True))

    return [answer for some in work.each(one, loads, threads=remote.at_once) for answer in some]


def _names(digests: Iterable[str], lab_key: bytes | None) -> list[Name]:
    return list(dict.fromkeys(name_of(digest, lab_key) for digest in digests))


def _loads(parcels: Sequence[Parcel], sizes: Mapping[Name, int], remote: Remote) -> Iterator[Sequence[Parcel]]:
    """Objects that go together: not many, and not large ones, which are better sent beside each other."""
    load: list[Parcel] = []
    size_bytes = 0
    for parcel in parcels:
        if load and (len(load) >= remote.together or size_bytes + sizes[parcel.name] > TOGETHER_BYTES):
            yield load
            load, size_bytes = [], 0
        load.append(parcel)
        size_bytes += sizes[parcel.name]
    if load:
        yield load


def _batches(names: Sequence[Name], remote: Remote) -> Iterator[Sequence[Name]]:
    """Objects to ask for together. How large they are is not known: few ones are shared out among all threads."""
    each = min(remote.together, MOST_OPEN // remote.at_once, math.ceil(len(names) / remote.at_once))
    return (names[at : at + each] for at in range(0, len(names), each))


def _in_order(failures: Iterable[Failure], names: Iterable[Name]) -> tuple[Failure, ...]:
    of = {failure.key: failure for failure in failures}
    return tuple(of[name.digest] for name in names if name.digest in of)


def _failure(remote: Remote, name: Name, trouble: Trouble) -> Failure:
    return Failure(name.digest, _said(remote, trouble), trouble.kind)


def _said(remote: Remote, trouble: Trouble) -> str:
    words = trouble.words.replace("[remotes.NAME]", f"[remotes.{remote.name}]")
    return f"{remote.name} ({remote.shown}): {words}"


def _everywhere(name: Name, troubles: Sequence[tuple[Remote, Trouble]]) -> Failure:
    """One failure of an object that no remote could give; the kind is of the first that did not just lack it."""
    if not troubles:
        return Failure(name.digest, "it is not in the object store, and there is no remote to ask", "missing")
    words = "; ".join(_said(remote, trouble) for remote, trouble in troubles)
    telling = (trouble.kind for _, trouble in troubles if trouble.kind != "missing")
    return Failure(name.digest, words, next(telling, "missing"))


def _no_key(name: Name) -> Failure:
    return Failure(name.digest, "only who has the lab's key can verify it (git config gitexp.key)", "local")


def _other_size(name: Name, path: Path | None, there_bytes: int | None) -> Trouble | None:
    """What is wrong with an object that is there, as far as its size tells; the file here must be the right one."""
    if path is None or there_bytes is None or there_bytes == (size_bytes := _size(path)):
        return None
    try:
        if not name.fits(digest_file(os.fsencode(path)).digest):
            return None
    except OSError:
        return None
    return Trouble("wrong", f"{name.key} has {there_bytes} of {size_bytes} bytes; remove it there, then push again")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
