"""What stands under a curve: who is at risk at given times, and who came and went between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.risk_sets import sum_at
from gmts_models.stats.times import count_at_risk


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTable:
    """At each time; all (m,) sums of weights.

    Attributes
    ----------
    time : months, increasing.
    at_risk : at risk at each time: entry < time <= exit.
    entered : came under observation after the previous time, up to this one; at the first time,
        all so far. Those at risk from the first moment on count there.
    events, censored : left, or last seen, after the previous time, up to this one.
    """

    time: Floats
    at_risk: Floats
    entered: Floats
    events: Floats
    censored: Floats


def risk_table(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    times: npt.ArrayLike,
) -> RiskTable:
    """Count who is at risk at given times, and who came, left and was censored between them.

    Parameters
    ----------
    exit_, left, entry, weights : as in `kaplan_meier`.
    times : (m,) months, increasing, >= 0.

    Returns
    -------
    RiskTable, in which entered - events - censored so far is the number still to be seen.

    Raises
    ------
    InputError : as `check_rows`, or times that do not increase from 0 or later.

    Notes
    -----
    ``summary(survfit, times)`` (R) gives as `n.risk` the number at risk at the curve's next time,
    which under late entry counts people who come in between.
    """
    rows = check_rows(exit_, left, entry, weights, where="risk_table")
    time = np.atleast_1d(np.asarray(times, dtype=float))
    if not (time >= 0).all() or not (np.diff(time) > 0).all():
        raise InputError("times must increase, from 0 or later", where="risk_table, times")
    return RiskTable(
        time=time,
        at_risk=count_at_risk(time, rows.entry, rows.exit, rows.weights),
        entered=_between(time, rows.entry, rows.weights),
        events=_between(time, rows.exit, rows.weights * rows.left),
        censored=_between(time, rows.exit, rows.weights * ~rows.left),
    )


def _between(time: Floats, of: Floats, weights: Floats) -> Floats:
    """Sum the weights of times after the previous `time`, up to each."""
    return sum_at(np.searchsorted(time, of), weights, len(time) + 1)[:-1]
