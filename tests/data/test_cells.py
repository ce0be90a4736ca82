"""Which cells are missing, and what the others hold."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.reading.cells import (
    MISSING_WORDS,
    UNREADABLE,
    as_text,
    fold_label,
    read_cells,
)


def values(cells):
    return [None if code < 0 else cells.levels[code] for code in cells.codes]


@pytest.mark.parametrize("word", ["", "  ", *MISSING_WORDS, "na", "nan", "Null"])
def test_words_for_missing(word):
    assert read_cells(pd.Series(["x", word])).missing.tolist() == [False, True]


@pytest.mark.parametrize("word", ["None", "unknown", "-", "n/k", "Nanjing", "0"])
def test_other_words_are_labels(word):
    assert values(read_cells(pd.Series([word]))) == [word]


def test_every_kind_of_missing_value_is_missing():
    column = pd.Series([None, np.nan, pd.NA, pd.NaT, decimal.Decimal("NaN"), "x"], dtype=object)
    assert read_cells(column).missing.tolist() == [True] * 5 + [False]


def test_text_is_trimmed_and_of_one_unicode_form():
    column = pd.Series([" caf\u00e9 ", "cafe\u0301\u00a0", "a  b"])
    assert values(read_cells(column)) == ["caf\u00e9", "caf\u00e9", "a  b"]


def test_signs_without_width_at_the_ends_are_trimmed():
    column = pd.Series(["\ufeffT1", "T1\u200b ", "\u200e\u00a0T1", "T\u200b1", "\u200b"])
    assert values(read_cells(column)) == ["T1", "T1", "T1", "T\u200b1", None]


def test_whole_decimals_keep_all_their_digits():
    column = pd.Series([decimal.Decimal("9007199254740993"), decimal.Decimal("2.50")])
    assert values(read_cells(column)) == [9007199254740993, 2.5]
    assert values(read_cells(pd.Series([decimal.Decimal("Infinity")]))) == [float("inf")]


def test_true_one_and_one_point_nought_stay_apart():
    read = values(read_cells(pd.Series([True, 1, 1.0, "1"], dtype=object)))
    assert [type(value) for value in read] == [bool, int, float, str]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["b", None, "a"], dtype="string"),
        pd.Series(["b", None, "a"], dtype="category"),
        pd.Series(["b", None, "a"], dtype="string[pyarrow]"),
    ],
)
def test_text_of_every_dtype(column):
    assert values(read_cells(column)) == ["b", None, "a"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([2, None], dtype="Int64"), [2, None]),
        (pd.Series([2.5, np.nan]), [2.5, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series(pd.to_datetime(["2021-09-01", None])), [dt.datetime(2021, 9, 1), None]),
        (pd.Series([decimal.Decimal("2.5"), None]), [2.5, None]),
        (pd.Series([np.int64(3), "x"], dtype=object), [3, "x"]),
        (pd.Series([[1], b"x", dt.time(3), "x"]), [UNREADABLE] * 3 + ["x"]),
    ],
)
def test_values_of_every_dtype(column, expected):
    assert values(read_cells(column)) == expected


def test_renaming_goes_before_missing_words_and_ignores_case():
    column = pd.Series(["NA", "left  it", "x", 2.0], dtype=object)
    renamed = {"na": "North America", "left it": "", "2": "two"}
    assert values(read_cells(column, renamed)) == ["North America", None, "x", "two"]


def test_as_text_is_what_a_spreadsheet_shows():
    assert as_text(2.0) == "2"
    assert as_text(2.5) == "2.5"
    assert as_text(dt.datetime(2021, 9, 1)) == "2021-09-01"


@pytest.mark.parametrize(
    "label", ["health_informatics", "HEALTH-Informatics", " health  informatics"]
)
def test_labels_of_the_contract_are_alike_in_any_writing(label):
    assert fold_label(label) == fold_label("Health Informatics")
    assert fold_label("Policy & Strategy") == fold_label("policy and strategy")
