"""What models made of other models ask of those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from gmts_models.errors import InputError, InputTypeError
from gmts_models.models.protocol import TrainingRows


def check_model(estimator: Any, where: str) -> None:
    """Raise InputTypeError where `estimator` is no unfitted or fitted model of risk."""
    if isinstance(estimator, type) or not hasattr(estimator, "predict_risk"):
        raise InputTypeError(
            "the estimator must be a model with predict_risk",
            where=where,
            fix="for instance CoxPH(); a classifier of scikit-learn goes into HorizonClassifier "
            "first",
        )


def takes_weights(estimator: Any) -> bool:
    """Tell whether a model, and every model inside it, has ``fit(..., sample_weight=)``."""
    inner = [each for each in estimator.get_params().values() if _is_model(each)]
    return all(has_fit_parameter(each, "sample_weight") for each in [estimator, *inner])


def _is_model(value: Any) -> bool:
    return hasattr(value, "predict_risk") and not isinstance(value, type)


def fit_clone(estimator: Any, rows: TrainingRows) -> Any:
    """Fit a clone to rows, with their weights where there are any.

    Raises
    ------
    InputError : there are weights, and the estimator takes none.
    """
    if rows.weight is None:
        return clone(estimator).fit(rows.X, rows.y)
    if not takes_weights(estimator):
        raise InputError(
            f"{type(estimator).__name__} takes no weights",
            where="sample_weight",
            fix="leave sample_weight out, or use a model that has it, such as CoxPH",
        )
    return clone(estimator).fit(rows.X, rows.y, sample_weight=rows.weight)


def inner_has(name: str) -> Callable[[Any], bool]:
    """Return a condition for ``available_if``: the `estimator` of a model has a method."""
    return lambda model: hasattr(model.estimator, name)
