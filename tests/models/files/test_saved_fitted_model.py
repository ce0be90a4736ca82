"""What `fit` returns: the recipe goes with the estimator, the people do not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmts_models as gm
from gmts_models.errors import InputError
from gmts_models.models.files.load import load_model
from gmts_models.models.files.save import save_model


@pytest.fixture(scope="module")
def people() -> Any:
    return gm.simulate_trainees(seed=7)


@pytest.fixture(scope="module")
def fitted(people: Any) -> Any:
    table = gm.build_features(people, landmarks=[0, 6, 12])
    return gm.fit(gm.CoxPH(alpha=1.0, strata="specialism"), table, strict=None)


def test_a_fitted_model_predicts_the_same_of_new_people(
    people: Any, fitted: Any, tmp_path: Path
) -> None:
    loaded = load_model(save_model(fitted, tmp_path / "m"))
    assert type(loaded) is gm.FittedModel
    assert loaded.recipe == fitted.recipe
    assert loaded.n == fitted.n
    new = gm.simulate_trainees(seed=8, scale=0.2)
    for at in ("start", 6, 11):
        before = fitted.predict_risk(new, [6, 12, 24], at=at)
        assert np.isfinite(before).any()
        assert loaded.predict_risk(new, [6, 12, 24], at=at).tobytes() == before.tobytes()
    assert loaded.predict_retention(new, [6], at=6).equals(fitted.predict_retention(new, [6], at=6))


def test_its_contract_tells_what_new_people_need(fitted: Any, tmp_path: Path) -> None:
    folder = save_model(fitted, tmp_path / "m")
    document = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    contract = document["contract"]
    assert document["class"] == "FittedModel"
    assert contract["recipe"] == {
        "features": list(fitted.recipe.names),
        "at": "start",
        "endpoint": "left_nhs",
        "landmarks": [0, 6, 12],
        "your_own_features": [],
    }
    assert contract["n"] == fitted.n
    assert [each["name"] for each in contract["columns"]] == list(fitted.recipe.names)
    kinds = {each["name"]: each.get("kind") for each in contract["columns"]}
    assert kinds["commute_minutes"] == "number"
    labels = {each["name"]: each.get("labels") for each in contract["columns"]}
    assert "London" in labels["region"]
    assert contract["last_horizon"] is None


def test_the_last_horizon_of_classifiers_is_told(people: Any, tmp_path: Path) -> None:
    table = gm.build_features(people)
    model = gm.fit(gm.HorizonClassifier(horizons=(12, 24)), table, strict=None)
    folder = save_model(model, tmp_path / "m")
    contract = json.loads((folder / "model.json").read_text(encoding="utf-8"))["contract"]
    assert contract["last_horizon"] == 24
    new = gm.simulate_trainees(seed=8, scale=0.2)
    loaded = load_model(folder)
    assert (loaded.predict_risk(new, [18]) == model.predict_risk(new, [18])).all()


def long_commute(known: Any) -> Any:
    return (known.trainee("commute_minutes") > 45).astype(float)


def _attribute(**changes: Any) -> Any:
    attribute = gm.Attribute(
        name="long_commute",
        kind="number",
        meaning="more than 45 minutes on the way",
        sources=("commute_minutes",),
        derive=long_commute,
    )
    return replace(attribute, **changes)


def test_features_of_ones_own_are_given_again(people: Any, tmp_path: Path) -> None:
    table = gm.build_features(
        people, features=["specialism", "prior_nhs"], attributes=[_attribute()]
    )
    model = gm.fit(gm.CoxPH(), table)
    folder = save_model(model, tmp_path / "m")
    content = b"".join(each.read_bytes() for each in folder.iterdir())
    assert b"derive" not in content
    assert b'"long_commute"' in content
    with pytest.raises(InputError, match="long_commute") as caught:
        load_model(folder)
    assert "attributes=" in str(caught.value.fix)
    loaded = load_model(folder, attributes=[_attribute()])
    new = gm.simulate_trainees(seed=8, scale=0.2)
    assert (loaded.predict_risk(new, [12]) == model.predict_risk(new, [12])).all()
    for changes in ({"kind": "category"}, {"sources": ("region",)}, {"lag_days": 3}):
        with pytest.raises(InputError, match="not declared as when"):
            load_model(folder, attributes=[_attribute(**changes)])


def test_a_model_of_a_handful_of_people_is_not_saved(fitted: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fewer than 5"):
        save_model(replace(fitted, n=4), tmp_path / "m")


@pytest.mark.parametrize(
    "model",
    [
        gm.CoxPH(alpha=1.0),
        gm.MultipleImputation(gm.CoxPH(alpha=1.0), m=2, iterations=4),
        gm.HorizonClassifier(horizons=(12, 24)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_no_id_of_a_person_is_in_the_folder(model: Any, people: Any, tmp_path: Path) -> None:
    table = gm.build_features(people)
    folder = save_model(gm.fit(model, table, strict=None), tmp_path / "m")
    content = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    ids = people.trainees["trainee_id"].astype(str)
    assert ids.str.len().min() >= 5  # or they might be found by chance
    for person in ids:
        assert person.encode() not in content
        assert person.encode("utf-32-le") not in content
