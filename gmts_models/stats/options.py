"""What a user may choose among, and how columns are called: checked in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.rows import read_matrix


def check_option(given: object, known: Sequence[str], name: str, where: str) -> None:
    """Raise InputError where the option `name` is none of those known, and say which there are."""
    if given not in known:
        raise InputError(
            f"there is no such {name}", where=f"{where}, {name}", fix=f"one of {', '.join(known)}"
        )


def column_names(p: int, names: Sequence[str] | None) -> list[str]:
    """Return the names of p columns: those given, or "column 0", "column 1", ..."""
    if names is None:
        return [f"column {j}" for j in range(p)]
    if len(names) != p:
        raise InputError(f"X has {p} columns, names has {len(names)}", where="names")
    return [str(name) for name in names]


def new_columns(X: npt.ArrayLike, p: int, where: str) -> Floats:
    """Return (n, p) the columns of new people, or raise InputError where a fit has not so many."""
    matrix = read_matrix(X, np.shape(X)[0] if np.ndim(X) else 0, where)
    if matrix.shape[1] != p:
        raise InputError(f"X has {matrix.shape[1]} columns, the fit has {p}", where=f"{where}, X")
    return matrix
