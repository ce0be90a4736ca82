"""The published retention figures that the synthetic scheme agrees with.

``docs/synthetic.md`` names the sources and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.months import add_months, to_days
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.outcome import Bools

EARLIER_COHORTS = range(2011, 2019)
EARLIER_COHORTS_DAY = np.datetime64("2023-01-01", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigures:
    """Shares of trainees who are still in the NHS, from 0 to 1; NaN where nobody counts.

    Someone who leaves on a day is no longer there on it. Only days up to the census count, and
    someone lost to follow-up before the day counts in neither part of the share.

    Attributes
    ----------
    after_one_year : 12 months after the start.
    at_scheme_end : on the day on which the trainee's scheme ends. Those who leave the NHS on that
        day, with the end of their contract, have left.
    earlier_cohorts : the joiners of 2011 to 2018, on 1 January 2023.
    """

    after_one_year: float
    at_scheme_end: float
    earlier_cohorts: float


PUBLISHED = PublishedFigures(after_one_year=0.975, at_scheme_end=0.89, earlier_cohorts=0.675)
"""As published: 97.5 % (Payback, August 2011); 89 % of the cohort of 2008 (HSJ 5018131); at least
65 %, about January 2023 (South West Leadership Academy), read as the middle of 65 to 70 %."""


def published_figures(people: People) -> PublishedFigures:
    """Compute the published figures of these people.

    Parameters
    ----------
    people : with dates, `scheme_end_date` and a census.

    Raises
    ------
    InputError : the table lacks one of the dates.
    """
    frame = people.trainees
    dated = {"start_date", "scheme_end_date", "leave_nhs_date", "last_seen_date"}
    if not dated.issubset(frame.columns) or people.census_date is None:
        raise InputError(
            "the published figures need dates, those of the scheme's end among them",
            where=", ".join(sorted(dated)),
        )
    start = frame["start_date"]
    earlier = start.dt.year.isin(EARLIER_COHORTS).to_numpy()
    day = pd.Series(EARLIER_COHORTS_DAY, frame.index)
    return PublishedFigures(
        after_one_year=_share_there(people, pd.Series(add_months(to_days(start), 12), frame.index)),
        at_scheme_end=_share_there(people, frame["scheme_end_date"]),
        earlier_cohorts=_share_there(people, day, earlier),
    )


def _share_there(people: People, day: pd.Series, among: Bools | None = None) -> float:
    frame = people.trainees
    left = (frame["leave_nhs_date"] <= day).to_numpy()
    known = left | (frame["last_seen_date"] >= day).to_numpy()
    # Past the census only those who left are known: they must not stand for all.
    known &= (day <= people.census_date).to_numpy()
    if among is not None:
        known &= among
    return float(1 - left[known].mean()) if known.any() else float("nan")
