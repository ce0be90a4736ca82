"""Which attributes there are, and which a model gets by default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLES, columns_of
from gmts_models.data.people import People
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.features.attribute import Attribute, source_of, when_known
from gmts_models.features.built_in import labour_market, peers, start
from gmts_models.features.catalogue import BUILT_IN, ON_REQUEST, available, default_names
from gmts_models.features.known import Known, known_at_start, known_on

NAMES = [each.name for each in BUILT_IN]


@pytest.fixture(scope="module")
def people() -> People:
    return simulate_trainees(seed=3, cohorts=range(2017, 2021))


def _known_after(people: People, months: int) -> Known:
    on = people.trainees["start_date"] + pd.DateOffset(months=months)
    return known_on(people, np.arange(len(people)), on.to_numpy("datetime64[D]"))


def _after(people: People, months: int) -> tuple[str, ...]:
    return default_names(people, _known_after(people, months))


# ------------------------------------------------------------ what is built in


def test_names_are_given_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) >= ON_REQUEST
    contract = {name for table in ("trainees", *TABLES) for name in columns_of(table)}
    raw = {each.name for each in start.ATTRIBUTES} | set(labour_market.SERIES)
    assert (contract & set(NAMES)) - raw == set()


@pytest.mark.parametrize("attribute", BUILT_IN, ids=lambda each: each.name)
def test_every_attribute_says_what_it_is(attribute: Attribute) -> None:
    assert attribute.meaning
    assert not attribute.meaning.endswith(".")
    for source in (*attribute.sources, *attribute.optional):
        table, column = source_of(source)
        assert columns_of(table)[column].known is not None
    known = when_known(attribute)
    assert known.startswith(("the start", "the day after `"))
    assert "None" not in known


def test_only_flags_have_no_unit(people: People) -> None:
    flags = {each.name for each in BUILT_IN if each.kind == "number" and each.unit is None}
    ready, known = available(people), _known_after(people, 20)
    for name in flags & set(ready):
        assert set(ready[name].values(known).dropna().unique()) <= {0, 1}, name
    assert all(each.unit is None for each in BUILT_IN if each.kind == "category")


def test_of_the_protected_only_the_age_band_is_built_in() -> None:
    assert [each.name for each in BUILT_IN if each.protected] == ["age_band"]


def test_what_moves_is_told_in_time() -> None:
    """Whatever tells a time up to the prediction date moves."""
    for each in BUILT_IN:
        if each.name.startswith("months_") or "6_months" in each.name:
            assert each.moves, each.name


# ----------------------------------------------------------------- the default


def test_the_default_keeps_the_order_of_the_catalogue(people: People) -> None:
    for months in (6, 20):
        names = _after(people, months)
        assert list(names) == [name for name in NAMES if name in names]


def test_at_the_start_only_what_is_known_then_is_taken(people: People) -> None:
    names = default_names(people, known_at_start(people))
    assert set(names) <= {each.name for each in start.ATTRIBUTES}
    assert {"specialism", "cohort_year", "age_band", "region"} <= set(names)


def test_what_is_on_request_is_offered_but_not_taken(people: People) -> None:
    ready = available(people)
    every = {each.name for each in (*peers.ATTRIBUTES, *labour_market.ATTRIBUTES)}
    assert every <= ON_REQUEST
    assert set(ready) >= ON_REQUEST
    for months in (0, 6, 20):
        assert ON_REQUEST.isdisjoint(_after(people, months))


def test_later_the_records_are_taken(people: People) -> None:
    assert "latest_morale" not in _after(people, 0)
    names = _after(people, 20)
    assert {"latest_morale", "latest_unanswered", "exams_passed", "mean_rating"} <= set(names)


def test_what_tells_nobody_apart_is_left_out(people: People) -> None:
    same = people.trainees.assign(specialism="Finance", degree_class=None, entry_route="open")
    other = replace(people, trainees=same)
    names = default_names(other, known_at_start(other))
    assert "specialism" in names
    assert {"degree_class", "entry_route"}.isdisjoint(names)


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        ("surveys", {"latest_morale", "surveys_sent", "answer_rate", "people_promise"}),
        ("assessments", {"exams_passed", "mean_rating", "progress_against_expected"}),
        ("labour_market", {"unemployment_rate", "unemployment_change"}),
    ],
)
def test_without_a_table_its_attributes_are_not_offered(
    people: People, table: str, lost: set[str]
) -> None:
    without = replace(people, tables={n: t for n, t in people.tables.items() if n != table})
    assert set(available(people)) >= lost
    assert lost.isdisjoint(available(without))
    of_table = [each for each in BUILT_IN if any(s.startswith(table) for s in each.sources)]
    assert {each.name for each in of_table}.isdisjoint(available(without))


def test_placements_are_optional_to_progress(people: People) -> None:
    without = replace(people, tables={"assessments": people.tables["assessments"]})
    assert "progress_against_expected" in available(without)


# ------------------------------------------------------------- the user's own


def _with_own(people: People) -> People:
    def own(name: str, known: str, *, protected: bool = False) -> Column:
        return Column(name=name, kind="number", meaning=name, known=known, protected=protected)

    sent, market = people.tables["surveys"], people.tables["labour_market"]
    tables = {
        **people.tables,
        "surveys": sent.assign(pulse=np.arange(len(sent)) % 7.0, health=np.arange(len(sent)) % 3.0),
        "labour_market": market.assign(rents=np.arange(len(market)) * 1.0),
    }
    return replace(
        people,
        trainees=people.trainees.assign(score=np.arange(len(people)) * 1.0),
        attributes={"score": own("score", "start")},
        tables=tables,
        table_attributes={
            "surveys": {
                "pulse": own("pulse", "date"),
                "health": own("health", "date", protected=True),
            },
            "labour_market": {"rents": own("rents", "date")},
        },
    )


def test_own_columns_come_last_and_protected_ones_not_at_all(people: People) -> None:
    mine = _with_own(people)
    assert {"score", "latest_pulse", "latest_health", "rents"} <= set(available(mine))
    assert _after(mine, 20)[-2:] == ("score", "latest_pulse")
    assert {"latest_health", "rents"}.isdisjoint(_after(mine, 20))


@pytest.mark.parametrize("name", ["part_time", "latest_morale", "vacancies"])
@pytest.mark.parametrize("protected", [False, True])
def test_an_own_column_goes_before_what_is_built_in(
    people: People, name: str, protected: bool
) -> None:
    own = Column(name=name, kind="number", meaning="own", known="start", protected=protected)
    trainees = people.trainees.assign(**{name: np.arange(len(people)) * 1.0})
    for tables in (people.tables, {}):
        mine = replace(people, trainees=trainees, attributes={name: own}, tables=tables)
        assert available(mine)[name].meaning == "own"
        assert _after(mine, 20).count(name) == (0 if protected else 1)


def test_an_attribute_given_goes_before_one_of_the_same_name(people: People) -> None:
    given = replace(BUILT_IN[NAMES.index("surveys_sent")], lag_days=30)
    assert available(people, [given])["surveys_sent"] == given
