"""The incidence table: destinations, missing ones among them, and what is not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.optimize import linprog

import gmts_models as gm
from gmts_models.data.people import People
from gmts_models.data.synthetic import assumptions as assumed
from gmts_models.errors import InputError, NotEstimableError
from gmts_models.reporting.incidence import IncidenceTable, incidence_table
from gmts_models.reporting.retention import retention_table


def _people(rows: list[tuple[str, float, str | None]], stay: str = "stay") -> People:
    """Make people of (group, months, cause); the cause `stay` is still there, None is missing."""
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(len(rows))],
            "specialism": [group for group, _, _ in rows],
            "duration_months": [months for _, months, _ in rows],
            "event": [0.0 if cause == stay else 1.0 for _, _, cause in rows],
            "destination": [None if cause == stay else cause for _, _, cause in rows],
        }
    )
    return People(trainees=frame, scheme="any")


TWENTY = _people(
    [("A", 6, "x")] * 6
    + [("A", 6, None)] * 3
    + [("A", 24, "stay")] * 11
    + [("B", 6, "x")] * 5
    + [("B", 12, "y")] * 5
    + [("B", 24, "stay")] * 10
)


def test_by_hand() -> None:
    found = incidence_table(TWENTY, horizons=[6, 12], threshold=1)
    assert found.groups == ("All", "A", "B")
    assert found.causes == ("x", "y")
    np.testing.assert_allclose(found.lowest[1], [[6 / 20, 0], [6 / 20, 0]], atol=1e-12)
    np.testing.assert_allclose(found.highest[1], [[9 / 20, 3 / 20]] * 2)
    np.testing.assert_allclose(found.incidence[2], [[0.25, 0], [0.25, 0.25]], atol=1e-12)
    np.testing.assert_allclose(found.unknown, [3 / 19, 3 / 9, 0])
    assert found.to_frame().shape == (12, 9)


def test_causes_add_up_to_what_retention_says() -> None:
    people = gm.simulate_trainees(seed=5)
    found = incidence_table(people, threshold=1)
    retention = retention_table(people, threshold=1).retention
    np.testing.assert_allclose(found.incidence.sum(axis=2), 1 - retention, atol=1e-12)


def test_the_shares_of_the_synthetic_scheme_are_found_again() -> None:
    """A fifth of the destinations is missing, whatever they are; 5,000 leavers tell the shares."""
    people = gm.simulate_trainees(seed=5, scale=10)
    at = incidence_table(people, horizons=[60]).incidence[0, 0]
    shares = np.array(list(assumed.DESTINATION.values()))
    np.testing.assert_allclose(at / at.sum(), shares, atol=4 * 0.5 / np.sqrt(4_000))


def test_the_second_cause_of_leaving_the_scheme_is_completing_it() -> None:
    people = gm.simulate_trainees(seed=5)
    found = incidence_table(people, horizons=[18, 36], endpoint="left_scheme")
    assert found.causes == ("withdrew", "completed")
    assert found.incidence[0, 1, 1] > 0.85
    np.testing.assert_array_equal(found.unknown[0], 0)


def test_few_leavers_for_a_cause_are_not_shown_nor_told_by_the_others() -> None:
    """Three of B left for y; x of B goes with it, and the same causes of A."""
    rows = [("A", 6.0, "x")] * 9 + [("A", 6.0, "y")] * 9 + [("A", 24.0, "stay")] * 20
    rows += [("B", 6.0, "x")] * 9 + [("B", 6.0, "y")] * 3 + [("B", 24.0, "stay")] * 20
    found = incidence_table(_people(rows), horizons=[12], threshold=5)
    np.testing.assert_array_equal(
        np.isnan(found.incidence[:, 0]), [[False] * 2, [True] * 2, [True] * 2]
    )
    np.testing.assert_array_equal(np.isnan(found.lowest), np.isnan(found.incidence))
    assert np.isfinite(incidence_table(_people(rows), horizons=[12], threshold=3).incidence).all()


def test_a_cause_that_is_only_guessed_is_not_shown() -> None:
    """Nobody of B is known to have left for y, and two of its causes are missing."""
    rows = [("A", 6.0, "x")] * 9 + [("A", 6.0, "y")] * 9 + [("A", 24.0, "stay")] * 20
    rows += [("B", 6.0, "x")] * 9 + [("B", 6.0, None)] * 2 + [("B", 24.0, "stay")] * 20
    found = incidence_table(_people(rows), horizons=[12], threshold=2)
    assert np.isnan(found.incidence[2, 0, 1])
    assert np.isfinite(incidence_table(_people(rows), horizons=[12], threshold=1).incidence).all()
    certain = [("B", 24.0, "stay") if cause is None else (g, t, cause) for g, t, cause in rows]
    assert incidence_table(_people(certain), horizons=[12], threshold=2).incidence[2, 0, 1] == 0


def _leavers(counts: npt.NDArray[np.int64]) -> People:
    """Make people of g groups who left by cause, the last of which is missing, and 20 who stay."""
    rows: list[tuple[str, float, str | None]] = []
    for g, row in enumerate(counts):
        causes = [*(f"c{k}" for k in range(len(row) - 1)), None]
        for cause, count in zip(causes, row, strict=True):
            rows += [(f"G{g}", 6.0, cause)] * count
        rows += [(f"G{g}", 24.0, "stay")] * 20
    return _people(rows)


def _told(counts: npt.NDArray[np.int64], table: IncidenceTable) -> list[tuple[int, int]]:
    """Return the cells below 5 that who knows the departures of each group can work out."""
    cells = np.arange(counts.size).reshape(counts.shape)
    groups = [cells, *cells[:, None, :]]
    known = [set(row) for row in cells]
    for i, mine in enumerate(groups):
        for k in range(counts.shape[1] - 1):
            if np.isfinite(table.lowest[i, 0, k]):
                known.append(set(mine[:, k]))
            if np.isfinite(table.highest[i, 0, k]):
                known.append({*mine[:, k], *mine[:, -1]})
        if np.isfinite(table.unknown[i]):
            known.append(set(mine[:, -1]))
    sums = np.array([[float(cell in each) for cell in cells.flat] for each in known])
    values = sums @ counts.ravel()
    found = []
    for cell in np.flatnonzero((counts.ravel() > 0) & (counts.ravel() < 5)):
        unit = np.eye(counts.size)[cell]
        least, most = (sign * linprog(sign * unit, A_eq=sums, b_eq=values).fun for sign in (1, -1))
        if most - least < 1 - 1e-6:
            found.append((int(cell) // counts.shape[1], int(cell) % counts.shape[1]))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_no_small_count_can_be_worked_out_from_what_is_shown(seed: int) -> None:
    """Everyone is followed to the end, so that shares times people are counts."""
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 5), rng.integers(3, 6))
    counts = rng.choice([0, 0, 1, 2, 3, 5, 8, 13, 20], size=shape)
    counts[0, :-1] += 5
    table = incidence_table(_leavers(counts), horizons=[12], imputations=2)
    assert _told(counts, table) == []


def test_few_missing_causes_are_not_told_by_the_bounds() -> None:
    counts = np.array([[20, 20, 2], [20, 20, 9], [20, 20, 9]])
    found = incidence_table(_leavers(counts), horizons=[12])
    np.testing.assert_array_equal(np.isnan(found.unknown), [False, True, True, False])
    np.testing.assert_array_equal(np.isnan(found.highest[:, 0, 0]), np.isnan(found.unknown))
    np.testing.assert_array_equal(np.isnan(found.lowest[:, 0, 0]), np.isnan(found.unknown))
    assert np.isfinite(found.incidence).all()


def test_people_without_a_label_are_a_group_that_subtraction_must_not_tell() -> None:
    rows = [("A", 6.0, "x")] * 9 + [("A", 24.0, "stay")] * 20
    rows += [("B", 6.0, "x")] * 9 + [("B", 24.0, "stay")] * 30 + [("C", 6.0, "x")] * 2
    people = _people(rows)
    people.trainees["team"] = people.trainees["specialism"].replace("C", None)
    found = incidence_table(people, "team", horizons=[12])
    assert found.groups == ("All", "A", "B")
    np.testing.assert_array_equal(np.isnan(found.n), [False, True, False])
    np.testing.assert_array_equal(np.isnan(found.incidence[:, 0, 0]), [False, True, False])


def test_a_group_may_be_called_all() -> None:
    rows = [("All", 6.0, "x")] * 9 + [("All", 24.0, "stay")] * 11 + [("B", 24.0, "stay")] * 20
    found = incidence_table(_people(rows), horizons=[12])
    np.testing.assert_allclose(found.incidence[:, 0, 0], [9 / 40, 9 / 20, 0])


def test_small_groups_are_hidden() -> None:
    rows = [("A", 6.0, "x")] * 9 + [("A", 24.0, "stay")] * 20 + [("C", 6.0, "x")] * 2
    found = incidence_table(_people(rows), horizons=[12], threshold=5)
    assert np.isnan(found.n[2])
    assert np.isnan(found.incidence[2]).all()


@pytest.mark.parametrize("cause", [None, "stay"])
def test_without_any_known_cause_it_says_so(cause: Any) -> None:
    with pytest.raises(NotEstimableError, match="none of these departures"):
        incidence_table(replace(_people([("A", 6.0, cause)] * 9), scheme="gmts"))


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(InputError, match="no such column"):
        incidence_table(TWENTY, by="team")
