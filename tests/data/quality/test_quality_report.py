"""The data-quality report: gaps, odd values, young cohorts, copies, drift."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.data.people import Checked, People
from gmts_models.data.quality.drift import find_drift
from gmts_models.data.quality.gaps import count_gaps
from gmts_models.data.quality.report import quality_report
from gmts_models.data.quality.suspicious import find_suspicious
from gmts_models.errors import InputError

CENSUS = pd.Timestamp("2023-09-01")


def trainees(n: int = 40, **columns: Any) -> pd.DataFrame:
    """Make n trainees of two cohorts, half of each; columns are laid over them."""
    start = pd.to_datetime(np.where(np.arange(n) < n // 2, "2019-09-02", "2020-09-01"))
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i:03d}" for i in range(n)],
            "specialism": "Finance",
            "cohort": np.where(np.arange(n) < n // 2, "2019-09", "2020-09"),
            "start_date": start,
            "scheme_end_date": start + pd.DateOffset(months=30),
            "leave_nhs_date": pd.NaT,
            "last_seen_date": CENSUS,
        }
    )
    return frame.assign(**columns).astype({"leave_nhs_date": "datetime64[ns]"})


def people(frame: pd.DataFrame | None = None, **rest: Any) -> People:
    made = trainees() if frame is None else frame
    return People(trainees=made, census_date=CENSUS, resolution="day", **rest)


def checked(valid: People, **rest: Any) -> Checked:
    nothing = pd.DataFrame(columns=["table", "row", "column", "reason", "fix"])
    return Checked(**{"valid": valid, "rejected": nothing, "n_rows": len(valid), **rest})


def told(found: People) -> dict[str, int]:
    return {each["what"]: each["rows"] for each in find_suspicious(found)}


# ---------------------------------------------------------------- gaps


def test_gaps_are_of_those_who_should_have_a_value() -> None:
    frame = trainees(
        leave_nhs_date=pd.to_datetime(["2021-03-01"] * 4 + [None] * 36),
        destination=["other", None, "other", None] + [None] * 36,
        joining_survey=[np.nan] * 10 + [7.0] * 30,
    )
    found = count_gaps(people(frame)).set_index(["column", "cohort"])
    assert list(found.loc[("destination", "All"), ["n", "missing"]]) == [4, 2]
    assert found.loc[("joining_survey", "All"), "share"] == 0.25
    assert found.loc[("joining_survey", "2019-09"), "share"] == 0.5
    assert found.loc[("joining_survey", "2020-09"), "share"] == 0
    assert "leave_nhs_date" not in found.index.get_level_values("column")


def test_an_exam_has_no_rating_to_miss() -> None:
    records = pd.DataFrame(
        {
            "trainee_id": ["T000"] * 3,
            "date": pd.Timestamp("2020-01-01"),
            "assessment_type": ["exam", "competency", "competency"],
            "rating": [np.nan, 3, np.nan],
            "passed": pd.array([True, None, None], dtype="boolean"),
        }
    )
    found = count_gaps(people(tables={"assessments": records}))
    assert found[["column", "n", "missing"]].to_numpy().tolist() == [["rating", 2, 1]]


def test_an_open_placement_is_no_gap() -> None:
    records = pd.DataFrame(
        {"trainee_id": ["T000"], "start_date": [CENSUS], "end_date": [pd.NaT]}
    ).astype({"end_date": "datetime64[ns]"})
    assert not len(count_gaps(people(tables={"placements": records})))


def test_a_series_about_everywhere_misses_no_region() -> None:
    series = pd.DataFrame({"date": [CENSUS], "region": [None], "vacancies": [700.0]})
    assert not len(count_gaps(people(tables={"labour_market": series})))


# ---------------------------------------------------------- suspicious


def test_nothing_is_suspicious_of_ordinary_people() -> None:
    assert told(people()) == {}


def test_a_default_day_of_leaving_is_found_and_the_end_of_the_contract_is_not() -> None:
    days = pd.date_range("2021-01-03", periods=20, freq="17D").tolist()
    left = [pd.Timestamp("2022-05-13")] * 12 + days + [pd.NaT] * 8
    piled = told(people(trainees(leave_nhs_date=left)))
    assert piled["many leave on one and the same day, which is not their scheme's end"] == 12
    ended = trainees()
    ended["leave_nhs_date"] = ended["scheme_end_date"].where(np.arange(40) < 35)
    assert told(people(ended)) == {}


def test_leaving_at_the_turn_of_the_year_is_told_of_days_only() -> None:
    days = pd.date_range("2021-01-03", periods=20, freq="17D").tolist()
    turn = pd.to_datetime(["2020-12-31", "2021-12-31", "2022-01-01"] * 2).tolist()
    found = people(trainees(leave_nhs_date=turn + days + [pd.NaT] * 14))
    words = "many leave on 31 December or 1 January"
    assert told(found)[words] == 6
    assert words not in told(replace(found, resolution="month"))


def test_odd_trainees() -> None:
    frame = trainees(
        age_at_start=[17.0, 70.0] + [24.0] * 38,
        commute_minutes=[150.0] + [30.0] * 39,
        gender=[None] * 40,
    )
    frame.loc[0, "scheme_end_date"] = pd.Timestamp("2025-09-01")
    frame.loc[1, "leave_nhs_date"] = frame.loc[1, "start_date"]
    frame.loc[2:8, "last_seen_date"] = pd.Timestamp("2022-01-01")
    assert told(people(frame)) == {
        "under 18 or over 65 at the start": 2,
        "a commute of more than 120 minutes one way": 1,
        "not a single value": 40,
        "left on the first day": 1,
        "the scheme is more than 6 months from the specialism's usual length": 1,
        "more than 10 % were lost to follow-up before the census": 7,
    }


def test_ids_that_are_almost_the_same_are_told() -> None:
    ids = ["007", "7", "A1", "a 1", "0", "00", "70"] + [f"T{i:03d}" for i in range(33)]
    found = told(people(trainees(trainee_id=ids)))
    assert found == {"ids that differ in leading zeros, case or spaces only": 6}


def test_odd_placements() -> None:
    who = [f"T{i:03d}" for i in range(40)]
    frame = pd.DataFrame(
        {
            "trainee_id": [*who, "T000", "T001"],
            "start_date": pd.to_datetime(["2019-09-02"] * 40 + ["2020-09-01", "2021-06-01"]),
            "end_date": pd.to_datetime(["2020-08-31"] * 40 + ["2020-09-04", None]),
            "region": ["London"] * 41 + ["Midlands"],
        }
    )
    some = people(trainees(region="London"), tables={"placements": frame.drop(index=[5])})
    assert told(some) == {
        "a placement of less than 14 days": 1,
        "more than 2 months without a placement before this one": 1,
        "a placement of more than 24 months": 1,
        "a placement outside the trainee's region": 1,
        "trainees without any placement": 1,
    }


def test_odd_surveys_assessments_and_roles() -> None:
    scores = ["engagement", "morale", "support", "workload", "intention_to_leave"]
    surveys = pd.DataFrame([[5.0] * 5, [5, 6, 5, 5, 5], [np.nan] * 5], columns=scores).assign(
        trainee_id=["T000", "T000", "T001"],
        date=pd.to_datetime(["2020-03-01", "2020-03-04", "2020-03-01"]),
    )
    assessments = pd.DataFrame(
        {
            "trainee_id": ["T000"] * 4,
            "date": pd.to_datetime(["2020-01-01", "2020-06-01", "2020-01-01", "2020-06-01"]),
            "assessment_type": ["exam", "exam", "competency", "competency"],
            "subject": ["CIMA 1", "CIMA 1", "budgets", "budgets"],
            "rating": [np.nan, np.nan, 2, 3],
            "signed_off": pd.array([None, None, True, False], dtype="boolean"),
            "passed": pd.array([True, False, None, None], dtype="boolean"),
        }
    )
    roles = pd.DataFrame({"trainee_id": ["T000"], "start_date": [CENSUS], "fte": [37.5]})
    market = pd.DataFrame({"date": [pd.Timestamp("2021-01-01")], "unemployment_rate": [4.0]})
    tables = {"surveys": surveys, "assessments": assessments, "roles": roles}
    assert told(people(tables={**tables, "labour_market": market})) == {
        "the same score in every question": 1,
        "another survey less than a week before": 1,
        "an exam taken again after it was passed": 1,
        "a competency that is signed off no longer": 1,
        "signed off with a rating of 1 or 2": 1,
        "a post of more than 1.2 full-time equivalents": 1,
        "the series ends more than 12 months before the census": 1,
    }


# --------------------------------------------------------------- drift


def test_a_new_label_and_a_shifted_number_are_found() -> None:
    rng = np.random.default_rng(1)
    n = 200
    frame = trainees(
        n,
        entry_route=["open"] * 100 + ["open"] * 60 + ["apprenticeship"] * 40,
        commute_minutes=np.r_[rng.normal(30, 5, 100), rng.normal(40, 5, 100)],
        joining_survey=rng.normal(7, 1, n),
    )
    found = {(each["column"], each["cohort"]): each for each in find_drift(people(frame))}
    assert set(found) == {
        (c, k) for c in ("entry_route", "commute_minutes") for k in ("2019-09", "2020-09")
    }
    new = found["entry_route", "2020-09"]
    assert new["what"] == "only here: apprenticeship"
    assert new["size"] == pytest.approx(0.4)
    assert new["fewest"] == 40
    assert found["entry_route", "2019-09"]["fewest"] == 40  # of the others, who took another way
    assert found["commute_minutes", "2020-09"]["size"] == pytest.approx(2, abs=0.3)


def test_chance_alone_is_rarely_called_drift() -> None:
    """Six alike cohorts of 30, five columns: a family-wise error of 5 % at most, by Holm."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(40):
        frame = trainees(180, cohort=np.repeat([f"20{k}-09" for k in range(11, 17)], 30))
        frame["gender"] = rng.choice(["female", "male"], 180)
        frame["region"] = rng.choice(["London", "Midlands", "North West"], 180)
        frame["joining_survey"] = rng.normal(7, 2, 180).round()
        alarms += any(True for _ in find_drift(people(frame)))
    assert alarms <= 2 + 3 * np.sqrt(40 * 0.05 * 0.95)


