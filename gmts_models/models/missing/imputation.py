"""Frames with gaps, as columns of numbers for imputation, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import Kind, column_kinds, prepare_columns
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.missing.chained import Chain, impute_chained, potential_scale_reduction
from gmts_models.stats.missing.new_rows import Equations, Keys, Variable, impute_new_rows

MOST_LABELS = 30
"""Labels of a category that have a column of their own in the matrix; rarer ones share one."""

GAP, OTHER = "(missing)", "(other)"
"""Columns of the matrix for gaps that stay, and for the rarer labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one column of a frame lies in the matrix that is imputed.

    Attributes
    ----------
    name : of the column.
    text : whether it holds labels.
    labels : of its columns in the matrix: ("",) for a number.
    rest : the most common of the labels that share `OTHER`, or None.
    imputed : whether its gaps are filled. If not, they are a label of their own, and of a number
        the mean and an indicator, which help to explain the others.
    variable : where it lies, and what values it may have.
    """

    name: str
    text: bool
    labels: tuple[str, ...]
    rest: str | None
    imputed: bool
    variable: Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the columns of a frame lie in the matrix that is imputed.

    Attributes
    ----------
    kinds : of each column of the frame.
    parts : the columns that have a value.
    centre, spread : (p,) mean and standard deviation of the values seen.
    """

    kinds: Mapping[str, Kind]
    parts: tuple[Part, ...]
    centre: Floats
    spread: Floats

    @property
    def imputed(self) -> tuple[Part, ...]:
        """(b,) the columns of the frame whose gaps are filled."""
        return tuple(part for part in self.parts if part.imputed)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """(b,) where they lie."""
        return tuple(part.variable for part in self.imputed)

    @property
    def terms(self) -> list[tuple[str, str]]:
        """(p,) column of the frame, and label, of each column of the matrix."""
        return [(part.name, label) for part in self.parts for label in part.labels]


def lay_out(frame: pd.DataFrame, columns: Sequence[str] | None = None) -> Layout:
    """Learn from the training rows how their columns lie in a matrix.

    Parameters
    ----------
    frame : (n, q) training rows.
    columns : whose gaps are filled; None for all.

    Raises
    ------
    InputError : as `column_kinds` and `prepare_columns`, or X has no such column.
    """
    kinds = column_kinds(frame)
    prepared = prepare_columns(frame, kinds)
    if absent := [str(name) for name in columns or () if str(name) not in kinds]:
        raise InputError(
            f"X has no column {absent[0]!r} to impute", where="columns", fix="name columns of X"
        )
    wanted = set(kinds) if columns is None else {str(name) for name in columns}
    parts: list[Part] = []
    raws, at = [np.empty((len(frame), 0))], 0
    for name, kind in kinds.items():
        if kind == "empty":
            continue
        text, fill = kind == "text", name in wanted
        labels, rest = _labels(prepared[name], text=text, fill=fill)
        raw = _columns(prepared[name], text, labels, rest)
        place = np.arange(at, at := at + len(labels))
        variable = _variable(raw, place, category=text and len(labels) > 1)
        raws.append(raw)
        parts.append(
            Part(name=name, text=text, labels=labels, rest=rest, imputed=fill, variable=variable)
        )
    every = np.concatenate(raws, axis=1)
    centre, spread = _moments(every)
    return Layout(kinds=kinds, parts=tuple(parts), centre=centre, spread=spread)


def to_matrix(layout: Layout, prepared: pd.DataFrame) -> tuple[Floats, Bools]:
    """Return (n, p) standardised columns and (n, b) gaps to fill of a prepared frame.

    A label that was not seen in training is no gap; its columns are at their means, which say
    nothing. So are the gaps.
    """
    raw = [np.empty((len(prepared), 0))]
    raw += [
        _columns(prepared[part.name], part.text, part.labels, part.rest) for part in layout.parts
    ]
    values = (np.concatenate(raw, axis=1) - layout.centre) / layout.spread
    missing = prepared[[part.name for part in layout.imputed]].isna().to_numpy()
    return np.where(np.isnan(values), 0.0, values), missing


def impute_frames(
    layout: Layout,
    frame: pd.DataFrame,
    given: Floats,
    rngs: Sequence[np.random.Generator],
    *,
    iterations: int,
    nearest: int,
) -> Iterator[tuple[pd.DataFrame, Chain]]:
    """Give the training rows completed, once for each generator of random numbers."""
    prepared = prepare_columns(frame, layout.kinds)
    values, missing = to_matrix(layout, prepared)
    blocks = [each.columns for each in layout.variables]
    for rng in rngs:
        chain = impute_chained(
            values, blocks, missing, given, iterations=iterations, nearest=nearest, rng=rng
        )
        completed = prepared.copy()
        for part, gaps, donors in zip(layout.imputed, missing.T, chain.donors, strict=True):
            if gaps.any():
                column = prepared[part.name].to_numpy(copy=True)
                column[gaps] = column[donors]
                completed[part.name] = column
        yield completed.set_axis(frame.columns, axis=1), chain


