"""Kaplan-Meier by group: the reference that every model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from gmts_models.errors import InputError
from gmts_models.models.encoding import column_kinds
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    check_horizons,
    group_label,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.intervals import exact_limits, limits
from gmts_models.stats.survival.kaplan_meier import SurvivalCurve, kaplan_meier, survival_at
from gmts_models.stats.times import count_at_risk


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """How many were followed throughout, which bounds the risk while nobody has left.

    Attributes
    ----------
    time : (k,) months, increasing: when anyone came or went.
    least : (k,) the smallest number (sum of weights) at risk up to then.
    """

    time: Floats
    least: Floats

    def throughout(self, months: float) -> float:
        """Return the least at risk up to `months`; late entrants do not make up for it."""
        place = int(np.searchsorted(self.time, months))
        return float(self.least[place]) if place < len(self.time) else 0.0


class KaplanMeier(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Everyone of a group has the group's observed risk.

    Parameters
    ----------
    by : column of X that names the group, or several whose labels name it together, such as
        ("specialism", "landmark"); None for one curve. A group not seen in training gets the curve
        of all.

    Attributes
    ----------
    curves_ : one curve a group, by its label; by the labels of several columns, joined by " | ".
    pooled_ : the curve of all rows.
    feature_names_in_ : the columns in `by`.

    Notes
    -----
    Late entry is respected. Risk is NaN past the group's follow-up.

    Source: Kaplan & Meier (1958), JASA 53:457-481.
    """

    curves_: dict[str, SurvivalCurve]
    pooled_: SurvivalCurve

    def __init__(self, by: str | Sequence[str] | None = "specialism") -> None:
        self.by = by

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Estimate a curve for each group in X."""
        rows = training_rows(X, y, sample_weight, model="Kaplan-Meier", must_leave=False)
        columns = self._columns()
        for name in columns:
            if name not in rows.X:
                raise InputError(
                    f"X has no column {name!r} to group by",
                    where="KaplanMeier(by=...)",
                    fix="name one of X's columns, or say by=None for a single curve",
                )
        given: Any = X
        if not isinstance(given, pd.DataFrame):
            column_kinds(rows.X)  # a frame may hold what is not looked at, an array may not
        remember_columns(self, rows.X, columns)
        labels = _labels(rows.X, columns)
        groups = sorted(set(labels)) if columns else []
        by_group = {group: np.flatnonzero(labels == group) for group in groups}
        everyone = np.arange(len(rows.y))
        self.pooled_ = _curve(rows.y, everyone, rows.weight)
        self._followed = _follow_up(rows.y, everyone, rows.weight)
        self.curves_ = {g: _curve(rows.y, of, rows.weight) for g, of in by_group.items()}
        self._followed_by = {g: _follow_up(rows.y, of, rows.weight) for g, of in by_group.items()}
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the group's follow-up."""
        months = check_horizons(horizons)
        code = self._group_codes(new_rows(self, X))
        curves = [self.pooled_, *self.curves_.values()]
        risk = np.array([1 - survival_at(curve, months).survival for curve in curves])
        return np.asarray(risk[code], dtype=float)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with log-log limits by Greenwood's variance.

        The variance is robust where a person has several rows in a group, or a weight is no whole
        number. Where nobody of a group has left, its upper limit is the exact one for as many as
        were followed throughout; where everyone has, its lower limit is that of the last step
        before.
        """
        months = check_horizons(horizons)
        code = self._group_codes(new_rows(self, X))
        curves = [self.pooled_, *self.curves_.values()]
        followed = [self._followed, *self._followed_by.values()]
        read = [_read(*each, months, level) for each in zip(curves, followed, strict=True)]
        risk, lower, upper = np.moveaxis(np.array(read), 1, 0)
        return RiskInterval(
            horizons=months,
            risk=risk[code],
            lower=lower[code],
            upper=upper[code],
            level=level,
            method="Greenwood, log-log",
        )

    def _columns(self) -> list[str]:
        if self.by is None:
            return []
        return [self.by] if isinstance(self.by, str) else list(self.by)

    def _group_codes(self, frame: pd.DataFrame) -> Ints:
        """Return (n,) the place of each row's curve: 0 = the pooled one."""
        place = {group: 1 + number for number, group in enumerate(self.curves_)}
        labels = _labels(frame, self._columns())
        return np.array([place.get(label, 0) for label in labels], dtype=np.int64)


def _labels(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.object_]:
    if not columns:
        return np.full(len(frame), "", dtype=object)
    parts = [[group_label(value) for value in frame[name]] for name in columns]
    return np.array([" | ".join(each) for each in zip(*parts, strict=True)], dtype=object)


def _curve(y: Outcome, rows: Ints, weight: Floats | None) -> SurvivalCurve:
    # Rows of one person may stand in several groups, which a slice of y would refuse.
    people = y.people[rows]
    several = len(np.unique(people)) < len(people)
    return kaplan_meier(
        y.exit[rows],
        y.left[rows],
        y.entry[rows],
        None if weight is None else weight[rows],
        people if several else None,
        interval="log-log",
    )


def _follow_up(y: Outcome, rows: Ints, weight: Floats | None) -> FollowUp:
    entry, exit_ = y.entry[rows], y.exit[rows]
    time = np.unique(np.concatenate([entry[entry > 0], exit_]))
    at_risk = count_at_risk(time, entry, exit_, None if weight is None else weight[rows])
    return FollowUp(time=time, least=np.minimum.accumulate(at_risk))


def _read(
    curve: SurvivalCurve, followed: FollowUp, months: Floats, level: float
) -> tuple[Floats, Floats, Floats]:
    """Return risk with limits at (m,) months."""
    at = survival_at(curve, months)
    lower, upper = limits(at.survival, at.std_err, level, "log-log")
    for j in np.flatnonzero(at.survival == 1):
        lower[j], upper[j] = exact_limits(followed.throughout(months[j]), level)[0], 1.0
    for j in np.flatnonzero(at.survival == 0):
        lower[j], upper[j] = 0.0, _last_upper(curve, level)
    return 1 - at.survival, 1 - upper, 1 - lower


def _last_upper(curve: SurvivalCurve, level: float) -> float:
    """Return the upper limit of the last step above 0: retention does not grow."""
    between = np.flatnonzero((curve.survival > 0) & (curve.survival < 1))
    if len(between):
        last = between[-1:]
        return float(limits(curve.survival[last], curve.std_err[last], level, "log-log")[1][0])
    return exact_limits(float(curve.at_risk[curve.survival == 0][0]), level)[1]
