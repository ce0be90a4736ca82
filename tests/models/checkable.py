"""A model as scikit-learn's estimator checks want it: y an array, and a `predict`.

The checks hand over one number a row. Here it becomes an outcome: the rank of the number is the
time of leaving, and every fourth row is censored. `predict` is the risk by the median time, so that
the checks of what a method returns have something to look at.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils.estimator_checks import check_array_api_input, check_estimator

from gmts_models.outcome import Outcome


def outcome_of(y: Any, causes: int = 1) -> Any:
    """Return an Outcome of numbers; anything else as it is, for the model to refuse."""
    try:
        values = np.real(np.asarray(y)).astype(float).ravel()
    except (TypeError, ValueError):
        return y
    if y is None or not np.isfinite(values).all():
        return y
    rank = np.unique(values, return_inverse=True)[1]
    # Equal numbers get equal outcomes, however the rows are ordered or repeated.
    event = np.where(rank % 4 == 3, 0, 1 + rank % causes)
    return Outcome(0, 1.0 + rank, event, causes=[f"cause {i + 1}" for i in range(causes)])


def on_arrays(model: Any, *, causes: int = 1) -> Any:
    """Return a model of a subclass whose `fit` takes an array y."""
    kind = type(model)

    class OnArrays(kind):  # type: ignore[misc, valid-type]
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
            outcome = outcome_of(y, causes)
            if isinstance(outcome, Outcome) and len(outcome):
                self._horizon = float(np.median(np.unique(outcome.exit)))
            if sample_weight is None:
                return super().fit(X, outcome)
            return super().fit(X, outcome, sample_weight=sample_weight)

        def predict(self, X: Any) -> Any:
            return self.predict_risk(X, [getattr(self, "_horizon", 1.0)])[:, 0]

        def score(self, X: Any, y: Any) -> float:
            return super().score(X, outcome_of(y, causes))

    OnArrays.__name__ = OnArrays.__qualname__ = kind.__name__
    OnArrays.__module__ = __name__
    globals()[kind.__name__] = OnArrays  # where pickle looks for it
    return OnArrays(**model.get_params(deep=False))


def run_checks(model: Any, *, causes: int = 1) -> dict[str, tuple[str, str]]:
    """Return, by check, its status ("passed", "failed", "skipped") and what it said."""
    results = check_estimator(on_arrays(model, causes=causes), on_fail=None, on_skip=None)
    return {
        each["check_name"]: (each["status"], repr(each["exception"] or "")[:300])
        for each in results
    }


def check_array_api(model: Any, *, causes: int = 1) -> None:
    """Run the check that skips unless SCIPY_ARRAY_API is set before SciPy is imported.

    On NumPy arrays, for models that do not claim to take those of other libraries.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_array_api_input(
            type(model).__name__,
            on_arrays(model, causes=causes),
            array_namespace="numpy",
            expect_only_array_outputs=False,
        )
