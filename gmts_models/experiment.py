"""Run an experiment: compute, write the run folder, then publish."""

from __future__ import annotations

import logging
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gmts_models.config import ExperimentConfig
from gmts_models.config.file import config_sha256, dump_yaml, read_config, shareable
from gmts_models.config.overrides import shareable_override
from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import Checked, People
from gmts_models.data.source import load_source
from gmts_models.disclosure import is_small
from gmts_models.errors import NotEstimableError, PublishError
from gmts_models.evaluation.evaluate import Evaluation, evaluate
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.factory import make_models
from gmts_models.provenance import fingerprint_people, git_state, package_versions
from gmts_models.reporting.incidence import incidence_table
from gmts_models.reporting.retention import RetentionTable, retention_curves, retention_table
from gmts_models.run_fits import WholeFits, fit_to_everyone
from gmts_models.run_folder import (
    RunContent,
    check_writable,
    write_run_folder,
)
from gmts_models.run_limits import (
    count_people,
    limits_of_run,
    notes_on_models,
    too_few_people,
)
from gmts_models.run_record import AtomRecord, ModelRecord, RunRecord
from gmts_models.tracking.store import find_store

if TYPE_CHECKING:
    from gmts_models.tracking.publish import Published
    from gmts_models.tracking.store import Store

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run:
    """One finished execution of a configuration.

    Attributes
    ----------
    name : of the run, and of its folder.
    folder : where the results are.
    config : as it was resolved.
    checked : the records, and the rows that were rejected.
    retention : by specialism at the horizons.
    evaluation : of the models.
    published : where it is in MLflow; None where tracking is off or failed.
    publish_error : why publishing failed; the results are safe in `folder`.
    seconds : from start to the finished run folder.
    """

    name: str
    folder: Path
    config: ExperimentConfig
    checked: Checked
    retention: RetentionTable
    evaluation: Evaluation
    published: Published | None
    publish_error: PublishError | None
    seconds: float

    def __repr__(self) -> str:
        return f"Run({self.name})"


