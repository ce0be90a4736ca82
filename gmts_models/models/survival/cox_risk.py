"""Risk of new people from the curves of a Cox fit, whatever its penalty was."""

from __future__ import annotations

import numpy as np

from gmts_models.models.protocol import RiskInterval
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.baseline import CoxCurves, hazard_at
from gmts_models.stats.cox.prediction import PredictedSurvival, predict_survival, relative_hazard


def cox_risk(curves: CoxCurves, matrix: Floats, months: Floats, strata: Ints) -> Floats:
    """Return (n, m) risks; NaN past the stratum's follow-up.

    Parameters
    ----------
    curves : of the fit.
    matrix : (n, p) columns, as in the fit.
    months : (m,) horizons.
    strata : (n,) codes.
    """
    by_stratum = np.array([hazard_at(base, months).cumulative for base in curves.baselines])
    relative = relative_hazard((matrix - curves.centre) @ curves.coefficients)
    return np.asarray(-np.expm1(-by_stratum[strata] * relative[:, None]), dtype=float)


def cox_interval(
    curves: CoxCurves, matrix: Floats, months: Floats, strata: Ints, level: float
) -> RiskInterval:
    """Return risks with limits by the delta method on the log of the cumulative hazard."""
    found = predict_survival(curves, matrix, months, strata=strata, level=level, interval="log-log")
    return risk_interval(found, months, level)


def risk_interval(found: PredictedSurvival, months: Floats, level: float) -> RiskInterval:
    """Return the risks of a predicted survival."""
    return RiskInterval(
        horizons=months,
        risk=1 - found.survival,
        lower=1 - found.upper,
        upper=1 - found.lower,
        level=level,
        method="delta method",
    )
