"""Synthetic assessments: competencies rated every quarter until they are signed off, and exams.

A trainee's ability moves ratings, sign-offs and exams alike. It goes with the log hazard of
leaving, a little; assessments know nothing else of who leaves when.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from gmts_models.data.contract.tables import ASSESSMENTS
from gmts_models.data.months import Days, add_months
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.lives import DAY, Lives
from gmts_models.outcome import Floats, Ints


def draw_assessments(rng: np.random.Generator, lives: Lives) -> pd.DataFrame:
    """Return the table of ratings and exams, by trainee and date."""
    ability = _draw_ability(rng, lives)
    frame = pd.concat([_draw_ratings(rng, lives, ability), _draw_exams(rng, lives, ability)])
    order = np.lexsort((frame["date"].to_numpy(), frame["person"].to_numpy()))
    frame = frame.iloc[order].reset_index(drop=True)
    frame["trainee_id"] = lives.trainee_id[frame["person"].to_numpy()]
    return frame[[column.name for column in ASSESSMENTS.columns]]


def _draw_ability(rng: np.random.Generator, lives: Lives) -> Floats:
    """Return (n,) about standard normal."""
    share = assumed.ABILITY_LOG_HAZARD
    own = rng.normal(size=len(lives)) * np.sqrt(1 - share**2)
    return np.asarray(share * lives.log_hazard / assumed.LOG_HAZARD_SD + own)


# ------------------------------------------------------------- ratings


def _draw_ratings(rng: np.random.Generator, lives: Lives, ability: Floats) -> pd.DataFrame:
    n = len(lives)
    own_size = pd.Series(lives.roster.specialism).map(assumed.FRAMEWORK_SIZE)
    size = own_size.fillna(assumed.OTHER_FRAMEWORK_SIZE).to_numpy(np.int64)
    last = lives.roster.scheme_months // assumed.REVIEW_MONTHS
    signed = _draw_sign_off(rng, ability, last)
    # A competency never signed off is rated as if that came one review after the last.
    review = np.minimum(signed, last[:, None] + 1)[:, :, None] + np.array([-2, -1, 0])
    day = _review_days(rng, lives.roster.start, int(last.max()))
    asked = np.arange(len(assumed.COMPETENCIES)) < size[:, None]
    real = asked[:, :, None] & (review >= 1) & (review <= last[:, None, None])
    when = day[np.arange(n)[:, None, None], np.clip(review, 1, last.max()) - 1]
    seen = real & lives.dated(when, lives.off_scheme)
    person, subject, step = np.nonzero(seen)
    expected = np.array(assumed.RATINGS)[step] + assumed.RATING_ABILITY * ability[person]
    spread = assumed.RATING_SD * rng.normal(size=seen.shape)[seen]
    signed_off = step == 2
    rating = np.round(expected + spread)
    return pd.DataFrame(
        {
            "person": person,
            "date": when[seen].astype("datetime64[ns]"),
            "assessment_type": "competency",
            "subject": np.array(assumed.COMPETENCIES, dtype=object)[subject],
            "rating": np.where(signed_off, np.clip(rating, 3, 5), np.clip(rating, 1, 3)),
            "signed_off": pd.array(signed_off, dtype="boolean"),
            "framework_size": size[person].astype(float),
            "passed": pd.array([pd.NA] * len(person), dtype="boolean"),
        }
    )


def _draw_sign_off(rng: np.random.Generator, ability: Floats, last: Ints) -> Ints:
    """Return (n, c) the review in which a competency is signed off; past the last one = never.

    Reviews of the first placement get the share of its aim in equal parts, later ones the rest.
    """
    share = assumed.ABILITY_SHARE
    own = rng.normal(size=(len(ability), len(assumed.COMPETENCIES)))
    place = 1 - ndtr(np.sqrt(share) * ability[:, None] + np.sqrt(1 - share) * own)
    reviews = assumed.FLEXI_START // assumed.REVIEW_MONTHS
    first, second = assumed.SIGNED_OFF_FIRST, assumed.SIGNED_OFF_SECOND
    later = reviews + (place - first) / (second - first) * (last[:, None] - reviews)
    reached = np.ceil(np.where(place <= first, place / first * reviews, later))
    return np.asarray(reached, dtype=np.int64)


def _review_days(rng: np.random.Generator, start: Days, reviews: int) -> Days:
    """Return (n, reviews) days in the last ones of every quarter of a year of service."""
    before = rng.integers(1, assumed.REVIEW_DAYS + 1, (len(start), reviews))
    ends = [add_months(start, assumed.REVIEW_MONTHS * (k + 1)) for k in range(reviews)]
    return np.asarray(np.column_stack(ends) - before * DAY)


# --------------------------------------------------------------- exams


def _draw_exams(rng: np.random.Generator, lives: Lives, ability: Floats) -> pd.DataFrame:
    names = sorted(set(assumed.EXAMS) & set(lives.roster.specialism))
    parts = [_sit(rng, lives, ability, np.arange(len(lives)), assumed.CERTIFICATE)]
    for name in names:
        rows = np.flatnonzero(lives.roster.specialism == name)
        parts.append(_sit(rng, lives, ability, rows, assumed.EXAMS[name]))
    return pd.concat(parts)


def _sit(
    rng: np.random.Generator,
    lives: Lives,
    ability: Floats,
    rows: Ints,
    exams: tuple[tuple[str, int], ...],
) -> pd.DataFrame:
    """Return the sittings of some exams by the people in some rows; who fails sits again."""
    shape = (len(rows), len(exams), assumed.SITTINGS)
    chance = expit(assumed.PASS + assumed.PASS_ABILITY * ability[rows])
    passed = rng.random(shape) < chance[:, None, None]
    months = np.array([month for _, month in exams])[:, None]
    months = months + assumed.RESIT_MONTHS * np.arange(assumed.SITTINGS)
    start = np.repeat(lives.roster.start[rows], months.size)
    day = add_months(start, np.tile(months.ravel(), len(rows))).reshape(shape)
    day = day + assumed.EXAM_DAY * DAY
    not_yet = np.cumsum(passed, axis=2) == passed  # passed in no earlier sitting
    seen = not_yet & (day < lives.off_scheme[rows][:, None, None])
    seen &= day <= lives.seen[rows][:, None, None]
    person, subject, _ = np.nonzero(seen)
    return pd.DataFrame(
        {
            "person": rows[person],
            "date": day[seen].astype("datetime64[ns]"),
            "assessment_type": "exam",
            "subject": np.array([name for name, _ in exams], dtype=object)[subject],
            "rating": np.nan,
            "signed_off": pd.array([pd.NA] * len(person), dtype="boolean"),
            "framework_size": np.nan,
            "passed": pd.array(passed[seen], dtype="boolean"),
        }
    )
