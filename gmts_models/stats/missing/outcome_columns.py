"""The outcome as columns that help to explain what is missing."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.survival.kaplan_meier import kaplan_meier
from gmts_models.stats.times import count_until


def outcome_columns(entry: Floats, exit_: Floats, event: Ints) -> Floats:
    """Return (n, r) standardised columns: who left, and the cumulative hazard of leaving so far.

    Parameters
    ----------
    entry, exit_ : (n,) months; the risk sets of the hazard are entry < t <= exit.
    event : (n,) 0 = censored, 1..k = cause, -1 = left, cause unknown.

    Returns
    -------
    For each cause an indicator and the Nelson-Aalen cumulative hazard at exit; where anyone enters
    late also that at entry, so that the hazard under observation is among their sums. Columns that
    do not vary are left out.

    Source: White & Royston (2009), Statistics in Medicine 28:1982-1998, for one cause; Bartlett &
    Taylor (2016), Biostatistics 17:751-763, name the same for each of several. The normal
    regression that these columns enter is exact for small effects only.
    """
    codes = [int(code) for code in np.unique(event) if code != 0]
    columns: list[Floats] = [(event == code).astype(float) for code in codes]
    late = bool((entry > 0).any())
    for code in [code for code in codes if code > 0] or codes:
        # A departure from an unknown cause is one from none of the others, as if censored.
        left = event != 0 if len(codes) == 1 else event == code
        columns += _hazards(entry, exit_, left, late=late)
    matrix = np.column_stack([*columns, np.empty((len(exit_), 0))])
    spread = matrix.std(axis=0)
    varies = spread > 1e-12
    return np.asarray((matrix - matrix.mean(axis=0))[:, varies] / spread[varies], dtype=float)


def _hazards(entry: Floats, exit_: Floats, left: Bools, *, late: bool) -> list[Floats]:
    curve = kaplan_meier(exit_, left, entry)
    hazard = np.concatenate([[0.0], curve.hazard])
    at = [exit_, entry] if late else [exit_]
    return [hazard[count_until(curve.time, times)] for times in at]
