"""Scikit-learn's handwritten digits, split into what each client has and what nobody trains on.

1,797 pictures of 8 by 8 pixels, which come with the library: nothing is downloaded. A fifth is held out. The rest is
shared out by a Dirichlet distribution over each digit (Hsu et al. 2019, section 3.1), so that every client has its own
mix of digits and some hardly know a few of them. All of it follows from one seed: each client works out the same split
and takes its own share.
"""

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

SEED = 20
CLIENTS = 5
CONCENTRATION = 0.5
HELD_OUT = 0.2
# A client with less than this could not even hold a part of its share out.
SMALLEST_SHARE = 30


class Pictures(NamedTuple):
    """Pictures as rows of 64 values from 0 to 1, float32, and the digit that each shows."""

    pixels: np.ndarray
    digits: np.ndarray

    def take(self, rows: np.ndarray) -> "Pictures":
        return Pictures(self.pixels[rows], self.digits[rows])


def everything() -> Pictures:
    """All pictures, in an order that has nothing to do with where they come from."""
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(digits))
    return Pictures((pixels[order] / 16).astype(np.float32), digits[order])


def held_out() -> Pictures:
    """What no client trains on."""
    pictures = everything()
    return pictures.take(np.arange(_held_out_count(pictures)))


def share(client: int) -> tuple[Pictures, Pictures]:
    """What a client trains on, and the tenth of its share that it validates on. Clients count from 0."""
    pictures = everything()
    first = _held_out_count(pictures)
    rows = first + _shares(pictures.digits[first:])[client]
    own = len(rows) // 10
    return pictures.take(rows[own:]), pictures.take(rows[:own])


def _held_out_count(pictures: Pictures) -> int:
    return int(len(pictures.digits) * HELD_OUT)


def _shares(digits: np.ndarray) -> list[np.ndarray]:
    """The rows of each client. Splits that leave a client nearly nothing are drawn again."""
    random = np.random.default_rng(SEED)
    while True:
        shares: list[list[int]] = [[] for _ in range(CLIENTS)]
        for digit in range(10):
            rows = random.permutation(np.flatnonzero(digits == digit))
            parts = random.dirichlet(np.full(CLIENTS, CONCENTRATION))
            cuts = (np.cumsum(parts)[:-1] * len(rows)).astype(int)
            for client, part in enumerate(np.split(rows, cuts)):
                shares[client].extend(part)
        if min(map(len, shares)) >= SMALLEST_SHARE:
            return [random.permutation(rows) for rows in shares]
