"""Files of format 1 are read by every later version, and say what they said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gmts_models.models.files.load import load_model
from gmts_models.models.fitted import FittedModel

FROZEN = Path(__file__).parent / "format_1"


@pytest.mark.parametrize("name", ["cox", "kaplan_meier", "weibull"])
def test_a_model_of_format_1_says_what_it_said(name: str) -> None:
    assert json.loads((FROZEN / name / "model.json").read_text(encoding="utf-8"))["format"] == 1
    expected = json.loads((FROZEN / "expected.json").read_text(encoding="utf-8"))[name]
    model = load_model(FROZEN / name)
    if isinstance(model, FittedModel):
        assert model.recipe.landmarks == (0, 6, 12)
        model = model.estimator
    X = pd.DataFrame(expected["rows"])
    risk = model.predict_risk(X, expected["horizons"])
    np.testing.assert_allclose(risk, np.array(expected["risk"]), rtol=1e-10)
    assert np.isfinite(risk).all()
