"""Files and frames become the same cells; what a file leaves open is asked back."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.data.reading.files import read_table
from gmts_models.data.reading.formulas import has_formulas_to_work_out
from gmts_models.errors import DataError, InputError

HEADER = "id,name,day"


def cells(raw):
    return [list(column) for column in raw.columns]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings(tmp_path, delimiter, ending):
    text = ending.join(["id,name,day", "1,Anna,x", "2,Bo,"]).replace(",", delimiter)
    raw = read_table(write(tmp_path / "a.csv", text))
    assert raw.names == ("id", "name", "day")
    assert cells(raw) == [["1", "2"], ["Anna", "Bo"], ["x", ""]]
    assert raw.numbers.tolist() == [2, 3]


def test_the_delimiter_is_the_one_that_fits_the_rows(tmp_path):
    text = "id;a, b, c, d;x\n1;2;3\n4;5;6,5\n"
    assert read_table(write(tmp_path / "a.csv", text)).names == ("id", "a, b, c, d", "x")
    quoted = '"id; of a person","x"\n"1;2","3;4"\n'
    assert read_table(write(tmp_path / "b.csv", quoted)).names == ("id; of a person", "x")
    marked = "sep=;\r\nid;x\r\n1;2\r\n"
    assert read_table(write(tmp_path / "c.csv", marked)).names == ("id", "x")


@given(st.lists(st.lists(st.text('ab,;\t"\n ', max_size=6), min_size=3, max_size=3), min_size=1))
def test_quoted_cells_come_back_as_they_were(tmp_path_factory, rows):
    rows = [["k", *row] for row in rows]
    text = "\n".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row)
        for row in [["a", "b", "c", "d"], *rows]
    )
    raw = read_table(write(tmp_path_factory.mktemp("x") / "a.csv", text))
    assert [list(row) for row in zip(*raw.columns, strict=True)] == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_when_said(tmp_path, encoding):
    path = write(tmp_path / "a.csv", "id,name\n1,Zoë\n", encoding)
    raw = read_table(path, encoding="utf-8" if encoding.startswith("utf-8") else encoding)
    assert raw.names == ("id", "name")
    assert cells(raw)[1] == ["Zoë"]


@pytest.mark.parametrize(
    ("written", "said", "fix"),
    [
        ("cp1252", "utf-8", 'encoding="cp1252"'),
        ("utf-16", "utf-8", 'encoding="utf-16"'),
        ("utf-16-le", "utf-8", 'encoding="utf-16"'),
        ("utf-8", "ascii", 'encoding="utf-8"'),
        ("utf-8-sig", "cp1252", 'encoding="utf-8"'),
    ],
)
def test_a_wrong_encoding_is_not_guessed(tmp_path, written, said, fix):
    path = write(tmp_path / "a.csv", "id,name\n1,Anna\n2,Zoë\n", written)
    with pytest.raises(DataError) as caught:
        read_table(path, encoding=said)
    assert fix in caught.value.fix
    if written == "cp1252":
        assert caught.value.where == "a.csv, line 3"


def test_a_byte_order_mark_is_never_part_of_a_name(tmp_path):
    path = write(tmp_path / "a.csv", "\ufeffid,name\n1,Zoë\n", "utf-16-le")
    assert read_table(path, encoding="utf-16-le").names == ("id", "name")


def test_an_unknown_encoding_is_an_input_error(tmp_path):
    path = write(tmp_path / "a.csv", HEADER)
    for encoding in ("latin-one", "hex"):
        with pytest.raises(InputError, match="no text encoding"):
            read_table(path, encoding=encoding)


def test_rows_keep_the_number_a_spreadsheet_gives_them(tmp_path):
    text = 'id,name\n\n1,"two\nlines"\n,\n2,x\n'
    assert read_table(write(tmp_path / "a.csv", text)).numbers.tolist() == [3, 5]


def test_rows_that_do_not_line_up_are_set_apart(tmp_path):
    text = "id,name,\n1,a,\n2,b,c,d\n3\n4,e\n5,f,,,\n"
    raw = read_table(write(tmp_path / "a.csv", text))
    assert raw.numbers.tolist() == [2, 5, 6]
    assert raw.misaligned.tolist() == [3, 4]
    assert raw.n_rows == 5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.csv", b",,\n", "is empty"),
        ("a.csv", b"id,name\n", "header but no row"),
        ("a.csv", b'id,name\n1,"a\n2,b\n', "quotation marks"),
        ("a.csv", b'id,name\n1,"a"b"\n', "quotation marks"),
        ("a.csv", b"PK\x03\x04\xff", "a workbook, not text"),
        ("a.xls", b"x", "ending in '.xls'"),
        ("a", b"x", "no ending"),
        ("a.xlsx", b"id,name\n1,2\n", "cannot be read as an Excel workbook"),
        ("a.xlsx", b"PK\x03\x04\xff", "cannot be read as an Excel workbook"),
        ("a.parquet", b"id,name\n1,2\n", "cannot be read as Parquet"),
    ],
)
def test_broken_files_are_one_clear_error(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_table(tmp_path / name)
    assert name in caught.value.where


def test_a_cell_that_does_not_end_is_told(tmp_path):
    path = write(tmp_path / "a.csv", f"{HEADER}\n1,a,x\n2,{'b' * 200_000},x\n")
    with pytest.raises(DataError, match="a cell holds more than 131,072 characters") as caught:
        read_table(path)
    assert caught.value.where == "a.csv, after row 2"


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="cannot be opened"):
        read_table(str(tmp_path / "folder.csv"))


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def test_a_workbook_keeps_types_and_row_numbers(tmp_path):
    day = pd.Timestamp("2021-09-01").to_pydatetime()
    rows = [[None], ["id", "day", "n"], [1, day, 2.5], [None, " "], ["b", "x", True]]
    raw = read_table(workbook(tmp_path / "a.xlsx", people=rows))
    assert raw.names == ("id", "day", "n")
    assert cells(raw) == [[1, "b"], [day, "x"], [2.5, True]]
    assert raw.numbers.tolist() == [3, 5]


def test_formulas_without_a_result_are_refused_and_empty_results_are_not(tmp_path):
    """A day of leaving that is a formula would be empty: everyone would have stayed."""
    path = workbook(tmp_path / "a.xlsx", people=[["id", "left"], [1, "=TODAY()"]], notes=[["x"]])
    with pytest.raises(DataError, match="formulas without a result") as caught:
        read_table(path, sheet="people")
    assert caught.value.where == "a.xlsx"
    assert read_table(workbook(path, people=[["id"], [1]])).n_rows == 1
    cells = (
        b'<c r="A1"><f>B1</f><v>2</v></c><c r="A2" t="str"><f>IF(1,"","x")</f><v></v></c>',
        b'<c r="A1"><f>1+</f></c>',
        b'<x:c r="A1" s="3"><x:f t="shared" si="0"/><x:v/></x:c>',
    )
    found = []
    for number, sheet in enumerate(cells):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr("sheet.xml", sheet)
        book = (tmp_path / f"{number}.zip").read_bytes()
        found.append(has_formulas_to_work_out(book, "sheet.xml"))
    assert found == [False, True, True]


def test_a_sheet_is_asked_for_not_guessed(tmp_path):
    path = workbook(tmp_path / "a.xlsx", notes=[["x"]], people=[["id"], [1]])
    assert cells(read_table(path, sheet="people")) == [[1]]
    with pytest.raises(InputError, match="2 sheets") as caught:
        read_table(path)
    assert "'notes', 'people'" in caught.value.fix
    with pytest.raises(InputError, match="did you mean 'people'"):
        read_table(path, sheet="People")
    with pytest.raises(InputError, match="has no sheets"):
        read_table(write(tmp_path / "a.csv", HEADER), sheet="people")
    with pytest.raises(DataError, match="sheet is empty"):
        read_table(workbook(tmp_path / "b.xlsx", people=[]))


def test_parquet_gives_typed_columns_and_file_row_numbers(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "day": pd.to_datetime(["2021-09-01", None])})
    frame.to_parquet(tmp_path / "a.parquet")
    raw = read_table(tmp_path / "a.parquet")
    assert raw.names == ("id", "day")
    assert raw.numbers.tolist() == [2, 3]
    assert np.issubdtype(raw.columns[1].dtype, np.datetime64)


def test_long_ids_beside_a_gap_keep_their_digits_in_parquet(tmp_path):
    ids = [9007199254740993, 9007199254740994, None]
    pyarrow.parquet.write_table(pyarrow.table({"id": pyarrow.array(ids)}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").columns[0].tolist() == ids


def test_parquet_may_name_two_columns_alike(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").names == ("a", "a")


def test_a_frame_is_taken_by_position_and_left_alone():
    frame = pd.DataFrame({" id ": ["a", "b"], 7: [1, 2]}, index=[10, 10])
    before = frame.copy()
    raw = read_table(frame)
    assert raw.names == ("id", "7")
    assert raw.numbers.tolist() == [0, 1]
    pd.testing.assert_frame_equal(frame, before)


def test_frames_without_rows_and_other_things_are_refused():
    with pytest.raises(DataError, match="no row"):
        read_table(pd.DataFrame({"id": []}))
    with pytest.raises(InputError, match="several levels"):
        read_table(pd.DataFrame({("a", "b"): [1]}))
    with pytest.raises(InputError, match="neither a path nor a DataFrame"):
        read_table(io.StringIO("id\n1\n"))
