"""From frames with text and gaps to numbers, fitted on the training rows only."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from gmts_models.errors import FitError, InputError, InputTypeError
from gmts_models.models.protocol import group_label
from gmts_models.outcome import Bools, Floats

Kind = Literal["number", "text", "empty"]
"""What a column holds; "empty" = nothing but gaps."""

_MISSING = "missing: "
"""How the names of indicators of gaps begin."""

_NOTHING_LEFT = 1e-9
"""Share of a column's length that others leave unexplained, under which it follows from them."""

_GAP = "\U0010ffff"
"""The label that stands for a missing one: last by alphabet, so that it is never the reference."""


def make_encoder(*, impute: bool = True) -> Any:
    """Return the default encoder, a scikit-learn transformer from frames to frames.

    Text becomes indicator columns, the first label (by alphabet) being the reference; a missing
    label is a label of its own and never the reference. A label not seen in training counts as the
    reference, and so does a missing one where training had none. Numbers stay as they are; gaps
    take the training mean and an indicator column says so (where training had gaps), unless
    `impute` is False (for estimators that take missing values).
    """
    gaps = SimpleImputer(add_indicator=True, keep_empty_features=True)
    labels = make_pipeline(
        SimpleImputer(
            strategy="constant",
            fill_value=_GAP,
            missing_values=None,
            keep_empty_features=True,
        ),
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
    kinds : of each column of the frame, in its training rows.
    names : (p,) columns that vary in the training rows; constant ones say nothing and are left
        out, and so are indicators of gaps that follow from the other columns: of two scores of one
        survey both are missing or neither.
    dropped : those that are left out.
    centre, spread : (p,) mean and (sample) standard deviation of the training rows, by weight.
    """

    encoder: Any
    kinds: Mapping[str, Kind]
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    centre: Floats
    spread: Floats


def fit_design(
    encoder: Any, frame: pd.DataFrame, weight: Floats | None = None
) -> tuple[Design, Floats]:
    """Fit an encoder and standardise what comes out.

    Parameters
    ----------
    encoder : transformer, or None for `make_encoder`'s; it is cloned.
    frame : (n, q) training rows.
    weight : (n,) case weights, above 0; default 1. The encoder itself does not see them.

    Returns
    -------
    The design, and the (n, p) standardised matrix.

    Raises
    ------
    FitError : no column varies.
    InputError : as `column_kinds`, or there is one row only.
    """
    kinds = column_kinds(frame)
    if len(frame) < 2:
        raise InputError("1 sample is too few to learn from: nothing varies", where="X")
    fitted = make_encoder() if encoder is None else clone(encoder)
    encoded = _plain(fitted.fit_transform(prepare_columns(frame, kinds)))
    matrix = encoded.to_numpy(float)
    seen = np.isfinite(matrix)  # gaps stay where the encoder leaves them
    centre, spread = _moments(matrix, seen, np.ones(len(matrix)) if weight is None else weight)
    varies = spread > 1e-10 * np.maximum(np.abs(centre), 1)
    if not varies.any():
        raise FitError(
            f"no feature varies in the {len(frame)} sample(s) to learn from",
            where="X",
            fix="give at least one that does",
        )
    kept = np.flatnonzero(varies)
    scaled = (matrix[:, kept] - centre[kept]) / spread[kept]
    gaps = np.array([name.startswith(_MISSING) for name in encoded.columns[kept]])
    tells = ~_follow(scaled, gaps)
    kept, scaled = kept[tells], scaled[:, tells]
    design = Design(
        encoder=fitted,
        kinds=kinds,
        names=tuple(encoded.columns[kept]),
        dropped=tuple(encoded.columns.delete(kept)),
        centre=centre[kept],
        spread=spread[kept],
    )
    return design, scaled


def _moments(matrix: Floats, seen: Bools, weight: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column, over what is seen of it."""
    share = np.where(seen, weight[:, None], 0.0)
    count = share.sum(axis=0)
    some = np.where(count > 0, count, 1.0)
    centre = (share * np.where(seen, matrix, 0.0)).sum(axis=0) / some
    squares = (share * np.where(seen, np.square(matrix - centre), 0.0)).sum(axis=0)
    return centre, np.sqrt(squares / np.where(count > 1, count - 1, some))


def _follow(scaled: Floats, among: Bools) -> Bools:
    """Return (p,) bool: which columns `among` are sums of multiples of the others before them.

    Those not among them come first, whatever their place. Columns with gaps are not looked at.
    """
    follow = np.zeros(len(among), dtype=bool)
    whole = np.isfinite(scaled).all(axis=0)
    if not among.any():
        return follow
    basis = np.linalg.qr(scaled[:, whole & ~among])[0]
    for column in np.flatnonzero(whole & among):
        rest = scaled[:, column] / np.linalg.norm(scaled[:, column])
        for _ in range(2):  # once more, for what rounding left
            rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        follow[column] = size < _NOTHING_LEFT
        if not follow[column]:
            basis = np.column_stack([basis, rest / size])
    return follow


def apply_design(design: Design, frame: pd.DataFrame) -> Floats:
    """Return the (n, p) standardised matrix of new rows.

    Raises
    ------
    InputError : as `prepare_columns`.
    """
    if not len(frame):
        return np.empty((0, len(design.names)))
    with warnings.catch_warnings():
        # A label not seen in training counts as the reference, as documented.
        warnings.filterwarnings("ignore", message="Found unknown categories")
        encoded = _plain(design.encoder.transform(prepare_columns(frame, design.kinds)))
    matrix = encoded[list(design.names)].to_numpy(float)
    return np.asarray((matrix - design.centre) / design.spread, dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermSource:
    """What a column of an encoded X says.

    Attributes
    ----------
    column : of X that it comes from; None where an encoder of one's own does not tell.
    label : that it stands for, against the reference; "missing" for gaps; None for a number.
    """

    column: str | None
    label: str | None


def term_sources(design: Design) -> tuple[TermSource, ...]:
    """Return what each of the (p,) columns of a design says, by the names of `make_encoder`."""
    return tuple(_source(name, design.kinds) for name in design.names)


def _source(name: str, kinds: Mapping[str, Kind]) -> TermSource:
    if (gap := name.removeprefix(_MISSING)) != name and gap in kinds:
        return TermSource(column=gap, label="missing")
    if name in kinds and kinds[name] != "text":
        return TermSource(column=name, label=None)
    # A column's name may begin another's: the longest that fits is meant.
    fits = [each for each, kind in kinds.items() if kind == "text" and name.startswith(f"{each}_")]
    if not fits:
        return TermSource(column=None, label=None)
    column = max(fits, key=len)
    return TermSource(column=column, label=name[len(column) + 1 :])


def reference_labels(design: Design) -> dict[str, str]:
    """Return the reference label of each text column that `make_encoder` made indicators of."""
    try:
        _, pipeline, columns = next(
            each for each in design.encoder.transformers_ if each[0] == "category"
        )
        labels = pipeline[-1].categories_
    except (AttributeError, StopIteration, TypeError, IndexError):
        return {}  # an encoder of one's own
    return {
        str(column): "missing" if found[0] == _GAP else str(found[0])
        for column, found in zip(columns, labels, strict=True)
    }


def column_kinds(frame: pd.DataFrame) -> dict[str, Kind]:
    """Return what each column holds: numbers (flags too), text, or nothing but gaps.

    A pandas category is text, whatever its labels are.

    Raises
    ------
    InputError : a column holds something else, or both; or two columns share a name.
    """
    names = [str(name) for name in frame]
    if len(set(names)) < len(names):
        raise InputError("two columns of X share a name, as text", where="X", fix="rename one")
    return {name: _kind(frame.iloc[:, i], name) for i, name in enumerate(names)}


def prepare_columns(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Return text as plain objects with None for missing; flags and numbers as floats.

    Parameters
    ----------
    frame : columns in the order of `kinds`.
    kinds : of the training rows. A column that was empty there is so here, whatever it holds.

    Raises
    ------
    InputError : a column is of another kind than in training, or has infinite values.
    """
    columns: dict[str, Any] = {}
    for i, (name, kind) in enumerate(kinds.items()):
        given = frame.iloc[:, i]
        if kind == "empty" or given.isna().all():
            columns[name] = np.full(len(frame), None if kind == "text" else np.nan)
            continue
        if (found := _kind(given, name)) != kind:
            raise InputError(
                f"a feature holds {_word(found)}, and held {_word(kind)} when the model was fitted",
                where=f"X, {name}",
                fix="make X by the same recipe as for the fit",
            )
        columns[name] = _text(given) if kind == "text" else _number(given, name)
    return pd.DataFrame(columns, index=frame.index)


def _kind(given: pd.Series[Any], name: str) -> Kind:
    if given.isna().all():
        return "empty"
    if isinstance(given.dtype, pd.CategoricalDtype):
        return "text"
    column = given.infer_objects()
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_any_real_numeric_dtype(column):
        return "number"
    known = column.astype(object).dropna()
    if known.map(lambda value: isinstance(value, str)).all():
        return "text"
    if column.dtype == object and known.map(_is_real).all():
        return "number"
    if np.iscomplexobj(column):
        raise InputError("Complex data not supported", where=f"X, {name}", fix="give real numbers")
    raise InputTypeError(
        "a feature holds neither numbers only nor text only: an argument must be a string or a "
        "real number",
        where=f"X, {name}",
        fix="make it one of the two; dates have to become numbers first",
    )


def _is_real(value: object) -> bool:
    """Tell whether a value is a number, True and False among them."""
    return pd.api.types.is_number(value) and not isinstance(value, complex)


def _number(given: pd.Series[Any], name: str) -> Floats:
    column = given.infer_objects()
    if column.dtype == object:
        column = column.where(column.notna(), np.nan).astype(float)
    values = np.asarray(column.astype("Float64").to_numpy(float, na_value=np.nan), dtype=float)
    if np.isinf(values).any():
        raise InputError("a feature has infinite values", where=f"X, {name}")
    return values


def _text(given: pd.Series[Any]) -> Any:
    text = given.astype(object).map(group_label, na_action="ignore")
    return text.where(text.notna(), None).to_numpy(object)


def _word(kind: Kind) -> str:
    match kind:
        case "number":
            return "numbers"
        case "text":
            return "text"
        case "empty":
            return "nothing"
    assert_never(kind)


def _plain(encoded: Any) -> pd.DataFrame:
    frame = encoded if isinstance(encoded, pd.DataFrame) else pd.DataFrame(np.asarray(encoded))
    return frame.set_axis([_term(str(name)) for name in frame], axis=1)


def _term(name: str) -> str:
    """Return the name of an encoded column, alike for gaps in numbers and in text."""
    if name.endswith(f"_{_GAP}"):
        return _MISSING + name.removesuffix(f"_{_GAP}")
    if name.startswith("missingindicator_"):
        return _MISSING + name.removeprefix("missingindicator_")
    return name
