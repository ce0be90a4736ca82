"""Publish a run folder to MLflow: whole, once, and again where it was interrupted."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gmts_models.errors import PublishError
from gmts_models.tracking import entries
from gmts_models.tracking.client import hide_password, tracker
from gmts_models.tracking.entries import KEY_TAG, MODEL_TAG, Entry
from gmts_models.tracking.lock import one_at_a_time
from gmts_models.tracking.notes import EXPERIMENT_NOTE
from gmts_models.tracking.runs import RunFolder, read_run_folder
from gmts_models.tracking.store import Store, create_database, find_store, store_of
from gmts_models.tracking.views import run_address, view_tags

State = Literal["created", "completed", "updated", "unchanged"]

_FILES_TAG = "gmts.files_sha256"
_NOTE_TAG = "mlflow.note.content"
_PARENT_TAG = "mlflow.parentRunId"
# What MLflow takes in one request.
_MOST_PARAMS, _MOST_TAGS, _MOST_METRICS = 100, 100, 700
_DIGEST_LENGTH = 12  # what its pages have room for; the whole is in a tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where a run is in MLflow.

    Attributes
    ----------
    experiment : its name.
    experiment_id, run_id : of the execution.
    model_run_ids : name of a model: its run.
    tracking_uri : without a password.
    url : the page of the run, where the tracker is a server; else None: see it with
        ``gmts-models ui``.
    state : "created"; "completed" where an earlier try was interrupted; "updated" where files
        were made anew since; "unchanged".
    """

    experiment: str
    experiment_id: str
    run_id: str
    model_run_ids: dict[str, str]
    tracking_uri: str
    url: str | None
    state: State


@dataclass(frozen=True, slots=True)
class _Target:
    uri: str
    experiment: str
    artifacts: Path | None
    """Where the tracker keeps files, if that is ours to say."""
    store: Store
    is_own_database: bool
    """Whether `uri` is the database in `store`."""
    fix: str


def publish_run(
    run_folder: Path,
    *,
    tracking_uri: str | None = None,
    store: Path | None = None,
    experiment: str | None = None,
) -> Published:
    """Publish a run folder to MLflow: a run for the execution, with one inside for each model.

    Only the report, the tables, the figures and the configuration (without paths and
    passwords) are shared. A second call for the same folder adds nothing; one after an
    interrupted call completes what is there.

    Parameters
    ----------
    run_folder : a complete run folder.
    tracking_uri : MLflow's address; default: that of the store.
    store : the store folder; default: the one that `run_folder` lies in, or as `find_store`
        says. MLFLOW_TRACKING_URI comes before the default.
    experiment : name in MLflow; default: the one that run.json says.

    Raises
    ------
    InputError : not a run folder.
    DataError : the run is unfinished, damaged, or holds what must not be shared.
    PublishError : MLflow was not reached, or did not take the run. The folder is as it was.
    """
    folder = read_run_folder(Path(run_folder))
    target = _find_target(folder, tracking_uri, store, experiment)
    if target.is_own_database:
        create_database(target.store, fix=target.fix)
    with (
        # Two at once would both find nothing there, and both make the run.
        one_at_a_time(target.store.root / ".lock", fix=target.fix),
        tracker(target.uri, fix=target.fix) as client,
    ):
        return _Publication(client, folder, target).send()


def _find_target(
    folder: RunFolder, tracking_uri: str | None, store: Path | None, experiment: str | None
) -> _Target:
    found = find_store(store)
    if store is None and found.is_default_backend and (own := store_of(folder.path)):
        found = find_store(own)
    uri = tracking_uri or found.tracking_uri
    # MLflow puts the files of a database's runs into the working folder unless it is told.
    is_database = re.match(r"(sqlite|postgresql|mysql|mssql)(\+\w+)?://", uri)
    return _Target(
        uri=uri,
        experiment=experiment or folder.record.experiment,
        artifacts=found.artifacts if is_database else None,
        store=found,
        is_own_database=found.is_default_backend and uri == found.tracking_uri,
        fix=f'the results are safe; once this is mended: gmts-models publish "{folder.path}"',
    )


