"""A transformer as they are built for GPUs today, and the loss of a model of the next character."""

import torch
from torch import Tensor, nn


class RotaryTransformer(nn.Module):
    """Codes of characters, int64 [batch, length], as scores of each next one: [batch, length, vocabulary].

    Decoder blocks of causal attention and a gated perceptron (N. Shazeer, GLU Variants Improve Transformer, 2020) with
    root-mean-square normalisation before each (B. Zhang and R. Sennrich, NeurIPS 2019). Places are told by turning
    queries and keys (J. Su and others, RoFormer, 2021), so no window is too long. First and last weights are the same.
    Raises ValueError where `heads` does not divide `width` into even parts.
    """

    def __init__(
        self, vocabulary: int, width: int = 384, layers: int = 6, heads: int = 6, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width {width} cannot be divided among {heads} heads of an even width")
        self.characters = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.RMSNorm(width)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, codes: Tensor) -> Tensor:
        """Scores at each place, from the characters up to there."""
        hidden = self.norm(self.blocks(self.dropout(self.characters(codes))))
        return nn.functional.linear(hidden, self.characters.weight)


class Block(nn.Module):
    """Attention, then a gated perceptron, each added to what was there: [batch, length, width] to the same."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        inner = 64 * -(-8 * width // (3 * 64))  # as many weights as four times the width without a gate, in whole 64s
        self.before_attention = nn.RMSNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_perceptron = nn.RMSNorm(width)
        self.gate_and_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Nothing looks ahead."""
        hidden = hidden + self.dropout(self._attention(self.before_attention(hidden)))
        gate, up = self.gate_and_up(self.before_perceptron(hidden)).chunk(2, dim=2)
        added: Tensor = hidden + self.dropout(self.down(nn.functional.silu(gate) * up))
        return added

    def _attention(self, normed: Tensor) -> Tensor:
        batch, length, width = normed.shape
        by_head = self.queries_keys_values(normed).reshape(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = by_head.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(turned(queries), turned(keys), values, is_causal=True)
        attended: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return attended


def turned(vectors: Tensor) -> Tensor:
    """Each pair of numbers turned by an angle that grows with the place: [..., length, width] of the same type."""
    length, half = vectors.shape[-2], vectors.shape[-1] // 2
    speeds = 10_000.0 ** (-torch.arange(half, device=vectors.device) / half)
    angles = torch.arange(length, device=vectors.device)[:, None] * speeds
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class NextCharacter(nn.Module):
    """Scores [batch, length, vocabulary] and codes int64 [batch, length] as their mean cross-entropy, in nats."""

    def forward(self, scores: Tensor, codes: Tensor) -> Tensor:
        """In float32, whatever the scores are: bfloat16 has three digits."""
        return nn.functional.cross_entropy(scores.flatten(0, 1).float(), codes.flatten())
