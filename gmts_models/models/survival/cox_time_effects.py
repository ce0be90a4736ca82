"""Cox regression with effects that grow, fade or change with time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.coefficients import wald_table
from gmts_models.models.encoding import Design
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.survival.cox_design import (
    CoxDesign,
    apply_cox_design,
    check_penalty,
    check_ties,
    fit_cox_design,
)
from gmts_models.models.survival.cox_risk import risk_interval
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.cox.baseline import CoxCurves, cox_curves
from gmts_models.stats.cox.prediction import PredictedSurvival
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.cox.time_effects import TimeEffect, fit_cox_time_effects
from gmts_models.stats.cox.time_effects_prediction import (
    Shape,
    ShapedEffect,
    predict_time_effects,
    time_shape,
)

_WHERE = "CoxTimeEffects(effects=...)"


class CoxTimeEffects(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Hazards that are not proportional: the effect of some attributes changes with time.

    Parameters
    ----------
    effects : how, by column of X: "log" (the log hazard ratio moves with log(1 + months)),
        "linear" (with months), or months after each of which it is another one, such as
        ``{"score": "log", "route": (12, 24)}``. All labels of a text column change.
    alpha : ridge penalty: half of it times the sum of squares of the average log hazard ratio of
        each column (over departures, columns scaled to unit variance), and of its change for one
        standard deviation of each function of time (over departures).
    strata, ties, encoder : as in `CoxPH`. The encoder's columns have to begin with the name of the
        column that they are made from.

    Attributes
    ----------
    coef_ : (p + e,) log hazard ratio per unit of each column of the encoded X, and of each column
        times its function of time.
    covariance_ : of `coef_`, the inverse information.
    terms_ : (p + e,) names: those of `design_`, then such as "score x log(1 + months)", "score x
        months" and "score after month 12", which is added to what held before.
    strata_ : labels of the strata.

    Notes
    -----
    Follow-up is split at each time of leaving: about (rows x times of leaving / 2) rows. That is
    for some thousands of people with times in months. Risk adds up the hazard over the times of
    leaving, and is NaN past the last time observed in the stratum.

    Source: Therneau & Grambsch (2000), Modeling Survival Data, section 6.5. Agrees with
    ``coxph(... + tt(x))`` and with ``survSplit``.
    """

    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]

    def __init__(
        self,
        effects: Mapping[str, str | Sequence[float]] | None = None,
        alpha: float = 0.0,
        strata: str | None = None,
        ties: Ties = "efron",
        encoder: Any = None,
    ) -> None:
        self.effects = effects
        self.alpha = alpha
        self.strata = strata
        self.ties = ties
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the partial likelihood of the split rows."""
        rows = training_rows(X, y, sample_weight, model="CoxTimeEffects")
        alpha = check_penalty(self.alpha, "CoxTimeEffects")
        check_ties(self.ties, "CoxTimeEffects")
        shapes = _check_effects(self.effects, rows.X, self.strata)
        remember_columns(self, rows.X)
        self._learned: CoxDesign
        self._learned, matrix, strata = fit_cox_design(
            rows.X, rows.weight, strata=self.strata, encoder=self.encoder, model="CoxTimeEffects"
        )
        names = self.design_.names
        self._effects: tuple[ShapedEffect, ...] = _effects_of(shapes, names, list(rows.X))
        effects = [
            TimeEffect(
                column=each.column,
                function=_function(each.shape),
                name=_name(names[each.column], each.shape),
            )
            for each in self._effects
        ]
        self.terms_ = (*names, *(each.name for each in effects))
        found = fit_cox_time_effects(
            matrix,
            rows.y.exit,
            rows.y.left,
            rows.y.entry,
            rows.weight,
            strata,
            effects=effects,
            ties=self.ties,
            penalty=alpha * _ridge(self._effects, len(names), rows) if alpha else None,
            names=names,
        )
        self._curves: CoxCurves = cox_curves(found)
        spread = self.design_.spread
        spread = np.append(spread, spread[[each.column for each in self._effects]])
        self.coef_ = found.coefficients / spread
        self.covariance_ = found.covariance / np.outer(spread, spread)
        return self

    @property
    def design_(self) -> Design:
        """How the columns of X are encoded and scaled."""
        return self._learned.design

    @property
    def strata_(self) -> tuple[str, ...]:
        """Labels of the strata."""
        return self._learned.labels

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        return np.asarray(-np.expm1(-self._predict(X, horizons, 0.95).hazard))

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by the delta method on the log of the cumulative hazard.

        Limits are NaN where the risk is 0, which is before anyone of the stratum left.
        """
        return risk_interval(self._predict(X, horizons, level), check_horizons(horizons), level)

    def effect_at(self, months: npt.ArrayLike, level: float = 0.95) -> pd.DataFrame:
        """Return how the hazard ratio of each term of `effects` goes with time.

        Parameters
        ----------
        months : (m,) when.
        level : of the limits.

        Returns
        -------
        A row a term and month: term, months, coefficient, ratio, se, lower, upper (of the ratio)
        and p (of a ratio of 1 then).
        """
        check_is_fitted(self)
        when = check_horizons(months)
        p, tables = len(self.design_.names), []
        for column in dict.fromkeys(each.column for each in self._effects):
            at = np.zeros((len(when), len(self.terms_)))
            at[:, column] = 1
            for j, each in enumerate(self._effects):
                if each.column == column:
                    at[:, p + j] = time_shape(each.shape, when)
            covariance = at @ self.covariance_ @ at.T
            names = (self.terms_[column],) * len(when)
            table = wald_table(names, at @ self.coef_, covariance, level)
            table.insert(1, "months", when)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, hazard ratio, SE, interval of the ratio, p (Wald).

        The ratio of a term times a function of time is per unit of both; see `effect_at`.
        """
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def _predict(self, X: Any, horizons: npt.ArrayLike, level: float) -> PredictedSurvival:
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        return predict_time_effects(
            self._curves, matrix, months, self._effects, strata=strata, level=level
        )


def _check_effects(
    effects: Any, frame: pd.DataFrame, strata: str | None
) -> dict[str, tuple[Shape, ...]]:
    """Return the shapes of the effects by column, or raise InputError where they are none."""
    if not isinstance(effects, Mapping) or not effects:
        raise InputError(
            "effects must say which columns have an effect that changes, and how",
            where=_WHERE,
            fix='for instance {"score": "log"}; CoxPH is the model without any',
        )
    shapes: dict[str, tuple[Shape, ...]] = {}
    for column, given in effects.items():
        if column not in frame or column == strata:
            raise InputError(
                f"X has no column {column!r} with an effect"
                + (": it is the strata's" if column == strata else ""),
                where=_WHERE,
            )
        if isinstance(given, str):
            known = given in ("log", "linear")
            shapes[column] = (given,)
        else:
            cuts = list(given) if isinstance(given, Sequence | np.ndarray) else []
            known = bool(cuts) and all(
                isinstance(each, Real) and 0 < float(each) < np.inf for each in cuts
            )
            shapes[column] = tuple(sorted({float(each) for each in cuts})) if known else ()
        if not known:
            raise InputError(
                f"the effect of {column!r} must be one of a few",
                where=_WHERE,
                fix='"log", "linear", or months above 0 such as (12, 24)',
            )
    return shapes


def _effects_of(
    shapes: Mapping[str, tuple[Shape, ...]], names: Sequence[str], columns: Sequence[Any]
) -> tuple[ShapedEffect, ...]:
    """Return the effects of the encoded columns `names`, by the columns of X that they are of."""
    source = [_source(name, [str(column) for column in columns]) for name in names]
    effects = []
    for column, each in shapes.items():
        places = [place for place, origin in enumerate(source) if origin == str(column)]
        if not places:
            raise InputError(
                f"no encoded column of {column!r} varies, or none begins with its name",
                where=_WHERE,
            )
        effects += [ShapedEffect(column=place, shape=shape) for place in places for shape in each]
    return tuple(effects)


def _ridge(effects: Sequence[ShapedEffect], terms: int, rows: TrainingRows) -> Floats:
    """Return (p + e, p + e) what makes sums of squares of average effects and of their changes."""
    left = rows.y.left
    weight = None if rows.weight is None else rows.weight[left]
    scaled = np.eye(terms + len(effects))
    for place, each in enumerate(effects, start=terms):
        shape = time_shape(each.shape, rows.y.exit[left])
        mean = float(np.average(shape, weights=weight))
        scaled[each.column, place] = mean
        scaled[place, place] = np.sqrt(np.average((shape - mean) ** 2, weights=weight))
    return np.asarray(scaled.T @ scaled)


def _source(term: str, columns: Sequence[str]) -> str | None:
    """Return the column of X that an encoded one is made from, by its name."""
    of = [each for each in columns if term == each or term.startswith(f"{each}_")]
    return max(of, key=len, default=None)


def _function(shape: Shape) -> Callable[[Floats, Floats], Floats]:
    return lambda x, months: x * time_shape(shape, months)


def _name(term: str, shape: Shape) -> str:
    if shape == "log":
        return f"{term} x log(1 + months)"
    return f"{term} x months" if shape == "linear" else f"{term} after month {shape:g}"
