"""Kaplan-Meier by group: the reference that every model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from gmts_models.errors import InputError
from gmts_models.models.protocol import (
    RiskMixin,
    check_horizons,
    check_rows,
    group_label,
    new_rows,
    remember_columns,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.survival.kaplan_meier import SurvivalCurve, kaplan_meier, survival_at


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

    Source: Kaplan & Meier (1958), JASA 53:457-481.
    """

    curves_: dict[str, SurvivalCurve]
    pooled_: SurvivalCurve

    def __init__(self, by: str | Sequence[str] | None = "specialism") -> None:
        self.by = by

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Estimate a curve for each group in X."""
        frame = check_rows(X, y)
        if not len(frame):
            raise InputError("there are no rows to learn from", where="X")
        columns = self._columns()
        for name in columns:
            if name not in frame:
                raise InputError(
                    f"X has no column {name!r} to group by",
                    where="KaplanMeier(by=...)",
                    fix="name one of X's columns, or say by=None for a single curve",
                )
        remember_columns(self, frame, columns)
        self.pooled_ = _curve(y, np.arange(len(y)))
        self.curves_ = {}
        if columns:
            labels = _labels(frame, columns)
            for group in sorted(set(labels)):
                self.curves_[group] = _curve(y, np.flatnonzero(labels == group))
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the group's follow-up."""
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        pooled = 1 - survival_at(self.pooled_, months).survival
        if not self._columns():
            return np.tile(pooled, (len(frame), 1))
        by_group = {
            group: 1 - survival_at(curve, months).survival for group, curve in self.curves_.items()
        }
        labels = _labels(frame, self._columns())
        return np.array([by_group.get(label, pooled) for label in labels]).reshape(-1, len(months))

    def _columns(self) -> list[str]:
        if self.by is None:
            return []
        return [self.by] if isinstance(self.by, str) else list(self.by)


def _labels(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.object_]:
    parts = [[group_label(value) for value in frame[name]] for name in columns]
    return np.array([" | ".join(each) for each in zip(*parts, strict=True)], dtype=object)


def _curve(y: Outcome, rows: Ints) -> SurvivalCurve:
    # Rows of one person may stand in several groups, which a slice of y would refuse.
    return kaplan_meier(y.exit[rows], y.left[rows], y.entry[rows])
