"""Outcome: what it refuses, and how it slices."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, train_test_split
from sklearn.utils import _safe_indexing

from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Outcome


def test_what_it_holds() -> None:
    y = Outcome([0, 3, 0], [0, 12, 24], [1, 0, 2], causes=["private sector", "other"])
    assert y.shape == (3,)
    assert len(y) == 3
    assert y.delayed
    np.testing.assert_array_equal(y.left, [True, False, True])
    assert repr(y) == (
        "Outcome(n=3, left=2, causes=('private sector', 'other'), months 0 to 24, delayed entry: 1)"
    )


def test_it_is_frozen() -> None:
    y = Outcome(0, [1.0, 2.0], [True, False])
    with pytest.raises(AttributeError):
        y.exit = np.zeros(2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        y.exit[0] = 3


def test_the_input_is_copied() -> None:
    exit_ = np.array([1.0, 2.0])
    y = Outcome(0, exit_, [1, 0])
    exit_[0] = 99
    assert y.exit[0] == 1


def test_unknown_causes_leave_without_belonging_to_one() -> None:
    y = Outcome(0, [1, 2, 3], [UNKNOWN_CAUSE, 1, 0])
    assert y.left.sum() == 2
    assert (y.event == 1).sum() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [1, np.nan], [1, 0]), "missing or infinite"),
        ((0, [1, np.inf], [1, 0]), "missing or infinite"),
        ((0, [-1, 2], [1, 0]), "negative"),
        (([2, 0], [2, 1], [1, 0]), "end before they begin"),
        (([3, 0], [2, 1], [1, 0]), "end before they begin"),
        ((0, [1, 2], [1]), "event has 1"),
        (([0], [1, 2], [1, 0]), "entry has 1"),
        ((0, [1, 2], [0.5, 0]), "integer codes"),
        ((0, [1, 2], ["a", "b"]), "integer codes"),
        ((0, ["x", "y"], [1, 0]), "must be numbers"),
        ((0, [1, 2], [3, 0], ("left",)), "event codes run"),
        ((0, [1, 2], [-2, 0]), "event codes run"),
        ((0, [1, 2], [1, 2], ("a", "a")), "different names"),
        ((0, [[1, 2]], [1, 0]), "one dimension"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Outcome(*arguments)  # type: ignore[arg-type]


def test_the_message_names_rows_not_values() -> None:
    with pytest.raises(InputError) as caught:
        Outcome(0, [5, -123.25, 7], [0, 0, 0])
    assert "rows 1" in str(caught.value)
    assert "123" not in str(caught.value)


def test_slices_keep_order_and_index() -> None:
    frame = pd.DataFrame({"exit": [5.0, 6, 7, 8], "event": [0, 1, 0, 1]}, index=list("abcd"))
    y = Outcome(0, frame["exit"], frame["event"])
    for key in ([3, 1], np.array([3, 1]), ([3, 1], ...)):
        part = y[key]
        np.testing.assert_array_equal(part.exit, [8, 6])
        assert part.index is not None
        assert list(part.index) == ["d", "b"]
    np.testing.assert_array_equal(y[y.left].exit, [6, 8])
    np.testing.assert_array_equal(y[1:3].exit, [6, 7])
    with pytest.raises(InputError, match="single row"):
        y[2]


def test_scikit_learn_slices_it() -> None:
    X = pd.DataFrame({"x": np.arange(20.0)})
    y = Outcome(0, np.arange(1.0, 21), np.arange(20) % 2)
    np.testing.assert_array_equal(_safe_indexing(y, [1, 2]).exit, [2, 3])
    for train, test in GroupKFold(4).split(X, y, groups=y.people):
        assert len(y[train]) + len(y[test]) == 20
    _, X_test, _, y_test = train_test_split(X, y, random_state=0)
    np.testing.assert_array_equal(X_test["x"] + 1, y_test.exit)
    with pytest.raises((TypeError, ValueError)):
        np.asarray(y, dtype=float)


def test_people_are_not_cut() -> None:
    y = Outcome([0, 6, 0], [6, 9, 4], [0, 1, 0], ids=["a", "a", "b"])
    assert len(y[[0, 1]]) == 2
    with pytest.raises(InputError, match="drops others"):
        y[[0, 2]]


def test_people_drawn_twice_become_two() -> None:
    y = Outcome([0, 6, 0], [6, 9, 4], [0, 1, 0], ids=["a", "a", "b"])
    again = y[[0, 1, 0, 1, 2]]
    assert len(np.unique(again.people)) == 3
    with pytest.raises(InputError, match="drops others"):
        y[[0, 1, 0]]


def test_rows_of_one_person_may_not_overlap() -> None:
    with pytest.raises(InputError, match="overlap"):
        Outcome([0, 5], [6, 9], [0, 1], ids=["a", "a"])
    with pytest.raises(InputError, match="after the event"):
        Outcome([0, 6], [6, 9], [1, 1], ids=["a", "a"])


def test_it_travels_between_processes() -> None:
    y = Outcome([0, 6, 0], [6, 9, 4], [0, 1, 0], ids=["a", "a", "b"])
    for again in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y)):
        np.testing.assert_array_equal(again.exit, y.exit)
        np.testing.assert_array_equal(again.people, y.people)
        assert again.causes == y.causes
