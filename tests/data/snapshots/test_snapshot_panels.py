"""Person-period panels: numbered periods, and the open panel of a manufacturer against R."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.snapshots import flows
from gmts_models.errors import DataError, InputError
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

PANEL = pd.DataFrame(
    [
        ("stays", 1, 0),
        ("stays", 2, 0),
        ("stays", 3, 0),
        ("leaves", 1, 0),
        ("leaves", 2, 1),
        ("late", 4, 0),
        ("late", 5, 1),
        ("at once", 1, 1),
    ],
    columns=["trainee_id", "period", "event"],
)
SAY = {"date": "period", "specialism": "Finance", "months_per_period": 6}


def test_numbered_periods_become_ready_durations():
    checked = gm.from_snapshots(PANEL.assign(gender=list("FMFMFMFM")), **SAY)
    frame = checked.valid.trainees.set_index("trainee_id")
    assert frame["duration_months"].to_dict() == {
        "at once": 6,
        "late": 30,
        "leaves": 12,
        "stays": 18,
    }
    assert frame["entry_months"].to_dict() == {"at once": 0, "late": 18, "leaves": 0, "stays": 0}
    assert frame["event"].to_dict() == {"at once": 1, "late": 1, "leaves": 1, "stays": 0}
    assert frame.loc["leaves", "gender"] == "M"
    y = build_outcome(checked.valid).y
    at = survival_at(kaplan_meier(y.exit, y.event != 0, y.entry), np.array([6.0, 12.0]))
    np.testing.assert_allclose(at.survival, [2 / 3, 1 / 3])
    assert not checked.valid.has_dates
    assert checked.n_rejected == 0


def test_causes_of_a_panel_are_destinations():
    panel = PANEL.assign(event=["", "", "", "", "other", "", "Private Sector", "unknown"])
    panel.loc[7, "event"] = "left"
    frame = gm.from_snapshots(panel, **SAY).valid.trainees.set_index("trainee_id")
    assert frame.loc["leaves", "destination"] == "other"
    assert frame.loc["late", "destination"] == "private sector"
    assert frame["event"].sum() == 3
    assert pd.isna(frame.loc["stays", "destination"])


@pytest.mark.parametrize(
    ("extra", "reason", "rows"),
    [
        (("stays", 5, 0), "a period between two others is missing", [0, 1, 2, 8]),
        (("leaves", 3, 0), "the person is still there after the event", [3, 4, 8]),
        (("leaves", 2, 0), "a period is there twice, by rows that differ", [3, 4, 8]),
        (("leaves", 2, 1), "the row repeats an earlier one", [8]),
        (("leaves", 2.5, 0), "snapshot_date is not a number of a period", [8]),
        (("leaves", 0, 0), "snapshot_date is not a number of a period", [8]),
        ((None, 1, 0), "trainee_id is missing", [8]),
    ],
)
def test_rows_that_make_no_panel_are_rejected(extra, reason, rows):
    panel = pd.concat([PANEL, pd.DataFrame([extra], columns=PANEL.columns)], ignore_index=True)
    checked = gm.from_snapshots(panel, **SAY)
    told = checked.rejected[checked.rejected["reason"] == reason]
    assert told["row"].tolist() == rows
    assert checked.n_rejected == len(rows)


def test_what_a_panel_needs_is_asked_for():
    with pytest.raises(InputError, match="length of a period"):
        gm.from_snapshots(PANEL, date="period", specialism="Finance")
    with pytest.raises(InputError, match="needs an event"):
        gm.from_snapshots(PANEL.drop(columns="event"), **SAY)
    with pytest.raises(InputError, match="told twice"):
        gm.from_snapshots(PANEL.assign(start_date="2020-01-01"), **SAY)
    with pytest.raises(DataError, match="still there after"):
        gm.from_snapshots(PANEL.iloc[3:5].assign(event=[1, 0]), **SAY)


# ------------------------------------------------------------- open data

SURVIVAL = (
    *(0.984450006881987, 0.892947290274232, 0.764448225912764),
    *(0.610405262104441, 0.563337564272035, 0.532626028243229),
)
ERRORS = (
    *(0.00272884119225631, 0.00641134651263395, 0.00827109549597258),
    *(0.00884476145273952, 0.00911758856120484, 0.00963808222890753),
)
"""R 4.2.2, survival 3.5-3, of the file itself, times in days: one row for each employee_id,
``hire`` its hire_date, ``left`` the termination_date of its row with status TERMINATED;
``entry <- pmax(0, as.Date("2005-12-31") - hire)``, ``exit`` = left, else 2015-12-31, less hire;
``summary(survfit(Surv(entry, exit, !is.na(left)) ~ 1), times = DAYS)``, surv and std.err."""
DAYS = np.array([365.0, 1826, 3652, 5479, 7305, 8766])


@pytest.fixture(scope="module")
def employees(open_data):
    """Read the yearly panel of a (fictitious) manufacturer, whose rows hold that year's leavers."""
    return gm.from_snapshots(
        open_data("data/mfg_terminations_panel_SYNTHETIC.csv"),
        id="employee_id",
        date="status_year",
        columns={
            "specialism": "business_unit",
            "start_date": "hire_date",
            "leave_nhs_date": "termination_date",
            "destination": "term_reason",
            "organisation": "store_name",
            "role": "job_title",
        },
        labels={"destination": {"Not Applicable": ""}},
        scheme="any",
        covers="period",
        grace_months=0,
    )


