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

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.models.exits.cause_chances import CauseChances, cause_chances
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints, Outcome
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.options import check_option

UnknownCauses = Literal["refuse", "share"]
"""What is done with departures of unknown cause: an error, or weights by cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How weights were shared out by q parameters.

    Attributes
    ----------
    rows : (s,) int, the rows of `CauseRows` that are parts.
    slope : (s, q) derivatives of their weights.
    people : (d,) int codes of those who left from a known cause.
    influence : (d, q) what each of them moves the parameters by.
    """

    rows: Ints
    slope: Floats
    people: Ints
    influence: Floats


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
    unknown : share of the departures, by weight, whose cause was unknown.
    shared : what `covariance_with_shares` needs; None where nothing was shared.
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
    shared: Shared | None


def rows_by_cause(
    X: Floats,
    y: Outcome,
    weight: Floats | None,
    unknown_causes: UnknownCauses,
    *,
    groups: Ints | None = None,
    stays: Ints | None = None,
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
    stays : (n,) int codes of rows that follow each other, of which the last may end in a departure
        (`stays_of`): all of them are shared out as that is, so that the rows of one stay and part
        follow each other. None to share out the last row alone.
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
    weights = np.ones(len(y)) if weight is None else weight
    unknown = y.event == UNKNOWN_CAUSE
    place = np.full(len(y), -1)  # of the departure whose chances share a row out
    place[unknown] = np.arange(unknown.sum())
    if not unknown.any():
        return _cause_rows(X, y, weights, place, None)
    if unknown_causes == "refuse":
        raise InputError(
            f"{int(unknown.sum())} of {int(y.left.sum())} departures have an unknown cause (-1)",
            where=f"{model}, y.event",
            fix='share them out over the causes with unknown_causes="share", which assumes that '
            "causes are missing at random; or leave out causes, and model leaving as one event",
        )
    found = _chances(X, y, weights, unknown, groups, model)
    if stays is not None:
        if len(np.unique(stays[unknown])) < unknown.sum():
            raise InputError(
                "people have several departures from an unknown cause",
                where=f"{model}, y",
                fix="give each stay of a person its own id",
            )
        last = np.full(int(stays.max()) + 1, -1)
        last[stays[unknown]] = place[unknown]
        place = last[stays]
    return _cause_rows(X, y, weights, place, found)


def _cause_rows(
    X: Floats, y: Outcome, weights: Floats, place: Ints, found: CauseChances | None
) -> CauseRows:
    share = np.zeros((len(y), 1 + len(y.causes)))  # by part: 0 = as it is
    share[:, 0] = place < 0
    if found is not None:
        share[place >= 0, 1:] = found.chance[place[place >= 0]]
    row, part = np.nonzero(share)
    event, shared = y.event[row], None
    if found is not None:
        which = np.flatnonzero(part)
        slope = found.slope[place[row[which]], part[which] - 1]
        shared = Shared(
            rows=which,
            slope=weights[row[which], None] * slope,
            people=y.people[y.event > 0],
            influence=found.influence,
        )
    unknown = weights[y.event == UNKNOWN_CAUSE].sum() / max(weights[y.left].sum(), 1e-300)
    return CauseRows(
        row=row,
        X=X[row],
        entry=y.entry[row],
        exit=y.exit[row],
        event=np.where(event == UNKNOWN_CAUSE, part, event),
        weight=weights[row] * share[row, part],
        people=y.people[row],
        part=part,
        unknown=float(unknown),
        shared=shared,
    )


@on_one_thread
def covariance_with_shares(rows: CauseRows, scores: Floats, covariance: Floats) -> Floats:
    """Return the (p, p) robust covariance of coefficients that holds how well shares are known.

    Parameters
    ----------
    rows : some of whose causes were shared out.
    scores : (r, p) what each row contributes to the score of the coefficients, times its weight.
    covariance : (p, p) inverse information of the coefficients.

    Notes
    -----
    A person moves the coefficients through the score and, if they left from a known cause, through
    the chances that others are shared out by.

    Source: Goetghebeur & Ryan (1995); Murphy & Topel (1985), J. Business & Economic Statistics
    3:370-379, for estimates in two steps.
    """
    if rows.shared is None:
        raise InputError("no cause was shared out", where="covariance_with_shares")
    people = int(rows.people.max()) + 1
    total = np.zeros((people, scores.shape[1]))
    np.add.at(total, rows.people, scores)
    which = rows.shared.rows
    pull = rows.shared.slope.T @ (scores[which] / rows.weight[which, None])
    np.add.at(total, rows.shared.people, rows.shared.influence @ pull)
    moved = total @ covariance
    return np.asarray(moved.T @ moved)


def _chances(
    X: Floats, y: Outcome, weight: Floats, unknown: Bools, groups: Ints | None, model: str
) -> CauseChances:
    """Return the chances of the causes of those who left from an unknown one."""
    known = y.event > 0
    if not known.any():
        raise NotEstimableError(
            "no departure has a known cause, so nothing tells how they divide",
            where=f"{model}, y.event",
            fix="model leaving as one event",
        )
    columns = X
    if groups is not None:
        columns = np.hstack([X, np.equal.outer(groups, np.arange(groups.max() + 1)).astype(float)])
    return cause_chances(
        columns[known],
        y.exit[known],
        y.event[known],
        weight[known],
        columns[unknown],
        y.exit[unknown],
        len(y.causes),
    )
