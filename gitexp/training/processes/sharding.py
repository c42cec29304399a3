"""A model in one process, in several that hold it whole (DDP), or in several that hold a part each (FSDP2): one view.

What is written to a file is always the whole, by the first process, with the names that the plain model has.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gitexp.training.processes.ranks import Ranks


def wrapped(model: nn.Module, ranks: Ranks, *, device: torch.device, shard: bool, exact: bool) -> nn.Module:
    """The model for this process. `shard`: parameters are spread over the processes.

    `exact`: gradients are added up in the same order in every step. DDP regroups them after its first step, and then
    three ranks add otherwise: a training that goes on would have other bits in that step.
    """
    if ranks.world == 1:
        return model
    if shard:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(device.type, (ranks.world,))
        for child in model.children():
            if any(True for _ in child.parameters()):
                fully_shard(child, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model
    return DistributedDataParallel(
        model,
        device_ids=[device.index] if device.type == "cuda" else None,
        find_unused_parameters=exact and ranks.world > 2,  # the one setting with which DDP never regroups
    )


def is_sharded(model: nn.Module) -> bool:
    """Whether each process holds only a part."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # not loaded: then nothing was sharded
    return fsdp is not None and isinstance(model, fsdp.FSDPModule)


def plain(model: nn.Module) -> nn.Module:
    """The model as the recipe built it."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def without_exchange(model: nn.Module) -> AbstractContextManager[Any]:
    """Gradients of this backward pass stay in this process, to be added to."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()


def whole_weights(model: nn.Module) -> dict[str, Any]:
    """The state of the model, whole. Every process has to call it; of a sharded model only the first gets it."""
    if not is_sharded(model):
        return plain(model).state_dict()
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def whole_states(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states of model and optimizer, as `whole_weights` gives them."""
    if not is_sharded(model):
        return plain(model).state_dict(), optimizer.state_dict()
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_state_dict(model, optimizer, options=options)


def load_states(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    model_state: Mapping[str, Any],
    optimizer_state: Mapping[str, Any],
) -> None:
    """Put whole states back; every process has them."""
    if not is_sharded(model):
        plain(model).load_state_dict(model_state)
        optimizer.load_state_dict(dict(optimizer_state))
        return
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict

    options = StateDictOptions(full_state_dict=True)
    set_state_dict(
        model, optimizer, model_state_dict=dict(model_state), optim_state_dict=dict(optimizer_state), options=options
    )
