"""What the synthetic records beside the trainees are made of.

Every number has its source; where none is named it is assumed. Nothing was estimated from records
of trainees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gmts_models.data.synthetic.assumptions import Shares

# ------------------------------------------------------- organisations

REGION_CODES: Mapping[str, str] = MappingProxyType(
    {
        "East of England": "EOE",
        "London": "LON",
        "Midlands": "MID",
        "North East and Yorkshire": "NEY",
        "North West": "NWE",
        "South East": "SEE",
        "South West": "SWE",
    }
)
"""Invented, as the organisations are: LON-07 is no code of the NHS."""

ORGANISATION_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "acute trust": 9,
        "ambulance trust": 1,
        "community trust": 3,
        "integrated care board": 3,
        "mental health trust": 4,
    }
)
"""Organisations of each type in every region."""

MANAGERS = 4
"""Placement managers of each organisation."""

# ---------------------------------------------------------- placements

ORIENTATION_DAYS = 28
"""Calendar days of the 20 working days of orientation (graduates.nhs.uk, what we offer you), spent
with the first host: assumed."""

FLEXI_START, FLEXI_MONTHS = 12, 2
"""A year to the end of the first placement, and 2 months of flexi placement
(academy.healthierfuture.org.uk; brightnetwork.co.uk). The second placement lasts to the end of the
scheme; how long the placements of Finance are is not published."""

# ------------------------------------------------------------- surveys

SURVEY_MONTHS = tuple(range(3, 60, 6))
"""Months of service in which a survey is sent: on the scheme, and for some three years after."""

SURVEY_DAYS = 21
"""Days to answer. An answer comes on any of them; one that does not come is dated on the last."""

DECLINE_MONTHS = (6.0, 9.0)
"""How long before leaving the NHS the scores begin to change, evenly distributed over trainees.
From there the decline grows in a straight line from 0 to 1 on the day of leaving."""

MOOD_SD, WAVE_SD, ITEM_SD = 1.0, 0.7, 0.8
"""Points: of what a trainee's answers share always, in one survey, and of a single answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One score of 0 to 10 of a survey.

    Attributes
    ----------
    mean : of a trainee with a log hazard of 0 who is not about to leave.
    log_hazard : points for each unit of the true log hazard.
    decline : points on the day of leaving, in proportion to the decline before.
    mood : how the answers' shared part counts; -1 where more of it is a lower score.
    """

    mean: float
    log_hazard: float
    decline: float
    mood: float = 1.0


SURVEY_ITEMS: Mapping[str, Item] = MappingProxyType(
    {
        "engagement": Item(mean=6.8, log_hazard=-0.8, decline=-1.8),
        "morale": Item(mean=6.0, log_hazard=-0.8, decline=-2.2),
        "support": Item(mean=6.8, log_hazard=-0.4, decline=-1.0),
        "workload": Item(mean=5.6, log_hazard=-0.2, decline=-0.8),
        "intention_to_leave": Item(mean=3.6, log_hazard=2.4, decline=4.0, mood=-1.0),
        "compassionate_and_inclusive": Item(mean=7.0, log_hazard=-0.2, decline=-0.5),
        "recognised_and_rewarded": Item(mean=5.9, log_hazard=-0.4, decline=-1.0),
        "voice_that_counts": Item(mean=6.6, log_hazard=-0.2, decline=-0.5),
        "safe_and_healthy": Item(mean=6.2, log_hazard=-0.2, decline=-0.5),
        "always_learning": Item(mean=6.0, log_hazard=-0.3, decline=-0.7),
        "work_flexibly": Item(mean=6.2, log_hazard=-0.2, decline=-0.5),
        "a_team": Item(mean=6.7, log_hazard=-0.2, decline=-0.6),
    }
)

NO_ANSWER, NO_ANSWER_LOG_HAZARD, NO_ANSWER_DECLINE = -1.2, 0.3, 1.2
"""Log odds of not answering: of someone with a log hazard of 0 who is not about to leave (23 %),
and what a unit of log hazard and the decline add."""

# --------------------------------------------------------- assessments

COMPETENCIES = (
    "communication",
    "finance and resources",
    "governance",
    "improvement",
    "leading teams",
    "partnership",
    "patients and public",
    "planning",
    "self-management",
    "using data",
    "accounting practice",
    "financial reporting",
)
FRAMEWORK_SIZE: Mapping[str, int] = MappingProxyType({"Finance": 12})
"""How many of the competencies a specialism asks for, counted from the first."""
OTHER_FRAMEWORK_SIZE = 10

SIGNED_OFF_FIRST, SIGNED_OFF_SECOND = 0.40, 0.90
"""Expected share signed off by the end of the first and of the second placement: the aim, and
ratings of 1 to 5, are as a trainee tells (graduates.nhs.uk). The rest is never signed off."""

REVIEW_MONTHS = 3
REVIEW_DAYS = 14
"""Reviews are in the last days of every quarter of a year. A competency is rated in the one in
which it is signed off and in the two before."""

RATINGS = (2.2, 3.0, 4.0)
RATING_ABILITY, RATING_SD = 0.4, 0.6
"""Mean rating two reviews before the sign-off, one before and at it; points for a standard
deviation of ability; and spread. Signed off are ratings of 3 to 5, others are 1 to 3."""

ABILITY_SHARE = 0.3
"""Of the variance of when a competency is signed off, the share that is the trainee's ability."""
ABILITY_LOG_HAZARD = -0.15
"""Correlation of ability and the log hazard of leaving. Assessments know nothing else of it."""
LOG_HAZARD_SD = 0.6
"""Roughly that of the trainees; its mean is about 0."""

