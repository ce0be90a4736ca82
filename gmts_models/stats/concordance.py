"""Concordance: does the higher score leave first? Harrell's C, Uno's C and their kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.options import check_option
from gmts_models.stats.ordered_pairs import sum_over_ordered_pairs, sum_over_tied_pairs
from gmts_models.stats.rows import Rows, check_rows, read_numbers
from gmts_models.stats.times import count_at_risk, sum_by_time

TimeWeight = Literal["n", "S", "S/G", "n/G2", "I"]
"""Weight of the pairs at a time of leaving: 1 (Harrell), n S(t-) / at risk (Peto), n S(t-) / (G(t-)
at risk) (Schemper), 1 / G(t-)^2 (Uno) or 1 / at risk; S staying, G not yet censored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """Pairs of people, one leaving while the other stays, by who had the higher score.

    Attributes
    ----------
    concordance : the share of pairs in which the one who leaves had the higher score; equal
        scores count half. NaN where there is no pair, or a score is missing.
    std_err : of `concordance`, by the infinitesimal jackknife.
    concordant, discordant, tied_score : sums over such pairs of their weight.
    tied_time : the same over pairs that leave at one time with different scores.
    tied_both : over pairs that leave at one time with equal scores.
    influence : (n,) float, each row's derivative of `concordance` by its weight, times the weight.
    """

    concordance: float
    std_err: float
    concordant: float
    discordant: float
    tied_score: float
    tied_time: float
    tied_both: float
    influence: Floats


def concordance(
    score: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    time_weight: TimeWeight = "n",
    until: float = np.inf,
) -> Concordance:
    """Estimate the chance that of two people the one with the higher score leaves first.

    Parameters
    ----------
    score : (n,) float, any quantity that grows with risk. NaN gives a NaN concordance.
    exit_, left, entry : (n,) months and bool. A pair counts at each time at which one leaves
        while the other is at risk and stays on; someone censored then stays on.
    weights : (n,) case weights; a pair has the product of its rows' weights.
    strata : (n,) labels; only rows of one stratum are compared.
    clusters : (n,) labels of people (of start-stop rows) or of larger clusters, for the error.
    time_weight : "n" is Harrell's C. "n/G2" is Uno's, which does not depend on the censoring; with
        it, choose `until` so that some remain under observation.
    until : months; pairs whose first departure is later are left out (R's ``ymax``).

    Raises
    ------
    InputError : bad rows, or late entry with a weight that divides by G, for which there is no
        agreed estimate.

    Notes
    -----
    The error takes the time weights as known, as R's does. G counts departures before censorings
    at a tie. In strata, S and G are those of the stratum.

    Source: Harrell et al. (1982), JAMA 247:2543-2546; Uno et al. (2011), Statistics in Medicine
    30:1105-1117; Therneau & Watson (2017), Mayo Clinic report 85. Agrees with
    ``survival::concordance(Surv(entry, exit, left) ~ score + strata(strata), weights, cluster =
    clusters, timewt = time_weight, ymax = until, reverse = TRUE)``.
    """
    check_option(time_weight, get_args(TimeWeight), "time_weight", "concordance")
    rows = check_rows(exit_, left, entry, weights, strata, clusters, where="concordance")
    x = read_numbers(score, "score", "concordance")
    if x.shape != (len(rows),):
        raise InputError(
            f"exit_ has {len(rows)} rows, score has shape {x.shape}", where="concordance, score"
        )
    if time_weight in ("S/G", "n/G2") and (rows.entry > 0).any():
        raise InputError(
            f'time_weight "{time_weight}" is not defined under late entry',
            where="concordance, time_weight",
            fix='use "n", "S" or "I"',
        )
    if np.isnan(x).any():
        return _none(len(rows))
    time_weights = np.where(rows.exit <= until, _time_weights(rows, time_weight), 0.0)
    rank = np.unique(x, return_inverse=True)[1].astype(np.int64)
    won, tied, pairs = _pairs_by_row(rows, rank, time_weights)
    tied_time, tied_both = _tied_departures(rows, rank, time_weights)
    total = float(rows.weights @ pairs) / 2  # each pair stands with both of its rows
    if not total > 0:
        return _none(len(rows), tied_time, tied_both)
    concordant, equal = float(rows.weights @ won) / 2, float(rows.weights @ tied) / 2
    c = (concordant + equal / 2) / total
    influence = rows.weights * (won + tied / 2 - c * pairs) / total
    people = np.arange(len(rows)) if rows.clusters is None else rows.clusters
    by_person = np.bincount(people, weights=influence)
    return Concordance(
        concordance=c,
        std_err=float(np.sqrt(np.square(by_person).sum())),
        concordant=concordant,
        discordant=total - concordant - equal,
        tied_score=equal,
        tied_time=tied_time,
        tied_both=tied_both,
        influence=influence,
    )


def _none(n: int, tied_time: float = 0.0, tied_both: float = 0.0) -> Concordance:
    return Concordance(
        concordance=np.nan,
        std_err=np.nan,
        concordant=0.0,
        discordant=0.0,
        tied_score=0.0,
        tied_time=tied_time,
        tied_both=tied_both,
        influence=np.full(n, np.nan),
    )


