"""Rows that break a rule: how a rule says so, and the table that the user gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.people import Checked
from gmts_models.errors import DataError
from gmts_models.outcome import Bools, Ints

_TOLD_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a cell, without the cell's value.

    Attributes
    ----------
    reason : names the column and the rule; the same words for every row that breaks the rule.
    fix : what to do about it; may differ between rows.
    """

    reason: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Violation:
    """The rows that break one rule.

    Attributes
    ----------
    rows : (k,) positions among the n rows, in order.
    column : by its name in the contract.
    problem : the reason and the fix.
    """

    rows: Ints
    column: str
    problem: Problem


def violation(broken: Bools, column: str, reason: str, fix: str) -> Violation:
    """Build a Violation from (n,) bool, the rows that break the rule, and words."""
    problem = Problem(reason=reason, fix=fix)
    return Violation(rows=np.flatnonzero(broken), column=column, problem=problem)


def rejected_rows(violations: Sequence[Violation], n: int) -> Bools:
    """Return (n,) bool: the rows that break any rule."""
    rejected = np.zeros(n, dtype=bool)
    for each in violations:
        rejected[each.rows] = True
    return rejected


def rejected_frame(violations: Sequence[Violation], numbers: Ints) -> pd.DataFrame:
    """Return a line for each rule that a row broke, in the order of the rows.

    Parameters
    ----------
    violations : of the same n rows.
    numbers : (n,) the number by which the user knows each row.

    Returns
    -------
    Frame with `row` (int64), `column`, `reason` and `fix` (text).
    """
    counts = [len(each.rows) for each in violations]
    lines = np.repeat(np.arange(len(violations)), np.array(counts, dtype=np.int64))
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(each.rows for each in violations)])
    order = np.argsort(rows, kind="stable")
    told = [violations[line] for line in lines[order]]
    return pd.DataFrame(
        {
            "row": numbers[rows[order]].astype(np.int64),
            "column": np.array([each.column for each in told], dtype=object),
            "reason": np.array([each.problem.reason for each in told], dtype=object),
            "fix": np.array([each.problem.fix for each in told], dtype=object),
        }
    )


def rejected_with_misaligned(
    violations: Sequence[Violation], numbers: Ints, misaligned: Ints, table: str
) -> pd.DataFrame:
    """Return the lines of `rejected_frame` and of misaligned rows, with `table` before them.

    Parameters
    ----------
    violations, numbers : as of `rejected_frame`.
    misaligned : (k,) numbers of the further rows whose cells do not line up with the header.
    table : its name.
    """
    rejected = rejected_frame(violations, numbers)
    if len(misaligned):
        torn = violation(
            np.ones(len(misaligned), dtype=bool),
            "",
            "the row has more or fewer cells than the header",
            "put cells that hold the separator or a line break in quotation marks",
        )
        rejected = pd.concat([rejected, rejected_frame([torn], misaligned)], ignore_index=True)
        rejected = rejected.sort_values("row", kind="stable", ignore_index=True)
    rejected.insert(0, "table", np.full(len(rejected), table, dtype=object))
    return rejected


def none_valid(rejected: pd.DataFrame, n_rows: int, source: str) -> DataError:
    """Build the error that says why no row of a table is valid, by reason."""
    counts = count_reasons(rejected)
    told = [f"{each.reason} ({each.rows})" for each in counts.head(_TOLD_REASONS).itertuples()]
    rest = len(counts) - len(told)
    commonest = rejected.loc[rejected["reason"] == counts.loc[0, "reason"], "fix"].mode()
    return DataError(
        f"none of the {n_rows} rows is valid: {'; '.join(told)}"
        + (f"; and {rest} other reasons" if rest else ""),
        where=source,
        fix=f"for the commonest: {commonest.iloc[0]}",
    )


def count_reasons(rejected: pd.DataFrame, *, by_table: bool = False) -> pd.DataFrame:
    """Return `reason` and `rows`, the number of different rows, the commonest reason first.

    With `by_table`, `table` goes before them, in the order in which the tables stand.
    """
    if not by_table:
        counts = rejected.groupby("reason", sort=True)["row"].nunique()
        table = counts.rename("rows").reset_index().astype({"reason": object, "rows": np.int64})
        return table.sort_values("rows", ascending=False, kind="stable", ignore_index=True)
    parts = [
        count_reasons(part).assign(table=name)
        for name, part in rejected.groupby("table", sort=False)
    ]
    every = pd.concat(parts or [count_reasons(rejected).assign(table="")], ignore_index=True)
    return every.astype({"table": object})[["table", "reason", "rows"]]


def summarise_rejected(checked: Checked) -> pd.DataFrame:
    """Count the rejected rows by reason.

    Parameters
    ----------
    checked : of `load_trainees`.

    Returns
    -------
    Frame with `reason` and `rows`, the commonest first; where more tables than that of the
    trainees were read, `table` goes before them. A row that breaks several rules counts under
    each. The counts are exact: apply disclosure control before publishing them.
    """
    return count_reasons(checked.rejected, by_table=len(checked.rows) > 1)
