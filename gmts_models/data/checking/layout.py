"""Which columns of a table are read: those of the contract, and the user's own.

Names are found as ``names.py`` says.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gmts_models.config import AttributeSpec
from gmts_models.data.checking.names import (
    LIKELY,
    find_columns,
    fold_name,
    need_columns,
    refuse_lookalike,
    suggest_column,
    unused,
)
from gmts_models.data.contract.columns import BY_NAME, REQUIRED, TRAINEES, Column
from gmts_models.data.contract.tables import Table
from gmts_models.data.reading.files import RawTable
from gmts_models.errors import InputError

READY = ("duration_months", "event", "entry_months")
DATES = tuple(column.name for column in TRAINEES if column.kind == "date")

_ABOUT_LEAVING = re.compile(r"leav|left|exit|terminat|resign")
_ATTRIBUTE_KINDS = ("category", "number", "flag")
_RESERVED = ("row",)  # the name by which features number their rows

Attributes = Mapping[str, AttributeSpec | Column]
Scheme = Literal["gmts", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a table that are read.

    Attributes
    ----------
    specs : in the order of the contract, then the user's attributes; with the labels that are
        valid under the scheme.
    positions : name -> position among the table's columns.
    attributes : the user's own, by name.
    """

    specs: tuple[Column, ...]
    positions: dict[str, int]
    attributes: dict[str, Column]

    @property
    def dated(self) -> bool:
        """Whether the trainees' follow-up is told by dates rather than by ready durations."""
        return "start_date" in self.positions


def match_columns(
    raw: RawTable,
    *,
    scheme: Scheme = "gmts",
    columns: Mapping[str, str] | None = None,
    attributes: Attributes | None = None,
) -> Layout:
    """Find the columns of the contract, and the declared attributes, in a table of trainees.

    Parameters
    ----------
    raw : the table.
    scheme : "any" takes every label of the contract's categories.
    columns : name in the contract (or of an attribute) -> name in the table; "" = do not read.
    attributes : columns beyond the contract to keep, by name.

    Raises
    ------
    InputError : a name does not exist, a column is missing or there twice, follow-up is told
        twice or not at all, or an attribute is known from what is not read.
    """
    own = _attributes(attributes, BY_NAME)
    mapped = dict(columns or {})
    raw, positions = find_columns(raw, [*BY_NAME, *own], mapped)
    need_columns([*REQUIRED, *own], positions, raw)
    _check_follow_up(positions, raw)
    _refuse_lookalikes(positions, mapped, raw)
    _check_known(own, [name for name in DATES if name in positions])
    specs = [*(_under(scheme, column) for column in TRAINEES), *own.values()]
    return Layout(
        specs=tuple(column for column in specs if column.name in positions),
        positions=positions,
        attributes=own,
    )


def match_table(
    raw: RawTable,
    table: Table,
    *,
    scheme: Scheme = "gmts",
    columns: Mapping[str, str] | None = None,
    attributes: Attributes | None = None,
) -> Layout:
    """Find the columns of a table beside the trainees, as `match_columns` does.

    A column that is not read, but whose name is almost one of the contract that is not there, is
    an error. An attribute that does not say when it is known is known from the day after the
    record's date.
    """
    contract = table.by_name
    own = _attributes(attributes, contract)
    mapped = dict(columns or {})
    raw, positions = find_columns(raw, [*contract, *own], mapped)
    required = [column.name for column in table.columns if column.required]
    need_columns([*required, *own], positions, raw)
    left = unused(raw, positions)
    for name in contract:
        if name not in positions and name not in mapped:
            likely = difflib.get_close_matches(fold_name(name), left, n=1, cutoff=LIKELY)
            if likely:
                refuse_lookalike(name, [left[likely[0]]], raw)
    dates = [name for name in positions if name in contract and contract[name].kind == "date"]
    _check_known(own, dates)
    own = {name: replace(each, known=each.known or table.date) for name, each in own.items()}
    specs = [*(_under(scheme, column) for column in table.columns), *own.values()]
    return Layout(
        specs=tuple(column for column in specs if column.name in positions),
        positions=positions,
        attributes=own,
    )


def _attributes(attributes: Attributes | None, contract: Mapping[str, Column]) -> dict[str, Column]:
    return {name: _attribute(name, spec, contract) for name, spec in (attributes or {}).items()}


def _attribute(name: str, spec: AttributeSpec | Column, contract: Mapping[str, Column]) -> Column:
    if name in contract:
        raise InputError(
            f"{name} is a column of the contract already",
            where="attributes",
            fix="leave it out of attributes: it is read without being declared",
        )
    if name in _RESERVED:
        raise InputError(
            f"an attribute cannot be called {name}",
            where="attributes",
            fix="call it otherwise, and map it: columns={'...': " + repr(name) + "}",
        )
    if spec.kind not in _ATTRIBUTE_KINDS:
        raise InputError(
            f"an attribute cannot be of kind {spec.kind}",
            where=f"attributes, {name}",
            fix="choose category, number or flag",
        )
    if isinstance(spec, Column):
        return replace(spec, name=name)
    return Column(
        name=name,
        kind=spec.kind,
        meaning=spec.meaning,
        unit=spec.unit,
        protected=spec.protected,
        known=spec.known,
    )


def _check_known(own: Mapping[str, Column], dates: Collection[str]) -> None:
    valid = ("start", *dates)
    for column in own.values():
        if column.known is not None and column.known not in valid:
            raise InputError(
                f"{column.known!r} is no date from which {column.name} can be known",
                where=f"attributes, {column.name}, known",
                fix=f"choose among {', '.join(valid)}: start, or a date column that is read",
            )


def _under(scheme: Scheme, column: Column) -> Column:
    if scheme == "any":
        return replace(column, allowed=None)
    if column.kind == "event":  # its causes are the destinations
        return replace(column, allowed=BY_NAME["destination"].allowed)
    return column


def _check_follow_up(positions: Mapping[str, int], raw: RawTable) -> None:
    dates = [name for name in DATES if name in positions]
    ready = [name for name in READY if name in positions]
    if dates and ready:
        raise InputError(
            f"follow-up is told twice: by dates ({', '.join(dates)}) and by ready durations "
            f"({', '.join(ready)})",
            where=raw.source,
            fix="leave one out, for instance "
            "columns={" + ", ".join(f"{name!r}: ''" for name in ready) + "}",
        )
    if ready:
        need_columns(READY[:2], positions, raw)
    elif "start_date" not in positions:
        hint = suggest_column("start_date", raw) or suggest_column("duration_months", raw)
        raise InputError(
            "the table has neither start_date nor duration_months and event" + hint,
            where=raw.source,
            fix="say what the table calls them: columns={'start_date': ...}",
        )


def _refuse_lookalikes(
    positions: Mapping[str, int], mapped: Mapping[str, str], raw: RawTable
) -> None:
    """Refuse a column that tells who left under a name that would go unread.

    Everyone in such a table would count as staying.
    """
    left = unused(raw, positions)
    outcome = (*DATES, "destination") if "start_date" in positions else (*READY, "destination")
    for name in outcome:
        if name in positions or name in mapped:
            continue
        likely = difflib.get_close_matches(fold_name(name), left, n=1, cutoff=LIKELY)
        if name == "leave_nhs_date" and not likely:
            likely = [each for each in left if _ABOUT_LEAVING.search(each)]
        if likely:
            also = f"; on the command line --column {name}=NAME"
            refuse_lookalike(name, [left[each] for each in likely[:4]], raw, also)
