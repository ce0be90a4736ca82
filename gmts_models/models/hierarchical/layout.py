"""Which columns of X name groups, which have slopes, and which are attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.errors import FitError, InputError
from gmts_models.models.encoding import Kind, column_kinds, prepare_columns
from gmts_models.models.hierarchical.groups import by_columns, group_labels, require_columns
from gmts_models.outcome import Floats
from gmts_models.stats.hierarchy.terms import RandomTerm, random_term


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A column whose effect differs between groups.

    Attributes
    ----------
    column : of X.
    kind : "number" (flags too), or "text": then each pair of a group and a label has an effect.
    centre, spread : mean and standard deviation of numbers in the training rows; 0 and 1 of text.
    """

    column: str
    kind: Kind
    centre: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a hierarchical model takes from which column.

    Attributes
    ----------
    by : columns that name the group together.
    crossed : columns that each name a group of their own.
    slopes : by group of `by`.
    scale : of the half-normal prior of the groups' standard deviation; slopes have half of it.
    """

    by: tuple[str, ...]
    crossed: tuple[str, ...]
    slopes: tuple[Slope, ...]
    scale: float

    @property
    def main(self) -> str:
        """Name of the term of `by`."""
        return " | ".join(self.by)

    def attributes(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that name no group."""
        return frame.drop(columns=[*self.by, *self.crossed])

    def units(self) -> tuple[float, ...]:
        """Return (k,) by term, in how many units of its column its effects are stated."""
        return tuple(1.0 for _ in (self.by, *self.crossed)) + tuple(s.spread for s in self.slopes)


def lay_out(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    slopes: str | Sequence[str],
    crossed: str | Sequence[str],
    scale: float,
    weight: Floats | None,
    model: str,
) -> Layout:
    """Find the columns of training rows, and centre and spread of the slopes'.

    Raises
    ------
    InputError : a column is not there, is named in two roles, or holds neither numbers nor text.
    FitError : a slope's column does not vary.
    """
    groups = by_columns(by, f"{model}(by=...)")
    others = _optional(crossed, f"{model}(crossed=...)")
    sloped = _optional(slopes, f"{model}(slopes=...)")
    require_columns(frame, groups, f"{model}(by=...)")
    require_columns(frame, others, f"{model}(crossed=...)")
    require_columns(frame, sloped, f"{model}(slopes=...)")
    if twice := {*groups, *others} & {*sloped} | {*groups} & {*others}:
        raise InputError(
            "a column is named in two roles",
            where=f"{model}, {', '.join(sorted(twice))}",
            fix="name each column in one of by, slopes and crossed",
        )
    column_kinds(frame[[*groups, *others]])
    return Layout(
        by=tuple(groups),
        crossed=tuple(others),
        slopes=tuple(_slope(frame, name, weight, f"{model}(slopes=...)") for name in sloped),
        scale=scale,
    )


def random_terms(
    layout: Layout,
    frame: pd.DataFrame,
    labels: Sequence[tuple[str, ...]] | None = None,
) -> list[RandomTerm]:
    """Return the terms of rows: of `by`, of each crossed column, of each slope.

    Parameters
    ----------
    labels : (k,) those of the fit, for new rows.
    """
    known: Sequence[tuple[str, ...] | None] = labels or [None] * (
        1 + len(layout.crossed) + len(layout.slopes)
    )
    main = group_labels(frame, layout.by)
    terms = [random_term(layout.main, main, scale=layout.scale, labels=known[0])]
    for i, name in enumerate(layout.crossed, start=1):
        own = group_labels(frame, [name])
        terms.append(random_term(name, own, scale=layout.scale, labels=known[i]))
    for i, slope in enumerate(layout.slopes, start=len(terms)):
        name, half = f"{slope.column} by {layout.main}", layout.scale / 2
        if slope.kind == "text":
            pairs = group_labels(frame, [*layout.by, slope.column])
            terms.append(random_term(name, pairs, scale=half, labels=known[i]))
        else:
            column = _scaled(frame, slope)
            terms.append(random_term(name, main, column, scale=half, labels=known[i]))
    return terms


def _optional(given: str | Sequence[str], where: str) -> list[str]:
    return by_columns(given, where) if isinstance(given, str) or len(given) else []


def _slope(frame: pd.DataFrame, name: str, weight: Floats | None, where: str) -> Slope:
    kind = column_kinds(frame[[name]])[str(name)]
    if kind == "text":
        return Slope(column=name, kind=kind, centre=0.0, spread=1.0)
    values = prepare_columns(frame[[name]], {name: kind})[name].to_numpy(float)
    seen = np.isfinite(values)
    share = (np.ones(len(values)) if weight is None else weight) * seen
    total = share.sum()
    if total <= 1:
        raise _no_slope(name, where)
    centre = float(share[seen] @ values[seen] / total)
    spread = float(np.sqrt(share[seen] @ np.square(values[seen] - centre) / (total - 1)))
    if not spread > 1e-10 * max(abs(centre), 1.0):
        raise _no_slope(name, where)
    return Slope(column=name, kind=kind, centre=centre, spread=spread)


def _no_slope(name: str, where: str) -> FitError:
    return FitError(
        "a column does not vary, so its effect cannot differ between groups",
        where=f"{where}, {name}",
        fix="leave it out of slopes",
    )


def _scaled(frame: pd.DataFrame, slope: Slope) -> Floats:
    """Return a slope's column, standardised; a gap is at the mean."""
    values = prepare_columns(frame[[slope.column]], {slope.column: slope.kind})
    scaled = (values[slope.column].to_numpy(float) - slope.centre) / slope.spread
    return np.nan_to_num(scaled, nan=0.0)
