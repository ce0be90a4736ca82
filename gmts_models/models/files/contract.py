"""What a model needs of new rows and can say of them, for people to read.

It repeats what the model holds. Loading does not use it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from gmts_models.models.encoding import Design
from gmts_models.models.files.encoders import write_encoder
from gmts_models.models.fitted import FittedModel


def contract_of(model: Any) -> dict[str, Any]:
    """Return the contract of a fitted model, as JSON.

    Returns
    -------
    columns : a dict a column of X, with its name, and with kind and labels where the model has
        learned them; a label that is None is a missing one.
    recipe : how X is made of people; None of a plain estimator.
    n : rows it learned from; None of a plain estimator.
    last_horizon : months past which it predicts nothing for anyone; None where that is not fixed.
    causes : of leaving that it tells apart; None where it tells none apart.
    """
    fitted = model if isinstance(model, FittedModel) else None
    estimator = model if fitted is None else fitted.estimator
    learned = _learned(estimator)
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = () if fitted is None else fitted.recipe.names
    horizons = getattr(estimator, "horizons_", None)
    causes = getattr(estimator, "causes_", None)
    return {
        "columns": [{"name": str(name)} | learned.get(str(name), {}) for name in names],
        "recipe": None if fitted is None else _recipe(fitted),
        "n": None if fitted is None else int(fitted.n),
        "last_horizon": None if horizons is None else float(np.max(horizons)),
        "causes": None if causes is None else list(causes),
    }


def _recipe(fitted: FittedModel) -> dict[str, Any]:
    recipe = fitted.recipe
    return {
        "features": list(recipe.names),
        "at": recipe.at,
        "endpoint": recipe.endpoint,
        "landmarks": None if recipe.landmarks is None else list(recipe.landmarks),
        "your_own_features": [each.name for each in recipe.attributes],
    }


def _learned(estimator: Any) -> dict[str, dict[str, Any]]:
    """Return kind and labels by column, of the first design that knows it."""
    learned: dict[str, dict[str, Any]] = {}
    for design in designs(estimator, set()):
        if design.kinds.keys() <= learned.keys():
            continue  # one of many refits
        encoder = write_encoder(design.encoder)
        columns = (encoder or {}).get("columns") or []
        labels = {each["name"]: each["labels"] for each in columns if "labels" in each}
        for name, kind in design.kinds.items():
            told = {"kind": kind} | ({"labels": labels[name]} if name in labels else {})
            learned.setdefault(name, told)
    return learned


def designs(value: Any, seen: set[int]) -> Iterator[Design]:
    """Give every design in an estimator of this package, and in those that it holds."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Design):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from designs(each, seen)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from designs(each, seen)
    elif type(value).__module__.split(".")[0] == "gmts_models":
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield from designs(getattr(value, field.name), seen)
        else:
            for each in list(getattr(value, "__dict__", {}).values()):
                yield from designs(each, seen)
