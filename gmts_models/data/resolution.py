"""How finely times of leaving are told: by the day, the month or the year."""

from __future__ import annotations

import numpy as np

from gmts_models.data.people import Resolution
from gmts_models.outcome import Floats

FEWEST_LEAVERS = 5
"""Of fewer, whole numbers may be chance."""

_ROUNDING = 1e-6  # months; what a spreadsheet's decimals may be off by


def infer_resolution(months: Floats) -> Resolution:
    """Tell by what unit people are said to have left.

    Parameters
    ----------
    months : (n,) months from the start to leaving, of those who left; NaN = not known.

    Returns
    -------
    "year" where all are whole years, "month" where all are whole months, else "day"; "unknown"
    for fewer than 5 leavers.

    Examples
    --------
    >>> import numpy as np
    >>> infer_resolution(np.array([6.0, 12.0, 24.0, 24.0, 31.0]))
    'month'
    """
    known = np.asarray(months, dtype=float)
    known = known[np.isfinite(known)]
    if len(known) < FEWEST_LEAVERS:
        return "unknown"
    if _all_multiples(known, 12):
        return "year"
    return "month" if _all_multiples(known, 1) else "day"


def _all_multiples(months: Floats, unit: float) -> bool:
    return bool((np.abs(months - unit * np.round(months / unit)) < _ROUNDING).all())