def test_one_cohort_or_none_has_nothing_to_differ_from() -> None:
    assert not list(find_drift(people(trainees(cohort="2019-09"))))
    assert not list(find_drift(people(trainees().drop(columns="cohort"))))


# -------------------------------------------------------------- report


def test_cohorts_are_immature_where_the_census_comes_first() -> None:
    found = quality_report(checked(people()), horizons=[36, 48, 60]).cohorts
    assert found[["cohort", "n", "left"]].to_numpy().tolist() == [
        ["2019-09", 20, 0],
        ["2020-09", 20, 0],
    ]
    assert found["immature_at"].tolist() == ["48, 60", "48, 60"]
    assert found["followed_months"].round(2).tolist() == [47.97, 36.0]


def test_copies_are_counted_and_people_who_are_alike_are_told() -> None:
    rng = np.random.default_rng(3)
    n = 60
    frame = trainees(
        n,
        age_at_start=rng.integers(21, 40, n).astype(float),
        commute_minutes=rng.integers(5, 90, n).astype(float),
        joining_survey=rng.integers(0, 11, n).astype(float),
    )
    facts = frame.columns.drop("trainee_id")
    frame.loc[1, facts] = frame.loc[0, facts].to_numpy()
    rejected = pd.DataFrame(
        {
            "table": ["trainees", "trainees", "surveys"],
            "row": [61, 62, 5],
            "column": ["trainee_id", "trainee_id", ""],
            "reason": ["the row repeats an earlier one"] * 3,
            "fix": "",
        }
    )
    report = quality_report(checked(people(frame), rejected=rejected, n_rows=62))
    lines = report.to_frame().query("section == 'duplicates'")
    assert lines[["table", "what"]].to_numpy()[:2].tolist() == [
        ["surveys", "the row repeats an earlier one"],
        ["trainees", "the row repeats an earlier one"],
    ]
    found = report.duplicates
    assert found.to_numpy().tolist() == [
        ["surveys: the row repeats an earlier one", 1],
        ["trainees: the row repeats an earlier one", 2],
        ["trainees: two ids, and everything else that is recorded is the same", 2],
    ]