def run_experiment(
    config: str | Path | ExperimentConfig,
    overrides: Sequence[str] = (),
    *,
    store: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Estimate retention, judge the models, write the run folder and publish it to MLflow.

    Parameters
    ----------
    config : path of a YAML file, or a configuration.
    overrides : such as ``"models.0.alpha=0.1"``; only with a path.
    store : folder for runs; default: the configuration's, else found (``docs/config.md``).
    on_progress : see `Progress`.

    Returns
    -------
    Run. Where the tracker cannot be reached, `publish_error` says so, a warning is logged, and
    ``gmts-models publish`` tries again.

    Raises
    ------
    ConfigError, DataError, InputError : what is wrong, where, and how to mend it.
    """
    began = time.perf_counter()
    report = on_progress or (lambda *_: None)
    if isinstance(config, ExperimentConfig):
        spec, origin = config, Path.cwd()
    else:
        loaded = read_config(config, overrides)
        spec, origin = loaded.config, loaded.path.parent
    where = find_store(Path(store) if store is not None else spec.store)
    check_writable(where.runs)
    report("reading data", 0, 1)
    checked = load_source(spec.data, seed=spec.seed)
    table = build_features(
        checked.valid,
        spec.at,
        spec.endpoint,
        landmarks=spec.landmarks,
        features=spec.features,
    )
    retention = retention_table(
        checked.valid,
        horizons=spec.horizons,
        endpoint=spec.endpoint,
        level=spec.evaluation.level,
        threshold=spec.disclosure.threshold,
    )
    unfinished = where.root / "unfinished searches" / config_sha256(spec)[:16]
    models = make_models(spec.models, spec.horizons, spec.seed, resume=unfinished)
    sizes = too_few_people(models, table, spec)
    evaluation = evaluate(
        models,
        table,
        spec.evaluation.scheme,
        spec.horizons,
        bootstrap=spec.evaluation.bootstrap,
        level=spec.evaluation.level,
        seed=spec.seed,
        n_jobs=spec.jobs,
        on_done=lambda done, of: report("fitting models", done, of),
    )
    report("writing results", 0, 1)
    whole = _fit_to_everyone(models, table, spec, evaluation)
    said = (*notes_on_models(models, table, spec), *sizes)
    record = _record(spec, checked, table, retention, evaluation, origin).model_copy(
        update={
            "command": _command(config, overrides),
            "seconds": round(time.perf_counter() - began, 1),
        }
    )
    record = record.model_copy(update={"limits": (*record.limits, *said)})
    step, last = _grid(checked.valid, spec)
    content = RunContent(
        record=record,
        config=dump_yaml(shareable(spec)),
        retention=retention.to_frame(),
        curves=retention_curves(
            checked.valid,
            endpoint=spec.endpoint,
            level=spec.evaluation.level,
            threshold=spec.disclosure.threshold,
            step=step,
            last=last,
        ),
        incidence=_incidence(checked.valid, spec),
        evaluation=evaluation,
        coefficients=whole.coefficients,
        trials=whole.trials,
        groups=whole.groups,
        kinds={each.name: each.kind for each in spec.models},
        cohorts=_cohorts(table),
        rejected=summarise_rejected(checked),
    )
    folder = write_run_folder(where.runs, content)
    shutil.rmtree(unfinished, ignore_errors=True)
    published, trouble = _publish(folder, spec, where, report)
    return Run(
        name=record.run_name,
        folder=folder,
        config=spec,
        checked=checked,
        retention=retention,
        evaluation=evaluation,
        published=published,
        publish_error=trouble,
        seconds=record.seconds,
    )


def _incidence(people: People, spec: ExperimentConfig) -> pd.DataFrame | None:
    """Estimate where leavers go; None where there is only one way, or no cause is known."""
    try:
        table = incidence_table(
            people,
            horizons=spec.horizons,
            endpoint=spec.endpoint,
            level=spec.evaluation.level,
            seed=spec.seed,
            threshold=spec.disclosure.threshold,
        )
    except NotEstimableError as error:
        log.info("no incidence by cause: %s", error.what)
        return None
    return table.to_frame() if len(table.causes) > 1 else None


def _fit_to_everyone(
    models: dict[str, Any], table: FeatureTable, spec: ExperimentConfig, evaluation: Evaluation
) -> WholeFits:
    return fit_to_everyone(
        models,
        table,
        level=spec.evaluation.level,
        threshold=spec.disclosure.threshold,
        trials=evaluation.predictions.trials,
    )


def _cohorts(table: FeatureTable) -> pd.DataFrame:
    """Return cohort and specialism of each person, once."""
    labels = {"cohort": table.cohort.astype(str), "specialism": table.specialism.astype(str)}
    first = np.unique(table.y.people, return_index=True)[1]
    return pd.DataFrame(labels).iloc[np.sort(first)]


def _grid(people: People, spec: ExperimentConfig) -> tuple[float, float]:
    """Return step and end: quarters for up to ten years, a little past the last horizon."""
    longest = float(build_outcome(people, spec.endpoint).y.exit.max())
    last = min(longest, max(spec.horizons) * 1.25)
    return 3.0 * max(1.0, float(np.ceil(last / 120))), last


def _record(
    spec: ExperimentConfig,
    checked: Checked,
    table: FeatureTable,
    retention: RetentionTable,
    evaluation: Evaluation,
    origin: Path,
) -> RunRecord:
    people, state = checked.valid, git_state(origin)
    created = datetime.now(UTC)
    run_key = secrets.token_hex(16)
    slug = "-".join(spec.name.lower().split())
    return RunRecord(
        run_name=f"{slug}-{created:%Y%m%d-%H%M%S}-{run_key[:4]}",
        run_key=run_key,
        experiment=spec.name,
        question=spec.question,
        created=created.replace(microsecond=0),
        synthetic=people.synthetic,
        source=people.source,
        leaving=people.leaving,
        endpoint=spec.endpoint,
        at=str(table.recipe.at),
        landmarks=table.recipe.landmarks or (),
        horizons=spec.horizons,
        threshold=spec.disclosure.threshold,
        level=spec.evaluation.level,
        scheme=spec.evaluation.scheme.kind,
        bootstrap=spec.evaluation.bootstrap,
        reference=evaluation.reference,
        features=table.recipe.names,
        config_sha256=config_sha256(spec),
        data_sha256=fingerprint_people(people.trainees, people.tables),
        seed=spec.seed,
        git_commit=state.commit,
        git_dirty=state.dirty,
        versions=package_versions(),
        census_date=None if people.census_date is None else people.census_date.date(),
        resolution=people.resolution,
        counts=_counts(checked, table, spec.disclosure.threshold),
        atoms=_atoms(retention, spec),
        models=tuple(
            ModelRecord(
                name=each.name,
                kind=each.kind,
                params=each.model_dump(mode="json", exclude={"name", "kind"}),
                seconds=round(evaluation.predictions.seconds[each.name], 2),
            )
            for each in spec.models
        ),
        limits=limits_of_run(checked, table, retention, evaluation, spec),
    )


def _command(config: str | Path | ExperimentConfig, overrides: Sequence[str]) -> str:
    """Return what makes these results again, without the folders of this machine."""
    if isinstance(config, ExperimentConfig):
        return "gm.run_experiment(config)"
    path = Path(config)
    name = path.name if path.is_absolute() else path.as_posix()
    shown = map(shareable_override, overrides)
    return shlex.join(
        ["gmts-models", "run", name, *(part for each in shown for part in ("--set", each))]
    )


def _counts(checked: Checked, table: FeatureTable, threshold: int) -> dict[str, int | None]:
    y = table.y
    counts = pd.Series(
        {
            "rows": checked.n_rows,
            "rejected": checked.n_rejected,
            "valid": len(checked.valid),
            "followed": count_people(y.people),
            "left": count_people(y.people[y.left]),
            "late entry": count_people(y.people[y.entry > 0]),
        }
    )
    hidden = is_small(counts, threshold)
    # Or the difference from "valid" would tell.
    hidden["rows"] |= hidden["rejected"]
    hidden["followed"] |= 0 < counts["valid"] - counts["followed"] < threshold
    return {name: None if hidden[name] else int(counts[name]) for name in counts.index}


def _atoms(retention: RetentionTable, spec: ExperimentConfig) -> tuple[AtomRecord, ...]:
    if spec.endpoint != "post_scheme":
        return ()
    return tuple(
        AtomRecord(group=group, share=float(share), n=None if np.isnan(n) else int(n))
        for group, share, n in zip(retention.groups, retention.atom, retention.n, strict=True)
        if np.isfinite(share)
    )


def _publish(
    folder: Path, spec: ExperimentConfig, where: Store, report: Progress
) -> tuple[Published | None, PublishError | None]:
    if not spec.tracking.enabled:
        return None, None
    from gmts_models.tracking.publish import publish_run

    report("publishing", 0, 1)
    try:
        published = publish_run(
            folder,
            tracking_uri=spec.tracking.uri or where.tracking_uri,
            store=where.root,
            experiment=spec.tracking.experiment,
        )
    except PublishError as error:
        log.warning("%s", error)
        return None, error
    return published, None
