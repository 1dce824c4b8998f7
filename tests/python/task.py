"""What the tests' clients learn: a line through made-up points, by plain gradient descent in NumPy.

A model is two float32 arrays: a weight for each feature, and an offset. The truth is the same for all clients, the
points are each client's own.
"""

import io

import numpy as np

FEATURES = 12


class Points:
    """A client's own points, and the part of them that it does not train on."""

    def __init__(self, seed: int, examples: int) -> None:
        truth = np.random.default_rng(0).standard_normal(FEATURES)
        random = np.random.default_rng(seed + 1)
        features = random.standard_normal((examples + 40, FEATURES)).astype(np.float32)
        values = (features @ truth + 0.5 + 0.05 * random.standard_normal(len(features))).astype(np.float32)
        self.features, self.values = features[:examples], values[:examples]
        self.kept_features, self.kept_values = features[examples:], values[examples:]


def seed_model() -> list[np.ndarray]:
    return [np.zeros(FEATURES, np.float32), np.zeros((), np.float32)]


def train(model: list[np.ndarray], points: Points, steps: int = 5, learning_rate: float = 0.1) -> list[np.ndarray]:
    weights, offset = model
    for _ in range(steps):
        error = points.features @ weights + offset - points.values
        weights = weights - learning_rate * (points.features.T @ error) / len(error)
        offset = offset - learning_rate * error.mean()
    return [weights.astype(np.float32), np.asarray(offset, np.float32)]


def loss(model: list[np.ndarray], features: np.ndarray, values: np.ndarray) -> float:
    return float(np.mean((features @ model[0] + model[1] - values) ** 2))


def load(file) -> list[np.ndarray]:
    with np.load(file, allow_pickle=False) as arrays:
        return [arrays[str(index)] for index in range(len(arrays.files))]


def dump(model: list[np.ndarray]) -> io.BytesIO:
    file = io.BytesIO()
    np.savez_compressed(file, **{str(index): array for index, array in enumerate(model)})
    file.seek(0)
    return file
