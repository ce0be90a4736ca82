"""scikit-learn's Pipeline, with the questions that models of risk answer."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from gmts_models.errors import InputError
from gmts_models.models.protocol import RiskInterval
from gmts_models.outcome import Floats


def _last_has(name: str) -> Any:
    return lambda pipeline: hasattr(pipeline.steps[-1][1], name)


class RiskPipeline(Pipeline):  # type: ignore[misc]
    """Transformers, then a model of risk.

    Parameters
    ----------
    steps : (name, transformer or model) pairs; the last is the model.
    memory, verbose, transform_input : as for scikit-learn's ``Pipeline``.

    Notes
    -----
    Transformers hand frames on, where they can (``set_output(transform="pandas")`` is set in
    ``fit``), so that strata and group columns of the model keep their names.
    ``sample_weight`` goes to a step by its name: ``fit(X, y, model__sample_weight=weight)``.
    """

    def fit(self, X: pd.DataFrame, y: Any = None, **params: Any) -> RiskPipeline:
        """Fit the transformers, then the model.

        Raises
        ------
        InputError : the last step is no model of risk.
        """
        if self.steps and not hasattr(self.steps[-1][1], "predict_risk"):
            raise InputError(
                f"the last step, {self.steps[-1][0]!r}, is no model of risk",
                where="RiskPipeline(steps=...)",
                fix="end with a model such as CoxPH(); a classifier of scikit-learn goes into "
                "HorizonClassifier first",
            )
        for _, step in self.steps[:-1]:
            if hasattr(step, "set_output"):
                step.set_output(transform="pandas")
        super().fit(X, y, **params)
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks."""
        risk: Floats = self.steps[-1][1].predict_risk(self._before(X), horizons)
        return risk

    def predict_retention(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) P(still there at the horizon) = 1 - risk."""
        return 1 - self.predict_risk(X, horizons)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return the model's risks with limits; the transformers are taken as they are."""
        found: RiskInterval = self.steps[-1][1].predict_risk_interval(
            self._before(X), horizons, level
        )
        return found

    @available_if(_last_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) incidence by cause."""
        incidence: Floats = self.steps[-1][1].predict_incidence(self._before(X), horizons)
        return incidence

    @property
    def causes_(self) -> tuple[str, ...]:
        """Names of the k causes of the model."""
        causes: tuple[str, ...] = self.steps[-1][1].causes_
        return causes

    def _before(self, X: pd.DataFrame) -> Any:
        """Return X as the model sees it."""
        for _, step in self.steps[:-1]:
            if step is not None and step != "passthrough":
                X = step.transform(X)
        return X
