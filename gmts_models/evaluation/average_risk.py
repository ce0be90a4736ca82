"""Mean risk of the people of a group, with an error from refits to people drawn again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone

from gmts_models.errors import GmtsError
from gmts_models.outcome import Bools, Floats, Ints, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageRisk:
    """Mean risk by group and horizon.

    Attributes
    ----------
    estimate : (g, h); NaN where the risk of one of the group is not estimable.
    std_err : (g, h); NaN with fewer than two refits that say something.
    fit : the model, fitted to all rows.
    refits, failed : how often people were drawn again, and how often no fit to them was possible.
    """

    estimate: Floats
    std_err: Floats
    fit: Any
    refits: int
    failed: int


def average_risk(
    model: Any,
    X: pd.DataFrame,
    y: Outcome,
    groups: Mapping[str, Bools],
    months: Floats,
    *,
    strata: Ints,
    refits: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
) -> AverageRisk:
    """Fit a model, average its risk over the rows of each group, and refit for the error.

    Parameters
    ----------
    model : unfitted; it stays so.
    X, y : n rows.
    groups : (n,) mask of the rows of each of g groups.
    months : (h,) horizons.
    strata : (n,) codes within which people are drawn.
    refits : how often; 0 = no errors.
    rng : of the draws.
    n_jobs : processes.

    Raises
    ------
    GmtsError : the model cannot be fitted to all rows.
    """
    fit = clone(model).fit(X, y)
    again = Parallel(n_jobs=n_jobs)(
        delayed(_refit)(model, X, y, draw_rows(y.people, strata, rng), groups, months)
        for _ in range(refits)
    )
    done = [each for each in again if each is not None]
    values = np.array(done).reshape(len(done), len(groups), len(months))
    known = np.isfinite(values).sum(axis=0)
    centred = values - np.nansum(values, axis=0) / np.maximum(known, 1)
    variance = np.nansum(np.square(centred), axis=0) / np.maximum(known - 1, 1)
    return AverageRisk(
        estimate=_means(fit, X, groups, months),
        std_err=np.where(known > 1, np.sqrt(variance), np.nan),
        fit=fit,
        refits=refits,
        failed=refits - len(done),
    )


def draw_rows(people: Ints, strata: Ints, rng: np.random.Generator) -> Ints:
    """Draw as many people as there are, with replacement within strata; return all their rows.

    Parameters
    ----------
    people, strata : (n,) codes; the stratum of a person is that of the first row.
    """
    order = np.argsort(people, kind="stable")
    _, start, size = np.unique(people[order], return_index=True, return_counts=True)
    stratum = strata[order][start]
    drawn = np.concatenate(
        [rng.choice(own, len(own)) for own in (np.flatnonzero(stratum == s) for s in set(stratum))]
    )
    length = size[drawn]
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.asarray(order[np.repeat(start[drawn], length) + offset])


def _refit(
    model: Any,
    X: pd.DataFrame,
    y: Outcome,
    rows: Ints,
    groups: Mapping[str, Bools],
    months: Floats,
) -> Floats | None:
    try:
        return _means(clone(model).fit(X.iloc[rows], y[rows]), X, groups, months)
    except GmtsError:
        return None


def _means(fit: Any, X: pd.DataFrame, groups: Mapping[str, Bools], months: Floats) -> Floats:
    risk = fit.predict_risk(X, months)
    nothing = np.full(len(months), np.nan)
    return np.array([risk[own].mean(axis=0) if own.any() else nothing for own in groups.values()])
