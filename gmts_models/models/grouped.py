"""A model for each group, one for all, or one in which groups borrow strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.combining.inner_models import fit_clone
from gmts_models.models.encoding import column_kinds
from gmts_models.models.hierarchical.groups import by_columns, group_labels, require_columns
from gmts_models.models.hierarchical.partial_pooling import partially_pooled
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Ints, Outcome

Pooling = Literal["full", "none", "partial"]


def _has(name: str) -> Callable[[Any], bool]:
    return lambda model: hasattr(model.estimator, name)


class Grouped(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a model to groups such as specialisms, with as much pooling as is wanted.

    Parameters
    ----------
    estimator : model to be fitted; a clone of it is. Unless pooling is "partial" it does not see
        the columns `by`, so it may not use them as strata either.
    pooling : "none": a fit for each group, which knows nothing of the others. "full": one fit for
        all, as if there were no groups. "partial": one fit in which each group has an effect of
        its own, drawn towards the average as far as its people are few; for `CoxPH`, which becomes
        a `HierarchicalCox`, and for `DiscreteTimeHazard` with logistic regression, which becomes a
        `HierarchicalHazard`. Their other options, such as slopes by group, are to be had by using
        these two themselves.
    by : column of X that names the group, or several whose labels name it together.

    Attributes
    ----------
    estimators_ : with "none", the fitted model by the group's label (of several columns joined by
        " | ").
    estimator_ : with "full" and "partial", the one fitted model.
    causes_ : names of the causes, where the estimator is a model of causes.
    feature_names_in_ : columns of X.

    Notes
    -----
    A missing label is a group of its own, "missing". With "none" the risk of a group that was not
    in training is NaN, not estimable; with "full" it is that of anyone; with "partial" it is
    averaged over what such groups are like.

    A group whose people are all alike in a column, or of whom nobody leaves, cannot be fitted by
    most models, and then nothing is.
    """

    estimators_: dict[str, Any]
    estimator_: Any
    causes_: tuple[str, ...]

    def __init__(
        self,
        estimator: Any,
        pooling: Pooling = "none",
        by: str | Sequence[str] = "specialism",
    ) -> None:
        self.estimator = estimator
        self.pooling = pooling
        self.by = by

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit to each group, or to all.

        Raises
        ------
        FitError : the estimator cannot be fitted to a group, which is named.
        InputError : X, y and `by` do not fit together, or the estimator has no partially pooled
            form.
        """
        rows = training_rows(X, y, sample_weight, model="Grouped", must_leave=False)
        columns = self._check()
        require_columns(rows.X, columns, "Grouped(by=...)")
        column_kinds(rows.X[columns])
        remember_columns(self, rows.X)
        if self.pooling == "none":
            labels = group_labels(rows.X, columns)
            self.estimators_ = {
                label: self._fit_group(rows, columns, np.flatnonzero(labels == label), label)
                for label in sorted(set(labels))
            }
            first = next(iter(self.estimators_.values()))
        else:
            first = self.estimator_ = self._fit_all(rows, columns)
        if hasattr(first, "causes_"):
            self.causes_ = first.causes_
        return self

    def _check(self) -> list[str]:
        if isinstance(self.estimator, type) or not hasattr(self.estimator, "predict_risk"):
            raise InputError(
                "the estimator must be a model with predict_risk",
                where="Grouped(estimator=...)",
                fix="for instance Grouped(CoxPH()); a classifier of scikit-learn goes into "
                "HorizonClassifier first",
            )
        if self.pooling not in get_args(Pooling):
            raise InputError(
                f"pooling must be one of {', '.join(get_args(Pooling))}",
                where="Grouped(pooling=...)",
            )
        return by_columns(self.by, "Grouped(by=...)")

    def _fit_all(self, rows: TrainingRows, columns: list[str]) -> Any:
        if self.pooling == "partial":
            return _fit(partially_pooled(self.estimator, self.by), rows)
        return _fit(self.estimator, _without(columns, rows))

    def _fit_group(self, rows: TrainingRows, columns: list[str], own: Ints, label: str) -> Any:
        part = TrainingRows(
            X=rows.X.iloc[own],
            y=rows.y.keep(own),  # rows of one person may stand in several groups
            weight=None if rows.weight is None else rows.weight[own],
        )
        try:
            return _fit(self.estimator, _without(columns, part))
        except (FitError, NotEstimableError, InputError) as error:
            if isinstance(error, InputError) and len(own) > 1:
                raise  # of an argument or a column, not of the group
            raise FitError(
                f"{type(self.estimator).__name__} cannot be fitted to the group {label!r} by "
                f"itself: {_reason(error)}",
                where=f"Grouped(pooling='none'), {', '.join(columns)}",
                fix="pool partially, which lets groups borrow strength: pooling='partial' (for "
                "CoxPH and DiscreteTimeHazard); or use fewer columns, a penalty, or larger groups",
            ) from None

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; with "none" NaN for a group that was not in training."""
        frame, months = new_rows(self, X), check_horizons(horizons)
        return self._by_group("predict_risk", frame, months, (len(months),))

    @available_if(_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) incidence by cause; with "none" NaN as `predict_risk`."""
        frame, months = new_rows(self, X), check_horizons(horizons)
        shape = (len(months), len(self.causes_))
        return self._by_group("predict_incidence", frame, months, shape)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return the estimator's risks with its limits; with "none" NaN as `predict_risk`."""
        frame, months = new_rows(self, X), check_horizons(horizons)
        if self.pooling != "none":
            found: RiskInterval = self.estimator_.predict_risk_interval(
                self._seen(frame), months, level
            )
            return found
        risk, lower, upper = np.full((3, len(frame), len(months)), np.nan)
        methods: dict[str, None] = {}
        for fit, own in self._parts(frame):
            part = fit.predict_risk_interval(self._seen(frame.iloc[own]), months, level)
            risk[own], lower[own], upper[own] = part.risk, part.lower, part.upper
            methods[part.method] = None
        return RiskInterval(
            horizons=months,
            risk=risk,
            lower=lower,
            upper=upper,
            level=level,
            method=", ".join(methods) or "not estimable",
        )

    def _by_group(
        self, name: str, frame: pd.DataFrame, months: Floats, shape: tuple[int, ...]
    ) -> Floats:
        """Ask each row's fit for what `name` predicts, (n, *shape)."""
        if self.pooling != "none":
            return np.asarray(getattr(self.estimator_, name)(self._seen(frame), months))
        result = np.full((len(frame), *shape), np.nan)
        for fit, own in self._parts(frame):
            result[own] = getattr(fit, name)(self._seen(frame.iloc[own]), months)
        return result

    def _parts(self, frame: pd.DataFrame) -> list[tuple[Any, Ints]]:
        """Return each group's fit and the rows of its people, where there are any."""
        labels = group_labels(frame, self._columns())
        parts = ((fit, np.flatnonzero(labels == label)) for label, fit in self.estimators_.items())
        return [(fit, own) for fit, own in parts if len(own)]

    def _seen(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the estimator was fitted with."""
        return frame if self.pooling == "partial" else frame.drop(columns=self._columns())

    def _columns(self) -> list[str]:
        return by_columns(self.by, "Grouped(by=...)")


def _reason(error: FitError | NotEstimableError | InputError) -> str:
    """Return what an error says, unless it may count the people of a group."""
    if _counts(error.what):
        return "its people are too few or too much alike"
    if error.where is None or _counts(error.where):
        return error.what
    return f"{error.what} ({error.where})"


def _counts(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _without(columns: list[str], rows: TrainingRows) -> TrainingRows:
    return replace(rows, X=rows.X.drop(columns=columns))


def _fit(model: Any, rows: TrainingRows) -> Any:
    try:
        return fit_clone(model, rows)
    except FitError as error:
        if rows.X.shape[1]:
            raise
        raise InputError(
            f"X only names groups, and {type(model).__name__} needs at least 1 feature(s) more",
            where="X",
            fix="give it an attribute, or use KaplanMeier(by=...)",
        ) from error
