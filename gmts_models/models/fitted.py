"""A fitted estimator, and what is needed to ask it of new people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from gmts_models.data.people import People
from gmts_models.features.table import FeatureTable, Recipe, make_features
from gmts_models.models.protocol import RiskModel, check_horizons
from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FittedModel:
    """An estimator with its feature recipe, prediction date and endpoint.

    Attributes
    ----------
    estimator : fitted.
    recipe : how its X was made.
    n : rows it learned from.
    """

    estimator: RiskModel
    recipe: Recipe
    n: int

    def predict_risk(self, people: People, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks of people, from their prediction date."""
        risk = self.estimator.predict_risk(make_features(people, self.recipe.names), horizons)
        return np.asarray(risk, dtype=float)

    def predict_retention(self, people: People, horizons: npt.ArrayLike) -> pd.DataFrame:
        """Return P(still there): a row a person by trainee_id, a column a horizon in months."""
        months = check_horizons(horizons)
        return pd.DataFrame(
            1 - self.predict_risk(people, months),
            index=pd.Index(people.trainees["trainee_id"], name="trainee_id"),
            columns=pd.Index(months, name="months"),
        )

    def __repr__(self) -> str:
        return f"FittedModel({self.estimator!r}, endpoint={self.recipe.endpoint!r}, n={self.n})"


def fit(model: RiskModel, table: FeatureTable) -> FittedModel:
    """Fit a clone of `model` to a table, and keep what prediction on new people needs.

    Parameters
    ----------
    model : unfitted estimator; it stays so.
    table : of `build_features`.
    """
    return FittedModel(
        estimator=clone(model).fit(table.X, table.y), recipe=table.recipe, n=len(table)
    )
