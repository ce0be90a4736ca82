"""What the synthetic scheme is made of: every number, with its source or the word assumed.

Nothing here was estimated from trainees. Three hazards are calibrated, so that the three published
retention figures come out (``figures.py``); ``docs/synthetic.md`` says all this for
readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.outcome import Floats

# ------------------------------------------------------------- intakes

START_MONTH = 9
"""Cohorts start on 1 September. There were March intakes around 2020 too; they are left out."""

INTAKES: Mapping[int, int] = MappingProxyType(
    {
        1998: 55,  # to 2000: Hansard, 28 July 2000, columns 993-5W
        1999: 62,
        2000: 62,
        2004: 173,  # to 2008: GPonline 934809
        2005: 183,
        2006: 213,
        2007: 210,
        2008: 196,
        2009: 247,  # HSJ 5018131: the sum of its split; other totals are 220, 240 and 270
        2010: 150,  # HSJ 5018131
        2012: 150,  # NHS Leadership Academy, news of the 2012 cohort
        2017: 150,  # to 2018: healthcareleadernews.com, 15 June 2018
        2018: 200,
        2023: 250,  # target: South West Leadership Academy, hosting a trainee 2023/24
    }
)
"""Trainees by year of intake. Between these years the size is interpolated, and before and after
them it is that of the nearest one: assumed. The intakes of 2019 to 2022 are not published."""

FIRST_YEAR: Mapping[str, int] = MappingProxyType(
    {
        "General Management": 1956,
        "Finance": 1963,
        "Human Resources": 2004,
        "Health Informatics": 2009,
        "Policy and Strategy": 2016,
        "Health Analysis": 2017,
    }
)
"""First intake of each specialism (London Leadership Academy, GMTS 2023/24)."""

FIXED_SIZE: Mapping[str, int] = MappingProxyType(
    {
        "Health Informatics": 20,  # 20 in 2009 and in 2010: HSJ 5018131
        "Health Analysis": 10,  # assumed: no size is published
        "Policy and Strategy": 10,  # assumed: no size is published
    }
)
"""Trainees a year in the small specialisms."""

SPLIT: Mapping[str, int] = MappingProxyType(
    {
        "General Management": 90 + 60,
        "Finance": 65 + 45,
        "Human Resources": 72 + 25,
    }
)
"""How the rest of an intake divides: the splits of 2009 and 2010 added up (HSJ 5018131). No later
split is published."""

SCHEME_MONTHS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(SPECIALISMS, 24) | {"Finance": 30}
)
"""Length of the scheme (nhsgraduates.co.uk, FAQs)."""


def expected_sizes(year: int) -> dict[str, float]:
    """Return the mean number of trainees of each specialism that takes people in `year`."""
    total = float(np.interp(year, list(INTAKES), list(INTAKES.values())))
    offered = [name for name in SPECIALISMS if year >= FIRST_YEAR[name]]
    fixed = {name: float(FIXED_SIZE[name]) for name in offered if name in FIXED_SIZE}
    shared = {name: SPLIT[name] for name in offered if name in SPLIT}
    rest = (total - sum(fixed.values())) / sum(shared.values())
    return {name: fixed[name] if name in fixed else rest * shared[name] for name in offered}


# ---------------------------------------------------------- attributes

Shares = Mapping[str, float]

TWO_REGIONS = ("London", "North East and Yorkshire")
TWO_REGION_SPECIALISMS = ("Health Analysis", "Policy and Strategy")
"""These are offered in two of the seven regions (London Leadership Academy, GMTS 2023/24)."""

# All shares are assumed.
REGION: Shares = {
    "East of England": 0.10,
    "London": 0.21,
    "Midlands": 0.18,
    "North East and Yorkshire": 0.16,
    "North West": 0.14,
    "South East": 0.12,
    "South West": 0.09,
}
ENTRY_ROUTE: Shares = {"internship": 0.10, "open application": 0.78, "reserve list": 0.12}
DEGREE_CLASS: Shares = {"first": 0.30, "lower second": 0.10, "other": 0.03, "upper second": 0.57}
DEGREE_SUBJECT: Shares = {
    "business and management": 0.22,
    "health and life sciences": 0.22,
    "humanities and languages": 0.22,
    "mathematics and computing": 0.10,
    "social sciences": 0.24,
}
NUMERATE_SUBJECT: Shares = {
    "health and life sciences": 0.25,
    "mathematics and computing": 0.50,
    "social sciences": 0.25,
}
"""Of Health Analysis, which asks for a degree with numerate content (graduates.nhs.uk, entry)."""
GENDER: Shares = {"female": 0.62, "male": 0.37, "other": 0.01}
ETHNICITY: Shares = {
    "Asian or Asian British": 0.13,
    "Black or Black British": 0.07,
    "Mixed": 0.04,
    "Other ethnic group": 0.02,
    "White": 0.74,
}
LONDON_ETHNICITY: Shares = {
    "Asian or Asian British": 0.22,
    "Black or Black British": 0.15,
    "Mixed": 0.07,
    "Other ethnic group": 0.04,
    "White": 0.52,
}
DISABILITY = 0.12
YOUNGEST, OLDEST = 21.0, 60.0
AGE_GAMMA = (1.2, 2.0)
PRIOR_NHS_AGE_GAMMA = (1.5, 2.0)
IN_SERVICE_AGE_GAMMA = (1.5, 3.0)
"""Shape and scale of the years above `YOUNGEST`, and of those that earlier NHS work and an
in-service post add."""
COMMUTE_MEDIAN, COMMUTE_LOG_SD = 35.0, 0.5
COMMUTE_RANGE = (5.0, 90.0)
"""Minutes; a trainee may be asked to travel for up to 90 (graduates.nhs.uk, what we offer you)."""
SURVEY_MEAN, SURVEY_SD = 7.0, 2.0
"""Of a normal score, rounded and cut to 0 to 10."""
IN_SERVICE = 0.08
PRIOR_NHS = 0.15
"""Of those who are not in-service entrants, so that 22 % of all worked in the NHS before: the share
with a clinical or health background (Hansard, 10 June 2003)."""
NO_SURVEY_ANSWER = 0.25
"""Completely at random: whether someone answers tells nothing about them."""
DESTINATION: Shares = {
    "other public sector": 0.26,
    "private sector": 0.42,
    "further study": 0.12,
    "other": 0.20,
}
UNKNOWN_DESTINATION = 0.20
"""Both are independent of everything else: the true risk of leaving for a destination is its share
of the risk of leaving."""

# -------------------------------------------------------------- effects

COEFFICIENTS: Mapping[str, float] = MappingProxyType(
    {
        "age_at_start": -0.03,  # a year; turnover falls with age: Ng & Feldman (2009)
        "prior_nhs": -0.35,
        "in_service": -0.45,  # on top of prior_nhs, which it implies
        "commute_minutes": 0.010,  # a minute; distance matters: mdpi.com 2076-3387/15/8/297
        "joining_survey": -0.20,  # a point
        "degree_class_lower second": -0.35,  # against a first
        "degree_class_other": -0.20,
        "degree_class_upper second": -0.20,
        "entry_route_open application": 0.15,  # against an internship
        "entry_route_reserve list": 0.30,
        "region_London": 0.30,  # against East of England
        "region_Midlands": 0.0,
        "region_North East and Yorkshire": -0.15,
        "region_North West": -0.10,
        "region_South East": 0.10,
        "region_South West": -0.05,
    }
)
"""Log hazard ratios of leaving the NHS: all assumed, of a size at which the true risk has a C of
about 0.65. The names are those of the columns that the default encoder makes. What is not named
has no effect: gender, ethnicity, disability and the subject of the degree."""

CENTRE: Mapping[str, float] = MappingProxyType(
    {"age_at_start": 24.0, "commute_minutes": 35.0, "joining_survey": 7.0}
)
"""Where the baseline hazard is that of the constants below."""

SPECIALISM_EFFECTS: Mapping[str, float] = MappingProxyType(
    {
        "Finance": 0.0,
        "General Management": 0.0,
        "Health Analysis": 0.25,
        "Health Informatics": 0.10,
        "Human Resources": 0.10,
        "Policy and Strategy": 0.20,
    }
)
"""On the log hazard, part of each specialism's baseline: all assumed."""

