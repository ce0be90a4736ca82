"""Read a fitted model from its folder, without running anything that is in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import DataError, InputError
from gmts_models.features.attribute import Attribute
from gmts_models.models.files.arrays import AS_SAVED, read_arrays
from gmts_models.models.files.codec import Reader
from gmts_models.models.files.folder import ARRAYS, MODEL, read_folder
from gmts_models.models.fitted import FittedModel

FORMAT = 1
"""Version of the layout. It is raised when an older version could not read what is written; what is
older than that is still read."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def load_model(folder: str | os.PathLike[str], *, attributes: Sequence[Attribute] = ()) -> Any:
    """Return the model that `save_model` wrote into a folder.

    Parameters
    ----------
    folder : of the model.
    attributes : features of the user's own that the model was fitted with; their functions are in
        no file.

    Returns
    -------
    A `FittedModel`, or a fitted estimator, as it was saved: it predicts the same to the bit.

    Raises
    ------
    InputError : this is no path, or a feature of the user's own is missing.
    DataError : the folder holds no model, was changed, or was written by a version that this one
        cannot read.
    """
    if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
        raise InputError("the folder must be a path", where="folder")
    if is_address(folder):
        raise InputError(
            "a model is loaded from a folder; addresses are not known",
            where=f"folder={str(folder)!r}",
            fix="give the path of a folder that save_model wrote",
        )
    return _load_folder(Path(folder), {each.name: each for each in attributes})


def is_address(folder: str | os.PathLike[str]) -> bool:
    """Tell an address, such as "models:/name/1", from a path."""
    return isinstance(folder, str) and bool(_ADDRESS.match(folder))


def _load_folder(folder: Path, attributes: Mapping[str, Attribute]) -> Any:
    files = read_folder(folder)
    document = _read_document(files[MODEL], folder)
    estimators = {name: each for name, each in files.items() if name.endswith(".skops")}
    if estimators:
        _check_scikit_learn(document["made_with"], folder)
    arrays = read_arrays(files[ARRAYS], ARRAYS)
    reader = Reader(arrays=arrays, estimators=estimators, attributes=attributes)
    try:
        model = reader.read(document["model"], "model")
        check_is_fitted(model.estimator if isinstance(model, FittedModel) else model)
    except (
        *(TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError),
        *(RecursionError, MemoryError),
    ) as error:
        if isinstance(error, DataError | InputError):
            raise
        raise DataError(f"{MODEL} describes no model", where=str(folder), fix=AS_SAVED) from None
    return model


def _read_document(content: bytes, folder: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(content)
        version, made_with = document["format"], document["made_with"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{MODEL} is damaged", where=str(folder), fix=AS_SAVED) from None
    if not isinstance(version, int) or version < 1 or not isinstance(made_with, dict):
        raise DataError(f"{MODEL} is damaged", where=str(folder), fix=AS_SAVED)
    if version > FORMAT:
        raise DataError(
            f"the model is of format {version}, and this version of gmts_models reads up to "
            f"{FORMAT}",
            where=str(folder),
            fix="update gmts_models, at least to the version that made_with in model.json names",
        )
    return document


def _check_scikit_learn(made_with: Mapping[str, Any], folder: Path) -> None:
    """Refuse estimators of another scikit-learn, which promises nothing of them."""
    saved, here = str(made_with.get("scikit-learn"))[:20], metadata.version("scikit-learn")
    if saved.split(".")[:2] != here.split(".")[:2]:
        raise DataError(
            f"the model holds estimators of scikit-learn {saved}, and scikit-learn {here} is "
            "installed, which need not read them alike",
            where=str(folder),
            fix="fit the model again with its config, or install that version of scikit-learn",
        )
