"""Draws of what is missing in new rows, whose outcome nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.missing.regression import Regression, draw_regression

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Where a variable stands among the standardised columns, and what values it can have.

    Attributes
    ----------
    columns : (q,) its columns: one of a number, one a label of a category.
    low, high : (q,) the least and largest value; of a category's columns, what "not this label"
        and "this label" are.
    step : the distance of values that lie on a grid from `low`; 0 for any value between.
    category : whether the columns are labels.
    """

    columns: Ints
    low: Floats
    high: Floats
    step: float
    category: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Equations:
    """Each variable's regression on all others, drawn from one completed data set.

    Attributes
    ----------
    variables : b of them.
    regressions : one each.
    """

    variables: tuple[Variable, ...]
    regressions: tuple[Regression, ...]


@on_one_thread
def draw_equations(
    completed: Floats, variables: Sequence[Variable], rng: np.random.Generator
) -> Equations:
    """Learn from (n, p) completed rows how each variable follows from the others.

    All rows teach, those with an imputed value too: it was drawn given the outcome, so that the
    relation found holds although the outcome is not in it.
    """
    every = np.arange(completed.shape[1])
    return Equations(
        variables=tuple(variables),
        regressions=tuple(
            draw_regression(completed, each.columns, np.setdiff1d(every, each.columns), rng)
            for each in variables
        ),
    )


@on_one_thread
def impute_new_rows(
    values: Floats, missing: Bools, equations: Equations, keys: Keys, *, iterations: int
) -> Floats:
    """Return (n, p) rows with gaps drawn, given what is known of each row.

    Parameters
    ----------
    values : (n, p) standardised columns; what stands in gaps is not read.
    missing : (n, b) gaps.
    equations : of `draw_equations`.
    keys : (n,) what the draws of a row follow from; equal rows with equal keys get equal values,
        whatever rows stand beside them.
    iterations : how often each gap is drawn.

    Notes
    -----
    Numbers are normal about their mean, cut to the range and rounded to the steps seen in
    training; flags and labels are drawn by their predicted shares, cut to [0, 1].
    """
    work = values.copy()
    order = [b for b in range(missing.shape[1]) if missing[:, b].any()]
    rows = {b: np.flatnonzero(missing[:, b]) for b in order}
    for b in order:
        work[np.ix_(rows[b], equations.variables[b].columns)] = 0.0  # the mean
    for step in range(iterations):
        for b in order:
            variable, regression = equations.variables[b], equations.regressions[b]
            mean = regression.means(work[rows[b]])
            chance = uniform(keys[rows[b]], step * missing.shape[1] + b)
            work[np.ix_(rows[b], variable.columns)] = _draw(variable, mean, regression, chance)
    return work


def uniform(keys: Keys, count: int) -> Floats:
    """Return (n,) numbers in (0, 1), the `count`-th of each key.

    Source: Steele, Lea & Flood (2014), OOPSLA 49:453-472 (the mixing function of SplitMix64).
    """
    mixed = keys + np.full_like(keys, (0x9E3779B97F4A7C15 * (count + 1)) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return ((mixed >> np.uint64(11)).astype(float) + 0.5) / 2.0**53


def _draw(variable: Variable, mean: Floats, regression: Regression, chance: Floats) -> Floats:
    low, high = variable.low, variable.high
    if variable.category:
        share = np.clip((mean - low) / (high - low), 1e-9, None)
        upto = np.cumsum(share, axis=1)
        label = (chance[:, None] * upto[:, -1:] > upto[:, :-1]).sum(axis=1)
        return np.asarray(np.where(np.arange(len(low)) == label[:, None], high, low), dtype=float)
    if low[0] == high[0]:
        return np.full_like(mean, low[0])
    if variable.step == high[0] - low[0]:  # a flag
        share = (mean[:, 0] - low[0]) / (high[0] - low[0])
        return np.asarray(np.where(chance < share, high[0], low[0])[:, None], dtype=float)
    drawn = mean + regression.noise[0, 0] * ndtri(chance)[:, None]
    if variable.step:
        drawn = low + np.round((drawn - low) / variable.step) * variable.step
    return np.asarray(np.clip(drawn, low, high))
