"""Prediction dates: who is at risk on them, from when time counts, and what is known."""

from __future__ import annotations

import datetime as dt
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmts_models as gm
from gmts_models.data.contract.columns import Column
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known
from gmts_models.features.prediction_date import read_at
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.fitted import fit
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier

CENSUS = pd.Timestamp("2022-06-30")
NEVER = None
#       start, scheme end, left the scheme, left the NHS, first seen, last seen
LIVES: dict[str, tuple[str | None, ...]] = {
    "year": ("2020-01-15", "2022-01-15", NEVER, "2021-01-15", NEVER, "2021-01-15"),
    "stays": ("2020-01-31", "2022-01-31", NEVER, NEVER, NEVER, "2022-06-30"),
    "half": ("2020-03-01", "2022-03-01", NEVER, "2020-09-01", NEVER, "2020-09-01"),
    "late": ("2020-03-01", "2022-03-01", NEVER, "2021-09-01", "2021-03-01", "2021-09-01"),
    "lost": ("2021-06-01", "2023-06-01", NEVER, NEVER, NEVER, "2021-12-01"),
    "done": ("2019-09-01", "2021-09-01", NEVER, "2021-09-01", NEVER, "2021-09-01"),
    "withdrew": ("2020-01-01", "2022-01-01", "2020-12-01", NEVER, NEVER, "2022-06-30"),
}
_DATES = (
    "start_date",
    "scheme_end_date",
    "leave_scheme_date",
    "leave_nhs_date",
    "first_seen_date",
    "last_seen_date",
)


def people(**changes: Any) -> People:
    frame = pd.DataFrame(
        {
            "trainee_id": list(LIVES),
            "specialism": ["Finance", "Human Resources"] * 3 + ["Finance"],
            "joining_survey": np.arange(7.0),
            **{
                name: pd.to_datetime([life[i] for life in LIVES.values()])
                for i, name in enumerate(_DATES)
            },
        }
    )
    return replace(People(trainees=frame, census_date=CENSUS), **changes)


def told(table: FeatureTable) -> dict[str, tuple[float, float, int]]:
    """Entry, exit and event by person."""
    y = table.y
    parts = zip(table.ids, y.entry.round(9), y.exit.round(9), y.event, strict=True)
    return {name: (entry, exit_, event) for name, entry, exit_, event in parts}


SHORT = round(29 / 30, 9)  # from the 1st to the 30th of June


@pytest.mark.parametrize(
    ("at", "endpoint", "want"),
    [
        (
            12,
            "left_nhs",
            {
                "year": (0, 0, 1),  # leaves on the prediction date: counts, at once
                "stays": (0, 17, 0),  # 29 months from the 31st of January to the 30th of June
                "late": (0, 6, 1),  # comes under observation on the very day
                "done": (0, 12, 1),
                "withdrew": (0, 17 + SHORT, 0),
            },
        ),
        (
            6,
            "left_nhs",
            {
                "year": (0, 6, 1),
                "stays": (0, 23, 0),
                "half": (0, 0, 1),
                "late": (6, 12, 1),
                "lost": (0, 0, 0),  # seen for the last time on the day
                "done": (0, 18, 1),
                "withdrew": (0, 23 + SHORT, 0),
            },
        ),
        (
            "2021-03-01",
            "left_nhs",
            {
                "stays": (0, 15 + SHORT, 0),
                "late": (0, 6, 1),
                "done": (0, 6, 1),
                "withdrew": (0, 15 + SHORT, 0),
            },
        ),
        (
            "2020-12-15",
            "left_nhs",
            {
                "year": (0, 1, 1),
                "stays": (0, 18.5, 0),
                "late": (round(2 + 14 / 28, 9), round(8 + 17 / 31, 9), 1),
                "done": (0, round(8 + 17 / 31, 9), 1),
                "withdrew": (0, 18.5, 0),
            },
        ),
        (
            "scheme_end",
            "left_nhs",
            {
                "stays": (0, 5, 0),
                "done": (0, 0, 1),
                "withdrew": (0, 5 + SHORT, 0),  # from the scheme, not from the NHS
            },
        ),
        (12, "post_scheme", {"stays": (0, 5, 0), "done": (0, 0, 1)}),  # the clock still stands
        ("scheme_end", "post_scheme", {"stays": (0, 5, 0), "done": (0, 0, 1)}),
        ("2022-03-31", "post_scheme", {"stays": (0, 3, 0)}),
    ],
)
def test_the_risk_set_and_its_clock(at: Any, endpoint: Any, want: dict[str, Any]) -> None:
    table = build_features(people(), at, endpoint, features=["specialism"])
    assert told(table) == want
    assert list(table.X.index) == [list(LIVES).index(name) for name in want]
    assert table.X.index.equals(table.y.index)


