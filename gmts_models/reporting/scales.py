"""What the plots and the page share: colours, the months that are labelled, the span of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.outcome import Floats
from gmts_models.reporting.run_folder import ALL

INK, MUTED, RULE, GREY, ACCENT = "#1b2733", "#4c5a67", "#d5dce2", "#8b96a0", "#005eb8"
_COLOURS = (
    "#0072b2",
    "#d1345b",
    "#14532d",
    "#8a6500",
    "#6b2d5c",
    "#332288",
    "#0b7a7c",
    "#a63603",
)
"""The first six are told apart under the common colour blindnesses; all are 4.5:1 on white."""

_STEPS = (12, 24, 36, 60, 120, 240, 480)
_SHORT_STEPS = (1, 2, 3, 6)
_MOST_STEPS = 6
_MOST_SHARES = 5
_RATIO_STEPS = ((1.25,), (1.5,), (1.5, 2.0), (2.0, 4.0), (3.0, 10.0), (10.0, 100.0), (10.0, 1000.0))


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """Give each specialism its colour: the same in every report for those of the GMTS.

    With more groups than colours all share one, since a colour used twice would relate groups
    that have nothing in common.
    """
    named = [group for group in groups if group != ALL]
    if set(named) <= set(SPECIALISMS):
        colours = dict(zip(SPECIALISMS, _COLOURS, strict=False))
    elif len(named) <= len(_COLOURS):
        colours = dict(zip(named, _COLOURS, strict=False))
    else:
        colours = dict.fromkeys(named, ACCENT)
    return {ALL: INK} | {group: colours[group] for group in named}


def month_ticks(curves: pd.DataFrame) -> list[int]:
    """Return the months to label: every 12, or wider where follow-up is long."""
    last = float(curves["months"].max()) if len(curves) else 24.0
    steps = _STEPS if last >= 18 else _SHORT_STEPS
    step = next((step for step in steps if last <= step * (_MOST_STEPS + 0.5)), steps[-1])
    return [step * k for k in range(max(1, math.ceil(last / step - 0.5)) + 1)]


def retention_floor(curves: pd.DataFrame) -> float:
    """Return where the axis of retention starts: at 50 %, 25 % or 0, clear of every interval."""
    lowest = curves[["retention", "lower"]].min().min()
    return next((floor for floor in (0.5, 0.25) if lowest >= floor + 0.03), 0.0)


def at_risk_on(curve: pd.DataFrame, ticks: Sequence[int]) -> list[float]:
    """Read the numbers at risk of one group off its curve; NaN where they may not be shown."""
    ordered = curve.sort_values("months")
    grid, at_risk = ordered["months"].to_numpy(float), ordered["at_risk"].to_numpy(float)
    shown = []
    for tick in ticks:
        position = int(np.searchsorted(grid, tick + 1e-9)) - 1
        ended = not len(grid) or tick > grid[-1] + 1e-9 or position < 0
        shown.append(math.nan if ended else float(at_risk[position]))
    return shown


def calibration_ticks(calibration: pd.DataFrame) -> list[float]:
    """Return round shares, evenly spaced, whose ends hold every point and interval."""
    values = calibration[["predicted", "observed", "lower", "upper"]].to_numpy(float)
    if not np.isfinite(values).any():
        return [0.0, 0.5, 1.0]
    low, high = max(0.0, float(np.nanmin(values))), min(1.0, float(np.nanmax(values)))
    for step in (0.02, 0.05, 0.1, 0.2):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= _MOST_SHARES:
            break
    return [round(step * k, 2) for k in range(first, max(last, first + 1) + 1)]


def ratio_ticks(ratios: Floats) -> list[float]:
    """Return round ratios, 1 among them, whose ends hold every one of (k,) ratios above 0.

    Ends go no further than 1000 times either way.
    """
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    far = float(np.exp(np.abs(np.log(known)).max())) if len(known) else 1.0
    steps = next((each for each in _RATIO_STEPS if far <= each[-1]), _RATIO_STEPS[-1])
    return [*(_round_inverse(step) for step in reversed(steps)), 1.0, *steps]


def _round_inverse(step: float) -> float:
    return float(f"{1 / step:.2g}")
