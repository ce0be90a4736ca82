"""Reading configurations: what is valid, and what is said where something is not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.config import (
    DatabaseData,
    ExperimentConfig,
    FileData,
    OpenData,
    SnapshotData,
    TableSpec,
)
from gmts_models.config.file import (
    config_sha256,
    dump_yaml,
    json_schema,
    read_config,
    shareable,
)
from gmts_models.config.overrides import shareable_override
from gmts_models.config.tree import read_tree
from gmts_models.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
GOOD = """name: small
data:
  source: synthetic
models:
  - kind: cox
    alpha: 1.0
"""
DATABASE = "database\n  url: 'URL'\n  table: trainees"


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "bad.yaml") -> Path:
    Path(name).write_text(text, encoding="utf-8", newline="")
    return Path(name)


# ------------------------------------------------------------ valid files


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_of_the_project_is_valid(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMTS_OPEN_DATA", "somewhere")
    loaded = read_config(path)
    assert loaded.path == path
    assert loaded.text == path.read_text(encoding="utf-8")
    again = read_config(write(dump_yaml(shareable(loaded.config)), "again.yaml")).config
    assert shareable(again) == shareable(loaded.config)


def test_yaml_is_1_2() -> None:
    words = "[no, 1e-3, 012, 0x1F, 12:30, 2024-08-31, 1_000, yes, ~, '', '5', .5, true, -.inf, +7]"
    data = read_tree(f"a: {words}\nno: 1\n1: 2\n").data
    assert data["a"][:5] == ["no", 0.001, 12, 31, "12:30"]
    assert data["a"][5:] == ["2024-08-31", "1_000", "yes", None, "", "5", 0.5, True, -math.inf, 7]
    assert list(data) == ["a", "no", "1"]
    text = GOOD.replace("synthetic", "file\n  path: a.csv\n  census_date: 2024-08-31")
    data_spec = read_config(write(text)).config.data
    assert isinstance(data_spec, FileData)
    assert data_spec.census_date == "2024-08-31"


def test_anchors_windows_lines_and_a_byte_order_mark() -> None:
    text = GOOD + "horizons: &months [12, 24]\nquestion: >\n  One,\n  two?\n"
    text += "features: &f [specialism]\n"
    Path("win.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    loaded = read_config("win.yaml")
    assert loaded.config.question == "One, two?\n"
    assert loaded.text == text
    tree = read_tree("a: &x {b: 1}\nc: *x\n")
    assert tree.data == {"a": {"b": 1}, "c": {"b": 1}}
    tree.data["c"]["b"] = 2
    assert tree.data["a"]["b"] == 1
    assert tree.places["c", "b"] == tree.places["a", "b"]


def test_overrides() -> None:
    path = write(GOOD)
    config = read_config(
        path,
        [
            "models.0.alpha=1e-2",
            "models.0.strata=specialism",
            "evaluation.scheme={kind: k_fold, folds: 3}",
            "evaluation.bootstrap=0",
            "horizons=[6, 12]",
            "question='Why: a=b'",
            "data.seed=null",
            "seed=2",
            "seed=3",
        ],
    ).config
    assert (config.models[0].model_dump()["alpha"], config.seed) == (0.01, 3)
    assert config.evaluation.scheme.model_dump() == {"kind": "k_fold", "folds": 3}
    assert config.evaluation.bootstrap == 0
    assert config.horizons == (6, 12)
    assert config.question == "Why: a=b"
    assert read_config(path).config.models[0].model_dump()["alpha"] == 1


def test_paths_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("configs").mkdir()
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("GMTS_TEST_FOLDER", "part")
    text = GOOD.replace("synthetic", 'file\n  path: "${GMTS_TEST_FOLDER}/a.csv"')
    path = write(text + "question: ${GMTS_TEST_FOLDER}\nstore: ~/runs\n", "configs/x.yaml")
    config = read_config(path).config
    assert isinstance(config.data, FileData)
    assert config.data.path == tmp_path / "configs" / "part" / "a.csv"
    assert config.store == home / "runs"
    assert config.question == "${GMTS_TEST_FOLDER}"
    moved = read_config(path, ["store=../elsewhere", f"data.path={tmp_path / 'b.csv'}"]).config
    assert moved.store == tmp_path / "configs" / ".." / "elsewhere"
    assert isinstance(moved.data, FileData)
    assert moved.data.path == tmp_path / "b.csv"
    opened = read_config(
        path, ["data={source: open, name: nlswork, path: '${GMTS_TEST_FOLDER}/n.csv'}"]
    )
    assert isinstance(opened.config.data, OpenData)
    assert opened.config.data.path == tmp_path / "configs" / "part" / "n.csv"


def test_paths_of_tables_and_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMTS_TEST_FOLDER", "part")
    tables = "  tables: {roles: {path: '${GMTS_TEST_FOLDER}/r.csv'}, surveys: {}}\n"
    path = write(GOOD.replace("synthetic\n", "file\n  path: people\n" + tables), "x.yaml")
    data = read_config(path).config.data
    assert isinstance(data, FileData)
    assert data.path == tmp_path / "people"
    assert data.tables["roles"].path == tmp_path / "part" / "r.csv"
    assert data.tables["surveys"].path is None
    path = write(GOOD.replace("synthetic", "snapshots\n  path: extracts\n  grace_months: 0"))
    data = read_config(path).config.data
    assert isinstance(data, SnapshotData)
    assert data.path == tmp_path / "extracts"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("postgresql://${U}:${P}@${H}/${P}", "postgresql://j%40d:a%2Fb%20%3Ac@host/a/b :c"),
        ("${ALL}", "postgresql://me:p%40ss@host/x"),
        ("sqlite:///people.db", "sqlite:///FOLDER/people.db"),
        ("sqlite+pysqlite:///${H}/x.db", "sqlite+pysqlite:///FOLDER/host/x.db"),
        ("sqlite:////data/people.db", "sqlite:////data/people.db"),
        ("sqlite:///C:/people.db", "sqlite:///C:/people.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///file:people.db?mode=ro&uri=true", "sqlite:///file:people.db?mode=ro&uri=true"),
    ],
)
def test_addresses_of_databases(
    said: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("U", "j@d"),
        ("P", "a/b :c"),
        ("H", "host"),
        ("ALL", "postgresql://me:p%40ss@host/x"),
    ):
        monkeypatch.setenv(name, value)
    loaded = read_config(write(GOOD.replace("synthetic", DATABASE.replace("URL", said))))
    data = loaded.config.data
    assert isinstance(data, DatabaseData)
    assert data.url.get_secret_value() == meant.replace("FOLDER", tmp_path.as_posix())
    assert "host" not in repr(loaded)
    assert "host" not in str(loaded.config.resolved())


@pytest.mark.parametrize("at", ["start", "scheme_end", 0, 12, "2024-02-29"])
def test_prediction_dates(at: str | int) -> None:
    config = read_config(write(f"{GOOD}at: {at}\n")).config
    assert config.at == at
    assert config.landmarks is None
    assert read_config("bad.yaml", ["landmarks=[0, 6]", "at=start"]).config.landmarks == (0, 6)


def test_what_is_wrong_in_python_shows_no_address() -> None:
    url = "postgresql://me:s3cr3t@host/x"
    for wrong in ({}, {"table": "a", "query": "b"}, {"table": 5}, {"table": "a", "tabel": url}):
        with pytest.raises(ValueError) as caught:
            DatabaseData.model_validate({"url": url, **wrong})
        assert "s3cr3t" not in str(caught.value)
    with pytest.raises(ValueError, match="either 'at' or 'landmarks'"):
        experiment(at=12, landmarks=(0, 12))
    with pytest.raises(ValueError, match="must increase"):
        experiment(landmarks=(12, 0))
    with pytest.raises(ValueError, match="one of path, table and query"):
        TableSpec(path="a.csv", table="a")


# ------------------------------------------------------------ the file itself


def complaint(path: str | Path) -> tuple[str, str | None]:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return caught.value.what, caught.value.fix


def test_a_file_that_is_not_there() -> None:
    Path("configs").mkdir()
    assert complaint("configs/gmts.yaml") == (
        f"{Path('configs/gmts.yaml')}: there is no such file",
        "configs holds no YAML file",
    )
    write(GOOD, "configs/gmts.yaml")
    write(GOOD, "configs/other.yml")
    write("a,b", "configs/people.csv")
    for name in ("gmst.yaml", "gmts", "gmts.yml", "GMTS.json"):
        what, fix = complaint(f"configs/{name}")
        assert what.endswith(f"{name}: there is no such file; did you mean 'gmts.yaml'?")
        assert fix == "configs holds gmts.yaml, other.yml"
    assert complaint("configs/zzz.yaml")[0].endswith("zzz.yaml: there is no such file")
    assert complaint("configs")[0] == "configs: a folder, not a file"
    assert complaint("confgs/gmts.yaml")[0].endswith("there is no folder confgs")


def test_a_file_that_is_no_yaml_is_not_shown() -> None:
    write("trainee_id,specialism\nZqxjkv,Finance\n", "people.csv")
    assert complaint("people.csv")[0] == "people.csv: not a YAML file"
    write("Zqxjkv: 1\n" * 60_000, "people.yaml")
    assert complaint("people.yaml")[0] == (
        "people.yaml: too large for a configuration: 600,000 bytes"
    )


def test_wrong_encodings() -> None:
    Path("a.yaml").write_bytes(GOOD.encode() + "question: Où?\n".encode("cp1252"))
    assert complaint("a.yaml")[0] == (
        "a.yaml:7:12: not UTF-8 (byte 0xf9); save the file with the encoding UTF-8\n"
        "    question: O\ufffd?\n               ^"
    )
    Path("a.yaml").write_bytes(GOOD.encode("utf-16"))
    assert complaint("a.yaml") == (
        "a.yaml: not UTF-8 but UTF-16",
        "save the file with the encoding UTF-8",
    )


# ------------------------------------------------------------ publishing


def experiment(**changes: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {"name": "x", "data": {"source": "synthetic"}, "models": [{"kind": "cox"}], **changes}
    )


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("https://me:pa@ss/wo?rd@host:5000/x?token=1", "https://host:5000/x"),
        ("https://token@host", "https://host"),
        ("http://host:5000", "http://host:5000"),
        ("postgresql+psycopg2://u:p@db/mlflow?password=p", "postgresql+psycopg2://db/mlflow"),
        ("sqlite:////home/jane/mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:///C:\\Users\\jane\\mlflow.db", "sqlite:///mlflow.db"),
        ("file:///home/jane/mlruns", "file:///mlruns"),
        ("/home/jane/mlruns", "mlruns"),
        ("databricks", "databricks"),
        (None, None),
    ],
)
def test_shareable_holds_no_password_and_no_folder(uri: str | None, public: str | None) -> None:
    config = experiment(
        tracking={"uri": uri},
        store="/home/jane/runs",
        data={"source": "file", "path": "C:\\Users\\jane\\trainees.csv"},
    )
    values = shareable(config)
    assert values["tracking"]["uri"] == public
    assert values["store"] == "runs"
    assert values["data"]["path"] == "trainees.csv"
    assert "jane" not in dump_yaml(values)
    assert set(values) == set(ExperimentConfig.model_fields)


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("postgresql+pg8000://jane:s3cr3t@host/x", "postgresql"),
        ("sqlite:////home/jane/people.db", "sqlite"),
        ("jane s3cr3t@host", "sql"),
    ],
)
def test_shareable_holds_the_kind_of_a_database_only(url: str, dialect: str) -> None:
    tables = {"roles": {"path": "/home/jane/roles.csv"}, "surveys": {"query": "select 1"}}
    database = {"source": "database", "url": url, "query": "select 2", "tables": tables}
    config = experiment(data=database)
    values = shareable(config)
    assert values["data"]["url"] == dialect
    assert values["data"]["tables"]["roles"]["path"] == "roles.csv"
    assert values["data"]["tables"]["surveys"]["query"] == "select 1"
    for word in ("jane", "s3cr3t", "host"):
        assert word not in dump_yaml(values)
    assert "s3cr3t" not in repr(config)
    moved = database | {"url": url.replace("host", "elsewhere")}
    assert config_sha256(experiment(data=moved)) == config_sha256(config)
    assert config_sha256(experiment(data=database | {"query": "select 3"})) != config_sha256(config)
    extracts = experiment(data={"source": "snapshots", "path": "/home/jane/extracts"})
    assert shareable(extracts)["data"]["path"] == "extracts"


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("seed=3", "seed=3"),
        ("question='Who: url'", "question='Who: url'"),
        ("horizons=[6, 12]", "horizons=[6, 12]"),
        ("data.url=postgresql://jane:s3cr3t@host/x", "data.url=..."),
        ("tracking.uri=/home/jane/mlruns", "tracking.uri=..."),
        ("data.path=/home/jane/trainees.csv", "data.path=trainees.csv"),
        ("store=C:\\Users\\jane\\runs", "store=runs"),
        ("data={source: file, path: /home/jane/a.csv}", "data=..."),
        ('data={"source": "database", "url": "${JANE}"}', "data=..."),
        ("question=see https://jane@host", "question=..."),
        ("jane", "jane"),
    ],
)
def test_overrides_that_are_kept_hold_no_place(override: str, shown: str) -> None:
    assert shareable_override(override) == shown


def test_shareable_leaves_the_rest_alone() -> None:
    config = experiment()
    assert shareable(config) == config.resolved()
    nlswork = experiment(data={"source": "open", "name": "nlswork", "path": "/data/n.csv"})
    assert shareable(nlswork)["data"]["path"] == "n.csv"
    assert str(nlswork.data.path) == str(Path("/data/n.csv"))  # type: ignore[union-attr]


def test_the_fingerprint_is_of_what_makes_the_numbers() -> None:
    def sha(**changes: Any) -> str:
        return config_sha256(experiment(**changes))

    here = {"source": "file", "path": "/here/a.csv"}
    base = sha(data=here)
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert sha(data={"source": "file", "path": "/there/a.csv"}) == base
    assert sha(data=here, jobs=3, store="/x", tracking={"enabled": False}) == base
    assert sha(data=here, seed=1, horizons=[12, 24, 36, 60]) == base
    assert sha(data=here | {"columns": {"a": "1", "b": "2"}}) == sha(
        data=here | {"columns": {"b": "2", "a": "1"}}
    )
    others = [
        sha(data={"source": "file", "path": "/here/b.csv"}),
        sha(data=here, seed=2),
        sha(data=here, horizons=[12]),
        sha(data=here, models=[{"kind": "cox", "alpha": 0.1}]),
        sha(data=here, disclosure={"threshold": 10}),
    ]
    assert len({base, *others}) == 6


def test_the_fingerprint_can_be_made_by_hand() -> None:
    config = experiment()
    values = {
        key: value
        for key, value in config.resolved().items()
        if key not in ("jobs", "store", "tracking")
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert config_sha256(config) == hashlib.sha256(text.encode()).hexdigest()


PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "no",
        "1e-3",
        "~",
        "",
        "null",
        "2024-08-31",
        "0x1F",
        "- a",
        "a: b",
        "#x",
        "!!int 3",
        "*a",
        " a ",
    ]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PLAIN_TEXT,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(PLAIN_TEXT, inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(PLAIN_TEXT, PLAIN, max_size=4))
def test_what_is_dumped_is_read_back(values: dict[str, Any]) -> None:
    tree = read_tree(dump_yaml(values))
    assert tree.data == values
    assert tree.problems == []


def test_the_dump_keeps_the_order_and_takes_a_line_a_key() -> None:
    assert dump_yaml({"b": [1, {"c": None}], "a": "no"}) == "b:\n- 1\n- c:\na: no\n"


def test_the_schema_is_for_editors() -> None:
    schema = json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "data", "models"]
    assert schema["properties"]["seed"]["description"] == "Of everything that is drawn."
    schema["properties"].clear()
    assert json_schema()["properties"]  # a copy was given away


def test_a_loaded_configuration_shows_no_text_of_the_file() -> None:
    loaded = read_config(write(GOOD + "# https://someone:s3cr3t@host\n"))
    assert "s3cr3t" in loaded.text
    assert "s3cr3t" not in repr(loaded)
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.text = ""  # type: ignore[misc]
