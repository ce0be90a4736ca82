"""benchmarks/results/accuracy.json holds what our functions give now, and that is right.

The values of peers stand as ``python benchmarks/accuracy.py`` measured them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "accuracy.json").read_text("utf-8"))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.accuracy_rows import ROWS

    return {row.key: row for row in ROWS}


def _numbers(values: list[Any]) -> np.ndarray:
    return np.array([np.nan if each is None else each for each in values])


def test_every_row_was_measured(rows: dict[str, Any]) -> None:
    assert [each["key"] for each in MEASURED["rows"]] == list(rows)
    for each in MEASURED["rows"]:
        assert (each["quantity"], each["call"]) == (
            rows[each["key"]].quantity,
            rows[each["key"]].call,
        )


@pytest.mark.parametrize("measured", MEASURED["rows"], ids=lambda row: str(row["key"]))
def test_ours_are_what_the_functions_give(measured: dict[str, Any], rows: dict[str, Any]) -> None:
    """An iteration may end some digits of the maximum's flatness apart on another machine."""
    now = rows[measured["key"]].ours()
    if isinstance(now, str):
        assert [now] == measured["ours"]
        assert now.startswith("refused: ")
        return
    np.testing.assert_allclose(now, _numbers(measured["ours"]), rtol=2e-7, atol=1e-9)
    # R's frailty variances and AFT maxima are those of its iterations.
    np.testing.assert_allclose(now, _numbers(measured["right"]), rtol=1e-6, atol=1e-9)
