"""The partially pooled form of models that have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from gmts_models.errors import InputError
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.survival.cox import CoxPH


def partially_pooled(estimator: Any, by: str | Sequence[str]) -> Any:
    """Return the hierarchical model that takes over the options of an estimator.

    Parameters
    ----------
    estimator : `CoxPH`, or `DiscreteTimeHazard` with its own logistic regression.
    by : columns that name the group.

    Raises
    ------
    InputError : it is another model, or has an option that the hierarchical one has not.
    """
    encoder = None
    if type(estimator) is CoxPH:
        if estimator.robust:
            raise _refused("CoxPH(robust=True)", "say robust=False")
        encoder = None if estimator.encoder is None else clone(estimator.encoder)
        return HierarchicalCox(
            by=by,
            strata=estimator.strata,
            ties=estimator.ties,
            encoder=encoder,
            alpha=estimator.alpha,
        )
    raise _refused(type(estimator).__name__, "use one of the two")


def _refused(name: str, fix: str) -> InputError:
    return InputError(
        f"{name} has no partially pooled form: CoxPH and DiscreteTimeHazard (with its own logistic "
        "regression) have one",
        where="Grouped(pooling='partial')",
        fix=f"{fix}; or pool fully or not at all; a pipeline goes around Grouped, not into it",
    )
