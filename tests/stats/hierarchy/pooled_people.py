"""Random people in groups, for the tests of partial pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmts_models.outcome import Floats


def draw(
    seed: int, groups: int = 6, sd: float = 0.5, size: tuple[int, int] = (10, 60), *, late: bool
) -> dict[str, Any]:
    """Draw columns, months and groups; `late` adds late entry and whole-number weights."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(*size, groups))
    n = len(group)
    X = rng.normal(size=(n, 2))
    effects: Floats = rng.normal(size=groups) * sd
    rate = 0.015 * np.exp(X @ [0.4, -0.2] + effects[group])
    month, census = np.ceil(rng.exponential(1 / rate)), rng.integers(20, 37, n).astype(float)
    entry = rng.integers(0, 6, n) * (rng.random(n) < 0.4) if late else np.zeros(n)
    seen = (month > entry) & (census > entry)
    return {
        "X": X[seen],
        "group": group[seen],
        "exit_": np.minimum(month, census)[seen],
        "left": (month <= census)[seen],
        "entry": entry[seen].astype(float),
        "weights": (rng.integers(1, 4, n) if late else np.ones(n))[seen].astype(float),
    }
