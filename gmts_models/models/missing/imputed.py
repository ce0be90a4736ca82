"""Completed data sets, for analyses of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import prepare_columns
from gmts_models.models.missing.imputation import (
    convergence_table,
    impute_frames,
    lay_out,
    to_matrix,
    trace_table,
)
from gmts_models.models.protocol import as_frame, check_rows
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.missing.outcome_columns import outcome_columns


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Imputed:
    """Completed data sets.

    Attributes
    ----------
    frames : m frames of n rows; flags and numbers as floats, text as objects. A column without
        any value, or not to be imputed, keeps its gaps.
    convergence : a row a column with gaps: column, missing, share_missing, r_hat (1 = the chains
        have mixed; above 1.2 they have not).
    traces : imputation, iteration, column, label, mean of the imputed values.
    """

    frames: tuple[pd.DataFrame, ...]
    convergence: pd.DataFrame
    traces: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the convergence by column."""
        return self.convergence

    def __repr__(self) -> str:
        return f"Imputed(m={len(self.frames)}, n={len(self.frames[0])})"


def impute(
    X: pd.DataFrame,
    y: Outcome | None,
    *,
    m: int = 20,
    iterations: int = 10,
    donors: int = 5,
    seed: int = 0,
    columns: Sequence[str] | None = None,
    by_cause: bool = False,
) -> Imputed:
    """Complete a frame m times by chained equations and predictive mean matching.

    Parameters
    ----------
    X : (n, p) numbers, flags and text with gaps.
    y : its outcome, which belongs to the explanation of what is missing wherever effects on it
        are estimated; None leaves it out.
    m, iterations, donors, seed, columns : as for `MultipleImputation`.
    by_cause : whether each cause of leaving helps to explain by itself, for models of causes.

    Raises
    ------
    InputError : no rows, or a parameter is no whole number in its range.
    """
    frame = as_frame(X) if y is None else check_rows(X, y)
    if not len(frame):
        raise InputError("there are no rows to complete", where="impute, X")
    check_counts("impute", m=(m, 2), iterations=(iterations, 4), donors=(donors, 1), seed=(seed, 0))
    layout = lay_out(frame, columns)
    given = explaining(frame, y, by_cause=by_cause)
    rngs = np.random.default_rng(seed).spawn(m)
    done = list(impute_frames(layout, frame, given, rngs, iterations=iterations, nearest=donors))
    missing = to_matrix(layout, prepare_columns(frame, layout.kinds))[1]
    traces = np.array([chain.trace for _, chain in done])
    return Imputed(
        frames=tuple(completed for completed, _ in done),
        convergence=convergence_table(layout, missing, traces),
        traces=trace_table(layout, traces),
    )


def explaining(frame: pd.DataFrame, y: Outcome | None, *, by_cause: bool) -> Floats:
    """Return (n, r) columns of the outcome that help to explain what is missing in a frame."""
    if y is None:
        return np.empty((len(frame), 0))
    return outcome_columns(y.entry, y.exit, y.event if by_cause else y.left.astype(np.int64))


def check_counts(where: str, **counts: tuple[Any, int]) -> None:
    """Raise InputError where a value is no whole number of at least so many, by name."""
    for name, (value, least) in counts.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise InputError(
                f"{name} must be a whole number, at least {least}", where=f"{where}({name}=...)"
            )
