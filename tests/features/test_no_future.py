"""No attribute ever sees what is dated on the prediction date or later.

Whatever such facts are, the values are the same, bit for bit; and an attribute that looks one day
ahead is found out on the same people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from drawn_people import DAY, Case, cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute
from gmts_models.features.catalogue import BUILT_IN, available
from gmts_models.features.known import Known, known_on

SLOW = [HealthCheck.too_slow]
UNDATED = {"calendar_period"}
"""Made from the prediction date alone."""


def last_verdict(known: Known) -> pd.Series:
    ended = known.records("placements").dropna(subset=["verdict"])
    return ended.groupby("row")["verdict"].last().reindex(range(len(known)))


MINE = Attribute(
    name="last_verdict",
    kind="number",
    meaning="a fact of a record that comes later than the record",
    sources=("placements.verdict",),
    derive=last_verdict,
)


def late(attributes: Mapping[str, Attribute], lag_days: int) -> list[Attribute]:
    return [replace(each, lag_days=lag_days) for each in attributes.values()]


def same(one: pd.Series, other: pd.Series) -> bool:
    """Whether values agree bit for bit."""
    if one.dtype == object:
        return one.tolist() == other.tolist()
    return one.to_numpy().tobytes() == other.to_numpy().tobytes()


def ready(people: People) -> dict[str, Attribute]:
    """Return all attributes: with all tables and columns there, none may be left out."""
    found = available(people, [MINE])
    assert {each.name for each in BUILT_IN} <= set(found)
    assert {"reason", "motto", "latest_belonging", "hiring"} <= set(found)
    return found


@given(case=cases())
@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
def test_the_future_changes_nothing(case: Case) -> None:
    one, other = case.known()
    for each in late(ready(case.people), case.lag_days):
        assert same(each.values(one), each.values(other)), each.name


def ahead(attribute: Attribute) -> Attribute:
    """Return the same attribute of a view that looks a day ahead."""

    def derive(known: Known) -> Any:
        return attribute.derive(replace(known, on=known.on + DAY))

    return replace(attribute, derive=derive)


def test_an_attribute_that_looks_a_day_ahead_is_found_out() -> None:
    found: set[str] = set()
    names: set[str] = set()

    @given(case=cases())
    @settings(
        max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW
    )
    def look(case: Case) -> None:
        one, other = case.known()
        attributes = ready(case.people)
        names.update(attributes)
        for each in late(attributes, case.lag_days):
            broken = ahead(each)
            if each.name not in found and not same(broken.values(one), broken.values(other)):
                found.add(each.name)

    look()
    assert names - found == UNDATED


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
def test_order_and_index_change_nothing(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = case.people
    order = rng.permutation(len(people))

    def shuffled(frame: pd.DataFrame, order: Any) -> pd.DataFrame:
        return frame.iloc[order].set_axis(rng.permutation(len(frame)) + 7, axis=0)

    tables = {
        name: shuffled(frame, rng.permutation(len(frame))) for name, frame in people.tables.items()
    }
    other = replace(people, trainees=shuffled(people.trainees, order), tables=tables)
    place = np.argsort(order)[case.rows]
    one, again = known_on(people, case.rows, case.on), known_on(other, place, case.on)
    for each in ready(people).values():
        assert same(each.values(one), each.values(again)), each.name


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None, suppress_health_check=SLOW)
def test_the_rows_asked_with_one_change_nothing(case: Case, seed: int) -> None:
    """A value is of a person on a day, whoever else and whichever other days are asked of."""
    rows = np.random.default_rng(seed).permutation(len(case.rows))[: 1 + len(case.rows) // 2]
    known, _ = case.known()
    part = known_on(case.people, case.rows[rows], case.on[rows])
    for each in ready(case.people).values():
        all_of_them = each.values(known).iloc[rows].reset_index(drop=True)
        assert same(all_of_them, each.values(part)), each.name