EXAMS: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType(
    {
        # As for CIMA (awards of 2010-11) and, in HR, for CIPD (graduates.nhs.uk, human resources).
        "Finance": tuple((f"accountancy paper {k + 1}", 5 + 4 * k) for k in range(6)),
        "Human Resources": tuple(
            (f"people profession module {k + 1}", 7 + 6 * k) for k in range(3)
        ),
    }
)
CERTIFICATE = (("leadership certificate 1", 10), ("leadership certificate 2", 19))
"""Exams by specialism, and those of all (a certificate in healthcare leadership: graduates.nhs.uk,
analysis and informatics): subject, and month of the first sitting. Names, numbers and months are
assumed."""

PASS, PASS_ABILITY = 1.4, 0.6
"""Log odds of passing of someone of mean ability (80 %), and for a standard deviation more."""
RESIT_MONTHS, SITTINGS = 3, 3
EXAM_DAY = 14
"""Days from the month's begin to the result."""

# --------------------------------------------------------------- roles

BANDS = ("Band 5", "Band 6", "Band 7", "Band 8a", "Band 8b", "Band 8c", "Band 8d", "Band 9")
"""Of Agenda for Change."""
FIRST_BAND: Shares = {"Band 6": 0.25, "Band 7": 0.60, "Band 8a": 0.15}
"""Of the first post after the scheme: a first salary of £32,704 was published for August 2014
(graduate-jobs.com) and of about £40,000 later (brightnetwork.co.uk)."""
WITHDRAWN_BAND: Shares = {"Band 5": 0.6, "Band 6": 0.4}

ROLE: Mapping[str, str] = MappingProxyType(
    {
        "Finance": "finance manager",
        "General Management": "operational manager",
        "Health Analysis": "analyst",
        "Health Informatics": "informatics manager",
        "Human Resources": "people manager",
        "Policy and Strategy": "policy manager",
    }
)
SENIOR_BAND = "Band 8a"
"""From this band on a post is called senior."""

ROLES = 8
"""Posts drawn for each trainee after the scheme; the last one is kept."""
ROLE_LEAST_MONTHS, ROLE_MORE_MONTHS = 12, 18.0
"""A post lasts at least the first; the mean of the exponential time on top is the second."""
STAYS_WITH_HOST = 0.5
"""First post with the second placement's host."""
PROMOTED, NEW_ORGANISATION, NEW_REGION = 0.6, 0.7, 0.15
"""Of the moves, those up a band and those to another organisation; of these, also after the
scheme, those to another region."""
FTE: Shares = {"1.0": 0.86, "0.8": 0.09, "0.6": 0.05}

EARLIER_ROLE: Shares = {"administrator": 0.45, "healthcare assistant": 0.35, "clinician": 0.20}
EARLIER_BAND: Shares = {"Band 2": 0.20, "Band 3": 0.30, "Band 4": 0.25, "Band 5": 0.25}
EARLIER_MONTHS = (6, 72)
EARLIER_GAP = (1, 48)
EARLIER_AGE = 18
"""Months that an earlier post lasted, and between it and the scheme unless the trainee joined from
it; both are shorter for those who would have begun before this age."""

# ------------------------------------------------------- labour market

MARKET_LEAD_MONTHS = 24
"""Months before the first start about which there are figures."""
PUBLICATION_MONTHS, PUBLICATION_DAY = 2, 15
"""Figures of January come out on 15 March, about six weeks after the month."""
UNEMPLOYMENT_MEAN, UNEMPLOYMENT_AR, UNEMPLOYMENT_SD = 5.5, 0.97, 0.2
"""An autoregression of the first order: percent, coefficient and standard deviation of a step."""
VACANCIES_MEAN, VACANCIES_SLOPE, VACANCIES_SD = 750.0, -90.0, 20.0
PAY_MEAN, PAY_SLOPE, PAY_SD = 3.0, -0.4, 0.3
"""Thousands and percent: mean, change for a point of unemployment, and spread about that."""

# ----------------------------------------------------------- snapshots

TRAINEE_ROLE, TRAINEE_BAND = "graduate management trainee", "Band 5"
"""Of those on the scheme, full time (graduates.nhs.uk); the band is assumed."""
SECOND_POST = 0.05
"""Share of trainees with a second post for a while: mess for teaching, as the rest of these."""
SECOND_POST_MONTHS = (6, 24)
SECOND_POST_FTE: Shares = {"0.4": 0.3, "0.2": 0.7}
ABSENT = 0.06
"""Share of trainees who are out of the extracts once, for 1 or 2 months."""
ABSENT_MONTHS = (1, 2)
NO_START_DATE = 0.03
"""Share of rows without a start date."""
NEVER_START_DATE = 0.01
"""Share of trainees who have none in any row."""
