"""Values become JSON and arrays, and come back to the bit."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.linear_model import LogisticRegression

from gmts_models.errors import DataError, GmtsError, InputError
from gmts_models.models.files.arrays import read_arrays, write_arrays
from gmts_models.models.files.codec import Reader, Writer
from gmts_models.models.survival.cox import CoxPH
from gmts_models.stats.cox.baseline import BaselineHazard


def there_and_back(value: Any) -> Any:
    """Return a value as it comes out of a file."""
    writer = Writer()
    text = json.dumps(writer.write(value, "model"), allow_nan=False)
    arrays = read_arrays(write_arrays(writer.arrays), "arrays.npz")
    return Reader(arrays=arrays, estimators=writer.estimators).read(json.loads(text), "model")


def same(one: Any, other: Any) -> bool:
    """Tell whether two plain values are alike, type and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        both_gaps = math.isnan(one) and math.isnan(other)
        return both_gaps or struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    return bool(one == other)


_TEXT = st.text(st.characters(codec="utf-8"))
_CELLS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
_VALUES = st.recursive(
    _CELLS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(_TEXT, inner)
        | st.dictionaries(st.integers() | st.tuples(st.integers(), st.booleans()), inner)
    ),
    max_leaves=12,
)


@given(_VALUES)
@settings(deadline=None)
def test_plain_values_come_back(value: Any) -> None:
    assert same(there_and_back(value), value)


