"""People for the tests of this room: tied months, one attribute that matters, one that does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import FunctionTransformer

from gmts_models.models.survival.cox import CoxPH
from gmts_models.outcome import Outcome

EFFECT = 0.7
RATE = 0.02  # a month


def people(
    n: int = 120, seed: int = 1, *, late: bool = False, causes: int = 1
) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"x": rng.normal(size=n).round(2), "noise": rng.normal(size=n).round(2)},
        index=np.arange(500, 500 + n),
    )
    time = np.ceil(rng.exponential(1 / (RATE * np.exp(EFFECT * X["x"]))))
    census = rng.integers(24, 61, n)
    entry = rng.integers(0, 7, n) * rng.integers(0, 2, n) if late else np.zeros(n)
    time = np.maximum(time, entry + 1)
    event = np.where(time <= census, rng.integers(1, causes + 1, n), 0)
    names = [f"cause {i + 1}" for i in range(causes)]
    return X, Outcome(entry, np.minimum(time, census), event, causes=names, index=X.index)


def split_rows(X: pd.DataFrame, y: Outcome, at: float) -> tuple[pd.DataFrame, Outcome]:
    """Cut the follow-up of everyone in two at a month; rows of a person share an id."""
    n = len(X)
    first = pd.DataFrame({"entry": y.entry, "exit": np.minimum(y.exit, at), "event": y.event})
    first.loc[y.exit > at, "event"] = 0
    second = pd.DataFrame({"entry": np.maximum(y.entry, at), "exit": y.exit, "event": y.event})
    rows = pd.concat([first, second], keys=[0, 1]).reset_index(level=0, drop=True)
    ids = np.tile(np.arange(n), 2)
    kept = rows["exit"].to_numpy() > rows["entry"].to_numpy()
    rows, ids = rows[kept].reset_index(drop=True), ids[kept]
    return X.iloc[ids].reset_index(drop=True), Outcome(
        rows["entry"], rows["exit"], rows["event"], ids=ids
    )


def cox(alpha: float = 0.1, **options: Any) -> CoxPH:
    """A Cox model of numbers, quick to fit, to which a weight of 2 is the row twice."""
    return CoxPH(alpha=alpha, ties="breslow", encoder=FunctionTransformer(), **options)