class _Publication:
    """One folder on its way to one tracker."""

    def __init__(self, client: Any, folder: RunFolder, target: _Target) -> None:
        self.client = client
        self.folder = folder
        self.target = target
        self.parent = entries.execution_entry(folder)
        self.children = [entries.model_entry(folder, model) for model in folder.record.models]
        self.digest = folder.digest()

    def send(self) -> Published:
        experiment_id = self._experiment_id()
        runs = self._runs_there(experiment_id)
        state = self._state(runs)
        parent_id, child_ids = "", {}
        if state == "unchanged":
            parent_id = runs[None].info.run_id
            child_ids = {child.name: runs[child.name].info.run_id for child in self.children}
        else:
            with self._run(experiment_id, self.parent, runs.get(None)) as parent_id:
                for child in self.children:
                    child.tags[_PARENT_TAG] = parent_id
                    child.tags[_FILES_TAG] = self.digest
                    with self._run(experiment_id, child, runs.get(child.name)) as child_id:
                        child_ids[child.name] = child_id
                self._log_dataset(parent_id)
                self.client.log_text(parent_id, self.folder.config_text(), "config.yaml")
                # Last: whatever is missing before this shows that the run is not complete.
                self.client.set_tag(parent_id, _FILES_TAG, self.digest)
        uri = hide_password(self.target.uri)
        page = f"{uri}/{run_address(experiment_id, parent_id)}"
        return Published(
            experiment=self.target.experiment,
            experiment_id=experiment_id,
            run_id=parent_id,
            model_run_ids=child_ids,
            tracking_uri=uri,
            url=page if uri.startswith("http") else None,
            state=state,
        )

    def _state(self, runs: dict[str | None, Any]) -> State:
        if None not in runs:
            return "created"
        wanted = [None, *(child.name for child in self.children)]
        if not all(name in runs and runs[name].info.status == "FINISHED" for name in wanted):
            return "completed"
        parent_id = runs[None].info.run_id
        same = all(runs[name].data.tags.get(_FILES_TAG) == self.digest for name in wanted)
        inside = all(runs[n].data.tags.get(_PARENT_TAG) == parent_id for n in wanted[1:])
        return "unchanged" if same and inside else "updated"

    # ------------------------------------------------------ experiment

    def _experiment_id(self) -> str:
        name, artifacts = self.target.experiment, self.target.artifacts
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(
                    self.client.create_experiment(
                        name,
                        artifact_location=artifacts.as_uri() if artifacts else None,
                        tags=self._experiment_tags(),
                    )
                )
            except Exception:
                found = self.client.get_experiment_by_name(name)
                if found is None:  # not that another process was first
                    raise
        if found.lifecycle_stage == "deleted":
            raise PublishError(
                f"the experiment {name} is in MLflow's bin",
                where=hide_password(self.target.uri),
                fix=f"mlflow experiments restore --experiment-id {found.experiment_id}, or give "
                "the experiment another name",
            )
        if self.target.is_own_database:
            self._check_not_moved(found.artifact_location)
        for key, text in self._experiment_tags().items():
            if key not in found.tags:  # what somebody wrote there stays
                self.client.set_experiment_tag(found.experiment_id, key, text)
        return str(found.experiment_id)

    def _experiment_tags(self) -> dict[str, str]:
        views = view_tags(self.folder.record.horizons, self.parent.start)
        return {_NOTE_TAG: EXPERIMENT_NOTE} | views

    def _check_not_moved(self, location: str) -> None:
        there = _local_path(location)
        artifacts = self.target.store.artifacts
        ours = self.target.uri == self.target.store.tracking_uri
        if there is None or not there.is_absolute() or there.is_relative_to(artifacts):
            return
        if there.exists() and not (ours and self.target.store.is_default_backend):
            return
        raise PublishError(
            "the store was moved or copied: MLflow's database names its files by their old place",
            where=f"{self.target.store.root}, formerly {there.parent}",
            fix=f"move it back; or rename {self.target.store.database.name} and publish the runs "
            f'again: gmts-models publish "{self.folder.path}" (and the others in '
            f"{self.target.store.runs})",
        )

    # ------------------------------------------------------------- runs

    def _runs_there(self, experiment_id: str) -> dict[str | None, Any]:
        """Return the runs of an earlier try: None = the execution, else by model."""
        key = self.folder.record.run_key
        found = self.client.search_runs(
            [experiment_id], filter_string=f"tags.`{KEY_TAG}` = '{key}'", max_results=1000
        )
        # Two at once may have made the same run twice: all later tries agree on one of them.
        ordered = sorted(found, key=lambda r: (r.info.status != "FINISHED", r.info.run_id))
        runs: dict[str | None, Any] = {}
        for run in ordered:
            runs.setdefault(run.data.tags.get(MODEL_TAG), run)
        return runs

    @contextmanager
    def _run(self, experiment_id: str, entry: Entry, there: Any | None) -> Iterator[str]:
        """Create or take up a run, write the entry, and end the run."""
        if there is None:
            there = self.client.create_run(
                experiment_id,
                start_time=entry.start,
                run_name=entry.name,
                # So that it is found again even if nothing else of it arrives.
                tags={key: entry.tags[key] for key in (KEY_TAG, MODEL_TAG) if key in entry.tags}
                | {key: value for key, value in entry.tags.items() if key.startswith("mlflow.")},
            )
        run_id = str(there.info.run_id)
        try:
            self._write(there, entry)
            yield run_id
            self.client.set_terminated(run_id, status="FINISHED", end_time=entry.end)
        except BaseException:
            # A run that is not going on should not look as if it were.
            with suppress(Exception):
                self.client.set_terminated(run_id, status="FAILED")
            raise

    def _write(self, run: Any, entry: Entry) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run_id = run.info.run_id
        # Parameters cannot change. Metrics were complete if the run ever ended; written twice
        # with the same time, step and value, they are kept once.
        missing = {key: text for key, text in entry.params.items() if key not in run.data.params}
        points = () if run.info.status == "FINISHED" else entry.points
        batches = itertools.zip_longest(
            _chunks([Param(key, text) for key, text in missing.items()], _MOST_PARAMS),
            _chunks([RunTag(key, text) for key, text in entry.tags.items()], _MOST_TAGS),
            _chunks([Metric(p.key, p.value, entry.start, p.step) for p in points], _MOST_METRICS),
            fillvalue=(),
        )
        for params, tags, metrics in batches:
            self.client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
        for name in entry.files:
            folder = None if len(name.parts) == 1 else name.parts[0]
            self.client.log_artifact(run_id, str(self.folder.path / name), folder)
        for path, text in entry.texts.items():
            self.client.log_text(run_id, text, path)

    def _log_dataset(self, run_id: str) -> None:
        """Name the data by our own digest: MLflow's reads the first 10,000 rows, and no dates."""
        import json

        from mlflow.entities import Dataset, DatasetInput, InputTag

        record = self.folder.record
        dataset = Dataset(
            name="synthetic scheme" if record.synthetic else "trainees",
            digest=record.data_sha256[:_DIGEST_LENGTH],
            source_type="gmts_models",
            source=json.dumps({"source": entries.source_text(record)}),
        )
        tags = [InputTag("mlflow.data.context", "training and evaluation")]
        self.client.log_inputs(run_id, datasets=[DatasetInput(dataset, tags)])


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _local_path(location: str) -> Path | None:
    """Return the path that an artifact location means, or None where it is not on this disc."""
    if location.startswith("file:"):
        return Path(url2pathname(urlsplit(location).path))
    return None if "://" in location else Path(location)
