"""The transformer of this recipe, and the loss of a model of the next character."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """Codes of characters, int64 [batch, up to `length`], as scores of each next one: [batch, length, vocabulary].

    Decoder blocks of causal attention (A. Vaswani and others, Attention Is All You Need, NeurIPS 2017) and a perceptron
    four times as wide, normalised before each (R. Xiong and others, ICML 2020); learnt positions; first weights with a
    deviation of 0.02 (A. Radford and others, Language Models are Unsupervised Multitask Learners, 2019).
    Raises ValueError where `heads` does not divide `width`.
    """

    def __init__(
        self, vocabulary: int, length: int, width: int = 64, layers: int = 2, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} cannot be divided among {heads} heads")
        self.characters = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.empty(length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, codes: Tensor) -> Tensor:
        """Scores at each place, from the characters up to there."""
        hidden = self.dropout(self.characters(codes) + self.positions[: codes.shape[1]])
        scores: Tensor = self.head(self.norm(self.blocks(hidden)))
        return scores


class Block(nn.Module):
    """Attention, then a perceptron, each added to what was there: [batch, length, width] to the same."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Nothing looks ahead."""
        hidden = hidden + self._attention(self.before_attention(hidden))
        added: Tensor = hidden + self.perceptron(hidden)
        return added

    def _attention(self, normed: Tensor) -> Tensor:
        batch, length, width = normed.shape
        parts: Sequence[Tensor] = self.queries_keys_values(normed).chunk(3, dim=2)
        queries, keys, values = (
            part.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in parts
        )
        dropout = self.dropout if self.training else 0.0
        mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True, dropout_p=dropout)
        attended: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return attended


class NextCharacter(nn.Module):
    """Scores [batch, length, vocabulary] and codes int64 [batch, length] as their mean cross-entropy, in nats."""

    def forward(self, scores: Tensor, codes: Tensor) -> Tensor:
        """Every character counts the same."""
        return nn.functional.cross_entropy(scores.flatten(0, 1), codes.flatten())
