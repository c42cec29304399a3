"""The training program from beginning to end: read the job, find its parts, put them together, train, leave word.

With several processes, the first one started makes sure that all is well before torchrun starts the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

import gitexp
from gitexp import runfolder
from gitexp.text.schema import KeyPath, Problem
from gitexp.training.job import Job, read_job
from gitexp.training.joining.assemble import Assembled, Assembly, Refusal
from gitexp.training.joining.parts import Part, build, defaults, find_parts, unversioned
from gitexp.training.loop import Diverged
from gitexp.training.preprocess import fitted_states
from gitexp.training.processes.ranks import Ranks, end_with_launcher, gathered, is_rank, joined_ranks, launch
from gitexp.training.processes.sharding import wrapped
from gitexp.training.repeating import determinism
from gitexp.training.repeating.checkpoint import read_newest
from gitexp.training.repeating.digest import package_digest
from gitexp.training.repeating.seeds import derive, seed_all
from gitexp.training.report import (
    has_diverged,
    note_components,
    note_peak_memory,
    note_rank,
    note_refused,
    note_trained,
)
from gitexp.training.session import Session
from gitexp.training.talk import say

REFUSED = 3


def run(folder: Path) -> int:
    """Do the job of a run folder; the exit code."""
    job, root = read_job(folder), Path.cwd()
    state = None if job.only_check else read_newest(job.saved / "checkpoints")
    if is_rank():
        end_with_launcher()
        parts, assembled = _assembled(job, state, root=root, checks=False)
        return _train(job, parts, assembled, state, root=root)
    try:
        parts, assembled = _assembled(job, state, root=root, checks=True)
    except Refusal as refusal:
        note_refused(folder, [{"path": list(path), "what": what} for path, what in _told_once(refusal.problems)])
        return REFUSED
    warnings = [*assembled.warnings, *unversioned(parts, job.recipe)]
    for words in warnings:
        say(f"warning: {words}")
    note_components(folder, {**_description(job, parts, assembled), "warnings": warnings})
    if job.only_check:
        return 0
    (folder / runfolder.TRAINED).unlink(missing_ok=True)  # of a process before this one, which was killed
    if job.processes > 1:
        del state, assembled  # the others need the memory
        restarts = job.recipe.get("resources", {}).get("max_restarts", 0)
        return launch(job.processes, max_restarts=restarts) or int(has_diverged(folder))
    return _train(job, parts, assembled, state, root=root)


def _told_once(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys((tuple(path), what) for path, what in problems))


def _assembled(
    job: Job, state: Mapping[str, Any] | None, *, root: Path, checks: bool
) -> tuple[Mapping[KeyPath, Part], Assembled]:
    """The parts, found and put together, as they were at the checkpoint if there is one. Raises Refusal."""
    determinism.set_up(job.level, threads=job.recipe.get("reproducibility", {}).get("threads"))
    parts, problems = find_parts(job, root=root)
    if state is not None and len(state["ranks"]) != job.processes:
        before = len(state["ranks"])
        there = f"{before} process{'es' if before > 1 else ''}"
        words = f"the run goes on from a checkpoint of {there}, so it needs as many again"
        problems.append((("resources", "processes"), words))
    if problems:
        raise Refusal(problems)
    states = None if state is None else state["preprocess"]
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return parts, Assembly(job, parts, root=root, local_rank=local_rank, states=states, checks=checks).assemble()


def _train(
    job: Job,
    parts: Mapping[KeyPath, Part],
    assembled: Assembled,
    state: Mapping[str, Any] | None,
    *,
    root: Path,
) -> int:
    with joined_ranks(assembled.device.type) as ranks:
        session = _session(job, parts, assembled, ranks, state, root=root)
        _note_facts(job, assembled, session)
        try:
            assembled.train.run(session)
        except Diverged:
            return 1  # of a process among several, whoever started them finds out
        finally:
            if ranks.world > 1:
                note_peak_memory(job.folder, ranks.rank)
    return 0


def _session(
    job: Job,
    parts: Mapping[KeyPath, Part],
    assembled: Assembled,
    ranks: Ranks,
    state: Mapping[str, Any] | None,
    *,
    root: Path,
) -> Session:
    shard = getattr(assembled.train, "shard", False)
    model = wrapped(
        assembled.model.to(assembled.device),
        ranks,
        device=assembled.device,
        shard=shard,
        exact=job.level == determinism.BITWISE,
    )
    optimizer = build(parts[("optimizer",)], parts, model.parameters(), root=root)
    scheduler = build(parts[("scheduler",)], parts, optimizer, root=root) if ("scheduler",) in parts else None
    # From here on ranks differ: each drops out other neurons.
    if job.level != determinism.OFF:
        seed_all(derive(job.seed, "train", ranks.rank))
    return Session(
        model=model,
        loss=assembled.loss.to(assembled.device) if isinstance(assembled.loss, nn.Module) else assembled.loss,
        optimizer=optimizer,
        scheduler=scheduler,
        evaluator=assembled.evaluator,
        prepared=assembled.prepared,
        fitted=fitted_states(assembled.steps),
        batch_size=assembled.batch_size,
        workers=getattr(assembled.loader, "workers", 0),
        seed=job.seed,
        goal=job.recipe.get("metrics", {}).get("goal", {}),
        ranks=ranks,
        device=assembled.device,
        folder=job.folder,
        saved=job.saved,
        resumed=state,
    )


def _note_facts(job: Job, assembled: Assembled, session: Session) -> None:
    facts = determinism.facts(job.level, device=assembled.device)
    facts |= {"precision": getattr(assembled.train, "precision", "float32")}
    facts |= {"gitexp": gitexp.__version__, "gitexp_digest": package_digest(Path(gitexp.__file__).parent)}
    if session.ranks.world > 1:
        backend = "nccl" if assembled.device.type == "cuda" else "gloo"
        facts |= {"world_size": session.ranks.world, "backend": backend}
        note_rank(job.folder, session.ranks.rank, facts)
    if session.ranks.first:
        note_trained(job.folder, assembled.prepared.digests, facts)
    gathered(None)  # nobody trains before everybody is there


def _description(job: Job, parts: Mapping[KeyPath, Part], assembled: Assembled) -> dict[str, Any]:
    """What the record says of the components."""
    return {
        "format": 1,
        "defaults": defaults(parts, job.recipe),
        "components": {part.name: _component(part) for part in parts.values()},
        "flow": assembled.flow,
        "splits": assembled.rows,
    }


def _component(part: Part) -> dict[str, Any]:
    from gitexp.spec.fields import as_data

    known: dict[str, Any] = {"use": part.use, "source": part.resolved.source, "slot": part.path[0]}
    if part.card is not None:
        card = part.card
        known |= {"version": card.version, "owner": card.owner, "kind": card.kind, "fits_on": card.fits_on}
        known |= {"probability": card.probability, "takes": as_data(card.takes), "gives": as_data(card.gives)}
        known |= {"removes": list(card.removes)}
    return {key: value for key, value in known.items() if value not in (None, "", {}, [])}
