"""New people of cause-specific fits, checked, and in parts of one stratum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.competing.absolute_risk import SurvivalForm
from gmts_models.stats.cox.baseline import CoxCurves
from gmts_models.stats.cox.prediction import new_rows, relative_hazard, tenure_of
from gmts_models.stats.options import check_option

_CELLS = 4_000_000
"""Numbers that one array of a part may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPeople:
    """X (n, p), strata (n,) codes, since (n,)."""

    X: Floats
    strata: Ints
    since: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some new people of one stratum.

    Attributes
    ----------
    stratum : its code. people : (b,) int.
    time : (k,) months at which anyone of the stratum leaves, from whatever cause.
    hazard : (b, c, k) of these people; 0 up to the time that they are known to have stayed.
    X : (b, p) columns less the centre of the first fit: of fits to the same rows, that of all.
    """

    stratum: int
    people: Ints
    time: Floats
    hazard: Floats
    X: Floats


def parts_of(
    curves: Sequence[CoxCurves], new: NewPeople, *, by_month: int, numbers: int = 0
) -> Iterator[Part]:
    """Give the new people with their hazards, some of one stratum at a time.

    Parameters
    ----------
    curves : of each cause. new : people.
    by_month, numbers : that the caller holds for each of them and month of leaving, and for each of
        them, so that there is room for those of a part.
    """
    centred = new.X - curves[0].centre
    for stratum in np.unique(new.strata):
        bases = [each.baselines[stratum] for each in curves]
        time = np.unique(np.concatenate([base.time for base in bases]))
        jumps = np.zeros((len(curves), len(time)))
        for c, base in enumerate(bases):
            jumps[c, np.searchsorted(time, base.time)] = np.diff(base.cumulative, prepend=0.0)
        members = np.flatnonzero(new.strata == stratum)
        block = max(1, _CELLS // max(1, numbers, by_month * len(time)))
        for people in np.split(members, range(block, len(members), block)):
            eta = np.stack(
                [(new.X[people] - each.centre) @ each.coefficients for each in curves], axis=1
            )
            # Whoever is known to have stayed for s months does not leave then; at 0 they may.
            ahead = (time > new.since[people, None]) | (new.since[people, None] == 0)
            yield Part(
                stratum=int(stratum),
                people=people,
                time=time,
                hazard=relative_hazard(eta)[:, :, None] * jumps * ahead[:, None],
                X=centred[people],
            )


def new_people(
    curves: Sequence[CoxCurves],
    X: npt.ArrayLike,
    strata: npt.ArrayLike | None,
    since: npt.ArrayLike | None,
    form: str,
) -> NewPeople:
    """Check new people; parameters and errors as of `predict_absolute_risk`."""
    check_option(form, get_args(SurvivalForm), "form", "cause_specific")
    rows = new_rows(curves[0], X, strata, None)
    tenure = tenure_of(since, len(rows.X))
    return NewPeople(X=np.asarray(X, dtype=float), strata=rows.strata, since=tenure)


def beyond(curves: CoxCurves, new: NewPeople, times: Floats) -> Bools:
    """Return (n, m): nobody of the stratum was observed so late (since included)."""
    last = np.array([base.last for base in curves.baselines])
    end = last[new.strata][:, None] * (1 + 1e-12)
    return np.asarray(~(times <= end) | (new.since[:, None] > end))
