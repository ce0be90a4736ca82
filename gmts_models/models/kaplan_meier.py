"""Kaplan-Meier by group: the reference that every model has to beat."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.protocol import (
    RiskMixin,
    as_frame,
    check_horizons,
    check_new_rows,
    check_rows,
    group_label,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.survival.kaplan_meier import SurvivalCurve, kaplan_meier, survival_at


class KaplanMeier(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Everyone of a group has the group's observed risk.

    Parameters
    ----------
    by : column of X that names the group; None for one curve. A group not seen in training gets
        the curve of all.

    Attributes
    ----------
    curves_ : one curve a group.
    pooled_ : the curve of all rows.

    Source: Kaplan & Meier (1958), JASA 53:457-481.
    """

    curves_: dict[str, SurvivalCurve]
    pooled_: SurvivalCurve

    def __init__(self, by: str | None = "specialism") -> None:
        self.by = by

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Estimate a curve for each group in X."""
        frame = check_rows(X, y)
        if not len(frame):
            raise InputError("there are no rows to learn from", where="X")
        if self.by is not None and self.by not in frame:
            raise InputError(
                f"X has no column {self.by!r} to group by",
                where="KaplanMeier(by=...)",
                fix="name one of X's columns, or say by=None for a single curve",
            )
        self.feature_names_in_ = np.array([] if self.by is None else [self.by], dtype=object)
        self.pooled_ = _curve(y)
        self.curves_ = {}
        if self.by is not None:
            labels = _labels(frame[self.by])
            for group in sorted(set(labels)):
                self.curves_[group] = _curve(y[np.flatnonzero(labels == group)])
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the group's follow-up."""
        check_is_fitted(self)
        months = check_horizons(horizons)
        frame = check_new_rows(as_frame(X), self.feature_names_in_)
        pooled = 1 - survival_at(self.pooled_, months).survival
        if self.by is None:
            return np.tile(pooled, (len(frame), 1))
        by_group = {
            group: 1 - survival_at(curve, months).survival for group, curve in self.curves_.items()
        }
        labels = _labels(frame[self.by])
        return np.array([by_group.get(label, pooled) for label in labels]).reshape(-1, len(months))


def _labels(column: pd.Series) -> npt.NDArray[np.object_]:
    return np.array([group_label(value) for value in column], dtype=object)


def _curve(y: Outcome) -> SurvivalCurve:
    return kaplan_meier(y.exit, y.left, y.entry)
