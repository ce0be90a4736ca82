"""What happened to each person: when observation began and ended, and how.

Conventions, stated here once:

- Time is in months since the start date (``data/months.py`` says how dates become months).
- Someone whose observation ends at t counts as at risk at t; events precede censorings at a tie.
- ``entry`` 0 means no delayed entry: such a person is at risk from the first moment, so that an
  ``exit`` of 0 (left on the first day) is counted. A delayed entry at a > 0 puts a person at risk
  on (a, exit].
- ``event`` 0 is censored, 1..k a cause of leaving, `UNKNOWN_CAUSE` a departure whose cause is
  missing: it counts as leaving, and belongs to none of the causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNKNOWN_CAUSE = -1


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class Outcome:
    """Entry, exit and event of n rows; validated once, when built.

    Parameters
    ----------
    entry : (n,) float, months at which a person comes under observation, >= 0; or a scalar.
    exit : (n,) float, months at which observation ends; > entry, or equal where both are 0.
    event : (n,) int, 0 = censored, 1..k = cause of leaving, -1 = left, cause unknown. Booleans
        are taken as 0 and 1.
    causes : names of the causes 1..k; default ``("left",)`` for one, else ``("cause 1", ...)``.
    ids : (n,) labels of people, where one person has several start-stop rows. The rows of one
        person must not overlap, and only the last may end in an event. Default: a person a row.
    clocks : (n,) labels of the clock that each row is timed by, where a person stands on several:
        rows of one person overlap in time when they have their own prediction dates. Only checked,
        not kept. Default: one clock.
    index : the index of the frame that these rows belong to; default that of those of entry, exit
        and event that are Series, which must agree. Models refuse an X whose index differs.

    Raises
    ------
    InputError : lengths differ, a time is negative, missing or infinite, exit is not after
        entry, an event code has no cause, or rows of one person overlap.

    Notes
    -----
    A slice (by integers, booleans or a slice) is an Outcome. It may not keep some rows of a
    person and drop others. A row taken twice, as in a bootstrap, becomes a new person.
    There is no ``__array__``: scikit-learn would stratify by it.
    """

    entry: Floats
    exit: Floats
    event: Ints
    causes: tuple[str, ...]
    ids: Ints | None = field(default=None)
    index: pd.Index[Any] | None = field(default=None)

    def __init__(
        self,
        entry: npt.ArrayLike,
        exit: npt.ArrayLike,  # noqa: A002 - the field's word
        event: npt.ArrayLike,
        causes: Sequence[str] | None = None,
        ids: npt.ArrayLike | None = None,
        *,
        clocks: npt.ArrayLike | None = None,
        index: pd.Index[Any] | None = None,
    ) -> None:
        for part in (entry, exit, event):
            if isinstance(part, pd.Series):
                if index is not None and not part.index.equals(index):
                    raise InputError(
                        "entry, exit and event have different indexes, and nothing is aligned "
                        "silently",
                        where="Outcome",
                        fix="take them from one frame",
                    )
                index = part.index
        exit_ = _floats(exit, "exit")
        n = len(exit_)
        entry_ = _floats(np.full(n, entry) if np.ndim(entry) == 0 else entry, "entry")
        event_ = _codes(event)
        for name, length in (("entry", len(entry_)), ("event", len(event_))):
            if length != n:
                raise InputError(f"exit has {n} rows, {name} has {length}", where=f"Outcome.{name}")
        _check_times(entry_, exit_)
        causes_ = _cause_names(event_, causes)
        ids_ = None if ids is None else _person_codes(ids, clocks, entry_, exit_, event_)
        if index is not None and len(index) != n:
            raise InputError(f"index has {len(index)} labels for {n} rows", where="Outcome.index")
        for array in (entry_, exit_, event_, ids_):
            if array is not None:
                array.setflags(write=False)
        _set(self, entry=entry_, exit=exit_, event=event_, causes=causes_, ids=ids_, index=index)

    @property
    def shape(self) -> tuple[int]:
        """(n,), as scikit-learn asks of anything that it slices."""
        return (len(self.exit),)

    @property
    def left(self) -> Bools:
        """(n,) bool: left, from whatever cause."""
        return np.asarray(self.event != 0)

    @property
    def delayed(self) -> bool:
        """Whether anyone comes under observation after time 0."""
        return bool((self.entry > 0).any())

    @property
    def people(self) -> Ints:
        """(n,) int: a code for each person; rows of one person share it."""
        return np.arange(len(self)) if self.ids is None else self.ids

    def __len__(self) -> int:
        return len(self.exit)

    def __getitem__(self, key: Any) -> Outcome:
        if isinstance(key, tuple):  # (indices, ...), as scikit-learn asks of array-likes
            key = key[0]
        rows = np.arange(len(self))[np.asarray(key) if isinstance(key, list) else key]
        if np.ndim(rows) == 0:
            raise InputError(
                "a single row of an Outcome has no meaning of its own",
                where="Outcome[...]",
                fix="slice it with a list, a mask or a slice",
            )
        return self._part(rows, None if self.ids is None else _slice_people(self.ids, rows))

    def keep(self, rows: Ints) -> Outcome:
        """Return some rows (r,), each once, though others of the same person are left out.

        For analyses by row, such as those of rows of weight above 0; a split of people is a slice.
        """
        return self._part(rows, None if self.ids is None else self.ids[rows])

    def _part(self, rows: Ints, ids: Ints | None) -> Outcome:
        part = object.__new__(Outcome)
        _set(
            part,
            entry=self.entry[rows],
            exit=self.exit[rows],
            event=self.event[rows],
            causes=self.causes,
            ids=ids,
            index=None if self.index is None else self.index[rows],
        )
        return part

    def __repr__(self) -> str:
        if not len(self):
            return "Outcome(n=0)"
        late = f", delayed entry: {int((self.entry > 0).sum())}" if self.delayed else ""
        return (
            f"Outcome(n={len(self)}, left={int(self.left.sum())}, causes={self.causes}, "
            f"months 0 to {self.exit.max():g}{late})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _set(self, **state)


def _set(outcome: Outcome, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(outcome, name, value)


def _floats(values: npt.ArrayLike, name: str) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("times must be numbers, in months", where=f"Outcome.{name}") from None
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, has {array.ndim}", where="Outcome")
    if (bad := ~np.isfinite(array)).any():
        raise InputError(
            f"{int(bad.sum())} times are missing or infinite", where=_rows(f"Outcome.{name}", bad)
        )
    return array


def _codes(event: npt.ArrayLike) -> Ints:
    array = np.array(event)
    if array.ndim != 1:
        raise InputError(f"event must have one dimension, has {array.ndim}", where="Outcome")
    if array.dtype == bool or np.issubdtype(array.dtype, np.integer):
        return array.astype(np.int64)
    if np.issubdtype(array.dtype, np.floating) and bool((array == np.round(array)).all()):
        return array.astype(np.int64)
    raise InputError(
        "event must hold integer codes (0 = censored, 1..k = cause) or booleans",
        where="Outcome.event",
    )


def _check_times(entry: Floats, exit_: Floats) -> None:
    if (bad := (entry < 0) | (exit_ < 0)).any():
        raise InputError(
            f"{int(bad.sum())} times are negative",
            where=_rows("Outcome", bad),
            fix="count months from the start date; nobody is observed before it",
        )
    if (bad := (exit_ < entry) | ((exit_ == entry) & (entry > 0))).any():
        raise InputError(
            f"{int(bad.sum())} rows end before they begin",
            where=_rows("Outcome", bad),
            fix="exit must be greater than entry (both may be 0: left on the first day)",
        )


def _cause_names(event: Ints, causes: Sequence[str] | None) -> tuple[str, ...]:
    highest = int(event.max(initial=0))
    if causes is None:
        count = max(highest, 1)
        causes = ("left",) if count == 1 else tuple(f"cause {i + 1}" for i in range(count))
    if isinstance(causes, str) or len(set(causes)) != len(causes) or not causes:
        raise InputError("causes must be a sequence of different names", where="Outcome.causes")
    if highest > len(causes) or int(event.min(initial=0)) < UNKNOWN_CAUSE:
        raise InputError(
            f"event codes run from {int(event.min())} to {highest}, but {len(causes)} causes are "
            "named",
            where="Outcome.event",
            fix="0 = censored, 1..k = cause, -1 = left from an unknown cause",
        )
    return tuple(str(cause) for cause in causes)


def _label_codes(labels: npt.ArrayLike, n: int, name: str) -> Ints:
    given = pd.Series(np.asarray(labels))
    if len(given) != n:
        raise InputError(f"exit has {n} rows, {name} has {len(given)}", where=f"Outcome.{name}")
    if given.isna().any():
        raise InputError(f"some {name} are missing", where=f"Outcome.{name}")
    return pd.factorize(given)[0].astype(np.int64)


def _person_codes(
    ids: npt.ArrayLike, clocks: npt.ArrayLike | None, entry: Floats, exit_: Floats, event: Ints
) -> Ints:
    codes = _label_codes(ids, len(exit_), "ids")
    clock = np.zeros_like(codes) if clocks is None else _label_codes(clocks, len(exit_), "clocks")
    order = np.lexsort((entry, clock, codes))
    same = (codes[order][1:] == codes[order][:-1]) & (clock[order][1:] == clock[order][:-1])
    overlap = np.zeros(len(codes), dtype=bool)
    overlap[order[1:]] = same & (entry[order][1:] < exit_[order][:-1])
    if overlap.any():
        raise InputError("rows of one person overlap in time", where=_rows("Outcome.ids", overlap))
    early = np.zeros(len(codes), dtype=bool)
    early[order[:-1]] = same & (event[order][:-1] != 0)
    if early.any():
        raise InputError(
            "a person has rows after the event",
            where=_rows("Outcome.ids", early),
            fix="only the last row of a person may end in an event",
        )
    return codes


def _slice_people(ids: Ints, rows: Ints) -> Ints:
    kept = ids[rows]
    if len(np.unique(rows)) == len(rows):
        whole = np.bincount(ids, minlength=ids.max(initial=-1) + 1)
        taken = np.bincount(kept, minlength=len(whole))
        if ((taken > 0) & (taken != whole)).any():
            raise InputError(
                "the slice keeps some rows of a person and drops others",
                where="Outcome[...]",
                fix="split by person, for instance with scikit-learn's GroupKFold(groups=y.people)",
            )
        return kept
    # A row taken k times: its k copies are k people, each with one copy of every row.
    copy = pd.Series(rows).groupby(rows).cumcount().to_numpy()
    pairs = pd.MultiIndex.from_arrays([kept, copy])
    codes = pd.factorize(pairs)[0].astype(np.int64)
    whole = np.bincount(ids, minlength=ids.max() + 1)[kept]
    if (np.bincount(codes)[codes] != whole).any():
        raise InputError(
            "the slice keeps some rows of a person and drops others",
            where="Outcome[...]",
            fix="draw people, not rows",
        )
    return codes


def _rows(where: str, bad: Bools, most: int = 5) -> str:
    rows = np.flatnonzero(bad)
    more = ", ..." if len(rows) > most else ""
    return f"{where}, rows {', '.join(str(row) for row in rows[:most])}{more}"
