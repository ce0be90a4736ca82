"""The one question that every model answers, in one shape.

``predict_risk(X, horizons)`` is P(left by the horizon), counted from each row's prediction date
and given that the person is still there then: (n, m), within [0, 1], non-decreasing in the
horizon. It is NaN where the data of the fit say nothing ("not estimable"): a horizon past the
follow-up of a model that does not extrapolate.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.concordance import concordance


class RiskModel(Protocol):
    """What evaluation, forecasts and reports need of a model."""

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Learn from n rows."""
        ...

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks."""
        ...


class RiskMixin:
    """What every estimator here has beyond `fit` and `predict_risk`."""

    def predict_retention(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) P(still there at the horizon) = 1 - risk."""
        risk: Floats = self.predict_risk(X, horizons)  # type: ignore[attr-defined]
        return 1 - risk

    def score(self, X: pd.DataFrame, y: Outcome) -> float:
        """Return Harrell's C of the risk by the median time of leaving in `y`."""
        check_rows(X, y)
        if not y.left.any():
            raise InputError("nobody left in these rows, so there is nothing to rank", where="y")
        horizon = max(float(np.median(y.exit[y.left])), 1e-6)
        risk: Floats = self.predict_risk(X, [horizon])  # type: ignore[attr-defined]
        if np.isnan(risk).any():
            raise NotEstimableError(
                f"the risk by {horizon:g} months is not estimable for "
                f"{int(np.isnan(risk).any(axis=1).sum())} of these rows",
                where="score",
                fix="score people of strata that were followed for as long in training",
            )
        return concordance(risk[:, 0], y.exit, y.left, y.entry).concordance


def check_rows(X: Any, y: Any) -> pd.DataFrame:
    """Return X as a frame, or raise InputError where X and y do not fit together."""
    frame = as_frame(X)
    if not isinstance(y, Outcome):
        raise InputError(
            f"y must be an Outcome, not {type(y).__name__}",
            fix="Outcome(entry, exit, event), or build_features(people).y",
        )
    if len(frame) != len(y):
        raise InputError(f"X has {len(frame)} rows, y has {len(y)}")
    if y.index is not None and isinstance(X, pd.DataFrame) and not X.index.equals(y.index):
        raise InputError(
            "X and y have different indexes, and nothing is aligned silently",
            fix="take both from one table, or select the same rows of both",
        )
    return frame


def check_training_rows(X: Any, y: Any, *, model: str) -> pd.DataFrame:
    """Like `check_rows`, and there must be rows and departures to learn from."""
    frame = check_rows(X, y)
    if not len(frame):
        raise FitError(f"{model} has no rows to learn from", where="X")
    if not y.left.any():
        raise FitError(
            f"{model} cannot be fitted: nobody leaves in the training rows",
            where="y",
            fix="Kaplan-Meier still gives an interval for retention",
        )
    return frame


def as_frame(X: Any) -> pd.DataFrame:
    """Return X as a frame; columns of an array are called x0, x1, ..."""
    if isinstance(X, pd.DataFrame):
        if not X.columns.is_unique:
            raise InputError(
                "two columns of X share a name",
                where=f"X, {X.columns[X.columns.duplicated()][0]}",
                fix="rename one of them",
            )
        return X
    array = np.asarray(X)
    if array.ndim != 2:
        raise InputError(f"X must be a table, has {array.ndim} dimension(s)", where="X")
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])]).infer_objects()


def check_new_rows(X: Any, names: npt.NDArray[Any]) -> pd.DataFrame:
    """Return X with the columns of the fit, in their order."""
    frame = as_frame(X)
    if missing := [str(name) for name in names if name not in frame]:
        raise InputError(
            f"X lacks {len(missing)} of the columns that the model was fitted with",
            where=f"X, {', '.join(missing[:5])}",
            fix="make X by the same recipe as for the fit",
        )
    return frame[list(names)]


def group_label(value: object) -> str:
    """Return a group's label as text; 1 and 1.0 are one group."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check_horizons(horizons: npt.ArrayLike) -> Floats:
    """Return (m,) months, or raise InputError where one is not a number >= 0."""
    try:
        months = np.atleast_1d(np.asarray(horizons, dtype=float))
    except (TypeError, ValueError):
        raise InputError("horizons must be numbers, in months", where="horizons") from None
    if months.ndim != 1 or not len(months) or not (np.isfinite(months) & (months >= 0)).all():
        raise InputError(
            "horizons must be finite numbers of months, at least 0",
            where="horizons",
            fix="for instance [12, 24, 36]",
        )
    return months


def conditional_risk(risk: Floats, risk_at_start: Floats) -> Floats:
    """Return P(left by the horizon, given still there at an earlier time).

    ``1 - S(h) / S(s)``, from the risks by h and by s; NaN where nobody is still there at s.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1 - (1 - risk) / (1 - risk_at_start)
    return np.asarray(np.where(risk_at_start < 1, np.clip(value, 0, 1), np.nan), dtype=float)
