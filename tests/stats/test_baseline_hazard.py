"""The baseline hazard of a Cox fit, with R's coefficients, against R's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.stats.baseline_hazard import baseline_hazard, cumulative_hazard_at

LUNG = Path(__file__).parents[1] / "reference" / "data" / "lung_cc.csv"


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_agrees_with_r(r_values: Callable[[str], dict[str, Any]], ties: Any) -> None:
    out = r_values("d_cox_lung")[ties]
    data = pd.read_csv(LUNG)
    predictor = data[out["coef_names"]].to_numpy() @ np.array(out["coef"])
    base = baseline_hazard(
        data["time"].to_numpy(float), data["status"].to_numpy() == 1, predictor, ties=ties
    )
    want = out["basehaz"]["uncentered"]["all"]
    got = cumulative_hazard_at(base, np.array(want["time"], float))
    np.testing.assert_allclose(got, want["hazard"], rtol=1e-8)  # coefficients carry 1e-9


def test_efron_by_hand() -> None:
    # Two of three leave at 1, nobody differs: increments 1/3 and 1/(3 - 1/2 * 2) = 1/2.
    exit_, left = np.array([1.0, 1.0, 2.0]), np.array([True, True, False])
    efron = baseline_hazard(exit_, left, np.zeros(3))
    assert efron.cumulative[0] == pytest.approx(1 / 3 + 1 / 2)
    breslow = baseline_hazard(exit_, left, np.zeros(3), ties="breslow")
    assert breslow.cumulative[0] == pytest.approx(2 / 3)


def test_past_follow_up_is_not_estimable() -> None:
    base = baseline_hazard(np.array([1.0, 2.0]), np.array([True, False]), np.zeros(2))
    got = cumulative_hazard_at(base, np.array([0.5, 2.0, 2.5]))
    np.testing.assert_array_equal(got, [0.0, 0.5, np.nan])
