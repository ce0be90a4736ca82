"""The partially pooled form of models that have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from gmts_models.errors import InputError
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
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
    if type(estimator) is CoxPH:
        if estimator.robust:
            raise _refused("CoxPH(robust=True)", "say robust=False")
        return HierarchicalCox(
            by=by,
            strata=estimator.strata,
            ties=estimator.ties,
            encoder=clone(estimator.encoder, safe=False),
            alpha=estimator.alpha,
        )
    if type(estimator) is DiscreteTimeHazard:
        return _pooled_hazard(estimator, by)
    raise _refused(type(estimator).__name__, "use one of the two")


def _pooled_hazard(estimator: DiscreteTimeHazard, by: str | Sequence[str]) -> HierarchicalHazard:
    name = type(estimator).__name__
    if estimator.estimator is not None:
        raise _refused(f"{name}({type(estimator.estimator).__name__}())", f"use {name}()")
    if estimator.by_cause:
        raise _refused(f"{name}(by_cause=True)", "say by_cause=False")
    if len(estimator.time_varying):
        raise _refused(f"{name}(time_varying=...)", "leave out time_varying")
    if estimator.time_basis == "months":
        raise _refused(f'{name}(time_basis="months")', 'say time_basis="spline"')
    return HierarchicalHazard(
        by=by,
        time_basis=estimator.time_basis,
        time_df=estimator.time_df,
        width=estimator.width,
        until=estimator.until,
        encoder=clone(estimator.encoder, safe=False),
        alpha=estimator.alpha,
    )


def _refused(name: str, fix: str) -> InputError:
    return InputError(
        f"{name} has no partially pooled form: CoxPH and DiscreteTimeHazard (with its own logistic "
        "regression) have one",
        where="Grouped(pooling='partial')",
        fix=f"{fix}; or pool fully or not at all; a pipeline goes around Grouped, not into it",
    )
