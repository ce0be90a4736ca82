"""Synthetic surveys: drawn given the lives, so that they tell of what comes and change nothing.

A score is the sum of a mean, an effect of the true log hazard, an effect of how near the leaving
is, and three normal terms: of the trainee, of the survey, and its own. It is rounded to half
points and cut to 0 to 10. Who is about to leave also answers less often.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from gmts_models.data.contract.tables import SURVEYS
from gmts_models.data.months import Days, add_months
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.lives import DAY, Lives
from gmts_models.outcome import Bools, Floats


def draw_surveys(rng: np.random.Generator, lives: Lives) -> pd.DataFrame:
    """Return the table of surveys, answered or not, of everyone who was sent one."""
    decline = draw_decline(rng, lives)
    answered, day = _draw_answers(rng, lives, decline)
    scores = _draw_scores(rng, lives, decline)
    gone = np.minimum(lives.left, lives.withdrew)
    seen = lives.dated(day, gone)
    person, wave = np.nonzero(seen)
    shown = np.where(answered[seen][:, None], scores[person, wave], np.nan)
    frame = pd.DataFrame(shown, columns=list(assumed.SURVEY_ITEMS))
    frame["trainee_id"] = lives.trainee_id[person]
    frame["date"] = day[seen].astype("datetime64[ns]")
    return frame[[column.name for column in SURVEYS.columns]]


def draw_decline(rng: np.random.Generator, lives: Lives) -> Floats:
    """Return (n, w) how far each trainee's decline has come at each survey, from 0 to 1."""
    length = rng.uniform(*assumed.DECLINE_MONTHS, len(lives))[:, None]
    to_go = lives.leaving[:, None] - np.array(assumed.SURVEY_MONTHS)
    return np.asarray(np.clip(1 - to_go / length, 0, 1))


def _draw_answers(rng: np.random.Generator, lives: Lives, decline: Floats) -> tuple[Bools, Days]:
    """Return (n, w) whether a survey is answered, and the day of its record."""
    odds = (
        assumed.NO_ANSWER
        + assumed.NO_ANSWER_LOG_HAZARD * lives.log_hazard[:, None]
        + assumed.NO_ANSWER_DECLINE * decline
    )
    answered = rng.random(decline.shape) >= expit(odds)
    after = rng.integers(0, assumed.SURVEY_DAYS, decline.shape)
    sent = [add_months(lives.roster.start, month) for month in assumed.SURVEY_MONTHS]
    return answered, np.column_stack(sent) + np.where(answered, after, assumed.SURVEY_DAYS) * DAY


def _draw_scores(rng: np.random.Generator, lives: Lives, decline: Floats) -> Floats:
    """Return (n, w, s) scores."""
    items = list(assumed.SURVEY_ITEMS.values())
    mean, on_hazard, on_decline, on_mood = np.array(
        [(each.mean, each.log_hazard, each.decline, each.mood) for each in items]
    ).T
    n, waves = decline.shape
    mood = assumed.MOOD_SD * rng.normal(size=(n, 1)) + assumed.WAVE_SD * rng.normal(size=(n, waves))
    scores = assumed.ITEM_SD * rng.normal(size=(n, waves, len(items)))
    scores += mean + on_mood * mood[:, :, None]
    scores += on_hazard * lives.log_hazard[:, None, None] + on_decline * decline[:, :, None]
    return np.asarray(np.clip(np.round(2 * scores) / 2, 0, 10))