def test_who_has_completed_cannot_withdraw() -> None:
    on_the_day = told(build_features(people(), "2021-09-01", "left_scheme", features=[]))
    assert set(on_the_day) == {"stays", "late", "lost", "done"}
    assert on_the_day["late"] == (0, 0, 1)
    assert on_the_day["lost"] == (0, 3, 0)
    a_day_later = told(build_features(people(), "2021-09-02", "left_scheme", features=[]))
    assert set(a_day_later) == {"stays", "lost"}
    assert "withdrew" in told(build_features(people(), "2020-12-01", "left_scheme", features=[]))
    with pytest.raises(InputError, match="nobody can withdraw"):
        build_features(people(), "scheme_end", "left_scheme")


@pytest.mark.parametrize("endpoint", ["left_nhs", "left_scheme", "post_scheme"])
def test_at_the_start_nothing_is_restarted(endpoint: Any) -> None:
    followed = build_outcome(people(), endpoint)
    for at in ("start", 0, np.int64(0), 0.0):
        table = build_features(people(), at, endpoint, features=["specialism"])
        for part in ("entry", "exit", "event"):
            np.testing.assert_array_equal(getattr(table.y, part), getattr(followed.y, part))
        np.testing.assert_array_equal(table.follow_up, followed.follow_up)
        assert table.recipe.at == "start"
        assert set(table.landmark) == {0.0}


def test_follow_up_and_landmark_are_told_from_the_prediction_date() -> None:
    table = build_features(people(), 12, features=["specialism"])
    np.testing.assert_allclose(
        table.follow_up, [29.5 - 12, 17, 27 + SHORT - 12, 33 + SHORT - 12, 17 + SHORT]
    )
    assert set(table.landmark) == {12.0}
    assert str(table.on[1]) == "2021-01-31"
    by_day = build_features(people(), "2021-03-01", features=["specialism"])
    np.testing.assert_allclose(by_day.follow_up, 15 + 29 / 30)
    np.testing.assert_allclose(by_day.landmark[[1, 2]], [12, 18])


SAME_DAY = [
    "2021-03-01",
    "1 March 2021",
    dt.date(2021, 3, 1),
    dt.datetime(2021, 3, 1),
    np.datetime64("2021-03-01"),
    np.datetime64("2021-03-01T00:00:00", "ns"),
    pd.Timestamp("2021-03-01"),
]


@pytest.mark.parametrize("at", SAME_DAY, ids=lambda at: type(at).__name__)
def test_a_day_may_be_said_in_many_ways(at: Any) -> None:
    assert read_at(at) == "2021-03-01"


@pytest.mark.parametrize(
    "at",
    [-1, 12.5, True, np.nan, 1e9, "12", "soon", "01/02/2021", "2021-02-30", pd.NaT, None, [12]],
    ids=repr,
)
def test_what_is_no_prediction_date_is_refused(at: Any) -> None:
    with pytest.raises(InputError, match="neither a number of whole months nor a day") as caught:
        build_features(people(), at)
    assert "scheme_end" in (caught.value.fix or "")


def test_nobody_at_risk_is_an_error() -> None:
    for at in ("2019-01-01", "2023-01-01", 600):
        with pytest.raises(InputError, match="nobody is at risk"):
            build_features(people(), at)


def test_a_missing_scheme_end_is_an_error() -> None:
    frame = people().trainees.assign(scheme_end_date=pd.NaT)
    with pytest.raises(InputError, match="7 trainees have no scheme end"):
        build_features(people(trainees=frame), "scheme_end")


