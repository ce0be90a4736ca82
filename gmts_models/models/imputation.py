"""Frames with gaps, as columns of numbers for imputation, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.models.encoding import Kind, column_kinds, prepare_columns
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.missing.chained import Chain, impute_chained, potential_scale_reduction
from gmts_models.stats.missing.new_rows import Equations, Keys, Variable, impute_new_rows

MOST_LABELS = 30
"""Labels of a category that have a column of their own when it is imputed; rarer ones share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the columns of a frame lie in the matrix that is imputed.

    Attributes
    ----------
    kinds : of each column of the frame.
    names : (b,) the columns that have a value.
    variables : (b,) where they lie.
    labels : (b,) labels of each text column, one a column of the matrix; () for a number. Where
        `rest` is not None the last stands for all rarer ones.
    rest : (b,) the most common of the rarer labels, or None.
    centre, spread : (p,) mean and standard deviation of the values seen.
    """

    kinds: Mapping[str, Kind]
    names: tuple[str, ...]
    variables: tuple[Variable, ...]
    labels: tuple[tuple[str, ...], ...]
    rest: tuple[str | None, ...]
    centre: Floats
    spread: Floats

    @property
    def terms(self) -> list[tuple[str, str]]:
        """(p,) column of the frame and label ("" for a number) of each column of the matrix."""
        return [
            (name, label)
            for name, labels in zip(self.names, self.labels, strict=True)
            for label in labels or ("",)
        ]


def lay_out(frame: pd.DataFrame) -> Layout:
    """Learn from the training rows how their columns lie in a matrix.

    Raises
    ------
    InputError : as `column_kinds` and `prepare_columns`.
    """
    kinds = column_kinds(frame)
    prepared = prepare_columns(frame, kinds)
    names = tuple(name for name, kind in kinds.items() if kind != "empty")
    labels, rest, parts, at = [], [], [], 0
    for name in names:
        own, other = _labels(prepared[name]) if kinds[name] == "text" else ((), None)
        labels.append(own)
        rest.append(other)
        parts.append(np.arange(at, at + max(len(own), 1)))
        at = int(parts[-1][-1]) + 1
    raw = _matrix(prepared, names, labels, rest)
    centre = np.nanmean(raw, axis=0) if len(names) else np.empty(0)
    spread = np.nanstd(raw, axis=0) if len(names) else np.empty(0)
    spread = np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1), spread, 1.0)
    variables = [
        _variable((raw[:, part] - centre[part]) / spread[part], part, raw[:, part], spread[part])
        for part in parts
    ]
    return Layout(
        kinds=kinds,
        names=names,
        variables=tuple(variables),
        labels=tuple(labels),
        rest=tuple(rest),
        centre=centre,
        spread=spread,
    )


def to_matrix(layout: Layout, prepared: pd.DataFrame) -> tuple[Floats, Bools]:
    """Return (n, p) standardised columns and (n, b) gaps of a prepared frame.

    A label that was not seen in training is no gap; its columns are at their means, which say
    nothing.
    """
    raw = _matrix(prepared, layout.names, layout.labels, layout.rest)
    missing = prepared[list(layout.names)].isna().to_numpy()
    values = (raw - layout.centre) / layout.spread
    for labels, variable in zip(layout.labels, layout.variables, strict=True):
        if labels:
            unseen = np.isnan(values[:, variable.columns[0]])
            values[np.ix_(np.flatnonzero(unseen), variable.columns)] = 0.0
    return values, missing


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
        for name, gaps, donors in zip(layout.names, missing.T, chain.donors, strict=True):
            if gaps.any():
                column = prepared[name].to_numpy(copy=True)
                column[gaps] = column[donors]
                completed[name] = column
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
        for b in np.flatnonzero(missing.any(axis=0)):
            gaps = missing[:, b]
            column = prepared[layout.names[b]].to_numpy(copy=True)
            column[gaps] = _values(layout, int(b), raw[gaps])
            prepared[layout.names[b]] = column
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
            "column": name,
            "missing": int(gaps.sum()),
            "share_missing": float(gaps.mean()),
            "r_hat": float(np.max(r_hat[variable.columns])),
        }
        for name, gaps, variable in zip(layout.names, missing.T, layout.variables, strict=True)
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


def _labels(column: pd.Series[Any]) -> tuple[tuple[str, ...], str | None]:
    count = Counter(column.dropna())
    if len(count) <= MOST_LABELS:
        return tuple(sorted(count)), None
    common = sorted(count, key=lambda label: (-count[label], label))
    rest = common[MOST_LABELS - 1]
    return (*sorted(common[: MOST_LABELS - 1]), "(other)"), rest


def _matrix(
    prepared: pd.DataFrame,
    names: Sequence[str],
    labels: Sequence[tuple[str, ...]],
    rest: Sequence[str | None],
) -> Floats:
    """Return (n, p) numbers and indicators of labels; NaN in gaps and for labels not known."""
    parts = [np.empty((len(prepared), 0))]
    for name, own, other in zip(names, labels, rest, strict=True):
        if not own:
            parts.append(prepared[name].to_numpy(float)[:, None])
            continue
        known = pd.Index(own if other is None else own[:-1])
        code = known.get_indexer(pd.Index(prepared[name], dtype=object))
        gap = prepared[name].isna().to_numpy()
        if other is not None:
            code = np.where((code < 0) & ~gap, len(own) - 1, code)
        part = (code[:, None] == np.arange(len(own))).astype(float)
        part[code < 0] = np.nan
        parts.append(part)
    return np.concatenate(parts, axis=1)


def _variable(values: Floats, columns: Ints, raw: Floats, spread: Floats) -> Variable:
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    step = 0.0
    if len(columns) == 1:
        seen = np.unique(raw[~np.isnan(raw)])
        if len(seen) == 2:
            step = float(high[0] - low[0])
        elif (seen == np.round(seen)).all():
            step = float(1 / spread[0])
    return Variable(columns=columns, low=low, high=high, step=step, category=len(columns) > 1)


def _values(layout: Layout, b: int, raw: Floats) -> npt.NDArray[Any]:
    """Return the values of one column of the frame that rows of the matrix stand for."""
    variable, labels, rest = layout.variables[b], layout.labels[b], layout.rest[b]
    part = raw[:, variable.columns]
    if labels:
        words = np.array([*labels[:-1], labels[-1] if rest is None else rest], dtype=object)
        return np.asarray(words[np.argmax(part, axis=1)])
    if not variable.step:
        return np.asarray(part[:, 0])
    low = float(variable.low[0] * layout.spread[variable.columns[0]]) + float(
        layout.centre[variable.columns[0]]
    )
    step = float(variable.step * layout.spread[variable.columns[0]])
    return np.asarray(low + np.round((part[:, 0] - low) / step) * step)
