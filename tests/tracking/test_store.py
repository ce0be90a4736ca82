from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sample_run import write_run_folder

from gmts_models.errors import InputError, PublishError
from gmts_models.tracking.client import tracker
from gmts_models.tracking.lock import one_at_a_time
from gmts_models.tracking.store import Store, create_database, find_store, store_of

pytestmark = pytest.mark.tracking


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work" / "analysis"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_argument_comes_first(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker.example")
    monkeypatch.setenv("GMTS_HOME", str(here / "home"))
    store = find_store(here / "said")
    assert store.root == here / "said"
    assert store.is_default_backend
    assert store.tracking_uri == f"sqlite:///{(here / 'said' / 'mlflow.db').as_posix()}"
    assert not (here / "home").exists()


def test_tracking_uri_leaves_run_folders_at_home(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker.example")
    monkeypatch.setenv("GMTS_HOME", str(here / "home"))
    store = find_store()
    assert store.tracking_uri == "http://tracker.example"
    assert not store.is_default_backend
    assert store.runs == here / "home" / "runs"


def test_home_comes_before_the_nearest_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "gmts_store").mkdir()
    assert find_store().root == here / "gmts_store"
    monkeypatch.setenv("GMTS_HOME", str(here / "home"))
    assert find_store().root == here / "home"


def test_nearest_store_upward_is_found_from_inside_too(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = here.parent / "gmts_store"
    (store / "runs" / "one").mkdir(parents=True)
    assert find_store().root == store
    monkeypatch.chdir(store / "runs" / "one")
    assert find_store().root == store
    assert not (here / "gmts_store").exists()


def test_new_store_is_hidden_from_git(here: Path) -> None:
    store = find_store()
    assert store.root == here / "gmts_store"
    assert (store.root / ".gitignore").read_text(encoding="utf-8") == "*\n"
    (store.root / ".gitignore").unlink()
    find_store()  # an existing one is left as it is
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize("name", ["50%20", "what?"])
def test_path_that_an_address_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="which a database's address cannot"):
        find_store(tmp_path / name)


def test_store_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be made") as caught:
        find_store(tmp_path / "file" / "store")
    assert caught.value.fix is not None
    assert "GMTS_HOME" in caught.value.fix


def test_store_of_a_run_folder(tmp_path: Path) -> None:
    inside = tmp_path / "gmts_store" / "runs" / "one"
    named_otherwise = tmp_path / "results" / "runs" / "one"
    for folder in (inside, named_otherwise):
        folder.mkdir(parents=True)
    assert store_of(inside) == tmp_path / "gmts_store"
    assert store_of(named_otherwise) is None
    # A store without its database is still the one to publish into.
    (tmp_path / "results" / ".gitignore").touch()
    assert store_of(named_otherwise) == tmp_path / "results"
    assert store_of(tmp_path / "gmts_store") is None


@pytest.mark.parametrize("name", ["two words", "hash#", "Zoë's +&="])
def test_database_is_made_where_it_was_asked_for(tmp_path: Path, name: str) -> None:
    store = find_store(tmp_path / name)
    create_database(store, fix="")
    made = {path.name for path in store.root.iterdir()}
    assert made == {".gitignore", "mlflow.db"}
    with tracker(store.tracking_uri, fix="") as client:
        default = client.get_experiment("0")
    assert default.artifact_location == f"{store.artifacts.as_uri()}/0"


def test_existing_database_is_left_alone(store: Store) -> None:
    before = store.database.stat().st_mtime_ns
    create_database(store, fix="")
    assert store.database.stat().st_mtime_ns == before


def test_file_system_without_links(
    tmp_path: Path, template_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr("os.link", no_links)
    monkeypatch.setattr(
        "gmts_models.tracking.store._build_schema",
        lambda database, _: database.write_bytes(template_database.read_bytes()),
    )
    store = find_store(tmp_path / "s")
    create_database(store, fix="")
    assert store.database.read_bytes() == template_database.read_bytes()


def test_failure_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(database: Path, _: Path) -> None:
        database.write_bytes(b"half")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("gmts_models.tracking.store._build_schema", fail)
    store = find_store(tmp_path / "s")
    with pytest.raises(PublishError, match="OperationalError: disk I/O error") as caught:
        create_database(store, fix="publish again")
    assert caught.value.fix == "publish again"
    assert [path.name for path in store.root.iterdir()] == [".gitignore"]


@pytest.mark.parametrize(
    ("version", "words"),
    [("ffffffffffff", "newer MLflow"), ("451aebb31d03", "older MLflow")],
)
def test_database_of_another_version(store: Store, version: str, words: str) -> None:
    connection = sqlite3.connect(store.database)
    with connection:
        connection.execute("update alembic_version set version_num = ?", [version])
    connection.close()
    with (
        pytest.raises(PublishError, match=words),
        tracker(store.tracking_uri, fix="") as client,
    ):
        client.search_experiments()


@pytest.mark.slow
def test_processes_at_once_make_one_store_and_no_doubles(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from gmts_models.tracking.publish import publish_run;"
        "print(publish_run(Path(sys.argv[1]), store=Path(sys.argv[2])).state)"
    )
    folders = [
        write_run_folder(tmp_path / f"run-{i}", run_key=f"{i:032x}", last_month=2) for i in range(2)
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(tmp_path / "new store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in (folders[0], folders[1], folders[0])
    ]
    said = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        said.append(out.strip())
    assert said[1] == "created"
    assert sorted((said[0], said[2])) == ["created", "unchanged"]
    store = find_store(tmp_path / "new store")
    with tracker(store.tracking_uri, fix="") as client:
        experiments = client.search_experiments(filter_string="name = 'gmts'")
        assert len(experiments) == 1
        assert len(client.search_runs([experiments[0].experiment_id])) == 6
    assert not list(store.root.glob(".new-*"))


def test_lock_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    with (
        one_at_a_time(file, fix=""),
        pytest.raises(PublishError, match=r"publishing for 0\.1 seconds"),
        one_at_a_time(file, fix="", seconds=0.1),
    ):
        pass
    with one_at_a_time(file, fix="", seconds=0):
        pass


def test_drive_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("gmts_models.tracking.lock._try_lock", no_locks)
    entered = False
    with one_at_a_time(tmp_path / ".lock", fix="", seconds=0):
        entered = True
    assert entered


def test_store_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(PublishError, match="cannot be written") as caught,
        one_at_a_time(tmp_path / "none" / ".lock", fix="publish again"),
    ):
        pass
    assert caught.value.fix == "publish again"
