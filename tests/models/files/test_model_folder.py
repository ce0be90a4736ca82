"""The folder: written whole or not at all, and read only where nothing in it was changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from every_model import fitted_trees, made_up, trees
from forging import everything, forge_document, forge_skops

import gmts_models
from gmts_models.errors import DataError, InputError
from gmts_models.models.files import folder as folder_module
from gmts_models.models.files.load import load_model
from gmts_models.models.files.save import save_model
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier


@pytest.fixture(scope="module")
def model() -> Any:
    return CoxPH().fit(*made_up())


@pytest.fixture
def saved(model: Any, tmp_path: Path) -> Path:
    return save_model(model, tmp_path / "model")


def test_a_folder_has_these_files_and_no_others(saved: Path, tmp_path: Path) -> None:
    assert sorted(each.name for each in saved.iterdir()) == [
        "arrays.npz",
        "checksum",
        "model.json",
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    document = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    assert document["format"] == 1
    assert document["class"] == "CoxPH"
    assert document["made_with"]["gmts_models"] == gmts_models.__version__


def test_the_checksum_can_be_checked_by_hand(saved: Path) -> None:
    for line in (saved / "checksum").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == digest
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "checksum"], cwd=saved, check=True, capture_output=True)


def test_the_arrays_can_be_looked_at_with_numpy(saved: Path, model: Any) -> None:
    with np.load(saved / "arrays.npz", allow_pickle=False) as arrays:
        assert (arrays["model.coef_"] == model.coef_).all()


def test_one_model_gives_the_same_bytes_each_time(saved: Path, model: Any, tmp_path: Path) -> None:
    again = save_model(model, tmp_path / "again")
    assert (again / "checksum").read_bytes() == (saved / "checksum").read_bytes()


@pytest.mark.parametrize("name", ["model.json", "arrays.npz"])
def test_a_changed_byte_is_found_and_its_file_named(name: str, saved: Path) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        load_model(saved)


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "checksum"])
def test_a_truncated_or_missing_file_is_found(name: str, saved: Path) -> None:
    content = (saved / name).read_bytes()
    for length in (0, len(content) // 2, len(content) - 1):
        (saved / name).write_bytes(content[:length])
        with pytest.raises(DataError, match=name):
            load_model(saved)
    (saved / name).unlink()
    with pytest.raises(DataError, match=name):
        load_model(saved)


def test_a_changed_estimator_is_found(tmp_path: Path) -> None:
    saved = save_model(fitted_trees(), tmp_path / "model")
    path = saved / "estimators" / "1.skops"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"estimators/1\.skops"):
        load_model(saved)


@pytest.mark.parametrize(
    "line",
    [
        *("../outside", "/etc/passwd", "estimators/../model.json", "estimators/x.skops"),
        *("model.json", "estimators/1.skops\r", "README", "estimators/0000001.skops"),
    ],
)
def test_the_checksum_lists_nothing_but_files_of_a_model(line: str, saved: Path) -> None:
    with (saved / "checksum").open("a", newline="") as file:
        file.write(f"{'0' * 64}  {line}\n")
    with pytest.raises(DataError, match="checksum"):
        load_model(saved)


def test_what_else_lies_in_the_folder_is_not_read(saved: Path, model: Any) -> None:
    (saved / "README.txt").write_text("notes")
    (saved / "estimators").mkdir()
    (saved / "estimators" / "7.skops").write_text("not one of the model's")
    X, _ = made_up(5)
    assert (load_model(saved).predict_risk(X, [6]) == model.predict_risk(X, [6])).all()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are of POSIX")
def test_links_and_pipes_are_not_followed(saved: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.npz"
    (saved / "arrays.npz").rename(outside)
    (saved / "arrays.npz").symlink_to(outside)
    with pytest.raises(DataError, match=r"arrays\.npz is a link"):
        load_model(saved)
    (saved / "arrays.npz").unlink()
    os.mkfifo(saved / "arrays.npz")
    with pytest.raises(DataError, match="no file"):
        load_model(saved)
    (saved / "arrays.npz").unlink()
    (saved / "arrays.npz").mkdir()
    with pytest.raises(DataError, match=r"arrays\.npz"):
        load_model(saved)


@pytest.mark.skipif(os.name != "posix", reason="links are of POSIX")
def test_a_linked_room_of_estimators_is_not_followed(tmp_path: Path) -> None:
    saved = save_model(fitted_trees(), tmp_path / "model")
    (saved / "estimators").rename(tmp_path / "elsewhere")
    (saved / "estimators").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        load_model(saved)


def test_a_file_too_large_to_read_is_not_read(saved: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(folder_module, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="too large"):
        load_model(saved)


# ------------------------------------------------------------- writing


def test_nothing_is_overwritten_unless_asked(saved: Path, model: Any, tmp_path: Path) -> None:
    before = (saved / "checksum").read_bytes()
    other = KaplanMeier().fit(*made_up())
    with pytest.raises(InputError, match="already"):
        save_model(other, saved)
    assert (saved / "checksum").read_bytes() == before
    save_model(other, saved, overwrite=True)
    assert type(load_model(saved)) is KaplanMeier
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_only_a_model_is_overwritten(model: Any, tmp_path: Path) -> None:
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter-1.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for place in (mine, tmp_path / "file"):
        with pytest.raises(InputError, match="no model"):
            save_model(model, place, overwrite=True)
    assert (mine / "chapter-1.txt").read_text() == "years of work"


@pytest.mark.parametrize("step", ["_write_file", "_flush_folder", "_put"])
def test_a_model_is_written_whole_or_not_at_all(
    step: str, model: Any, saved: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, step, fail)
    before = (saved / "checksum").read_bytes()
    for place, overwrite in ((tmp_path / "new", False), (saved, True)):
        with pytest.raises(DataError, match="No space left"):
            save_model(model, place, overwrite=overwrite)
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert (saved / "checksum").read_bytes() == before
    load_model(saved)


def test_the_old_model_comes_back_where_the_new_one_cannot_take_its_place(
    model: Any, saved: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(DataError):
        save_model(model, saved, overwrite=True)
    monkeypatch.undo()
    load_model(saved)


# ------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("address", ["models:/gmts@champion", "runs:/1/model", "s3://x/y"])
def test_addresses_are_refused_with_what_is_taken(address: str, model: Any) -> None:
    with pytest.raises(InputError, match="folder"):
        load_model(address)
    with pytest.raises(InputError, match="folder"):
        save_model(model, address)


@pytest.mark.parametrize("place", ["", None, 3])
def test_what_is_no_path_is_refused(place: Any, model: Any) -> None:
    with pytest.raises(InputError, match="path"):
        load_model(place)
    with pytest.raises(InputError, match="path"):
        save_model(model, place)


def test_folders_that_hold_no_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no model"):
        load_model(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="no such folder"):
        load_model(tmp_path / "file")


def test_what_is_no_fitted_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not fitted"):
        save_model(CoxPH(), tmp_path / "m")
    for other in (3, "model", None, CoxPH, made_up()[0], trees()):
        with pytest.raises(InputError, match="expected"):
            save_model(other, tmp_path / "m")
    assert not (tmp_path / "m").exists()


# ------------------------------------------------------------- versions


def test_a_newer_format_says_to_update(saved: Path) -> None:
    forge_document(saved, lambda document: document.update(format=2))
    with pytest.raises(DataError, match="update gmts_models"):
        load_model(saved)


def test_another_version_of_the_package_is_read_where_it_fits(saved: Path, model: Any) -> None:
    def other(document: dict[str, Any]) -> None:
        document["made_with"]["gmts_models"] = "9.9"
        del document["model"]["params"]["robust"]  # a parameter that came later has a default

    forge_document(saved, other)
    X, _ = made_up(5)
    assert (load_model(saved).predict_risk(X, [6]) == model.predict_risk(X, [6])).all()

    def unlike(document: dict[str, Any]) -> None:
        document["model"]["params"]["frailty"] = 1.0

    forge_document(saved, unlike)
    with pytest.raises(DataError, match="fit the model again"):
        load_model(saved)


def test_an_unknown_estimator_says_to_update(saved: Path) -> None:
    forge_document(saved, lambda document: document["model"].update(name="CoxOfTheFuture"))
    with pytest.raises(DataError, match="update gmts_models"):
        load_model(saved)


def test_only_estimators_of_scikit_learn_go_with_its_version(saved: Path, tmp_path: Path) -> None:
    def other(document: dict[str, Any]) -> None:
        document["made_with"]["scikit-learn"] = "0.99.1"

    forge_document(saved, other)
    load_model(saved)  # holds none
    folder = save_model(fitted_trees(), tmp_path / "trees")
    forge_document(folder, other)
    with pytest.raises(DataError, match=r"scikit-learn 0\.99\.1") as caught:
        load_model(folder)
    assert "fit the model again" in str(caught.value.fix)


def test_a_patch_release_of_scikit_learn_is_read(tmp_path: Path) -> None:
    folder = save_model(fitted_trees(), tmp_path / "trees")
    patch = ".".join([*sklearn.__version__.split(".")[:2], "99"])

    def other(schema: dict[str, Any], _: dict[str, bytes]) -> None:
        told = [each for each in everything(schema) if "_sklearn_version" in each]
        assert told
        for each in told:
            each["_sklearn_version"]["content"] = json.dumps(patch)

    forge_skops(folder, other)
    forge_document(folder, lambda document: document["made_with"].update({"scikit-learn": patch}))
    load_model(folder)
