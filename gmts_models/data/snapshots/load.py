"""Reading staff-in-post extracts: who is there on each date, who joined, and who left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gmts_models.config import AttributeSpec
from gmts_models.data.checking.layout import Scheme
from gmts_models.data.checking.rejections import Problem, Violation, none_valid, rejected_frame
from gmts_models.data.contract.columns import Column
from gmts_models.data.people import People
from gmts_models.data.snapshots.checked import CheckedSnapshots, Histories
from gmts_models.data.snapshots.dated import How, read_dated
from gmts_models.data.snapshots.histories import Covers, Returners, UnknownStart
from gmts_models.data.snapshots.panel import read_panel
from gmts_models.data.snapshots.reading import Read, ReadOptions, read_rows
from gmts_models.data.snapshots.sources import Snapshots, read_sources
from gmts_models.data.snapshots.spells import LeavingDate
from gmts_models.errors import InputError

_TORN = Problem(
    reason="the row has more or fewer cells than the header",
    fix="put cells that hold the separator or a line break in quotation marks",
)


def from_snapshots(
    snapshots: Snapshots,
    *,
    id: str | None = None,  # noqa: A002 - the word that users have for it
    date: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    attributes: Mapping[str, AttributeSpec | Column] | None = None,
    specialism: str | None = None,
    grace_months: int = 3,
    leaving_date: LeavingDate = "auto",
    unknown_start: UnknownStart = "reject",
    returners: Returners = "first_departure",
    covers: Covers = "date",
    irregular: bool = False,
    period_end: bool = True,
    months_per_period: float | None = None,
    scheme: Scheme = "gmts",
    date_format: str | None = None,
    sheet: str | None = None,
    encoding: str = "utf-8",
    leaving: str | None = None,
) -> CheckedSnapshots:
    """Turn staff-in-post extracts into people; ``docs/snapshots.md`` has the columns and rules.

    Parameters
    ----------
    snapshots : a frame with a row a person (or post) in post on each date; several frames; a
        mapping from dates to frames; a file; or a folder with a file a date. A date is that of
        the column, else that in the file's name.
    id, date : the tables' names of trainee_id and snapshot_date; short for `columns`.
    columns : name in the contract (or of an attribute) -> name in the tables. Mapped to "", a
        column is not read.
    labels : column -> {label in the tables: label in the contract}; "" = missing.
    attributes : columns of your own to keep, by name, as first seen.
    specialism : of all rows, where no column tells it.
    grace_months : who is missing for no longer, in calendar months from the snapshot that had them
        last to that which has them again, has not left.
    leaving_date : where a departure is put that the extract does not date: "first_missed", the
        first snapshot without the person; "last_seen", the last with them; "midpoint" between the
        two; "spread", a day between the two that is drawn evenly, and always the same; or "auto":
        "first_missed" for extracts of a month or less apart, "spread" for others.
    unknown_start : what becomes of people in the first snapshot without start_date: "reject", or
        count them from that snapshot ("first_snapshot"). Who is first seen later and has none
        starts on the date of that snapshot.
    returners : which departure of those who come back counts: "first_departure", or
        "last_departure", which takes the time away for time in post.
    covers : whom an extract holds beside those in post on its date: "date", nobody for certain;
        "period", everyone who left since the extract before, those who joined since then among
        them. Then people are observed from that earlier extract on.
    irregular : whether to take a sequence with wide gaps as complete.
    period_end : whether a year, quarter or month is dated on its last day, or on its first.
    months_per_period : where dates are numbers 1, 2, ... of periods since each person's start.
    scheme, date_format, sheet, encoding, leaving : see `load_trainees`.

    Returns
    -------
    The people, with tables `roles` and `changes`, and every row of which not everything counts.

    Raises
    ------
    DataError : a file cannot be read, or nobody can be followed.
    InputError : a column is missing, an argument does not fit, a snapshot seems to be missing, or
        no absence can be told from leaving.

    Examples
    --------
    >>> dates = ["2020-09-30", "2020-10-31", "2020-11-30", "2020-12-31"]
    >>> staff = {"a": dates, "b": dates[:2], "c": dates[1:]}
    >>> frame = pd.DataFrame([[who, day] for who in staff for day in staff[who]])
    >>> frame = frame.set_axis(["staff_no", "day"], axis=1).assign(joined="2020-09-01")
    >>> checked = from_snapshots(
    ...     frame,
    ...     id="staff_no",
    ...     date="day",
    ...     columns={"start_date": "joined"},
    ...     specialism="Finance",
    ...     grace_months=1,
    ... )
    >>> checked
    CheckedSnapshots(9 rows: 9 valid, 0 rejected; 3 people)
    >>> checked.valid.trainees[["trainee_id", "first_seen_date", "leave_nhs_date"]]
      trainee_id first_seen_date leave_nhs_date
    0          a      2020-09-30            NaT
    1          b      2020-09-30     2020-11-30
    2          c      2020-10-31            NaT
    """
    how = How(
        grace_months=grace_months,
        leaving_date=leaving_date,
        unknown_start=unknown_start,
        returners=returners,
        covers=covers,
        irregular=irregular,
    )
    options = ReadOptions(
        columns=_columns(columns or {}, id, date),
        labels=labels or {},
        attributes=attributes or {},
        scheme=scheme,
        specialism=specialism,
        date_format=date_format,
        period_end=period_end,
    )
    how.check()
    options.check()
    sources = read_sources(snapshots, sheet=sheet, encoding=encoding, period_end=period_end)
    read = read_rows(sources, options)
    histories = _histories(read, how, months_per_period)
    source = sources[0].raw.source if len(sources) == 1 else f"{len(sources)} snapshots"
    return _checked(read, histories, scheme=scheme, leaving=leaving, source=source)


def _columns(columns: Mapping[str, str], id_: str | None, date: str | None) -> dict[str, str]:
    named = dict(columns)
    for short, name, user in (("id", "trainee_id", id_), ("date", "snapshot_date", date)):
        if user is not None and name in named and named[name] != user:
            raise InputError(
                f"{name} is told twice, by {short} and by columns", where=short, fix="keep one"
            )
        if user is not None:
            named[name] = user
    return named


def _histories(read: Read, how: How, months_per_period: float | None) -> Histories:
    if read.periods is not None:
        return read_panel(read.records, read.periods, months_per_period, read.attributes)
    if months_per_period is not None:
        raise InputError(
            "months_per_period is given, but the dates are no numbers of periods",
            where="months_per_period",
            fix="leave it out",
        )
    return read_dated(read.records, how, read.attributes)


def _checked(
    read: Read, histories: Histories, *, scheme: Scheme, leaving: str | None, source: str
) -> CheckedSnapshots:
    rejected = _told(read, histories.rejected, misaligned=True)
    if not len(histories.trainees):
        raise none_valid(rejected, read.n_rows, source)
    noted = _told(read, histories.noted)
    people = People(
        trainees=histories.trainees,
        attributes=read.attributes,
        tables=histories.tables,
        census_date=histories.census,
        resolution=histories.resolution,
        scheme=scheme,
        leaving=leaving or ("leaving the NHS" if scheme == "gmts" else "leaving"),
        source=source,
    )
    counts = pd.DataFrame(list(histories.counts.items()), columns=["what", "count"])
    return CheckedSnapshots(
        valid=people, rejected=rejected, n_rows=read.n_rows, noted=noted, counts=counts
    )


def _told(read: Read, violations: Sequence[Violation], *, misaligned: bool = False) -> pd.DataFrame:
    """Return a line for each rule that a row broke, by the numbers that the user knows."""
    lines = rejected_frame(violations, np.arange(len(read.sources)))
    rows = lines["row"].to_numpy()
    lines["row"] = read.records.numbers[rows]
    lines.insert(0, "source", read.sources[rows])
    if misaligned and read.misaligned:
        torn = pd.DataFrame(read.misaligned, columns=["source", "row"])
        torn = torn.assign(column="", reason=_TORN.reason, fix=_TORN.fix)
        lines = pd.concat([lines, torn.astype(lines.dtypes)], ignore_index=True)
    lines.insert(0, "table", np.full(len(lines), "snapshots", dtype=object))
    return lines
