"""The convolutional network of this recipe. Everything else that the recipe names comes with gitexp or with torch."""

from collections.abc import Sequence

from torch import Tensor, nn


class CNN(nn.Module):
    """Images, float32 [batch, planes, height, width], as one score for each class: float32 [batch, classes].

    For each of `channels` a 3x3 convolution, batch normalisation and ReLU. The second and later convolutions halve
    height and width, by stride: pooling has no deterministic gradient on every GPU. Then dropout and a linear layer.
    """

    def __init__(
        self,
        planes: int = 1,
        height: int = 8,
        width: int = 8,
        channels: Sequence[int] = (16, 32, 64),
        classes: int = 10,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        depth = planes
        for position, size in enumerate(channels):
            stride = 1 if position == 0 else 2
            layers += [nn.Conv2d(depth, size, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(size), nn.ReLU()]
            height, width = -(-height // stride), -(-width // stride)
            depth = size
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(depth * height * width, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Scores, not probabilities: the loss takes their softmax."""
        scores: Tensor = self.head(self.features(images))
        return scores
