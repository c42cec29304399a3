"""The perceptron of this recipe. Everything else that the recipe names comes with gitexp or with torch."""

from collections.abc import Sequence

from torch import Tensor, nn


class MLP(nn.Module):
    """Rows of any shape that hold `inputs` numbers each, as one score for each class: float32 [batch, classes].

    Between them, for each of `hidden`, a linear layer of that width, ReLU and dropout.
    """

    def __init__(
        self, inputs: int = 64, hidden: Sequence[int] = (128,), classes: int = 10, dropout: float = 0.2
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = inputs
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, classes))

    def forward(self, rows: Tensor) -> Tensor:
        """Scores, not probabilities: the loss takes their softmax."""
        scores: Tensor = self.layers(rows.flatten(1))
        return scores
