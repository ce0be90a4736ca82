"""Departures of unknown cause as weights: what stays, what is learnt, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.models.exits.stays import stays_of
from gmts_models.models.exits.unknown_causes import rows_by_cause
from gmts_models.outcome import Outcome


def test_without_unknown_causes_rows_are_as_given() -> None:
    y = Outcome([0, 2.0], [3, 5.0], [1, 0], causes=("a", "b"))
    rows = rows_by_cause(np.ones((2, 1)), y, np.array([2.0, 3.0]), "refuse", model="M")
    np.testing.assert_array_equal(rows.row, [0, 1])
    np.testing.assert_array_equal(rows.weight, [2, 3])
    np.testing.assert_array_equal(rows.event, [1, 0])
    np.testing.assert_array_equal(rows.part, [0, 0])
    assert rows.unknown == 0


def test_shares_are_those_of_known_departures_where_columns_tell_nothing() -> None:
    event = [1] * 6 + [2] * 3 + [-1] * 3 + [0]
    y = Outcome(0, np.r_[np.full(12, 4.0), 9.0], event)
    rows = rows_by_cause(np.zeros((13, 1)), y, None, "share", model="M")
    shared = rows.part > 0
    np.testing.assert_allclose(rows.weight[shared & (rows.event == 1)], 2 / 3)
    np.testing.assert_allclose(rows.weight[shared & (rows.event == 2)], 1 / 3)
    assert rows.unknown == pytest.approx(3 / 12)


def test_weights_of_a_departure_add_up_to_its_own() -> None:
    rng = np.random.default_rng(2)
    n = 400
    y = Outcome(0, rng.integers(1, 40, n), rng.choice([-1, 0, 1, 2, 3], n))
    weight = rng.uniform(0.5, 3, n)
    rows = rows_by_cause(rng.normal(size=(n, 2)), y, weight, "share", model="M")
    np.testing.assert_allclose(np.bincount(rows.row, rows.weight), weight)
    assert (rows.event >= 0).all()
    np.testing.assert_array_equal(rows.event[rows.part > 0], rows.part[rows.part > 0])


def test_chances_follow_columns_months_and_groups() -> None:
    rng = np.random.default_rng(4)
    n = 6000
    x, late = rng.normal(size=n), rng.random(n) < 0.5
    group = rng.integers(0, 2, n)
    truth = 1 / (1 + np.exp(-(-0.3 + x + 1.2 * late - 0.8 * group)))
    event = np.where(rng.random(n) < truth, 2, 1)
    hidden = rng.random(n) < 0.3
    y = Outcome(0, np.where(late, 30.0, 6.0), np.where(hidden, -1, event))
    rows = rows_by_cause(x[:, None], y, None, "share", groups=group, model="M")
    second = (rows.part == 2) & hidden[rows.row]
    error = rows.weight[second] - truth[rows.row[second]]
    assert np.sqrt(np.mean(error**2)) < 0.03


def test_a_cause_without_a_known_departure_gets_nothing() -> None:
    y = Outcome(0, [1.0, 2, 3, 4], [1, 3, -1, 0], causes=("a", "b", "c"))
    rows = rows_by_cause(np.zeros((4, 1)), y, None, "share", model="M")
    assert not (rows.event == 2).any()
    one = Outcome(0, [1.0, 2, 3], [3, -1, 0], causes=("a", "b", "c"))
    rows = rows_by_cause(np.zeros((3, 1)), one, None, "share", model="M")
    np.testing.assert_array_equal(rows.event, [3, 3, 0])
    np.testing.assert_array_equal(rows.weight, 1)


def test_whole_stays_are_shared_out_alike() -> None:
    y = Outcome(
        [0, 4, 0, 0, 4.0], [4, 8, 3, 4, 9.0], [0, -1, 1, 0, 2], ids=["p", "p", "q", "r", "r"]
    )
    X = np.zeros((5, 1))
    last = rows_by_cause(X, y, None, "share", model="M")
    np.testing.assert_array_equal(last.row, [0, 1, 1, 2, 3, 4])
    whole = rows_by_cause(X, y, None, "share", stays=stays_of(y, "M"), model="M")
    np.testing.assert_array_equal(whole.row, [0, 0, 1, 1, 2, 3, 4])
    np.testing.assert_array_equal(whole.part, [1, 2, 1, 2, 0, 0, 0])
    np.testing.assert_array_equal(whole.event, [0, 0, 1, 2, 1, 0, 2])
    np.testing.assert_allclose(whole.weight[:2], whole.weight[2:4])


def test_stays_are_rows_that_follow_each_other() -> None:
    # One person with a gap, one with two prediction dates, one in pieces given out of order.
    y = Outcome(
        [0, 7, 0, 0, 5, 0],
        [5, 9, 12, 8, 6, 5.0],
        [0, 1, 1, 1, 0, 0],
        ids=["p", "p", "q", "q", "r", "r"],
        clocks=[0, 0, 0, 1, 0, 0],
    )
    stays = stays_of(y, "M")
    assert len(np.unique(stays)) == 5
    assert stays[4] == stays[5]
    over = Outcome([0, 5, 0, 5], [5, 9, 5, 7.0], [0, 1, 0, 0], ids=["p"] * 4, clocks=[0, 0, 1, 1])
    with pytest.raises(InputError, match="could follow several others"):
        stays_of(over, "M")


def test_weights_are_rows_repeated() -> None:
    rng = np.random.default_rng(5)
    n = 60
    y = Outcome(0, rng.integers(1, 20, n), rng.choice([-1, 0, 1, 2], n))
    X, count = rng.normal(size=(n, 1)), rng.integers(1, 4, n)
    weighted = rows_by_cause(X, y, count.astype(float), "share", model="M")
    again = np.repeat(np.arange(n), count)
    repeated = rows_by_cause(X[again], y[again], None, "share", model="M")
    for cause in (1, 2):
        given = weighted.weight[weighted.event == cause].sum()
        assert repeated.weight[repeated.event == cause].sum() == pytest.approx(given, rel=1e-6)


def test_what_is_refused() -> None:
    y = Outcome(0, [1.0, 2], [-1, 0], causes=("a", "b"))
    X = np.zeros((2, 1))
    with pytest.raises(InputError, match="1 of 1 departures have an unknown cause"):
        rows_by_cause(X, y, None, "refuse", model="M")
    with pytest.raises(NotEstimableError, match="no departure has a known cause"):
        rows_by_cause(X, y, None, "share", model="M")
    with pytest.raises(InputError, match="no such unknown_causes"):
        rows_by_cause(X, y, None, "guess", model="M")  # type: ignore[arg-type]
