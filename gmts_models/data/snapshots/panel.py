"""A discrete-time panel: a row for each person and period since the start, 1, 2, ...

The last row of a person tells whether the period ended the stay. There are no dates: durations
come ready, in months. Whoever is first seen in a period after 1 entered late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.checking.records import Records, missing_cells
from gmts_models.data.checking.rejections import Violation, rejected_rows, violation
from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.snapshots.checked import Histories
from gmts_models.data.snapshots.contract import AS_FIRST_SEEN
from gmts_models.data.snapshots.posts import REPEATED
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints

_UNREAD = ("trainee_id", "event")
_DATES = ("start_date", "leave_nhs_date", "scheme_end_date")


def read_panel(
    records: Records, periods: Floats, months: float | None, own: Mapping[str, Column]
) -> Histories:
    """Turn a panel into ready durations.

    Parameters
    ----------
    records : n rows, with `event`.
    periods : (n,) numbers of the periods.
    months : length of a period.
    own : attributes of the user, by name.

    Raises
    ------
    InputError : the length is not said, or the panel has no event.
    """
    _check_arguments(records, months)
    rejected: list[Violation] = []
    noted: list[Violation] = []
    for name, parsed in records.columns.items():
        to = rejected if name in _UNREAD else noted
        to.extend(each for each in parsed.violations if len(each.rows))
    whole = periods == np.round(periods)
    rejected += [
        missing_cells(records, "trainee_id"),
        violation(
            ~(whole & (periods >= 1)),
            "snapshot_date",
            "snapshot_date is not a number of a period",
            "number the periods since the start 1, 2, ...",
        ),
    ]
    rows = np.flatnonzero(~rejected_rows(rejected, len(records)))
    codes, ids = pd.factorize(records.text("trainee_id")[rows], sort=True)
    order = np.lexsort((periods[rows], codes))
    rows, person = rows[order], codes[order].astype(np.int64)
    copies = _copies(records, periods, rows)
    rejected.append(Violation(rows=np.sort(rows[copies]), column="trainee_id", problem=REPEATED))
    rows, person = rows[~copies], person[~copies]
    valid = np.ones(len(ids), dtype=bool)
    for broken, column, reason, fix in _rules(records, periods, rows, person, len(ids)):
        valid &= ~broken
        of_them = np.zeros(len(records), dtype=bool)
        of_them[rows[broken[person]]] = True
        rejected.append(violation(of_them, column, reason, fix))
    kept = valid[person]
    frame = _frame(records, periods, rows[kept], person[kept], float(months or 0), own)
    left = int(frame["event"].sum())
    return Histories(
        rejected=[each for each in rejected if len(each.rows)],
        noted=noted,
        trainees=frame,
        resolution="year" if months == 12 else "month",
        counts={"people": len(frame), "people who left": left},
    )


def _check_arguments(records: Records, months: float | None) -> None:
    if months is None or not 0 < months < np.inf:
        raise InputError(
            "the dates are numbers of periods, and the length of a period is not said",
            where="months_per_period",
            fix="say months_per_period=12 for years, or name another column: date='...'",
        )
    if "event" not in records:
        raise InputError(
            "a panel of numbered periods needs an event",
            where="event",
            fix="say which column tells who left: columns={'event': ...}",
        )
    if dated := [name for name in _DATES if name in records]:
        raise InputError(
            f"follow-up is told twice: by numbered periods and by {', '.join(dated)}",
            where="columns",
            fix=f"leave one out, for instance columns={{{dated[0]!r}: ''}}",
        )


def _copies(records: Records, periods: Floats, rows: Ints) -> Bools:
    content: dict[str, Any] = {"period": periods[rows]}
    for name, parsed in records.columns.items():
        content[name] = parsed.array[rows]
        content[f"{name}, bad"] = parsed.bad[rows]
        if parsed.causes is not None:
            content[f"{name}, cause"] = parsed.causes[rows]
    return np.asarray(pd.DataFrame(content).duplicated(keep="first"))


def _rules(
    records: Records, periods: Floats, rows: Ints, person: Ints, n: int
) -> Iterator[tuple[Bools, str, str, str]]:
    """Yield (n,) bool, the people who break a rule, and words."""
    same = person[1:] == person[:-1]
    step = np.diff(periods[rows])

    def people(where: Bools) -> Bools:
        broken = np.zeros(n, dtype=bool)
        broken[person[1:][where]] = True
        return broken

    yield (
        people(same & (step == 0)),
        "snapshot_date",
        "a period is there twice, by rows that differ",
        "keep one row a person and period",
    )
    yield (
        people(same & (step > 1)),
        "snapshot_date",
        "a period between two others is missing",
        "add its row; a panel has every period from the first to the last",
    )
    yield (
        people(same & (records.floats("event")[rows[:-1]] == 1)),
        "event",
        "the person is still there after the event",
        "only the last row of a person may have an event",
    )
    given = np.zeros(n, dtype=bool)
    given[person[~records.empty("specialism")[rows]]] = True
    yield ~given, "specialism", "specialism is missing in every row of the person", "fill it in"


def _frame(
    records: Records,
    periods: Floats,
    rows: Ints,
    person: Ints,
    months: float,
    own: Mapping[str, Column],
) -> pd.DataFrame:
    """Return one row a trainee: rows are by person and period."""
    first = np.flatnonzero(np.diff(person, prepend=-1))
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    event = records.columns["event"]
    values: dict[str, Any] = {
        "trainee_id": records.text("trainee_id")[rows[first]],
        "entry_months": (periods[rows[first]] - 1) * months,
        "duration_months": periods[rows[last]] * months,
        "event": event.array[rows[last]].astype(np.int64),
    }
    causes = event.causes if event.causes is not None else np.full(len(records), None)
    if event.causes is not None or "destination" in records:
        given = records.text("destination")[rows[last]]
        cause = np.where(pd.isna(given), causes[rows[last]], given)
        values["destination"] = np.where(values["event"] == 1, cause, None)
    for name in ("specialism", "cohort"):
        if name in records:
            told = np.flatnonzero(~records.empty(name)[rows])
            who, at = np.unique(person[told], return_index=True)
            found = np.full(int(person.max(initial=0)) + 1, None, dtype=object)
            found[who] = records.text(name)[rows[told[at]]]
            values[name] = found[person[first]]
    for name in (*AS_FIRST_SEEN, *own):
        if name in records:
            values[name] = records.columns[name].array[rows[first]]
    order = [*(column.name for column in TRAINEES), *own]
    return pd.DataFrame({name: values[name] for name in order if name in values})
