"""What is known of each row's time: right, left or interval-censored, or seen; checked once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import check_rows, read_numbers, refuse_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """n rows, of each of which the time is known to lie in (lower, upper].

    Attributes
    ----------
    lower, upper : (n,) float; equal where the time was seen, -inf and inf where there is no limit.
    entry : (n,) float; the row is there because its time is greater. -inf: no late entry.
    weights : (n,) case weights, >= 0.
    strata : (n,) int codes 0..s-1.
    clusters : (n,) int codes of people or larger clusters; None where each row is a person.
    """

    lower: Floats
    upper: Floats
    entry: Floats
    weights: Floats
    strata: Ints
    clusters: Ints | None

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def seen(self) -> Bools:
        """(n,) bool: the time is known exactly."""
        return np.asarray(self.lower == self.upper)


def right_censored(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Observations:
    """Take rows of time and event, as everywhere else.

    Parameters
    ----------
    exit_ : (n,) months at which observation ends, >= 0.
    event : (n,) int codes or bool; any code but 0 (an unknown cause too) counts as leaving.
    entry : (n,) months at which observation begins; default 0, no late entry.
    weights : (n,) case weights, >= 0; default 1.
    strata, clusters : (n,) labels; see `fit_parametric`.

    Raises
    ------
    InputError : as `check_rows`.

    Notes
    -----
    The start-stop rows of one person may be given as they are: each is conditional on its entry.
    """
    rows = check_rows(
        exit_, event, entry, weights, strata, clusters, where="right_censored", merge_ties=False
    )
    return Observations(
        lower=rows.exit,
        upper=np.where(rows.left, rows.exit, np.inf),
        entry=np.where(rows.entry > 0, rows.entry, -np.inf),
        weights=rows.weights,
        strata=rows.strata,
        clusters=rows.clusters,
    )


def interval_censored(
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Observations:
    """Take rows whose time lies in (lower, upper].

    Parameters
    ----------
    lower : (n,) months; NaN or -inf where there is no lower limit (left-censored). A lower limit
        of 0 is none for families of log time.
    upper : (n,) months; NaN or inf where there is no upper limit (right-censored). Where it
        equals `lower`, the time was seen.
    entry : (n,) months; default 0, no late entry. A row that came under observation at a > 0 and
        has no lower limit, or one of 0, has left in (a, upper].
    weights, strata, clusters : as for `right_censored`.

    Raises
    ------
    InputError : no rows, unequal lengths, both limits missing, a lower limit above its upper one
        or within the time before entry, or what `check_rows` refuses of the rest.

    Notes
    -----
    As R's ``Surv(lower, upper, type = "interval2")``.
    """
    where = "interval_censored"
    low, high = read_numbers(lower, "lower", where), read_numbers(upper, "upper", where)
    if low.shape != high.shape:
        raise InputError(f"lower has shape {low.shape}, upper {high.shape}", where=where)
    low = np.where(np.isnan(low), -np.inf, low)
    high = np.where(np.isnan(high), np.inf, high)
    refuse_rows((low > high) | (low == np.inf) | (high == -np.inf), "lower is above upper", where)
    refuse_rows(np.isinf(low) & np.isinf(high), "both limits are missing", where)
    # The rest is checked as for rows that are there to the end.
    rest = check_rows(
        np.full(len(low), np.finfo(float).max),
        np.zeros(len(low), dtype=bool),
        entry,
        weights,
        strata,
        clusters,
        where=where,
        merge_ties=False,
    )
    late = rest.entry > 0
    begin = np.where(late, rest.entry, -np.inf)
    low = np.where(late & (low <= 0), begin, low)
    refuse_rows(late & ((low < begin) | (high <= begin)), "the time lies before entry", where)
    return Observations(
        lower=low,
        upper=high,
        entry=begin,
        weights=rest.weights,
        strata=rest.strata,
        clusters=rest.clusters,
    )
