"""Disclosure control of published counts: small cells are suppressed, never shown.

The rule, stated once: a count from 1 to threshold - 1 is replaced by a missing value, printed
as ``SUPPRESSED``; 0 is shown, since it names nobody, unless the caller says that it does. Where
cells add up to a published total, the smallest of the others go too, until the hidden ones cannot
be had by subtraction: at least two, and together well above their least possible sum. What is
published of groups hides a group everywhere or nowhere.

Not controlled are differences between successive numbers at risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError

DEFAULT_THRESHOLD = 5
SUPPRESSED = "*"


def check_threshold(threshold: int) -> int:
    """Return `threshold`, or raise InputError where it is not an integer >= 1."""
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 1:
        raise InputError(
            "the disclosure threshold must be a whole number of at least 1",
            where="threshold",
            fix="5 is the default; 1 publishes every count",
        )
    return threshold


def is_small(counts: pd.Series[Any], threshold: int = DEFAULT_THRESHOLD) -> pd.Series[bool]:
    """Tell which counts may not be shown: from 1 to `threshold` - 1."""
    return (counts > 0) & (counts < check_threshold(threshold))


def suppress_counts(
    counts: pd.Series[Any],
    threshold: int = DEFAULT_THRESHOLD,
    *,
    total_published: bool = False,
    also: Any = False,
) -> pd.Series[float]:
    """Replace small counts by missing values.

    Parameters
    ----------
    counts : (k,) non-negative counts.
    threshold : smallest count that may be shown, from 1 on.
    total_published : whether the sum of `counts` is shown too. Then the smallest of the others go
        with the small ones, until their sum tells none of them.
    also : (k,) bool, cells to hide for other reasons.

    Returns
    -------
    (k,) float Series, NaN where suppressed.
    """
    hidden = is_small(counts, threshold) | also
    while total_published and _tells(counts[hidden], threshold):
        others = counts[~hidden & (counts > 0)]
        if not len(others):
            break
        hidden = hidden | (hidden.index == others.idxmin())
    return counts.astype(float).mask(hidden)


def _tells(hidden: pd.Series[Any], threshold: int) -> bool:
    """Whether the sum of hidden counts gives one of them away, or nearly."""
    people = hidden[hidden > 0]
    return len(people) > 0 and (len(people) < 2 or people.sum() - len(people) < threshold)


def suppress_rows(
    frame: pd.DataFrame,
    count: str,
    columns: Sequence[str],
    threshold: int = DEFAULT_THRESHOLD,
) -> pd.DataFrame:
    """Blank `columns` in the rows whose count is under the threshold (0 included).

    Statistics of no or a few people describe those people, so here 0 is hidden as well.
    """
    check_threshold(threshold)
    small = frame[count].fillna(0) < threshold
    result = frame.copy()
    for column in columns:
        result[column] = result[column].astype(float).mask(small)
    return result


def show_count(value: float) -> str:
    """Print a count; a suppressed one as `SUPPRESSED`."""
    return SUPPRESSED if np.isnan(value) else f"{int(value):,}"
