"""What a statistical function is given: n rows of time and event, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints
from gmts_models.stats.times import merge_near_ties


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Checked rows; the conventions are those of ``outcome.py``.

    Attributes
    ----------
    entry, exit : (n,) float, near ties merged into one time (of both together).
    event : (n,) int, 0 = censored, 1..k = cause, `UNKNOWN_CAUSE` = left, cause missing.
    weights : (n,) float case weights, >= 0.
    strata : (n,) int codes 0..s-1 of the distinct labels given, in sorted order.
    clusters : (n,) int codes 0..c-1 of people or larger clusters; None where not given, which
        means that each row is a person.
    """

    entry: Floats
    exit: Floats
    event: Ints
    weights: Floats
    strata: Ints
    clusters: Ints | None

    def __len__(self) -> int:
        return len(self.exit)

    @property
    def left(self) -> Bools:
        """(n,) bool: left, from whatever cause."""
        return np.asarray(self.event != 0)


def check_rows(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    where: str,
    merge_ties: bool = True,
) -> Rows:
    """Check the arrays that a statistical function is given.

    Parameters
    ----------
    exit_ : (n,) months at which observation ends, >= 0.
    event : (n,) int codes, or bool with True = left.
    entry : (n,) months at which observation begins, >= 0; default 0, no delayed entry.
    weights : (n,) case weights, >= 0; default 1.
    strata, clusters : (n,) labels without missing ones; default one stratum, a person a row.
    where : name of the function, for the error.
    merge_ties : whether times apart by floating-point noise only become one (R's timefix).

    Raises
    ------
    InputError : no rows, unequal lengths, a value that is not a finite number, a negative time or
        weight, an exit not after its entry (by more than noise), or an event code below -1.
    """
    end = _numbers(exit_, "exit_", where)
    n = len(end)
    if n == 0:
        raise InputError("there are no rows", where=where)
    begin = _constant(0.0, n) if entry is None else _numbers(entry, "entry", where)
    weight = _constant(1.0, n) if weights is None else _numbers(weights, "weights", where)
    code = np.asarray(event)
    if code.dtype != bool and not np.issubdtype(code.dtype, np.integer):
        whole = _numbers(event, "event", where)
        if (whole != np.round(whole)).any() or (np.abs(whole) >= 2.0**53).any():
            raise InputError("event must hold whole numbers or booleans", where=f"{where}, event")
        code = whole
    parts = {"event": code, "entry": begin, "weights": weight}
    labels = {"strata": strata, "clusters": clusters}
    parts |= {name: np.asarray(each) for name, each in labels.items() if each is not None}
    for name, part in parts.items():
        if part.shape != (n,):
            raise InputError(
                f"exit_ has {n} rows, {name} has shape {part.shape}", where=f"{where}, {name}"
            )
    for name, part in (("exit_", end), ("entry", begin), ("weights", weight)):
        refuse_rows(part < 0, f"{name} is negative", where)
    refuse_rows((end < begin) | ((end == begin) & (begin > 0)), "exit is not after entry", where)
    refuse_rows(code.astype(np.int64) < UNKNOWN_CAUSE, "event is below -1", where)
    if merge_ties and begin.any():
        merged = merge_near_ties(np.concatenate([end, begin]))
        end, begin = merged[:n], merged[n:]
        refuse_rows(
            (end == begin) & (begin > 0), "entry and exit are one time, but for rounding,", where
        )
    elif merge_ties:
        end = merge_near_ties(end)
    return Rows(
        entry=begin,
        exit=end,
        event=code.astype(np.int64),
        weights=weight,
        strata=_constant(0, n) if strata is None else code_labels(strata, "strata", where),
        clusters=None if clusters is None else code_labels(clusters, "clusters", where),
    )


def pick(values: npt.NDArray[Any], order: Ints) -> npt.NDArray[Any]:
    """Return values[order]; what `check_rows` made in the room of one value stays so."""
    return values[: len(order)] if values.strides == (0,) else values[order]


def _constant(value: float, n: int) -> npt.NDArray[Any]:
    """Return n times a value, in the room of one; read only."""
    return np.broadcast_to(np.asarray(value), (n,))


def _numbers(values: npt.ArrayLike, name: str, where: str) -> Floats:
    array = read_numbers(values, name, where)
    refuse_rows(~np.isfinite(array), f"{name} is missing or infinite", where)
    return array


def read_numbers(values: npt.ArrayLike, name: str, where: str) -> Floats:
    """Return (n,) floats, or raise InputError where `values` are not numbers in one dimension."""
    array = _as_floats(values, name, where)
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, has {array.ndim}", where=where)
    return array


def read_matrix(values: npt.ArrayLike, n: int, where: str = "X") -> Floats:
    """Return (n, p) floats, NaN among them, or raise InputError where `values` are not so many."""
    matrix = _as_floats(values, "X", where)
    if matrix.ndim != 2 or len(matrix) != n:
        raise InputError(
            f"X has shape {matrix.shape}, but there are {n} rows",
            where=where,
            fix="X has two dimensions: a row a person or episode, a column an attribute",
        )
    return matrix


def _as_floats(values: npt.ArrayLike, name: str, where: str) -> Floats:
    try:
        array: npt.NDArray[Any] = np.asarray(values)
        if array.dtype.kind in "cmM":  # complex numbers, spans and dates would be cut to numbers
            raise TypeError
        return array.astype(float, copy=False)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be numbers",
            where=where if where == name else f"{where}, {name}",
            fix="turn labels into columns of 0 and 1, dates into months, and pandas' NA into NaN",
        ) from None


def code_labels(labels: npt.ArrayLike, name: str, where: str) -> Ints:
    """Return (n,) codes 0..s-1 of the distinct labels in sorted order; InputError if any misses.

    Objects that are not all numbers are sorted, and told apart, by their text.
    """
    # Of a list with texts, NumPy would make a text of a missing one.
    array: npt.NDArray[Any] = np.asarray(labels)
    if array.dtype.kind in "US" and not isinstance(labels, np.ndarray):
        array = np.asarray(labels, dtype=object)
    if array.dtype == object:
        refuse_rows(np.array([_is_missing(each) for each in array]), f"{name} is missing", where)
        if not all(isinstance(each, int | float | np.number) for each in array):
            array = array.astype(str)
    else:
        refuse_rows(array != array, f"{name} is missing", where)  # NaN, NaT
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _is_missing(label: object) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither equal nor unequal to itself
        return True


def refuse_rows(bad: Bools, what: str, where: str, most: int = 5) -> None:
    """Raise InputError where any of (n,) `bad` is true, naming the first rows by number."""
    if bad.any():
        rows = np.flatnonzero(bad)
        more = ", ..." if len(rows) > most else ""
        raise InputError(
            f"{what} in {len(rows)} row(s)",
            where=f"{where}, rows {', '.join(str(row) for row in rows[:most])}{more}",
        )
