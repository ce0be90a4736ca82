"""Hazards of whole months in which groups borrow strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal, get_args

import numpy as np

from gmts_models.errors import InputError
from gmts_models.models.hazards.learning_rows import learning_rows
from gmts_models.models.hazards.time_basis import TimeBasis, fit_time_basis
from gmts_models.models.hierarchical.partially_pooled import PartiallyPooled
from gmts_models.models.protocol import TrainingRows
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hierarchy.hazard import fit_hierarchical_hazard
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm

PooledBasis = Literal["spline", "steps", "log", "linear"]
Link = Literal["logit", "cloglog"]


class HierarchicalHazard(PartiallyPooled):
    """The chance to leave in a month, with an effect of each group, drawn to the mean.

    Parameters
    ----------
    by, slopes, crossed, prior_sd, encoder : as for `HierarchicalCox`.
    time_basis : how the hazard changes with time: "spline", "steps", "log" or "linear", as for
        `DiscreteTimeHazard`. Months in which nobody leaves do no harm.
    time_df : columns of a spline, or of steps.
    link : "logit": effects are on the log odds of leaving in a month; "cloglog": on the log hazard
        of continuous time, seen by the month.
    width : months in a period, if these are not to be months.
    until : the last period to learn from and to predict; later departures are censored at its end.
    alpha : ridge penalty on the coefficients, and on those of the columns of the period, as for
        `DiscreteTimeHazard`. Above 0 it keeps them finite where everybody leaves in the last.

    Attributes
    ----------
    coef_, covariance_, terms_, groups_, variance_, feature_names_in_ : as for `HierarchicalCox`;
        with "logit", ratios are of odds, and those of rare leaving nearly of hazards.
    time_basis_ : the columns of the period.
    uncounted_ : departures, by weight, that are in no period of the fit: of people who came under
        observation in the month that they left in, or past `until`.

    Notes
    -----
    The month in which someone comes under observation, and that in which someone is lost, do not
    count (``stats/hazards/person_periods.py``). Departures on the first day count in the first
    month. Risk is NaN past the last month that anyone was followed in; within a month the
    cumulative hazard is a straight line. Terms, missing labels and groups that were not in training
    are as for `HierarchicalCox`, and limits with "cloglog" covered as often in its simulations.
    """

    time_basis_: TimeBasis
    uncounted_: float

    def __init__(
        self,
        by: str | Sequence[str] = "specialism",
        slopes: str | Sequence[str] = (),
        crossed: str | Sequence[str] = (),
        prior_sd: float = 0.5,
        time_basis: PooledBasis = "spline",
        time_df: int = 3,
        link: Link = "logit",
        width: float = 1.0,
        until: int | None = None,
        encoder: Any = None,
        alpha: float = 0.0,
    ) -> None:
        self.by = by
        self.slopes = slopes
        self.crossed = crossed
        self.prior_sd = prior_sd
        self.time_basis = time_basis
        self.time_df = time_df
        self.link = link
        self.width = width
        self.until = until
        self.encoder = encoder
        self.alpha = alpha

    def _maximise(
        self, matrix: Floats, effects: list[RandomTerm], rows: TrainingRows, penalty: Floats | None
    ) -> HierarchicalFit:
        self._check()
        y = rows.y
        learnt = learning_rows(
            matrix,
            y,
            rows.weight,
            by_cause=False,
            unknown_causes="refuse",
            width=self.width,
            until=self.until,
        )
        self.time_basis_ = fit_time_basis(
            self.time_basis, learnt.departures, learnt.followed, df=self.time_df
        )
        self.uncounted_ = learnt.uncounted
        first, last = learnt.spans.first, learnt.spans.last
        own = np.flatnonzero(last > first)  # rows of no whole period say nothing
        return fit_hierarchical_hazard(
            matrix[own],
            [_part(term, own) for term in effects],
            last[own] * self.width,
            learnt.spans.event[own] != 0,
            first[own] * self.width,
            None if rows.weight is None else rows.weight[own],
            y.people[own],
            baseline=self._baseline,
            link=self.link,
            width=self.width,
            penalty=penalty,
            baseline_penalty=self._baseline_penalty(),
            names=self.terms_,
        )

    def _check(self) -> None:
        for name, given, known in (
            ("time_basis", self.time_basis, get_args(PooledBasis)),
            ("link", self.link, get_args(Link)),
        ):
            if given not in known:
                raise InputError(
                    f"{name} must be one of {', '.join(known)}",
                    where=f"HierarchicalHazard({name}=...)",
                )
        width: Any = self.width
        if not isinstance(width, Real) or not 0 < float(width) < np.inf:
            raise InputError(
                "width must be a positive number of months", where="HierarchicalHazard(width=...)"
            )
        until: Any = self.until
        whole = isinstance(until, Integral) and not isinstance(until, bool)
        if until is not None and not (whole and until >= 1):
            raise InputError(
                "until must be the number of the last period, at least 1",
                where="HierarchicalHazard(until=...)",
            )

    def _baseline(self, months: Floats) -> Floats:
        """Return (q, b) the intercept and the columns of months (q,)."""
        return np.column_stack([np.ones(len(months)), self.time_basis_.columns(months)])

    def _baseline_penalty(self) -> Floats:
        """Return (b,) the ridge penalty of the baseline's columns; none of the intercept's."""
        return np.append(0.0, np.full(len(self.time_basis_.centre), float(self.alpha)))


def _part(term: RandomTerm, own: Ints) -> RandomTerm:
    column = None if term.column is None else term.column[own]
    return replace(term, codes=term.codes[own], column=column)
