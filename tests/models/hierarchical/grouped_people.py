"""People of five specialisms whose effects are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.outcome import Outcome

MONTHS = [6.0, 12.0, 24.0]
NARROW = 1e-6  # a prior under which groups do not differ
EFFECTS = {"Analysis": 0.9, "Finance": -0.5, "HR": 0.0, "Policy": 0.4, "Strategy": -0.8}
BOTH = [HierarchicalCox(ties="breslow"), HierarchicalHazard()]


def people(
    n: int = 400, seed: int = 11, *, slope: float = 0.0, share: Any = None
) -> tuple[pd.DataFrame, Outcome]:
    """Five specialisms of known effects, whole months, an index that does not count from 0."""
    rng = np.random.default_rng(seed)
    names = list(EFFECTS)
    X = pd.DataFrame(
        {
            "score": rng.normal(size=n).round(1),
            "specialism": rng.choice(names, n, p=share),
            "region": rng.choice(["North", "South", "West"], n),
            "flag": rng.random(n) < 0.4,
        },
        index=np.arange(50, 50 + n),
    )
    effect = X["specialism"].map(EFFECTS)
    steep = 0.5 + slope * X["specialism"].map(dict(zip(names, np.linspace(-1, 1, 5), strict=True)))
    time = np.ceil(rng.exponential(40 * np.exp(-steep * X["score"] - effect)))
    lost = rng.integers(12, 61, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)


def effect_of(model: Any, term: str = "specialism") -> pd.Series:
    rows = model.groups_[model.groups_["term"] == term]
    return rows.set_index("group")["estimate"]


def true_effects() -> pd.Series:
    truth = pd.Series(EFFECTS)
    return truth - truth.mean()
