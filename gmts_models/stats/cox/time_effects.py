"""Effects that change with time, by splitting follow-up into rows on each of which they do not.

Source: Therneau & Grambsch (2000), Modeling Survival Data, section 6.5; Therneau, Crowson &
Atkinson, "Using time dependent covariates", vignette of R's survival. `split_rows` agrees with
``survSplit``, `fit_cox_time_effects` with ``coxph(... + tt(x))``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.cox.event_grid import event_grid
from gmts_models.stats.cox.fit import CoxFit, fit_cox
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.rows import Rows, check_rows, read_matrix, read_numbers
from gmts_models.stats.times import TIE_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRows:
    """Follow-up cut into pieces.

    Attributes
    ----------
    row : (m,) int the row that a piece is of; also its person, for `clusters`.
    entry, exit : (m,) months. left : (m,) bool, on a row's last piece only.
    episode : (m,) int number of cuts before the piece.
    """

    row: Ints
    entry: Floats
    exit: Floats
    left: Bools
    episode: Ints


def split_rows(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    cuts: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
) -> SplitRows:
    """Cut each row's follow-up (entry, exit] at the months `cuts`.

    Someone who leaves exactly at a cut, but for floating-point noise, leaves on the piece that
    ends there.
    """
    rows = check_rows(exit_, left, entry, where="split_rows")
    months = read_numbers(np.ravel(np.asarray(cuts)), "cuts", "split_rows")
    if np.isnan(months).any():
        raise InputError("cuts must be months, none missing", where="split_rows, cuts")
    return _split(rows, np.unique(_snap(months, np.unique([rows.entry, rows.exit]))))


def _snap(cuts: Floats, times: Floats) -> Floats:
    """Move cuts (c,) that noise keeps from one of the sorted `times` to it."""
    after = np.minimum(np.searchsorted(times, cuts), len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(cuts - times[before] < times[after] - cuts, times[before], times[after])
    noise = TIE_TOLERANCE * max(1.0, float(times.mean()))
    return np.where(np.abs(nearest - cuts) <= noise, nearest, cuts)


def _split(rows: Rows, cuts: Floats) -> SplitRows:
    first = np.searchsorted(cuts, rows.entry, side="right")
    last = np.searchsorted(cuts, rows.exit, side="left")  # cuts before the end
    count = np.maximum(last - first, 0) + 1
    row = np.repeat(np.arange(len(rows)), count)
    ends = np.cumsum(count)
    piece = np.arange(len(row)) - np.repeat(ends - count, count)
    episode = first[row] + piece
    inner = np.append(cuts, np.inf)
    is_last = piece == count[row] - 1
    return SplitRows(
        row=row,
        entry=np.where(piece == 0, rows.entry[row], inner[np.maximum(episode - 1, 0)]),
        exit=np.where(is_last, rows.exit[row], inner[episode]),
        left=is_last & rows.left[row],
        episode=episode,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEffect:
    """A column made from another one and time.

    Attributes
    ----------
    column : number of the column of X.
    function : (x, months) -> values, both arrays of one length; such as ``x * log(months)``.
    name : of the new column.
    """

    column: int
    function: Callable[[Floats, Floats], Floats]
    name: str


def fit_cox_time_effects(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    effects: Sequence[TimeEffect],
    ties: Ties = "efron",
    penalty: Floats | None = None,
    names: Sequence[str] | None = None,
) -> CoxFit:
    """Fit columns whose value changes continuously with time.

    Follow-up is split at every time of leaving, which is all that the likelihood looks at: the
    fit has about (rows x times of leaving / 2) rows, so this is for some thousands of people with
    times in months.

    Parameters
    ----------
    X, exit_, left, entry, weights, strata, ties, names : as for `fit_cox`.
    effects : e columns to add behind those of X, evaluated at the time of leaving that ends a
        piece.
    penalty : (p + e,) or (p + e, p + e), as for `fit_cox`.

    Returns
    -------
    CoxFit : of the split rows; its clusters are the rows given.

    Raises
    ------
    InputError : there is no such column, or an effect is not a finite number for each month.
    """
    rows = check_rows(exit_, left, entry, weights, strata, where="fit_cox_time_effects")
    matrix = read_matrix(X, len(rows))
    times = np.unique(event_grid(rows).time)
    pieces = _split(rows, times)
    if len(times) and times[0] == 0:
        pieces = _part_from_zero(pieces)
    columns = [matrix[pieces.row], *(_made(effect, matrix, pieces)[:, None] for effect in effects)]
    given = [f"column {j}" for j in range(matrix.shape[1])] if names is None else list(names)
    return fit_cox(
        np.hstack(columns),
        pieces.exit,
        pieces.left,
        pieces.entry,
        rows.weights[pieces.row],
        rows.strata[pieces.row],
        pieces.row,
        ties=ties,
        penalty=penalty,
        names=[*given, *(effect.name for effect in effects)],
        merge_ties=False,
    )


def _part_from_zero(pieces: SplitRows) -> SplitRows:
    """Give the moment 0 a piece of its own: an effect there is not that of the first months."""
    longer = np.flatnonzero((pieces.entry == 0) & (pieces.exit > 0))
    if not len(longer):
        return pieces
    entry = pieces.entry.copy()
    entry[longer] = pieces.exit[pieces.exit > 0].min() / 2  # > 0, and before anything happens
    return SplitRows(
        row=np.insert(pieces.row, longer, pieces.row[longer]),
        entry=np.insert(entry, longer, 0.0),
        exit=np.insert(pieces.exit, longer, 0.0),
        left=np.insert(pieces.left, longer, False),
        episode=np.insert(pieces.episode, longer, pieces.episode[longer]),
    )


def _made(effect: TimeEffect, matrix: Floats, pieces: SplitRows) -> Floats:
    """Return (m,) the column that an effect makes."""
    where = f"TimeEffect {effect.name!r}"
    if effect.column not in range(matrix.shape[1]):
        raise InputError(f"X has no column {effect.column}", where=f"{where}, column")
    made = effect.function(matrix[pieces.row, effect.column], pieces.exit)
    values = read_numbers(made, "what the function gives", where)
    if len(values) != len(pieces.row):
        raise InputError(
            f"the function was given {len(pieces.row)} values and gave {len(values)}", where=where
        )
    return values
