"""Which rows follow each other: the stays that people are under observation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.outcome import Ints, Outcome


def stays_of(y: Outcome, model: str) -> Ints:
    """Return (n,) codes of stays: the rows of one follow each other without a gap.

    A person has a stay for each stretch of observation, and for each clock that rows are timed by,
    as where they have several prediction dates.

    Raises
    ------
    InputError : stretches of several clocks lie over each other, so that it is not clear which row
        follows which.
    """
    if y.ids is None:
        return np.arange(len(y))
    order = np.lexsort((y.exit, y.entry, y.ids))
    ids, entry, exit_ = y.ids[order], y.entry[order], y.exit[order]
    goes_on = (y.event[order] == 0) & (exit_ > 0)
    follows = np.r_[False, (ids[1:] == ids[:-1]) & (entry[1:] == exit_[:-1]) & goes_on[:-1]]
    ends = pd.MultiIndex.from_arrays([ids[goes_on], exit_[goes_on]])
    could = pd.MultiIndex.from_arrays([ids, entry]).isin(ends) & (entry > 0)
    if (could & ~follows).any():
        raise InputError(
            f"{int((could & ~follows).sum())} rows of people could follow several others",
            where=f"{model}, y",
            fix="give the rows of each prediction date their own ids",
        )
    stays = np.empty(len(y), dtype=np.int64)
    stays[order] = np.cumsum(~follows) - 1
    return stays
