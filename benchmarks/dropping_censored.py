"""What dropping the censored does to risks, and what each way to make up for them does.

    .venv/bin/python -m benchmarks.dropping_censored          # some minutes

People of known risk leave and are lost; a logistic regression is fitted at each horizon, and asked
about other people. The figures stand in ``docs/classifiers.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy import special

import gmts_models as gm
from gmts_models.stats.regression.horizon_logistic import fit_horizon_logistic

Floats = npt.NDArray[np.float64]

HORIZONS = np.array([12.0, 24.0, 36.0])
PEOPLE, NEW_PEOPLE = 1000, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How people are lost from view.

    Attributes
    ----------
    name : for the table.
    by_score : effect of the score on the log of the months until someone is lost before the census.
    cohorts : whether whole cohorts are followed for 12, 24, ..., 60 months, and X says which.
    """

    name: str
    by_score: float = 0.0
    cohorts: bool = False


LOSSES = (
    Loss(name="at random"),
    Loss(name="sooner at low risk", by_score=0.8),
    Loss(name="cohort by cohort", cohorts=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """X (n, p), what happened, and the (n, m) true risks by `HORIZONS`."""

    X: pd.DataFrame
    y: gm.Outcome
    risk: Floats


def draw(rng: np.random.Generator, n: int, loss: Loss) -> Cohort:
    """Draw people whose odds of having left are proportional: logistic regression is right."""
    score, flag = rng.normal(size=n), (rng.random(n) < 0.3).astype(float)
    odds = 0.8 * score + 0.5 * flag
    time = np.ceil(40 * np.exp((rng.logistic(size=n) - odds) / 1.5))
    lost = rng.integers(6, 61, n).astype(float)
    X = pd.DataFrame({"score": score, "flag": flag})
    if loss.by_score:
        lost = np.minimum(lost, np.ceil(rng.exponential(50 * np.exp(loss.by_score * score))))
    if loss.cohorts:
        X["cohort_year"] = rng.integers(2019, 2024, n)
        lost = 12.0 * (2024 - X["cohort_year"].to_numpy())
    return Cohort(
        X=X,
        y=gm.Outcome(0, np.minimum(time, lost), time <= lost),
        risk=special.expit(odds[:, None] + 1.5 * np.log(HORIZONS / 40)),
    )


def dropped(cohort: Cohort, new: pd.DataFrame) -> Floats:
    """Fit to those whose state is known, as if they were all."""
    y = cohort.y
    known = [y.left & (y.exit <= h) | (y.exit >= h) for h in HORIZONS]
    return unweighted(cohort, new, known)


def stayers(cohort: Cohort, new: pd.DataFrame) -> Floats:
    """Fit to all, as if those who were lost had stayed."""
    return unweighted(cohort, new, [np.ones(len(cohort.y), bool)] * len(HORIZONS))


def unweighted(cohort: Cohort, new: pd.DataFrame, rows: list[npt.NDArray[np.bool_]]) -> Floats:
    centre, spread = cohort.X.mean(), cohort.X.std()
    X, other = (
        np.column_stack([np.ones(len(each)), (each - centre) / spread]) for each in (cohort.X, new)
    )
    left = cohort.y.left[:, None] & (cohort.y.exit[:, None] <= HORIZONS)
    penalty = np.append(0.0, np.ones(X.shape[1] - 1))
    fits = [
        fit_horizon_logistic(X[kept], left[kept, j].astype(float), penalty=penalty)
        for j, kept in enumerate(rows)
    ]
    return np.column_stack([special.expit(other @ fit.coefficients) for fit in fits])


def ours(censoring: str, by: str | None = None) -> Callable[[Cohort, pd.DataFrame], Floats]:
    def risks(cohort: Cohort, new: pd.DataFrame) -> Floats:
        model = gm.HorizonClassifier(horizons=tuple(HORIZONS), censoring=censoring, censoring_by=by)
        found: Floats = model.fit(cohort.X, cohort.y).predict_risk(new, HORIZONS)
        return found

    return risks


WAYS: dict[str, Callable[[Cohort, pd.DataFrame], Floats]] = {
    "censored dropped": dropped,
    "censored taken for stayers": stayers,
    '`censoring="kaplan_meier"`': ours("kaplan_meier"),
    '`censoring="cox"`': ours("cox"),
    '`censoring="pseudo"`': ours("pseudo"),
}
BY_COHORT = {
    f'`censoring="{way}"`, by cohort': ours(way, "cohort_year")
    for way in ("kaplan_meier", "cox", "pseudo")
}
"""Ways that know of cohorts."""


def ways(loss: Loss) -> dict[str, Callable[[Cohort, pd.DataFrame], Floats]]:
    return WAYS | BY_COHORT if loss.cohorts else WAYS


def judge(found: Floats, truth: Floats) -> Floats:
    """Return (2, m): mean risk less the true one, and the slope of true on stated log odds."""
    odds = special.logit(np.clip(found, 1e-9, 1 - 1e-9))
    slope = [
        fit_horizon_logistic(np.column_stack([np.ones(len(o)), o]), t).coefficients[1]
        for o, t in zip(odds.T, truth.T, strict=True)
    ]
    return np.array([(found - truth).mean(axis=0), slope])


def once(seed: int, loss: Loss) -> Floats:
    """Return (ways, 2, m) of one draw, alike for every way."""
    rng = np.random.default_rng(seed)
    seen, new = draw(rng, PEOPLE, loss), draw(rng, NEW_PEOPLE, loss)
    return np.array([judge(way(seen, new.X), new.risk) for way in ways(loss).values()])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dropping_censored")
    parser.add_argument("--repetitions", type=int, default=1000)
    repetitions = parser.parse_args().repetitions
    print("| lost | way | " + " | ".join(f"{h:g} months" for h in HORIZONS) + " |")
    print("|---|---|" + "---|" * len(HORIZONS))
    worst = np.zeros(2)
    for loss in LOSSES:
        found = np.array(
            Parallel(n_jobs=2)(delayed(once)(seed, loss) for seed in range(repetitions))
        )
        mean = found.mean(axis=0)
        error = found.std(axis=0) / np.sqrt(repetitions)
        worst = np.maximum(worst, error.max(axis=(0, 2)))
        for way, (bias, slope) in zip(ways(loss), mean, strict=True):
            cells = [f"{100 * b:+.1f}, {s:.2f}" for b, s in zip(bias, slope, strict=True)]
            print(f"| {loss.name} | {way} | " + " | ".join(cells) + " |")
    print(f"Monte Carlo errors at most {100 * worst[0]:.2f} points, and {worst[1]:.3f} of slopes;")
    truth = draw(np.random.default_rng(0), 100_000, LOSSES[0]).risk.mean(axis=0)
    print("true risks " + ", ".join(f"{100 * each:.1f} %" for each in truth))


if __name__ == "__main__":
    main()
