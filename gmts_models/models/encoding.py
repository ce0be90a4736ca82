"""From frames with text and gaps to numbers, fitted on the training rows only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats


def make_encoder(*, impute: bool = True) -> Any:
    """Return the default encoder, a scikit-learn transformer from frames to frames.

    Text becomes indicator columns, the first label (by alphabet) being the reference; a missing
    label is a label of its own. A label not seen in training counts as the reference. Numbers
    stay as they are; gaps take the training mean and an indicator column says so, unless
    `impute` is False (for estimators that take missing values).
    """
    gaps = SimpleImputer(add_indicator=True, keep_empty_features=True)
    labels = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing", missing_values=None),
        OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False),
    )
    encoder = ColumnTransformer(
        [
            (
                "number",
                gaps if impute else "passthrough",
                make_column_selector(dtype_include="number"),
            ),
            ("category", labels, make_column_selector(dtype_exclude="number")),
        ],
        verbose_feature_names_out=False,
    )
    return encoder.set_output(transform="pandas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A fitted encoder and the columns that vary, with their centre and spread.

    Attributes
    ----------
    encoder : fitted transformer.
    names : (p,) columns that vary in the training rows; constant ones say nothing and are left
        out.
    dropped : the constant ones.
    centre, spread : (p,) mean and (sample) standard deviation of the training rows.
    """

    encoder: Any
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    centre: Floats
    spread: Floats


def fit_design(encoder: Any, frame: pd.DataFrame) -> tuple[Design, Floats]:
    """Fit an encoder and standardise what comes out.

    Parameters
    ----------
    encoder : transformer, or None for `make_encoder`'s; it is cloned.
    frame : (n, q) training rows.

    Returns
    -------
    The design, and the (n, p) standardised matrix.

    Raises
    ------
    FitError : no column varies.
    """
    fitted = make_encoder() if encoder is None else clone(encoder)
    encoded = _plain(fitted.fit_transform(_prepared(frame)))
    matrix = encoded.to_numpy(float)
    seen = np.isfinite(matrix)  # gaps stay where the encoder leaves them
    count = np.maximum(seen.sum(axis=0), 1)
    centre = np.where(seen, matrix, 0.0).sum(axis=0) / count
    spread = np.sqrt(
        np.where(seen, np.square(matrix - centre), 0.0).sum(axis=0) / np.maximum(count - 1, 1)
    )
    varies = spread > 1e-10 * np.maximum(np.abs(centre), 1)
    if not varies.any():
        raise FitError(
            "no feature varies in the training rows", where="X", fix="give at least one that does"
        )
    design = Design(
        encoder=fitted,
        names=tuple(encoded.columns[varies]),
        dropped=tuple(encoded.columns[~varies]),
        centre=centre[varies],
        spread=spread[varies],
    )
    return design, (matrix[:, varies] - design.centre) / design.spread


def apply_design(design: Design, frame: pd.DataFrame) -> Floats:
    """Return the (n, p) standardised matrix of new rows."""
    if not len(frame):
        return np.empty((0, len(design.names)))
    with warnings.catch_warnings():
        # A label not seen in training counts as the reference, as documented.
        warnings.filterwarnings("ignore", message="Found unknown categories")
        encoded = _plain(design.encoder.transform(_prepared(frame)))
    matrix = encoded[list(design.names)].to_numpy(float)
    return np.asarray((matrix - design.centre) / design.spread, dtype=float)


def _prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as plain objects with None for missing; flags and numbers as floats."""
    columns = {}
    for name, given in frame.items():
        column = given.infer_objects()
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            columns[name] = column.astype("Float64").to_numpy(float, na_value=np.nan)
            if np.isinf(columns[name]).any():
                raise InputError("a feature has infinite values", where=f"X, {name}")
            continue
        text = column.astype(object)
        text = text.where(text.notna(), None)
        if not text.dropna().map(lambda value: isinstance(value, str)).all():
            raise InputError(
                "a feature holds neither numbers only nor text only",
                where=f"X, {name}",
                fix="make it one of the two; dates have to become numbers first",
            )
        columns[name] = text.to_numpy(object)
    return pd.DataFrame(columns, index=frame.index)


def _plain(encoded: Any) -> pd.DataFrame:
    frame = encoded if isinstance(encoded, pd.DataFrame) else pd.DataFrame(np.asarray(encoded))
    return frame.set_axis(
        [str(name).replace("missingindicator_", "missing: ") for name in frame], axis=1
    )