# ------------------------------------------------------------- ready durations


def ready(**columns: Any) -> People:
    frame = pd.DataFrame(
        {
            "trainee_id": list("abcd"),
            "specialism": "one",
            "entry_months": [0.0, 0, 8, 3],
            "duration_months": [5.0, 6, 10.5, 24],
            "event": [1.0, 1, 0, 1],
            "joining_survey": [1.0, 2, 3, 4],
            **columns,
        }
    )
    return People(trainees=frame, scheme="any")


def test_months_are_taken_off_ready_durations() -> None:
    table = build_features(ready(), 6, features=["joining_survey"])
    assert told(table) == {"b": (0, 0, 1), "c": (2, 4.5, 0), "d": (0, 18, 1)}
    assert list(table.X["joining_survey"]) == [2, 3, 4]
    assert set(table.landmark) == {6.0}
    for at in ("2021-03-01", "scheme_end"):
        with pytest.raises(InputError, match="ready durations and no dates"):
            build_features(ready(), at)


def test_of_ready_durations_no_fact_has_a_date() -> None:
    frame = ready(exit_interview=["x", None, "y", "z"]).trainees
    own = Column(name="exit_interview", kind="category", meaning="", known="leave_nhs_date")
    with pytest.raises(InputError, match="known from a date, and these people have none"):
        build_features(People(trainees=frame, attributes={own.name: own}, scheme="any"))


# ------------------------------------------------------------- what is known


def with_own(known: str | None) -> People:
    frame = people().trainees.assign(band=list("abcdefg"))
    own = Column(name="band", kind="category", meaning="pay band", known=known)
    return people(trainees=frame, attributes={"band": own})


@pytest.mark.parametrize("features", ["default", ["band"]])
def test_a_fact_without_a_date_is_refused_after_the_start(features: Any) -> None:
    undated = with_own(None)
    assert list(build_features(undated, features=features).X["band"]) == list("abcdefg")
    for given_dates in ({"at": 12}, {"at": "2021-03-01"}, {"landmarks": [0, 6]}):
        with pytest.raises(InputError, match="band does not say when it is known") as caught:
            build_features(undated, features=features, **given_dates)
        assert "known: start" in (caught.value.fix or "")
    assert "band" not in build_features(undated, 12, features=["specialism"]).X
    assert list(build_features(with_own("start"), 12, features=["band"]).X["band"]) == list("abdfg")


def test_a_fact_with_a_date_is_known_from_the_day_after() -> None:
    dated = with_own("scheme_end_date")
    for at, seen in (("scheme_end", 0), ("2022-01-31", 1), ("2022-02-01", 2)):
        X = build_features(dated, at, features=["band"]).X
        assert X["band"].notna().sum() == seen


def test_the_users_own_functions_join_the_recipe() -> None:
    own = Attribute(
        name="survey_squared",
        kind="number",
        meaning="the joining survey, squared",
        sources=("joining_survey",),
        derive=squared,
    )
    table = build_features(people(), 12, attributes=[own])
    assert list(table.X.columns)[-1] == "survey_squared"
    assert list(table.X["survey_squared"]) == [0, 1, 9, 25, 36]
    named = build_features(people(), 12, features=["specialism"], attributes=[own])
    assert list(named.X.columns) == ["specialism", "survey_squared"]
    fitted = fit(KaplanMeier(by="survey_squared"), named)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.recipe == fitted.recipe
    np.testing.assert_array_equal(
        again.predict_risk(people(), [6]), fitted.predict_risk(people(), [6])
    )


def squared(known: Known) -> pd.Series:
    return known.trainee("joining_survey") ** 2


def test_an_own_function_without_its_columns_says_what_it_needs() -> None:
    own = Attribute(
        name="pace", kind="number", meaning="", sources=("surveys.morale",), derive=squared
    )
    with pytest.raises(InputError, match="'pace' cannot be made") as caught:
        build_features(people(), attributes=[own])
    assert "surveys.morale" in (caught.value.fix or "")


def _mean_morale(known: Known) -> Any:
    found = known.records("surveys").groupby("row")["morale"].mean()
    return found.reindex(range(len(known)))


