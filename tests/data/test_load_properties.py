"""Nobody is lost, and what is valid stays valid."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.config import AttributeSpec
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.load import load_trainees
from gmts_models.errors import DataError

CENSUS = "2022-09-01"
DAYS = st.sampled_from(
    ["2019-09-02", "2021-03-02", "2022-03-02", "2022-09-01", "25/12/2020", "03/04/2021", "", "x"]
)
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t"), max_size=6
)
ROWS = st.fixed_dictionaries(
    {
        "trainee_id": st.sampled_from(["a", "b", "c", "d", "e", " ", "é"]),
        "specialism": st.sampled_from(["Finance", "human_resources", "Magic", ""]),
        "start_date": st.sampled_from(["2019-09-02", "2020-03-02", "2023-01-01", "NA", "31/02/20"]),
        "first_seen_date": DAYS,
        "scheme_end_date": st.sampled_from(["2022-03-02", "", "2030-01-01"]),
        "leave_scheme_date": DAYS,
        "leave_nhs_date": DAYS,
        "last_seen_date": DAYS,
        "destination": st.sampled_from(["", "other", "Private Sector", "unknown"]),
        "age_at_start": st.sampled_from(["", "23", "2.35e1", "7", "old"]),
        "disability": st.sampled_from(["", "yes", "0", "perhaps"]),
        "degree_subject": TEXT,
        "colour": TEXT,
        "level": st.floats(allow_infinity=False).map(repr),
        "note": TEXT,
    }
)
SURE = {
    **dict.fromkeys(["destination", "colour", "level", "note", "degree_subject", "disability"]),
    "trainee_id": "sure",
    "specialism": "Finance",
    "start_date": "2019-09-02",
    "scheme_end_date": "2022-03-02",
    "leave_nhs_date": "2022-04-01",
    "age_at_start": 23,
}
OWN = {"colour": AttributeSpec(kind="category"), "level": AttributeSpec(kind="number")}


def checked_or_none(source, **arguments):
    try:
        return load_trainees(source, attributes=OWN, census_date=CENSUS, **arguments)
    except DataError:
        return None


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_every_row_is_either_valid_or_rejected(rows):
    frame = pd.DataFrame(rows).assign(note=range(len(rows)))
    checked = checked_or_none(frame)
    if checked is None:
        return
    rejected = set(checked.rejected["row"])
    assert checked.n_rows == len(rows) == len(checked.valid) + len(rejected)
    assert rejected <= set(range(len(rows)))
    kept = [row["trainee_id"].strip() for i, row in enumerate(rows) if i not in rejected]
    assert checked.valid.trainees["trainee_id"].tolist() == kept
    assert len(set(kept)) == len(kept)
    build_outcome(checked.valid)


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(ROWS, max_size=8), kind=st.sampled_from(["csv", "parquet"]))
def test_what_is_valid_is_read_back_as_it_was(tmp_path_factory, rows, kind):
    # Different ids, and a row that is always valid, so that there is something to save.
    rows = [{**row, "trainee_id": f"t{i}"} for i, row in enumerate(rows)]
    checked = checked_or_none(pd.DataFrame([*rows, SURE]))
    path = tmp_path_factory.mktemp("saved") / f"valid.{kind}"
    if kind == "csv":
        checked.valid.trainees.to_csv(path, index=False)
    else:
        checked.valid.trainees.to_parquet(path)
    again = checked_or_none(path)
    assert again.n_rejected == 0
    pd.testing.assert_frame_equal(again.valid.trainees, checked.valid.trainees)


def test_a_workbook_reads_like_the_table_it_was_made_from(tmp_path):
    frame = pd.DataFrame([SURE, {**SURE, "trainee_id": "u", "leave_nhs_date": None}])
    frame["start_date"] = pd.to_datetime(frame["start_date"])
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    first = checked_or_none(frame).valid.trainees
    pd.testing.assert_frame_equal(checked_or_none(tmp_path / "a.xlsx").valid.trainees, first)
    assert len(first) == 2
