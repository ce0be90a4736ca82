"""Which rows belong to which group, and what an effect of the group acts on.

A term has one effect for each of its groups: on the log hazard itself (an intercept), or on it
times a column (a slope). The effects of a term are normal around 0 with a standard deviation of the
term's own, which has a half-normal prior. Terms are independent, also the intercept and the slope
of one grouping: a slope's column should be centred, so that this is no strong assumption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.rows import read_numbers, refuse_rows

INTERCEPT_SCALE = 0.5
"""Default scale of the half-normal prior of the standard deviation between groups. At 0.5 that is
below 0.98 with 95 % probability; groups one such deviation apart differ 1.65-fold in hazard."""
SLOPE_SCALE = 0.25
"""The same for slopes, per unit of the column: for a standardised one half the intercepts'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTerm:
    """Groups of n rows, and the column that their effects multiply.

    Attributes
    ----------
    name : of the term; terms of one fit have different names.
    labels : (g,) of the groups, distinct.
    codes : (n,) int positions in `labels`; -1 = a group that the fit has not seen (new rows only).
    column : (n,) of a slope; None = an intercept.
    scale : of the half-normal prior of the effects' standard deviation, > 0.
    """

    name: str
    labels: tuple[str, ...]
    codes: Ints
    column: Floats | None = None
    scale: float = INTERCEPT_SCALE


@dataclass(frozen=True, slots=True, kw_only=True)
class TermGroups:
    """What a fit keeps of a term: no rows.

    Attributes
    ----------
    name, labels, scale : as in `RandomTerm`.
    slope : whether the effects multiply a column.
    """

    name: str
    labels: tuple[str, ...]
    slope: bool
    scale: float


def random_term(
    name: str,
    groups: Iterable[object],
    column: npt.ArrayLike | None = None,
    *,
    scale: float | None = None,
    labels: tuple[str, ...] | None = None,
) -> RandomTerm:
    """Make a term of the group of each row.

    Parameters
    ----------
    name : of the term.
    groups : (n,) labels without missing ones; told apart by their text.
    column : (n,) of a slope; None = an intercept.
    scale : of the half-normal prior; default `INTERCEPT_SCALE` or `SLOPE_SCALE`.
    labels : those of the fit, for new rows: others become -1. Default the distinct ones, sorted.

    Raises
    ------
    InputError : a label is missing; column is not n finite numbers; scale is not above 0.
    """
    where = f"term {name}"
    given = list(groups)
    refuse_rows(np.array([_missing(each) for each in given], dtype=bool), "no group", where)
    texts = [str(each) for each in given]
    known = tuple(sorted(set(texts))) if labels is None else labels
    place = {label: code for code, label in enumerate(known)}
    term = RandomTerm(
        name=name,
        labels=known,
        codes=np.array([place.get(text, -1) for text in texts], dtype=np.int64),
        column=None if column is None else read_numbers(column, "column", where),
        scale=(INTERCEPT_SCALE if column is None else SLOPE_SCALE) if scale is None else scale,
    )
    check_terms([term], len(given), seen=labels is None)
    return term


def check_terms(terms: Sequence[RandomTerm], n: int, *, seen: bool) -> None:
    """Raise InputError where terms are not of n rows, or, if all must be `seen`, a code is -1."""
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise InputError("two terms have one name", where="terms")
    for term in terms:
        where, g = f"term {term.name}", len(term.labels)
        codes = np.asarray(term.codes)
        if codes.shape != (n,) or not np.issubdtype(codes.dtype, np.integer):
            raise InputError(f"codes must be {n} whole numbers", where=where)
        if len(set(term.labels)) < g or g == 0:
            raise InputError("labels must be distinct, and one at least", where=where)
        refuse_rows((codes < -1) | (codes >= g), f"a code is none of {g} labels", where)
        if seen:
            refuse_rows(codes == -1, "no group", where)
        if term.column is not None:
            column = np.asarray(term.column)
            if column.shape != (n,):
                raise InputError(f"the column of a slope must be {n} numbers", where=where)
            refuse_rows(~np.isfinite(column), "the column is missing or infinite", where)
        if not 0 < term.scale < np.inf:
            raise InputError("the scale of the prior must be above 0", where=where)


def groups_of(term: RandomTerm) -> TermGroups:
    """Return what a fit keeps of a term."""
    return TermGroups(
        name=term.name,
        labels=term.labels,
        slope=term.column is not None,
        scale=float(term.scale),
    )


def group_columns(terms: Sequence[RandomTerm], n: int) -> Floats:
    """Return (n, g1 + g2 + ...) what each effect multiplies; 0 for a group that is not seen."""
    blocks = [np.zeros((n, 0))]
    for term in terms:
        block = np.zeros((n, len(term.labels)))
        rows = np.flatnonzero(term.codes >= 0)
        block[rows, term.codes[rows]] = 1.0 if term.column is None else term.column[rows]
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _missing(label: object) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither equal nor unequal to itself
        return True
