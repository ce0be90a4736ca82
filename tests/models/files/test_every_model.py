"""Every model of the package is written and read back, and then says the same to the bit."""

from __future__ import annotations

import inspect
import pkgutil
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from every_model import EXAMPLES, HORIZONS, made_up

import gmts_models
import gmts_models.models
from gmts_models.errors import InputError
from gmts_models.models.encoding import apply_design
from gmts_models.models.files.arrays import read_array, read_members
from gmts_models.models.files.contract import designs
from gmts_models.models.files.load import load_model
from gmts_models.models.files.names import ESTIMATORS, RECORDS, REFUSED, find_class
from gmts_models.models.files.save import save_model

_CASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, examples in EXAMPLES.items()
    for number in range(len(examples))
]
_FITTED: dict[tuple[str, int], Any] = {}


def fitted(name: str, number: int) -> Any:
    """Fit each example once."""
    if (name, number) not in _FITTED:
        X, y = made_up()
        _FITTED[name, number] = EXAMPLES[name][number]().fit(X, y)
    return _FITTED[name, number]


def models_of_the_package() -> set[str]:
    """Return the names of all estimators of risk in gmts_models.models, and the public ones."""
    found = set()
    for module in pkgutil.walk_packages(gmts_models.models.__path__, "gmts_models.models."):
        for name, kind in vars(import_module(module.name)).items():
            own = inspect.isclass(kind) and kind.__module__ == module.name
            if own and hasattr(kind, "predict_risk") and hasattr(kind, "get_params"):
                found.add(name)
    for name in gmts_models.__all__:
        kind = getattr(gmts_models, name)
        if inspect.isclass(kind) and hasattr(kind, "get_params"):
            found.add(name)
    # Bases, which nobody makes.
    return {each for each in found if not each.startswith("_")} - {"PartiallyPooled", "TimeModel"}


def test_every_model_has_an_example() -> None:
    models = models_of_the_package()
    assert {"CoxPH", "KaplanMeier", "HorizonClassifier", "RiskPipeline"} <= models
    assert models == set(EXAMPLES) | set(REFUSED), "see tests/models/files/every_model.py"
    assert set(ESTIMATORS) == set(EXAMPLES)


def test_every_name_of_the_lists_is_a_class() -> None:
    for table, names in {"estimators": ESTIMATORS, "records": RECORDS}.items():
        for name, place in names.items():
            kind = find_class(table, name)
            assert f"{kind.__module__}:{kind.__name__}" == (
                place if ":" in place else f"{place}:{name}"
            )


def answers(model: Any) -> list[Any]:
    """Return everything that a model says of new people, as arrays."""
    X, _ = made_up(60, seed=8)
    given = [model.predict_risk(X, HORIZONS)]
    assert np.isfinite(given[0]).any()
    with suppress(InputError):  # a model without an interval of its own
        found = model.predict_risk_interval(X, HORIZONS, level=0.9)
        given += [found.risk, found.lower, found.upper]
    if hasattr(model, "predict_incidence"):
        given.append(model.predict_incidence(X, HORIZONS))
    return given


def summary_of(model: Any) -> pd.DataFrame | None:
    """Return the table of a model, if it has one."""
    with suppress(InputError):  # around an estimator without coefficients
        return model.summary() if hasattr(model, "summary") else None
    return None


@pytest.mark.parametrize(("name", "number"), _CASES)
def test_a_loaded_model_says_the_same_to_the_bit(name: str, number: int, tmp_path: Path) -> None:
    model = fitted(name, number)
    loaded = load_model(save_model(model, tmp_path / "model"))
    assert type(loaded) is type(model)
    assert vars(loaded).keys() == vars(model).keys()
    said = answers(model)
    for before, after in zip(said, answers(loaded), strict=True):
        assert before.tobytes() == after.tobytes()
    if (summary := summary_of(model)) is not None:
        assert loaded.summary().equals(summary)
    # Once more, of what was loaded: nothing is lost on the way.
    again = load_model(save_model(loaded, tmp_path / "again"))
    assert answers(again)[0].tobytes() == said[0].tobytes()


@pytest.mark.parametrize(("name", "number"), _CASES)
def test_a_folder_holds_no_person(name: str, number: int, tmp_path: Path) -> None:
    """Neither ids, nor values of a number that differs between people, nor a value a person."""
    X, _ = made_up()
    model = fitted(name, number)
    folder = save_model(model, tmp_path / "model")
    files = [each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    content = b"".join(files)
    assert b"trainee-" not in content
    assert "trainee-".encode("utf-32-le") not in content
    values = set(X["score"].dropna()) | set(X["age"]) | standardised(model, X)
    for value in values - {0.0}:
        assert repr(float(value)).encode() not in content
        assert np.float64(value).tobytes() not in content
    for length in array_lengths(files):
        assert length != len(X)  # a prime number, which nothing else is likely to have


def standardised(model: Any, X: pd.DataFrame) -> set[float]:
    """Return the numbers as the model sees them."""
    found: set[float] = set()
    for design in designs(model, set()):
        if set(design.kinds) <= set(X):
            matrix = apply_design(design, X[list(design.kinds)])
            numbers = [i for i, name in enumerate(design.names) if name in ("score", "age")]
            found |= {float(each) for each in matrix[:, numbers].ravel()}
    return {each for each in found if not np.isnan(each)}


def array_lengths(files: list[bytes]) -> set[int]:
    lengths: set[int] = set()
    for content in files:
        if content.startswith(b"PK"):
            for name, member in read_members(content, "").items():
                if name.endswith(".npy"):
                    lengths |= set(read_array(member, name, records=True).shape)
    return lengths
