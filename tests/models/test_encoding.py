"""The encoder: gaps of every kind, types of every kind, and nothing learned from new rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.models.encoding import Design, apply_design, column_kinds, fit_design, make_encoder
from gmts_models.models.survival.cox import CoxPH
from gmts_models.outcome import Outcome

ARROW_TEXT, ARROW_BOOL = pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.bool_())


def _frame(values: Any, dtype: Any = None) -> pd.DataFrame:
    column = pd.Series(pd.array(values, dtype=dtype)) if dtype is not None else pd.Series(values)
    return pd.DataFrame({"age": [20.0, 22, 24, 29], "c": column})


def _raw(design: Design, frame: pd.DataFrame) -> pd.DataFrame:
    """Encoded columns as they were before they were standardised."""
    matrix = apply_design(design, frame) * design.spread + design.centre
    return pd.DataFrame(matrix.round(9), columns=list(design.names))


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, np.nan, 0.0, 1.0]),
        np.array([True, None, False, True], dtype=object),
        np.array([1, None, 0.0, True], dtype=object),
        np.array([1, pd.NA, 0, 1], dtype=object),
        pd.array([1, None, 0, 1], dtype="Int64"),
        pd.array([True, None, False, True], dtype="boolean"),
        pd.array([True, None, False, True], dtype=ARROW_BOOL),
        pd.array([1.0, None, 0.0, 1.0], dtype="double[pyarrow]"),
        pd.array(
            [Decimal(1), None, Decimal(0), Decimal(1)], dtype=pd.ArrowDtype(pa.decimal128(5, 2))
        ),
    ],
)
def test_numbers_and_flags_of_every_type_are_the_same_columns(values: Any) -> None:
    design, _ = fit_design(None, _frame(values))
    assert design.names == ("age", "c", "missing: c")
    raw = _raw(design, _frame(values))
    assert raw["c"].tolist() == pytest.approx([1, 2 / 3, 0, 1])
    assert raw["missing: c"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "values",
    [
        np.array(["x", None, "y", "x"], dtype=object),
        np.array(["x", np.nan, "y", "x"], dtype=object),
        pd.Categorical(["x", None, "y", "x"], categories=["y", "x", "never"]),
        pd.array(["x", None, "y", "x"], dtype="string"),
        pd.array(["x", None, "y", "x"], dtype="string[pyarrow]"),
        pd.array(["x", None, "y", "x"], dtype=ARROW_TEXT),
        pd.array(
            ["x", None, "y", "x"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
        ),
    ],
)
def test_text_of_every_type_is_the_same_columns(values: Any) -> None:
    design, _ = fit_design(None, _frame(values))
    assert design.names == ("age", "c_y", "missing: c")  # the reference is x, never the gap
    raw = _raw(design, _frame(values))
    assert raw["c_y"].tolist() == [0, 0, 1, 0]
    assert raw["missing: c"].tolist() == [0, 1, 0, 0]


def test_a_label_called_missing_is_no_gap() -> None:
    design, _ = fit_design(None, _frame(["missing", "a", None, "a"]))
    assert design.names == ("age", "c_missing", "missing: c")
    raw = _raw(design, _frame(["missing", "a", None, "a"]))
    assert raw["c_missing"].tolist() == [1, 0, 0, 0]


def test_a_pandas_category_is_text_whatever_its_labels() -> None:
    frame = _frame(pd.Categorical([2020, 2021, None, 2020]))
    assert column_kinds(frame) == {"age": "number", "c": "text"}
    design, _ = fit_design(None, frame)
    assert design.names == ("age", "c_2021", "missing: c")


NOTHING = [
    np.array([None] * 4, dtype=object),
    np.array([np.nan] * 4),
    pd.array([None] * 4, dtype="Int64"),
    pd.array([None] * 4, dtype="string"),
    pd.array([None] * 4, dtype=pd.ArrowDtype(pa.null())),
    pd.array([pd.NaT] * 4, dtype="datetime64[ns]"),
    pd.Categorical([None] * 4),
]


@pytest.mark.parametrize("empty", NOTHING)
@pytest.mark.parametrize("later", [[1.0, 2, np.nan, 4], ["x", "y", None, "x"], [None] * 4])
@pytest.mark.parametrize("impute", [True, False])
def test_a_column_without_any_value_in_training_says_nothing(
    empty: Any, later: Any, impute: bool
) -> None:
    design, _ = fit_design(make_encoder(impute=impute), _frame(empty))
    assert design.names == ("age",)
    np.testing.assert_allclose(_raw(design, _frame(later))["age"], [20, 22, 24, 29])


@pytest.mark.parametrize("gaps", NOTHING)
def test_new_rows_may_be_all_gaps(gaps: Any) -> None:
    numbers, _ = fit_design(None, _frame([1.0, 2, 3, 4]))
    np.testing.assert_allclose(_raw(numbers, _frame(gaps))["c"], 2.5)  # the training mean
    text, _ = fit_design(None, _frame(["a", "b", "b", "a"]))
    np.testing.assert_allclose(_raw(text, _frame(gaps))["c_b"], 0)  # the reference
    known, _ = fit_design(None, _frame(["z", "b", "b", None]))
    assert known.names == ("age", "c_z", "missing: c")
    np.testing.assert_allclose(_raw(known, _frame(gaps))["missing: c"], 1)
    trees, _ = fit_design(make_encoder(impute=False), _frame([1.0, 2, 3, 4]))
    assert _raw(trees, _frame(gaps))["c"].isna().all()  # these see gaps as they are


def test_gaps_and_labels_that_are_new_count_as_the_reference() -> None:
    design, _ = fit_design(None, _frame(["a", "b", "b", "a"]))
    assert _raw(design, _frame(["b", None, "new", "a"]))["c_b"].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("before", "after"),
    [([1.0, 2, 3, 3], list("xyyx")), (list("xyyx"), [1.0, 2, 3, 3]), (list("xyyx"), [True] * 4)],
)
def test_a_column_that_changes_its_kind_is_refused(before: Any, after: Any) -> None:
    design, _ = fit_design(None, _frame(before))
    with pytest.raises(InputError, match="when the model was fitted") as error:
        apply_design(design, _frame(after))
    assert "X, c" in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2020-01-01", periods=4),
        np.array([1, "x", 2, 3], dtype=object),
        np.array([1j, 2, 3, 4]),
        np.array([1j, 2, None, 4], dtype=object),
        pd.to_timedelta([1, 2, 3, 4], "D"),
        np.array([[1], [2], [3], None], dtype=object),
        [1.0, 2.0, np.inf, 3.0],
    ],
)
def test_what_is_neither_numbers_nor_text_is_refused(values: Any) -> None:
    with pytest.raises(InputError) as error:
        fit_design(None, _frame(values))
    assert "X, c" in str(error.value)


def test_names_need_not_be_text_but_must_differ() -> None:
    frame = _frame([1.0, 2, np.nan, 3]).rename(columns={"age": 0})
    design, _ = fit_design(None, frame)
    assert design.names == ("0", "c", "missing: c")
    with pytest.raises(InputError, match="share a name"):
        fit_design(None, _frame([1.0, 2, 3, 4]).set_axis([1, "1"], axis=1))


def _learned(design: Design) -> list[Any]:
    encoder = design.encoder.named_transformers_
    categories = encoder["category"][-1].categories_
    return [
        *(design.names, design.kinds, design.centre.tolist(), design.spread.tolist()),
        encoder["number"].statistics_.tolist(),
        encoder["number"].indicator_.features_.tolist(),
        [each.tolist() for each in categories],
    ]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_new_rows_teach_the_encoder_nothing(seed: int) -> None:
    """Change new rows in every way: nothing learned changes, nor what is said of other rows."""
    rng = np.random.default_rng(seed)
    train = pd.DataFrame({"number": [1.0, np.nan, 4, 2], "label": ["a", "b", None, "a"]})
    design, _ = fit_design(None, train)
    before = _learned(design)
    new = pd.DataFrame({"number": rng.normal(size=5), "label": rng.choice(["a", "b", "c"], 5)})
    new.loc[rng.random(5) < 0.5, "number"] = np.nan
    first = apply_design(design, new)
    changed = new.copy()
    changed.loc[1:, "number"] = rng.normal(size=4) * 1000
    changed.loc[1:, "label"] = "never seen"
    second = apply_design(design, changed)
    np.testing.assert_array_equal(first[0], second[0])
    assert repr(_learned(design)) == repr(before)


def test_a_model_fitted_on_a_fold_does_not_know_the_other() -> None:
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"score": rng.normal(size=80), "route": rng.choice(["a", "b"], 80)})
    X.loc[::5, "score"], X.loc[::7, "route"] = np.nan, None
    y = Outcome(0, np.ceil(rng.exponential(20, 80)), rng.random(80) < 0.7)
    train = np.arange(50)
    other = X.copy()
    other.loc[50:, "score"], other.loc[50:, "route"] = 1e6, "elsewhere"
    one = CoxPH().fit(X.iloc[train], y[train])
    two = CoxPH().fit(other.iloc[train], y[train])
    assert repr(_learned(one.design_)) == repr(_learned(two.design_))
    mixed = pd.concat([X.iloc[50:60], other.iloc[60:]])
    np.testing.assert_array_equal(
        one.predict_risk(X.iloc[50:60], [12]), one.predict_risk(mixed, [12])[:10]
    )


def test_gaps_that_go_together_have_one_indicator() -> None:
    """Both scores of a survey are missing, or neither; the third column has gaps of its own."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["morale", "engagement", "commute"])
    frame.loc[:19, ["morale", "engagement"]] = np.nan
    frame.loc[15:30, "commute"] = np.nan
    frame["unanswered"] = frame["morale"].isna().astype(float)
    frame["band"] = np.where(np.arange(60) % 7 == 0, None, np.where(np.arange(60) % 2, "5", "6"))
    design, matrix = fit_design(None, frame[["morale", "engagement", "commute", "band"]])
    assert [name for name in design.names if name.startswith("missing")] == [
        "missing: morale",
        "missing: commute",
        "missing: band",
    ]
    assert "missing: engagement" in design.dropped
    assert np.linalg.matrix_rank(matrix) == matrix.shape[1]
    told, _ = fit_design(None, frame[["morale", "engagement", "unanswered"]])
    assert told.names == ("morale", "engagement", "unanswered")
    np.testing.assert_array_equal(apply_design(design, frame.drop(columns="unanswered")), matrix)


def test_what_a_user_gives_twice_is_not_left_out_silently() -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [2.0, 4, 6, 10]})
    assert fit_design(None, frame)[0].names == ("a", "b")
