"""Which encoded columns come from which column of X."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gmts_models.errors import InputError
from gmts_models.outcome import Ints


def terms_of(columns: Sequence[str], terms: Sequence[str], known: Sequence[Any]) -> Ints:
    """Return the places of the terms that are made of some columns of X.

    Parameters
    ----------
    columns : names of columns of X whose effect changes with time.
    terms : names of the encoded columns. Each is of the column whose name it has, or begins with
        before an underscore; of the longest, where there are several.
    known : names of all columns of X.

    Raises
    ------
    InputError : X has no such column, or no term is made of it.
    """
    where = "DiscreteTimeHazard(time_varying=...)"
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if unknown := [str(name) for name in wanted if name not in known]:
        raise InputError(f"X has no column {unknown[0]!r}", where=where)
    source = {}
    for place, term in enumerate(terms):
        plain = term.removeprefix("missing: ")
        names = [str(name) for name in known if f"{plain}_".startswith(f"{name}_")]
        source[place] = max(names, key=len, default=None)
    found = [place for place, name in source.items() if name in {str(each) for each in wanted}]
    if lost := [name for name in wanted if str(name) not in {source[place] for place in found}]:
        raise InputError(
            f"no column that varies is made of {lost[0]!r}",
            where=where,
            fix="leave it out, or use an encoder that names columns after those of X",
        )
    return np.array(found, dtype=np.int64)
