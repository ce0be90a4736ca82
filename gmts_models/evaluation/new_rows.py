"""Judge models as they are given, on rows that they have not seen; nothing is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.features.table import FeatureTable
from gmts_models.models.adapters.wrapped import WrappedModel
from gmts_models.models.fitted import FittedModel
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Floats, Outcome

OF_THESE_ROWS = "KaplanMeier of these rows"
"""Name of the reference of a single model: one curve for all, which has seen the rows itself."""


class AsGiven(BaseEstimator):  # type: ignore[misc]
    """A fitted model that stays as it is when it is cloned or fitted."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Return itself."""
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return what the model says."""
        risk: Floats = self.model.predict_risk(X, horizons)
        return risk

    def __sklearn_clone__(self) -> Self:
        return self


def as_given(model: Any, table: FeatureTable) -> tuple[dict[str, Any], str]:
    """Return the models of an evaluation on new rows by name, and which is the reference.

    Parameters
    ----------
    model : fitted; or several by name, of which the first `KaplanMeier` (else the first) is the
        reference. A single one is compared with one Kaplan-Meier curve of the scored rows.
    table : the rows.

    Raises
    ------
    InputError : a model is not fitted, or was fitted to rows made by another recipe.
    """
    models = dict(model) if isinstance(model, Mapping) else {_name(model): model}
    if not isinstance(model, Mapping):
        models = {OF_THESE_ROWS: KaplanMeier(by=None).fit(table.X, table.y)} | models
    known = {name: _estimator(name, each, table) for name, each in models.items()}
    reference = next((name for name, each in known.items() if isinstance(each, KaplanMeier)), None)
    return {name: AsGiven(each) for name, each in known.items()}, reference or next(iter(known))


def _name(model: Any) -> str:
    estimator = model.estimator if isinstance(model, FittedModel) else model
    return type(estimator.fitted if isinstance(estimator, WrappedModel) else estimator).__name__


def _estimator(name: str, model: Any, table: FeatureTable) -> Any:
    if isinstance(model, FittedModel):
        if model.recipe != table.recipe:
            raise InputError(
                f"{name} was fitted to rows of another recipe: other features, prediction date or "
                "endpoint",
                where="evaluate, table",
                fix="make the table as the one of the fit",
            )
        return model.estimator
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        raise InputError(
            f"{name} is not fitted, and the scheme new_rows fits nothing",
            where="evaluate",
            fix="give fitted models: model.fit(X, y), gm.fit(model, table), or wrap(...)",
        ) from None
    return model