def test_an_open_panel_gives_the_leavers_and_entries_of_a_direct_count(employees, open_data):
    raw = pd.read_csv(open_data("data/mfg_terminations_panel_SYNTHETIC.csv"), dtype=str)
    ended = raw[raw["status"] == "TERMINATED"]
    trainees = employees.valid.trainees.set_index("trainee_id")
    assert employees.n_rejected == len(employees.noted) == 0
    assert len(trainees) == raw["employee_id"].nunique() == 6284
    assert trainees["destination"].value_counts().to_dict() == {
        "Retirement": 885,
        "Resignation": 385,
        "Layoff": 215,
    }
    left = trainees["leave_nhs_date"].dropna().dt.strftime("%Y-%m-%d")
    assert left.to_dict() == ended.set_index("employee_id")["termination_date"].to_dict()
    hired = raw.groupby("employee_id")["hire_date"].first()
    entry = hired.where(hired > "2005-12-31", "2005-12-31")
    assert trainees["first_seen_date"].dt.strftime("%Y-%m-%d").to_dict() == entry.to_dict()
    assert (trainees["first_seen_date"] > trainees["start_date"]).sum() == 4339
    table = flows(employees.valid, threshold=1)
    active = raw[raw["status"] == "ACTIVE"].groupby("status_year")["employee_id"].nunique()
    both = raw[raw.duplicated(["employee_id", "status_year"]) & (raw["status"] == "TERMINATED")]
    left_on_the_day = both.groupby("status_year").size().reindex(active.index, fill_value=0)
    assert table["head_count"].tolist() == (active - left_on_the_day).tolist()
    assert table["leavers"].tolist() == ended.groupby("status_year").size().tolist()


def test_kaplan_meier_with_late_entry_is_rs(employees):
    trainees = employees.valid.trainees
    days = {
        name: (trainees[name] - trainees["start_date"]).dt.days.to_numpy(float)
        for name in ("first_seen_date", "last_seen_date")
    }
    left = trainees["leave_nhs_date"].notna().to_numpy()
    curve = kaplan_meier(days["last_seen_date"], left, days["first_seen_date"])
    at = survival_at(curve, DAYS)
    np.testing.assert_allclose(at.survival, SURVIVAL, rtol=1e-12)
    np.testing.assert_allclose(at.std_err, ERRORS, rtol=1e-12)
