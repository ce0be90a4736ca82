"""The rules of the tables beside the trainees.

The last day of a placement is its last: an end on the day of the next start is a hand-over, a later
one an overlap. A placement without an end, followed by another, ended on the day of that start: a
hand-over, so that its end is known no earlier than what tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.checking.records import (
    Records,
    listed,
    missing_cells,
    repeated_rows,
    split_by,
    unreadable,
)
from gmts_models.data.checking.rejections import Problem, Violation, rejected_rows, violation
from gmts_models.data.contract.tables import Table
from gmts_models.data.months import Days
from gmts_models.data.reading.cells import fold_id
from gmts_models.outcome import Bools, Ints

ORPHANED = "the trainee's own row was rejected"
_NAT = np.datetime64("NaT", "D")
_OPEN = np.datetime64("9999-12-31", "D")
_EARLIER_ALLOWED = frozenset({"roles"})
_WRONG_KIND = {"exam": ("rating", "signed_off"), "competency": ("passed",)}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Roster:
    """The trainees that records may belong to.

    Attributes
    ----------
    ids : of the m valid trainees.
    start, left : (m,) first day on the scheme, and day of leaving the NHS or NaT.
    rejected : ids of trainees whose own row was rejected.
    census : the day up to which follow-up is known.
    """

    ids: pd.Index
    start: Days
    left: Days
    rejected: pd.Index
    census: np.datetime64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TableCheck:
    """What the rules find in n rows of a table.

    Attributes
    ----------
    violations : of every rule.
    unusable : (n,) bool, rows that could not be read or belong to nobody; where all are, the
        table is not what it was taken for.
    ends : (n,) last days of placements, those that follow from the next one among them.
    filled : (n,) bool, where they do.
    """

    violations: list[Violation]
    unusable: Bools
    ends: Days
    filled: Bools


def check_table(table: Table, records: Records, roster: Roster) -> TableCheck:
    """Apply the rules of one table to its rows.

    Parameters
    ----------
    table : its contract.
    records : n parsed rows.
    roster : the trainees.
    """
    n = len(records)
    found = unreadable(records)
    found += [missing_cells(records, column.name) for column in table.columns if column.required]
    owner = np.full(n, -1, dtype=np.int64)
    unusable = rejected_rows(found, n)
    if table.personal:
        owner = np.asarray(roster.ids.get_indexer(pd.Index(records.text("trainee_id"))))
        orphans = list(_orphans(records, owner, roster))
        unusable |= rejected_rows(orphans[:2], n)
        found += orphans
    found += _conflicts(table, records)
    if table.end is not None:
        end = records.days(table.end)
        broken = end < records.days(table.date)
        words = f"{table.end} is before {table.date}"
        found.append(violation(broken, table.end, words, "correct one of the two dates"))
    if table.personal:
        found += _times(table, records, owner, roster)
    if table.name == "assessments":
        found += _kinds(records)
    ends, filled = records.days(table.end or ""), np.zeros(n, dtype=bool)
    if table.name == "placements":
        rows = np.flatnonzero(~rejected_rows(found, n))
        ends, filled = _closed(records, owner, rows)
        found += _overlaps(records, owner, ends, rows)
    violations = [each for each in found if len(each.rows)]
    return TableCheck(violations=violations, unusable=unusable, ends=ends, filled=filled)


# ------------------------------------------------------------- owners


def _orphans(records: Records, owner: Ints, roster: Roster) -> Iterator[Violation]:
    ids = pd.Index(records.text("trainee_id"))
    nobody = (owner < 0) & ~records.empty("trainee_id")
    rejected = nobody & np.asarray(ids.isin(roster.rejected))
    unknown = nobody & ~rejected
    known = {fold_id(each) for each in roster.ids.append(roster.rejected)}
    levels = {each: fold_id(each) in known for each in pd.unique(ids[unknown])}
    alike = np.zeros(len(ids), dtype=bool)
    alike[unknown] = ids[unknown].map(levels)
    reason = "trainee_id is not in the table of trainees"
    yield violation(
        unknown & ~alike,
        "trainee_id",
        reason,
        "correct it, add the trainee, or leave the row out; ids match where every character does",
    )
    yield violation(
        alike,
        "trainee_id",
        reason,
        "write it as the table of trainees does: one there differs only in leading zeros, case or "
        "spaces; in a spreadsheet a column of text keeps its zeros",
    )
    yield violation(
        rejected,
        "trainee_id",
        ORPHANED,
        "mend the row in the table of trainees",
    )


def _conflicts(table: Table, records: Records) -> Iterator[Violation]:
    key = [name for name in table.unique if name in records]
    needed = [name for name in key if table.by_name[name].required]
    readable = ~np.any([records.bad(name) for name in key], axis=0)
    readable &= ~np.any([records.empty(name) for name in needed], axis=0)
    others = [name for name in table.unique if name not in records]
    advice = "keep one record"
    if others:
        advice += f", or add {' or '.join(others)}, which may tell them apart"
    names = f"{', '.join(key[:-1])} and {key[-1]} are" if len(key) > 1 else f"{key[0]} is"
    reason = f"{names} shared by rows that differ"
    yield from repeated_rows(records, key, np.flatnonzero(readable), reason, advice)


# -------------------------------------------------------------- times


def _times(table: Table, records: Records, owner: Ints, roster: Roster) -> Iterator[Violation]:
    date = table.date
    day = records.days(date)
    yield violation(
        day > roster.census,
        date,
        f"{date} is after the census date",
        "correct it, leave the row out, or give a later census_date",
    )
    start, left = (np.append(days, _NAT)[owner] for days in (roster.start, roster.left))
    if table.name not in _EARLIER_ALLOWED:
        yield violation(
            day < start,
            date,
            f"{date} is before the trainee's start_date",
            "correct one of the two dates, or leave the row out",
        )
    yield violation(
        day > left,
        date,
        f"{date} is after the trainee left the NHS",
        "correct one of the two dates; somebody who came back has not left",
    )


def _kinds(records: Records) -> Iterator[Violation]:
    kind = records.text("assessment_type")
    for label, foreign in _WRONG_KIND.items():
        for name in foreign:
            yield violation(
                (kind == label) & ~records.empty(name),
                name,
                f"{name} is given for {'an' if label == 'exam' else 'a'} {label}",
                "leave the cell empty, or correct assessment_type",
            )


# --------------------------------------------------------- placements


def _closed(records: Records, owner: Ints, rows: Ints) -> tuple[Days, Bools]:
    """Return the ends of placements, an open one's being the day of the next start."""
    start, ends = records.days("start_date"), records.days("end_date").copy()
    filled = np.zeros(len(records), dtype=bool)
    order = rows[np.lexsort((start[rows], owner[rows]))]
    this, next_ = order[:-1], order[1:]
    open_ = (owner[this] == owner[next_]) & np.isnat(ends[this])
    ends[this[open_]] = start[next_[open_]]
    filled[this[open_]] = True
    return ends, filled


def _overlaps(records: Records, owner: Ints, ends: Days, rows: Ints) -> Iterator[Violation]:
    """Find the placements that overlap: a chain of them is told, and rejected, as one."""
    start = records.days("start_date")
    order = rows[np.lexsort((start[rows], owner[rows]))]
    if not len(order):
        return
    last = np.where(np.isnat(ends[order]), _OPEN, ends[order]).astype(np.int64)
    by_owner = pd.Series(last).groupby(owner[order], sort=False)
    so_far = by_owner.cummax().groupby(owner[order], sort=False).shift(1)
    begins = start[order].astype(np.int64)
    chained = so_far.to_numpy(float) > begins  # NaN, a trainee's first one, is not
    chain = np.cumsum(~chained, dtype=np.int64)
    involved = np.bincount(chain)[chain] > 1
    for together in split_by(order[involved], chain[involved]):
        problem = Problem(
            reason="the placement overlaps another of the trainee",
            fix="correct the dates: the last day may be that of the next start, but no later; rows "
            f"{listed(records, np.sort(together))} overlap",
        )
        yield Violation(rows=np.sort(together), column="start_date", problem=problem)
