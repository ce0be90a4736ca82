"""The baseline hazard that belongs to a Cox fit, by the ties method of that fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gmts_models.outcome import Bools, Floats
from gmts_models.stats.times import count_at_risk, sum_by_time


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineHazard:
    """Cumulative hazard of someone with linear predictor 0.

    Attributes
    ----------
    time : (k,) distinct times of leaving, increasing.
    cumulative : (k,) cumulative hazard just after each.
    last : last time at which anyone was observed; nothing is estimable beyond it.
    """

    time: Floats
    cumulative: Floats
    last: float


def baseline_hazard(
    exit_: Floats,
    left: Bools,
    linear_predictor: Floats,
    entry: Floats | None = None,
    *,
    ties: Literal["efron", "breslow"] = "efron",
) -> BaselineHazard:
    """Estimate the cumulative baseline hazard of one stratum of a Cox fit.

    Parameters
    ----------
    exit_, left, entry : (n,) as in `kaplan_meier`; near ties already merged.
    linear_predictor : (n,) log relative hazard.
    ties : the method of the fit. Efron's increments share the tied leavers out over the risk
        set; Breslow's do not, and are too small beside Efron's coefficients.

    Source: Efron (1977), JASA 72:557-565; Therneau & Grambsch (2000), Modeling Survival Data,
    section 10.2. Agrees with ``survival::survfit(coxph(...))``.
    """
    entry_ = np.zeros(len(exit_)) if entry is None else entry
    hazard = np.exp(linear_predictor)
    time = np.unique(exit_[left])
    deaths = sum_by_time(exit_, time, np.ones(len(exit_)), left)
    at_risk = count_at_risk(time, entry_, exit_, hazard)
    if ties == "breslow":
        steps: Floats = deaths / at_risk
    else:
        tied = sum_by_time(exit_, time, hazard, left)
        number = deaths.astype(int)
        which = np.repeat(np.arange(len(time)), number)
        before = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
        shared = at_risk[which] - before / deaths[which] * tied[which]
        steps = np.asarray(np.bincount(which, 1 / shared, minlength=len(time)), dtype=float)
    return BaselineHazard(time=time, cumulative=np.cumsum(steps), last=float(exit_.max()))


def cumulative_hazard_at(baseline: BaselineHazard, times: Floats) -> Floats:
    """Read the cumulative baseline hazard off at `times` (m,); NaN beyond the follow-up."""
    steps = np.concatenate([[0.0], baseline.cumulative])
    values = steps[np.searchsorted(baseline.time, times, side="right")]
    return np.asarray(np.where(times > baseline.last * (1 + 1e-12), np.nan, values), dtype=float)
