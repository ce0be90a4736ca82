"""Which of the user's columns is which of the contract's, and what the user's labels mean.

A column is matched by the user's mapping first, then by its name; case, spaces, underscores and
hyphens make no difference. An error quotes a column of the table only where some other column has
a known name: the first row of a file without a header is a person.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from gmts_models.config import AttributeSpec
from gmts_models.data.contract.columns import BY_NAME, REQUIRED, TRAINEES, Column
from gmts_models.data.reading.files import RawTable
from gmts_models.errors import InputError

READY = ("duration_months", "event", "entry_months")
DATES = tuple(column.name for column in TRAINEES if column.kind == "date")

_ABOUT_LEAVING = re.compile(r"leav|left|exit|terminat|resign")
_ATTRIBUTE_KINDS = ("category", "number", "flag")


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
        """Whether follow-up is told by dates rather than by ready durations."""
        return "start_date" in self.positions


def match_columns(
    raw: RawTable,
    *,
    scheme: Literal["gmts", "any"] = "gmts",
    columns: Mapping[str, str] | None = None,
    attributes: Mapping[str, AttributeSpec | Column] | None = None,
) -> Layout:
    """Find the columns of the contract, and the declared attributes, in a table.

    Parameters
    ----------
    raw : the table.
    scheme : "any" takes every label of the contract's categories.
    columns : name in the contract (or of an attribute) -> name in the table; "" = do not read.
    attributes : columns beyond the contract to keep, by name.

    Raises
    ------
    InputError : a name does not exist, a column is missing or there twice, or follow-up is told
        twice or not at all.
    """
    own = {name: _attribute(name, spec) for name, spec in (attributes or {}).items()}
    wanted = [*BY_NAME, *own]
    mapped = dict(columns or {})
    raw = _quotable(raw, [*mapped.values(), *wanted])
    _check_mapping(mapped, wanted, raw)
    _refuse_repeated(raw, [*mapped.values(), *wanted])
    _refuse_shared(mapped)
    positions = {name: raw.names.index(user) for name, user in mapped.items() if user}
    taken = set(positions.values())
    for name in wanted:
        if name not in mapped and (found := _find(name, raw, taken)) is not None:
            positions[name] = found
    _need([*REQUIRED, *own], positions, raw)
    _check_follow_up(positions, raw)
    _refuse_lookalikes(positions, mapped, raw)
    specs = [*(_under(scheme, column) for column in TRAINEES), *own.values()]
    return Layout(
        specs=tuple(column for column in specs if column.name in positions),
        positions=positions,
        attributes=own,
    )


def fold_name(name: str) -> str:
    """Return what makes two names of columns alike."""
    return re.sub(r"[\W_]+", "", name).casefold()


def suggest(name: str, among: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the likeliest of some names, or nothing."""
    folded = {fold_name(each): each for each in among}
    close = difflib.get_close_matches(fold_name(name), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def _attribute(name: str, spec: AttributeSpec | Column) -> Column:
    if name in BY_NAME:
        raise InputError(
            f"{name} is a column of the contract already",
            where="attributes",
            fix="leave it out of attributes: it is read without being declared",
        )
    if spec.kind not in _ATTRIBUTE_KINDS:
        raise InputError(
            f"an attribute cannot be of kind {spec.kind}",
            where=f"attributes, {name}",
            fix="choose category, number or flag",
        )
    if isinstance(spec, Column):
        return replace(spec, name=name, known="start")
    return Column(
        name=name,
        kind=spec.kind,
        meaning=spec.meaning,
        unit=spec.unit,
        protected=spec.protected,
        known="start",
    )


def _under(scheme: Literal["gmts", "any"], column: Column) -> Column:
    if scheme == "any":
        return replace(column, allowed=None)
    if column.kind == "event":  # its causes are the destinations
        return replace(column, allowed=BY_NAME["destination"].allowed)
    return column


def _check_mapping(mapped: Mapping[str, str], wanted: list[str], raw: RawTable) -> None:
    for name, user in mapped.items():
        if name not in wanted:
            turned = user in wanted and name in raw.names
            raise InputError(
                f"the contract has no column {name!r}" + suggest(name, wanted),
                where="columns",
                fix=f"turn it round: columns={{{user!r}: {name!r}}}"
                if turned
                else "columns goes from the contract's name to the table's; docs/data.md lists "
                "the contract; declare others as attributes",
            )
        if user and user not in raw.names:
            raise InputError(
                f"the table has no column {user!r}" + _like(user, raw),
                where=f"columns, {name}",
                fix="give the name as it stands in the table's header",
            )


def _refuse_shared(mapped: Mapping[str, str]) -> None:
    """Refuse one column of the table in the place of two of the contract."""
    for user in mapped.values():
        shared = [name for name, each in mapped.items() if user and each == user]
        if len(shared) > 1:
            raise InputError(
                f"one column of the table is mapped to {' and '.join(shared)}",
                where=f"columns, {user!r}",
                fix="map it once; each column of the contract says something else",
            )


def _quotable(raw: RawTable, known: Iterable[str]) -> RawTable:
    """Return the table, without the names of its columns where none of them is known."""
    folded = {fold_name(name) for name in known}
    if any(fold_name(name) in folded for name in raw.names if name):
        return raw
    return replace(raw, names=("",) * len(raw.names))


def _like(name: str, raw: RawTable) -> str:
    return suggest(name, [each for each in raw.names if each])


def _refuse_repeated(raw: RawTable, names: Iterable[str]) -> None:
    known = set(names)
    for name in raw.names:
        at = [i + 1 for i, each in enumerate(raw.names) if each == name]
        if name and len(at) > 1:
            raise InputError(
                f"two columns are called {name!r}" if name in known else "two columns share a name",
                where=f"{raw.source}, columns {', '.join(map(str, at))}",
                fix="give every column a name of its own",
            )


def _find(name: str, raw: RawTable, taken: set[int]) -> int | None:
    alike = [
        i
        for i, each in enumerate(raw.names)
        if i not in taken and each and fold_name(each) == fold_name(name)
    ]
    if len(alike) > 1:
        raise InputError(
            f"{len(alike)} columns could be {name}",
            where=f"{raw.source}, columns {', '.join(str(i + 1) for i in alike)}",
            fix=f"say which: columns={{{name!r}: {raw.names[alike[0]]!r}}}",
        )
    return alike[0] if alike else None


def _need(names: Iterable[str], positions: Mapping[str, int], raw: RawTable) -> None:
    if missing := [name for name in names if name not in positions]:
        _refuse_missing(missing, positions, raw)


def _refuse_missing(missing: list[str], positions: Mapping[str, int], raw: RawTable) -> NoReturn:
    free = [name for i, name in enumerate(raw.names) if name and i not in positions.values()]
    hints = [f"{name}{hint.removeprefix(';')}" for name in missing if (hint := suggest(name, free))]
    if set(missing) & set(raw.index_names):
        fix = "it is in the index: pass frame.reset_index()"
    else:
        fix = f"say what the table calls it: columns={{{missing[0]!r}: ...}}"
        if not positions:
            fix += "; or is the first row no header?"
    raise InputError(
        f"the table has no column {', '.join(missing)}"
        + (f" ({'; '.join(hints)})" if hints else ""),
        where=raw.source,
        fix=fix,
    )


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
        _need(READY[:2], positions, raw)
    elif "start_date" not in positions:
        hint = _like("start_date", raw) or _like("duration_months", raw)
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
    unused = [name for i, name in enumerate(raw.names) if name and i not in positions.values()]
    folded = {fold_name(name): name for name in unused}
    outcome = (*DATES, "destination") if "start_date" in positions else (*READY, "destination")
    for name in outcome:
        if name in positions or name in mapped:
            continue
        likely = difflib.get_close_matches(fold_name(name), folded, n=1, cutoff=0.85)
        if name == "leave_nhs_date" and not likely:
            likely = [each for each in folded if _ABOUT_LEAVING.search(each)]
        if likely:
            candidates = " or ".join(repr(folded[each]) for each in likely[:4])
            raise InputError(
                f"the table has no {name}, but {candidates} may be meant",
                where=raw.source,
                fix=f"say which: columns={{{name!r}: ...}}, on the command line --column "
                f"{name}=NAME; leave NAME empty if none is",
            )
