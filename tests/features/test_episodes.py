"""Start-stop rows: where they split, what they know, and R's tmerge."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stays import MORALE, SURVEYS, stays

from gmts_models.data.contract.columns import Column
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.evaluation.evaluate import evaluate
from gmts_models.features.attribute import Attribute
from gmts_models.features.episodes import build_episodes
from gmts_models.features.known import Known
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.fitted import fit
from gmts_models.models.survival.cox import CoxPH
from gmts_models.stats.cox.fit import fit_cox


def people(lives: dict[str, tuple[str | None, ...]], surveys: Any = (), **more: Any) -> People:
    """Lives are: start, left the NHS, last seen."""
    frame = pd.DataFrame({"trainee_id": list(lives), "specialism": "one"})
    for i, name in enumerate(("start_date", "leave_nhs_date", "last_seen_date")):
        frame[name] = pd.to_datetime([life[i] for life in lives.values()])
    frame = frame.assign(**more)
    records = pd.DataFrame(surveys, columns=["trainee_id", "date", "morale"])
    records = records.assign(date=pd.to_datetime(records["date"])).astype({"morale": float})
    return People(
        trainees=frame,
        tables={"surveys": records},
        census_date=pd.Timestamp("2022-01-01"),
        scheme="any",
    )


def rows(table: FeatureTable) -> list[tuple[float, ...]]:
    y, X = table.y, table.X
    columns = [y.people, y.entry.round(9), y.exit.round(9), y.event, *(X[name] for name in X)]
    return list(zip(*columns, strict=True))


# ------------------------------------------------------------- by hand


def test_a_stretch_knows_what_was_dated_up_to_its_first_day() -> None:
    table = build_episodes(
        people(
            {
                "a": ("2020-01-01", "2020-07-01", "2020-07-01"),
                "b": ("2020-01-31", None, "2020-05-31"),
                "c": ("2020-01-01", "2020-01-01", "2020-01-01"),  # left on the first day
            },
            surveys=[
                ("a", "2020-05-01", 3),  # not in the order of their days
                ("a", "2020-03-01", 8),
                ("a", "2020-07-01", 1),  # on the day of leaving
                ("a", "2019-12-31", 7),  # before the first day
                ("b", "2020-02-29", 4),  # a month to the day, in a leap year
                ("b", "2020-06-30", 2),  # after the last day
                ("c", "2020-01-01", 9),
            ],
        ),
        features=[],
        attributes=[MORALE, SURVEYS],
    )
    assert rows(table) == [
        (0, 0, 2, 0, 7, 1),
        (0, 2, 4, 0, 8, 2),
        (0, 4, 6, 1, 3, 3),
        (1, 0, 1, 0, 5, 0),
        (1, 1, 4, 0, 4, 1),
        (2, 0, 0, 1, 5, 0),
    ]
    assert list(table.ids) == ["a", "a", "a", "b", "b", "c"]
    assert list(table.on.astype(str)) == [
        "2020-01-01",
        "2020-03-02",
        "2020-05-02",
        "2020-01-31",
        "2020-03-01",
        "2020-01-01",
    ]
    np.testing.assert_array_equal(table.landmark, table.y.entry)
    assert table.X.index.equals(pd.RangeIndex(6))
    assert table.X.index.equals(table.y.index)


def test_a_fact_of_the_first_day_is_taken_up_a_day_later() -> None:
    made = people({"a": ("2020-01-01", None, "2020-03-01")}, [("a", "2020-01-01", 9)])
    table = build_episodes(made, features=[], attributes=[MORALE])
    assert rows(table) == [(0, 0, round(1 / 31, 9), 0, 5), (0, round(1 / 31, 9), 2, 0, 9)]


def test_late_entrants_begin_with_all_that_is_known_on_their_first_day() -> None:
    made = people(
        {"a": ("2020-01-01", "2020-12-01", "2020-12-01")},
        [("a", "2020-02-01", 2), ("a", "2020-04-01", 6), ("a", "2020-09-01", 8)],
        first_seen_date=pd.to_datetime(["2020-04-01"]),
    )
    table = build_episodes(made, features=[], attributes=[MORALE])
    assert rows(table) == [(0, 3, 8, 0, 6), (0, 8, 11, 1, 8)]


def test_the_scheme_and_the_calendar_split_too() -> None:
    made = people(
        {"a": ("2020-01-15", None, "2021-08-15")},
        scheme_end_date=pd.to_datetime(["2020-12-31"]),
    )
    bare = build_episodes(made, features=["specialism"])
    end = 11 + 16 / 31
    np.testing.assert_allclose(bare.y.entry, [0, end, 17.5])  # 30 June: six months later
    yearly = build_episodes(made, features=["specialism"], calendar="year")
    np.testing.assert_allclose(yearly.y.entry, [0, end, 11 + 17 / 31, 17.5])
    monthly = build_episodes(made, features=["specialism"], calendar="month")
    assert len(monthly) == 19 + 3
    days = build_episodes(
        made, features=["specialism"], calendar=["2020-12-31", dt.date(2020, 2, 15), "1999-01-01"]
    )
    np.testing.assert_allclose(days.y.entry, [0, 1, end, 17.5])


def test_ends_of_records_and_publications_split_and_others_do_not() -> None:
    made = people({"a": ("2020-01-01", None, "2021-01-01")}, [("a", "2020-06-01", 5)])
    placements = pd.DataFrame(
        {
            "trainee_id": ["a", "a"],
            "start_date": pd.to_datetime(["2020-02-01", "2020-06-01"]),
            "end_date": pd.to_datetime(["2020-05-01", None]),
        }
    )
    market = pd.DataFrame({"date": pd.to_datetime(["2020-03-01"]), "vacancies": [1.0]})
    tables = {**made.tables, "placements": placements, "labour_market": market}
    made = replace(made, tables=tables)
    assert list(build_episodes(made, features=["specialism"]).y.entry) == [0, 1, 4, 5]
    assert list(build_episodes(made, features=["specialism"], breaks=()).y.entry) == [0]
    for breaks in ("labour_market", ["labour_market"]):
        table = build_episodes(made, features=["specialism"], breaks=breaks)
        assert list(table.y.entry) == [0, 2]


def test_what_a_feature_is_known_from_splits_as_well() -> None:
    made = people(
        {"a": ("2020-01-01", None, "2021-01-01")},
        [("a", "2020-03-01", 9)],
        leave_scheme_date=pd.to_datetime(["2020-05-01"]),
        reason=["pay"],
    )
    reason = Column(name="reason", kind="category", meaning="", known="leave_scheme_date")
    made = replace(made, attributes={"reason": reason})
    late = replace(MORALE, lag_days=31)
    table = build_episodes(made, features=["reason"], attributes=[late])
    # The survey, the same 31 days later, and the day of withdrawing.
    np.testing.assert_allclose(table.y.entry, [0, 2, 3, 4])
    assert list(table.X["morale"]) == [5, 5, 9, 9]
    assert list(table.X["reason"].notna()) == [False, False, False, True]


def test_what_is_held_back_splits_when_it_is_let_go() -> None:
    """Also a fact of the start, and a column that an attribute only reads where it is there."""
    made = people({"a": ("2020-01-01", None, "2021-01-01")}, [("a", "2020-03-01", 9)])
    made = replace(made, trainees=made.trainees.assign(region="London"))

    def told(known: Known) -> pd.Series:
        return known.trainee("region").astype(object)

    def late_answers(known: Known) -> Any:
        return known.records("surveys").groupby("row").size().reindex(range(len(known)))

    words = {"meaning": "", "lag_days": 31}
    region = Attribute(name="r", kind="category", sources=("region",), derive=told, **words)
    number = Attribute(
        name="n",
        kind="number",
        sources=(),
        optional=("surveys.morale",),
        derive=late_answers,
        **words,
    )
    table = build_episodes(made, features=[], attributes=[region, number])
    # Of 1 January it is known on 1 February, so after 31 January; of 1 March after 1 April.
    np.testing.assert_allclose(table.y.entry, [0, 30 / 31, 2, 3])
    assert list(table.X["r"].notna()) == [False, True, True, True]
    assert list(table.X["n"].notna()) == [False, False, False, True]


def test_who_completes_leaves_the_risk_set_where_exits_compete() -> None:
    made = people(
        {"a": ("2018-01-01", None, "2021-01-01"), "b": ("2018-01-01", "2019-01-01", "2019-01-01")},
        [("a", "2020-06-01", 2)],
        scheme_end_date=pd.to_datetime(["2020-01-01"] * 2),
    )
    stays_on = build_episodes(made, "left_scheme", features=[], attributes=[MORALE])
    assert stays_on.y.exit.max() > 24
    ends = build_episodes(made, "left_scheme", features=[], attributes=[MORALE], competing=True)
    assert ends.y.causes == ("withdrew", "completed")
    assert list(zip(ends.y.exit, ends.y.event, strict=True)) == [(24, 2), (12, 1)]


def test_completion_starts_the_clock_of_post_scheme() -> None:
    made = people(
        {"a": ("2018-01-01", "2020-09-01", "2020-09-01")},
        [("a", "2019-05-01", 2), ("a", "2020-04-01", 6)],
        scheme_end_date=pd.to_datetime(["2020-01-01"]),
    )
    table = build_episodes(made, "post_scheme", features=[], attributes=[MORALE])
    first = round(1 / 31, 9)  # the scheme's end is a fact of the first day
    assert rows(table) == [
        (0, 0, first, 0, 2),
        (0, first, 3, 0, 2),
        (0, 3, 6, 0, 6),
        (0, 6, 8, 1, 6),
    ]
    np.testing.assert_allclose(table.landmark, [24, 24 + 1 / 31, 27, 30])


def test_records_of_nobody_and_tables_of_nobody_split_nothing() -> None:
    surveys = [("x", "2020-06-01", 3), ("a", None, 4)]
    made = people({"a": ("2020-01-01", None, "2021-01-01")}, surveys)
    assert len(build_episodes(made, features=["specialism"])) == 1
    nobody = replace(made, trainees=made.trainees.head(0))
    for calendar in (None, "month", ["2020-06-01"]):
        assert len(build_episodes(nobody, features=["specialism"], calendar=calendar)) == 0


# ------------------------------------------------------------- refused


def test_what_has_no_place_in_time_is_refused() -> None:
    made = people({"a": ("2020-01-01", None, "2021-01-01")})
    with pytest.raises(InputError, match="no table 'survey'"):
        build_episodes(made, breaks=["survey"])
    with pytest.raises(InputError, match="no calendar 'week'"):
        build_episodes(made, calendar="week")  # type: ignore[arg-type]
    for days in (["soon"], ["start"], [12], [pd.NaT], ["2021-01-01", None]):
        with pytest.raises(InputError, match="the calendar holds something that is no day"):
            build_episodes(made, calendar=days)  # type: ignore[arg-type]
    ready = pd.DataFrame(
        {"trainee_id": ["a"], "specialism": "x", "duration_months": [3.0], "event": [1.0]}
    )
    with pytest.raises(InputError, match="ready durations and no dates"):
        build_episodes(People(trainees=ready, scheme="any"))
    own = Column(name="band", kind="category", meaning="")
    undated = replace(stays(), attributes={"band": own})
    undated = replace(undated, trainees=undated.trainees.assign(band="x"))
    with pytest.raises(InputError, match="band does not say when it is known"):
        build_episodes(undated)


def test_episodes_neither_predict_nor_are_scored() -> None:
    table = build_episodes(stays(), features=["joining_survey"])
    with pytest.raises(InputError, match="as their features change"):
        fit(CoxPH(), table)
    with pytest.raises(InputError, match="no follow-up to score"):
        evaluate(CoxPH(), table, "k_fold")


# ------------------------------------------------------------- the fit


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_splitting_alone_changes_no_fit(ties: Any) -> None:
    """Coefficients, covariances and log likelihood, with people entering late."""
    made = stays()
    late = pd.Series(made.trainees["start_date"] + pd.Timedelta(days=100))
    late = late.where(made.trainees.index % 3 == 0)
    made = replace(made, trainees=made.trainees.assign(first_seen_date=late))
    whole = build_features(made, features=["joining_survey"])
    split = build_episodes(made, features=["joining_survey"], calendar="month")
    assert len(split) > 10 * len(whole)
    assert split.y.left.sum() == whole.y.left.sum()
    for robust in (False, True):
        fits = [CoxPH(ties=ties, robust=robust).fit(table.X, table.y) for table in (whole, split)]
        np.testing.assert_allclose(fits[1].coef_, fits[0].coef_, rtol=1e-10)
        np.testing.assert_allclose(fits[1].covariance_, fits[0].covariance_, rtol=1e-10)
        new = pd.DataFrame({"joining_survey": [2.0, 8.0]})
        np.testing.assert_allclose(
            fits[1].predict_risk(new, [6, 12, 24]),
            fits[0].predict_risk(new, [6, 12, 24]),
            rtol=1e-10,
        )
    found = [
        fit_cox(
            table.X.to_numpy(), table.y.exit, table.y.left, table.y.entry, ties=ties
        ).log_likelihood
        for table in (whole, split)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10)


def test_tmerge_of_r_splits_alike() -> None:
    """R 4.2.2, survival 3.5-3.

    base <- tmerge(p, p, id = id, gone = event(months, left))
    base <- tmerge(base, s, id = id, morale = tdc(month, morale), surveys = cumtdc(month),
                   options = list(tdcstart = 5))  # 137 rows
    coxph(Surv(tstart, tstop, gone) ~ joining + morale + surveys, data = base,
          control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
    """
    table = build_episodes(stays(), features=["joining_survey"], attributes=[MORALE, SURVEYS])
    first_day = 7  # surveys of the first day, which we take up a day later
    assert len(table) == 137 + first_day
    model = CoxPH().fit(table.X, table.y)
    np.testing.assert_allclose(
        model.coef_,
        [0.11798965041219985, -0.10999853055813955, -0.11071589818560365],
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        model.covariance_,
        [
            [2.2856206576064245e-03, -6.4371433107433419e-05, -0.00064559959467574838],
            [-6.4371433107433419e-05, 5.0117541352144718e-03, 0.00065064333619232193],
            [-6.4559959467574838e-04, 6.5064333619232193e-04, 0.02126687387162982598],
        ],
        rtol=1e-8,
    )
    robust = CoxPH(robust=True).fit(table.X, table.y)  # cluster = id
    np.testing.assert_allclose(
        robust.covariance_,
        [
            [1.7803641559289024e-03, 0.00012474738385617542, -1.7781307837540501e-05],
            [1.2474738385617542e-04, 0.00502288321755898614, 2.6097936135920736e-04],
            [-1.7781307837540501e-05, 0.00026097936135920736, 2.1515622837319930e-02],
        ],
        rtol=1e-8,
    )


# ------------------------------------------------------------- properties

DAYS = st.dates(dt.date(2019, 11, 1), dt.date(2021, 6, 1))


@given(
    records=st.lists(
        st.tuples(st.sampled_from("abc"), DAYS, st.integers(0, 10)),
        max_size=15,
        unique_by=lambda each: each[:2],
    ),
    leave=DAYS,
    change=DAYS,
)
def test_what_comes_later_changes_no_stretch_that_has_begun(
    records: list[Any], leave: dt.date, change: dt.date
) -> None:
    left = max(leave, dt.date(2020, 2, 1)).isoformat()
    lives = {
        "a": ("2020-02-01", left, left),
        "b": ("2020-02-29", None, "2021-05-01"),
        "c": ("2020-02-01", None, "2020-02-01"),  # seen for no longer than a moment
    }
    now, later = (
        build_episodes(people(lives, each), features=[], attributes=[MORALE, SURVEYS])
        for each in (records, [(i, d, 10 - m if d > change else m) for i, d, m in records])
    )
    begun = now.on <= np.datetime64(change) + 1
    pd.testing.assert_frame_equal(now.X[begun], later.X[begun])
    # Every stretch has a length, they lie end to end, and make up the person's time.
    whole = build_features(people(lives), features=["specialism"]).y
    y = now.y
    assert ((y.exit > y.entry) | (y.exit == 0)).all()
    inner = y.people[1:] == y.people[:-1]
    np.testing.assert_array_equal(y.entry[1:][inner], y.exit[:-1][inner])
    length = np.bincount(y.people, y.exit - y.entry)
    np.testing.assert_allclose(length, whole.exit - whole.entry)
    np.testing.assert_array_equal(np.bincount(y.people, y.left), whole.left)


@pytest.mark.slow
def test_many_people_are_split_quickly() -> None:
    """Twenty thousand people with ten records each; 0.5 s on a virtual machine with two cores."""
    rng = np.random.default_rng(0)
    n, each = 20_000, 10
    start = np.datetime64("2010-01-01") + rng.integers(0, 3000, n)
    seen = start + rng.integers(300, 2000, n)
    owner = np.repeat(np.arange(n), each)
    days = start[owner] + (rng.random(n * each) * (seen - start)[owner].astype(int)).astype(int)
    frame = pd.DataFrame(
        {
            "trainee_id": np.arange(n).astype(str),
            "specialism": "one",
            "start_date": pd.to_datetime(start),
            "last_seen_date": pd.to_datetime(seen),
            "joining_survey": rng.normal(size=n),
        }
    )
    surveys = pd.DataFrame({"trainee_id": owner.astype(str), "date": pd.to_datetime(days)})
    surveys = surveys.assign(morale=5.0).drop_duplicates(["trainee_id", "date"])
    made = People(trainees=frame, tables={"surveys": surveys.reset_index(drop=True)}, scheme="any")
    began = time.perf_counter()
    table = build_episodes(made, features=["specialism", "joining_survey"])
    assert time.perf_counter() - began < 3
    assert len(table) > 200_000


def _tenure(known: Known) -> Any:
    return known.months


def test_what_moves_with_time_is_told_at_the_beginning() -> None:
    tenure = Attribute(
        name="tenure",
        kind="number",
        meaning="months so far",
        sources=("start_date",),
        derive=_tenure,
        moves=True,
    )
    made = people({"a": ("2020-01-01", None, "2020-07-01")}, [("a", "2020-04-01", 3)])
    table = build_episodes(made, features=[], attributes=[tenure])
    np.testing.assert_allclose(table.X["tenure"], [0, 3 + 1 / 30])  # the day after the record