def complete_new_rows(
    layout: Layout, frame: pd.DataFrame, equations: Equations, salt: int, *, iterations: int
) -> pd.DataFrame:
    """Return new rows with their gaps drawn; a row's draws follow from what it holds and `salt`."""
    prepared = prepare_columns(frame, layout.kinds)
    values, missing = to_matrix(layout, prepared)
    if missing.any():
        keys = row_keys(prepared) ^ np.uint64(salt)
        drawn = impute_new_rows(values, missing, equations, keys, iterations=iterations)
        raw = drawn * layout.spread + layout.centre
        for part, gaps in zip(layout.imputed, missing.T, strict=True):
            if gaps.any():
                column = prepared[part.name].to_numpy(copy=True)
                column[gaps] = _values(layout, part, raw[gaps])
                prepared[part.name] = column
    return prepared.set_axis(frame.columns, axis=1)


def row_keys(prepared: pd.DataFrame) -> Keys:
    """Return (n,) a number for each row that depends on its values alone."""
    numbers = prepared.select_dtypes("number").columns
    same = prepared.assign(**{name: prepared[name] + 0.0 for name in numbers})  # -0.0 is 0.0
    return np.asarray(pd.util.hash_pandas_object(same, index=False), dtype=np.uint64)


def convergence_table(layout: Layout, missing: Bools, traces: Floats) -> pd.DataFrame:
    """Return a row a column with gaps: column, missing, share_missing, r_hat.

    `r_hat` is the largest of the column's labels.
    """
    r_hat = potential_scale_reduction(traces)
    rows = [
        {
            "column": part.name,
            "missing": int(gaps.sum()),
            "share_missing": float(gaps.mean()),
            "r_hat": float(np.max(r_hat[part.variable.columns])),
        }
        for part, gaps in zip(layout.imputed, missing.T, strict=True)
        if gaps.any()
    ]
    return pd.DataFrame(rows, columns=["column", "missing", "share_missing", "r_hat"])


def trace_table(layout: Layout, traces: Floats) -> pd.DataFrame:
    """Return the mean of the imputed values by imputation, iteration, column and label.

    Parameters
    ----------
    traces : (m, t, p) on the standardised scale; the frame has them as the columns were, and for
        labels their shares.
    """
    raw = traces * layout.spread + layout.centre
    m, t, p = traces.shape
    imputation, iteration, column = np.unravel_index(np.arange(m * t * p), (m, t, p))
    terms = layout.terms
    table = pd.DataFrame(
        {
            "imputation": imputation,
            "iteration": iteration + 1,
            "column": [terms[i][0] for i in column],
            "label": [terms[i][1] for i in column],
            "mean": raw.ravel(),
        }
    )
    return table.dropna(subset=["mean"]).reset_index(drop=True)


def _labels(
    column: pd.Series[Any], *, text: bool, fill: bool
) -> tuple[tuple[str, ...], str | None]:
    """Return the labels of a column's place in the matrix, and what `OTHER` stands for."""
    stays = (GAP,) if not fill and column.isna().any() else ()
    if not text:
        return ("", *stays), None
    count = Counter(column.dropna())
    if len(count) <= MOST_LABELS:
        return (*sorted(count), *stays), None
    common = sorted(count, key=lambda label: (-count[label], label))
    rest = common[MOST_LABELS - 1]
    return (*sorted(common[: MOST_LABELS - 1]), OTHER, *stays), rest


def _columns(
    column: pd.Series[Any], text: bool, labels: tuple[str, ...], rest: str | None
) -> Floats:
    """Return (n, q) a number or indicators of labels; NaN in gaps and for labels not known."""
    gap, stays = column.isna().to_numpy(), labels[-1] == GAP and len(labels) > 1
    if not text:
        number = column.to_numpy(float)[:, None]
        return np.concatenate([number, gap[:, None]], axis=1) if stays else number
    own = labels[:-1] if stays else labels
    code = pd.Index(own if rest is None else own[:-1]).get_indexer(pd.Index(column, dtype=object))
    if rest is not None:
        code = np.where((code < 0) & ~gap, len(own) - 1, code)
    if stays:
        code = np.where(gap, len(own), code)
    indicators = (code[:, None] == np.arange(len(labels))).astype(float)
    indicators[code < 0] = np.nan
    return np.asarray(indicators, dtype=float)


def _moments(raw: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of what is seen; the latter is 1 where nothing varies."""
    if not raw.shape[1]:
        return np.empty(0), np.empty(0)
    centre, spread = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(centre), 1)
    return centre, np.where(varies, spread, 1.0)


def _variable(raw: Floats, place: Ints, *, category: bool) -> Variable:
    centre, spread = _moments(raw)
    low, high = (
        (np.nanmin(raw, axis=0) - centre) / spread,
        (np.nanmax(raw, axis=0) - centre) / spread,
    )
    step, seen = 0.0, np.unique(raw[~np.isnan(raw[:, 0]), 0])
    if not category and len(seen) == 2:
        step = float(high[0] - low[0])
    elif not category and (seen == np.round(seen)).all():
        step = float(1 / spread[0])
    return Variable(columns=place, low=low, high=high, step=step, category=category)


def _values(layout: Layout, part: Part, raw: Floats) -> npt.NDArray[Any]:
    """Return the values of one column of the frame that rows of the matrix stand for."""
    own = raw[:, part.variable.columns]
    if part.text:
        words = [part.rest if label == OTHER and part.rest else label for label in part.labels]
        return np.asarray(np.array(words, dtype=object)[np.argmax(own, axis=1)])
    if not part.variable.step:
        return np.asarray(own[:, 0])
    at = int(part.variable.columns[0])
    low = float(part.variable.low[0] * layout.spread[at] + layout.centre[at])
    step = float(part.variable.step * layout.spread[at])
    return np.asarray(low + np.round((own[:, 0] - low) / step) * step)