def _time_weights(rows: Rows, time_weight: TimeWeight) -> Floats:
    """Return (n,) the weight of the pairs at each row's departure; 0 for those who stay."""
    if time_weight == "n":
        return np.asarray(rows.left, dtype=float)
    weight = np.zeros(len(rows))
    order = np.argsort(rows.strata, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(rows.strata[order])) + 1):
        entry, exit_, w = rows.entry[part], rows.exit[part], rows.weights[part]
        left = rows.left[part]
        time = np.unique(exit_)
        at_risk = count_at_risk(time, entry, exit_, w)
        departed = sum_by_time(exit_, time, w, left)
        ended = sum_by_time(exit_, time, w, ~left)
        stays = _before(departed, at_risk)
        seen = _before(ended, at_risk - departed)
        with np.errstate(divide="ignore", invalid="ignore"):
            match time_weight:
                case "S":
                    by_time = w.sum() * stays / at_risk
                case "S/G":
                    by_time = w.sum() * stays / (seen * at_risk)
                case "n/G2":
                    by_time = 1 / seen**2
                case "I":
                    by_time = 1 / at_risk
                case _:
                    assert_never(time_weight)
        by_time = np.where(departed > 0, by_time, 0.0)
        weight[part] = np.where(left, by_time[np.searchsorted(time, exit_)], 0.0)
    return weight


def _before(events: Floats, at_risk: Floats) -> Floats:
    """Return the product-limit curve just before each time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(events > 0, np.clip(1 - events / at_risk, 0, 1), 1.0)
    return np.concatenate([[1.0], np.cumprod(step)[:-1]])


def _pairs_by_row(rows: Rows, rank: Ints, time_weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return, by row, the weight of its pairs ordered rightly, tied in score, and of all."""
    end = _latest_first(rows.exit, rows.left, rows.strata)
    event = time_weights * rows.weights
    sums = _sum_pairs(end, rank, rows.strata, rows.weights, event, time_weights)
    late = np.flatnonzero(rows.entry > 0)
    if len(late):  # those who are not under observation yet stand in no pair
        gone = np.flatnonzero(event > 0)
        both = np.concatenate([late, gone])
        is_event = np.arange(len(both)) >= len(late)
        month = np.concatenate([rows.entry[late], rows.exit[gone]])
        excess = _sum_pairs(
            _latest_first(month, is_event, rows.strata[both]),
            rank[both],
            rows.strata[both],
            np.where(is_event, 0.0, rows.weights[both]),
            np.where(is_event, event[both], 0.0),
            np.where(is_event, time_weights[both], 0.0),
        )
        for total, part in zip(sums, excess, strict=True):
            total -= np.bincount(both, weights=part, minlength=len(rows))
    return sums


def _latest_first(time: Floats, second: npt.NDArray[np.bool_], strata: Ints) -> Ints:
    """Give codes in order of stratum, then from the latest time down, `second` after the others."""
    code = np.unique(time, return_inverse=True)[1].astype(np.int64)
    count = int(code.max()) + 1
    return np.asarray((strata * count + count - 1 - code) * 2 + second)


def _sum_pairs(
    group: Ints, rank: Ints, strata: Ints, stays: Floats, leaves: Floats, own: Floats
) -> tuple[Floats, Floats, Floats]:
    count = int(rank.max()) + 1

    def of_row(before: Floats, after: Floats) -> Floats:
        return np.asarray(own * before + np.where(stays > 0, after, 0.0))

    # Earlier strata rank above later ones, so that no pair across strata is in order.
    won = of_row(*sum_over_ordered_pairs(group, rank - strata * count, stays, leaves))
    pairs = of_row(*sum_over_tied_pairs(group, strata, stays, leaves))
    if np.bincount(rank).max() == 1:  # no score twice
        return won, np.zeros(len(rank)), pairs
    tied = of_row(*sum_over_tied_pairs(group, rank + strata * count, stays, leaves))
    return won, tied, pairs


def _tied_departures(rows: Rows, rank: Ints, time_weights: Floats) -> tuple[float, float]:
    """Sum over the pairs that leave at one time: with different scores, and with equal ones."""
    gone = np.flatnonzero(time_weights > 0)
    if len(gone) == 0:
        return 0.0, 0.0
    group = _latest_first(rows.exit[gone], rows.left[gone], rows.strata[gone])
    w, value = rows.weights[gone], rank[gone]
    order = np.lexsort((value, group))
    same_time = np.diff(group[order], prepend=-1) != 0
    same_both = same_time | (np.diff(value[order], prepend=-1) != 0)

    def sum_within(starts: npt.NDArray[np.bool_]) -> float:
        first = np.flatnonzero(starts)
        sums = np.add.reduceat(w[order], first)
        squares = np.add.reduceat(np.square(w[order]), first)
        return float(time_weights[gone][order][first] @ (np.square(sums) - squares)) / 2

    all_pairs, equal = sum_within(same_time), sum_within(same_both)
    return all_pairs - equal, equal
