"""The Cox partial likelihood written out by its definition, a loop at a time: slow and plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def log_likelihood(
    beta: Floats,
    X: Floats,
    exit_: Any,
    left: Any,
    entry: Any = None,
    weights: Any = None,
    strata: Any = None,
    offset: Any = None,
    ties: str = "efron",
) -> float:
    """Sum over strata, times and tied deaths."""
    n = len(X)
    begin = np.full(n, -1.0) if entry is None else np.where(np.asarray(entry) > 0, entry, -1.0)
    w = np.ones(n) if weights is None else np.asarray(weights)
    stratum = np.zeros(n) if strata is None else np.asarray(strata)
    eta = X @ beta + (0.0 if offset is None else np.asarray(offset))
    total = 0.0
    for s in np.unique(stratum):
        for t in np.unique(exit_[left & (stratum == s) & (w > 0)]):
            here = (stratum == s) & (w > 0)
            at_risk = here & (begin < t) & (exit_ >= t)
            died = here & left & (exit_ == t)
            d = died.sum()
            total += (w * eta)[died].sum()
            for before in range(d):
                gone = before / d if ties == "efron" else 0.0
                sum_ = (w * np.exp(eta))[at_risk].sum() - gone * (w * np.exp(eta))[died].sum()
                total -= w[died].mean() * np.log(sum_)
    return float(total)


def draw(seed: int, n: int = 60) -> dict[str, Any]:
    """Draw tied months with late entry, weights, strata, an offset and three columns."""
    rng = np.random.default_rng(seed)
    entry = np.where(rng.random(n) < 0.5, rng.integers(1, 5, n), 0).astype(float)
    left = rng.random(n) < 0.6
    left[0] = True
    return {
        "X": np.column_stack([rng.normal(size=(n, 2)), rng.random(n) < 0.4]).astype(float),
        "exit_": entry + rng.integers(1, 9, n),
        "left": left,
        "entry": entry,
        "weights": rng.choice([0.5, 1.0, 2.25], n),
        "strata": rng.integers(0, 3, n),
        "offset": rng.normal(size=n) / 3,
    }
