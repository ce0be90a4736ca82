"""Files that a stranger made: refused with one clear error, and nothing in them runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_model import fitted_trees, forest, horizons, made_up
from forging import forge_document, forge_model, forge_skops, nodes, seal, write_zip

from gmts_models.errors import DataError, GmtsError
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.files.load import load_model
from gmts_models.models.files.save import save_model
from gmts_models.models.survival.cox import CoxPH


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with models that are sound."""
    place = tmp_path_factory.mktemp("models")
    X, y = made_up()
    save_model(CoxPH().fit(X, y), place / "cox")
    save_model(horizons(forest()).fit(X, y), place / "forest")
    save_model(fitted_trees(), place / "trees")
    return place


@pytest.fixture
def cox(templates: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(templates / "cox", tmp_path / "cox"))


@pytest.fixture
def forest_folder(templates: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(templates / "forest", tmp_path / "forest"))


@pytest.fixture
def trees_folder(templates: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(templates / "trees", tmp_path / "trees"))


class Canary:
    """What leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def refused(folder: Path, canary: Path) -> GmtsError:
    """Return the error with which a folder is refused; nothing of it ran."""
    with pytest.raises(GmtsError) as caught:
        load_model(folder)
    assert not canary.exists()
    assert len(str(caught.value)) < 1000
    return caught.value


def test_the_canary_sings_where_files_are_trusted(canary: Path) -> None:
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()


# ------------------------------------------------------------- names in model.json


def _call(name: str, canary: Path) -> list[Any]:
    """Return ways to ask for a call of a function, in every form that a file knows."""
    argument = str(canary)
    module, _, function = name.rpartition(".")
    fields = {"name": argument, "path": argument, "command": f"mkdir {argument}"}
    return [
        {"type": "record", "name": name, "fields": fields},
        {"type": "model", "name": name, "params": fields, "state": {}},
        {"type": name, "items": [argument]},
        {"type": "scalar", "dtype": name, "value": 1},
        {"type": "model", "name": f"{module}:{function}", "params": {}, "state": {}},
        {"type": "model", "name": "CoxPH", "params": {"encoder": {"type": name}}, "state": {}},
        {"__reduce__": [name, [argument]]},
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("os.mkdir", "os.system", "builtins.eval", "subprocess.Popen", "pickle.loads"),
        *("sklearn.linear_model.LogisticRegression", "gmts_models.cli.main", "__import__"),
        *("gmts_models.models.survival.cox.CoxPH", "find_class", "ESTIMATORS", "cox:CoxPH", ""),
    ],
)
def test_names_of_other_classes_are_not_followed(name: str, cox: Path, canary: Path) -> None:
    for model in _call(name, canary):
        forge_model(cox, model)
        refused(cox, canary)


def test_the_state_of_a_model_is_data_alone(cox: Path, canary: Path) -> None:
    document = json.loads((cox / "model.json").read_text())
    for key in ("predict_risk", "__class__", "__dict__", "fit", "_steps_", "alpha", "_covariates"):
        model = json.loads(json.dumps(document["model"]))
        model["state"][key] = "x"
        forge_model(cox, model)
        if key != "_steps_" and key != "_covariates":
            assert "expects" in str(refused(cox, canary))
    model = json.loads(json.dumps(document["model"]))
    model["params"]["surprise"] = 1
    forge_model(cox, model)
    assert "expects" in str(refused(cox, canary))


@pytest.mark.parametrize(
    "reference",
    ["../../x", "../cox/arrays.npz", "/etc/passwd", "model.coef_/../x", "", "\0", "nothing"],
)
def test_references_lead_nowhere_else(reference: str, cox: Path, canary: Path) -> None:
    for kind, key in (("array", "name"), ("scikit-learn", "file")):
        forge_model(cox, {"type": kind, key: reference})
        refused(cox, canary)


def test_what_is_no_model_is_none(cox: Path, canary: Path) -> None:
    for model in (None, 1, "text", [], {"type": "dict", "values": {}}, {"type": "float"}, {}):
        forge_model(cox, model)
        refused(cox, canary)
    forge_model(cox, {"type": "model", "name": "CoxPH", "params": {}, "state": {}})
    refused(cox, canary)  # not fitted


def test_deep_nesting_is_refused(cox: Path, canary: Path) -> None:
    for depth in (600, 100_000):
        deep = '{"format": 1, "made_with": {}, "model": ' + "[" * depth + "]" * depth + "}"
        (cox / "model.json").write_text(deep)
        seal(cox)
        refused(cox, canary)


def test_numbers_beyond_bounds_are_refused(cox: Path, canary: Path) -> None:
    huge = {"type": "objects", "shape": [10**30], "items": []}
    range_ = {"type": "range", "ends": [0, 10**30, 1], "name": None}
    for model in (huge, range_, {"type": "objects", "shape": [-1, 3], "items": [1]}):
        forge_model(cox, model)
        refused(cox, canary)
    (cox / "model.json").write_text('{"format": 1, "made_with": {}, "model": ' + "9" * 9999 + "}")
    seal(cox)
    refused(cox, canary)


# ------------------------------------------------------------- arrays


def _npz(folder: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(folder / "arrays.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["model.coef_.npy"] = content
    write_zip(folder / "arrays.npz", members, compression)
    seal(folder)


def _npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def test_a_pickled_array_is_not_opened(cox: Path, canary: Path) -> None:
    bait = np.array([Canary(canary)], dtype=object)
    _npz(cox, _npy(bait, allow_pickle=True))
    assert "neither numbers nor text" in str(refused(cox, canary))
    with np.load(cox / "arrays.npz", allow_pickle=True) as trusting:
        _ = trusting["model.coef_"]
    assert canary.exists()  # so it would have run


def test_a_pickle_in_place_of_arrays_is_not_opened(cox: Path, canary: Path) -> None:
    for place in ("arrays.npz", "model.json"):
        kept = (cox / place).read_bytes()
        (cox / place).write_bytes(pickle.dumps(Canary(canary)))
        seal(cox)
        refused(cox, canary)
        (cox / place).write_bytes(kept)
    _npz(cox, pickle.dumps(Canary(canary)))
    refused(cox, canary)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').mkdir('CANARY'),)}",
        "(" * 5000 + ")" * 5000,
        "{'descr': '<f8', 'fortran_order': False}",
        "",
    ],
)
def test_headers_are_not_believed(header: str, cox: Path, canary: Path) -> None:
    text = header.replace("CANARY", str(canary)).encode()
    text += b" " * (-len(text) % 64) + b"\n"
    size = len(text).to_bytes(2, "little")
    _npz(cox, b"\x93NUMPY\x01\x00" + size + text + bytes(8))
    refused(cox, canary)


def test_what_was_packed_is_not_unpacked(cox: Path, canary: Path) -> None:
    """A bomb: a few kilobytes that would fill the memory."""
    _npz(cox, _npy(np.zeros(10**7)), zipfile.ZIP_DEFLATED)
    assert (cox / "arrays.npz").stat().st_size < 200_000
    assert "compressed" in str(refused(cox, canary))


def test_one_name_twice_is_refused(cox: Path, canary: Path) -> None:
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(cox / "arrays.npz", "a") as archive,
    ):
        archive.writestr("model.coef_.npy", _npy(np.zeros(3)))
    seal(cox)
    assert "twice" in str(refused(cox, canary))


# ------------------------------------------------------------- scikit-learn


def test_functions_in_skops_files_are_refused(forest_folder: Path, canary: Path) -> None:
    def call(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        argument = {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "JsonNode",
            "content": json.dumps(str(canary)),
            "is_json": True,
        }
        nothing = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}
        schema["content"]["content"]["estimators_"] = {
            "__class__": "mkdir",
            "__module__": "os",
            "__loader__": "ConstructorFromReduceNode",
            "content": {
                "__class__": "tuple",
                "__module__": "builtins",
                "__loader__": "TupleNode",
                "content": [argument],
            },
            "nothing": nothing | {"content": {}, "key_types": None},
        }

    forge_skops(forest_folder, call)
    assert "os.mkdir" in str(refused(forest_folder, canary))


@pytest.mark.parametrize(
    ("loader", "kind"),
    [
        ("FunctionNode", "os.system"),
        ("FunctionNode", "numpy.exp"),
        ("TypeNode", "subprocess.Popen"),
        ("ObjectNode", "sklearn.neighbors._classification.KNeighborsClassifier"),
        ("ObjectNode", "sklearn.utils._bunch.Bunch"),
        ("ObjectNode", "builtins.eval"),
        ("MethodNode", "sklearn.tree._classes.DecisionTreeClassifier"),
        ("PartialNode", "functools.partial"),
        ("OperatorFuncNode", "operator.methodcaller"),
        ("RandomStateNode", "numpy.random.mtrand.RandomState"),
        ("NdArrayNode", "numpy.void"),
        ("NdArrayNode", "numpy.bytes_"),
        ("SparseMatrixNode", "scipy.sparse._csr.csr_matrix"),
        ("BytesNode", "builtins.bytes"),
        ("CachedNode", "builtins.dict"),
        ("JsonNode", "os.system"),
        ("NoSuchNode", "builtins.dict"),
    ],
)
def test_types_that_are_not_listed_are_refused(
    loader: str, kind: str, forest_folder: Path, canary: Path
) -> None:
    module, _, name = kind.rpartition(".")

    def change(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        target = nodes(schema, "JsonNode")[0]
        target.update({"__loader__": loader, "__module__": module, "__class__": name})

    forge_skops(forest_folder, change)
    assert kind in str(refused(forest_folder, canary))


def test_what_skops_is_not_to_read_is_refused(forest_folder: Path, canary: Path) -> None:
    kept = max((forest_folder / "estimators").iterdir())
    sound = kept.read_bytes()

    def older(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        schema["protocol"] = 0

    def pickled(_: dict[str, Any], members: dict[str, bytes]) -> None:
        members["x.npy"] = _npy(np.array([Canary(canary)], dtype=object), allow_pickle=True)

    def other_file(_: dict[str, Any], members: dict[str, bytes]) -> None:
        members["x.pkl"] = pickle.dumps(Canary(canary))

    def no_schema(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        schema.clear()

    for change in (older, pickled, other_file, no_schema):
        forge_skops(forest_folder, change)
        refused(forest_folder, canary)
        kept.write_bytes(sound)
    for content in (b"", b"PK", pickle.dumps(Canary(canary)), sound[:-30]):
        kept.write_bytes(content)
        seal(forest_folder)
        refused(forest_folder, canary)


def _change_nodes(folder: Path, field: str, value: int, arrays: str) -> None:
    """Change a number in the nodes of every tree of the last estimator."""

    def change(schema: dict[str, Any], members: dict[str, bytes]) -> None:
        changed = 0
        for name, content in members.items():
            array = np.load(io.BytesIO(content))
            if array.dtype.names and arrays in array.dtype.names and len(array) > 1:
                array[field][0] = value
                members[name] = _npy(array)
                changed += 1
        assert changed

    forge_skops(folder, change)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("left_child", 10**9), ("left_child", 0), ("right_child", -7), ("feature", 10**9)),
        *(("feature", -3), ("left_child", -1)),
    ],
)
def test_trees_that_lead_out_of_memory_are_refused(
    field: str, value: int, forest_folder: Path, canary: Path
) -> None:
    _change_nodes(forest_folder, field, value, "left_child")
    refused(forest_folder, canary)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 10**9), ("right", 0), ("feature_idx", 10**6), ("is_categorical", 1)],
)
def test_boosted_trees_that_lead_out_of_memory_are_refused(
    field: str, value: int, trees_folder: Path, canary: Path
) -> None:
    _change_nodes(trees_folder, field, value, "feature_idx")
    refused(trees_folder, canary)


def test_a_forest_with_fewer_features_than_its_trees_is_refused(
    forest_folder: Path, canary: Path
) -> None:
    def change(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        schema["content"]["content"]["n_features_in_"]["content"] = "1"

    forge_skops(forest_folder, change)
    refused(forest_folder, canary)


def test_a_tree_does_not_get_more_nodes_than_it_has(templates: Path, forest_folder: Path) -> None:
    def change(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        for tree in nodes(schema, "TreeNode"):
            tree["content"]["content"]["node_count"]["content"] = str(10**7)

    forge_skops(forest_folder, change)
    X, _ = made_up(20)
    sound = load_model(templates / "forest").predict_risk(X, [18])
    with suppress(GmtsError):  # scikit-learn goes by the arrays, or the file is refused
        assert (load_model(forest_folder).predict_risk(X, [18]) == sound).all()


def test_another_random_generator_is_refused(trees_folder: Path, canary: Path) -> None:
    def change(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        (found,) = nodes(schema, "RandomGeneratorNode")
        state = found["content"]["bit_generator"]["content"]["bit_generator"]
        state["content"] = '"seed"'

    forge_skops(trees_folder, change)
    assert "random" in str(refused(trees_folder, canary))


# ------------------------------------------------------------- places on the disc


def test_a_cache_on_disc_is_not_taken_from_a_file(cox: Path, canary: Path) -> None:
    pipeline = {
        "type": "model",
        "name": "RiskPipeline",
        "params": {"steps": [], "memory": str(canary)},
        "state": {},
    }
    forge_model(cox, pipeline)
    assert "place on the disc" in str(refused(cox, canary))


def test_versions_that_are_none_are_refused(cox: Path, canary: Path) -> None:
    def version(value: Any) -> None:
        forge_document(cox, lambda document: document.update(format=value))

    for value in (0, -1, None, "1", 1.5, [], {}):
        version(value)
        assert isinstance(refused(cox, canary), DataError)


def test_places_on_the_disc_are_not_written(tmp_path: Path) -> None:
    X, y = made_up()
    place = tmp_path / "trials-of-a-search"
    tuned = Tuned(CoxPH(), {"alpha": [0.5, 2.0]}, horizons=(6, 12), folds=2, resume=str(place)).fit(
        X, y
    )
    folder = save_model(tuned, tmp_path / "m")
    content = b"".join(each.read_bytes() for each in folder.iterdir())
    assert b"trials-of-a-search" not in content
    assert load_model(folder).resume is None
    assert tuned.resume == str(place)
