"""From X to what fits of hazards take: standardised columns, and codes of strata."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, get_args

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import group_label
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.risk_sums import Ties

_NO_LABEL = "(missing)"
"""The stratum of those whose label is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxDesign:
    """How X becomes columns and strata.

    Attributes
    ----------
    design : of all columns but the strata's.
    strata : name of the column; None for one stratum.
    labels : (s,) of the strata, in the order of their codes.
    """

    design: Design
    strata: str | None
    labels: tuple[str, ...]


def fit_cox_design(
    frame: pd.DataFrame, weight: Floats | None, *, strata: Any, encoder: Any, model: str
) -> tuple[CoxDesign, Floats, Ints]:
    """Learn columns and strata from the training rows.

    Parameters
    ----------
    frame, weight, encoder : as for `fit_design`.
    strata : column of the frame whose labels are strata, or None.
    model : its name, for errors.

    Returns
    -------
    The design, the (n, p) standardised matrix, and the (n,) codes of the strata.

    Raises
    ------
    InputError : there is no such column, or no other; or as `fit_design`.
    FitError : as `fit_design`.
    """
    if strata is not None:
        _check_column(frame, strata, f"{model}(strata=...)")
        if frame.shape[1] == 1:
            raise InputError(
                "X has no column beside the strata, so there is nothing to model",
                where="X",
                fix=f"KaplanMeier(by={strata!r}) estimates each stratum by itself",
            )
    labels = _labels(frame, strata)
    covariates = frame if strata is None else frame.drop(columns=strata)
    design, matrix = fit_design(encoder, covariates, weight)
    learned = CoxDesign(design=design, strata=strata, labels=tuple(sorted(set(labels))))
    return learned, matrix, _codes(labels, learned)


def apply_cox_design(learned: CoxDesign, frame: pd.DataFrame) -> tuple[Floats, Ints]:
    """Return the (n, p) matrix and the (n,) codes of the strata of new rows.

    Raises
    ------
    InputError : a stratum was not in training; or as `apply_design`.
    """
    labels = _labels(frame, learned.strata)
    if unseen := set(labels) - set(learned.labels):
        raise InputError(
            f"{len(unseen)} strata were not in the training rows, so their hazard is unknown",
            where=f"X, {learned.strata}",
            fix="use the column as an attribute instead of a stratum",
        )
    covariates = frame if learned.strata is None else frame.drop(columns=learned.strata)
    return apply_design(learned.design, covariates), _codes(labels, learned)


def label_codes(frame: pd.DataFrame, column: Any, where: str) -> Ints:
    """Return (n,) codes of the labels of a column, 0 where `column` is None.

    Raises
    ------
    InputError : there is no such column.
    """
    if column is not None:
        _check_column(frame, column, where)
    return np.unique(_labels(frame, column), return_inverse=True)[1].astype(np.int64)


def _check_column(frame: pd.DataFrame, column: Any, where: str) -> None:
    if not isinstance(column, str) or column not in frame:
        raise InputError(
            f"X has no column {column!r}", where=where, fix="name one column of X, or say None"
        )


def check_penalty(alpha: Any, model: str) -> float:
    """Return a ridge penalty, or raise InputError where it is none."""
    if not isinstance(alpha, Real) or not 0 <= float(alpha) < np.inf:
        raise InputError("alpha must be a number, at least 0", where=f"{model}(alpha=...)")
    return float(alpha)


def check_ties(ties: Any, model: str) -> None:
    """Raise InputError where there is no such method for ties."""
    if ties not in get_args(Ties):
        raise InputError('ties must be "efron" or "breslow"', where=f"{model}(ties=...)")


def ridge(alpha: float, terms: int) -> Floats | None:
    """Return the (p,) diagonal of a ridge penalty; None for none."""
    return np.full(terms, alpha) if alpha else None


def _labels(frame: pd.DataFrame, strata: str | None) -> list[str]:
    if strata is None:
        return ["all"] * len(frame)
    values = frame[strata]
    return [
        _NO_LABEL if gap else group_label(value)
        for value, gap in zip(values, values.isna(), strict=True)
    ]


def _codes(labels: list[str], learned: CoxDesign) -> Ints:
    code = {label: number for number, label in enumerate(learned.labels)}
    return np.array([code[label] for label in labels], dtype=np.int64)
