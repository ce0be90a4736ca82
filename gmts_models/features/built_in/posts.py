"""What placements and roles have in common: the latest one, the changes, and what none means.

The latest post is the one that goes on; of several, or where none goes on, the one that began last.
So on the day on which a placement begins, which is not known yet, the latest is the one before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.months import Days, to_days
from gmts_models.features.known import Known
from gmts_models.outcome import Bools, Floats, Ints


def posts(known: Known, table: str, *, since_start: bool = False) -> pd.DataFrame:
    """Return the records of a table that are known, oldest first within a row.

    Parameters
    ----------
    known : view of the table's columns.
    table : "placements" or "roles".
    since_start : leave out what began before the first day on the scheme.
    """
    found = known.records(table)
    if not since_start:
        return found
    since = to_days(found["start_date"]) >= known.start[found["row"].to_numpy()]
    return pd.DataFrame(found[since]).reset_index(drop=True)


def goes_on(found: pd.DataFrame) -> Bools:
    """Return (m,) bool: which posts have no known end; all of them without end dates."""
    if "end_date" not in found:
        return np.ones(len(found), dtype=bool)
    return np.asarray(found["end_date"].isna(), dtype=bool)


def latest(found: pd.DataFrame, n: int) -> Ints:
    """Return (n,) where in `found` each row's latest post is; -1 = none."""
    row, place = found["row"].to_numpy(), np.arange(len(found))
    last = np.full(n, -1, dtype=np.int64)
    last[row] = place  # the last of equal rows stays
    going = goes_on(found)
    last[row[going]] = place[going]
    return last


def label(found: pd.DataFrame, column: str, at: Ints) -> pd.Series[Any]:
    """Return (n,) what a column says at some places of `found`; missing at -1."""
    return found[column].astype(object).reindex(at).reset_index(drop=True)


def number(found: pd.DataFrame, column: str, at: Ints) -> Floats:
    """Return (n,) the numbers of a column at some places of `found`; NaN at -1."""
    values = found[column].astype("Float64").to_numpy(float, na_value=np.nan)
    return np.append(values, np.nan)[at]


def began(found: pd.DataFrame, at: Ints) -> Days:
    """Return (n,) the days on which the posts at some places of `found` began; NaT at -1."""
    return np.append(to_days(found["start_date"]), np.datetime64("NaT", "D"))[at]


def different(known: Known, table: str, found: pd.DataFrame, column: str) -> Floats:
    """Return (n,) how many different labels a column has; see `counted`."""
    row, code = _told(found, column)
    size = int(code.max(initial=0)) + 1
    return counted(known, table, found, row, np.unique(row * size + code) // size)


def changes(known: Known, table: str, found: pd.DataFrame, column: str) -> Floats:
    """Return (n,) how often a column's label differs from that of the post before; see `counted`.

    Posts without a label are passed over.
    """
    row, code = _told(found, column)
    changed = (row[1:] == row[:-1]) & (code[1:] != code[:-1])
    return counted(known, table, found, row, row[1:][changed])


def counted(
    known: Known, table: str, found: pd.DataFrame, told: Ints, counts: Ints | None = None
) -> Floats:
    """Return (n,) how often each row stands in `counts`, where that is known.

    It is 0 for someone without posts on the first day, or if the table's records began by then;
    else the posts of someone without any may not be recorded, and the count is NaN.

    Parameters
    ----------
    found : the posts.
    told : rows of which something is told.
    counts : rows of what is counted; None = told.
    """
    n = len(known)
    number_of = np.bincount(told if counts is None else counts, minlength=n).astype(float)
    has, is_told = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    has[found["row"].to_numpy()] = True
    is_told[told] = True
    none = ~has & ((known.on <= known.start) | (known.first_record(table) <= known.start))
    return np.where(is_told | none, number_of, np.nan)


def _told(found: pd.DataFrame, column: str) -> tuple[Ints, Ints]:
    """Return row and code of the labels that are there."""
    code = np.asarray(pd.factorize(found[column])[0], dtype=np.int64)
    return found["row"].to_numpy(np.int64)[code >= 0], code[code >= 0]
