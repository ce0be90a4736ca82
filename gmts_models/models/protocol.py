"""The one question that every model answers, in one shape.

``predict_risk(X, horizons)`` is P(left by the horizon), counted from each row's prediction date
and given that the person is still there then: (n, m), within [0, 1], non-decreasing in the
horizon. It is NaN where the data of the fit say nothing ("not estimable"): a horizon past the
follow-up of a model that does not extrapolate.

A model of several causes also answers ``predict_incidence(X, horizons)``: (n, m, k) P(left for the
cause by the horizon), which sum over the k causes to the risk.

``sample_weight`` are case weights: a weight of 2 is the row twice, 0 is no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError, InputTypeError, NotEstimableError
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


@runtime_checkable
class IncidenceModel(Protocol):
    """A model of several causes of leaving."""

    causes_: tuple[str, ...]

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks of leaving, from whatever cause."""
        ...

    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) P(left for the cause by the horizon); over k they sum to the risk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskInterval:
    """Risks with limits, of n people at m horizons; NaN where not estimable.

    Attributes
    ----------
    horizons : (m,) months.
    risk, lower, upper : (n, m). They are about the person's probability of having left, not about
        whether the person leaves.
    level : of the limits.
    method : how the limits were made: "delta method", "bootstrap", "posterior", ...
    """

    horizons: Floats
    risk: Floats
    lower: Floats
    upper: Floats
    level: float
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return a row a person and horizon: row, horizon_months, risk, lower, upper."""
        n, m = self.risk.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), m),
                "horizon_months": np.tile(self.horizons, n),
                "risk": self.risk.ravel(),
                "lower": self.lower.ravel(),
                "upper": self.upper.ravel(),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """What a model learns from: rows of weight above 0.

    Attributes
    ----------
    X : (n, p) frame.
    y : of n rows.
    weight : (n,) case weights; None where none were given, and all are 1.
    """

    X: pd.DataFrame
    y: Outcome
    weight: Floats | None


class RiskMixin:
    """What every estimator here has beyond `fit` and `predict_risk`."""

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def predict_retention(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) P(still there at the horizon) = 1 - risk."""
        risk: Floats = self.predict_risk(X, horizons)  # type: ignore[attr-defined]
        return 1 - risk

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits. A model has its own method, or is fitted in a `Bootstrapped`.

        Raises
        ------
        InputError : the model has none of its own.
        """
        name = type(self).__name__
        raise InputError(
            f"{name} has no interval of its own",
            where=f"{name}.predict_risk_interval",
            fix=f"fit Bootstrapped({name}(...)), whose intervals are of refits to people drawn "
            "again",
        )

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
    if y is None:
        raise InputError(
            "a model requires y to be passed, but the target y is None",
            where="y",
            fix="Outcome(entry, exit, event), or build_features(people).y",
        )
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
    if y.index is not None and not isinstance(X, pd.DataFrame):
        frame.index = y.index  # of an array, which may be handed on to another model
    return frame


def training_rows(
    X: Any, y: Any, sample_weight: Any = None, *, model: str, must_leave: bool = True
) -> TrainingRows:
    """Return what a model learns from; rows of weight 0 are no rows.

    Parameters
    ----------
    X, y, sample_weight : as given to ``fit``.
    model : its name, for errors.
    must_leave : whether somebody has to leave in these rows.

    Raises
    ------
    InputError : X, y and weights do not fit together, or there are no rows.
    FitError : nobody leaves.
    """
    frame = check_rows(X, y)
    weight = None if sample_weight is None else check_weights(sample_weight, len(frame))
    if weight is not None and len(weight) and not weight.any():
        raise InputError("every sample_weight is zero", where="sample_weight")
    if weight is not None and (weight == 0).any():
        kept = np.flatnonzero(weight)
        frame, y, weight = frame.iloc[kept], y.keep(kept), weight[kept]
    if not len(frame):
        raise InputError(f"{model} has no rows to learn from", where="X")
    if must_leave and not y.left.any():
        raise FitError(
            f"{model} cannot be fitted: nobody leaves in the training rows",
            where="y",
            fix="Kaplan-Meier still gives an interval for retention",
        )
    return TrainingRows(X=frame, y=y, weight=weight)


def check_weights(sample_weight: Any, n: int) -> Floats:
    """Return (n,) case weights, or raise InputError where they are none."""
    try:
        weight = np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError):
        weight = np.empty(0)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise InputError(
            f"sample_weight must be {n} numbers, finite and none negative, one a row of X",
            where="sample_weight",
        )
    return weight


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
    if sparse.issparse(X):
        raise InputTypeError(
            "sparse data were passed, and X must be dense",
            where="X",
            fix="X.toarray(), or a pandas.DataFrame",
        )
    array = np.asarray(X)
    if np.iscomplexobj(array):
        raise InputError("Complex data not supported", where="X", fix="give real numbers")
    if array.ndim != 2:
        raise InputError(
            f"X must be a table, has {array.ndim} dimension(s)",
            where="X",
            fix="Reshape your data: X.reshape(-1, 1) for one column, X.reshape(1, -1) for one row",
        )
    if not array.shape[1]:
        raise InputError(
            f"X has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required.", where="X"
        )
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])]).infer_objects()


def remember_columns(model: Any, frame: pd.DataFrame, names: Sequence[str] | None = None) -> None:
    """Set `feature_names_in_` and `n_features_in_` of a model in ``fit``.

    Parameters
    ----------
    names : the columns that prediction needs; default all.
    """
    model.feature_names_in_ = np.array(
        list(frame.columns if names is None else names), dtype=object
    )
    model.n_features_in_ = frame.shape[1]


def new_rows(model: Any, X: Any) -> pd.DataFrame:
    """Return X with the columns of the fit of `model`, in their order.

    Raises
    ------
    NotFittedError : the model is not fitted.
    InputError : X lacks a column.
    """
    check_is_fitted(model)
    frame = as_frame(X)
    if not isinstance(X, pd.DataFrame) and frame.shape[1] != model.n_features_in_:
        raise InputError(
            f"X has {frame.shape[1]} features, but {type(model).__name__} is expecting "
            f"{model.n_features_in_} features as input",
            where="X",
        )
    names = model.feature_names_in_
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


def censored_together(frame: pd.DataFrame) -> list[str] | None:
    """Return the columns of X that tell who is censored together; None where X has no cohort.

    They are the cohort, and in a stack the landmark. At a census later cohorts have been followed
    for less. With one censoring curve for all, those of a later cohort whose state is known are
    those who left, and a model that sees the cohort learns that later cohorts leave.
    """
    if "cohort_year" not in frame:
        return None
    return ["cohort_year", *(name for name in ("landmark",) if name in frame)]


def together_codes(frame: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """Return (n,) codes of those who are censored together; None where X does not tell."""
    names = censored_together(frame)
    if names is None:
        return None
    return np.asarray(frame[names].astype(str).groupby(names, sort=False).ngroup(), dtype=np.int64)


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


def risk_from_entry(
    model: Any, X: pd.DataFrame, entry: Floats, horizons: Floats, risk: Floats | None = None
) -> Floats:
    """Return (n, m) risks given that the person was still there at entry, which scores ask of.

    Parameters
    ----------
    risk : (n, m) what the model predicts from the start, where that is known already.

    Returns
    -------
    NaN for those who enter past the last time in training: nothing tells who is still there then.
    """
    if risk is None:
        risk = np.asarray(model.predict_risk(X, horizons), dtype=float)
    if not (entry > 0).any():
        return risk
    starts, which = np.unique(entry, return_inverse=True)
    at_entry = np.asarray(model.predict_risk(X, starts))[np.arange(len(X)), which]
    # Who is there from the first day may leave on it, as many do on completing the scheme.
    return conditional_risk(risk, np.where(entry > 0, at_entry, 0.0)[:, None])
