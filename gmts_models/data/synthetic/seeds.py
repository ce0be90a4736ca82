"""The seed of a simulation: a whole number or a generator."""

from __future__ import annotations

import numpy as np

from gmts_models.errors import InputError


def make_generator(seed: int | np.random.Generator, where: str) -> np.random.Generator:
    """Return the generator of a seed; a generator is its own.

    Raises
    ------
    InputError : it is neither a whole number of at least 0 nor a generator.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(
            "seed must be a whole number of at least 0, or a NumPy generator", where=where
        )
    return np.random.default_rng(seed)
