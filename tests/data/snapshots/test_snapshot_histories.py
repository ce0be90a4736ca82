"""Hand-worked histories: entry, leaving, absences, returners, the census."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from extracts import MONTHS, history, of, rows, staff

import gmts_models as gm
from gmts_models.data.endpoints import build_outcome
from gmts_models.errors import DataError, InputError


def test_who_stays_is_seen_until_the_census_and_who_is_missed_has_left():
    checked = gm.from_snapshots(staff(rows("b", range(4))))
    # The last snapshot is of August. Who was last seen in May is confirmed to be away by then;
    # such a person is first missed in June: the census.
    assert checked.valid.census_date == pd.Timestamp("2021-06-30")
    assert checked.valid.resolution == "month"
    stays, left = history(checked, "always"), history(checked, "b")
    assert (stays["leave_nhs_date"], stays["last_seen_date"]) == (None, "2021-06-30")
    assert (left["leave_nhs_date"], left["last_seen_date"]) == ("2021-01-31", "2021-01-31")
    assert left["start_date"] == "2020-09-01"
    assert left["first_seen_date"] == "2020-09-30"
    assert left["cohort"] == "2020-09"
    assert checked.n_rejected == 0


@pytest.mark.parametrize(
    ("leaving_date", "day"),
    [("first_missed", "2021-01-31"), ("last_seen", "2020-12-31"), ("midpoint", "2021-01-16")],
)
def test_a_departure_is_dated_within_its_gap(leaving_date, day):
    checked = gm.from_snapshots(staff(rows("b", range(4))), leaving_date=leaving_date)
    assert history(checked, "b")["leave_nhs_date"] == day


def test_departures_are_spread_by_default_only_where_snapshots_are_far_apart():
    monthly = staff(*[rows(f"p{i}", range(4)) for i in range(40)])
    told = gm.from_snapshots(monthly).valid.trainees["leave_nhs_date"].dropna()
    assert set(told) == {pd.Timestamp("2021-01-31")}
    years = pd.DataFrame(
        [(f"p{i}", year) for i in range(40) for year in range(2010, 2015 if i < 2 else 2012)],
        columns=["trainee_id", "snapshot_date"],
    )
    how = {"specialism": "Finance", "unknown_start": "first_snapshot"}
    yearly = gm.from_snapshots(years, **how).valid.trainees
    spread = gm.from_snapshots(years, **how, leaving_date="spread").valid.trainees
    pd.testing.assert_frame_equal(yearly, spread)
    assert yearly["leave_nhs_date"].nunique() > 20


def test_departures_can_be_spread_evenly_over_their_gap_and_always_alike():
    people = [rows(f"p{i}", range(4)) for i in range(400)]
    frame = staff(*people)
    first = gm.from_snapshots(frame, leaving_date="spread").valid.trainees
    alone = gm.from_snapshots(staff(people[7]), leaving_date="spread")
    days = (first["leave_nhs_date"].dropna() - pd.Timestamp("2020-12-31")).dt.days
    assert len(days) == 400
    assert (days.min(), days.max()) == (1, 31)
    assert abs(days.mean() - 16) < 4 * np.sqrt((31**2 - 1) / 12 / 400)
    mine = first.loc[first["trainee_id"] == "p7", "leave_nhs_date"].dt.strftime("%Y-%m-%d")
    assert history(alone, "p7")["leave_nhs_date"] == mine.item()


@pytest.mark.parametrize(
    ("away", "grace", "left"),
    [
        ([4, 5], 3, None),  # last seen in December, back in March: 3 months
        ([4, 5, 6], 3, "2021-01-31"),  # back in April: 4 months
        ([4], 2, None),
        ([4], 1, "2021-01-31"),
        ([4], 0, "2021-01-31"),
    ],
)
def test_an_absence_within_the_grace_period_is_no_departure(away, grace, left):
    there = [i for i in range(12) if i not in away]
    checked = gm.from_snapshots(staff(rows("b", there)), grace_months=grace)
    assert history(checked, "b")["leave_nhs_date"] == left
    counts = checked.counts.set_index("what")["count"]
    assert counts["people who left and came back"] == (left is not None)
    assert counts["absences within the grace period"] == (left is None)


def test_months_of_an_absence_are_those_of_the_calendar_whatever_the_day():
    # 28 February to 31 May are more than three months by the day.
    dates = ["2021-02-28", "2021-03-31", "2021-04-30", "2021-05-31", "2021-06-30", "2021-09-30"]
    frame = pd.DataFrame(
        [("a", day) for day in dates] + [("b", day) for day in (dates[0], *dates[3:])],
        columns=["trainee_id", "snapshot_date"],
    ).assign(start_date="2021-02-01")
    checked = gm.from_snapshots(frame, specialism="Finance", irregular=True)
    assert history(checked, "b")["leave_nhs_date"] is None


@pytest.mark.parametrize(("grace", "census"), [(0, 11), (1, 11), (3, 9), (6, 6), (10, 2), (11, 1)])
def test_the_census_is_the_last_date_by_which_absence_and_leaving_can_be_told_apart(grace, census):
    checked = gm.from_snapshots(staff(), grace_months=grace)
    assert checked.valid.census_date == pd.Timestamp(MONTHS[census])


def test_who_is_missed_before_the_end_of_the_grace_period_is_still_there_at_the_census():
    frame = staff(rows("last", range(9)), rows("too late", range(10)))
    checked = gm.from_snapshots(frame)
    assert history(checked, "last")["leave_nhs_date"] == "2021-06-30"
    late = history(checked, "too late")
    assert (late["leave_nhs_date"], late["last_seen_date"]) == (None, "2021-06-30")
    assert of(checked.valid.tables["changes"], "too late").empty


def test_too_much_grace_for_the_snapshots_is_an_error():
    with pytest.raises(InputError, match="no absence can be told") as caught:
        gm.from_snapshots(staff(), grace_months=12)
    assert caught.value.where == "grace_months"


def test_weekly_extracts_count_a_month_when_it_is_over():
    days = pd.date_range("2021-01-04", "2021-06-07", freq="7D")
    frame = pd.DataFrame({"trainee_id": "a", "snapshot_date": days, "start_date": "2020-01-01"})
    checked = gm.from_snapshots(frame, specialism="Finance", grace_months=2)
    # Of those last seen in April, a return within two months may still come in June.
    assert checked.valid.census_date == pd.Timestamp("2021-04-05")
    assert checked.valid.resolution == "day"


# ----------------------------------------------------------------- entry


def test_observation_begins_with_the_snapshot_that_first_has_a_person():
    frame = staff(
        rows("old", range(6), start_date="2015-09-01"),
        rows("between", range(3, 12), start_date="2020-12-14"),
        rows("same day", range(3, 12), start_date="2020-12-31"),
        rows("transferred", range(3, 12), start_date="2018-03-01"),
    )
    checked = gm.from_snapshots(frame)
    assert history(checked, "old")["first_seen_date"] == "2020-09-30"
    assert history(checked, "between")["first_seen_date"] == "2020-12-31"
    assert history(checked, "same day")["first_seen_date"] == "2020-12-31"
    assert history(checked, "transferred")["first_seen_date"] == "2020-12-31"
    y = build_outcome(checked.valid).y
    by_id = dict(zip(checked.valid.trainees["trainee_id"], y.entry, strict=True))
    assert by_id["same day"] == 0
    assert by_id["between"] == pytest.approx(17 / 31)
    assert by_id["old"] == pytest.approx(60 + 29 / 30)


def test_a_joiner_without_a_start_starts_when_first_seen_and_others_are_rejected():
    frame = staff(
        rows("joiner", range(3, 12), start_date=None), rows("unknown", range(12), start_date=None)
    )
    checked = gm.from_snapshots(frame)
    joiner = history(checked, "joiner")
    assert joiner["start_date"] == joiner["first_seen_date"] == "2020-12-31"
    assert checked.valid.trainees["trainee_id"].tolist() == ["always", "joiner"]
    assert set(checked.rejected["reason"]) == {
        "start_date is missing, and the person is in the first snapshot"
    }
    assert checked.n_rejected == 12
    assert "unknown_start='first_snapshot'" in checked.rejected.loc[0, "fix"]
    counted = gm.from_snapshots(frame, unknown_start="first_snapshot")
    assert history(counted, "unknown")["start_date"] == "2020-09-30"
    assert counted.n_rejected == 0


def test_the_start_may_come_from_a_later_row_and_the_first_one_given_counts():
    starts = [None, "2020-08-03", "2020-08-03", "2020-08-10"]
    checked = gm.from_snapshots(staff(rows("b", range(4), start_date=starts)))
    assert history(checked, "b")["start_date"] == "2020-08-03"
    assert checked.noted["reason"].tolist() == [
        "start_date differs from an earlier snapshot of the person"
    ]
    assert checked.noted["row"].tolist() == [15]
    assert checked.n_rejected == 0


def test_who_is_first_seen_after_the_census_is_not_followed_yet():
    checked = gm.from_snapshots(staff(rows("new", [10, 11], start_date="2021-07-05")))
    assert len(checked.valid) == 1
    assert checked.rejected["row"].tolist() == [12, 13]
    assert set(checked.rejected["column"]) == {"snapshot_date"}


# ------------------------------------------------------------- returners


def test_the_first_departure_of_a_returner_counts_unless_the_last_is_asked_for():
    frame = staff(rows("b", [0, 1, 6, 7]), rows("c", [0, 1, 6, 7, 8, 9, 10, 11]))
    first = gm.from_snapshots(frame)
    assert history(first, "b")["leave_nhs_date"] == "2020-11-30"
    assert history(first, "c")["leave_nhs_date"] == "2020-11-30"
    last = gm.from_snapshots(frame, returners="last_departure")
    assert history(last, "b")["leave_nhs_date"] == "2021-05-31"
    assert history(last, "c")["leave_nhs_date"] is None
    for checked in (first, last):
        changes = of(checked.valid.tables["changes"], "b")
        assert changes["change"].tolist() == ["left", "returned", "left"]
        assert changes["date"].tolist() == ["2020-11-30", "2021-03-31", "2021-05-31"]
        assert changes["after_date"].tolist() == ["2020-10-31", "2021-02-28", "2021-04-30"]
        assert checked.counts.set_index("what")["count"]["people who left and came back"] == 2


def test_a_returner_may_have_a_new_start_date():
    starts = ["2020-09-01", "2020-09-01", "2021-03-08", "2021-03-08"]
    checked = gm.from_snapshots(staff(rows("b", [0, 1, 6, 7], start_date=starts)))
    assert history(checked, "b")["start_date"] == "2020-09-01"
    assert checked.noted.empty


# ----------------------------------------------------------- leaving told


def leaver(who: str, told: int, day: str, destination: str | None = None) -> pd.DataFrame:
    return rows(who, [told], leave_nhs_date=day, destination=destination)


def test_the_day_in_a_row_of_a_leaver_counts_with_its_destination():
    frame = staff(rows("b", range(4)), leaver("b", 4, "2021-01-11", "private sector"))
    checked = gm.from_snapshots(frame)
    found = history(checked, "b")
    assert (found["leave_nhs_date"], found["destination"]) == ("2021-01-11", "private sector")
    assert of(checked.valid.tables["changes"], "b")["date"].tolist() == ["2021-01-31"]
    assert of(checked.valid.tables["roles"], "b")["end_date"].tolist() == ["2021-01-11"]
    assert checked.valid.resolution == "day"
    assert checked.n_rejected == len(checked.noted) == 0


def test_a_row_of_a_leaver_on_the_snapshots_own_date_is_of_a_leaver():
    frame = staff(rows("b", range(4)), leaver("b", 4, MONTHS[4]))
    assert history(gm.from_snapshots(frame), "b")["leave_nhs_date"] == MONTHS[4]


def test_a_day_told_some_snapshots_later_counts_too():
    frame = staff(rows("b", range(4)), leaver("b", 7, "2021-02-15"), leaver("b", 8, "2021-02-15"))
    assert history(gm.from_snapshots(frame), "b")["leave_nhs_date"] == "2021-02-15"


def test_a_planned_day_counts_once_the_person_is_missed_unless_it_lies_after_that():
    held = rows("held", range(4), leave_nhs_date="2021-01-20")
    earlier = rows("earlier", range(4), leave_nhs_date="2021-05-20")
    stays = rows("stays", range(12), leave_nhs_date="2030-01-01")
    checked = gm.from_snapshots(staff(held, earlier, stays))
    assert history(checked, "held")["leave_nhs_date"] == "2021-01-20"
    assert history(checked, "earlier")["leave_nhs_date"] == "2021-01-31"
    assert history(checked, "stays")["leave_nhs_date"] is None


def test_a_leaving_that_was_entered_late_counts_and_the_late_rows_do_not():
    frame = staff(rows("b", range(6)), leaver("b", 6, "2021-01-15"))
    checked = gm.from_snapshots(frame)
    assert history(checked, "b")["leave_nhs_date"] == "2021-01-15"
    assert checked.noted["row"].tolist() == [12 + 4, 12 + 5]
    assert set(checked.noted["reason"]) == {
        "the person had left by this snapshot, as a later one says"
    }


def test_a_leaving_that_a_long_stay_contradicts_is_rejected():
    frame = staff(rows("b", range(8)), leaver("b", 8, "2020-11-15"))
    checked = gm.from_snapshots(frame)
    assert history(checked, "b")["leave_nhs_date"] == "2021-05-31"
    assert checked.rejected["row"].tolist() == [20]
    assert checked.rejected["column"].tolist() == ["leave_nhs_date"]


def test_a_change_of_employer_is_no_leaving():
    frame = staff(rows("b", range(12)), leaver("b", 4, "2021-01-11"))
    checked = gm.from_snapshots(frame)
    assert history(checked, "b")["leave_nhs_date"] is None
    assert checked.noted["reason"].tolist() == [
        "the person is in post in this snapshot by another row"
    ]
    gap = staff(rows("b", [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]), leaver("b", 4, "2021-01-11"))
    checked = gm.from_snapshots(gap)
    assert history(checked, "b")["leave_nhs_date"] is None
    assert "did not leave" in checked.noted.loc[0, "reason"]


def test_who_is_known_by_a_row_of_a_leaver_alone_counts_where_extracts_cover_periods():
    frame = staff(
        leaver("short", 4, "2021-01-28", "other").assign(start_date="2021-01-04"),
        leaver("first", 0, "2020-09-10", "other"),
        leaver("told late", 6, "2020-12-10").assign(start_date="2020-12-01"),
    )
    checked = gm.from_snapshots(frame)
    assert len(checked.valid) == 1
    assert checked.n_rejected == 3
    assert "covers='period'" in checked.rejected.loc[0, "fix"]
    checked = gm.from_snapshots(frame, covers="period")
    found = history(checked, "short")
    assert found["first_seen_date"] == found["start_date"] == "2021-01-04"
    assert found["leave_nhs_date"] == "2021-01-28"
    # The extract before the first would have been that of 31 August.
    assert history(checked, "first")["first_seen_date"] == "2020-09-01"
    assert checked.rejected["row"].tolist() == [14]
    assert of(checked.valid.tables["changes"], "short")["change"].tolist() == ["joined", "left"]
    assert of(checked.valid.tables["changes"], "first")["change"].tolist() == ["left"]


def test_an_event_ends_the_stay_with_its_period():
    panel = pd.DataFrame(
        {
            "id": ["a", "a", "a", "b", "b"],
            "year": [2010, 2011, 2012, 2010, 2011],
            "why": ["0", "0", "0", "0", "private sector"],
        }
    )
    checked = gm.from_snapshots(
        panel,
        id="id",
        date="year",
        columns={"event": "why"},
        specialism="Finance",
        unknown_start="first_snapshot",
    )
    left = history(checked, "b")
    assert (left["leave_nhs_date"], left["destination"]) == ("2011-12-31", "private sector")
    assert checked.valid.resolution == "day"


# ------------------------------------------------------------ the sequence


def test_a_missing_month_is_an_error_that_names_it():
    frame = staff(rows("b", range(4)))
    with_gap = frame[~frame["snapshot_date"].isin([MONTHS[2], MONTHS[6], MONTHS[7]])]
    with pytest.raises(InputError, match="2020-11, 2021-03, 2021-04"):
        gm.from_snapshots(with_gap)
    checked = gm.from_snapshots(with_gap, irregular=True)
    assert history(checked, "b")["leave_nhs_date"] == "2021-01-31"


def test_a_month_that_is_missing_since_its_rows_are_rejected_is_told_as_such():
    frame = staff(rows("b", range(4)))
    frame["snapshot_date"] = frame["snapshot_date"].replace(MONTHS[5], "28.2")
    with pytest.raises(InputError, match="2021-02") as caught:
        gm.from_snapshots(frame)
    assert "rows that do not count: 1; the commonest reason: snapshot" in str(caught.value.fix)


def test_a_missing_year_and_a_missing_week_are_errors_too():
    years = pd.DataFrame({"trainee_id": "a", "snapshot_date": [2010, 2011, 2013, 2014]})
    with pytest.raises(InputError, match="missing: 2012-12"):
        gm.from_snapshots(years, specialism="Finance", unknown_start="first_snapshot")
    weeks = pd.date_range("2021-01-04", periods=9, freq="7D").delete(4)
    frame = pd.DataFrame({"trainee_id": "a", "snapshot_date": weeks})
    with pytest.raises(InputError, match="after 2021-01-25"):
        gm.from_snapshots(frame, specialism="Finance", unknown_start="first_snapshot")


def test_a_single_date_has_no_follow_up():
    with pytest.raises(InputError, match="single snapshot date"):
        gm.from_snapshots(rows("a", [0]))


def test_leavers_alone_are_refused():
    frame = pd.concat([leaver("a", 1, "2020-10-02"), leaver("b", 2, "2020-11-02")])
    with pytest.raises(DataError, match="none of anyone in post"):
        gm.from_snapshots(frame, grace_months=0)


def test_yearly_extracts_lose_no_year_to_the_grace_period():
    frame = pd.DataFrame({"trainee_id": list("aaaabb"), "snapshot_date": [1, 2, 3, 4, 1, 2]})
    frame["snapshot_date"] += 2009
    checked = gm.from_snapshots(frame, specialism="Finance", unknown_start="first_snapshot")
    assert checked.valid.census_date == pd.Timestamp("2013-12-31")
    assert checked.valid.resolution == "year"
    assert "2011-12-31" < history(checked, "b")["leave_nhs_date"] <= "2012-12-31"
