"""Fitted models of libraries that this package never imports, known by their methods.

Each was read at: scikit-survival 0.28, SurPyval 0.25, greenwood 0.8.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.adapters.curves import (
    Curves,
    at_or_before,
    cut,
    name_of,
    need_columns,
    need_last,
    numbers,
    refuse_gaps,
)
from gmts_models.outcome import Floats


def read_other(fitted: Any, columns: Sequence[str] | None, last: float | None) -> Curves | None:
    """Return the curves of a fitted model, or None where its methods are not known.

    Raises
    ------
    InputError : it is not fitted, or does not tell its columns or follow-up and `columns` or `last`
        do not either.
    """
    if callable(getattr(fitted, "predict_survival_function", None)):
        return _scikit_survival(fitted, columns)
    takes = _parameters(getattr(fitted, "sf", None))
    if {"x", "Z"} <= takes.keys():
        return _surpyval(fitted, columns, last, takes)
    if {"type", "times"} <= _parameters(getattr(fitted, "predict", None)).keys():
        return _greenwood(fitted, columns, last)
    return None


def _parameters(method: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return {}


def _unfitted(fitted: Any) -> InputError:
    return InputError(f"{name_of(fitted)} is not fitted", where="wrap", fix="fit it first")


# ---------------------------------------------------- scikit-survival


def _scikit_survival(fitted: Any, columns: Sequence[str] | None) -> Curves:
    try:
        count = getattr(fitted, "n_features_in_", None)
    except AttributeError:  # a pipeline asks its first step
        count = None
    if count is None:
        raise _unfitted(fitted)
    names = getattr(fitted, "feature_names_in_", columns)
    if names is None:
        raise need_columns(fitted)
    if len(names) != count:
        raise InputError(
            f"{name_of(fitted)} takes {count} columns, and {len(names)} are named",
            where="wrap(columns=...)",
        )
    return StepFunctions(
        model=fitted,
        columns=tuple(map(str, names)),
        named=hasattr(fitted, "feature_names_in_"),
        codes=hasattr(fitted, "steps"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFunctions:
    """Step functions, one a person, on one grid of times.

    Attributes
    ----------
    named : whether it was fitted to a frame.
    codes : whether it is a pipeline, which may code text and fill gaps.
    """

    model: Any
    columns: tuple[str, ...] | None
    named: bool
    codes: bool

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); NaN past the follow-up."""
        new: Any = frame if self.codes else numbers(frame)
        found = self.model.predict_survival_function(new if self.named else new.to_numpy(float))
        first = found[0]
        if hasattr(first, "x"):
            grid, last = np.asarray(first.x, dtype=float), float(first.domain[1])
            values = np.array([each(each.x) for each in found], dtype=float)
        else:
            grid = np.asarray(self._times(), dtype=float)
            values, last = np.asarray(found, dtype=float), float(grid[-1])
        values = values.reshape(len(frame), len(grid))
        return cut(at_or_before(grid, values, months), months, last)

    def _times(self) -> Any:
        for name in ("unique_times_", "event_times_"):
            if hasattr(self.model, name):
                return getattr(self.model, name)
        raise InputError(
            f"{name_of(self.model)} gives arrays and not the times that they belong to",
            where="predict_survival_function",
            fix="return step functions, or have unique_times_",
        )


# ----------------------------------------------------------- SurPyval


def _surpyval(
    fitted: Any,
    columns: Sequence[str] | None,
    last: float | None,
    takes: dict[str, inspect.Parameter],
) -> Curves:
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in takes.values()):
        raise _unfitted(fitted)  # a fitter, whose sf takes the parameters too
    if getattr(fitted, "is_stratified", False):
        raise _stratified(fitted)
    formula = getattr(fitted, "formula", None)
    names = None if formula else (getattr(fitted, "feature_names", None) or columns)
    if formula is None and names is None:
        raise need_columns(fitted)
    steps = hasattr(fitted, "H0") and hasattr(fitted, "x")
    if steps:
        last = float(np.max(fitted.x))
    elif last is None and not hasattr(fitted, "dist_params"):
        raise need_last(fitted)
    return Regression(
        model=fitted,
        columns=None if names is None else tuple(map(str, names)),
        last=np.inf if last is None else last,
        grid="grid" in takes,
        steps=steps,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """SurPyval's ``sf(x, Z)``; with a formula, which picks and codes the columns itself."""

    model: Any
    columns: tuple[str, ...] | None
    last: float
    grid: bool
    steps: bool

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); NaN past the follow-up of a model of steps."""
        Z: Any = frame
        if self.columns is not None:
            refuse_gaps(frame)
            Z = numbers(frame).to_numpy(float)
        if self.grid:
            found = self.model.sf(months, Z, grid=True)
        else:
            one = Z.__getitem__ if isinstance(Z, np.ndarray) else lambda i: Z.iloc[[i]]
            found = np.array([self.model.sf(months, one(i)) for i in range(len(frame))])
        stays = np.asarray(found, dtype=float).reshape(len(frame), len(months))
        if not self.steps:  # some families are NaN at 0, where everyone is there
            stays = np.where(months == 0, 1.0, stays)
        return cut(stays, months, self.last)


# ---------------------------------------------------------- greenwood


def _greenwood(fitted: Any, columns: Sequence[str] | None, last: float | None) -> Curves:
    terms = getattr(fitted, "feature_names_in_", getattr(fitted, "term_names_", None))
    if terms is None:
        raise _unfitted(fitted)
    if getattr(fitted, "_strata_labels", None) is not None:
        raise _stratified(fitted)
    # It calls the columns of an array x0, x1, ..., and would take any frame by position.
    array = any(re.fullmatch(r"x\d+", str(term)) for term in terms)
    design = getattr(fitted, "_design_spec", None)
    names = columns or (None if array else getattr(design, "columns", None))
    if names is None and array:
        raise need_columns(fitted)
    family = any(hasattr(fitted, name) for name in ("scale_", "knots_", "breaks_"))
    if not family:
        last = _followed(fitted, last)
    return Frames(
        model=fitted,
        columns=None if names is None else tuple(map(str, names)),
        last=np.inf if last is None else last,
        array=array,
        family=family,
    )


def _followed(fitted: Any, last: float | None) -> float:
    """Return the last month of follow-up; some kinds keep that of the last departure only."""
    for name in ("_exit", "_time_train"):
        if getattr(fitted, name, None) is not None:
            return float(np.max(getattr(fitted, name)))
    if last is None and getattr(fitted, "event_times_", None) is not None:
        return float(np.max(fitted.event_times_))
    if last is None:
        raise need_last(fitted)
    return last


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """greenwood's ``predict(type="survival")``, a frame with a column a person.

    Attributes
    ----------
    array : whether it was fitted to an array.
    family : whether a family of times goes on past the follow-up.
    """

    model: Any
    columns: tuple[str, ...] | None
    last: float
    array: bool
    family: bool

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); NaN past the follow-up of a model of steps."""
        if self.columns is not None:
            refuse_gaps(frame)
        new = numbers(frame).to_numpy(float) if self.array else frame
        found = self.model.predict(new, type="survival", times=months, format="pandas")
        stays = found.drop(columns="time").to_numpy(float).T
        if self.family:
            stays = np.where(months == 0, 1.0, stays)
        return cut(stays, months, self.last)


def _stratified(fitted: Any) -> InputError:
    return InputError(
        f"{name_of(fitted)} has strata and does not know the name of their column",
        where="wrap",
        fix="fit gm.CoxPH(strata=...), or lifelines' CoxPHFitter, which do",
    )
