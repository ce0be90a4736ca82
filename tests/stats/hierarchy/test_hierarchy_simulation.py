"""Partial pooling of groups drawn from a known law: log scores and coverage.

``python -m benchmarks.partial_pooling`` does the same at length.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "30"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["12 groups, sd 0.5, late entry", "6 groups, sd 0.3, periods"])
def test_partial_pooling_beats_none_and_full_and_its_limits_hold(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.partial_pooling import CELLS, repeat

    cell = next(each for each in CELLS if each.name == name)
    rows = [repeat(cell, seed, scales=(0.5,)) for seed in range(REPETITIONS)]
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}

    def near(measure: str) -> tuple[float, float, str]:
        values = found[f"{measure} [0.5]"]
        error = values.std(ddof=1) / np.sqrt(REPETITIONS)
        return values.mean(), error, f"{measure}: {values.mean():.4f}, error {error:.4f}"

    for other in ("none", "full", "separate"):  # thousandths of a nat a person
        gain, error, said = near(f"gain over {other}")
        assert gain > -2 * error, said
    assert near("gain over full")[0] > 1.0
    for measure in ("effect, term 0", "effect against the mean, term 0", "risk"):
        covered, error, said = near(measure)
        assert abs(covered - 0.95) < 3 * error + 0.02, said
    # Limits that left the spread between groups out would hold about half of these.
    assert near("risk of unseen")[0] > 0.8
