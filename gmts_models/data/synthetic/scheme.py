"""A synthetic scheme: trainees drawn from a known model, for plumbing, teaching and tests.

Time of leaving is discrete: whole months of service. With eta the log hazard of a trainee, the sum
of the effects of attributes, specialism and cohort, P(still in the NHS after month m) is
exp(-H(m) exp(eta)), H being the cumulative baseline hazard of a scheme of that length. So hazards
are proportional, the step at completion included, and a Cox model stratified by specialism and
cohort estimates the coefficients. The numbers are in ``assumptions.py``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.contract.columns import TRAINEES
from gmts_models.data.people import People, Truth
from gmts_models.data.reading.dates import read_date
from gmts_models.data.synthetic import assumptions as assumed
from gmts_models.data.synthetic.attributes import draw_attributes, draw_labels
from gmts_models.data.synthetic.lives import FAR, NAT, Lives, Roster, draw_lives
from gmts_models.data.synthetic.seeds import make_generator
from gmts_models.data.synthetic.tables import SyntheticTables
from gmts_models.errors import InputError
from gmts_models.outcome import Floats

RISK_MONTHS = (6, 12, 18, 24, 30, 36, 48, 60, 84, 120)
"""Months from the start for which the true risk is given."""

_YEARS = (1956, 2100)  # from the scheme's first intake


def simulate_trainees(
    seed: int | np.random.Generator = 1,
    *,
    cohorts: Sequence[int] = range(2011, 2023),
    census_date: str | dt.date | np.datetime64 | None = None,
    scale: float = 1.0,
    cohort_sd: float = assumed.COHORT_SD,
) -> People:
    """Draw a synthetic GMTS, with the truth about it attached.

    Parameters
    ----------
    seed : same seed, same people (of one NumPy version). With a later census the same people are
        followed for longer.
    cohorts : years of the September intakes, from 1956 to 2100, in any order.
    census_date : the day up to which follow-up is known, after the start of the last cohort.
        Default: the day on which the last cohort has been there for a year.
    scale : multiplies the mean size of every specialism in every cohort; at least one trainee of
        each is drawn.
    cohort_sd : standard deviation of the cohorts' own effects on the log hazard.

    Returns
    -------
    People with `synthetic` True, the tables of the contract, each drawn when it is first asked for
    (``tables.py``), and `truth`: the coefficients, the (n, p) design that they
    multiply (joining_survey without gaps), and the (n, m) risk of having left the NHS by each of
    `RISK_MONTHS`, computed from the hazards given the trainee's attributes and the cohort's effect.

    Raises
    ------
    InputError : no cohort, or one twice or out of range; a census on or before the last start; or
        a seed, scale or cohort_sd that does not fit.

    Examples
    --------
    >>> people = simulate_trainees(7, cohorts=[2019, 2020])
    >>> people
    People(n=430, columns=21, tables: placements, surveys, assessments, roles, labour_market, \
census 2021-09-01, synthetic)
    >>> people.truth.coefficients["prior_nhs"]
    -0.35
    """
    years = _check_cohorts(cohorts)
    _check_size(scale, "scale", zero=False)
    _check_size(cohort_sd, "cohort_sd", zero=True)
    rng = make_generator(seed, "simulate_trainees(seed=)")
    drawn = "drawn from a generator" if rng is seed else f"seed {seed}"
    census = _check_census(census_date, years[-1])
    roster = _draw_roster(rng, years, scale)
    attributes = draw_attributes(rng, roster.specialism)
    design = _design(attributes)
    log_hazard = _log_hazard(design, roster) + _cohort_effects(rng, roster, years, cohort_sd)
    lives = draw_lives(rng, roster, attributes, log_hazard, census)
    trainees = _trainees(rng, lives)
    # The tables have a generator of their own, so that they take nothing from other draws.
    tables = SyntheticTables(lives=lives, entropy=int(rng.integers(2**63)))
    return People(
        trainees=trainees,
        tables=tables,
        census_date=pd.Timestamp(census),
        resolution="month",
        source=f"synthetic scheme, {drawn}",
        synthetic=True,
        truth=Truth(
            coefficients=dict(assumed.COEFFICIENTS),
            design=design,
            risk=_true_risk(roster, log_hazard),
        ),
    )


# ---------------------------------------------------------- arguments


def _check_cohorts(cohorts: Sequence[int]) -> list[int]:
    years: list[object] = list(cohorts) if isinstance(cohorts, Iterable) else [None]
    if not years:
        raise InputError(
            "no cohort is given", where="cohorts", fix="for instance cohorts=range(2011, 2023)"
        )
    known = [
        int(year)
        for year in years
        if isinstance(year, int | np.integer) and not isinstance(year, bool)
        if _YEARS[0] <= year <= _YEARS[1]
    ]
    if len(known) < len(years):
        raise InputError(
            f"a cohort is not a year from {_YEARS[0]} to {_YEARS[1]}",
            where="cohorts",
            fix="give the years of the September intakes: cohorts=[2019, 2020]",
        )
    if len(set(known)) < len(known):
        raise InputError("a cohort is given twice", where="cohorts", fix="name each year once")
    return sorted(known)


def _check_size(value: float, name: str, *, zero: bool) -> None:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
        value, bool
    )
    if not number or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "at least 0" if zero else "more than 0"
        raise InputError(f"{name} must be a number, {least}", where=f"simulate_trainees({name}=)")


def _check_census(given: str | dt.date | np.datetime64 | None, last: int) -> np.datetime64:
    if given is None:
        return _first_day(last + 1)
    value = pd.Timestamp(given) if isinstance(given, np.datetime64) else given
    day = None if pd.isna(value) else read_date(value, "census_date")
    if day is None or isinstance(day, Problem):
        raise InputError(
            "census_date is not a day", where="census_date", fix='write it as "2024-08-31"'
        )
    census = np.datetime64(day, "D")
    if census <= _first_day(last):
        raise InputError(
            "the census is not after the start of the last cohort",
            where="census_date",
            fix=f"give a day after {_first_day(last)}, or fewer cohorts",
        )
    return census


def _first_day(year: int) -> np.datetime64:
    return np.datetime64(f"{year}-{assumed.START_MONTH:02d}-01", "D")


# ------------------------------------------------------------- people


def _draw_roster(rng: np.random.Generator, years: Sequence[int], scale: float) -> Roster:
    cells = [
        (year, name, size) for year in years for name, size in assumed.expected_sizes(year).items()
    ]
    sizes = np.maximum(rng.poisson([scale * size for _, _, size in cells]), 1)
    year = np.repeat(np.array([each for each, _, _ in cells], dtype=np.int64), sizes)
    names = np.array([name for _, name, _ in cells], dtype=object)
    lengths = np.array([assumed.SCHEME_MONTHS[name] for name in names], dtype=np.int64)
    first = np.array([_first_day(each) for each, _, _ in cells])
    return Roster(
        year=year,
        specialism=np.repeat(names, sizes),
        scheme_months=np.repeat(lengths, sizes),
        start=np.repeat(first, sizes),
    )


# ------------------------------------------------------------- hazard


def _design(attributes: pd.DataFrame) -> pd.DataFrame:
    """Return the (n, p) columns that the coefficients multiply."""
    columns = {}
    for term in assumed.COEFFICIENTS:
        if term in attributes:
            columns[term] = attributes[term].to_numpy(float)
        else:
            name = next(each for each in attributes if term.startswith(f"{each}_"))
            columns[term] = (attributes[name] == term.removeprefix(f"{name}_")).to_numpy(float)
    return pd.DataFrame(columns)


def _log_hazard(design: pd.DataFrame, roster: Roster) -> Floats:
    """Return (n,) effects of attributes and specialism."""
    centre = np.array([assumed.CENTRE.get(term, 0.0) for term in assumed.COEFFICIENTS])
    effects = (design.to_numpy() - centre) @ np.array(list(assumed.COEFFICIENTS.values()))
    names, codes = np.unique(roster.specialism.astype(str), return_inverse=True)
    return np.asarray(effects + np.array([assumed.SPECIALISM_EFFECTS[x] for x in names])[codes])


def _cohort_effects(
    rng: np.random.Generator, roster: Roster, years: Sequence[int], sd: float
) -> Floats:
    effects = rng.normal(0, 1, len(years)) * sd
    return np.asarray(effects[np.searchsorted(years, roster.year)])


def _true_risk(roster: Roster, log_hazard: Floats) -> pd.DataFrame:
    hazard = np.empty((len(log_hazard), len(RISK_MONTHS)))
    for length in np.unique(roster.scheme_months):
        rows = roster.scheme_months == length
        hazard[rows] = assumed.cumulative_baseline(length, max(RISK_MONTHS))[list(RISK_MONTHS)]
    return pd.DataFrame(-np.expm1(-hazard * np.exp(log_hazard)[:, None]), columns=RISK_MONTHS)


# -------------------------------------------------------------- frame


def _trainees(rng: np.random.Generator, lives: Lives) -> pd.DataFrame:
    """Return the (n, c) frame of the contract, with what nobody recorded left out."""
    n, roster = len(lives), lives.roster
    stayed = lives.left == FAR
    unknown = stayed | (rng.random(n) < assumed.UNKNOWN_DESTINATION)
    destination = draw_labels(rng, assumed.DESTINATION, n)
    destination[unknown] = None
    answered = rng.random(n) >= assumed.NO_SURVEY_ANSWER
    days = {
        "start_date": roster.start,
        "scheme_end_date": lives.scheme_end,
        "leave_scheme_date": np.where(lives.withdrew == FAR, NAT, lives.withdrew),
        "leave_nhs_date": np.where(stayed, NAT, lives.left),
        "last_seen_date": lives.seen,
    }
    values = {
        "trainee_id": lives.trainee_id,
        "specialism": roster.specialism,
        "cohort": [f"{year}-{assumed.START_MONTH:02d}" for year in roster.year],
        "destination": destination,
        **{name: day.astype("datetime64[ns]") for name, day in days.items()},
        **lives.attributes,
        "joining_survey": lives.attributes["joining_survey"].where(answered),
    }
    return pd.DataFrame({spec.name: values[spec.name] for spec in TRAINEES if spec.name in values})
