"""The synthetic scheme: trainees whose figures agree with what is published of the GMTS.

They are made up. Published are the three figures of `PublishedFigures`, the length of the scheme,
the specialisms with their first years, the intakes of some years and the split of 2009 and 2010;
everything else (the shape of the hazard between those figures, the effects, the later split) is
assumed, at a size that other studies of staff retention make plausible. ``docs/synthetic.md``
tells which is which.

The model: someone stays through month m with probability ``exp(-H(m) exp(eta))``, where H is the
cumulative hazard of the specialism's length, and eta the sum of the effects, of the specialism and
of the cohort's own luck. So hazards are proportional, and a Cox model stratified by specialism and
cohort recovers the effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.columns import DEGREE_CLASSES, DESTINATIONS, REGIONS, SPECIALISMS
from gmts_models.data.months import Days, add_months, months_between, to_days
from gmts_models.data.people import People, Truth
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints

Labels = npt.NDArray[np.object_]

# ------------------------------------------------------------ published

SCHEME_MONTHS = dict.fromkeys(SPECIALISMS, 24) | {"Finance": 30}
FIRST_COHORT = {
    "General Management": 1956,
    "Finance": 1963,
    "Human Resources": 2004,
    "Health Informatics": 2009,
    "Policy and Strategy": 2016,
    "Health Analysis": 2017,
}
INTAKES = {2009: 247, 2010: 150, 2012: 150, 2017: 150, 2018: 200, 2023: 250}
"""Trainees by year of intake; between these years interpolated."""
_SPLIT_2009_2010 = {
    "General Management": 150,
    "Finance": 110,
    "Human Resources": 97,
    "Health Informatics": 40,
}

# -------------------------------------------------------------- assumed

INFORMATICS_SIZE, SMALL_SIZE = 20.0, 12.0
"""Health Informatics stays at the 20 a year of 2009 and 2010; no size of Health Analysis and of
Policy and Strategy is published."""
COHORT_SD = 0.15
"""Standard deviation of a cohort's log hazard."""
RISK_MONTHS = (6, 12, 18, 24, 30, 36, 48, 60, 84, 120)
_LAST_MONTH = 480
_LOST_SHARE = 0.015
_SURVEY_ANSWERED = 0.75
_SPECIALISM_EFFECT = {
    "Finance": 0.10,
    "General Management": 0.0,
    "Health Analysis": 0.15,
    "Health Informatics": 0.20,
    "Human Resources": -0.05,
    "Policy and Strategy": 0.05,
}
EFFECTS = {
    "age_per_decade": -0.30,
    "prior_nhs": -0.45,
    "in_service": -0.55,
    "commute_per_30_minutes": 0.30,
    "degree_first": 0.25,
    "joining_survey": -0.20,
    "london": 0.30,
    "career_changer": 0.15,
}
"""Log hazard ratios. Gender, ethnicity and disability have none."""
_SUBJECTS = ("arts and humanities", "health", "science and engineering", "social science")
_ETHNICITY = ("Asian", "Black", "mixed", "other", "white")
_ETHNICITY_SHARE = (0.12, 0.07, 0.04, 0.02, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigures:
    """The figures that are published of the scheme, as these people give them; shares.

    Attributes
    ----------
    after_12_months : still in the NHS 12 months after starting (Payback, 2011: 97.5 %).
    around_scheme_end : still in the NHS just after the scheme's last day, those whose contract
        ended on it counted as gone (2008 cohort: 89 %).
    eight_cohorts_in_2023 : of the joiners of 2011 to 2018, still in the NHS on 31 January 2023
        (65 to 70 %).
    """

    after_12_months: float
    around_scheme_end: float
    eight_cohorts_in_2023: float


def simulate_trainees(
    seed: int | np.random.Generator = 1,
    *,
    cohorts: Sequence[int] = range(2011, 2023),
    census_date: str | None = None,
    scale: float = 1.0,
    cohort_sd: float = COHORT_SD,
) -> People:
    """Draw a synthetic scheme, the truth attached.

    Parameters
    ----------
    seed : or a generator; the same seed gives the same people.
    cohorts : years of September intakes, increasing.
    census_date : last day of follow-up; default 1 September two years after the last intake, an
        anniversary of every cohort.
    scale : factor on the intakes.
    cohort_sd : standard deviation of a cohort's log hazard.

    Returns
    -------
    People with ``synthetic=True`` and `truth`: coefficients, design, and each trainee's true risk
    of having left the NHS by each of `RISK_MONTHS`.

    Raises
    ------
    InputError : no cohorts, or the census comes before the last of them has started.
    """
    years = _check_cohorts(cohorts, scale)
    census = _check_census(census_date, years)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
    year, specialism = _draw_places(years, scale, rng)
    n = len(year)
    traits = _draw_traits(n, rng)
    design = _design(traits)
    luck = dict(zip(years, rng.normal(0, cohort_sd, len(years)), strict=True))
    base = np.array([_SPECIALISM_EFFECT[each] for each in specialism])
    eta = design.to_numpy() @ np.array(list(EFFECTS.values())) + base
    eta = eta - _CENTRE + np.array([luck[each] for each in year])
    length = np.array([SCHEME_MONTHS[each] for each in specialism])
    start = to_days([f"{each}-09-01" for each in year])
    months = _draw_months(eta, length, rng)
    frame = pd.DataFrame(
        {
            "trainee_id": _ids(year),
            "specialism": specialism,
            "cohort": [f"{each}-09" for each in year],
            **_dates(start, months, length, census, rng),
            **traits.drop(columns="true_survey"),
        }
    )
    left = frame["leave_nhs_date"].notna().to_numpy()
    frame.insert(7, "destination", _draw_destinations(left, rng))
    risk = {m: _risk(eta, length, m) for m in RISK_MONTHS}
    seed_text = "a generator" if isinstance(seed, np.random.Generator) else f"seed {seed}"
    return People(
        trainees=frame,
        census_date=pd.Timestamp(census),
        source=f"synthetic scheme, {seed_text}",
        synthetic=True,
        truth=Truth(coefficients=dict(EFFECTS), design=design, risk=pd.DataFrame(risk)),
    )


def published_figures(people: People) -> PublishedFigures:
    """Return the published figures as these people give them.

    Parameters
    ----------
    people : with dates; only cohorts followed for long enough count in each figure.
    """
    frame = people.trainees
    start, end = to_days(frame["start_date"]), to_days(frame["scheme_end_date"])
    left, census = to_days(frame["leave_nhs_date"]), np.datetime64(people.census_date, "D")
    day = np.datetime64("2023-01-31")
    joined = frame["start_date"].dt.year.between(2011, 2018).to_numpy()

    def share(until: Days, which: Bools) -> float:
        counted = which & (until <= census)
        gone = ~np.isnat(left) & (left <= until)
        return float(1 - gone[counted].mean()) if counted.any() else np.nan

    everyone = np.ones(len(frame), dtype=bool)
    return PublishedFigures(
        after_12_months=share(add_months(start, 12), everyone),
        around_scheme_end=share(end, everyone),
        eight_cohorts_in_2023=share(np.full(len(frame), day), joined),
    )


# ---------------------------------------------------------------- hazard

# Monthly hazard of someone average, by phase; set so that the published figures come out.
_FIRST_YEAR, _LATER_ON_SCHEME = 0.00206, 0.0030
_AT_COMPLETION = 0.0520  # contracts end on that day
_AFTER_6, _AFTER_18, _LATER = 0.0095, 0.0055, 0.0037
_CENTRE = 0.15  # so that the effects leave the average hazard where it is


def cumulative_hazard(length: int) -> Floats:
    """Return (months + 1,) H at the end of each month of service, the atom at completion in it."""
    month = np.arange(1, _LAST_MONTH + 1)
    since = month - length
    hazard = np.select(
        [month <= 12, since <= 0, since <= 6, since <= 18],
        [_FIRST_YEAR, _LATER_ON_SCHEME, _AFTER_6, _AFTER_18],
        _LATER,
    )
    hazard = hazard + np.where(since == 0, _AT_COMPLETION, 0.0)
    return np.concatenate([[0.0], np.cumsum(hazard)])


def _risk(eta: Floats, length: Ints, month: int) -> Floats:
    hazard = {each: cumulative_hazard(int(each))[month] for each in np.unique(length)}
    cumulative = np.array([hazard[each] for each in length])
    return np.asarray(-np.expm1(-cumulative * np.exp(eta)), dtype=float)


def _draw_months(eta: Floats, length: Ints, rng: np.random.Generator) -> Ints:
    """Return the month of leaving, 1 to `_LAST_MONTH`, or one more for never."""
    target = rng.exponential(size=len(eta)) / np.exp(eta)
    months = np.empty(len(eta), dtype=np.int64)
    for each in np.unique(length):
        rows = length == each
        months[rows] = np.searchsorted(cumulative_hazard(int(each)), target[rows], side="left")
    return months


# ---------------------------------------------------------------- people


def _draw_places(
    years: Sequence[int], scale: float, rng: np.random.Generator
) -> tuple[Ints, Labels]:
    year: list[int] = []
    specialism: list[str] = []
    for each in years:
        for name, size in _expected_sizes(each).items():
            number = int(rng.poisson(size * scale))
            year += [each] * number
            specialism += [name] * number
    return np.array(year), np.array(specialism, dtype=object)


def _expected_sizes(year: int) -> dict[str, float]:
    total = float(np.interp(year, list(INTAKES), list(INTAKES.values())))
    sizes = {
        name: {"Health Informatics": INFORMATICS_SIZE}.get(name, SMALL_SIZE)
        for name in ("Health Analysis", "Health Informatics", "Policy and Strategy")
        if year >= FIRST_COHORT[name]
    }
    large = [name for name in _SPLIT_2009_2010 if name not in sizes and year >= FIRST_COHORT[name]]
    whole = sum(_SPLIT_2009_2010[name] for name in large if name != "Health Informatics")
    rest = total - sum(sizes.values())
    sizes |= {
        name: rest * _SPLIT_2009_2010[name] / whole
        for name in large
        if name != "Health Informatics"
    }
    return dict(sorted(sizes.items()))


def _draw_traits(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = np.round(21 + np.minimum(rng.gamma(1.6, 3.0, n), 30))
    prior = rng.uniform(size=n) < 0.30
    in_service = prior & (rng.uniform(size=n) < 0.30)
    survey = np.clip(np.round(rng.normal(7.0, 1.8, n)), 0, 10)
    answered = rng.uniform(size=n) < _SURVEY_ANSWERED
    changer = rng.uniform(size=n) < np.where(age >= 26, 0.7, 0.05)
    return pd.DataFrame(
        {
            "age_at_start": age,
            "gender": rng.choice(["female", "male"], n, p=[0.65, 0.35]),
            "ethnicity": rng.choice(_ETHNICITY, n, p=_ETHNICITY_SHARE),
            "disability": pd.array(rng.uniform(size=n) < 0.09, dtype="boolean"),
            "degree_subject": rng.choice(_SUBJECTS, n, p=[0.30, 0.15, 0.20, 0.35]),
            "degree_class": rng.choice(DEGREE_CLASSES, n, p=[0.25, 0.60, 0.12, 0.03]),
            "entry_route": np.where(changer, "career changer", "new graduate"),
            "region": rng.choice(REGIONS, n, p=[0.10, 0.20, 0.16, 0.18, 0.16, 0.11, 0.09]),
            "prior_nhs": pd.array(prior, dtype="boolean"),
            "in_service": pd.array(in_service, dtype="boolean"),
            "commute_minutes": np.clip(np.round(rng.gamma(4.0, 10.0, n) / 5) * 5, 5, 120),
            "joining_survey": np.where(answered, survey, np.nan),
            "true_survey": survey,
        }
    )


def _design(traits: pd.DataFrame) -> pd.DataFrame:
    columns = {
        "age_per_decade": (traits["age_at_start"] - 25) / 10,
        "prior_nhs": traits["prior_nhs"],
        "in_service": traits["in_service"],
        "commute_per_30_minutes": (traits["commute_minutes"] - 40) / 30,
        "degree_first": traits["degree_class"] == "first",
        "joining_survey": traits["true_survey"] - 7,
        "london": traits["region"] == "London",
        "career_changer": traits["entry_route"] == "career changer",
    }
    return pd.DataFrame({name: columns[name].astype(float) for name in EFFECTS})


def _dates(
    start: Days, months: Ints, length: Ints, census: Any, rng: np.random.Generator
) -> dict[str, npt.NDArray[np.datetime64]]:
    """Return the dates as they are known at the census."""
    nat = np.datetime64("NaT")
    end, leave = add_months(start, length), add_months(start, months)
    # Some are lost from the records: seen for the last time at a random day before the census.
    days = (census - start).astype(np.int64)
    lost = np.where(
        rng.uniform(size=len(start)) < _LOST_SHARE,
        start + (days * rng.uniform(0.1, 1.0, len(start))).astype("timedelta64[D]"),
        census,
    )
    left = leave <= lost
    # A few give up the scheme and stay in the NHS.
    withdrew = add_months(start, rng.integers(4, length - 2))
    withdraws = (rng.uniform(size=len(start)) < 0.02) & (withdrew < leave) & (withdrew <= lost)
    from_scheme = np.where(withdraws, withdrew, np.where(left & (leave < end), leave, nat))
    dates = {
        "start_date": start,
        "scheme_end_date": end,
        "leave_scheme_date": from_scheme,
        "leave_nhs_date": np.where(left, leave, nat),
        "last_seen_date": np.where(left, leave, lost),
    }
    return {name: days_.astype("datetime64[ns]") for name, days_ in dates.items()}


def _draw_destinations(left: Bools, rng: np.random.Generator) -> Labels:
    labels = np.array([*DESTINATIONS, None], dtype=object)
    drawn = rng.choice(len(labels), len(left), p=[0.25, 0.32, 0.10, 0.13, 0.20])
    drawn = np.where(left, drawn, len(labels) - 1)
    return np.asarray(labels[drawn], dtype=object)


def _ids(year: Ints) -> list[str]:
    number = pd.Series(year).groupby(year).cumcount() + 1
    return [f"S{y}-{i:04d}" for y, i in zip(year, number, strict=True)]


# ----------------------------------------------------------------- input


def _check_cohorts(cohorts: Sequence[int], scale: float) -> list[int]:
    years = [int(each) for each in cohorts]
    if not years or years != sorted(set(years)):
        raise InputError(
            "cohorts must be different years in increasing order",
            where="cohorts",
            fix="for instance range(2011, 2023)",
        )
    if years[0] < min(FIRST_COHORT.values()) or years[-1] > 2100:
        raise InputError("the scheme began in 1956, and 2100 is far", where="cohorts")
    if not 0 < scale <= 1000:
        raise InputError("scale must be above 0 and at most 1000", where="scale")
    return years


def _check_census(census_date: str | None, years: Sequence[int]) -> Any:
    if census_date is None:
        return np.datetime64(f"{years[-1] + 2}-09-01", "D")
    try:
        census = to_days([pd.Timestamp(census_date)])[0]
    except ValueError:
        raise InputError(
            "census_date is not a day", where="census_date", fix='for instance "2023-01-31"'
        ) from None
    first = np.datetime64(f"{years[-1]}-09-01", "D")
    if np.isnat(census) or months_between([first], [census])[0] < 1:
        raise InputError(
            "the census comes before the last cohort has been there for a month",
            where="census_date",
            fix="give a later day, or leave out the last cohorts",
        )
    return census
