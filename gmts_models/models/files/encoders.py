"""The default encoder in plain words: labels, means, and which columns had gaps.

scikit-learn promises nothing of its files from one version to the next. So the encoder that every
model has by default is not kept as one of its objects: it is made anew, by fitting it to made-up
rows that have the same labels and gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector

from gmts_models.errors import DataError
from gmts_models.models.encoding import make_encoder
from gmts_models.models.files.arrays import AS_SAVED

_GAP = "\U0010ffff"


def write_encoder(encoder: object) -> dict[str, Any] | None:
    """Return what a default encoder learned; None of anything else.

    Returns
    -------
    impute : as of `make_encoder`.
    columns : None where it is not fitted. A dict a column: its name, with its labels (None =
        missing), or with its mean and whether it had gaps.
    """
    if not isinstance(encoder, ColumnTransformer):
        return None
    settings = (True, False)
    impute = next((each for each in settings if _alike(encoder, make_encoder(impute=each))), None)
    if impute is None:
        return None
    if not hasattr(encoder, "transformers_"):
        return {"impute": impute, "columns": None}
    columns = _columns(encoder, impute)
    if columns is None or not _same(encoder, columns, impute):
        return None
    return {"impute": impute, "columns": columns}


def read_encoder(value: Mapping[str, Any]) -> Any:
    """Return the encoder that `write_encoder` wrote of.

    Raises
    ------
    DataError : it wrote nothing of the kind.
    """
    match value:
        case {"impute": bool(impute), "columns": None}:
            return make_encoder(impute=impute)
        case {"impute": bool(impute), "columns": list(columns)} if columns:
            return _fitted(columns, impute)
    raise _not_known()


def _fitted(columns: list[Any], impute: bool) -> Any:
    rows = _made_up(columns)
    encoder = make_encoder(impute=impute).fit(rows)
    numbers = [each for each in columns if "mean" in each]
    if impute and numbers:
        means = np.array([each["mean"] for each in numbers], dtype=float)
        encoder.named_transformers_["number"].statistics_ = means
    return encoder


def _made_up(columns: list[Any]) -> pd.DataFrame:
    """Return rows of which each has a label that the encoder knows; gaps are in the first."""
    made: dict[str, Any] = {}
    n = max([2, *(len(_labels(each)) for each in columns)])
    for each in columns:
        match each:
            case {"name": str(name), "labels": [_, *_] as labels} if name not in made:
                if not all(label is None or isinstance(label, str) for label in labels):
                    raise _not_known()
                made[name] = np.resize(np.array(labels, dtype=object), n)
            case {"name": str(name), "mean": float(), "gaps": bool(gaps)} if name not in made:
                made[name] = np.where((np.arange(n) == 0) & gaps, np.nan, 0.0)
            case _:
                raise _not_known()
    return pd.DataFrame(made)


def _labels(column: Any) -> list[Any]:
    found = column.get("labels") if isinstance(column, dict) else None
    return found if isinstance(found, list) else []


def _columns(encoder: Any, impute: bool) -> list[dict[str, Any]] | None:
    """Return what is known of each column, in order; None where it is not plain."""
    known: dict[str, dict[str, Any]] = {}
    for part, transformer, names in encoder.transformers_:
        if part == "category" and len(names):
            for name, labels in zip(names, transformer[-1].categories_, strict=True):
                known[name] = {"labels": [None if each == _GAP else each for each in labels]}
        elif part == "number" and len(names):
            means = transformer.statistics_ if impute else np.zeros(len(names))
            gaps = set(transformer.indicator_.features_) if impute else set()
            for number, name in enumerate(names):
                known[name] = {"mean": float(means[number]), "gaps": number in gaps}
    names = list(getattr(encoder, "feature_names_in_", ()))
    plain = bool(names) and all(type(name) is str and name in known for name in names)
    every = [each for found in known.values() for each in found.get("labels", ())]
    means = [found["mean"] for found in known.values() if "mean" in found]
    plain = plain and all(each is None or type(each) is str for each in every)
    if not plain or not np.isfinite(means).all():
        return None
    return [{"name": name} | known[name] for name in names]


def _same(encoder: Any, columns: list[dict[str, Any]], impute: bool) -> bool:
    """Tell whether an encoder made of the columns does the same as the one given."""
    rows = _made_up(columns)
    try:
        ours, theirs = _fitted(columns, impute).transform(rows), encoder.transform(rows)
    except (ValueError, TypeError, AttributeError):
        return False
    return isinstance(theirs, pd.DataFrame) and bool(ours.equals(theirs))


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two unfitted transformers, or values of their parameters, are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        mine, theirs = one.get_params(deep=False), other.get_params(deep=False)
        return mine.keys() == theirs.keys() and all(_alike(mine[k], theirs[k]) for k in mine)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, make_column_selector):
        return bool(vars(one) == vars(other))
    return bool(one is other or one == other or (one != one and other != other))  # or both NaN


def _not_known() -> DataError:
    return DataError("the file holds no encoder of a model", where="encoder", fix=AS_SAVED)
