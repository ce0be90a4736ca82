"""Write a fitted model into a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from gmts_models.disclosure import DEFAULT_THRESHOLD
from gmts_models.errors import InputError
from gmts_models.models.files.arrays import write_arrays
from gmts_models.models.files.codec import Writer
from gmts_models.models.files.contract import contract_of
from gmts_models.models.files.folder import ARRAYS, MODEL, write_folder
from gmts_models.models.files.load import FORMAT, is_address
from gmts_models.models.files.names import REFUSED
from gmts_models.models.fitted import FittedModel
from gmts_models.provenance import package_versions


def save_model(model: Any, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a model into a folder of JSON and plain arrays, whole or not at all.

    Parameters
    ----------
    model : of `fit`, or a fitted estimator of this package.
    folder : to be made.
    overwrite : whether a model that is there already is replaced.

    Returns
    -------
    The folder. ``docs/model-files.md`` says what is in it.

    Raises
    ------
    InputError : the folder is there; the model is not fitted, has learned from fewer than
        `DEFAULT_THRESHOLD` rows, or holds what cannot be kept.
    DataError : the folder cannot be written.
    """
    path = _as_path(folder)
    _check(model)
    writer = Writer()
    document = {
        "format": FORMAT,
        "made_with": package_versions(),
        "class": type(model).__name__,
        "contract": contract_of(model),
        "model": writer.write(model, "model"),
    }
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1)
        content = text.encode()
    except UnicodeEncodeError:
        raise InputError("a text in the model is no valid Unicode", where="model") from None
    files = {MODEL: content, ARRAYS: write_arrays(writer.arrays)} | writer.estimators
    return write_folder(path, files, overwrite=overwrite)


def _as_path(folder: str | os.PathLike[str]) -> Path:
    if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
        raise InputError("the folder must be a path", where="folder")
    if is_address(folder):
        raise InputError(
            "a model is saved to a folder", where=f"folder={str(folder)!r}", fix="give a path"
        )
    return Path(folder)


def _check(model: Any) -> None:
    """Refuse what is no fitted model of people."""
    estimator = model.estimator if isinstance(model, FittedModel) else model
    if not hasattr(estimator, "predict_risk") or isinstance(estimator, type):
        raise InputError(
            f"a model is expected, not {type(model).__name__}",
            where="model",
            fix="give what gmts_models.fit returns, or a fitted estimator of gmts_models",
        )
    if (advice := REFUSED.get(type(estimator).__name__)) is not None:
        raise InputError(
            f"a {type(estimator).__name__} is not saved by gmts_models", where="model", fix=advice
        )
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        raise InputError(
            f"this {type(estimator).__name__} is not fitted",
            where="model",
            fix="fit it: gmts_models.fit(model, table)",
        ) from None
    if isinstance(model, FittedModel) and model.n < DEFAULT_THRESHOLD:
        raise InputError(
            f"the model learned from fewer than {DEFAULT_THRESHOLD} rows, so its file would tell "
            "of each of them",
            where="model",
            fix="fit it to more people",
        )
