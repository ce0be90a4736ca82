"""What may be tried, and in which order."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from gmts_models.errors import InputError
from gmts_models.models.combining.search_space import (
    Params,
    Range,
    Search,
    most_trials,
    proposing,
    read_space,
)

KNOWN = {"alpha": 0.1, "ties": "efron", "depth": 2}
LISTS = {"ties": ["efron", "breslow"], "alpha": (0.1, 1, 10)}
RANGES = {
    "alpha": {"low": 0.001, "high": 1000.0, "log": True},
    "depth": {"low": 1.0, "high": 8, "int": True},
}


def proposed(search: Search, space: Any, count: int, seed: int = 0) -> list[Params]:
    found: list[Params] = []
    with proposing(search, read_space(space, KNOWN), seed, lower_is_better=True) as proposer:
        while len(found) < count and (asked := proposer.ask(min(4, count - len(found)))):
            found += asked
            proposer.tell([float(math.log(each.get("alpha", 1.0)) ** 2) for each in asked])
    return found


def test_a_grid_has_every_combination_in_order() -> None:
    assert proposed("grid", LISTS, 99) == [
        {"ties": ties, "alpha": alpha} for ties in ("efron", "breslow") for alpha in (0.1, 1, 10)
    ]


def test_lists_are_drawn_without_repetition() -> None:
    found = proposed("random", LISTS, 99)
    assert len(found) == 6
    assert sorted(map(str, found)) == sorted(map(str, proposed("grid", LISTS, 99)))
    assert found != proposed("grid", LISTS, 99)
    assert proposed("random", LISTS, 3) == found[:3]


def test_ranges_are_drawn_evenly_on_their_scale() -> None:
    found = proposed("random", RANGES, 4000)
    exponent = np.log10([each["alpha"] for each in found])
    assert ((exponent >= -3) & (exponent <= 3)).all()
    # Uniform on (-3, 3): mean 0, variance 36 / 12.
    assert exponent.mean() == pytest.approx(0, abs=4 * math.sqrt(3 / 4000))
    assert exponent.var() == pytest.approx(3, rel=0.08)
    depth = [each["depth"] for each in found]
    assert {type(each) for each in depth} == {int}
    np.testing.assert_allclose(np.bincount(depth)[1:], 500, atol=4 * math.sqrt(500))
    mixed = proposed("random", RANGES | {"ties": ["a", "b"]}, 400)
    assert {each["ties"] for each in mixed} == {"a", "b"}


def test_whole_numbers_on_the_log_scale() -> None:
    space = {"depth": {"low": 1, "high": 100, "log": True, "int": True}}
    depth = np.array([each["depth"] for each in proposed("random", space, 4000)])
    assert (depth.min(), depth.max()) == (1, 100)
    # P(1) = log(1.5 / 0.5) / log(100.5 / 0.5).
    assert (depth == 1).mean() == pytest.approx(math.log(3) / math.log(201), abs=0.025)


@pytest.mark.parametrize("search", ["random", "optuna"])
def test_the_same_seed_proposes_the_same(search: Search) -> None:
    first, again, other = (proposed(search, RANGES, 15, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_optuna_learns_and_stays_in_the_space() -> None:
    space = RANGES | {"ties": ["efron", None, 3]}
    found = proposed("optuna", space, 60)
    assert len(found) == 60
    assert {each["ties"] for each in found} == {"efron", None, 3}
    assert {type(each["depth"]) for each in found} == {int}
    distance = np.abs(np.log10([each["alpha"] for each in found]))
    assert distance.max() <= 3
    # The best alpha is 1; later trials are nearer to it than the first, which are drawn.
    assert distance[40:].mean() < 0.6 * distance[:10].mean()


def test_optuna_is_silent_and_leaves_its_settings(capfd: Any) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    proposed("optuna", RANGES, 3)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match="Optuna is not installed") as caught:
        proposed("optuna", RANGES, 3)
    assert 'pip install "gmts-models[optuna]"' in str(caught.value)
    assert len(proposed("random", RANGES, 3)) == 3


@pytest.mark.parametrize(
    ("search", "space", "trials", "timed", "most"),
    [
        ("grid", LISTS, None, False, 6),
        ("grid", LISTS, 4, False, 4),
        ("grid", LISTS, 40, True, 6),
        ("random", LISTS, None, False, 6),
        ("random", {"alpha": list(range(50))}, None, False, 30),
        ("random", {"alpha": list(range(50))}, None, True, 50),
        ("random", RANGES, None, False, 30),
        ("random", RANGES, None, True, 10**9),
        ("optuna", LISTS, 40, False, 40),
        ("optuna", LISTS, None, False, 6),
        ("optuna", RANGES, None, False, 30),
    ],
)
def test_the_most_trials(
    search: Search, space: Any, trials: int | None, timed: bool, most: int
) -> None:
    assert most_trials(search, read_space(space, KNOWN), trials, timed=timed) == most


def test_what_a_space_becomes() -> None:
    space = read_space({"alpha": np.array([0.5, 2.0]), "depth": RANGES["depth"]}, KNOWN)
    assert space == {"alpha": (0.5, 2.0), "depth": Range(low=1, high=8, log=False, whole=True)}
    assert type(space["alpha"][0]) is float  # type: ignore[index]


@pytest.mark.parametrize(
    ("space", "match"),
    [
        ({}, "space must say"),
        ([("alpha", [1])], "space must say"),
        ({"gamma": [1]}, "no parameter 'gamma'"),
        ({"alpha": []}, "no values"),
        ({"alpha": 3}, "no values"),
        ({"alpha": "efron"}, "no values"),
        ({"alpha": [object()]}, "must be numbers, text"),
        ({"alpha": [float("nan")]}, "must be numbers, text"),
        ({"alpha": {"low": 1}}, "low and high must be numbers"),
        ({"alpha": {"low": 1, "high": 1}}, "low below high"),
        ({"alpha": {"low": "1", "high": 2}}, "must be numbers"),
        ({"alpha": {"low": 1, "high": math.inf}}, "must be numbers"),
        ({"alpha": {"low": 0, "high": 1, "log": True}}, "above 0"),
        ({"alpha": {"low": 0.5, "high": 2, "int": True}}, "whole"),
        ({"alpha": {"low": 1, "high": 2, "step": 1}}, "low, high, log and int"),
        ({"alpha": {"low": 1, "high": 2, "log": "yes"}}, "low, high, log and int"),
    ],
)
def test_what_is_refused(space: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_space(space, KNOWN)


def test_a_grid_of_a_range_is_refused() -> None:
    with pytest.raises(InputError, match="a grid needs lists"):
        proposed("grid", RANGES, 3)
