"""Retention by group: the table and the curves that a reader is shown.

Both apply disclosure control. A group of fewer people than the threshold is not shown at all, nor
is the next smallest, where the first could be had by subtraction; an estimate is not shown where
fewer than the threshold are still at risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import People
from gmts_models.disclosure import DEFAULT_THRESHOLD, check_threshold, suppress_counts
from gmts_models.errors import InputError
from gmts_models.models.protocol import check_horizons
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.survival.kaplan_meier import (
    SurvivalCurve,
    exact_limits,
    kaplan_meier,
    survival_at,
)
from gmts_models.stats.times import count_at_risk

ALL = "All"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RetentionTable:
    """Retention of g groups at m horizons.

    Attributes
    ----------
    groups : (g,) names; "All" first.
    horizons : (m,) months.
    n : (g,) people; NaN where suppressed.
    left : (g,) of them, seen to leave; NaN where suppressed.
    retention, lower, upper : (g, m) Kaplan-Meier estimate and limits; NaN where not estimable or
        too few are at risk.
    at_risk : (g, m) still followed at the horizon; NaN where suppressed.
    atom : (g,) share that left at month 0, of those followed from then on; under the endpoint
        post_scheme that is leaving exactly at completion. NaN where suppressed.
    level : of the interval.
    threshold : smallest count that is shown.
    """

    groups: tuple[str, ...]
    horizons: Floats
    n: Floats
    left: Floats
    retention: Floats
    lower: Floats
    upper: Floats
    at_risk: Floats
    atom: Floats
    level: float
    threshold: int

    def to_frame(self) -> pd.DataFrame:
        """Return a row a group and horizon."""
        g, m = self.retention.shape
        return pd.DataFrame(
            {
                "group": np.repeat(self.groups, m),
                "n": np.repeat(self.n, m),
                "horizon_months": np.tile(self.horizons, g),
                "retention": self.retention.ravel(),
                "lower": self.lower.ravel(),
                "upper": self.upper.ravel(),
                "at_risk": self.at_risk.ravel(),
            }
        )

    def __repr__(self) -> str:
        return self.to_frame().to_string(index=False, float_format=lambda value: f"{value:.3f}")


def retention_table(
    people: People,
    by: str = "specialism",
    horizons: npt.ArrayLike = (12, 24, 36, 60),
    endpoint: Endpoint = "left_nhs",
    *,
    level: float = 0.95,
    threshold: int = DEFAULT_THRESHOLD,
) -> RetentionTable:
    """Estimate retention by group with Kaplan-Meier.

    Parameters
    ----------
    people : checked records.
    by : a column of theirs with text.
    horizons : (m,) months since the clock's start.
    endpoint : what counts as leaving (``data/endpoints.py``).
    level : of the log-log interval, which has no width where nobody has left yet, and none at all
        where nobody is left. There the lower limit is the exact one for as many people as were
        at risk all along, and the upper one that of the step before.
    threshold : disclosure control; 1 shows everything.

    Raises
    ------
    InputError : there is no such column, or no such endpoint in these records.
    """
    months = check_horizons(horizons)
    check_threshold(threshold)
    followed = build_outcome(people, endpoint)
    labels = labels_of(people, by).iloc[followed.rows]
    names = (ALL, *sorted(labels.dropna().unique()))
    parts = [followed.y, *(followed.y[_rows(labels, name)] for name in names[1:])]
    read = [_read(part, months, level, threshold) for part in parts]
    n = np.array([float(len(part)) for part in parts])
    left = np.array([float(part.left.sum()) for part in parts])
    first_day = np.array([float((part.left & (part.exit == 0)).sum()) for part in parts])
    followed_then = np.array([float((part.entry == 0).sum()) for part in parts])
    sizes = pd.Series(n[1:])
    nameless = n[0] - n[1:].sum()
    hidden = np.r_[n[0] < threshold, hidden_groups(sizes, threshold, others=nameless)]
    few = (first_day > 0) & (first_day < threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        atom = np.where(hidden | few, np.nan, first_day / followed_then)
    at_risk = np.array([each[3] for each in read])
    blank = hidden[:, None] | (few[:, None] & (months == 0))
    retention, lower, upper = (
        np.where(blank, np.nan, np.array([each[i] for each in read])) for i in range(3)
    )
    shown_at_risk = _hide(at_risk, threshold, hidden)
    # An exact limit would tell how many are at risk.
    exact = np.isin(retention, (0.0, 1.0)) & np.isnan(shown_at_risk)
    return RetentionTable(
        groups=names,
        horizons=months,
        n=_hide(n[:, None], threshold, hidden)[:, 0],
        left=_hide(left[:, None], threshold, hidden)[:, 0],
        retention=retention,
        lower=np.where(exact, np.nan, lower),
        upper=np.where(exact, np.nan, upper),
        at_risk=shown_at_risk,
        atom=atom,
        level=level,
        threshold=threshold,
    )


def hidden_groups(
    sizes: pd.Series[Any], threshold: int, *, others: float = 0
) -> npt.NDArray[np.bool_]:
    """Tell which groups are not shown: the small ones, and those that would tell of them.

    `others` are the people of no group, who are in the total: a group that is never shown.
    """
    every = np.r_[sizes.to_numpy(float), others]
    shown = suppress_counts(pd.Series(every), threshold, total_published=True).to_numpy()
    return np.asarray(np.isnan(shown) | (every < threshold))[:-1]


def retention_curves(
    people: People,
    by: str = "specialism",
    endpoint: Endpoint = "left_nhs",
    *,
    step: float = 3,
    last: float | None = None,
    level: float = 0.95,
    threshold: int = DEFAULT_THRESHOLD,
) -> pd.DataFrame:
    """Read retention off on a grid too coarse to show one person's leaving.

    Parameters
    ----------
    step : months between the points of the grid.
    last : end of the grid; default the longest follow-up.

    Returns
    -------
    A row a group and month: group, months, retention, lower, upper, at_risk; only while at least
    `threshold` people are at risk. The other parameters are those of `retention_table`.
    """
    if step <= 0:
        raise InputError("the grid needs a step of more than 0 months", where="step")
    longest = float(build_outcome(people, endpoint).y.exit.max())
    grid = np.arange(0, (longest if last is None else last) + step / 2, step)
    table = retention_table(people, by, grid, endpoint, level=level, threshold=threshold).to_frame()
    shown = table[table["retention"].notna() & (table["at_risk"] != 0)].drop(columns="n")
    return shown.rename(columns={"horizon_months": "months"}).reset_index(drop=True)


def labels_of(people: People, by: str) -> pd.Series:
    """Return (n,) text labels of a column, None where missing.

    Raises
    ------
    InputError : there is no such column, or it does not make groups: ids, which would be published
        as their names, and dates.
    """
    dates = people.trainees.select_dtypes(["datetime", "datetimetz"]).columns
    groups = [str(name) for name in people.trainees.columns.drop(["trainee_id", *dates])]
    if by not in groups:
        there = by in people.trainees
        raise InputError(
            "ids and dates make no groups" if there else "the records have no such column",
            where=f"by={by!r}",
            fix=f"choose among {', '.join(groups)}",
        )
    column = people.trainees[by]
    return column.astype(str).where(column.notna(), None)


def _rows(labels: pd.Series, name: str) -> npt.NDArray[np.int64]:
    return np.flatnonzero((labels == name).to_numpy()).astype(np.int64)


def _read(
    y: Outcome, months: Floats, level: float, threshold: int
) -> tuple[Floats, Floats, Floats, Floats]:
    at_risk = count_at_risk(months, y.entry, y.exit)
    curve = kaplan_meier(y.exit, y.left, y.entry, level=level, interval="log-log")
    at = survival_at(curve, months)
    lower, upper = at.lower.copy(), at.upper.copy()
    for j in np.flatnonzero(at.survival == 1):
        lower[j], upper[j] = exact_limits(_followed_throughout(y, months[j]), level)[0], 1.0
    for j in np.flatnonzero(at.survival == 0):
        lower[j], upper[j] = 0.0, _last_upper(curve)
    # A curve at 0 has nobody at risk, and says of everyone that they left.
    hide = (at_risk < threshold) & (at.survival > 0)
    return (
        np.where(hide, np.nan, at.survival),
        np.where(hide, np.nan, lower),
        np.where(hide, np.nan, upper),
        at_risk,
    )


def _followed_throughout(y: Outcome, month: float) -> float:
    """Return the smallest number at risk up to a month: late entrants do not make up for it."""
    times = np.unique(np.concatenate([y.exit, y.entry, [month]]))
    times = times[(times > 0) & (times <= month)]
    if not len(times):
        return float((y.entry == 0).sum())
    return float(count_at_risk(times, y.entry, y.exit).min())


def _last_upper(curve: SurvivalCurve) -> float:
    """Return the upper limit of the last step above 0: retention does not grow."""
    known = curve.upper[np.isfinite(curve.upper) & (curve.survival < 1)]
    if len(known):
        return float(known[-1])
    return exact_limits(float(curve.at_risk[curve.survival == 0][0]), curve.level)[1]


def _hide(counts: Floats, threshold: int, groups: npt.NDArray[np.bool_]) -> Floats:
    """Suppress small counts and hidden groups; the first row is all, those of no group too."""
    shown = counts.astype(float)
    for column in shown.T:
        parts = pd.Series(np.r_[column[1:], column[0] - column[1:].sum()])
        off = np.r_[groups[1:], False]
        column[1:] = suppress_counts(parts, threshold, total_published=True, also=off)[:-1]
        column[0] = suppress_counts(pd.Series(column[:1]), threshold, also=groups[:1]).iloc[0]
    return shown
