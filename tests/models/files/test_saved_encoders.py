"""The default encoder is kept in words, any other by skops; both do the same as before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from every_model import made_up
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from gmts_models.errors import DataError
from gmts_models.models.encoding import column_kinds, make_encoder, prepare_columns
from gmts_models.models.files.encoders import read_encoder, write_encoder
from gmts_models.models.files.load import load_model
from gmts_models.models.files.save import save_model
from gmts_models.models.survival.cox import CoxPH


def _prepared(frame: pd.DataFrame) -> pd.DataFrame:
    return prepare_columns(frame, column_kinds(frame))


def there_and_back(encoder: Any) -> Any:
    return read_encoder(json.loads(json.dumps(write_encoder(encoder), allow_nan=False)))


_NUMBERS = st.none() | st.floats(-1e6, 1e6)
_LABELS = st.none() | st.sampled_from(["a", "b", "missing", "", "é", "Z"])
_FRAMES = st.integers(1, 8).flatmap(
    lambda n: st.lists(
        st.lists(_NUMBERS, min_size=n, max_size=n) | st.lists(_LABELS, min_size=n, max_size=n),
        min_size=1,
        max_size=4,
    )
)


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@given(_FRAMES, st.booleans())
@settings(deadline=None, max_examples=30)
def test_an_encoder_does_the_same_to_new_rows(columns: list[list[Any]], impute: bool) -> None:
    frame = _prepared(pd.DataFrame({f"c{i}": column for i, column in enumerate(columns)}))
    encoder = make_encoder(impute=impute).fit(frame)
    assert write_encoder(encoder) is not None
    back = there_and_back(encoder)
    unseen = frame.iloc[::-1].copy()
    for name in unseen.select_dtypes(object):
        unseen[name] = "never seen"
    for rows in (frame, unseen):
        pd.testing.assert_frame_equal(
            back.transform(rows), encoder.transform(rows), check_exact=True
        )


def test_what_is_kept_can_be_read() -> None:
    X, _ = made_up()
    told = write_encoder(make_encoder().fit(_prepared(X)))
    assert told is not None
    assert told["columns"][1] == {"name": "region", "labels": ["London", "Midlands", None]}
    assert told["columns"][2]["mean"] == X["score"].mean()
    assert told["columns"][2]["gaps"] is True


def test_an_unfitted_encoder_stays_so() -> None:
    for impute in (True, False):
        told = write_encoder(make_encoder(impute=impute))
        assert told == {"impute": impute, "columns": None}
        assert not hasattr(read_encoder(told), "transformers_")


def _one_of_my_own() -> Any:
    encoder = ColumnTransformer(
        [
            ("number", StandardScaler(), make_column_selector(dtype_include="number")),
            ("text", OrdinalEncoder(), ["specialism"]),
        ]
    )
    return encoder.set_output(transform="pandas")


def test_encoders_that_only_look_alike_are_not_taken_for_the_default() -> None:
    X, _ = made_up()
    rows = _prepared(X)
    other_labels = make_encoder().set_params(category__onehotencoder__drop=None)
    without_frames = make_encoder().set_output(transform="default")
    for encoder in (_one_of_my_own(), other_labels, without_frames):
        assert write_encoder(encoder.fit(rows)) is None
    assert write_encoder(StandardScaler()) is None


def test_models_with_an_encoder_of_ones_own_come_back(tmp_path: Path) -> None:
    X, y = made_up()
    X = X.drop(columns="region")
    for number, encoder in enumerate(
        [
            _one_of_my_own(),
            make_pipeline(
                ColumnTransformer(
                    [("labels", OneHotEncoder(sparse_output=False), ["specialism"])],
                    remainder="drop",
                )
            ),
        ]
    ):
        model = CoxPH(encoder=encoder, alpha=0.1).fit(X.assign(score=X["score"].fillna(0)), y)
        loaded = load_model(save_model(model, tmp_path / str(number)))
        rows = X.assign(score=1.0)
        assert (loaded.predict_risk(rows, [6]) == model.predict_risk(rows, [6])).all()


def test_a_rare_label_is_in_the_file(tmp_path: Path) -> None:
    """As docs/model-files.md says: labels are kept, those of one person too."""
    X, y = made_up()
    X.iloc[5, 0] = "Policy and Marine Biology"
    folder = save_model(CoxPH(alpha=1.0).fit(X, y), tmp_path / "m")
    assert "Marine Biology" in (folder / "model.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "columns",
    [
        *([], 3, [3], [{}], [{"name": "a"}], [{"name": "a", "labels": []}]),
        *([{"name": "a", "labels": [1]}], [{"name": "a", "mean": "x", "gaps": True}]),
        [{"name": "a", "mean": 1.0, "gaps": 1}],
        [{"name": "a", "mean": 1.0, "gaps": False}, {"name": "a", "labels": ["x"]}],
    ],
)
def test_what_is_no_encoder_is_refused(columns: Any) -> None:
    with pytest.raises(DataError):
        read_encoder({"type": "encoder", "impute": True, "columns": columns})
    with pytest.raises(DataError):
        read_encoder({"type": "encoder", "impute": 1, "columns": None})


def test_means_come_back_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    frame.iloc[:4, 1] = np.nan
    encoder = make_encoder().fit(frame)
    back = there_and_back(encoder)
    theirs = encoder.named_transformers_["number"].statistics_
    assert back.named_transformers_["number"].statistics_.tobytes() == theirs.tobytes()
