"""What an adapter hands over, and what all of them check."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import column_kinds, prepare_columns
from gmts_models.outcome import Floats

FOLLOWED = 1e-9
"""Share of the last month by which a horizon may lie behind it through rounding."""


class Curves(Protocol):
    """Retention as a fitted model of another library says it."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns of X that it takes, in its order; None where it picks them itself."""
        ...

    def retention(self, frame: pd.DataFrame, months: Floats) -> Floats:
        """Return (n, m) P(still there) of n >= 1 rows at increasing months; NaN = not known."""
        ...


def cut(stays: Floats, months: Floats, last: Floats | float) -> Floats:
    """Return (n, m) retention with NaN past `last`, a number or (n, 1), unless it is 0 by then."""
    beyond = months > np.asarray(last) * (1 + FOLLOWED)
    return np.where(beyond & (stays > 0), np.nan, stays)


def at_or_before(grid: Floats, values: Floats, months: Floats) -> Floats:
    """Return (n, m) values of right-continuous steps, (n, k) at a grid of k; 1 before the first."""
    late = months * (1 + FOLLOWED)
    steps = np.concatenate([np.ones((len(values), 1)), values], axis=1)
    return np.asarray(steps[:, np.searchsorted(grid, late, side="right")], dtype=float)


def refuse_text(frame: pd.DataFrame, known: Collection[str] = ()) -> None:
    """Raise InputError where a column holds text that the model has no code of its own for."""
    kinds = column_kinds(frame)
    if text := [name for name, kind in kinds.items() if kind == "text" and name not in known]:
        raise InputError(
            "the wrapped model takes numbers, and these columns hold text",
            where=f"X, {', '.join(text[:5])}",
            fix="make them the numbers that it was fitted with; wrap encodes nothing",
        )


def refuse_gaps(frame: pd.DataFrame) -> None:
    """Raise InputError where a column has gaps."""
    gaps = frame.isna().any()
    if gaps.any():
        names = [str(name) for name in frame.columns[gaps.to_numpy()]]
        raise InputError(
            "the wrapped model takes no missing values, and these columns have some",
            where=f"X, {', '.join(names[:5])}",
            fix="fill them as for its fit",
        )


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of floats; missing values are NaN."""
    refuse_text(frame)
    return prepare_columns(frame, column_kinds(frame)).set_axis(frame.columns, axis=1)


def name_of(fitted: Any) -> str:
    """Return the library and class of a fitted model, for errors."""
    kind = type(fitted)
    return f"{kind.__module__.split('.')[0]}.{kind.__name__}"


def need_columns(fitted: Any) -> InputError:
    """Return the error for a model that does not tell the names of its columns."""
    return InputError(
        f"{name_of(fitted)} was fitted to an array and does not know the names of its columns",
        where="wrap(columns=...)",
        fix='say which columns of X it takes, in its order: columns=["age", ...]',
    )


def need_last(fitted: Any) -> InputError:
    """Return the error for a model that does not tell how long people were followed."""
    return InputError(
        f"{name_of(fitted)} does not tell how long people were followed",
        where="wrap(last=...)",
        fix="say the last month that it may be asked about; beyond it the risk is missing",
    )
