"""Times by which given shares have left, with their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.survival.kaplan_meier import SurvivalCurve
from gmts_models.stats.times import TIE_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Times by which given shares have left; all (m,), NaN where not estimable.

    Attributes
    ----------
    share : P(T <= value), 0.5 for the median.
    value, lower, upper : months, with the limits of the curve's level and interval.
    """

    share: Floats
    value: Floats
    lower: Floats
    upper: Floats


def survival_quantiles(curve: SurvivalCurve, share: npt.ArrayLike = (0.25, 0.5, 0.75)) -> Quantiles:
    """Read off the times by which given shares have left.

    Parameters
    ----------
    curve : of `kaplan_meier`; its interval is inverted.
    share : (m,) float in [0, 1].

    Returns
    -------
    Quantiles. Where the curve is flat at 1 - share, within floating-point noise, the value is the
    middle of the flat part, which ends at the next departure or, if there is none, at the end of
    follow-up. The limits are likewise the times at which the curve's lower and upper limits first
    come down to 1 - share; NaN if they do not.

    Raises
    ------
    InputError : a share is not in [0, 1].

    Source: Brookmeyer & Crowley (1982), Biometrics 38:29-41. Agrees with ``quantile(survfit(...),
    share)`` where the limits do not rise again after they fell; where they do, R looks values up
    in sorted order and may miss the first crossing, which its ``print`` and this function take.
    """
    p = np.atleast_1d(np.asarray(share, dtype=float))
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(
            "a share lies between 0 and 1", where="survival_quantiles, share", fix="0.5 = median"
        )
    start = 0.0 if curve.start is None else curve.start
    return Quantiles(
        share=p,
        value=_first_below(curve.time, curve.survival, p, start),
        lower=_first_below(curve.time, curve.lower, p, start),
        upper=_first_below(curve.time, curve.upper, p, start),
    )


def _first_below(time: Floats, height: Floats, share: Floats, start: float) -> Floats:
    """Return the time at which the step function `height` comes down to 1 - share."""
    gone = np.concatenate([[0.0], 1 - height])  # at start, time_1, ..., time_k
    highest = np.maximum.accumulate(np.where(np.isnan(gone), -np.inf, gone))
    at = np.concatenate([[start], time, [np.nan]])
    reached = np.searchsorted(highest, share - TIE_TOLERANCE)
    passed = np.searchsorted(highest, share + TIE_TOLERANCE)
    # A flat part that lasts to the end of follow-up; a curve at 0 has no such part in its limits.
    level_at_end = np.abs(gone[-1] - share) < TIE_TOLERANCE
    end = np.where((passed > len(time)) & level_at_end, time[-1], at[passed])
    return np.where(share == 0, start, (at[reached] + end) / 2)