def test_coarse_records_are_alike_by_chance_and_not_told() -> None:
    assert not len(quality_report(checked(people())).duplicates)


def test_people_are_not_checked_records() -> None:
    with pytest.raises(InputError, match="this is People"):
        quality_report(people())  # type: ignore[arg-type]


def test_ready_durations_have_a_report_too() -> None:
    frame = pd.DataFrame(
        {
            "trainee_id": ["a", "b"],
            "specialism": "x",
            "duration_months": [3.0, 4.0],
            "event": [0.0, 1.0],
            "destination": [None, None],
        }
    )
    found = quality_report(checked(People(trainees=frame, scheme="any")))
    assert found.gaps[["column", "n", "missing"]].to_numpy().tolist() == [["destination", 1, 1]]
    assert not len(found.cohorts)


def test_the_synthetic_scheme_is_looked_over_whole() -> None:
    found = quality_report(checked(gm.simulate_trainees(seed=7)))
    lines = found.to_frame()
    assert set(lines["section"]) <= {"missing", "suspicious", "drift"}
    assert lines["rows"].gt(0).all()
    assert repr(found).startswith("QualityReport(rejected=0")


@pytest.mark.parametrize("horizons", [[], [0], [-12], [np.nan]])
def test_horizons_are_months(horizons: list[float]) -> None:
    with pytest.raises(InputError, match="months above 0"):
        quality_report(checked(people()), horizons=horizons)
