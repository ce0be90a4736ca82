from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sample_run import CANARY, MODELS, RUN_KEY, write_run_folder

from gmts_models.errors import DataError, InputError, PublishError
from gmts_models.tracking.client import tracker, tracker_errors
from gmts_models.tracking.publish import publish_run
from gmts_models.tracking.store import Store, find_store

pytestmark = pytest.mark.tracking

Query = Callable[[str], list[tuple[Any, ...]]]
Call = Callable[..., Any]

WRITES = (
    "create_experiment",
    "create_run",
    "log_batch",
    "log_artifact",
    "log_text",
    "log_inputs",
    "set_tag",
    "set_terminated",
)


class DroppedError(Exception):
    """The connection went away."""


def fail_at(monkeypatch: pytest.MonkeyPatch, nth: int, *, after: bool, error: type) -> None:
    """Let the n-th write fail, before the tracker has it or after (its answer is lost)."""
    import mlflow

    count = 0

    def broken(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count >= nth and not after:
                raise error("gone")
            answer = method(*args, **options)
            if count >= nth:
                raise error("gone")
            return answer

        return run

    for name in WRITES:
        monkeypatch.setattr(mlflow.MlflowClient, name, broken(getattr(mlflow.MlflowClient, name)))


def everything(store: Store, query: Query) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the tracker has, without the ids that differ from try to try."""
    name = "select value from tags t2 where t2.key='mlflow.runName' and t2.run_uuid="
    skip = "('mlflow.parentRunId', 'mlflow.artifacts')"
    return {
        "runs": query("select name, status, start_time, end_time from runs order by name"),
        "params": query(f"select ({name}p.run_uuid) r, key, value from params p order by r, key"),
        "tags": query(
            f"select ({name}t.run_uuid) r, key, value from tags t where key not in {skip} "
            "order by r, key"
        ),
        "metrics": query(
            f"select ({name}m.run_uuid) r, key, step, value from metrics m order by r, key, step"
        ),
        "inputs": query("select name, digest from datasets, inputs where dataset_uuid = source_id"),
        "files": sorted(
            ("/".join(path.relative_to(store.artifacts).parts[2:]), path.read_bytes())
            for path in store.artifacts.rglob("*")
            if path.is_file()
        ),
    }


# ------------------------------------------------------------ what is there


def test_run_and_models_are_published(store: Store, run_folder: Path, call: Call) -> None:
    published = publish_run(run_folder)
    assert published.state == "created"
    assert published.experiment == "gmts"
    assert published.tracking_uri == store.tracking_uri
    assert published.url is None
    assert list(published.model_run_ids) == list(MODELS[:2])

    parent = call("get_run", published.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "20261124-101530-3fa2"
    assert parent.info.end_time - parent.info.start_time == 31_200
    assert parent.data.tags["gmts.run_key"] == RUN_KEY
    assert parent.data.tags["gmts.synthetic"] == "true"
    assert parent.data.tags["mlflow.user"] == "gmts_models"
    assert parent.data.tags["mlflow.source.git.commit"] == "a" * 40
    # 1 - 12 * 0.004; Finance: 1 - 12 * 0.0047
    assert parent.data.metrics["retention.12m"] == pytest.approx(0.952)
    assert parent.data.metrics["retention.12m/finance"] == pytest.approx(0.9436)
    assert parent.data.params["horizons"] == "12, 24, 36, 60"
    assert parent.data.params["count.valid"] == "1990"
    assert "count.left" not in parent.data.params  # suppressed
    (dataset,) = [entry.dataset for entry in parent.inputs.dataset_inputs]
    assert (dataset.name, dataset.digest) == ("synthetic scheme", "d" * 12)

    child = call("get_run", published.model_run_ids["cox"])
    assert child.info.run_name == "cox"
    assert child.data.tags["mlflow.parentRunId"] == published.run_id
    assert child.data.params == {"kind": "cox", "alpha": "0.1"}
    assert child.data.metrics["brier.12m"] == pytest.approx(0.112)
    assert child.data.metrics["mean_brier"] == pytest.approx(0.11)


def test_curve_is_a_series_by_month_without_suppressed_values(run_folder: Path, call: Call) -> None:
    published = publish_run(run_folder)
    curve = call("get_metric_history", published.run_id, "retention/finance")
    assert [point.step for point in sorted(curve, key=lambda p: p.step)] == list(range(61))
    hidden = call("get_metric_history", published.run_id, "retention/policy_and_strategy")
    assert max(point.step for point in hidden) == 36
    metrics = call("get_run", published.run_id).data.metrics
    assert "retention.36m/policy_and_strategy" in metrics
    assert "retention.60m/policy_and_strategy" not in metrics
    scores = call("get_run", published.model_run_ids["cox"]).data.metrics
    assert "brier.60m/policy_and_strategy" not in scores
    assert "brier.60m/finance" in scores


def test_trials_are_a_series_by_number(run_folder: Path, call: Call) -> None:
    cox = publish_run(run_folder).model_run_ids["cox"]
    history = call("get_metric_history", cox, "tuning.brier")
    assert sorted((point.step, point.value) for point in history) == [(0, 0.115), (1, 0.1125)]


def test_files_are_those_to_share(run_folder: Path, call: Call) -> None:
    published = publish_run(run_folder)

    def names(run_id: str, folder: str | None = None) -> set[str]:
        return {Path(file.path).name for file in call("list_artifacts", run_id, folder)}

    assert names(published.run_id) == {"report.html", "config.yaml", "tables", "figures"}
    assert {"retention.csv", "coefficients_cox.csv"} <= names(published.run_id, "tables")
    assert "retention.png" in names(published.run_id, "figures")
    cox = published.model_run_ids["cox"]
    assert names(cox, "tables") == {
        "coefficients_cox.csv",
        "trials.csv",
        "groups.csv",
        "ranks.csv",
    }
    assert names(published.model_run_ids["kaplan_meier"], "tables") == {
        "coefficients_kaplan_meier.csv"
    }
    assert names(cox, "figures") == {"calibration_cox.png", "groups_cox.png"}


def test_nothing_private_reaches_the_store(store: Store, run_folder: Path) -> None:
    (run_folder / "notes.txt").write_text(CANARY, encoding="utf-8")
    (run_folder / "tables" / "people.parquet").write_text(CANARY, encoding="utf-8")
    with suppress(OSError):  # Windows, without the right to make links
        (run_folder / "tables" / "link.csv").symlink_to(run_folder / "private" / "predictions.csv")
    publish_run(run_folder)
    private = [CANARY, "jane.doe", "hunter2", str(run_folder)]
    searched = 0
    for path in store.root.rglob("*"):
        if path.is_file() and store.runs not in path.parents:
            content = path.read_bytes()
            searched += len(content)
            for words in private:
                assert words.encode() not in content, path
    assert searched > 100_000


# ------------------------------------------------------------ again and again


def test_second_time_changes_nothing(store: Store, run_folder: Path, query: Query) -> None:
    first = publish_run(run_folder)
    before = everything(store, query)
    second = publish_run(run_folder)
    assert second.state == "unchanged"
    assert (second.run_id, second.model_run_ids) == (first.run_id, first.model_run_ids)
    assert everything(store, query) == before


def test_report_made_anew_is_updated(store: Store, run_folder: Path, query: Query) -> None:
    first = publish_run(run_folder)
    before = everything(store, query)
    (run_folder / "report.html").write_text("<!doctype html><p>better", encoding="utf-8")
    second = publish_run(run_folder)
    assert (second.state, second.run_id) == ("updated", first.run_id)
    after = everything(store, query)
    for kind in ("runs", "params", "metrics", "inputs"):
        assert after[kind] == before[kind]
    assert ("report.html", b"<!doctype html><p>better") in after["files"]
    assert len(after["files"]) == len(before["files"])
    assert publish_run(run_folder).state == "unchanged"


def test_parameters_of_another_version_do_not_stop_an_update(run_folder: Path, call: Call) -> None:
    """MLflow refuses another value for a parameter."""
    published = publish_run(run_folder)
    config = run_folder / "config.yaml"
    text = config.read_text(encoding="utf-8").replace("bootstrap: 500", "bootstrap: 5e2")
    config.write_text(text, encoding="utf-8")
    assert publish_run(run_folder).state == "updated"
    assert call("get_run", published.run_id).data.params["evaluation.bootstrap"] == "500"


@pytest.mark.parametrize("after", [False, True], ids=["not sent", "answer lost"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 9, 14, 26])
def test_interrupted_publication_is_completed_without_doubles(
    store: Store,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
    template_database: Path,
    nth: int,
    after: bool,
) -> None:
    run_folder = write_run_folder(store.runs / "run", last_month=3)
    with monkeypatch.context() as patch:
        fail_at(patch, nth, after=after, error=DroppedError)
        with pytest.raises(PublishError, match="DroppedError: gone") as caught:
            publish_run(run_folder)
    assert caught.value.exit_code == 3
    assert f'gmts-models publish "{run_folder}"' in str(caught.value)
    assert publish_run(run_folder).state in ("created", "completed")
    resumed = everything(store, query)
    assert publish_run(run_folder).state == "unchanged"

    # The same in one go, in another store.
    shutil.copy(template_database, store.database)
    shutil.rmtree(store.artifacts)
    publish_run(run_folder)
    whole = everything(store, query)
    assert len(whole["metrics"]) > 250
    for kind, rows in whole.items():
        assert resumed[kind] == rows, kind


def test_interrupted_by_hand(
    run_folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, 4, after=False, error=KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            publish_run(run_folder)
    assert publish_run(run_folder).state == "completed"
    assert query("select distinct status from runs") == [("FINISHED",)]


def test_failure_does_not_leave_a_run_that_looks_alive(
    run_folder: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", full)
    with pytest.raises(PublishError, match="No space left"):
        publish_run(run_folder)
    assert query("select distinct status from runs") == [("FAILED",)]


def test_deleted_run_is_published_anew(run_folder: Path, call: Call) -> None:
    first = publish_run(run_folder)
    call("delete_run", first.run_id)
    second = publish_run(run_folder)
    assert second.state == "created"
    assert second.run_id != first.run_id
    assert second.model_run_ids == first.model_run_ids
    child = call("get_run", first.model_run_ids["cox"])
    assert child.data.tags["mlflow.parentRunId"] == second.run_id


def test_same_folder_under_another_experiment_is_another_run(run_folder: Path) -> None:
    first = publish_run(run_folder)
    second = publish_run(run_folder, experiment="review")
    assert (second.state, second.experiment) == ("created", "review")
    assert second.experiment_id != first.experiment_id


def test_many_parameters_and_metrics_are_sent_in_batches(store: Store, call: Call) -> None:
    folder = write_run_folder(
        store.runs / "long",
        last_month=240,
        models=(),
        versions={f"package{i}": "1" for i in range(150)},
        counts={f"item{i}": 100 + i for i in range(230)},
    )
    published = publish_run(folder)
    run = call("get_run", published.run_id)
    assert len(run.data.params) > 230
    assert len([tag for tag in run.data.tags if tag.startswith("gmts.version.")]) == 150
    history = call("get_metric_history", published.run_id, "retention/all")
    assert len(history) == 241


def test_note_of_the_experiment_is_kept_where_somebody_wrote_one(
    run_folder: Path, call: Call
) -> None:
    published = publish_run(run_folder)
    call("set_experiment_tag", published.experiment_id, "mlflow.note.content", "mine")
    (run_folder / "report.html").write_text("<p>", encoding="utf-8")
    publish_run(run_folder)
    assert call("get_experiment", published.experiment_id).tags["mlflow.note.content"] == "mine"


# ------------------------------------------------------------ guests' manners


def test_state_of_the_user_is_untouched(
    store: Store, run_folder: Path, tmp_path: Path, template_database: Path, capfd: Any
) -> None:
    import mlflow

    shutil.copy(template_database, tmp_path / "own.db")
    own = f"sqlite:///{(tmp_path / 'own.db').as_posix()}"
    before = mlflow.get_tracking_uri()
    level = logging.getLogger("mlflow").level
    mlflow.set_tracking_uri(own)
    try:
        with tracker(own, fix="") as client:
            experiment = client.create_experiment("own", (tmp_path / "own").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            environment = dict(os.environ)
            capfd.readouterr()
            published = publish_run(run_folder, store=store.root)
            assert capfd.readouterr() == ("", "")
            assert os.environ == environment
            assert mlflow.active_run().info.run_id == run.info.run_id
            assert mlflow.get_tracking_uri() == own
            assert logging.getLogger("mlflow").level == level
        with tracker(own, fix="") as client:
            mine = client.get_run(run.info.run_id)
            assert len(client.search_runs([experiment])) == 1
        assert mine.data.metrics == {}
        assert not any(key.startswith("gmts.") for key in mine.data.tags)
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    assert published.tracking_uri == store.tracking_uri


def test_address_of_the_environment_is_used(
    run_folder: Path, tmp_path: Path, template_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is not ours: files must still not land in the working folder."""
    shutil.copy(template_database, tmp_path / "team.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'team.db').as_posix()}")
    monkeypatch.setenv("GMTS_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    published = publish_run(run_folder)
    assert published.tracking_uri.endswith("team.db")
    assert (tmp_path / "home" / "artifacts").is_dir()
    assert list(work.iterdir()) == []


# ------------------------------------------------------------ what can go wrong


def test_absent_server_fails_soon(run_folder: Path) -> None:
    with tracker("http://127.0.0.1:9", fix=""):
        pass  # MLflow's import is not what is timed
    start = time.perf_counter()
    with pytest.raises(PublishError) as caught:
        publish_run(run_folder, tracking_uri="http://127.0.0.1:9")
    assert time.perf_counter() - start < 12
    assert caught.value.where == "http://127.0.0.1:9"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_password_is_not_shown(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    user, password = "ja" + "ne", "hunter" + "2"  # a traceback shows lines of this file
    with pytest.raises(PublishError) as caught:
        publish_run(run_folder, tracking_uri=f"http://{user}:{password}@127.0.0.1:9")
    shown = "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" in shown
    assert password not in shown
    assert user not in shown


def test_unknown_kind_of_tracker(run_folder: Path) -> None:
    with pytest.raises(PublishError, match="gopher"):
        publish_run(run_folder, tracking_uri="gopher://old")


def test_deleted_experiment_is_named(run_folder: Path, call: Call) -> None:
    published = publish_run(run_folder)
    call("delete_experiment", published.experiment_id)
    with pytest.raises(PublishError, match="bin") as caught:
        publish_run(run_folder)
    assert caught.value.fix is not None
    assert f"restore --experiment-id {published.experiment_id}" in caught.value.fix


def test_moved_store_is_told_and_made_anew(
    store: Store, run_folder: Path, tmp_path: Path, template_database: Path
) -> None:
    publish_run(run_folder)
    moved = tmp_path / "elsewhere" / "gmts_store"
    moved.parent.mkdir()
    store.root.rename(moved)
    folder = moved / "runs" / run_folder.name
    with pytest.raises(PublishError, match="the store was moved"):
        publish_run(folder)
    assert not store.root.exists()
    (moved / "mlflow.db").rename(moved / "old.db")
    shutil.copy(template_database, moved / "mlflow.db")
    assert publish_run(folder).state == "created"


def test_store_is_that_of_the_folder(
    store: Store, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    (work / "gmts_store").mkdir(parents=True)
    monkeypatch.chdir(work)
    assert publish_run(run_folder).tracking_uri == store.tracking_uri


def test_folder_that_is_refused_leaves_no_trace(
    store: Store, run_folder: Path, query: Query
) -> None:
    with pytest.raises(InputError, match="no such run folder"):
        publish_run(store.runs / "none")
    (run_folder / "tables" / "cohorts.csv").write_text(
        "cohort,specialism,n\n2019-09,Finance,3\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match="1 counts under the threshold of 5"):
        publish_run(run_folder)
    assert query("select count(*) from runs") == [(0,)]
    assert find_store(store.root).tracking_uri == store.tracking_uri


def test_a_database_s_own_words_are_told_without_its_statement() -> None:
    from sqlalchemy.exc import OperationalError

    said = sqlite3.OperationalError("attempt to write a readonly database")
    statement = OperationalError("INSERT INTO runs VALUES (?)", ("secret",), said)
    outer = RuntimeError("(raised as a result of Query-invoked autoflush)")
    outer.__cause__ = statement
    with pytest.raises(PublishError) as caught, tracker_errors("sqlite:///x.db", fix="mend it"):
        raise outer
    assert "attempt to write a readonly database" in caught.value.what
    assert "INSERT" not in str(caught.value)
    assert "secret" not in str(caught.value)
