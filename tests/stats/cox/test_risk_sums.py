"""The sums that a fit is made of: they add up over parts, and blocks of times change nothing."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.stats.cox import risk_sums as sums
from gmts_models.stats.cox.event_grid import (
    cumulate_down,
    cumulate_up,
    event_grid,
    join_grids,
    places,
)
from gmts_models.stats.cox.fit import cox_data, fit_cox, likelihood_at
from gmts_models.stats.rows import Rows, check_rows

seeds = st.integers(0, 10_000)


def _part(rows: Rows, which: Any) -> Rows:
    return Rows(
        entry=rows.entry[which],
        exit=rows.exit[which],
        event=rows.event[which],
        weights=rows.weights[which],
        strata=rows.strata[which],
        clusters=None,
    )


class Parts:
    """A Cox fit whose rows lie in three places, of which each gives its sums alone."""

    def __init__(self, drawn: dict[str, Any], seed: int, ties: Any) -> None:
        X = drawn["X"]
        self.rows = check_rows(
            *(drawn[name] for name in ("exit_", "left", "entry", "weights", "strata")),
            where="test",
        )
        self.ties, self.p = ties, X.shape[1]
        of = np.random.default_rng(seed).integers(0, 3, len(X))
        parts = [np.flatnonzero(of == k) for k in range(3) if (of == k).any()]
        w = self.rows.weights
        # One centre for all: its numerator and denominator are sums as well.
        centre = reduce(add, [w[part] @ X[part] for part in parts])
        centre = centre / reduce(add, [w[part].sum() for part in parts])
        moved = drawn["offset"] - np.average(drawn["offset"], weights=w)
        self.grid = join_grids([event_grid(_part(self.rows, part)) for part in parts])
        self.parts = [
            sums.cox_rows(X[part], _part(self.rows, part), self.grid, centre, moved[part])
            for part in parts
        ]

    def evaluate(self, beta: Any) -> dict[str, Any]:
        first = [
            sums.risk_sums(part, self.grid, sums.linear_predictor(part, beta))
            for part in self.parts
        ]
        at = sums.increments(self.grid, reduce(add, [each[1] for each in first]), self.ties)
        second = reduce(
            add,
            [
                sums.moment_sums(part, self.grid, risk, at)
                for part, (risk, _) in zip(self.parts, first, strict=True)
            ],
        )
        moments = reduce(
            add,
            [
                sums.risk_moments(part, risk, 0, len(self.grid))
                for part, (risk, _) in zip(self.parts, first, strict=True)
            ],
        )
        S1 = cumulate_down(moments.joining, self.grid.starts)
        return {
            "value": at.log_likelihood,
            "gradient": second.gradient,
            "information": second.cross - sums.subtracted_part(S1, moments.tied, at.squares),
            "at_risk": at.at_risk,
            "S1": S1,
            "cross": second.cross,
        }


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(["efron", "breslow"]))
def test_sums_of_parts_are_those_of_the_whole(seed: int, ties: Any) -> None:
    drawn = draw(seed, 80)
    beta = np.array([0.3, -0.2, 0.5])
    got = Parts(drawn, seed, ties).evaluate(beta)
    data = cox_data(**drawn, ties=ties)
    want = likelihood_at(data, beta)
    absolute = np.abs(data.rows.X).T @ (want.risk[:, None] * np.abs(data.rows.X))
    # 1e-12 of the sum of absolute terms.
    assert got["value"] == pytest.approx(want.value, rel=1e-12)
    np.testing.assert_allclose(got["at_risk"], want.at.at_risk, rtol=1e-12)
    whole = next(sums.risk_blocks(data.rows, data.grid, want.risk, size=len(data.grid)))[1]
    size = (want.risk[:, None] * np.abs(data.rows.X)).sum(axis=0)
    assert (np.abs(got["S1"] - whole) <= 1e-12 * size).all()
    terms = np.abs(data.rows.X).sum(axis=0) * max(1.0, want.risk.max())
    assert (np.abs(got["gradient"] - want.gradient) <= 1e-12 * terms).all()
    hazard = max(1.0, float(want.at.passed.max()))
    assert (np.abs(got["information"] - want.information) <= 1e-12 * absolute * hazard * 4).all()


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_fit_over_parts_is_the_fit(ties: Any) -> None:
    drawn = draw(5, 400)
    parts, beta = Parts(drawn, 5, ties), np.zeros(3)
    for _ in range(12):
        here = parts.evaluate(beta)
        beta = beta + np.linalg.solve(here["information"], here["gradient"])
    fit = fit_cox(**drawn, ties=ties)
    error = np.sqrt(np.diag(fit.covariance))
    assert (np.abs(beta - fit.coefficients) < 1e-9 * error).all()
    own = np.sqrt(np.diag(np.linalg.inv(parts.evaluate(beta)["information"])))
    np.testing.assert_allclose(own, error, rtol=1e-9)
    assert parts.evaluate(beta)["value"] == pytest.approx(fit.log_likelihood, rel=1e-9)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_taking_few_times_at_once_changes_nothing(size: int) -> None:
    drawn = draw(9, 120)
    data = cox_data(**drawn)
    here = likelihood_at(data, np.array([0.3, -0.2, 0.5]))
    whole = next(sums.risk_blocks(data.rows, data.grid, here.risk, size=len(data.grid)))
    blocks = list(sums.risk_blocks(data.rows, data.grid, here.risk, size=size))
    for number in (1, 2):
        together = np.concatenate([block[number] for block in blocks[::-1]])
        np.testing.assert_allclose(together, whole[number], rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), seeds)
def test_cumulating_stays_within_strata(lengths: list[int], seed: int) -> None:
    k = sum(lengths)
    starts = np.cumsum([0, *lengths[:-1]])
    values = np.random.default_rng(seed).normal(size=(k, 2))
    down, up = cumulate_down(values, starts), cumulate_up(values, starts)
    for begin, length in zip(starts, lengths, strict=True):
        part = values[begin : begin + length]
        np.testing.assert_allclose(up[begin : begin + length], np.cumsum(part, axis=0))
        want = np.cumsum(part[::-1], axis=0)[::-1]
        np.testing.assert_allclose(down[begin : begin + length], want)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_places_are_where_a_row_is_at_risk(seed: int) -> None:
    drawn = draw(seed, 30)
    rows = check_rows(
        drawn["exit_"], drawn["left"], drawn["entry"], strata=drawn["strata"], where="test"
    )
    grid = event_grid(rows)
    at = places(grid, rows)
    for i in range(30):
        begin = rows.entry[i] if rows.entry[i] > 0 else -1.0
        at_risk = (
            (grid.stratum == rows.strata[i]) & (begin < grid.time) & (grid.time <= rows.exit[i])
        )
        want = np.flatnonzero(at_risk)
        np.testing.assert_array_equal(np.arange(at.first[i], at.last[i] + 1), want)
    assert grid.deaths.sum() == rows.left.sum()


def test_late_sums_keep_their_digits() -> None:
    """Cumulated forward, a last risk set of 1e-10 among a million would lose all of its digits."""
    n = 100_000
    rng = np.random.default_rng(0)
    X = np.append(rng.normal(size=n), -25.0)[:, None]
    exit_ = np.append(rng.integers(1, 60, n), 61).astype(float)
    left = np.append(rng.random(n) < 0.5, True)
    data = cox_data(X, exit_, left)
    here = likelihood_at(data, np.array([1.0]))
    alone = data.rows.X[data.rows.last == len(data.grid) - 1, 0]
    assert here.at.at_risk[-1] == pytest.approx(np.exp(alone[0]), rel=1e-14)
