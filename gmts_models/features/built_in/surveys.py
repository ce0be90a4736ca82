"""What surveys tell: the latest answers, how they move, and who does not answer.

A survey is answered if it has any score: one of the contract, or a number that the user declared.
Answers of one day count as one, their mean. No survey sent is a zero, unless the table may not
reach back so far: of a trainee without any, who started before the table's first, nothing is known
after the start.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import SURVEYS
from gmts_models.data.months import Days, months_between, to_days
from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known
from gmts_models.outcome import Bools, Floats, Ints

SCORES = tuple(column.name for column in SURVEYS.columns if column.kind == "number")
MAIN = ("engagement", "morale", "support", "workload", "intention_to_leave")
THEMES = tuple(name for name in SCORES if name not in MAIN)
"""Of the People Promise."""

_WITH_TREND = ("engagement", "morale", "intention_to_leave")
_LEAST_FOR_TREND = 3  # with two answers the trend would be the change once more
_DAYS_PER_YEAR = 365.25


def _sent(known: Known) -> tuple[Ints, Days, Floats]:
    """Return row, day and (k, s) scores of the k surveys sent, oldest first within a row."""
    found = known.records("surveys")
    scores = found.drop(columns=["row", "date"]).to_numpy(float, na_value=np.nan)
    return found["row"].to_numpy(np.int64), to_days(found["date"]), scores


def _answers(known: Known) -> tuple[Ints, Days, Floats]:
    """Return row, day and mean score of the days with answers, oldest first within a row."""
    row, day, scores = _sent(known)
    told = ~np.isnan(scores)
    answered = told.any(axis=1)
    row, day, told = row[answered], day[answered], told[answered]
    score = np.where(told, scores[answered], 0.0).sum(axis=1) / told.sum(axis=1)
    first = np.flatnonzero(_begins(row, day))
    size = np.diff(np.append(first, len(row)))
    return row[first], day[first], np.add.reduceat(score, first) / size if len(first) else score


def _begins(row: Ints, day: Days) -> Bools:
    """Return (k,) bool: where another row or another day begins."""
    begins = np.ones(len(row), dtype=bool)
    begins[1:] = (row[1:] != row[:-1]) | (day[1:] != day[:-1])
    return begins


def _last(known: Known, row: Ints, values: npt.ArrayLike) -> Floats:
    """Return (n,) the last value of each row; NaN for a row without any."""
    last = np.full(len(known), np.nan)
    last[row] = values  # of equal positions the last one counts
    return last


def _count(known: Known, row: Ints) -> Floats:
    return np.bincount(row, minlength=len(known)).astype(float)


# -------------------------------------------------------------- scores


def _latest(known: Known) -> Floats:
    row, _, score = _answers(known)
    return _last(known, row, score)


def _change(known: Known) -> Floats:
    row, _, score = _answers(known)
    change = np.full(len(row), np.nan)
    again = row[1:] == row[:-1]
    change[1:][again] = np.diff(score)[again]
    return _last(known, row, change)


def _trend(known: Known) -> Floats:
    """Return (n,) least-squares slopes, in points a year; NaN with fewer than 3 answers."""
    row, day, score = _answers(known)
    n = len(known)
    number = _count(known, row)
    years = (day - known.on[row]).astype(float) / _DAYS_PER_YEAR
    with np.errstate(invalid="ignore"):
        years -= (np.bincount(row, years, n) / number)[row]
        slope = np.bincount(row, years * score, n) / np.bincount(row, years**2, n)
    return np.where(number >= _LEAST_FOR_TREND, slope, np.nan)


# ---------------------------------------------------------- non-response


def _months_since(known: Known) -> Floats:
    row, day, _ = _answers(known)
    last = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[D]")
    last[row] = day
    return months_between(last, known.on)


def _number_sent(known: Known) -> Floats:
    number = _count(known, _sent(known)[0])
    told = (number > 0) | (known.first_record(SURVEYS.name) <= known.start)
    told |= known.on <= known.start
    return np.where(told, number, np.nan)


def _unanswered(known: Known) -> Floats:
    row, _, scores = _sent(known)
    without = _count(known, row[np.isnan(scores).all(axis=1)])
    return np.where(np.isnan(_number_sent(known)), np.nan, without)


def _answer_rate(known: Known) -> Floats:
    sent = _number_sent(known)
    return 1 - _unanswered(known) / np.where(sent > 0, sent, np.nan)


def _latest_unanswered(known: Known) -> Floats:
    row, day, scores = _sent(known)
    of_day = np.cumsum(_begins(row, day)) - 1
    answered = np.bincount(of_day, (~np.isnan(scores)).any(axis=1)) > 0
    return _last(known, row, ~answered[of_day])


# ------------------------------------------------------------ attributes


def _source(name: str) -> str:
    return f"{SURVEYS.name}.{name}"


def _of_latest(column: Column) -> Attribute:
    return Attribute(
        name=f"latest_{column.name}",
        kind="number",
        meaning=f"{column.meaning or column.name}, latest answer",
        unit=column.unit,
        sources=(_source(column.name),),
        protected=column.protected,
        derive=_latest,
    )


def _of_change(name: str) -> Attribute:
    return Attribute(
        name=f"{name}_change",
        kind="number",
        meaning=f"latest answer less the one before it: {SURVEYS.by_name[name].meaning}",
        unit="points",
        sources=(_source(name),),
        derive=_change,
    )


def _of_trend(name: str) -> Attribute:
    return Attribute(
        name=f"{name}_trend",
        kind="number",
        meaning=f"slope through all answers so far, 3 at least: {SURVEYS.by_name[name].meaning}",
        unit="points a year",
        sources=(_source(name),),
        derive=_trend,
    )


def _attributes(scores: tuple[str, ...], themes: tuple[str, ...]) -> tuple[Attribute, ...]:
    """Return the attributes where a survey may have these scores, of which some are `themes`."""
    any_score = tuple(map(_source, scores))
    return (
        *(_of_latest(SURVEYS.by_name[name]) for name in MAIN),
        *(_of_change(name) for name in MAIN),
        *(_of_trend(name) for name in _WITH_TREND),
        Attribute(
            name="people_promise",
            kind="number",
            meaning="mean of the People Promise themes that the latest answer to any of them has",
            unit="0 to 10",
            sources=tuple(map(_source, themes)),
            derive=_latest,
        ),
        Attribute(
            name="months_since_answer",
            kind="number",
            meaning="time since a survey was last answered",
            unit="months",
            sources=any_score,
            derive=_months_since,
            moves=True,
        ),
        Attribute(
            name="surveys_sent",
            kind="number",
            meaning="surveys sent so far",
            unit="surveys",
            sources=(_source("date"), "start_date"),
            derive=_number_sent,
        ),
        Attribute(
            name="surveys_unanswered",
            kind="number",
            meaning="surveys without an answer so far",
            unit="surveys",
            sources=(*any_score, "start_date"),
            derive=_unanswered,
        ),
        Attribute(
            name="latest_unanswered",
            kind="number",
            meaning="the last survey sent was not answered; 1 = yes",
            sources=any_score,
            derive=_latest_unanswered,
        ),
        Attribute(
            name="answer_rate",
            kind="number",
            meaning="share of the surveys sent so far that were answered",
            unit="share",
            sources=(*any_score, "start_date"),
            derive=_answer_rate,
        ),
    )


ATTRIBUTES: tuple[Attribute, ...] = _attributes(SCORES, THEMES)

ON_REQUEST = ("surveys_sent", "surveys_unanswered", "answer_rate")
"""How many were sent is much the same for everyone at one time since the start; after one survey
the others tell what `latest_unanswered` tells."""


def for_people(people: People) -> tuple[Attribute, ...]:
    """Return the attributes as these people's surveys allow, and the latest of each own number.

    An attribute of several scores takes those that are there. The user's own numbers are among
    them where the question is whether a survey was answered.

    Parameters
    ----------
    people : checked records, with or without surveys.
    """
    if SURVEYS.name not in people.tables:
        return ()
    frame = people.tables[SURVEYS.name]
    declared = people.table_attributes.get(SURVEYS.name, {}).values()
    own = [
        each
        for each in declared
        if each.kind == "number" and each.known is not None and each.name in frame
    ]
    asked = tuple(name for name in (*SCORES, *(each.name for each in own)) if name in frame)
    themes = tuple(name for name in THEMES if name in frame)
    made = _attributes(asked or SCORES, themes or THEMES)
    return (*made, *(_of_latest(column) for column in own))