MORALE = Attribute(
    name="morale", kind="number", meaning="", sources=("surveys.morale",), derive=_mean_morale
)


@given(st.data())
def test_what_comes_on_or_after_the_prediction_date_changes_no_feature(data: Any) -> None:
    """Records and departures from the day on are made up anew: X is the same."""
    day = st.dates(dt.date(2020, 1, 1), dt.date(2022, 6, 30))
    records = data.draw(
        st.lists(
            st.tuples(st.sampled_from(list(LIVES)), day, st.integers(0, 10)),
            max_size=12,
            unique_by=lambda record: record[:2],
        )
    )
    on = data.draw(day)
    surveys = pd.DataFrame(records, columns=["trainee_id", "date", "morale"])
    surveys["date"] = pd.to_datetime(surveys["date"])
    future = surveys["date"] >= pd.Timestamp(on)
    changed = surveys.assign(morale=surveys["morale"].where(~future, 10 - surveys["morale"]))
    changed = changed[~future | (changed["morale"] > 4)].reset_index(drop=True)
    tables = [
        build_features(people(tables={"surveys": each}), on, features=[], attributes=[MORALE])
        for each in (surveys.astype({"morale": float}), changed.astype({"morale": float}))
    ]
    pd.testing.assert_frame_equal(tables[0].X[["morale"]], tables[1].X[["morale"]])


# ------------------------------------------------------------- new people


def test_a_fitted_model_asks_on_its_own_date() -> None:
    made = gm.simulate_trainees(3, cohorts=range(2012, 2018))
    model = fit(CoxPH(alpha=1), build_features(made, 12, features=["specialism", "joining_survey"]))
    risk = model.predict_risk(people(), [12, 24])
    asked = np.isfinite(risk).all(axis=1)
    at_risk = build_features(people(), 12, features=["specialism"]).ids
    assert list(np.array(list(LIVES))[asked]) == list(at_risk)
    assert np.isnan(risk[~asked]).all()
    with pytest.raises(InputError, match="speaks of the prediction date 12"):
        model.predict_risk(people(), [12], at=24)
    same = model.predict_retention(people(), [12, 24], at=12)
    np.testing.assert_allclose(1 - same.to_numpy(), risk, rtol=1e-12)
    assert list(same.index) == list(LIVES)


def test_a_model_of_a_day_speaks_of_other_days() -> None:
    made = gm.simulate_trainees(3, cohorts=range(2012, 2018))
    table = build_features(made, "2016-01-01", features=["specialism", "joining_survey"])
    model = fit(CoxPH(alpha=1), table)
    risk = model.predict_risk(people(), [12], at="2021-03-01")[:, 0]
    there = ["stays", "late", "done", "withdrew"]
    assert list(np.array(list(LIVES))[np.isfinite(risk)]) == there
    # The day after the last on which anyone was seen: all that is dated before it is known.
    last = model.predict_risk(people(), [12], at="2022-07-01")[:, 0]
    assert list(np.array(list(LIVES))[np.isfinite(last)]) == ["stays", "withdrew"]
    with pytest.raises(InputError, match="speaks of the prediction date"):
        model.predict_risk(people(), [12], at="scheme_end")


def test_an_outcome_that_is_open_or_past_is_not_looked_at() -> None:
    """At the start everyone has a risk, whatever became of them; later, what is dated decides."""
    made = gm.simulate_trainees(3, cohorts=range(2012, 2018))
    model = fit(CoxPH(alpha=1), build_features(made, features=["specialism", "joining_survey"]))
    assert np.isfinite(model.predict_risk(people(), [12])).all()
    for endpoint in ("left_scheme", "post_scheme"):
        later = fit(
            KaplanMeier(), build_features(made, "2017-09-02", endpoint, features=["specialism"])
        )
        gone = people().trainees.assign(last_seen_date=CENSUS)
        gone["leave_nhs_date"] = gone["leave_nhs_date"].where(gone["leave_nhs_date"] < "2021-03-01")
        on = "2021-03-01"
        np.testing.assert_array_equal(
            np.isnan(later.predict_risk(people(), [6], on)),
            np.isnan(later.predict_risk(people(trainees=gone), [6], on)),
        )
