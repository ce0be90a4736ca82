"""The groups that columns of X name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import column_kinds
from gmts_models.models.protocol import group_label

MISSING = "missing"
"""The label of those without one: a group of its own."""


def by_columns(by: str | Sequence[str], where: str) -> list[str]:
    """Return the columns that `by` names, at least one.

    Raises
    ------
    InputError : it names none, or one twice.
    """
    names = [by] if isinstance(by, str) else by
    if not isinstance(names, list | tuple) or not names or len(set(names)) < len(names):
        raise InputError(
            "there must be a column that names the group, or several different ones",
            where=where,
            fix='for instance "specialism", or ("specialism", "region")',
        )
    return list(names)


def require_columns(frame: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Raise InputError where X lacks one of the columns."""
    for name in names:
        if name not in frame:
            raise InputError(
                f"X has no column {name!r}", where=where, fix="name one of the columns of X"
            )


def group_labels(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return (n,) labels as text; of several columns joined by " | ". A gap is `MISSING`.

    Raises
    ------
    InputError : a column holds neither numbers only nor text only.
    """
    column_kinds(frame[list(columns)])
    parts = [_labels(frame[name]) for name in columns]
    if len(parts) == 1:
        return parts[0]
    return np.array([" | ".join(each) for each in zip(*parts, strict=True)], dtype=object)


def _labels(column: pd.Series) -> npt.NDArray[np.object_]:
    codes, values = pd.factorize(column.astype(object))
    words = np.array([*(group_label(value) for value in values), MISSING], dtype=object)
    return words[codes]  # a gap has code -1
