"""The same snapshots as a frame, frames, a mapping, files and a folder; and what is refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from extracts import MONTHS, history, rows, staff

import gmts_models as gm
from gmts_models.config import AttributeSpec
from gmts_models.errors import DataError, GmtsError, InputError

FRAME = staff(rows("b", range(4), organisation="A"), rows("c", range(2, 12), organisation="B"))
CANARY = "Zqxjkv"
LATE = AttributeSpec(kind="number", known="leave_nhs_date")


def same(first: gm.People, second: gm.People) -> None:
    pd.testing.assert_frame_equal(first.trainees, second.trainees)
    assert list(first.tables) == list(second.tables)
    for name in first.tables:
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name])
    assert first.census_date == second.census_date


def parts() -> dict[str, pd.DataFrame]:
    return {str(day): part for day, part in FRAME.groupby("snapshot_date", sort=False)}


def test_a_frame_frames_and_a_mapping_give_the_same():
    whole = gm.from_snapshots(FRAME)
    assert whole.valid.source == "a table in memory"
    several = gm.from_snapshots(list(parts().values()))
    same(whole.valid, several.valid)
    assert several.valid.source == "12 snapshots"
    same(whole.valid, gm.from_snapshots(part for part in parts().values()).valid)
    dated = {
        dt.date.fromisoformat(day): part.drop(columns="snapshot_date")
        for day, part in parts().items()
    }
    same(whole.valid, gm.from_snapshots(dated).valid)
    monthly = {day[:7]: part.assign(snapshot_date="nonsense") for day, part in parts().items()}
    same(whole.valid, gm.from_snapshots(monthly).valid)
    same(whole.valid, gm.from_snapshots({pd.Period(k, "M"): v for k, v in monthly.items()}).valid)


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_folder_has_a_file_for_each_date(tmp_path, ending):
    for day, part in parts().items():
        path = tmp_path / f"staff in post {day[:7]}.{ending}"
        part = part.drop(columns="snapshot_date")
        if ending == "csv":
            part.to_csv(path, index=False)
        elif ending == "parquet":
            part.to_parquet(path)
        else:
            part.to_excel(path, index=False)
    (tmp_path / "notes.md").write_text("not a table", encoding="utf-8")
    (tmp_path / "~$staff.xlsx").write_bytes(b"")
    same(gm.from_snapshots(FRAME).valid, gm.from_snapshots(tmp_path).valid)


def test_the_column_of_dates_goes_before_the_name_of_the_file(tmp_path):
    FRAME.to_csv(tmp_path / "made on 2023-01-01.csv", index=False)
    checked = gm.from_snapshots(tmp_path / "made on 2023-01-01.csv")
    same(gm.from_snapshots(FRAME).valid, checked.valid)
    assert checked.valid.source == "made on 2023-01-01.csv"
    renamed = FRAME.rename(columns={"snapshot_date": "day"})
    renamed.to_csv(tmp_path / "made on 2023-01-01.csv", index=False)
    same(gm.from_snapshots(FRAME).valid, gm.from_snapshots(tmp_path, date="day").valid)


def test_rows_are_told_by_their_file_and_their_number_in_it(tmp_path):
    for day, part in parts().items():
        part.to_csv(tmp_path / f"{day}.csv", index=False)
    path = tmp_path / "2020-11-30.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines += [",2020-11-30,2020-09-01,Finance,A", "x,y"]
    path.write_text("\n".join(lines), encoding="utf-8")
    checked = gm.from_snapshots(tmp_path)
    assert checked.rejected[["table", "source", "row"]].to_numpy().tolist() == [
        ["snapshots", "2020-11-30.csv", 5],
        ["snapshots", "2020-11-30.csv", 6],
    ]
    assert checked.rejected["column"].tolist() == ["trainee_id", ""]
    assert checked.n_rejected == 2
    assert checked.n_rows == len(FRAME) + 2
    assert repr(checked) == "CheckedSnapshots(28 rows: 26 valid, 2 rejected; 3 people)"
    assert checked.summary().to_numpy().tolist() == [["snapshots", 28, 26, 2]]


def test_names_of_columns_may_differ_and_a_column_may_be_missing_in_some_files():
    old = FRAME[FRAME["snapshot_date"] < "2021-01"].drop(columns="organisation")
    new = FRAME[FRAME["snapshot_date"] >= "2021-01"].rename(columns={"trainee_id": "Trainee ID"})
    checked = gm.from_snapshots([old, new])
    assert history(checked, "b")["leave_nhs_date"] == "2021-01-31"
    roles = checked.valid.tables["roles"]
    assert roles.loc[roles["trainee_id"] == "c", "organisation"].tolist() == [None, "B"]
    assert checked.valid.tables["changes"]["change"].tolist() == ["left", "joined"]
    mapped = gm.from_snapshots(
        [old, new.rename(columns={"organisation": "Trust"})], columns={"organisation": "Trust"}
    )
    assert "B" in mapped.valid.tables["roles"]["organisation"].tolist()


def test_labels_attributes_and_types_are_read_as_everywhere():
    frame = FRAME.assign(
        trainee_id=FRAME["trainee_id"].map({"always": 1, "b": 2, "c": 3}).astype("float64"),
        snapshot_date=pd.to_datetime(FRAME["snapshot_date"]),
        specialism=pd.Categorical(["FIN"] * len(FRAME)),
        organisation=FRAME["organisation"].astype("string[pyarrow]"),
        grade=np.arange(len(FRAME)),
        disability="Y",
        gender="unknown",
    ).set_index(pd.Index(np.arange(len(FRAME)) % 3))
    checked = gm.from_snapshots(
        frame,
        labels={"specialism": {"fin": "Finance"}, "gender": {"unknown": ""}},
        attributes={"grade": AttributeSpec(kind="number", meaning="pay point")},
    )
    trainees = checked.valid.trainees
    assert trainees["trainee_id"].tolist() == ["1", "2", "3"]
    assert trainees["specialism"].unique().tolist() == ["Finance"]
    assert trainees["grade"].tolist() == [0, 12, 16]  # as first seen
    assert trainees["disability"].tolist() == [True] * 3
    assert trainees["gender"].isna().all()
    assert checked.valid.attributes["grade"].known == "start"
    assert checked.n_rejected == 0


def test_a_cell_that_cannot_be_read_counts_as_empty_and_its_row_counts():
    frame = staff(rows("b", range(12), region=["London"] * 5 + ["Atlantis"] + ["London"] * 6))
    checked = gm.from_snapshots(frame)
    assert history(checked, "b")["leave_nhs_date"] is None
    assert checked.n_rejected == 0
    assert checked.noted[["row", "column"]].to_numpy().tolist() == [[17, "region"]]
    assert len(checked.valid.tables["roles"]) == 2


def test_dates_follow_a_format_and_ambiguous_ones_are_rejected():
    frame = pd.DataFrame(
        {"trainee_id": "a", "snapshot_date": ["01/02/2021", "01/03/2021"], "start_date": "x"}
    )
    with pytest.raises(DataError, match="can be read as day and month"):
        gm.from_snapshots(frame, specialism="Finance")
    frame["start_date"] = "04/01/2021"
    checked = gm.from_snapshots(frame, specialism="Finance", date_format="%d/%m/%Y", grace_months=0)
    assert history(checked, "a")["first_seen_date"] == "2021-02-01"


def test_a_date_in_the_future_and_one_before_the_start_are_rejected():
    frame = staff(
        pd.DataFrame({"trainee_id": ["always"], "snapshot_date": ["2190-01-31"]}),
        rows("early", range(12), start_date="2020-12-07"),
    )
    checked = gm.from_snapshots(frame)
    assert set(checked.rejected["reason"]) == {
        "snapshot_date is after today",
        "start_date is after snapshot_date",
    }
    assert history(checked, "early")["first_seen_date"] == "2020-12-31"


def test_one_specialism_for_all_rows():
    frame = FRAME.drop(columns="specialism")
    assert set(
        gm.from_snapshots(frame, specialism="health_analysis").valid.trainees.specialism
    ) == {"Health Analysis"}
    anything = gm.from_snapshots(frame, specialism="all", scheme="any").valid
    assert set(anything.trainees["specialism"]) == {"all"}
    assert anything.leaving == "leaving"
    for bad in ("all", ""):
        with pytest.raises(GmtsError):
            gm.from_snapshots(frame, specialism=bad)
    with pytest.raises(InputError, match="no table has a column specialism"):
        gm.from_snapshots(frame)
    with pytest.raises(InputError, match="told twice"):
        gm.from_snapshots(FRAME, specialism="Finance", columns={"specialism": "specialism"})


@pytest.mark.parametrize(
    ("snapshots", "arguments", "words"),
    [
        ([], {}, "no snapshot"),
        (7, {}, "holds no snapshots"),
        ([7], {}, "neither a path"),
        (FRAME.drop(columns="trainee_id"), {}, "no column trainee_id"),
        (FRAME.drop(columns="snapshot_date"), {}, "no column snapshot_date"),
        ([FRAME, FRAME.drop(columns="trainee_id")], {}, "no column trainee_id"),
        ({"soon": FRAME}, {}, "no date"),
        (FRAME, {"id": "nothing"}, "no column 'nothing'"),
        (FRAME, {"id": "trainee_id", "columns": {"trainee_id": "b"}}, "told twice"),
        (FRAME, {"grace_months": -1}, "whole number"),
        (FRAME, {"grace_months": 1.5}, "whole number"),
        (FRAME, {"leaving_date": "last"}, "leaving_date"),
        (FRAME, {"returners": "all"}, "returners"),
        (FRAME, {"covers": "month"}, "covers"),
        (FRAME, {"unknown_start": "drop"}, "unknown_start"),
        (FRAME, {"scheme": "other"}, "scheme"),
        (FRAME, {"date_format": "%d/%m/%y"}, "date_format"),
        (FRAME, {"months_per_period": 12}, "months_per_period"),
        (FRAME, {"labels": {"shoe": {"a": "b"}}}, "shoe"),
        (FRAME, {"attributes": {"shoe": AttributeSpec(kind="number")}}, "shoe"),
        (FRAME, {"attributes": {"fte_paid": LATE}}, "known from then on"),
        ([FRAME, FRAME.iloc[:0]], {}, "no row"),
        (FRAME, {"attributes": {"band": AttributeSpec(kind="category")}}, "contract already"),
    ],
)
def test_what_cannot_be_meant_is_refused(snapshots, arguments, words):
    with pytest.raises(InputError if words != "no row" else DataError, match=words):
        gm.from_snapshots(snapshots, **arguments)


def test_an_error_of_one_file_names_it(tmp_path):
    for day, part in parts().items():
        part.to_csv(tmp_path / f"{day}.csv", index=False)
    FRAME.drop(columns="trainee_id").to_csv(tmp_path / "2020-12-31.csv", index=False)
    with pytest.raises(InputError) as caught:
        gm.from_snapshots(tmp_path)
    assert "2020-12-31.csv" in str(caught.value)
    (tmp_path / "2020-12-31.csv").rename(tmp_path / "03-04-2021.csv")
    FRAME.drop(columns="snapshot_date").to_csv(tmp_path / "03-04-2021.csv", index=False)
    with pytest.raises(InputError, match="day and month") as caught:
        gm.from_snapshots(tmp_path)
    assert caught.value.where == "03-04-2021.csv"


def test_a_folder_without_tables_and_a_missing_one_are_errors(tmp_path):
    with pytest.raises(DataError, match="no table"):
        gm.from_snapshots(tmp_path)
    with pytest.raises(DataError):
        gm.from_snapshots(tmp_path / "nowhere")
    (tmp_path / "2020-09-30.csv").write_text("trainee_id\n", encoding="utf-8")
    with pytest.raises(DataError, match="no row"):
        gm.from_snapshots(tmp_path)


def test_nobody_valid_is_an_error_with_the_reasons():
    with pytest.raises(DataError, match="start_date is missing"):
        gm.from_snapshots(staff().assign(start_date=None))
    with pytest.raises(DataError, match="trainee_id is missing"):
        gm.from_snapshots(staff().assign(trainee_id=None))
    with pytest.raises(DataError, match="specialism is missing"):
        gm.from_snapshots(staff().assign(specialism="NA"))


def test_no_value_of_a_row_is_repeated(tmp_path):
    frame = staff(rows(f"{CANARY}-1", range(12)), rows(f"{CANARY}-1", [3, 4], fte=0.1))
    frame = frame.astype(object)
    for i, name in enumerate(("snapshot_date", "start_date", "specialism")):
        frame.loc[14 + i, name] = f"{CANARY} {i}"
    frame["band"], frame["fte"] = f"{CANARY} band", f"{CANARY} hours"
    frame["region"], frame["age_at_start"] = f"{CANARY} land", f"{CANARY} years"
    checked = gm.from_snapshots(frame)
    for told in (checked.rejected, checked.noted, checked.counts, checked.summary()):
        assert CANARY not in told.to_csv()
    assert CANARY not in repr(checked) + repr(checked.valid)
    frame["start_date"] = None
    with pytest.raises(DataError) as caught:
        gm.from_snapshots(frame)
    assert CANARY not in str(caught.value)


def test_the_frames_given_are_left_as_they_are():
    before = FRAME.copy(deep=True)
    gm.from_snapshots(FRAME)
    pd.testing.assert_frame_equal(FRAME, before)
    assert MONTHS[0] == "2020-09-30"


@pytest.mark.parametrize("backend", ["pyarrow", "numpy_nullable"])
def test_nullable_and_arrow_types_give_the_same(backend):
    frame = FRAME.assign(
        snapshot_date=pd.to_datetime(FRAME["snapshot_date"]), fte=[1, None] * (len(FRAME) // 2)
    )
    typed = frame.convert_dtypes(dtype_backend=backend)
    typed["organisation"] = typed["organisation"].astype("category")
    same(gm.from_snapshots(frame).valid, gm.from_snapshots(typed).valid)
    days = [typed[:9], frame[9:]]
    same(gm.from_snapshots(frame).valid, gm.from_snapshots(days).valid)
