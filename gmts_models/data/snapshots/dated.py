"""From rows with dates to histories: the steps in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd

from gmts_models.data.checking.records import Records
from gmts_models.data.checking.rejections import Problem, Violation, rejected_rows
from gmts_models.data.contract.columns import Column
from gmts_models.data.people import Resolution
from gmts_models.data.reading.parsing import Parsed
from gmts_models.data.snapshots.calendar import check_regular, find_census, resolution_of
from gmts_models.data.snapshots.changes import changes_frame, roles_frame
from gmts_models.data.snapshots.checked import Histories
from gmts_models.data.snapshots.histories import (
    Covers,
    Lives,
    Returners,
    UnknownStart,
    check_lives,
    differences,
    find_lives,
    trainees_frame,
)
from gmts_models.data.snapshots.posts import main_posts
from gmts_models.data.snapshots.rows import (
    LATE,
    WRONG,
    Departures,
    Rows,
    check_rows,
    departures,
    late_rows,
    lay_out,
)
from gmts_models.data.snapshots.spells import (
    LeavingDate,
    Spells,
    Visits,
    find_spells,
    find_visits,
)
from gmts_models.errors import DataError, InputError
from gmts_models.outcome import Bools

_MOST_GRACE = 120
STAYED = Problem(
    reason="leave_nhs_date is given, but the person did not leave: back within grace_months",
    fix="nothing to do, where the person changed posts; else say a smaller grace_months",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """The choices of the user; see `from_snapshots`."""

    grace_months: int
    leaving_date: LeavingDate
    unknown_start: UnknownStart
    returners: Returners
    covers: Covers
    irregular: bool

    def check(self) -> None:
        """Refuse what is not among the choices.

        Raises
        ------
        InputError : a choice does not exist.
        """
        grace = self.grace_months
        if isinstance(grace, bool) or not isinstance(grace, int) or not 0 <= grace <= _MOST_GRACE:
            raise InputError(
                "grace_months is not a whole number of months",
                where="grace_months",
                fix=f"choose 0 to {_MOST_GRACE}; 0 takes every absence for leaving",
            )
        for name, choices in (
            ("leaving_date", LeavingDate),
            ("unknown_start", UnknownStart),
            ("returners", Returners),
            ("covers", Covers),
        ):
            valid = get_args(choices)
            if getattr(self, name) not in valid:
                raise InputError(
                    f"there is no such {name}", where=name, fix=f"choose {' or '.join(valid)}"
                )


def read_dated(records: Records, how: How, own: Mapping[str, Column]) -> Histories:
    """Turn rows with dates into histories.

    Raises
    ------
    DataError : no row has anyone in post.
    InputError : a snapshot seems to be missing, or no absence can be told from leaving.
    """
    today = np.datetime64("today", "D")
    rejected, noted = check_rows(records, today)
    rows = lay_out(_with_causes(records), rejected)
    if not len(rows.dates):
        return Histories(rejected=rejected, noted=noted)
    census = _census(rows, how, rejected)
    late, wrong = late_rows(rows, departures(rows), how.grace_months)
    rejected += _violation(wrong, "leave_nhs_date", WRONG)
    noted += _violation(late, "leave_nhs_date", LATE)
    rows = rows.without(late | wrong)
    known = departures(rows)
    chosen, repeated, others = main_posts(rows)
    if not len(chosen):
        raise DataError(
            "every row is of a leaver, and none of anyone in post",
            where="snapshots",
            fix="pass the rows of those in post too; leave_nhs_date is empty in them, or later "
            "than the snapshot",
        )
    rejected, noted = rejected + repeated, noted + others
    visits = find_visits(rows, chosen, how.grace_months)
    spells = find_spells(rows, visits, known, census, how.leaving_date)
    lives = find_lives(
        rows,
        visits,
        spells,
        known,
        census=census,
        unknown_start=how.unknown_start,
        returners=how.returners,
        covers=how.covers,
    )
    invalid, unfollowed = check_lives(rows, lives, census, how.covers)
    rejected += unfollowed
    noted += differences(rows, visits, lives)
    unused = _unused(rows, known, spells, lives) & ~rejected_rows(rejected + noted, len(records))
    noted += _violation(unused, "leave_nhs_date", STAYED)
    return _histories(own, rows, visits, spells, lives, ~invalid, census, rejected, noted)


def _census(rows: Rows, how: How, rejected: list[Violation]) -> int:
    """Check the sequence of the dates, and return the position of the census."""
    try:
        if not how.irregular:
            check_regular(rows.dates)
        return find_census(rows.dates, how.grace_months)
    except InputError as error:
        if not rejected:
            raise
        most = max(rejected, key=lambda each: len(each.rows))
        left_out = int(rejected_rows(rejected, len(rows.person)).sum())
        hint = f"rows that do not count: {left_out}; the commonest reason: {most.problem.reason}"
        raise InputError(error.what, where=error.where, fix=f"{error.fix}; {hint}") from None


def _with_causes(records: Records) -> Records:
    """Return the records with the causes that an event names as destinations."""
    if "event" not in records or (causes := records.columns["event"].causes) is None:
        return records
    given = records.text("destination")
    merged = np.where(pd.isna(given), causes, given)
    nowhere = np.zeros(len(records), dtype=bool)
    parsed = Parsed(array=merged, bad=nowhere, violations=())
    return replace(records, columns={**records.columns, "destination": parsed})


def _histories(
    own: Mapping[str, Column],
    rows: Rows,
    visits: Visits,
    spells: Spells,
    lives: Lives,
    valid: Bools,
    census: int,
    rejected: list[Violation],
    noted: list[Violation],
) -> Histories:
    who = np.flatnonzero(valid)
    day = rows.dates[census]
    left = ~np.isnat(lives.leave[who])
    exactly = bool(left.any() and (lives.source[who][left] >= 0).all())
    resolution: Resolution = "day" if exactly else resolution_of(rows.dates)
    return Histories(
        trainees=trainees_frame(rows, lives, who, day, own),
        tables={
            "roles": roles_frame(rows, visits, spells, valid),
            "changes": changes_frame(rows, visits, spells, lives, valid),
        },
        census=pd.Timestamp(day),
        resolution=resolution,
        rejected=rejected,
        noted=noted,
        counts={
            "snapshot dates": len(rows.dates),
            "snapshot dates up to the census": census + 1,
            "people": len(who),
            "people who left": int(left.sum()),
            "people who left and came back": int(lives.returned[who].sum()),
            "absences within the grace period": int(visits.bridged[valid[visits.person]].sum()),
        },
    )


def _violation(broken: Bools, column: str, problem: Problem) -> list[Violation]:
    if not broken.any():
        return []
    return [Violation(rows=np.flatnonzero(broken), column=column, problem=problem)]


def _unused(rows: Rows, known: Departures, spells: Spells, lives: Lives) -> Bools:
    """Return (n,) bool: rows of leavers whose day of leaving ends no time in post."""
    used = np.zeros(len(known.key) + 1, dtype=bool)
    used[spells.told] = True
    used[:-1] |= lives.spell[known.person] < 0
    ended = np.flatnonzero(rows.counts & rows.ended)
    unused = np.zeros(len(rows.person), dtype=bool)
    unused[ended] = ~used[known.position(rows.person[ended], rows.leave[ended])]
    return unused
