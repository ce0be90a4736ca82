"""Departures whose cause is missing, shared out over the causes.

That somebody left is known; how is not. `rows_by_cause` makes of such a row one for each cause,
whose weights are the chances of the causes, given what is known: the month of leaving and the
columns. The weights of one departure add up to its own, so that the risk of leaving from any cause
stays what it is; only how departures divide is estimated.

The assumption is that causes are missing at random: among people who left in the same months with
the same columns, those of known cause are like those of unknown cause. It cannot be tested with
these data. Bounds that do without it are in ``stats/incidence/missing_causes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from sklearn.linear_model import LogisticRegression

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints, Outcome
from gmts_models.stats.options import check_option

UnknownCauses = Literal["refuse", "share"]
"""What is done with departures of unknown cause: an error, or weights by cause."""

_BANDS = 4
"""Bands of months, with as many departures each, among which the chances may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRows:
    """Rows that each end in a known cause, or in none.

    Attributes
    ----------
    row : (r,) int, the given row that each is of; columns that are not in X are taken by it.
    X : (r, p) columns.
    entry, exit : (r,) months.
    event : (r,) int, 0 = censored, 1..k = cause; none is unknown.
    weight : (r,) case weights, those of unknown causes shared out; above 0.
    people : (r,) int codes of people, for clusters: the parts of a departure are of one person.
    part : (r,) int, the cause that a part of a departure was given; 0 where nothing was shared.
        The rows of one person and part follow each other like those of a person.
    unknown : share of the departures, by weight, whose cause was unknown.
    """

    row: Ints
    X: Floats
    entry: Floats
    exit: Floats
    event: Ints
    weight: Floats
    people: Ints
    part: Ints
    unknown: float


def rows_by_cause(
    X: Floats,
    y: Outcome,
    weight: Floats | None,
    unknown_causes: UnknownCauses,
    *,
    groups: Ints | None = None,
    whole_people: bool = False,
    model: str,
) -> CauseRows:
    """Return rows that fits by cause can take.

    Parameters
    ----------
    X : (n, p) columns, encoded, of unit variance.
    y : of n rows. Where no cause is unknown its rows are returned as they are.
    weight : (n,) case weights, above 0; None where all are 1.
    unknown_causes : "refuse" (an error where there are any), or "share".
    groups : (n,) int codes, such as strata that are not among the columns; the chances of the
        causes may differ by group.
    whole_people : whether all rows of a person who left from an unknown cause are shared out
        alike, so that the rows of one person and part follow each other; else the last row is.
    model : its name, for errors.

    Raises
    ------
    InputError : causes are unknown and are to be refused; or there is no such choice.
    NotEstimableError : no departure has a known cause.

    Notes
    -----
    The chances are those of a multinomial logistic regression of the known causes on the columns,
    the groups and four bands of months with as many known departures each, with a ridge penalty
    of 1 on the (standardised) columns. Few departures so keep near the shares of all.

    Source: Goetghebeur & Ryan (1995), Biometrika 82:821-833; Lu & Tsiatis (2001), Biometrics
    57:1191-1197, who draw from the same regression.

    Examples
    --------
    >>> import numpy as np
    >>> from gmts_models.outcome import Outcome
    >>> y = Outcome(0, [6.0, 6, 6, 8], [1, 2, -1, 0])
    >>> rows = rows_by_cause(np.zeros((4, 1)), y, None, "share", model="example")
    >>> rows.event.tolist(), rows.weight.round(2).tolist()
    ([1, 2, 1, 2, 0], [1.0, 1.0, 0.5, 0.5, 1.0])
    """
    check_option(unknown_causes, get_args(UnknownCauses), "unknown_causes", model)
    n, weights = len(y), np.ones(len(y)) if weight is None else weight
    unknown = y.event == UNKNOWN_CAUSE
    if unknown.any() and unknown_causes == "refuse":
        raise InputError(
            f"{int(unknown.sum())} of {int(y.left.sum())} departures have an unknown cause (-1)",
            where=f"{model}, y.event",
            fix='share them out over the causes with unknown_causes="share", which assumes that '
            "causes are missing at random; or leave out causes, and model leaving as one event",
        )
    share = np.zeros((n, 1 + len(y.causes)))  # by part: 0 = as it is
    share[:, 0] = 1
    if unknown.any():
        share[unknown] = np.c_[
            np.zeros(unknown.sum()), _chances(X, y, weights, unknown, groups, model)
        ]
        if whole_people:
            share = _as_their_last(share, y, unknown, model)
    row, part = np.nonzero(share)
    event = y.event[row]
    return CauseRows(
        row=row,
        X=X[row],
        entry=y.entry[row],
        exit=y.exit[row],
        event=np.where(event == UNKNOWN_CAUSE, part, event),
        weight=weights[row] * share[row, part],
        people=y.people[row],
        part=part,
        unknown=float(weights[unknown].sum() / max(weights[y.left].sum(), np.finfo(float).tiny)),
    )


def _chances(
    X: Floats,
    y: Outcome,
    weight: Floats,
    unknown: Bools,
    groups: Ints | None,
    model: str,
) -> Floats:
    """Return (u, k) chances of the causes of those who left from an unknown one."""
    known = y.event > 0
    chance = np.zeros((int(unknown.sum()), len(y.causes)))
    seen = np.unique(y.event[known])
    if not len(seen):
        raise NotEstimableError(
            "no departure has a known cause, so nothing tells how they divide",
            where=f"{model}, y.event",
            fix="model leaving as one event",
        )
    if len(seen) == 1:
        chance[:, seen[0] - 1] = 1
        return chance
    edges = np.quantile(
        y.exit[known], np.arange(1, _BANDS) / _BANDS, method="inverted_cdf", weights=weight[known]
    )
    edges = np.unique(edges)
    design = np.hstack([X, _indicators(np.searchsorted(edges, y.exit), len(edges) + 1)])
    if groups is not None:
        design = np.hstack([design, _indicators(groups, int(groups.max()) + 1)])
    fit = LogisticRegression(C=1.0, tol=1e-8, max_iter=200, solver="newton-cholesky")
    fit.fit(design[known], y.event[known], sample_weight=weight[known])
    chance[:, fit.classes_ - 1] = fit.predict_proba(design[unknown])
    return chance


def _indicators(codes: Ints, count: int) -> Floats:
    return np.equal.outer(codes, np.arange(count)).astype(float)


def _as_their_last(share: Floats, y: Outcome, unknown: Bools, model: str) -> Floats:
    """Give every row of a person the shares (n, 1 + k) of the row in which they left."""
    if y.ids is None:
        return share
    people = y.ids[unknown]
    if len(np.unique(people)) < len(people):
        raise InputError(
            "people have several departures from an unknown cause",
            where=f"{model}, y",
            fix="give each stay of a person its own id",
        )
    last = np.full(int(y.ids.max()) + 1, -1)
    last[people] = np.flatnonzero(unknown)
    place = last[y.ids]
    return np.where((place >= 0)[:, None], share[place], share)
