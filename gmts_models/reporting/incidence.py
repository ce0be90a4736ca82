"""Where leavers go: incidence by cause and group, with what is not known about the causes.

Disclosure control is that of ``retention.py``, and by cause as well: where few of a group left for
a cause, its figures are not shown, nor those by which they could be had by subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import null_space

from gmts_models.config import Endpoint
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import People
from gmts_models.disclosure import DEFAULT_THRESHOLD, check_threshold, suppress_counts
from gmts_models.errors import NotEstimableError
from gmts_models.models.protocol import check_horizons
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints, Outcome
from gmts_models.reporting.retention import ALL, hidden_groups, labels_of
from gmts_models.stats.incidence.missing_causes import (
    IncidenceWithMissingCauses,
    impute_causes,
    incidence_with_missing_causes,
)
from gmts_models.stats.times import count_at_risk

_FEW = "none of these departures has a known cause, or there are none"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IncidenceTable:
    """Incidence of g groups at m horizons by c causes.

    Attributes
    ----------
    groups : (g,) names; "All" first.
    causes : (c,) names.
    horizons : (m,) months.
    n : (g,) people; NaN where suppressed.
    unknown : (g,) share of the departures whose cause is missing; NaN where suppressed.
    incidence, lower, upper : (g, m, c) P(left by the horizon, cause) and its limits, missing causes
        imputed; NaN where not estimable or not shown.
    lowest, highest : (g, m, c) the incidence if none, or all, of the missing causes were this one.
    level : of the limits.
    threshold : smallest count that is shown.
    """

    groups: tuple[str, ...]
    causes: tuple[str, ...]
    horizons: Floats
    n: Floats
    unknown: Floats
    incidence: Floats
    lower: Floats
    upper: Floats
    lowest: Floats
    highest: Floats
    level: float
    threshold: int

    def to_frame(self) -> pd.DataFrame:
        """Return a row a group, horizon and cause."""
        g, m, c = self.incidence.shape
        return pd.DataFrame(
            {
                "group": np.repeat(self.groups, m * c),
                "n": np.repeat(self.n, m * c),
                "horizon_months": np.tile(np.repeat(self.horizons, c), g),
                "cause": np.tile(self.causes, g * m),
                **{
                    name: getattr(self, name).ravel()
                    for name in ("incidence", "lower", "upper", "lowest", "highest")
                },
            }
        )

    def __repr__(self) -> str:
        return self.to_frame().to_string(index=False, float_format=lambda value: f"{value:.3f}")


def incidence_table(
    people: People,
    by: str = "specialism",
    horizons: npt.ArrayLike = (12, 24, 36, 60),
    endpoint: Endpoint = "left_nhs",
    *,
    level: float = 0.95,
    imputations: int = 20,
    seed: int = 0,
    threshold: int = DEFAULT_THRESHOLD,
) -> IncidenceTable:
    """Estimate by Aalen-Johansen who has left by when, and where to.

    A missing destination is imputed as destinations occur in the same group, and bounded by what
    would be if none or all of the missing ones were the same.

    Parameters
    ----------
    people : checked records.
    by : a column of theirs with text.
    horizons : (m,) months since the clock's start.
    endpoint : what counts as leaving; of "left_scheme", completing is the second cause.
    level : of the limits.
    imputations : how often missing causes are drawn.
    seed : of the draws.
    threshold : disclosure control; 1 shows everything.

    Raises
    ------
    InputError : there is no such column, or no such endpoint in these records.
    NotEstimableError : no departure has a known cause.
    """
    months = check_horizons(horizons)
    check_threshold(threshold)
    followed = build_outcome(people, endpoint, competing=True)
    y, c = followed.y, len(followed.y.causes)
    labels = labels_of(people, by).iloc[followed.rows]
    names = (ALL, *sorted(labels.dropna().unique()))
    if not (y.event > 0).any():
        raise NotEstimableError(_FEW, where="destination", fix="retention needs no causes")
    drawn = impute_causes(
        y.event,
        c,
        rng=np.random.default_rng(seed),
        strata=labels.fillna("").to_numpy(str),
        imputations=imputations,
    )
    parts = [np.arange(len(y)), *(_rows(labels, name) for name in names[1:])]
    found = [_estimate(y, part, drawn, months, c, level) for part in parts]
    n = np.array([float(len(part)) for part in parts])
    nameless = n[0] - n[1:].sum()
    shut = hidden_groups(pd.Series(n[1:]), threshold, others=nameless)
    groups = np.r_[n[0] < threshold, shut]
    counts = np.array([_counts(y.event[part], c) for part in parts])
    hidden, unknown = _hidden(counts, groups, threshold)
    few = np.array([_few_at_risk(y, part, months, threshold) for part in parts])
    blank = hidden[:, None, :] | few[:, :, None]
    # Between the bounds of any cause lie the departures without one.
    bounds = blank | unknown[:, None, None]
    return IncidenceTable(
        groups=names,
        causes=y.causes,
        horizons=months,
        n=np.where(groups, np.nan, n),
        unknown=np.where(unknown, np.nan, [each.missing for each in found]),
        **{
            name: np.where(where, np.nan, [getattr(each, name) for each in found])
            for name, where in (
                *dict.fromkeys(("incidence", "lower", "upper"), blank).items(),
                *dict.fromkeys(("lowest", "highest"), bounds).items(),
            )
        },
        level=level,
        threshold=threshold,
    )


def _estimate(
    y: Outcome, part: Ints, drawn: Ints, months: Floats, causes: int, level: float
) -> IncidenceWithMissingCauses:
    return incidence_with_missing_causes(
        y.exit[part],
        y.event[part],
        months,
        y.entry[part],
        imputed=drawn[:, part],
        causes=causes,
        level=level,
    )


def _rows(labels: pd.Series[str], name: str) -> Ints:
    return np.flatnonzero((labels == name).to_numpy()).astype(np.int64)


def _counts(event: Ints, causes: int) -> Floats:
    """Return (c + 1,) departures by cause, and those without."""
    known = np.bincount(event[event > 0], minlength=causes + 1)[1:]
    return np.asarray(np.r_[known, (event == UNKNOWN_CAUSE).sum()], dtype=float)


def _few_at_risk(y: Outcome, part: Ints, months: Floats, threshold: int) -> Bools:
    at_risk = count_at_risk(months, y.entry[part], y.exit[part])
    return np.asarray((at_risk < threshold) & (at_risk > 0))


def _hidden(counts: Floats, groups: Bools, threshold: int) -> tuple[Bools, Bools]:
    """Return (g, c) which causes of which groups are not shown, and (g,) whose missing causes.

    A row adds up to the departures of a group, and a column to those of all, so that a hidden
    cell takes others of its row and of its column with it, until no sum tells of a small one. A
    cause of which nobody is known to have left is hidden where the causes of others are missing:
    its figures would be guesses alone.
    """
    rest = counts[:1] - counts[1:].sum(axis=0)  # those without a label: never shown
    every = np.vstack([counts, rest])
    known, missing = every[:, :-1], every[:, -1]
    shut, off = np.r_[groups, False], np.r_[groups, groups[1:].any()]
    unknown = np.r_[
        groups[0] | (0 < missing[0] < threshold),
        suppress_counts(
            pd.Series(missing[1:]), threshold, total_published=True, also=shut[1:]
        ).isna(),
    ]
    hidden = np.repeat(shut[:, None], known.shape[1], axis=1)
    if threshold > 1:
        hidden |= (known == 0) & (missing[:, None] > 0)
    hidden = _hide_sums(known, hidden, threshold)
    while (told := _told(known, hidden, off, threshold)).any():
        hidden.flat[_companion(known, hidden, told)] = True
        hidden = _hide_sums(known, hidden, threshold)
    return hidden[:-1], unknown[:-1]


def _companion(counts: Floats, hidden: Bools, told: Bools) -> int:
    """Return the cell to hide with the first that is told: the smallest of its row or column."""
    row, column = np.argwhere(told)[0]
    near = np.zeros_like(hidden)
    near[row] = hidden[row].sum() == 1 or hidden[:, column].sum() > 1
    near[:, column] |= hidden[:, column].sum() == 1 or hidden[row].sum() > 1
    shown = ~hidden
    choices = (near & shown & (counts > 0), near & shown, shown & (counts > 0), shown)
    choice = next(each for each in choices if each.any())  # where all are hidden, none is told
    return int(np.argmin(np.where(choice, counts, np.inf)))


def _hide_sums(counts: Floats, hidden: Bools, threshold: int) -> Bools:
    """Hide small counts, and others until no row and no column of groups tells of them."""
    hidden = hidden.copy()
    while True:
        before = hidden.copy()
        for g, row in enumerate(counts):
            hidden[g] = suppress_counts(
                pd.Series(row), threshold, total_published=True, also=hidden[g]
            ).isna()
        for k, column in enumerate(counts[1:].T):
            hidden[1:, k] = suppress_counts(
                pd.Series(column), threshold, total_published=True, also=hidden[1:, k]
            ).isna()
        if (hidden == before).all():
            return hidden


def _told(counts: Floats, hidden: Bools, off: Bools, threshold: int) -> Bools:
    """Return the small hidden counts that all sums together still tell.

    The sums are linear equations of the hidden counts: a count that is 0 throughout their null
    space has one value only. Nothing is told of the departures of groups that are `off`; and of a
    single cause they are the count itself, which retention hides where it is small.
    """
    g, c = counts.shape
    rows = np.kron(np.eye(g), np.ones(c))[~off] if c > 1 else np.empty((0, g))
    columns = np.kron(np.r_[1.0, np.full(g - 1, -1.0)], np.eye(c))
    free = np.ones(int(hidden.sum()), dtype=bool)
    if free.size:
        equations = np.vstack([rows, columns])[:, hidden.ravel()]
        free = np.abs(null_space(equations)).sum(axis=1) > 1e-9
    told = np.zeros_like(hidden)
    told[hidden] = ~free
    return np.asarray(told & (counts > 0) & (counts < threshold))
