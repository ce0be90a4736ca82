from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML
from sample_run import CANARY, write_run_folder

from gmts_models.errors import DataError, InputError
from gmts_models.tracking.runs import file_name, number, read_run_folder

pytestmark = pytest.mark.tracking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run_folder(tmp_path / "gmts-20261124-101530-3fa2", last_month=2)


def change_record(folder: Path, **changes: Any) -> None:
    file = folder / "run.json"
    record = json.loads(file.read_text(encoding="utf-8")) | changes
    file.write_text(json.dumps(record), encoding="utf-8")


def test_reads_record_and_tables(folder: Path) -> None:
    run = read_run_folder(folder)
    assert run.record.run_name == folder.name
    assert [model.name for model in run.record.models] == ["kaplan_meier", "cox"]
    assert run.tables["retention"][0]["group"] == "All"
    assert run.tables["data"] == [{"item": "rows read", "count": "2000"}]
    assert PurePosixPath("figures/retention.png") in run.shared
    assert not any("private" in name.parts for name in run.shared)


def test_keys_of_a_later_version_do_no_harm(folder: Path) -> None:
    change_record(folder, mood="good")
    assert read_run_folder(folder).record.format == 1


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run folder"):
        read_run_folder(tmp_path / "none")
    with pytest.raises(InputError, match="no finished run here"):
        read_run_folder(tmp_path)


@pytest.mark.parametrize("missing", ["run.json", "config.yaml", "tables/scores.csv"])
def test_unfinished_run(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(DataError, match=f"unfinished or damaged: {missing} is missing"):
        read_run_folder(folder)


@pytest.mark.parametrize("name", [".gmts-1", "gmts-1.tmp", "gmts-1.partial"])
def test_temporary_name_means_unfinished(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="temporary name"):
        read_run_folder(folder.rename(folder.parent / name))


def test_newer_format(folder: Path) -> None:
    change_record(folder, format=2, models="told otherwise")
    with pytest.raises(DataError, match="format 2; this version reads up to 1") as caught:
        read_run_folder(folder)
    assert caught.value.fix == "pip install --upgrade gmts-models"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run_key": "x' or '1'='1"}, "run_key: String should match"),
        ({"data_sha256": "short"}, "data_sha256: String should match"),
        ({"created": "yesterday"}, "created: Input should be a valid datetime"),
        ({"models": [{"name": "../up", "kind": "cox"}]}, "models.0.name: String should match"),
    ],
)
def test_damaged_record_names_the_key(folder: Path, changes: dict[str, Any], words: str) -> None:
    change_record(folder, **changes)
    with pytest.raises(DataError, match=words):
        read_run_folder(folder)


def test_broken_json_and_yaml(folder: Path) -> None:
    (folder / "config.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(DataError, match=r"config\.yaml is not valid YAML"):
        read_run_folder(folder)
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json is not valid JSON"):
        read_run_folder(folder)


def test_small_counts_are_refused(folder: Path) -> None:
    table = folder / "tables" / "cohorts.csv"
    for shown in ("", "0", "5", "120"):
        table.write_text(f"cohort,n\n2019-09,{shown}\n", encoding="utf-8")
        read_run_folder(folder)
    table.write_text("cohort,n\n2019-09,4\n2020-09,1\n2021-09,5\n", encoding="utf-8")
    with pytest.raises(DataError, match="2 counts under the threshold of 5") as caught:
        read_run_folder(folder)
    assert caught.value.where == f"{table}, column n"
    change_record(folder, threshold=1)
    read_run_folder(folder)


def test_table_of_people_is_refused(folder: Path) -> None:
    (folder / "tables" / "worst.csv").write_text(f"trainee_id,x\n{CANARY},1\n", encoding="utf-8")
    with pytest.raises(DataError, match="names people: trainee_id") as caught:
        read_run_folder(folder)
    assert CANARY not in str(caught.value)


def test_report_with_a_script_is_refused(folder: Path) -> None:
    (folder / "report.html").write_text("<p><SCRIPT src=x>", encoding="utf-8")
    with pytest.raises(DataError, match="script"):
        read_run_folder(folder)


def test_configuration_is_shared_without_paths_and_passwords(folder: Path) -> None:
    text = read_run_folder(folder).config_text()
    for words in ("jane", "hunter2", "/home"):
        assert words not in text
    shared = YAML(typ="safe", pure=True).load(text)
    full = YAML(typ="safe", pure=True).load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert list(shared) == [key for key in full if key != "store"]
    assert shared["data"] == full["data"] | {"path": "trainees.csv"}
    assert shared["tracking"] == {"uri": "https://***@mlflow.example/"}
    assert shared["evaluation"] == full["evaluation"]


@pytest.mark.parametrize("path", ["a/b/t.csv", "C:\\Users\\jane\\t.csv", "/t.csv", "t.csv"])
def test_file_name_of_any_system(path: str) -> None:
    assert file_name(path) == "t.csv"


def test_digest_follows_what_is_shared_alone(folder: Path) -> None:
    before = read_run_folder(folder).digest()
    (folder / "private" / "predictions.csv").write_text("else", encoding="utf-8")
    assert read_run_folder(folder).digest() == before
    (folder / "figures" / "retention.png").write_bytes(b"else")
    assert read_run_folder(folder).digest() != before


def test_number() -> None:
    assert number({"n": "3"}, "n") == 3
    assert str(number({"n": ""}, "n")) == "nan"
    assert str(number({}, "n")) == "nan"
    assert str(number({"n": "inf"}, "n")) == "nan"
    with pytest.raises(DataError, match="column n is not a number"):
        number({"n": "three"}, "n")