@given(
    npst.arrays(
        st.sampled_from(
            ["f8", "f4", ">f8", "f2", "i8", "i4", "u1", "?", "M8[ns]", "M8[D]", "m8[s]", "U3"]
        ),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
@settings(deadline=None)
def test_arrays_come_back_to_the_bit(array: Any) -> None:
    back = there_and_back(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_arrays_keep_the_order_of_their_memory() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert there_and_back(array).flags.f_contiguous
    assert there_and_back(np.ascontiguousarray(array)).flags.c_contiguous
    assert there_and_back(array).flags.writeable


@given(st.lists(_CELLS, max_size=6))
@settings(deadline=None)
def test_arrays_of_objects_come_back(cells: list[Any]) -> None:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    back = there_and_back(array)
    assert back.dtype == object
    assert same(back.tolist(), cells)


@pytest.mark.parametrize(
    "value",
    [
        *(np.float64(0.1), np.float64("nan"), np.float64("-inf"), np.float32(0.1), np.int8(-3)),
        *(np.uint64(2**64 - 1), np.bool_(True), np.float64(-0.0)),
    ],
)
def test_numbers_of_numpy_come_back(value: Any) -> None:
    back = there_and_back(value)
    assert type(back) is type(value)
    assert back.tobytes() == value.tobytes()


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [0.1, np.nan, np.inf],
            "count": np.array([1, 2, 3], dtype=np.int32),
            "flag": [True, False, True],
            "label": ["a", None, "\U0010ffff"],
            "group": pd.Categorical(["x", None, "y"], ["y", "x", "z"], ordered=True),
            "code": pd.Categorical([2, 1, 2]),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "words": pd.array(["p", None, "q"], dtype="string"),
            "day": pd.to_datetime(["2021-09-01", None, "2022-09-01"]),
            7: [1.0, 2.0, 3.0],
        }
    )


def test_frames_come_back() -> None:
    frame = _frame()
    pd.testing.assert_frame_equal(there_and_back(frame), frame, check_exact=True)
    for other in (
        frame.set_axis(pd.Index(["r1", "r2", "r3"], name="row")),
        frame.set_axis(pd.Index([2.5, 1.0, 9.0])),
        frame.iloc[:0],
        frame[[]],
        pd.DataFrame(),
        pd.concat([frame["number"], frame["number"]], axis=1),
    ):
        pd.testing.assert_frame_equal(there_and_back(other), other, check_exact=True)


def test_series_and_indexes_come_back() -> None:
    frame = _frame()
    for name in frame:
        pd.testing.assert_series_equal(there_and_back(frame[name]), frame[name], check_exact=True)
        index = pd.Index(frame[name])
        pd.testing.assert_index_equal(there_and_back(index), index, exact=True)
    assert there_and_back(pd.Timestamp("2021-09-01 10:11:12.123456789")) == pd.Timestamp(
        "2021-09-01 10:11:12.123456789"
    )


def test_records_and_models_come_back() -> None:
    record = BaselineHazard(
        **{name: np.array([1.0, 2.0]) for name in BaselineHazard.__dataclass_fields__}
    )
    back = there_and_back({"first": record, "model": CoxPH(alpha=2.0), 1: [record]})
    assert type(back["first"]) is BaselineHazard
    assert back["model"].get_params() == CoxPH(alpha=2.0).get_params()


# ------------------------------------------------------------- refusals


class Plain:
    pass


def _cycle() -> list[Any]:
    inside: list[Any] = []
    inside.append({"again": (inside,)})
    return inside


@pytest.mark.parametrize(
    "value",
    [
        *(len, lambda: 1, Plain(), Plain, {1, 2}, b"bytes", 1j, object(), np.complex128(1j)),
        *(np.array([1j]), np.array([Plain()], dtype=object), np.zeros(2, dtype=[("a", "f8")])),
        *(np.ma.masked_array([1.0], [True]), range(3), pd.Timestamp("2021-09-01", tz="UTC")),
        *(
            pd.MultiIndex.from_tuples([(1, 2)]),
            pd.Series([Plain()]),
            pd.Series([pd.Period("2021")]),
        ),
        *({Plain(): 1}, np.random.default_rng(0), _cycle(), iter([])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_kept_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        Writer().write({"a": [1, value]}, "model")
    assert str(caught.value.where).startswith("model")


def test_labels_do_not_stand_in_errors() -> None:
    with pytest.raises(InputError) as caught:
        Writer().write({"A. Person": {"B. Person": Plain()}}, "model")
    assert "Person" not in str(caught.value)


def test_an_estimator_with_an_attribute_of_its_own_is_refused() -> None:
    model = CoxPH()
    model.notes = "mine"
    with pytest.raises(InputError, match="neither a parameter nor fitted"):
        Writer().write(model, "model")


def test_models_of_other_libraries_are_refused_by_name() -> None:
    class XGBClassifier(LogisticRegression):
        pass

    XGBClassifier.__module__ = "xgboost.sklearn"
    with pytest.raises(InputError, match=r"xgboost\.sklearn") as caught:
        Writer().write(XGBClassifier(), "model")
    assert "library" in str(caught.value.fix)


_FIELDS = (
    *("type", "items", "values", "name", "shape", "fields", "params", "state", "dtype", "value"),
    *("columns", "index", "names", "codes", "categories", "ordered", "file", "ends", "gaps"),
)
_WORDS = (
    *("float", "tuple", "dict", "scalar", "array", "objects", "attribute", "encoder", "record"),
    *("model", "frame", "series", "index", "range", "timestamp", "category", "CoxPH", "Design"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_FIELDS), inner | st.sampled_from(_WORDS), max_size=5)
    ),
    max_leaves=10,
)


@given(_JSON)
@settings(deadline=None, max_examples=300)
def test_whatever_stands_in_a_file_is_a_value_or_an_error(value: Any) -> None:
    """Nothing but errors that loading turns into one that is clear."""
    reader = Reader(arrays={}, estimators={})
    try:
        reader.read(value, "model")
    except (GmtsError, TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError):
        return


def test_a_record_of_another_shape_says_to_fit_again() -> None:
    writer = Writer()
    record = {"type": "record", "name": "BaselineHazard", "fields": {"time": 1.0}}
    with pytest.raises(DataError, match="BaselineHazard") as caught:
        Reader(arrays=writer.arrays, estimators={}).read(record, "model")
    assert "fit the model again" in str(caught.value.fix)
