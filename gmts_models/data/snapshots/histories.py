"""From times in post to one row a trainee: start, entry, leaving and what was first seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import Violation, violation
from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.months import Days
from gmts_models.data.snapshots.calendar import before_first
from gmts_models.data.snapshots.contract import AS_FIRST_SEEN, FIXED
from gmts_models.data.snapshots.rows import Departures, Rows
from gmts_models.data.snapshots.spells import Spells, Visits
from gmts_models.outcome import Bools, Ints

UnknownStart = Literal["reject", "first_snapshot"]
Returners = Literal["first_departure", "last_departure"]
Covers = Literal["date", "period"]

_NAT = np.datetime64("NaT", "D")
_NOTHING = np.full(1, None, dtype=object)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lives:
    """The history of each of p people.

    Attributes
    ----------
    row : (p,) position of the row by which a person is first seen; -1 = by none.
    first : (p,) position of its date.
    spell : (p,) position of the first time in post; -1 = left before any snapshot on their own.
    returned : (p,) bool: has a later one.
    start, entry, leave : (p,) days; leave is NaT for those who have not left by the census.
    source : (p,) position of the row that tells the day of leaving; -1 = none does.
    fixed : name -> (p,) values of what does not change.
    """

    row: Ints
    first: Ints
    spell: Ints
    returned: Bools
    start: Days
    entry: Days
    leave: Days
    source: Ints
    fixed: Mapping[str, Any]


def find_lives(
    rows: Rows,
    visits: Visits,
    spells: Spells,
    known: Departures,
    *,
    census: int,
    unknown_start: UnknownStart,
    returners: Returners,
    covers: Covers,
) -> Lives:
    """Date the start, the entry and the leaving of each person; see `from_snapshots`."""
    p = len(rows.ids)
    row, first, spell = (np.full(p, -1, dtype=np.int64) for _ in range(3))
    first_spell = np.flatnonzero(np.diff(spells.person, prepend=-1))
    who = spells.person[first_spell]
    row[who], first[who] = visits.row[spells.begin[first_spell]], spells.first[first_spell]
    spell[who] = first_spell
    leave, source = np.full(p, _NAT), np.full(p, -1, dtype=np.int64)
    started = spells.first <= census
    counted = spells.person[started], np.flatnonzero(started)
    if returners == "first_departure":
        counted = who, first_spell
    leave[counted[0]], source[counted[0]] = spells.leave[counted[1]], spells.source[counted[1]]
    if covers == "period":  # the only row of who joined and left in one period is of a leaver
        alone, fact = np.unique(known.person, return_index=True)
        alone, fact = alone[spell[alone] < 0], fact[spell[alone] < 0]
        row[alone], first[alone] = known.row[fact], known.told[fact]
        leave[alone], source[alone] = known.leave[fact], known.row[fact]
    fixed = {name: _first_given(rows, visits, row, name) for name in FIXED if name in rows.records}
    start = _starts(rows, visits, spells, row, spell)
    seen = np.append(rows.dates, _NAT)[first]
    joiner = (first > 0) & (spell >= 0)
    fill = np.isnat(start) & (joiner | (unknown_start == "first_snapshot") & (first == 0))
    start = np.where(fill, seen, start)
    since = seen
    if covers == "period":
        since = np.append(np.append(before_first(rows.dates), rows.dates[:-1]), _NAT)[first]
    leave = np.where(leave <= rows.dates[census], leave, _NAT)
    return Lives(
        row=row,
        first=first,
        spell=spell,
        returned=np.bincount(spells.person, minlength=p) > 1,
        start=start,
        entry=np.fmax(since, start),
        leave=leave,
        source=np.where(np.isnat(leave), -1, source),
        fixed=fixed,
    )


def _first_given(rows: Rows, visits: Visits, row: Ints, name: str) -> Any:
    """Return (p,) what the first row of each person that gives it says; missing where none does."""
    values = rows.records.columns[name].array
    alone = np.flatnonzero((row >= 0) & ~np.isin(np.arange(len(row)), visits.person))
    asked = np.append(visits.row, row[alone])
    person = np.append(visits.person, alone)
    given = np.flatnonzero(~rows.records.empty(name)[asked])
    who, at = np.unique(person[given], return_index=True)
    nothing = _NAT if values.dtype.kind == "M" else None
    found = np.full(len(row), nothing, dtype=values.dtype)
    found[who] = values[asked[given[at]]]
    return found


def _starts(rows: Rows, visits: Visits, spells: Spells, row: Ints, spell: Ints) -> Days:
    """Return (p,) start dates of the first time in post; NaT where none fits.

    A person who comes back may have a new start date; and one after the first snapshot is wrong.
    """
    mine = spell[visits.person] == visits.spell
    within = Visits(
        row=visits.row[mine],
        person=visits.person[mine],
        when=visits.when[mine],
        spell=visits.spell[mine],
        bridged=visits.bridged[mine],
    )
    if "start_date" not in rows.records:
        return np.full(len(row), _NAT)
    start = _first_given(rows, within, row, "start_date")
    first = np.append(spells.first, 0)[spell]
    return np.where((start > rows.dates[first]) & (spell >= 0), _NAT, start)


# --------------------------------------------------------------- rules


def check_lives(
    rows: Rows, lives: Lives, census: int, covers: Covers
) -> tuple[Bools, list[Violation]]:
    """Return (p,) bool, the people who cannot be followed, and why, for each of their rows."""
    valid = np.ones(len(rows.ids), dtype=bool)
    found = []
    for broken, column, reason, fix in _rules(rows, lives, census, covers):
        of_them = broken[rows.person] & rows.counts
        valid &= ~broken
        if of_them.any():
            found.append(violation(of_them, column, reason, fix))
    return ~valid, found


def _rules(
    rows: Rows, lives: Lives, census: int, covers: Covers
) -> Iterator[tuple[Bools, str, str, str]]:
    unseen = lives.row < 0
    fix = "nothing to do: who is found by a snapshot is followed from it on"
    if covers == "date":
        fix += "; or say covers='period' where an extract has all who left since the one before"
    words = "the person had left before any snapshot has them in post"
    yield unseen, "leave_nhs_date", words, fix
    lacking = ~unseen & pd.isna(lives.fixed["specialism"])
    yield lacking, "specialism", "specialism is missing in every row of the person", "fill it in"
    unknown = ~unseen & np.isnat(lives.start)
    yield (
        unknown & (lives.spell >= 0),
        "start_date",
        "start_date is missing, and the person is in the first snapshot",
        "fill it in; or say unknown_start='first_snapshot' to count from that day",
    )
    yield (
        unknown & (lives.spell < 0),
        "start_date",
        "start_date is missing, and no snapshot has the person in post",
        "fill it in, or leave the rows out",
    )
    yield (
        (lives.spell < 0) & (lives.start < lives.entry) & (lives.leave <= lives.entry),
        "leave_nhs_date",
        "leave_nhs_date is before the period that the extract is about",
        "correct it; or nothing to do, where an earlier leaving is told again",
    )
    yield (
        ~unseen & (lives.entry > rows.dates[census]),
        "snapshot_date",
        "the person is first seen after the census, and not yet followed",
        "nothing to do; later snapshots will move the census",
    )


def differences(rows: Rows, visits: Visits, lives: Lives) -> list[Violation]:
    """Return the cells that say otherwise than an earlier snapshot, and do not count."""
    found = []
    for name in FIXED:
        if name not in rows.records:
            continue
        values = rows.records.columns[name].array[visits.row]
        mine = lives.start if name == "start_date" else lives.fixed[name]
        differs = ~pd.isna(values) & (values != mine[visits.person])
        differs &= ~pd.isna(mine[visits.person])
        if name == "start_date":  # another one after a return is no mistake
            differs &= lives.spell[visits.person] == visits.spell
        broken = np.zeros(len(rows.person), dtype=bool)
        broken[visits.row[differs]] = True
        if differs.any():
            words = f"{name} differs from an earlier snapshot of the person"
            fix = "correct it; the first one given counts"
            found.append(violation(broken, name, words, fix))
    return found


# --------------------------------------------------------------- frame


def trainees_frame(
    rows: Rows, lives: Lives, who: Ints, census: np.datetime64, own: Mapping[str, Column]
) -> pd.DataFrame:
    """Return one row a trainee in the columns of the contract.

    Parameters
    ----------
    who : (n,) positions of the people.
    census : the day up to which they are followed.
    own : attributes of the user, by name.
    """
    row, source = lives.row[who], lives.source[who]
    leave = lives.leave[who]
    intake = lives.start[who].astype("datetime64[M]").astype(str).astype(object)
    given = lives.fixed["cohort"][who] if "cohort" in lives.fixed else np.full(len(who), None)
    values: dict[str, Any] = {
        "trainee_id": rows.ids[who],
        "specialism": lives.fixed["specialism"][who],
        "cohort": np.where(pd.isna(given), intake, given),
        "start_date": lives.start[who],
        "first_seen_date": lives.entry[who],
        "leave_nhs_date": leave,
        "last_seen_date": np.where(np.isnat(leave), census, leave),
    }
    if "scheme_end_date" in lives.fixed:
        values["scheme_end_date"] = lives.fixed["scheme_end_date"][who]
    if "destination" in rows.records:
        told = np.append(rows.records.text("destination"), _NOTHING)
        values["destination"] = told[source]
    for name in (*AS_FIRST_SEEN, *own):
        if name in rows.records:
            values[name] = rows.records.columns[name].array[row]
    order = [*(column.name for column in TRAINEES), *own]
    frame = pd.DataFrame({name: values[name] for name in order if name in values})
    dates = [column.name for column in TRAINEES if column.kind == "date" and column.name in frame]
    return frame.astype(dict.fromkeys(dates, "datetime64[ns]"))
