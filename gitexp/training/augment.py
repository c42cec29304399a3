"""Training rows as slightly different ones, anew in each batch: the random steps that ship with gitexp.

Each is used as `step(fields, generator) -> fields`, takes all chance from the generator, and writes into
no tensor that it got.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gitexp.training.steps import Fields, field_of


class RandomShift:
    """Images, shape [batch, channels, height, width], moved by up to `pixels` each way; what comes in is 0.

    Each image is moved with probability `p`, by whole pixels, all distances equally likely (0 is one of them).
    Raises ValueError for a field that is not of that shape.
    """

    random = True

    def __init__(self, pixels: int = 1, p: float = 0.5, field: str = "input") -> None:
        if pixels < 0:
            raise ValueError(f"RandomShift: pixels cannot be negative, got {pixels}")
        self.pixels = pixels
        self.p = _probability(p, self)
        self.field = field

    def __call__(self, fields: Fields, generator: torch.Generator) -> Fields:
        images = field_of(fields, self.field, self)
        if images.dim() != 4:
            raise ValueError(
                f"RandomShift moves [batch, channels, height, width], {self.field} is {list(images.shape)}"
            )
        count, _, height, width = images.shape
        reach = self.pixels
        offsets = torch.randint(2 * reach + 1, (2, count, 1), generator=generator)
        stays = torch.rand(count, 1, generator=generator) >= self.p
        down, right = torch.where(stays, reach, offsets)
        padded = nn.functional.pad(images, (reach, reach, reach, reach))
        rows = (torch.arange(height) + down)[:, None, :, None]
        columns = (torch.arange(width) + right)[:, None, None, :]
        image = torch.arange(count)[:, None, None, None]
        channel = torch.arange(images.shape[1])[None, :, None, None]
        return {**fields, self.field: padded[image, channel, rows, columns]}


class RandomNoise:
    """Numbers plus normal noise of standard deviation `deviation`, in the field's unit; each row with probability `p`.

    Raises ValueError for a field of integers: scale it first.
    """

    random = True

    def __init__(self, deviation: float, p: float = 1.0, field: str = "input") -> None:
        if deviation < 0:
            raise ValueError(f"RandomNoise: deviation cannot be negative, got {deviation}")
        self.deviation = deviation
        self.p = _probability(p, self)
        self.field = field

    def __call__(self, fields: Fields, generator: torch.Generator) -> Fields:
        values = field_of(fields, self.field, self)
        if not values.is_floating_point():
            raise ValueError(f"RandomNoise needs numbers with a fraction, {self.field} is {values.dtype}")
        noise = torch.randn(values.shape, generator=generator, dtype=values.dtype)
        gets = torch.rand(len(values), generator=generator) < self.p
        weight: Tensor = (gets * self.deviation).to(values.dtype).reshape(-1, *[1] * (values.dim() - 1))
        return {**fields, self.field: values + weight * noise}


def _probability(p: float, step: object) -> float:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{type(step).__name__}: p is a probability between 0 and 1, got {p}")
    return p
