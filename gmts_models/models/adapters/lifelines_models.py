"""Fitted models of lifelines: regressions, with their formulas, and curves of everyone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.adapters.curves import (
    FOLLOWED,
    Curves,
    at_or_before,
    cut,
    name_of,
    refuse_gaps,
    refuse_text,
)
from gmts_models.outcome import Floats

_INTERCEPT = "Intercept"


def read_lifelines(fitted: Any) -> Curves:
    """Return the curves of a fitted lifelines model.

    Raises
    ------
    InputError : it is not fitted, or is of a kind that says no risk of new people.
    """
    import lifelines
    from lifelines.fitters import (
        NonParametricUnivariateFitter,
        ParametricUnivariateFitter,
        RegressionFitter,
    )

    name = name_of(fitted)
    if isinstance(fitted, lifelines.CoxTimeVaryingFitter):
        raise InputError(
            f"{name} needs to know how each person's attributes will go on changing, so it says no "
            "risk of new people",
            where="wrap",
            fix="fit CoxPHFitter to what is known on one day, or at landmarks",
        )
    if isinstance(fitted, lifelines.AalenJohansenFitter):
        raise InputError(
            f"{name} says the incidence of one cause, which is no risk of leaving",
            where="wrap",
            fix="KaplanMeierFitter for the risk",
        )
    if isinstance(fitted, NonParametricUnivariateFitter | ParametricUnivariateFitter):
        if not hasattr(fitted, "survival_function_"):
            raise _unfitted(name)
        steps = isinstance(fitted, NonParametricUnivariateFitter)
        return LifelinesCurve(fitter=fitted, last=float(fitted.timeline[-1]) if steps else np.inf)
    if not isinstance(fitted, RegressionFitter):
        raise InputError(f"{name} says no risk of new people", where="wrap")
    if getattr(fitted, "params_", None) is None and not hasattr(fitted, "cumulative_hazards_"):
        raise _unfitted(name)
    strata = getattr(fitted, "strata", None) or ()
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    numbers, labels = _columns(fitted.regressors.mappings)
    columns = dict.fromkeys([*numbers, *labels, *strata])
    known: dict[str, Any] = {
        "fitter": fitted,
        "columns": tuple(columns),
        "text": frozenset({*labels, *strata} - set(numbers)),
    }
    if isinstance(fitted, lifelines.AalenAdditiveFitter):
        return AdditiveHazards(**known)
    if getattr(fitted, "baseline_estimation_method", None) == "breslow":
        return BreslowCox(**known, strata=strata)
    return Parametric(**known)


def _unfitted(name: str) -> InputError:
    return InputError(f"{name} is not fitted", where="wrap", fix="fit it first")


def _columns(mappings: Any) -> tuple[list[str], list[str]]:
    """Return the columns taken as they are, and those that formulas take."""
    plain: list[str] = []
    coded: list[str] = []
    for mapping in mappings.values():
        if isinstance(mapping, list):
            plain += [name for name in mapping if name != _INTERCEPT]
        else:
            coded += sorted(str(name) for name in mapping.required_variables)
    return plain, coded


@dataclass(frozen=True, slots=True, kw_only=True)
class LifelinesCurve:
    """One curve for everyone: steps until `last`, or a distribution."""

    fitter: Any
    last: float
    columns: tuple[str, ...] | None = ()

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m)."""
        if np.isfinite(self.last):
            table = self.fitter.survival_function_
            values = table.iloc[:, 0].to_numpy(float)[None]
            stays = at_or_before(table.index.to_numpy(float), values, months)
            return np.tile(cut(stays, months, self.last), (len(frame), 1))
        stays = np.ones(len(months))
        some = months > 0
        stays[some] = np.ravel(self.fitter.survival_function_at_times(months[some]))
        return np.tile(stays, (len(frame), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Regression:
    """A regression: its columns, and those of them that may hold text."""

    fitter: Any
    columns: tuple[str, ...] | None
    text: frozenset[str]

    def _predict(self, frame: pd.DataFrame, **times: Floats) -> tuple[Floats, Floats]:
        """Return the times, and lifelines' retention at them, (n, k)."""
        refuse_gaps(frame)
        refuse_text(frame, self.text)
        new = frame.reset_index(drop=True)
        with warnings.catch_warnings():
            # lifelines would count it as the reference, and tell the label in a warning.
            warnings.filterwarnings("error", message="Data has categories outside")
            try:
                found = self.fitter.predict_survival_function(new, **times)
            except Warning:
                raise InputError(
                    "a column has labels that the wrapped model has not seen",
                    where=f"X, {', '.join(sorted(self.text))}",
                    fix="give them one of the labels of its fit",
                ) from None
        # It sorts people by stratum.
        return found.index.to_numpy(float), found[new.index].to_numpy(float).T


@dataclass(frozen=True, slots=True, kw_only=True)
class Parametric(_Regression):
    """Accelerated failure time, piecewise and spline models: a hazard at any time."""

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); the family goes on past the follow-up."""
        stays, some = np.ones((len(frame), len(months))), months > 0
        if some.any():
            stays[:, some] = self._predict(frame, times=months[some])[1]
        return stays


@dataclass(frozen=True, slots=True, kw_only=True)
class BreslowCox(_Regression):
    """Cox with lifelines' baseline, read as steps; each stratum ends with its last month."""

    strata: tuple[str, ...]

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); NaN past the follow-up."""
        grid = self.fitter.baseline_cumulative_hazard_.index.to_numpy(float)
        # Between its times lifelines draws lines; at them it is exact.
        steps = np.unique(
            np.maximum(np.searchsorted(grid, months * (1 + FOLLOWED), "right") - 1, 0)
        )
        values = self._predict(frame, times=grid[steps])[1]
        return cut(at_or_before(grid[steps], values, months), months, self._last(frame, grid[-1]))

    def _last(self, new: pd.DataFrame, longest: float) -> Floats | float:
        if not self.strata:
            return longest
        # The one place where lifelines keeps times by stratum.
        times = self.fitter._predicted_partial_hazards_["T"]
        last = times.groupby(level=list(range(len(self.strata)))).max()
        if len(self.strata) == 1:
            return np.asarray(new[self.strata[0]].map(last), dtype=float)[:, None]
        rows = pd.MultiIndex.from_frame(new[[*self.strata]])
        return np.asarray(last.reindex(rows), dtype=float)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveHazards(_Regression):
    """Aalen's additive hazards; where a hazard is below 0, retention stays as low as it was."""

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m); NaN past the follow-up."""
        grid, found = self._predict(frame)
        values = np.minimum.accumulate(np.minimum(found, 1), axis=1)
        times, left = self.fitter.durations, self.fitter.event_observed.astype(bool)
        # It ends early where too few are left to tell the columns apart.
        whole = grid[-1] >= times[left].max()
        last = float(times.max() if whole else grid[-1])
        return cut(at_or_before(grid, values, months), months, last)
