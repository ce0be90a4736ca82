"""What must not matter: the order of rows and files, how they are split, and other people."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmts_models as gm
from gmts_models.data.snapshots.checked import CheckedSnapshots
from gmts_models.errors import DataError

DATES = [f"{day:%Y-%m-%d}" for day in pd.date_range("2020-01-31", periods=7, freq="ME")]
ROW = st.fixed_dictionaries(
    {
        "trainee_id": st.sampled_from(["a", "b", "c", "é", ""]),
        "snapshot_date": st.sampled_from(DATES),
        "specialism": st.sampled_from(["Finance", "human_resources", "", "Magic"]),
        "start_date": st.sampled_from(["2019-09-02", "2020-02-29", "2020-03-16", "", "03/04/2020"]),
        "leave_nhs_date": st.sampled_from(
            ["", "", "", "2020-03-10", "2020-04-30", "2030-01-01", "x"]
        ),
        "destination": st.sampled_from(["", "other", "private sector"]),
        "organisation": st.sampled_from(["", "A", "B"]),
        "band": st.sampled_from(["6", "7"]),
        "fte": st.sampled_from(["", "0.5", "1", "3"]),
        "gender": st.sampled_from(["F", "M", ""]),
    }
)
PAGES = [
    (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8")
    for page in ("snapshots.md", "data.md")
]
ROWS = st.lists(ROW, min_size=1, max_size=24)
ROWS_HAVE = ("trainee_id", "snapshot_date", "specialism", "start_date", "leave_nhs_date", "gender")
CHOICES = st.fixed_dictionaries(
    {
        "grace_months": st.sampled_from([0, 1, 2]),
        "leaving_date": st.sampled_from(["first_missed", "midpoint", "last_seen", "spread"]),
        "returners": st.sampled_from(["first_departure", "last_departure"]),
        "covers": st.sampled_from(["date", "period"]),
        "unknown_start": st.sampled_from(["reject", "first_snapshot"]),
    }
)


def extract(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Return the rows, with a person who makes the dates regular."""
    sure = dict.fromkeys(rows[0], "") | {"specialism": "Finance", "start_date": "2019-01-01"}
    there = [sure | {"trainee_id": "sure", "snapshot_date": day} for day in DATES]
    return pd.DataFrame([*rows, *there])


def frames(checked: CheckedSnapshots) -> list[pd.DataFrame]:
    return [checked.valid.trainees, *checked.valid.tables.values(), checked.counts]


def reasons(checked: CheckedSnapshots) -> list[dict[str, int]]:
    """Count the reasons; which of two copies is the copy depends on the order."""
    return [told["reason"].value_counts().to_dict() for told in (checked.rejected, checked.noted)]


def alike(first: CheckedSnapshots, second: CheckedSnapshots) -> None:
    for one, other in zip(frames(first), frames(second), strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert reasons(first) == reasons(second)


@settings(deadline=None, max_examples=30)
@given(ROWS, CHOICES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_how_frames_are_split_change_nothing(rows, choices, random):
    frame = extract(rows)
    whole = gm.from_snapshots(frame, **choices)
    order = list(range(len(frame)))
    random.shuffle(order)
    alike(whole, gm.from_snapshots(frame.iloc[order], **choices))
    parts = [part for _, part in frame.groupby([random.randrange(3) for _ in order])]
    random.shuffle(parts)
    alike(whole, gm.from_snapshots(parts, **choices))


@settings(deadline=None, max_examples=30)
@given(ROWS, CHOICES, st.sampled_from(["a", "b", "c"]))
def test_people_do_not_depend_on_each_other(rows, choices, who):
    frame = extract(rows)
    whole = gm.from_snapshots(frame, **choices)
    fewer = gm.from_snapshots(frame[frame["trainee_id"] != who], **choices)
    for one, other in zip(frames(whole)[:-1], frames(fewer)[:-1], strict=True):
        kept = one[one["trainee_id"] != who].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, other, check_dtype=False)


@settings(deadline=None, max_examples=30)
@given(ROWS, CHOICES)
def test_nobody_is_lost_and_dates_are_in_order(rows, choices):
    frame = extract(rows)
    checked = gm.from_snapshots(frame, **choices)
    people = checked.valid.trainees
    lost = set(frame["trainee_id"]) - set(people["trainee_id"])
    rejected = frame["trainee_id"].iloc[checked.rejected["row"].unique()]
    noted = frame["trainee_id"].iloc[checked.noted["row"].unique()]
    assert lost <= set(rejected) | set(noted)
    for reason in {*checked.rejected["reason"], *checked.noted["reason"]}:
        general = re.sub(rf"^({'|'.join(ROWS_HAVE)}) ", "... ", reason)
        assert "outside" in reason or any(f"`{w}`" in p for w in (reason, general) for p in PAGES)
    assert (people["start_date"] <= people["first_seen_date"]).all()
    assert (people["first_seen_date"] <= people["last_seen_date"]).all()
    assert (people["last_seen_date"] <= checked.valid.census_date).all()
    gone = people["leave_nhs_date"].notna()
    assert (people["leave_nhs_date"] == people["last_seen_date"])[gone].all()
    assert (people["last_seen_date"] == checked.valid.census_date)[~gone].all()
    changes, roles = checked.valid.tables["changes"], checked.valid.tables["roles"]
    assert (changes["after_date"] < changes["date"]).all()
    assert not (roles["end_date"] < roles["start_date"]).any()


def test_the_frame_may_hold_nothing_but_the_sure_person():
    row = {"trainee_id": "", "snapshot_date": "", "specialism": "", "start_date": ""}
    assert len(gm.from_snapshots(extract([row])).valid) == 1
    with pytest.raises(DataError, match="is missing"):
        gm.from_snapshots(pd.DataFrame([row]))
