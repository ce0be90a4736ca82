"""Several rows of a person on one date, roles, changes and flows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from extracts import MONTHS, history, of, rows, staff

import gmts_models as gm
from gmts_models.data.contract.tables import CHANGES, ROLES
from gmts_models.data.people import People
from gmts_models.data.snapshots import flows
from gmts_models.data.snapshots.contract import CHANGES_SEEN
from gmts_models.errors import InputError


def test_the_post_with_most_hours_counts_and_others_are_noted():
    frame = staff(
        rows("b", [0, 0, 1, 1], organisation=["A", "B", "B", "A"], fte=[0.4, 0.6, 0.6, 0.4]),
        rows("b", range(2, 12), organisation="B", fte=0.6),
    )
    checked = gm.from_snapshots(frame)
    assert of(checked.valid.tables["roles"], "b")["organisation"].tolist() == ["B"]
    assert checked.noted["row"].tolist() == [12, 15]
    assert set(checked.noted["reason"]) == {
        "the person has another post with more hours in this snapshot"
    }
    assert checked.n_rejected == 0


def test_between_equal_hours_the_organisation_of_the_snapshot_before_counts():
    at = ["C", "A", "C", "B", "A", "C", "B", "A"]
    frame = staff(
        rows("b", [0, 1, 1, 2, 2, 3, 3, 4], organisation=at, fte=0.5),
        rows("b", range(5, 12), organisation="A", fte=0.5),
    )
    # October: A or C, and C before; November: B or A, and neither before, so A by the alphabet;
    # December: C or B, neither is A, so B; then A.
    checked = gm.from_snapshots(frame)
    roles = of(checked.valid.tables["roles"], "b")
    assert roles["organisation"].tolist() == ["C", "A", "B", "A"]
    assert roles["start_date"].tolist() == [MONTHS[0], MONTHS[2], MONTHS[3], MONTHS[4]]
    assert "as many hours" in checked.noted.loc[0, "reason"]
    assert len(checked.noted) == 3


def test_identical_copies_are_rejected_and_cost_nobody_the_month():
    frame = staff(rows("b", [0, 1, 1, 1, *range(2, 12)], fte=1.0))
    checked = gm.from_snapshots(frame)
    assert checked.rejected["row"].tolist() == [14, 15]
    assert checked.rejected["reason"].unique() == ["the row repeats an earlier one"]
    assert history(checked, "b")["leave_nhs_date"] is None


def test_rows_without_hours_come_after_rows_with():
    frame = staff(rows("b", [0, 0, 1], organisation=["A", "Z", "Z"], fte=[None, 0.1, 0.1]))
    checked = gm.from_snapshots(frame)
    assert of(checked.valid.tables["roles"], "b")["organisation"].tolist() == ["Z"]


def test_roles_are_spells_and_changes_say_between_which_snapshots():
    frame = staff(
        rows(
            "b",
            range(8),
            organisation=["A", "A", None, "A", "B", "B", "B", "B"],
            band=["6", "6", "6", "6", "6", None, "7", "7"],
            fte=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.6],
            role=["x", "x", "x", "y", "y", "y", "y", "y"],
        )
    )
    checked = gm.from_snapshots(frame)
    roles = of(checked.valid.tables["roles"], "b")
    assert roles["start_date"].tolist() == [MONTHS[i] for i in (0, 3, 4, 6, 7)]
    assert roles["end_date"].tolist() == [MONTHS[i] for i in (3, 4, 6, 7, 8)]
    assert roles["organisation"].tolist() == ["A", "A", "B", "B", "B"]
    assert roles["band"].tolist() == ["6", "6", "6", "7", "7"]
    assert roles["role"].tolist() == ["x", "y", "y", "y", "y"]
    assert roles["fte"].tolist() == [1.0, 1.0, 1.0, 1.0, 0.6]
    changes = of(checked.valid.tables["changes"], "b")
    assert changes["change"].tolist() == ["moved", "band", "hours", "left"]
    assert changes["date"].tolist() == [MONTHS[i] for i in (4, 6, 7, 8)]
    # The band was empty in February: it changed at some time after January.
    assert changes["after_date"].tolist() == [MONTHS[i] for i in (3, 4, 6, 7)]
    assert changes["was"].tolist() == ["A", "6", "1", "B"]
    assert changes["now"].tolist()[:3] == ["B", "7", "0.6"]


def test_a_change_across_a_bridged_absence_lies_between_the_snapshots_that_show_it():
    at = ["A", "A", *["B"] * 8]
    frame = staff(rows("b", [0, 1, 4, 5, 6, 7, 8, 9, 10, 11], organisation=at))
    changes = of(gm.from_snapshots(frame).valid.tables["changes"], "b")
    assert changes[["change", "after_date", "date"]].to_numpy().tolist() == [
        ["moved", MONTHS[1], MONTHS[4]]
    ]


def test_tables_have_the_contracts_columns_and_trainees_only():
    frame = staff(rows("b", range(4), organisation="A"), rows("bad", range(12), start_date=None))
    tables = gm.from_snapshots(frame).valid.tables
    assert [name for name in tables["roles"] if name not in ROLES.by_name] == []
    assert list(tables["changes"]) == list(CHANGES_SEEN.by_name)
    assert set(tables["changes"]["change"]) <= set(CHANGES)
    for table in tables.values():
        assert set(table["trainee_id"]) <= {"always", "b"}
        assert table.index.equals(pd.RangeIndex(len(table)))
        assert {str(kind) for kind in table.dtypes} <= {"object", "datetime64[ns]", "float64"}


def test_nothing_of_a_role_is_dated_before_the_snapshot_that_shows_it():
    frame = staff(rows("b", range(2, 12), start_date="2020-11-02", organisation="A"))
    roles = of(gm.from_snapshots(frame).valid.tables["roles"], "b")
    assert roles["start_date"].tolist() == [MONTHS[2]]
    assert roles["end_date"].isna().all()


# ----------------------------------------------------------------- flows


def people_of_flows() -> People:
    several = [rows(f"joins{i}", range(3, 12), start_date="2020-12-05") for i in range(6)]
    return gm.from_snapshots(
        staff(
            *several,
            rows("leaves", range(5)),
            rows("returns", [0, 1, 6, 7, 8, 9, 10, 11]),
            rows("moves", range(12), organisation=["A"] * 6 + ["B"] * 6),
        )
    ).valid


def test_flows_add_up_to_the_head_count():
    table = flows(people_of_flows(), period="month", threshold=1).set_index("period")
    assert table.loc["2020-12", ["joiners", "leavers", "head_count"]].tolist() == [6, 0, 9]
    assert table.loc["2020-11", ["joiners", "leavers", "head_count"]].tolist() == [0, 1, 3]
    assert table.loc["2021-02", ["leavers", "head_count"]].tolist() == [1, 8]
    assert table.loc["2021-03", ["returners", "movers", "head_count"]].tolist() == [1, 1, 9]
    assert table.index[-1] == "2021-06"
    yearly = flows(people_of_flows(), threshold=1)
    assert yearly["leavers"].tolist() == [1, 1]
    assert flows(people_of_flows(), period="quarter", threshold=1)["period"][0] == "2020Q4"


def test_small_flows_are_hidden_with_those_beside_them_and_head_counts_rounded():
    table = flows(people_of_flows(), period="year")
    assert table.loc[0, ["joiners", "leavers", "returners"]].isna().all()
    assert np.isnan(table.loc[1, "movers"])
    assert (table["head_count"] % 5 == 0).all()
    shown = flows(people_of_flows(), period="month").set_index("period")
    assert shown.loc["2020-12", "joiners"] == 6


def test_flows_of_nothing_are_a_line_and_of_others_an_error():
    alone = gm.from_snapshots(staff()).valid
    table = flows(alone, threshold=1)
    assert table[["period", "head_count"]].to_numpy().tolist() == [["2021", 1]]
    with pytest.raises(InputError, match="no table of changes"):
        flows(People(trainees=pd.DataFrame()))
    with pytest.raises(InputError, match="period"):
        flows(alone, period="week")
    with pytest.raises(InputError, match="threshold"):
        flows(alone, threshold=0)
