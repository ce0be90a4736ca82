"""What tests that compare groups share: the groups' codes, the result, the quadratic form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import code_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTest:
    """A test that k groups leave alike.

    Attributes
    ----------
    groups : (k,) labels, sorted.
    n : (k,) rows (sums of weights).
    observed, expected : (k,) weighted departures, and those expected if all groups were alike;
        sums over the strata.
    observed_by_stratum, expected_by_stratum : (s, k) the same by stratum, in sorted order.
    variance : (k, k) of ``observed - expected``.
    statistic, df, p : chi-square statistic, its degrees of freedom, and P(greater). `df` is the
        number of comparisons that the data allow: a group that is never at risk together with
        another takes no part. With none left, `statistic` and `df` are 0 and `p` is NaN.
    """

    groups: npt.NDArray[Any]
    n: Floats
    observed: Floats
    expected: Floats
    observed_by_stratum: Floats
    expected_by_stratum: Floats
    variance: Floats
    statistic: float
    df: int
    p: float


def code_groups(labels: npt.ArrayLike, n: int, where: str) -> tuple[npt.NDArray[Any], Ints]:
    """Return the distinct labels, sorted, and each row's position among them.

    Raises
    ------
    InputError : the labels are not (n,), one is missing, or all are the same.
    """
    array: npt.NDArray[Any] = np.asarray(labels)
    if array.shape != (n,):
        raise InputError(
            f"exit_ has {n} rows, groups has shape {array.shape}", where=f"{where}, groups"
        )
    codes = code_labels(labels, "groups", where)
    distinct = array[np.unique(codes, return_index=True)[1]]
    if distinct.dtype == object:  # numbers, or texts, as such
        distinct = np.array(distinct.tolist())
    if len(distinct) < 2:
        raise InputError(
            "there is one group only, and nothing to compare it with", where=f"{where}, groups"
        )
    return distinct, codes


def count_by_group(
    time: Floats, entry: Floats, exit_: Floats, weights: Floats, group: Ints, k: int
) -> Floats:
    """Weigh the people at risk at each time, by group.

    Parameters
    ----------
    time : (m,) float, sorted, distinct.
    entry, exit_, weights, group : (n,) of the rows; groups are 0..k-1.

    Returns
    -------
    (m, k) float, the sum over entry < t <= exit, where entry 0 counts at t = 0 too.
    """
    late = np.flatnonzero(entry > 0)
    ends, begins = (
        np.bincount(
            np.searchsorted(time, at, side="right") * k + code, w, (len(time) + 1) * k
        ).reshape(-1, k)[1:]
        for at, code, w in ((exit_, group, weights), (entry[late], group[late], weights[late]))
    )
    # Cumulated from the latest time down: forward sums lose digits where it matters most.
    at_risk = np.cumsum((ends - begins)[::-1], axis=0)[::-1]
    at_risk[at_risk < 1e-12 * weights.sum()] = 0.0  # what is left of weights that came and went
    return np.asarray(at_risk)


def sum_by_group(time: Floats, exit_: Floats, weights: Floats, group: Ints, k: int) -> Floats:
    """Sum the weights of rows by exit, which is among the (m,) sorted times, and group: (m, k)."""
    at = np.searchsorted(time, exit_) * k + group
    return np.asarray(np.bincount(at, weights, len(time) * k).reshape(-1, k), dtype=float)


def check_frequencies(weights: Floats, where: str, fix: str) -> None:
    """Refuse weights that are not counts of people.

    Raises
    ------
    InputError : a weight is not a whole number.
    """
    if (weights != np.round(weights)).any():
        raise InputError(
            "the variance counts people, so that weights must be whole numbers",
            where=f"{where}, weights",
            fix=fix,
        )


def rows_by_stratum(strata: Ints) -> list[Ints]:
    """Return the positions of the rows of each stratum 0..s-1."""
    order = np.argsort(strata, kind="stable")
    return np.split(order, np.cumsum(np.bincount(strata))[:-1])


def group_test(
    labels: npt.NDArray[Any],
    n: Floats,
    observed: Floats,
    expected: Floats,
    variance: Floats,
    linked: Bools,
    where: str,
) -> GroupTest:
    """Put a test together from (s, k) observed and expected; see `chi_square` for the rest."""
    score = (observed - expected).sum(axis=0)
    statistic, df, p = chi_square(score, variance, linked, where)
    return GroupTest(
        groups=labels,
        n=n,
        observed=observed.sum(axis=0),
        expected=expected.sum(axis=0),
        observed_by_stratum=observed,
        expected_by_stratum=expected,
        variance=variance,
        statistic=statistic,
        df=df,
        p=p,
    )


def chi_square(
    score: Floats, variance: Floats, linked: Bools, where: str
) -> tuple[float, int, float]:
    """Return score' V^- score, its degrees of freedom and P(greater).

    Parameters
    ----------
    score : (k,) observed less expected; sums to zero over groups that were compared.
    variance : (k, k).
    linked : (k, k) bool, groups that were compared with one another.

    Raises
    ------
    NotEstimableError : the variance is singular among groups that were compared.
    """
    part = _components(linked)
    kept = np.concatenate([np.flatnonzero(part == each)[1:] for each in np.unique(part)])
    kept = kept.astype(np.int64)
    if not len(kept):
        return 0.0, 0, np.nan
    v = variance[np.ix_(kept, kept)]
    size = np.sqrt(np.maximum(np.diag(v), 0))
    scaled = v / np.outer(size, size) if (size > 0).all() else np.zeros_like(v)
    if not np.linalg.cond(scaled) < 1e12:
        raise NotEstimableError(
            "the variance of the comparison is singular",
            where=where,
            fix="join small groups, or compare fewer",
        )
    z = score[kept] / size
    statistic = float(z @ np.linalg.solve(scaled, z))
    return statistic, len(kept), float(special.chdtrc(len(kept), max(statistic, 0.0)))


def _components(linked: Bools) -> Ints:
    """Label groups by the first that they are linked to, directly or through others."""
    reach = (linked | np.eye(len(linked), dtype=bool)).astype(float)
    for _ in range(len(linked).bit_length()):
        reach = np.minimum(reach @ reach, 1.0)
    return np.asarray(np.argmax(reach > 0, axis=1), dtype=np.int64)
