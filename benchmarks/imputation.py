"""How often intervals after multiple imputation hold the truth: ours and scikit-learn's imputer.

    .venv/bin/python -m benchmarks.imputation          # some minutes

The slope of y on x, where x is missing at random given y, with other columns beside them. The
figures stand in ``docs/missing.md``.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

import gmts_models as gm
from gmts_models.stats.missing.pooling import pool

SLOPE, M, ITERATIONS = 0.5, 10, 10
SETTINGS = ((60, 0.6, 10), (100, 0.5, 0))
"""Rows, share of x that is missing, further columns."""

Imputer = Callable[[pd.DataFrame, int], Iterator[pd.DataFrame]]


def ours(frame: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    yield from gm.impute(frame, None, m=M, iterations=ITERATIONS, seed=seed).frames


def theirs(frame: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    for number in range(M):
        imputer = IterativeImputer(
            sample_posterior=True, max_iter=ITERATIONS, random_state=seed * M + number
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            yield pd.DataFrame(imputer.fit_transform(frame), columns=frame.columns)


SIDES: dict[str, Imputer] = {"gmts_models": ours, "IterativeImputer": theirs}


def draw(seed: int, rows: int, share: float, others: int) -> pd.DataFrame:
    """Draw x, y and further columns that go with x; x goes missing where y is high."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    frame = pd.DataFrame({"x": x, "y": SLOPE * x + rng.normal(size=rows)})
    for number in range(others):
        frame[f"z{number}"] = 0.3 * x + rng.normal(size=rows)
    chance = 1 / (1 + np.exp(-frame["y"] - np.log(share / (1 - share))))
    frame.loc[rng.random(rows) < chance, "x"] = np.nan
    return frame


def slope(frame: pd.DataFrame) -> tuple[float, float]:
    """Return the slope of y on x by least squares, and its variance."""
    x, y = frame["x"].to_numpy() - frame["x"].mean(), frame["y"].to_numpy() - frame["y"].mean()
    b = float(x @ y / (x @ x))
    return b, float(np.square(y - b * x).sum() / (len(x) - 2) / (x @ x))


def holds(side: str, seed: int, rows: int, share: float, others: int) -> tuple[bool, float]:
    found = [slope(each) for each in SIDES[side](draw(seed, rows, share, others), seed)]
    estimates, variances = zip(*found, strict=True)
    pooled = pool(np.array(estimates), np.array(variances), n_complete_df=rows - 2)
    return bool(pooled.lower[0] <= SLOPE <= pooled.upper[0]), float(pooled.estimate[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imputation", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    repetitions = parser.parse_args().repetitions
    for rows, share, others in SETTINGS:
        print(f"{rows} rows, {share:.0%} of x missing, {others} further columns")
        for side in SIDES:
            found = Parallel(n_jobs=2)(
                delayed(holds)(side, seed, rows, share, others) for seed in range(repetitions)
            )
            covered = np.mean([each[0] for each in found])
            bias = np.mean([each[1] for each in found]) - SLOPE
            error = np.sqrt(covered * (1 - covered) / repetitions)
            print(f"  {side:18} covers {covered:.3f} (error {error:.3f}), bias {bias:+.3f}")


if __name__ == "__main__":
    main()
