"""What happens to synthetic people, and what is seen of it by the census."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.months import Days, add_months, months_between
from gmts_models.data.synthetic import assumptions as assumed
from gmts_models.data.synthetic import record_assumptions as of_records
from gmts_models.data.synthetic.attributes import Labels
from gmts_models.outcome import Bools, Floats, Ints

NAT = np.datetime64("NaT", "D")
FAR = np.datetime64("9999-12-31", "D")
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Roster:
    """Who starts when, and where: (n,) each, by cohort and then specialism."""

    year: Ints
    specialism: Labels
    scheme_months: Ints
    start: Days


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lives:
    """Everything that happens to n people, and how far it is seen.

    Attributes
    ----------
    roster : who starts when.
    trainee_id : (n,) text.
    attributes : (n, q) frame of the attributes as they are, without gaps.
    log_hazard : (n,) effects of attributes, specialism and cohort on leaving.
    leaving : (n,) whole months from the start to leaving the NHS, seen or not; inf where later than
        anything that is drawn.
    left, withdrew : (n,) days of leaving the NHS, and the scheme before its end; a far one where
        that is not seen. Who leaves the NHS on the scheme withdraws on the same day.
    seen : (n,) last day on which something is known.
    census : the day up to which follow-up is known.
    """

    roster: Roster
    trainee_id: Labels
    attributes: pd.DataFrame
    log_hazard: Floats
    leaving: Floats
    left: Days
    withdrew: Days
    seen: Days
    census: np.datetime64

    def __len__(self) -> int:
        return len(self.trainee_id)

    @property
    def scheme_end(self) -> Days:
        """(n,) days on which the scheme ends, or would."""
        return add_months(self.roster.start, self.roster.scheme_months)

    @property
    def off_scheme(self) -> Days:
        """(n,) first days on which someone is not on the scheme any more."""
        return np.minimum(np.minimum(self.left, self.withdrew), self.scheme_end)

    def dated(self, day: Days, until: Days) -> Bools:
        """Tell which records of (n, ...) days are seen of a state that lasts until (n,) days.

        The day on which the state ends is not part of it.
        """
        shape = (-1, *(1,) * (day.ndim - 1))
        return np.asarray((day < until.reshape(shape)) & (day <= self.seen.reshape(shape)))


def draw_lives(
    rng: np.random.Generator,
    roster: Roster,
    attributes: pd.DataFrame,
    log_hazard: Floats,
    census: np.datetime64,
) -> Lives:
    """Draw what happens to everyone, and how much of it is seen by the census.

    Parameters
    ----------
    roster : n people.
    attributes : (n, q) frame.
    log_hazard : (n,) added to the baseline's.
    census : after the last start.
    """
    n, start, end = len(log_hazard), roster.start, roster.scheme_months
    # All draws come first and none looks at the census: a later one shows the same lives.
    until_leaving = rng.exponential(size=n) / np.exp(log_hazard)
    withdrawal = np.ceil(rng.exponential(1 / assumed.WITHDRAWAL_HAZARD, n))
    loss = np.ceil(rng.exponential(1 / assumed.LOST_HAZARD, n))
    told = max(of_records.SURVEY_MONTHS) + int(max(of_records.DECLINE_MONTHS))
    months = max(int(months_between(start[:1], census)[0]), int(end.max()), told) + 1
    leaving = _first_reached(until_leaving, end, months)
    left = _day(start, leaving, months)
    seen = np.minimum(_day(start, loss, months), census)
    seen = np.where(left <= seen, left, seen)
    # The contract ends with the scheme: who leaves on that day has completed it.
    withdrew = (withdrawal < np.minimum(leaving, end)) & (leaving != end)
    withdrawn = np.where(withdrew, _day(start, withdrawal, months), FAR)
    withdrawn = np.minimum(withdrawn, np.where(leaving < end, left, FAR))
    number = pd.Series(roster.year).groupby(roster.year).cumcount() + 1
    pairs = zip(roster.year, number, strict=True)
    return Lives(
        roster=roster,
        trainee_id=np.array([f"S{year}-{each:04d}" for year, each in pairs], dtype=object),
        attributes=attributes,
        log_hazard=log_hazard,
        leaving=leaving,
        left=np.where(left <= seen, left, FAR),
        withdrew=np.where(withdrawn <= seen, withdrawn, FAR),
        seen=seen,
        census=census,
    )


def _first_reached(target: Floats, scheme_months: Ints, months: int) -> Floats:
    """Return (n,) the first month whose cumulative hazard reaches the target; inf past `months`."""
    month = np.empty(len(target))
    for length in np.unique(scheme_months):
        rows = scheme_months == length
        baseline = assumed.cumulative_baseline(length, months)
        month[rows] = np.searchsorted(baseline, target[rows])
    return np.where(month > months, np.inf, month)


def _day(start: Days, month: Floats, months: int) -> Days:
    """Return (n,) the days `month` months after the start; a far one past `months`."""
    within = month <= months
    return np.where(within, add_months(start, np.where(within, month, 0).astype(np.int64)), FAR)
