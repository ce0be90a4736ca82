"""Tables beside the trainees: each rule on a hand-made table, and what ends up valid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.config import AttributeSpec, TableSpec
from gmts_models.console import print_checked
from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.load import load_trainees
from gmts_models.data.people import Checked, People
from gmts_models.errors import DataError, InputError
from gmts_models.features.table import build_features

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tables.md").read_text(encoding="utf-8")
CENSUS = "2022-09-01"
TRAINEES = pd.DataFrame(
    {
        "trainee_id": ["a", "b", "bad"],
        "specialism": ["Finance", "Finance", "Magic"],
        "start_date": ["2019-09-02"] * 3,
        "leave_nhs_date": [None, "2021-05-01", None],
    }
)
ROW = {
    "placements": {"trainee_id": "b", "start_date": "2019-09-02", "end_date": "2020-02-28"},
    "surveys": {"trainee_id": "b", "date": "2020-01-31", "morale": 7},
    "assessments": {
        "trainee_id": "b",
        "date": "2020-01-31",
        "assessment_type": "exam",
        "subject": "audit",
        "rating": None,
        "signed_off": None,
        "framework_size": None,
        "passed": "yes",
    },
    "roles": {
        "trainee_id": "b",
        "start_date": "2018-09-02",
        "end_date": "2019-02-28",
        "role": "analyst",
        "organisation": "trust",
        "fte": 0.5,
    },
    "labour_market": {"date": "2019-01-15", "region": "London", "vacancies": 700},
}


def load(table, rows, how=None, **arguments):
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    tables = {table: frame if how is None else (frame, how)}
    return load_trainees(TRAINEES, census_date=CENSUS, tables=tables, **arguments)


def rejected(checked, table):
    lines = checked.rejected[checked.rejected["table"] == table]
    return lines[["row", "column", "reason"]].to_numpy().tolist()


def days(column):
    return column.dt.strftime("%Y-%m-%d").where(column.notna(), None).tolist()


# ---------------------------------------------------------------- rules

CASES = [
    ("placements", {"trainee_id": ""}, "trainee_id", "trainee_id is missing"),
    ("placements", {"start_date": None}, "start_date", "start_date is missing"),
    ("placements", {"start_date": "soon"}, "start_date", "start_date is not a date"),
    ("placements", {"trainee_id": "B"}, "trainee_id", "trainee_id is not in the table of trainees"),
    ("placements", {"trainee_id": "bad"}, "trainee_id", "the trainee's own row was rejected"),
    ("placements", {"end_date": "2019-09-01"}, "end_date", "end_date is before start_date"),
    (
        "placements",
        {"placement_type": "third"},
        "placement_type",
        "placement_type is not a label of the contract",
    ),
    (
        "placements",
        {"trainee_id": "a", "start_date": "2022-09-02", "end_date": None},
        "start_date",
        "start_date is after the census date",
    ),
    (
        "placements",
        {"start_date": "2019-09-01"},
        "start_date",
        "start_date is before the trainee's start_date",
    ),
    (
        "placements",
        {"start_date": "2021-05-02", "end_date": None},
        "start_date",
        "start_date is after the trainee left the NHS",
    ),
    ("surveys", {"date": ""}, "date", "date is missing"),
    ("surveys", {"morale": 11}, "morale", "morale is outside 0 to 10"),
    ("surveys", {"date": "2019-09-01"}, "date", "date is before the trainee's start_date"),
    ("surveys", {"trainee_id": "a", "date": "2022-09-02"}, "date", "date is after the census date"),
    ("surveys", {"date": "2021-05-02"}, "date", "date is after the trainee left the NHS"),
    ("assessments", {"assessment_type": ""}, "assessment_type", "assessment_type is missing"),
    ("assessments", {"date": "2019-09-01"}, "date", "date is before the trainee's start_date"),
    ("assessments", {"rating": 3}, "rating", "rating is given for an exam"),
    ("assessments", {"signed_off": "no"}, "signed_off", "signed_off is given for an exam"),
    (
        "assessments",
        {"assessment_type": "competency", "passed": "no"},
        "passed",
        "passed is given for a competency",
    ),
    ("roles", {"fte": 2.5}, "fte", "fte is outside 0 to 2"),
    ("roles", {"end_date": "2018-09-01"}, "end_date", "end_date is before start_date"),
    (
        "roles",
        {"start_date": "2021-05-02", "end_date": None},
        "start_date",
        "start_date is after the trainee left the NHS",
    ),
    (
        "labour_market",
        {"region": "Mercia"},
        "region",
        "region is not a label of the contract",
    ),
    ("labour_market", {"date": "2019"}, "date", "date is a number, not a date"),
]


@pytest.mark.parametrize(("table", "changes", "column", "reason"), CASES)
def test_a_broken_rule_rejects_the_row_and_says_why(table, changes, column, reason):
    apart = {"date": "2020-06-30"} if "date" in ROW[table] else {"start_date": "2020-09-01"}
    good = {**ROW[table], **apart}
    if "end_date" in good:
        good["end_date"] = "2021-02-28"
    checked = load(table, [good, {**ROW[table], **changes}])
    assert rejected(checked, table) == [[1, column, reason]]
    assert len(checked.valid.tables[table]) == 1
    assert checked.rejected["fix"].str.len().gt(10).all()


@pytest.mark.parametrize("written", ["7", 7, "007", "7 0", "A07", "\u00e9"])
def test_ids_match_in_every_character_and_the_fix_says_where_they_almost_do(written):
    """Known are 007, 0 0 70, a07 and e: none is the last of these, and the others are almost."""
    known = (
        TRAINEES.head(1)
        .drop(columns="trainee_id")
        .merge(pd.DataFrame({"trainee_id": ["007", "0 0 70", "a07", "e"]}), how="cross")
    )
    tables = {"surveys": pd.DataFrame({"trainee_id": ["e", written], "date": ["2020-01-31"] * 2})}
    checked = load_trainees(known, census_date=CENSUS, tables=tables)
    fixes = checked.rejected["fix"].tolist()
    if written == "007":
        assert fixes == []
        return
    assert rejected(checked, "surveys") == [
        [1, "trainee_id", "trainee_id is not in the table of trainees"]
    ]
    assert ("leading zeros, case or spaces" in fixes[0]) == (written != "\u00e9")


def test_a_table_whose_ids_all_lost_their_zeros_says_so():
    known = TRAINEES.assign(trainee_id=["001", "002", "003"])
    with pytest.raises(DataError, match=r"not in the table of trainees \(3\)") as caught:
        load_trainees(
            known,
            census_date=CENSUS,
            tables={"surveys": pd.DataFrame({"trainee_id": [1, 2, 3], "date": ["2020-01-31"] * 3})},
        )
    assert "leading zeros" in caught.value.fix


@pytest.mark.parametrize("reason", sorted({(case[2], case[3]) for case in CASES}))
def test_the_page_lists_the_reason(reason):
    column, words = reason
    data = (DOCS / "data.md").read_text(encoding="utf-8")
    generic = words.replace(f"{column} ", "... ", 1)
    ranged = generic.startswith("... is outside") and "is outside 16 to 100" in data
    assert ranged or any(f"`{each}`" in PAGE + data for each in (words, generic))


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("placements", {"end_date": "2030-01-01"}),  # a plan, after leaving and the census
        ("placements", {"end_date": "2019-09-02"}),  # one day
        ("placements", {"start_date": "2021-05-01", "end_date": None}),  # on the day of leaving
        ("surveys", {"date": "2019-09-02"}),  # on the first day
        ("surveys", {"trainee_id": "a", "date": CENSUS}),
        ("surveys", {"morale": None}),  # not answered
        ("assessments", {"framework_size": 40}),
        ("assessments", {"assessment_type": "competency", "passed": "", "rating": 1}),
        ("roles", {"start_date": "1999-01-01"}),  # earlier work
        ("labour_market", {"date": "1999-01-01"}),
        ("labour_market", {"date": "2030-01-01"}),
    ],
)
def test_what_the_rules_allow(table, changes):
    checked = load(table, [{**ROW[table], **changes}])
    assert rejected(checked, table) == []
    assert len(checked.valid.tables[table]) == 1


@pytest.mark.parametrize("table", TABLES)
def test_copies_keep_the_first_and_conflicts_keep_none(table):
    key = [name for name in TABLES[table].unique if name in ROW[table]]
    other = next(name for name in reversed(ROW[table]) if name not in key)
    value = {"passed": "no", "vacancies": 1, "morale": 1, "fte": 1, "end_date": "2020-01-31"}
    date = TABLES[table].date
    second = dict(ROW[table])
    second[date] = str(pd.Timestamp(second[date]) + pd.Timedelta(days=400))[:10]
    if "end_date" in second:
        second["end_date"] = None
    checked = load(table, [second, ROW[table], second, {**ROW[table], other: value[other]}])
    shared = f"{', '.join(key[:-1])} and {key[-1]} are shared by rows that differ"
    assert rejected(checked, table) == [
        [1, ", ".join(key), shared],
        [2, ", ".join(key), "the row repeats an earlier one"],
        [3, ", ".join(key), shared],
    ]
    assert f"`{shared}`" in PAGE
    fixes = checked.rejected.loc[checked.rejected["reason"] == shared, "fix"]
    assert fixes.str.contains("rows 1, 3 share this one").all()


def test_what_would_tell_conflicts_apart_is_named():
    row = {"trainee_id": "a", "date": "2020-01-31", "assessment_type": "competency"}
    checked = load("assessments", [{**row, "rating": 1}, {**row, "rating": 2}])
    assert "add subject, which may tell them apart" in checked.rejected["fix"].iloc[-1]


def test_a_missing_region_is_everywhere_and_not_in_conflict_with_one():
    rows = [{"date": "2019-01-15", "region": each, "vacancies": 1} for each in (None, "London")]
    assert len(load("labour_market", rows).valid.tables["labour_market"]) == 2


def test_two_part_time_posts_may_overlap():
    rows = [ROW["roles"], {**ROW["roles"], "organisation": "council"}]
    assert len(load("roles", rows).valid.tables["roles"]) == 2


def test_every_rule_that_a_row_breaks_is_told():
    late = {"trainee_id": "b", "date": "2022-12-01", "morale": 4}
    checked = load("surveys", [ROW["surveys"], late])
    assert [line[2] for line in rejected(checked, "surveys")] == [
        "date is after the census date",
        "date is after the trainee left the NHS",
    ]


# ----------------------------------------------------------- placements


def placements(*spans, trainee="a"):
    return pd.DataFrame(
        [{"trainee_id": trainee, "start_date": start, "end_date": end} for start, end in spans]
    )


def test_an_end_on_the_next_start_is_a_hand_over_and_a_later_one_an_overlap():
    hand_over = placements(("2019-09-02", "2020-03-01"), ("2020-03-01", "2020-09-01"))
    assert load("placements", hand_over).valid.tables["placements"].shape == (2, 3)
    spans = [("2020-03-01", "2020-09-01"), ("2019-09-02", "2020-03-02"), ("2021-01-01", None)]
    checked = load("placements", placements(*spans))
    words = "the placement overlaps another of the trainee"
    assert f"`{words}`" in PAGE
    assert rejected(checked, "placements") == [[0, "start_date", words], [1, "start_date", words]]
    assert checked.rejected["fix"].iloc[-1].endswith("rows 0, 1 overlap")
    assert days(checked.valid.tables["placements"]["start_date"]) == ["2021-01-01"]


def test_a_long_placement_overlaps_all_that_begin_within_it():
    spans = [
        ("2019-09-02", "2021-12-31"),
        ("2019-10-01", "2019-10-31"),
        ("2021-11-01", "2022-02-01"),
    ]
    checked = load("placements", placements(*spans, ("2022-02-01", None)))
    assert [line[0] for line in rejected(checked, "placements")] == [0, 1, 2]


def test_an_open_placement_ends_on_the_day_of_the_next():
    spans = [("2020-03-01", None), ("2019-09-02", None), ("2021-03-01", None)]
    checked = load("placements", placements(*spans))
    found = checked.valid.tables["placements"]
    assert days(found["start_date"]) == ["2020-03-01", "2019-09-02", "2021-03-01"]
    assert days(found["end_date"]) == ["2021-03-01", "2020-03-01", None]
    assert checked.filled.to_numpy().tolist() == [
        ["placements", "end_date", 2, "the first day of the trainee's next placement"]
    ]


def test_a_filled_in_end_tells_nobody_that_another_placement_begins_today():
    names = ["months_in_placement", "operational_share", "placements_so_far", "gap_months"]
    first = placements(("2019-09-02", None)).assign(focus="operational")
    second = placements(("2020-03-02", None)).assign(focus="strategic")
    both = load("placements", pd.concat([first, second], ignore_index=True)).valid
    one = load("placements", first).valid
    on_the_day = [build_features(each, at="2020-03-02", features=names).X for each in (one, both)]
    pd.testing.assert_frame_equal(*on_the_day)
    assert on_the_day[0]["months_in_placement"].iloc[0] == 6
    after = build_features(both, at="2020-03-03", features=names).X
    assert after["placements_so_far"].iloc[0] == 2


def test_only_a_placement_that_counts_ends_another():
    spans = [("2019-09-02", None), ("2022-12-01", None)]  # the second is after the census
    found = load("placements", placements(*spans)).valid.tables["placements"]
    assert days(found["end_date"]) == [None]
    both = pd.concat([placements(spans[0]), placements(("2020-03-01", None), trainee="b")])
    checked = load("placements", both)
    assert days(checked.valid.tables["placements"]["end_date"]) == [None, None]
    assert len(checked.filled) == 0


def test_placements_without_a_column_for_the_end_get_one():
    frame = placements(("2019-09-02", None), ("2020-03-01", None)).drop(columns="end_date")
    found = load("placements", frame).valid.tables["placements"]
    assert days(found["end_date"]) == ["2020-03-01", None]


DAYS = pd.date_range("2019-09-02", periods=12).strftime("%Y-%m-%d").tolist()


def end_of(first, last):
    return None if last is None else DAYS[first + last]


SPANS = st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 2)))


@settings(deadline=None, max_examples=40)
@given(st.lists(SPANS, min_size=1, max_size=9))
def test_every_row_is_valid_or_rejected_and_no_two_valid_ones_overlap(spans):
    rows = [
        {"trainee_id": who, "start_date": DAYS[first], "end_date": end_of(first, last)}
        for who, first, last in spans
    ]
    checked = load("placements", rows)
    found = checked.valid.tables["placements"]
    out = {line[0] for line in rejected(checked, "placements")}
    assert checked.rows["placements"] == len(rows) == len(found) + len(out)
    kept = [row["trainee_id"] for i, row in enumerate(rows) if i not in out]
    assert found["trainee_id"].tolist() == kept
    for _, mine in found.groupby("trainee_id"):
        mine = mine.sort_values("start_date")
        later = mine["start_date"].shift(-1)
        assert not (mine["end_date"] > later).any()
        assert mine["end_date"].notna()[later.notna()].all()
    if len(found):
        again = load("placements", found)
        pd.testing.assert_frame_equal(again.valid.tables["placements"], found)


@settings(deadline=None, max_examples=40)
@given(st.lists(SPANS, min_size=2, max_size=7, unique_by=lambda span: span[:2]))
def test_overlaps_are_those_of_every_pair_compared(spans):
    rows = [
        {"trainee_id": who, "start_date": DAYS[first], "end_date": DAYS[first + (last or 0)]}
        for who, first, last in spans
    ]

    def within(one, two):
        return one["start_date"] < two["start_date"] < one["end_date"]

    expected = {
        i
        for i, one in enumerate(rows)
        for two in rows
        if one["trainee_id"] == two["trainee_id"] and (within(one, two) or within(two, one))
    }
    assert {line[0] for line in rejected(load("placements", rows), "placements")} == expected


# ---------------------------------------------------------- what is valid


def test_the_valid_frame_has_the_types_that_the_package_promises():
    rows = pd.DataFrame(
        {
            "Trainee ID": [1.0, 2.0],
            "date": ["31/01/2020", "2020-02-29"],
            "assessment_type": ["EXAM", "Competency"],
            "rating": ["", "4"],
            "passed": ["Yes", None],
            "note": ["x", "y"],
            "score": ["1.5", ""],
        },
        index=[7, 7],
    ).astype({"assessment_type": "category"})
    before = rows.copy()
    how = TableSpec(attributes={"score": AttributeSpec(kind="number", unit="points")})
    trainees = TRAINEES.assign(trainee_id=["1", "2", "3"])
    checked = load_trainees(trainees, census_date=CENSUS, tables={"assessments": (rows, how)})
    expected = pd.DataFrame(
        {
            "trainee_id": ["1", "2"],
            "date": pd.to_datetime(["2020-01-31", "2020-02-29"]).astype("datetime64[ns]"),
            "assessment_type": ["exam", "competency"],
            "rating": [np.nan, 4.0],
            "passed": pd.array([True, None], dtype="boolean"),
            "score": [1.5, np.nan],
        }
    )
    pd.testing.assert_frame_equal(checked.valid.tables["assessments"], expected)
    pd.testing.assert_frame_equal(rows, before)
    assert checked.valid.table_attributes == {
        "assessments": {
            "score": Column(name="score", kind="number", meaning="", unit="points", known="date")
        }
    }
    assert "tables: assessments" in repr(checked.valid)


def test_pyarrow_types_are_read_like_others():
    plain = pd.DataFrame([ROW["surveys"], {**ROW["surveys"], "date": "2020-06-30", "morale": None}])
    arrow = plain.astype({"date": "datetime64[ns]"}).convert_dtypes(dtype_backend="pyarrow")
    found = [load("surveys", frame).valid.tables["surveys"] for frame in (plain, arrow)]
    pd.testing.assert_frame_equal(*found)


def test_labels_columns_and_formats_of_a_table_are_its_own():
    rows = [{"Staff": "b", "From": "03/02/2020", "Kind": "R1"}]
    how = TableSpec(
        columns={"trainee_id": "Staff", "start_date": "From", "placement_type": "Kind"},
        labels={"placement_type": {"r1": "first"}},
        date_format="%d/%m/%Y",
    )
    found = load("placements", rows, how).valid.tables["placements"]
    assert days(found["start_date"]) == ["2020-02-03"]
    assert found["placement_type"].tolist() == ["first"]


def test_any_label_is_taken_under_another_scheme():
    row = {**ROW["assessments"], "assessment_type": "viva", "rating": 4}
    other = load("assessments", [row], scheme="any", labels={})
    assert other.valid.tables["assessments"]["assessment_type"].tolist() == ["viva"]


def test_known_names_start_or_a_date_that_is_read():
    def attribute(known):
        rows = [{**ROW["placements"], "mood": "good"}]
        how = TableSpec(attributes={"mood": AttributeSpec(kind="category", known=known)})
        return load("placements", rows, how).valid.table_attributes["placements"]["mood"].known

    assert [attribute(each) for each in (None, "start", "end_date")] == [
        "start_date",
        "start",
        "end_date",
    ]
    with pytest.raises(InputError, match="'end' is no date from which mood can be known") as caught:
        attribute("end")
    assert "start, start_date, end_date" in caught.value.fix


# ------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("table", "frame", "how", "what"),
    [
        ("surveys", {"trainee_id": ["a"]}, None, "surveys: the table has no column date"),
        ("surveys", {"date": ["2020-01-31"]}, None, "no column trainee_id"),
        ("surveys", {"trainee_id": [], "date": []}, None, "surveys: there is a header but no row"),
        ("surveys", {}, None, "no row"),
        (
            "surveys",
            {"trainee_id": ["a"], "date": ["2020-01-31"], "moral": [1]},
            None,
            "no morale, but 'moral' may be meant",
        ),
        ("surveys", {**{k: [v] for k, v in ROW["surveys"].items()}, "Morale": [1]}, None, "morale"),
        (
            "surveys",
            {k: [v] for k, v in ROW["surveys"].items()},
            TableSpec(attributes={"morale": AttributeSpec(kind="number")}),
            "morale is a column of the contract already",
        ),
        (
            "surveys",
            {**{k: [v] for k, v in ROW["surveys"].items()}, "row": [1]},
            TableSpec(attributes={"row": AttributeSpec(kind="number")}),
            "cannot be called row",
        ),
        (
            "placements",
            {**{k: [v] for k, v in ROW["placements"].items()}, "placement_type": ["1"]},
            TableSpec(labels={"placement_type": {"1": "frist"}}),
            "did you mean 'first'",
        ),
        (
            "placements",
            {k: [v] for k, v in ROW["placements"].items()},
            TableSpec(date_format="%d/%m"),
            "does not tell day, month",
        ),
    ],
)
def test_each_mistake_is_one_clear_error(table, frame, how, what):
    with pytest.raises((InputError, DataError), match=what) as caught:
        load(table, pd.DataFrame(frame), how)
    assert str(caught.value).startswith(f"{table}: ")
    assert caught.value.where
    assert caught.value.fix


def test_a_name_that_is_nearly_one_of_the_contract_can_be_waved_through():
    rows = [{"trainee_id": "a", "date": "2020-01-31", "moral": 1}]
    found = load("surveys", rows, TableSpec(columns={"morale": ""})).valid.tables["surveys"]
    assert list(found.columns) == ["trainee_id", "date"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"date": "03/04/2020"}, "date can be read as day and month or as month and day"),
        ({"trainee_id": "007"}, "trainee_id is not in the table of trainees"),
    ],
)
def test_a_table_that_cannot_be_read_or_belongs_to_nobody_is_an_error(changes, reason):
    rows = [{**ROW["surveys"], "morale": i, **changes} for i in range(3)]
    with pytest.raises(DataError, match="surveys: none of the 3 rows is valid") as caught:
        load("surveys", rows)
    assert f"{reason} (3)" in caught.value.what


def test_a_table_that_no_row_of_counts_is_there_without_rows():
    checked = load("surveys", [{**ROW["surveys"], "date": "2022-12-01"}])
    assert checked.valid.tables["surveys"].shape == (0, 3)
    assert checked.summary().loc[1].tolist() == ["surveys", 1, 0, 1]


def test_ready_durations_have_no_tables():
    ready = pd.DataFrame(
        {"trainee_id": ["a"], "specialism": ["Finance"], "duration_months": [3], "event": [1]}
    )
    tables = {name: pd.DataFrame([ROW[name]]) for name in ("placements", "surveys")}
    with pytest.raises(InputError, match="placements and surveys need dates") as caught:
        load_trainees(ready, tables=tables)
    assert "start_date" in caught.value.fix


def test_rows_of_a_file_are_told_as_a_spreadsheet_numbers_them(tmp_path):
    text = "trainee_id,date,morale\n\na,2020-01-31,5\nz,2020-01-31,5\na,2020-02-29\na,soon,5,5\n"
    (tmp_path / "pulse.csv").write_text(text, encoding="utf-8")
    checked = load_trainees(
        TRAINEES, census_date=CENSUS, tables={"surveys": tmp_path / "pulse.csv"}
    )
    assert rejected(checked, "surveys") == [
        [4, "trainee_id", "trainee_id is not in the table of trainees"],
        [5, "", "the row has more or fewer cells than the header"],
        [6, "", "the row has more or fewer cells than the header"],
    ]
    assert checked.rows == {"trainees": 3, "surveys": 4}


# -------------------------------------------------------------- Checked


def three_tables():
    surveys = [ROW["surveys"], {**ROW["surveys"], "trainee_id": "z"}, {"trainee_id": "y"}]
    tables = {"surveys": pd.DataFrame(surveys), "roles": pd.DataFrame([ROW["roles"]])}
    return load_trainees(TRAINEES, census_date=CENSUS, tables=tables)


def test_the_numbers_of_the_trainees_stay_theirs_and_each_table_has_its_own():
    checked = three_tables()
    assert (checked.n_rows, checked.n_rejected) == (3, 1)
    assert checked.summary().to_numpy().tolist() == [
        ["trainees", 3, 2, 1],
        ["surveys", 3, 1, 2],
        ["roles", 1, 1, 0],
    ]
    assert list(checked.rejected.columns) == ["table", "row", "column", "reason", "fix"]
    assert checked.rejected["table"].tolist() == ["trainees", *["surveys"] * 3]
    assert repr(checked) == (
        "Checked(3 rows: 2 valid, 1 rejected; surveys: 3 rows: 1 valid, 2 rejected; "
        "roles: 1 rows: 1 valid, 0 rejected)"
    )
    assert summarise_rejected(checked).to_numpy().tolist() == [
        ["trainees", "specialism is not a label of the contract", 1],
        ["surveys", "trainee_id is not in the table of trainees", 2],
        ["surveys", "date is missing", 1],
    ]


def test_lines_and_rows_that_are_not_said_to_be_of_a_table_are_the_trainees():
    checked = three_tables()
    lines = checked.rejected.drop(columns="table").head(1)
    made = Checked(valid=checked.valid, rejected=lines, n_rows=3)
    assert made.rejected["table"].tolist() == ["trainees"]
    assert made.rows == {"trainees": 3, "surveys": 1, "roles": 1}
    alone = Checked(valid=People(trainees=checked.valid.trainees), rejected=lines.head(0), n_rows=2)
    assert alone.summary().to_numpy().tolist() == [["trainees", 2, 2, 0]]
    assert list(summarise_rejected(alone).columns) == ["reason", "rows"]


def test_what_is_printed_counts_each_table(capsys):
    print_checked(three_tables())
    said = capsys.readouterr().out
    assert "surveys: 3 rows: 1 valid, 2 rejected." in said
    assert "trainees: 3 rows: 2 valid, 1 rejected." in said
    assert "trainee_id is not in the table of trainees" in said
    print_checked(load("placements", placements(("2019-09-02", None), ("2020-03-01", None))))
    assert "end_date filled in for 1 row: the first day" in capsys.readouterr().out


@pytest.mark.slow
def test_a_hundred_thousand_rows_load_in_seconds():
    import time

    n = 25_000
    trainees = pd.DataFrame(
        {"trainee_id": np.arange(n), "specialism": "Finance", "start_date": "2015-09-01"}
    )
    starts = ["2015-09-01", "2016-03-01", "2016-09-01", "2017-03-01"]
    rows = pd.DataFrame(
        {
            "trainee_id": np.repeat(np.arange(n), 4),
            "start_date": np.tile(starts, n),
            "end_date": np.tile(["2016-02-29", None, "2017-03-02", None], n),
            "manager": np.arange(4 * n) % 5_000,
        }
    )
    begun = time.perf_counter()
    checked = load_trainees(trainees, census_date="2018-01-01", tables={"placements": rows})
    assert time.perf_counter() - begun < 20  # about 1.5 s, on a machine without other work
    assert checked.summary()["rejected"].tolist() == [0, 2 * n]
