"""A network of two layers in NumPy: 64 pixels, 64 rectified units, 10 digits.

A model is what travels: a list of four float32 arrays, which FEDn's `numpyhelper` names "0" to "3" in an npz file.
"""

import io
from typing import NamedTuple

import numpy as np

from digits import Pictures

HIDDEN = 64

Weights = list[np.ndarray]


class Quality(NamedTuple):
    """How good a model is at some pictures: mean cross-entropy, and the part that it gets right."""

    loss: float
    accuracy: float


def fresh(seed: int) -> Weights:
    """A network that knows nothing yet (He et al. 2015, equation 10)."""
    random = np.random.default_rng(seed)
    first = random.standard_normal((64, HIDDEN)) * np.sqrt(2 / 64)
    second = random.standard_normal((HIDDEN, 10)) * np.sqrt(2 / HIDDEN)
    return [array.astype(np.float32) for array in (first, np.zeros(HIDDEN), second, np.zeros(10))]


def load(file: io.BytesIO | str) -> Weights:
    """Reads a model from an npz file."""
    if not isinstance(file, str):
        file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return [arrays[str(index)] for index in range(len(arrays.files))]


def dump(weights: Weights) -> io.BytesIO:
    """Writes a model to an npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, **{str(index): array for index, array in enumerate(weights)})
    file.seek(0)
    return file


def evaluate(weights: Weights, pictures: Pictures) -> Quality:
    """Measures a model."""
    _, chances = _forward(weights, pictures.pixels)
    right = chances[np.arange(len(pictures.digits)), pictures.digits]
    loss = -np.log(np.maximum(right, 1e-12)).mean()
    return Quality(float(loss), float((chances.argmax(axis=1) == pictures.digits).mean()))


def predict(weights: Weights, pixels: np.ndarray) -> list[int]:
    """The most likely digit for each picture."""
    return _forward(weights, pixels)[1].argmax(axis=1).tolist()


def train(weights: Weights, pictures: Pictures, epochs: int, learning_rate: float, random: np.random.Generator) -> Weights:
    """Goes over the pictures a few times by plain stochastic gradient descent."""
    weights = [array.copy() for array in weights]
    for _ in range(epochs):
        order = random.permutation(len(pictures.digits))
        for batch in np.array_split(order, max(1, len(order) // 16)):
            for array, slope in zip(weights, _slopes(weights, pictures.take(batch)), strict=True):
                array -= (learning_rate * slope).astype(np.float32)
    return weights


def _forward(weights: Weights, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(pixels @ weights[0] + weights[1], 0)
    scores = hidden @ weights[2] + weights[3]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, chances / chances.sum(axis=1, keepdims=True)


def _slopes(weights: Weights, pictures: Pictures) -> Weights:
    """The gradient of the loss."""
    hidden, chances = _forward(weights, pictures.pixels)
    error = chances
    error[np.arange(len(pictures.digits)), pictures.digits] -= 1
    error /= len(pictures.digits)
    behind = (error @ weights[2].T) * (hidden > 0)
    return [pictures.pixels.T @ behind, behind.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
