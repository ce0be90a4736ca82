"""Reading the tables beside the trainees: what is valid, and what is rejected with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.checking.layout import Layout, Scheme, match_table
from gmts_models.data.checking.records import Records, parse_records
from gmts_models.data.checking.rejections import (
    none_valid,
    rejected_rows,
    rejected_with_misaligned,
)
from gmts_models.data.checking.tables import Roster, TableCheck, check_table
from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLES, Table
from gmts_models.data.reading.dates import check_format
from gmts_models.data.reading.files import read_table
from gmts_models.data.table_sources import TableSource
from gmts_models.errors import DataError, InputError

_DAY_OF_NEXT = "the first day of the trainee's next placement"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LoadedTable:
    """One table beside the trainees.

    Attributes
    ----------
    frame : the valid rows, in the columns of the contract that are there and the user's own, with
        a plain index.
    attributes : the user's own columns, by name.
    rejected : lines of `Checked.rejected`.
    filled : lines of `Checked.filled`.
    n_rows : rows read.
    """

    frame: pd.DataFrame
    attributes: dict[str, Column]
    rejected: pd.DataFrame
    filled: pd.DataFrame
    n_rows: int


def load_tables(
    sources: Mapping[str, TableSource], *, scheme: Scheme, roster: Roster
) -> dict[str, LoadedTable]:
    """Read tables and check their rows against the contract and against the trainees.

    Parameters
    ----------
    sources : by the names of ``TABLES``.
    scheme : "any" takes every label.
    roster : the trainees that records may belong to.

    Raises
    ------
    DataError : a table cannot be read, or none of its rows can be, or belongs to a trainee.
    InputError : a column is missing, or what is said of a table does not fit it.
    """
    loaded: dict[str, LoadedTable] = {}
    for name, source in sources.items():
        try:
            loaded[name] = _load_table(TABLES[name], source, scheme, roster)
        except (DataError, InputError) as error:
            fix = error.fix or f"mend the table, or leave {name} out"
            raise type(error)(f"{name}: {error.what}", where=error.where, fix=fix) from None
    return loaded


def _load_table(table: Table, source: TableSource, scheme: Scheme, roster: Roster) -> LoadedTable:
    how = source.how
    if how.date_format is not None:
        check_format(how.date_format)
    raw = read_table(source.source, sheet=how.sheet, encoding=how.encoding)
    layout = match_table(raw, table, scheme=scheme, columns=how.columns, attributes=how.attributes)
    records = parse_records(raw, layout, labels=how.labels, date_format=how.date_format)
    check = check_table(table, records, roster)
    rejected = rejected_with_misaligned(
        check.violations, records.numbers, raw.misaligned, table.name
    )
    if check.unusable.all():
        raise none_valid(rejected, raw.n_rows, raw.source)
    valid = ~rejected_rows(check.violations, len(records))
    return LoadedTable(
        frame=_complete(table, records, layout, check, valid),
        attributes=layout.attributes,
        rejected=rejected,
        filled=_count_filled(table, int((check.filled & valid).sum())),
        n_rows=raw.n_rows,
    )


def _complete(
    table: Table, records: Records, layout: Layout, check: TableCheck, valid: np.ndarray
) -> pd.DataFrame:
    values = {name: parsed.array[valid] for name, parsed in records.columns.items()}
    if table.name == "placements":
        values["end_date"] = check.ends[valid]
    order = [*table.by_name, *layout.attributes]
    frame = pd.DataFrame({name: values[name] for name in order if name in values})
    dates = [each.name for each in table.columns if each.kind == "date" and each.name in frame]
    return frame.astype(dict.fromkeys(dates, "datetime64[ns]"))


def _count_filled(table: Table, rows: int) -> pd.DataFrame:
    line = {
        "table": table.name,
        "column": "end_date",
        "rows": rows,
        "filled_with": _DAY_OF_NEXT,
    }
    return pd.DataFrame([line]).head(1 if rows else 0)