COHORT_SD = 0.15
"""Of the cohorts' own effects on the log hazard: assumed."""

# -------------------------------------------------------------- hazards
# Monthly cumulative hazards of leaving the NHS, of someone with a predictor of 0.

FIRST_YEAR_HAZARD = 0.00175  # calibrated: 97.5 % after a year
LATER_ON_SCHEME_HAZARD = 0.0022  # assumed
COMPLETION_HAZARD = 0.0505  # calibrated: 89 % at the scheme's end
PEAK_HAZARD = 0.0060  # assumed: the months after the scheme are the riskiest
PEAK_MONTH = 3  # assumed
SETTLED_HAZARD = 0.00313  # calibrated: 67.5 % of the cohorts of 2011 to 2018

WITHDRAWAL_HAZARD = 0.0010
"""A month of leaving the scheme but not the NHS: assumed."""
LOST_HAZARD = 0.00027
"""A month of moving out of the records' sight: assumed; about 1.5 % of trainees."""


def cumulative_baseline(scheme_months: int, months: int) -> Floats:
    """Return (months + 1,) cumulative hazard after 0, 1, ..., `months` months.

    It is low on the scheme, jumps where the contract ends (the step to `scheme_months`), has its
    peak `PEAK_MONTH` months later and declines to `SETTLED_HAZARD`.
    """
    month = np.arange(1, months + 1)
    after = month - scheme_months
    bump = after / PEAK_MONTH * np.exp(1 - after / PEAK_MONTH)
    on_scheme = np.where(month <= 12, FIRST_YEAR_HAZARD, LATER_ON_SCHEME_HAZARD)
    steps = np.where(after < 0, on_scheme, SETTLED_HAZARD + PEAK_HAZARD * np.maximum(bump, 0))
    steps[after == 0] = COMPLETION_HAZARD
    return np.concatenate([[0.0], np.cumsum(steps)])
