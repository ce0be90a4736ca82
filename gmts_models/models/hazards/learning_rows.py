"""What a model of hazards learns from: people, the periods they are at risk in, and what came."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from gmts_models.errors import InputError
from gmts_models.models.exits.unknown_causes import UnknownCauses, rows_by_cause
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.hazards.person_periods import PeriodSpans, period_spans

_WHERE = "DiscreteTimeHazard"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRows:
    """People with the periods that they are at risk in.

    Attributes
    ----------
    X : (r, p) columns; where causes were shared out, a person has a part for each.
    spans : of r rows; events are 0 = stays, 1 = leaves, or 1..k = cause.
    weight : (r,) case weights; None where all are 1.
    departures, followed : (q,) departures and people in the periods 1..q, by weight.
    uncounted : departures, by weight, that are in no period: those of people who were not yet
        under observation when the period began, and those past the last period to keep.
    """

    X: Floats
    spans: PeriodSpans
    weight: Floats | None
    departures: Floats
    followed: Floats
    uncounted: float


def learning_rows(
    X: Floats,
    y: Outcome,
    weight: Floats | None,
    *,
    by_cause: bool,
    unknown_causes: UnknownCauses,
    width: float,
    until: int | None,
) -> LearningRows:
    """Return people with their periods.

    Parameters
    ----------
    X : (n, p) columns, standardised; gaps are NaN.
    y : of n rows. Departures at month 0 are of the first period.
    weight : (n,) case weights; None where all are 1.
    by_cause : whether causes are told apart.
    unknown_causes : as for `rows_by_cause`; where causes are not told apart they need not be known.
    width, until : as for `period_spans`.

    Raises
    ------
    InputError : `width` or `until` is no such number, or causes are unknown and refused.
    NotEstimableError : nobody was followed for a whole period.
    """
    _check_periods(width, until)
    entry, exit_, people = y.entry, y.exit, y.people
    event = np.asarray(y.left, dtype=np.int64)
    if by_cause:
        # The columns that tell causes apart take no gaps; the mean stands for one.
        rows = rows_by_cause(
            np.nan_to_num(X), y, weight, unknown_causes, stays=y.people, model=_WHERE
        )
        entry, exit_, event = rows.entry, rows.exit, rows.event
        people = rows.people * (1 + len(y.causes)) + rows.part
        X = X[rows.row]
        weight = rows.weight if weight is not None or (rows.part > 0).any() else None
    first_day = (exit_ == 0) & (event != 0)
    spans = period_spans(
        np.where(first_day, width, exit_), event, entry, people, width=width, until=until
    )
    of = np.ones(len(event)) if weight is None else weight
    gone = spans.event != 0
    q = int(spans.last[spans.last > spans.first].max())
    ends = np.minimum(spans.last, q), np.minimum(spans.first, q)
    end, begin = (np.bincount(at, of, q + 1).astype(float) for at in ends)
    return LearningRows(
        X=X,
        spans=spans,
        weight=weight,
        departures=np.bincount(spans.last[gone], of[gone], q + 1)[1:].astype(float),
        followed=np.maximum(np.cumsum((end - begin)[::-1])[::-1][1:], 0),
        uncounted=max(0.0, float(of[event != 0].sum() - of[gone].sum())),
    )


def _check_periods(width: Any, until: Any) -> None:
    if not isinstance(width, Real) or not 0 < float(width) < np.inf:
        raise InputError("width must be a positive number of months", where=f"{_WHERE}(width=...)")
    whole = isinstance(until, int | np.integer) and not isinstance(until, bool) and until >= 1
    if until is not None and not whole:
        raise InputError(
            "until must be the number of the last period, at least 1",
            where=f"{_WHERE}(until=...)",
            fix="for 60 months, until=60 with width=1 or until=5 with width=12",
        )
