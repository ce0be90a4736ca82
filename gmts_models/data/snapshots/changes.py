"""What snapshots show of each person beside the stay itself: roles, and what changed when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.contract.tables import CHANGES, ROLES
from gmts_models.data.months import Days
from gmts_models.data.snapshots.calendar import before_first
from gmts_models.data.snapshots.contract import POST
from gmts_models.data.snapshots.histories import Lives
from gmts_models.data.snapshots.rows import Rows
from gmts_models.data.snapshots.spells import Spells, Visits
from gmts_models.outcome import Bools, Ints

_CHANGE_OF = {"organisation": "moved", "band": "band", "fte": "hours"}
_NOBODY = np.empty(0, dtype=np.int64)


def _last_given(rows: Rows, visits: Visits, spells: Spells, name: str) -> Ints:
    """Return (m,) the latest visit of the same spell, up to this one, that gives a value; -1."""
    given = ~rows.records.empty(name)[visits.row]
    latest = np.maximum.accumulate(np.where(given, np.arange(len(given)), -1))
    return np.where(latest >= spells.begin[visits.spell], latest, -1)


def _values(rows: Rows, visits: Visits, name: str, at: Ints) -> Any:
    """Return values of visits; missing for position -1."""
    values = rows.records.columns[name].array[visits.row]
    missing = np.full(1, np.nan if values.dtype.kind == "f" else None, dtype=values.dtype)
    return np.concatenate([values, missing])[at]


def _differ(now: Any, before: Any) -> Bools:
    """Return where two arrays differ; both missing is alike, hours within rounding too."""
    if now.dtype.kind == "f":
        close = np.abs(now - before) < 1e-6
        return np.asarray(~close & ~(np.isnan(now) & np.isnan(before)))
    codes, _ = pd.factorize(np.append(now, before))
    return np.asarray(codes[: len(now)] != codes[len(now) :])


def roles_frame(rows: Rows, visits: Visits, spells: Spells, valid: Bools) -> pd.DataFrame:
    """Return a row for each time in which organisation, band, role, hours and region stay.

    A role starts on the date of the first snapshot that shows it, and ends on that of the first one
    that shows another, or by leaving. A cell that is empty says nothing: the value before it goes
    on. (m visits become at most m rows, by person and start.)

    Parameters
    ----------
    valid : (p,) bool, the people who are followed.
    """
    names = [name for name in POST if name in rows.records]
    starts = np.zeros(len(visits.row), dtype=bool)
    starts[spells.begin] = True
    values: dict[str, Any] = {}
    for name in names:
        values[name] = _values(rows, visits, name, _last_given(rows, visits, spells, name))
        starts[1:] |= _differ(values[name][1:], values[name][:-1])
    at = np.flatnonzero(starts)
    day = rows.dates[visits.when]
    last = np.append(np.diff(visits.spell[at]) != 0, True)
    following = np.append(day[at[1:]], np.datetime64("NaT", "D"))
    end = np.where(last, spells.leave[visits.spell[at]], following)
    kept = valid[visits.person[at]]
    values = {
        "trainee_id": rows.ids[visits.person[at]],
        "start_date": day[at],
        "end_date": end,
        **{name: each[at] for name, each in values.items()},
    }
    order = [column.name for column in ROLES.columns if column.name in values]
    frame = pd.DataFrame({name: values[name][kept] for name in order})
    return frame.astype({"start_date": "datetime64[ns]", "end_date": "datetime64[ns]"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Changes:
    """k changes of one kind: of whom, between which dates, from what to what."""

    kind: str
    person: Ints
    date: Days
    after: Days
    was: npt.NDArray[np.object_]
    now: npt.NDArray[np.object_]


def changes_frame(
    rows: Rows, visits: Visits, spells: Spells, lives: Lives, valid: Bools
) -> pd.DataFrame:
    """Return what happened between two snapshots: `date` shows it, `after_date` did not yet.

    Frame in the columns of `CHANGES_SEEN`, by person and date.
    """
    parts = [*_coming_and_going(rows, visits, spells, lives)]
    parts += [_of_post(rows, visits, spells, name) for name in _CHANGE_OF if name in rows.records]
    kind = np.repeat([CHANGES.index(each.kind) for each in parts], [len(p.person) for p in parts])
    person = np.concatenate([_NOBODY, *(each.person for each in parts)])
    date = np.concatenate([each.date for each in parts])
    order = np.lexsort((kind, date, person))
    order = order[valid[person[order]]]
    frame: pd.DataFrame = pd.DataFrame(
        {
            "trainee_id": rows.ids[person],
            "date": date,
            "after_date": np.concatenate([each.after for each in parts]),
            "change": np.array(CHANGES, dtype=object)[kind],
            "was": np.concatenate([each.was for each in parts]),
            "now": np.concatenate([each.now for each in parts]),
        }
    ).iloc[order]
    dates = {"date": "datetime64[ns]", "after_date": "datetime64[ns]"}
    return frame.astype(dates).reset_index(drop=True)


def _coming_and_going(
    rows: Rows, visits: Visits, spells: Spells, lives: Lives
) -> tuple[_Changes, ...]:
    dates = rows.dates
    before = np.append(before_first(dates), dates[:-1])
    where = np.full(len(visits.row), None, dtype=object)
    if "organisation" in rows.records:
        latest = _last_given(rows, visits, spells, "organisation")
        where = _values(rows, visits, "organisation", latest)
    began, ended = where[spells.begin], where[spells.end - 1]
    first_of = np.diff(spells.person, prepend=-1) != 0
    joined, again = np.flatnonzero(first_of & (spells.first > 0)), np.flatnonzero(~first_of)
    left = np.flatnonzero(spells.left)
    # Who joined and left within one period has no time in post that a snapshot shows.
    short = np.flatnonzero((lives.spell < 0) & (lives.row >= 0))
    shown = lives.first[short]
    nowhere = np.full(len(short), None, dtype=object)
    fresh = shown > 0
    return (
        _Changes(
            kind="joined",
            person=np.append(spells.person[joined], short[fresh]),
            date=dates[np.append(spells.first[joined], shown[fresh])],
            after=before[np.append(spells.first[joined], shown[fresh])],
            was=np.full(len(joined) + int(fresh.sum()), None, dtype=object),
            now=np.append(began[joined], nowhere[fresh]),
        ),
        _Changes(
            kind="left",
            person=np.append(spells.person[left], short),
            date=dates[np.append(spells.last[left] + 1, shown)],
            after=np.append(dates[spells.last[left]], before[shown]),
            was=np.append(ended[left], nowhere),
            now=np.full(len(left) + len(short), None, dtype=object),
        ),
        _Changes(
            kind="returned",
            person=spells.person[again],
            date=dates[spells.first[again]],
            after=before[spells.first[again]],
            was=ended[again - 1],
            now=began[again],
        ),
    )


def _of_post(rows: Rows, visits: Visits, spells: Spells, name: str) -> _Changes:
    latest = _last_given(rows, visits, spells, name)
    values = _values(rows, visits, name, latest)
    told = (latest[1:] >= 0) & (latest[:-1] >= 0) & (visits.spell[1:] == visits.spell[:-1])
    at = np.flatnonzero(told & _differ(values[1:], values[:-1])) + 1
    labels = values
    if values.dtype.kind == "f":
        codes, levels = pd.factorize(values)
        labels = np.array([*(f"{level:g}" for level in levels), None], dtype=object)[codes]
    return _Changes(
        kind=_CHANGE_OF[name],
        person=visits.person[at],
        date=rows.dates[visits.when[at]],
        after=rows.dates[visits.when[latest[at - 1]]],
        was=labels[at - 1],
        now=labels[at],
    )
