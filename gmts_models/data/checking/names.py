"""Finding columns by their names: the user's mapping first, then the contract's own names.

Case, spaces, underscores and hyphens make no difference. An error quotes a column of the table only
where some other column has a known name: the first row of a file without a header is a person.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from gmts_models.data.reading.files import RawTable
from gmts_models.errors import InputError

LIKELY = 0.85
"""How alike (by difflib, from 0 to 1) two names are before the one may be meant by the other."""


def find_columns(
    raw: RawTable, wanted: Sequence[str], mapped: Mapping[str, str]
) -> tuple[RawTable, dict[str, int]]:
    """Find columns in a table.

    Parameters
    ----------
    raw : the table.
    wanted : names in the contract, and of attributes.
    mapped : of those, name -> name in the table; "" = do not read.

    Returns
    -------
    The table, without the names of its columns where none of them is known, and name -> position
    for the columns that are there.

    Raises
    ------
    InputError : a name of the mapping does not exist, or a column is there twice.
    """
    raw = _quotable(raw, [*mapped.values(), *wanted])
    _check_mapping(mapped, wanted, raw)
    _refuse_repeated(raw, [*mapped.values(), *wanted])
    _refuse_shared(mapped)
    positions = {name: raw.names.index(user) for name, user in mapped.items() if user}
    taken = set(positions.values())
    for name in wanted:
        if name not in mapped and (found := _find(name, raw, taken)) is not None:
            positions[name] = found
    return raw, positions


def need_columns(names: Iterable[str], positions: Mapping[str, int], raw: RawTable) -> None:
    """Refuse a table without one of some columns.

    Raises
    ------
    InputError : one is missing.
    """
    if missing := [name for name in names if name not in positions]:
        _refuse_missing(missing, positions, raw)


def unused(raw: RawTable, positions: Mapping[str, int]) -> dict[str, str]:
    """Return the columns that are not read: `fold_name` -> name."""
    used = set(positions.values())
    return {fold_name(name): name for i, name in enumerate(raw.names) if name and i not in used}


def refuse_lookalike(
    name: str, candidates: Iterable[str], raw: RawTable, also: str = ""
) -> NoReturn:
    """Refuse to leave unread a column that may be meant by `name`; `also` ends the fix."""
    quoted = " or ".join(repr(each) for each in candidates)
    raise InputError(
        f"the table has no {name}, but {quoted} may be meant",
        where=raw.source,
        fix=f"say which: columns={{{name!r}: ...}}, or '' if none is{also}",
    )


def fold_name(name: str) -> str:
    """Return what makes two names of columns alike."""
    return re.sub(r"[\W_]+", "", name).casefold()


def suggest(name: str, among: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the likeliest of some names, or nothing."""
    folded = {fold_name(each): each for each in among}
    close = difflib.get_close_matches(fold_name(name), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def suggest_column(name: str, raw: RawTable) -> str:
    """Return "; did you mean 'x'?" for the likeliest column of a table, or nothing."""
    return suggest(name, [each for each in raw.names if each])


def _check_mapping(mapped: Mapping[str, str], wanted: Sequence[str], raw: RawTable) -> None:
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
                f"the table has no column {user!r}" + suggest_column(user, raw),
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


def _refuse_missing(missing: list[str], positions: Mapping[str, int], raw: RawTable) -> NoReturn:
    free = list(unused(raw, positions).values())
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
