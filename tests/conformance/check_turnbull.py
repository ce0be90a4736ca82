"""Turnbull's estimate against survfit, and both against the conditions of a maximum."""

from __future__ import annotations

import numpy as np
from reference import CLOSED_FORM, Case, against

from gmts_models.stats.survival.turnbull import turnbull, turnbull_bounds


@against("e_survreg_interval", "turnbull_survfit", estimator="turnbull")
def health_workers(case: Case) -> None:
    data, out = case.data(), case.out
    left, right = data["left"].to_numpy(float), data["right"].to_numpy(float)
    got = turnbull(left, right)
    time = np.array(out["time"])
    # R puts each mass in the middle of its interval.
    middle = np.where(np.isinf(got.end), np.inf, (got.start + got.end) / 2)
    # R's times are sums and halves of the same decimals: equal within noise.
    survival = 1 - (middle <= time[:, None] + 1e-9) @ got.mass
    # In these data R's EM, which may stop at 1e-4, reaches the maximum (test_turnbull.py has a
    # sample in which it does not).
    case.agree("survival", survival, out["surv"], rtol=CLOSED_FORM)
    case.agree("n_times", len(time), out["n_times"])
    # The maximum is ours: no curve is better by more than `shortfall`.
    assert got.shortfall < 1e-9
    lower, upper = turnbull_bounds(got, time)
    inside = ~np.isnan(lower)
    assert (lower[inside] <= survival[inside] + 1e-12).all()
    assert (survival[inside] <= upper[inside] + 1e-12).all()
