"""Bounds of the time that a new person stays, calibrated on people the model had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.combining.cross_validation import fold_of_rows, part
from gmts_models.models.combining.inner_models import check_model, fit_clone
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Bools, Floats, Ints, Outcome
from gmts_models.stats.censoring import leaver_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBounds:
    """Months that people stay, by bounds on each side; of n people.

    Attributes
    ----------
    lower : (n,) months that the person stays at least. The last month that is predicted where the
        model's risk does not get as far.
    upper : (n,) months by which the person has left; inf where follow-up is too short to say.
    level : share of people between their bounds; each side is missed by half of the rest.
    """

    lower: Floats
    upper: Floats
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return a row a person: lower, upper."""
        return pd.DataFrame({"lower": self.lower, "upper": self.upper})


class ConformalTime(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A model whose predicted times of leaving are calibrated on people it had not seen.

    Parameters
    ----------
    estimator : model of the protocol, whose risks order the times.
    folds : of whole people; each is predicted by a model of the others.
    until : last month that is predicted; default the last departure in training that the models of
        all folds speak of.
    seed : of the folds.

    Attributes
    ----------
    estimator_ : fitted to everyone.
    times_ : (k,) months at which risk is read off: the times of leaving in training.
    scores_lower_, scores_upper_, weights_ : (d,) of the leavers: predicted risk by their time of
        leaving, and just before it; and their censoring weights. They tell of no person.
    n_ : people that the weights stand for.
    feature_names_in_ : columns of X.

    Notes
    -----
    Someone's time lies below its lower bound where the predicted risk just before reached less than
    a threshold; the threshold is the one under which the calibration's leavers weigh
    ``(1 - level) / 2`` of all. The censored are made up for by inverse-probability weights from the
    product-limit of censoring, which must not depend on X beyond that. The share covered is about
    new people of the same kind, over all of them, not for each; it is exact in the limit of many
    people, and has an error of order 1 / sqrt(people that left early) otherwise. Late entry is
    refused.

    Source: Candès, Lei & Ren (2023), JRSS B 85:24-45; Gui, Hore, Ren & Barber (2024), Biometrika
    111:459-477, for thresholds on predicted quantiles.
    """

    estimator_: Any
    times_: Floats
    scores_lower_: Floats
    scores_upper_: Floats
    weights_: Floats
    n_: float

    def __init__(
        self, estimator: Any, folds: int = 5, until: float | None = None, seed: int = 0
    ) -> None:
        self.estimator = estimator
        self.folds = folds
        self.until = until
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Predict each fold by the others, weigh what came of it, and fit to everyone.

        Raises
        ------
        FitError : someone enters late, or there are fewer people than folds.
        NotEstimableError : no time of leaving can be predicted in every fold.
        """
        check_model(self.estimator, "ConformalTime")
        rows = training_rows(X, y, sample_weight, model="ConformalTime")
        frame, y, weight = rows.X, rows.y, rows.weight
        if y.delayed:
            raise FitError(
                "bounds of a time since the start cannot be calibrated on people who entered late",
                where=f"y, {int((y.entry > 0).sum())} rows with entry > 0",
                fix="leave them out, or use predict_risk_interval, which is about risk",
            )
        fold = fold_of_rows(y, self.folds, self.seed, "ConformalTime")
        remember_columns(self, frame)
        times = np.unique(y.exit[y.left])
        if self.until is not None:
            times = times[times <= self.until]
        risk = self._out_of_fold(rows, fold, times)
        known = ~np.isnan(risk).any(axis=0)
        seen = int(np.argmin(known)) if not known.all() else len(times)
        if not seen:
            raise NotEstimableError("no time of leaving can be predicted in every fold", where="y")
        self.times_ = times[:seen]
        case = np.ones(len(y)) if weight is None else weight
        counted = leaver_weights(y, case)
        leaves = y.left & (y.exit <= self.times_[-1])
        place = np.searchsorted(self.times_, y.exit[leaves])
        path = np.column_stack([np.zeros(int(leaves.sum())), risk[leaves, :seen]])
        each = np.arange(len(place))
        self.scores_lower_, self.scores_upper_ = path[each, place + 1], path[each, place]
        self.weights_, self.n_ = counted[leaves], float(case.sum())
        self.estimator_ = fit_clone(self.estimator, rows)
        return self

    def _out_of_fold(self, rows: TrainingRows, fold: Ints, times: Floats) -> Floats:
        risk = np.full((len(fold), len(times)), np.nan)
        for number in np.unique(fold):
            test = fold == number
            model = fit_clone(self.estimator, part(rows, ~test))
            risk[test] = model.predict_risk(rows.X[test], times)
        return risk

    def predict_time_bounds(self, X: pd.DataFrame, level: float = 0.9) -> TimeBounds:
        """Return months between which each person leaves, with probability `level`.

        Raises
        ------
        InputError : `level` is not between 0 and 1.
        """
        frame = new_rows(self, X)
        if not 0 < level < 1:
            raise InputError("level must lie between 0 and 1", where="predict_time_bounds(level=)")
        miss = (1 - level) / 2
        risk = self.estimator_.predict_risk(frame, self.times_)
        low, high = self._threshold(self.scores_lower_, miss), self._upper_threshold(miss)
        last = float(self.times_[-1])
        return TimeBounds(
            lower=_first_time(risk >= low, self.times_, last),
            upper=_first_time(risk >= high, self.times_, np.inf),
            level=level,
        )

    def _threshold(self, scores: Floats, share: float) -> float:
        """Return the largest threshold below which leavers weigh at most `share` of all."""
        order = np.argsort(scores)
        # A new person counts as one more who may leave before.
        below = (np.cumsum(self.weights_[order]) + 1) / (self.n_ + 1)
        over = np.flatnonzero(below > share)
        return float(scores[order][over[0]]) if len(over) else np.inf

    def _upper_threshold(self, miss: float) -> float:
        """Return the least threshold below which leavers weigh at least 1 - `miss` of all."""
        order = np.argsort(self.scores_upper_)
        below = np.cumsum(self.weights_[order]) / (self.n_ + 1)
        enough = np.flatnonzero(below >= 1 - miss)
        if not len(enough):
            return np.inf
        return float(np.nextafter(self.scores_upper_[order][enough[0]], np.inf))

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return the (n, m) risks of the model that was fitted to everyone."""
        frame = new_rows(self, X)
        risk: Floats = self.estimator_.predict_risk(frame, horizons)
        return risk

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return the estimator's own interval of the risk."""
        frame = new_rows(self, X)
        found: RiskInterval = self.estimator_.predict_risk_interval(frame, horizons, level)
        return found


def _first_time(reached: Bools, times: Floats, otherwise: float) -> Floats:
    """Return the first of `times` (k,) at which a row of (n, k) is true."""
    first = np.argmax(reached, axis=1)
    return np.where(reached.any(axis=1), times[first], otherwise)
