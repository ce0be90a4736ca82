"""Staff-in-post extracts of the synthetic scheme: the same lives, seen on certain days."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import TRAINEES
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.months import months_between
from gmts_models.data.people import People
from gmts_models.data.snapshots.load import from_snapshots
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.files import write_snapshots
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.data.synthetic.snapshots import simulate_snapshots
from gmts_models.errors import InputError


@cache
def simulated() -> People:
    return simulate_trainees(7)


@cache
def monthly() -> pd.DataFrame:
    return simulate_snapshots(simulated(), day="first")


@cache
def messy() -> pd.DataFrame:
    return simulate_snapshots(simulated(), day="first", mess=True)


def by_hand() -> People:
    """Return four people: a stayer, one who leaves, one who withdraws, one who is lost."""
    dates = ["start_date", "scheme_end_date", "leave_scheme_date", "leave_nhs_date"]
    trainees = pd.DataFrame(
        [
            ["a", "Finance", "2020-09-01", "2021-01-15", None, None, "2021-03-01"],
            ["b", "Finance", "2020-09-01", "2021-01-15", "2020-11-01", "2020-11-01", "2020-11-01"],
            ["c", "Finance", "2020-09-15", "2021-09-15", "2020-12-01", None, "2021-03-01"],
            ["d", "Finance", "2020-09-01", "2021-09-01", None, None, "2020-12-01"],
        ],
        columns=["trainee_id", "specialism", *dates, "last_seen_date"],
    )
    placements = pd.DataFrame(
        [
            ["a", "2020-09-01", "2020-10-31", "LON-01"],
            ["a", "2020-11-01", "2021-01-14", "LON-02"],
            ["b", "2020-09-01", "2020-11-01", "LON-03"],
            ["c", "2020-09-15", "2020-12-01", "LON-04"],
            ["d", "2020-09-01", None, "LON-05"],
        ],
        columns=["trainee_id", "start_date", "end_date", "organisation"],
    ).assign(region="London", organisation_type="acute trust")
    roles = pd.DataFrame(
        [
            ["d", "2019-01-01", "2019-12-31", "LON-09", "Band 3", 0.6],
            ["c", "2020-12-02", None, "LON-08", "Band 5", 0.8],
            ["a", "2021-01-15", None, "SEE-07", "Band 7", 1.0],
        ],
        columns=["trainee_id", "start_date", "end_date", "organisation", "band", "fte"],
    ).assign(region="London", organisation_type="acute trust", role="manager")
    for frame in (trainees, placements, roles):
        for name in frame.columns[frame.columns.str.endswith("_date")]:
            frame[name] = pd.to_datetime(frame[name])
    return People(
        trainees=trainees,
        tables={"placements": placements, "roles": roles},
        census_date=pd.Timestamp("2021-03-01"),
    )


def test_extracts_by_hand() -> None:
    frame = simulate_snapshots(by_hand(), day="first")
    found = [
        (f"{row.snapshot_date:%Y-%m}", row.trainee_id, row.organisation, row.band, row.fte)
        for row in frame.itertuples()
    ]
    trainee = assumed.TRAINEE_BAND
    assert found == [
        ("2020-09", "a", "LON-01", trainee, 1.0),
        ("2020-09", "b", "LON-03", trainee, 1.0),
        ("2020-09", "d", "LON-05", trainee, 1.0),
        ("2020-10", "a", "LON-01", trainee, 1.0),
        ("2020-10", "b", "LON-03", trainee, 1.0),
        ("2020-10", "c", "LON-04", trainee, 1.0),
        ("2020-10", "d", "LON-05", trainee, 1.0),
        ("2020-11", "a", "LON-02", trainee, 1.0),  # b leaves on this day: no longer there
        ("2020-11", "c", "LON-04", trainee, 1.0),
        ("2020-11", "d", "LON-05", trainee, 1.0),
        ("2020-12", "a", "LON-02", trainee, 1.0),
        ("2020-12", "c", "LON-04", trainee, 1.0),  # withdraws on this day; the new post is later
        ("2020-12", "d", "LON-05", trainee, 1.0),  # last seen on this day: still there
        ("2021-01", "a", "LON-02", trainee, 1.0),
        ("2021-01", "c", "LON-08", "Band 5", 0.8),
        ("2021-02", "a", "SEE-07", "Band 7", 1.0),
        ("2021-02", "c", "LON-08", "Band 5", 0.8),
        ("2021-03", "a", "SEE-07", "Band 7", 1.0),
        ("2021-03", "c", "LON-08", "Band 5", 0.8),
    ]
    stay = simulate_snapshots(by_hand(), day="first", lost="stay")
    assert stay.groupby("trainee_id").size().to_dict() == {"a": 7, "b": 2, "c": 6, "d": 7}


def test_the_days_of_the_extracts() -> None:
    def dates(**arguments: object) -> list[str]:
        frame = simulate_snapshots(by_hand(), **arguments)
        return frame["snapshot_date"].dt.strftime("%Y-%m-%d").unique().tolist()

    assert dates() == [f"{x}" for x in ("2020-09-30", "2020-10-31", "2020-11-30", "2020-12-31")] + [
        "2021-01-31",
        "2021-02-28",
    ]
    assert dates(day="first", first="2021-01-02") == ["2021-02-01", "2021-03-01"]
    assert dates(first=dt.date(2021, 1, 31)) == ["2021-01-31", "2021-02-28"]
    assert dates(first="1999-01-01") == dates()
    assert dates(every="year") == ["2020-09-30"]
    assert dates(every="year", day="first") == ["2020-09-01"]
    years = simulate_snapshots(simulated(), every="year", first=np.datetime64("2015-02-10"))
    ends = years["snapshot_date"].unique()
    assert list(ends) == [
        pd.Timestamp(f"{year}-02-28") + pd.offsets.MonthEnd(0) for year in range(2015, 2024)
    ]


def test_in_post_are_those_who_started_and_have_not_left() -> None:
    frame, trainees = monthly(), simulated().trainees
    assert frame["snapshot_date"].nunique() == 12 * 12 + 1
    for date in ("2011-09-01", "2014-03-01", "2018-09-01", "2023-09-01"):
        day = pd.Timestamp(date)
        there = (trainees["start_date"] <= day) & ~(trainees["leave_nhs_date"] <= day)
        there &= trainees["last_seen_date"] >= day
        seen = frame.loc[frame["snapshot_date"] == day, "trainee_id"]
        assert list(seen) == sorted(trainees.loc[there, "trainee_id"])
    assert not frame.duplicated(["trainee_id", "snapshot_date"]).any()
    assert frame["snapshot_date"].is_monotonic_increasing
    assert isinstance(frame.index, pd.RangeIndex)
    assert not frame.drop(columns=["joining_survey"]).isna().any(axis=None)


def test_rows_hold_what_was_known_at_the_start_and_the_post_of_the_day() -> None:
    frame, people = monthly(), simulated()
    known = [column.name for column in TRAINEES if column.known == "start"]
    assert set(frame) == {
        *known,
        "trainee_id",
        "snapshot_date",
        "organisation",
        "organisation_type",
        "band",
        "role",
        "fte",
    }
    mine = people.trainees.set_index("trainee_id").loc[frame["trainee_id"]].reset_index()
    for name in known:
        if name != "region":
            pd.testing.assert_series_equal(frame[name], mine[name])
    on_scheme = frame["snapshot_date"] < frame["scheme_end_date"]
    withdrew = mine["leave_scheme_date"] < frame["snapshot_date"]
    trainee = frame["role"] == assumed.TRAINEE_ROLE
    assert (trainee == (on_scheme & ~withdrew)).all()
    assert (frame.loc[trainee, "region"] == mine.loc[trainee, "region"]).all()
    assert (frame.loc[trainee, "fte"] == 1).all()
    posts = pd.concat([people.tables["placements"], people.tables["roles"]])
    both = frame.sample(2000, random_state=1).merge(posts, on="trainee_id", suffixes=("", "_post"))
    date, begin = both["snapshot_date"], both["start_date_post"]
    held = both[(begin <= date) & ~(both["end_date"] < date)]
    assert len(held) == 2000
    assert (held["organisation"] == held["organisation_post"]).all()
    assert (held["organisation_type"] == held["organisation_type_post"]).all()


def test_people_read_from_their_tables_give_the_same_extracts() -> None:
    people = simulated()
    shuffled = {
        name: people.tables[name].sample(frac=1, random_state=2) for name in ("placements", "roles")
    }
    again = replace(people, tables=shuffled, truth=None)
    pd.testing.assert_frame_equal(simulate_snapshots(again, day="first"), monthly())


def test_a_later_first_extract_shows_the_same_rows_from_then_on() -> None:
    later = simulate_snapshots(simulated(), day="first", first="2016-05-20")
    rows = monthly()[monthly()["snapshot_date"] > "2016-05-20"].reset_index(drop=True)
    pd.testing.assert_frame_equal(later, rows)


# ---------------------------------------------------------------- mess


def test_the_mess_is_the_same_of_a_seed() -> None:
    pd.testing.assert_frame_equal(simulate_snapshots(simulated(), day="first", mess=True), messy())
    other = simulate_snapshots(simulated(), day="first", mess=True, seed=2)
    assert not other.equals(messy())
    rng = np.random.default_rng(1)
    drawn = simulate_snapshots(simulated(), day="first", mess=True, seed=rng)
    pd.testing.assert_frame_equal(drawn, messy())


def test_second_posts_have_fewer_hours() -> None:
    frame = messy()
    second = frame["role"] == "bank staff"
    share = frame.loc[second, "trainee_id"].nunique() / frame["trainee_id"].nunique()
    assert 0.03 < share < 0.07
    main = frame[~second].set_index(["trainee_id", "snapshot_date"])["fte"]
    assert main.index.is_unique
    extra = frame[second].set_index(["trainee_id", "snapshot_date"])["fte"]
    assert extra.index.is_unique
    beside = extra.index.intersection(main.index)
    assert len(beside) > 0.95 * len(extra)  # some are away from one post but not the other
    assert (extra[beside] < main[beside]).all()


def test_some_are_away_for_a_month_or_two_but_nobody_loses_the_first_or_last_row() -> None:
    clean = monthly().groupby("trainee_id")["snapshot_date"]
    seen = messy().drop_duplicates(["trainee_id", "snapshot_date"])
    found = seen.groupby("trainee_id")["snapshot_date"]
    pd.testing.assert_series_equal(found.min(), clean.min())
    pd.testing.assert_series_equal(found.max(), clean.max())
    away = clean.size() - found.size()
    assert set(away) == {0, 1, 2}
    assert 0.03 < (away > 0).mean() < 0.07


def test_start_dates_are_missing_here_and_there() -> None:
    frame = messy()
    missing = frame["start_date"].isna()
    assert 0.03 < missing.mean() < 0.06
    never = missing.groupby(frame["trainee_id"]).all()
    assert 0 < never.mean() < 0.03
    unchanged = [name for name in frame if name not in ("start_date", "fte", "role", "band")]
    assert not frame[unchanged].drop(columns=["joining_survey"]).isna().any(axis=None)


# -------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": "week"}, "every must be month or year"),
        ({"day": "last"}, "day must be end or first"),
        ({"lost": True}, "lost must be vanish or stay"),
        ({"mess": "yes"}, "mess must be"),
        ({"first": "soon"}, "first is not a day"),
        ({"first": pd.NaT}, "first is not a day"),
        ({"first": "2021-03-02"}, "no extract"),
        ({"seed": -1, "mess": True}, "seed must be"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate_snapshots(by_hand(), **arguments)


def test_people_without_what_is_needed() -> None:
    ready = pd.DataFrame({"duration_months": [1.0], "event": [0]})
    with pytest.raises(InputError, match="need people with dates"):
        simulate_snapshots(People(trainees=ready))
    with pytest.raises(InputError, match="no table of placements and roles"):
        simulate_snapshots(replace(by_hand(), tables={}))


def test_one_file_for_each_date(tmp_path: Path) -> None:
    frame = simulate_snapshots(by_hand())
    names = write_snapshots(frame, tmp_path / "extracts", "parquet")
    assert (tmp_path / "extracts" / "SYNTHETIC.md").is_file()
    assert names[0] == "staff_2020-09-30.parquet"
    back = [pd.read_parquet(tmp_path / "extracts" / name) for name in names]
    pd.testing.assert_frame_equal(pd.concat(back, ignore_index=True), frame)


def test_people_whose_tables_lack_something_have_gaps() -> None:
    people = by_hand()
    placements = people.tables["placements"].query("trainee_id != 'b'").drop(columns="region")
    trainees = people.trainees.drop(columns=["leave_nhs_date", "scheme_end_date"])
    poorer = replace(people, trainees=trainees, tables={**people.tables, "placements": placements})
    frame = simulate_snapshots(poorer, day="first")
    assert len(frame) == len(simulate_snapshots(people, day="first")) + 1  # b is there when lost
    b = frame["trainee_id"] == "b"
    assert (frame["organisation"].isna() == b).all()
    assert frame["fte"].dtype == float
    assert frame.loc[frame["role"] == assumed.TRAINEE_ROLE, "region"].isna().all()


# ------------------------------------------------- read back as people


def outcome_of(people: People) -> pd.DataFrame:
    """Return entry, exit and event of leaving the NHS by trainee."""
    followed = build_outcome(people, "left_nhs")
    ids = people.trainees["trainee_id"].iloc[followed.rows]
    y = followed.y
    return pd.DataFrame({"entry": y.entry, "exit": y.exit, "left": y.left}, index=ids.to_numpy())


def lost_ids(people: People) -> pd.Index:
    frame = people.trainees
    lost = frame["leave_nhs_date"].isna() & (frame["last_seen_date"] < people.census_date)
    return pd.Index(frame.loc[lost, "trainee_id"])


def test_tables_and_extracts_give_the_same_outcome() -> None:
    """Everyone leaves on the first of a month, so that extracts of these days lose nothing."""
    people = simulated()
    checked = from_snapshots(monthly(), grace_months=0)
    assert len(checked.rejected) == 0
    assert checked.valid.census_date == people.census_date
    told, shown = outcome_of(people), outcome_of(checked.valid)
    assert set(told.index) == set(shown.index)
    lost = lost_ids(people)
    assert len(lost) > 20
    pd.testing.assert_frame_equal(told.drop(lost), shown.loc[told.index].drop(lost))
    assert told["left"].sum() > 400
    # The lost look like leavers of the day of the first extract without them.
    expected = told.loc[lost].assign(exit=told.loc[lost, "exit"] + 1, left=True)
    pd.testing.assert_frame_equal(shown.loc[lost], expected)


def test_the_lost_that_stay_in_the_extracts_look_like_stayers() -> None:
    people = simulated()
    frame = simulate_snapshots(people, day="first", lost="stay")
    shown = outcome_of(from_snapshots(frame, grace_months=0).valid)
    told, lost = outcome_of(people), lost_ids(people)
    pd.testing.assert_frame_equal(told.drop(lost), shown.loc[told.index].drop(lost))
    assert not shown.loc[lost, "left"].any()
    start = people.trainees.set_index("trainee_id").loc[lost, "start_date"]
    months = months_between(start, people.census_date.to_numpy())
    assert (shown.loc[lost, "exit"] == months).all()


def test_extracts_that_begin_late_show_people_from_then_on() -> None:
    people = simulated()
    first = pd.Timestamp("2016-06-01")
    frame = simulate_snapshots(people, day="first", first="2016-05-20")
    shown = outcome_of(from_snapshots(frame, grace_months=0).valid)
    start = people.trainees.set_index("trainee_id")["start_date"]
    entry = pd.Series(np.maximum(months_between(start, first.to_numpy()), 0), start.index)
    told = outcome_of(people).assign(entry=entry)
    told = told[(told["exit"] > entry) | ((told["exit"] >= entry) & ~told["left"])]
    told = told.drop(lost_ids(people), errors="ignore")
    assert (told["entry"] > 0).sum() > 500
    pd.testing.assert_frame_equal(shown.loc[told.index], told)
    assert set(shown.index) - set(told.index) <= set(lost_ids(people))


def test_month_ends_are_late_by_less_than_a_month() -> None:
    people = simulated()
    frame = simulate_snapshots(people, day="end")
    told = outcome_of(people).drop(lost_ids(people))
    shown = outcome_of(from_snapshots(frame, grace_months=0).valid).loc[told.index]
    left = told["left"] & shown["left"]
    assert left.sum() > 400
    late = (shown["exit"] - told["exit"])[left]
    assert late.between(0.9, 1).all()  # left on the first, missed on the last of the month
    # Only those who left on the very census, a day after the last extract, are not seen to leave.
    missed = told["left"] & ~shown["left"]
    census = people.trainees.set_index("trainee_id")["leave_nhs_date"] == people.census_date
    assert set(told.index[missed]) <= set(census.index[census])


def test_the_mess_can_be_cleared_away() -> None:
    people = simulated()
    checked = from_snapshots(messy(), grace_months=3, unknown_start="first_snapshot")
    shown = outcome_of(checked.valid)
    known = people.trainees.set_index("trainee_id")
    told = outcome_of(people).drop(lost_ids(people))
    # Who has left within the grace period may come back: the census is earlier.
    until = months_between(
        known.loc[told.index, "start_date"], checked.valid.census_date.to_numpy()
    )
    told["left"] &= told["exit"] <= until
    told["exit"] = np.minimum(told["exit"], until)
    told = told[until >= 0]
    assert len(told) > 2000
    pd.testing.assert_frame_equal(shown.loc[told.index], told)
