"""What an experiment's configuration may say: frozen, closed, typed.

Reading YAML, with errors that name file, line and key, is in ``file.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gmts_models.config.data import (
    AttributeSpec,
    DatabaseData,
    DataSpec,
    FileData,
    OpenData,
    Seed,
    SnapshotData,
    Spec,
    SyntheticData,
    TableName,
    TableSpec,
)
from gmts_models.config.models import (
    BoostingSpec,
    CauseSpecificCoxSpec,
    CoxElasticNetSpec,
    CoxFirthSpec,
    CoxSpec,
    CoxTimeEffectsSpec,
    DiscreteTimeHazardSpec,
    ExponentialSpec,
    FineGraySpec,
    ForestSpec,
    GeneralisedGammaSpec,
    HierarchicalCoxSpec,
    HierarchicalHazardSpec,
    ImputationSpec,
    KaplanMeierSpec,
    LogisticSpec,
    LogLogisticSpec,
    LogNormalSpec,
    ModelName,
    ModelSpec,
    RangeSpec,
    SplineSpec,
    StackedSpec,
    TuningSpec,
    WeibullSpec,
)

__all__ = [
    "At",
    "AttributeSpec",
    "BoostingSpec",
    "CauseSpecificCoxSpec",
    "CoxElasticNetSpec",
    "CoxFirthSpec",
    "CoxSpec",
    "CoxTimeEffectsSpec",
    "DataSpec",
    "DatabaseData",
    "DisclosureSpec",
    "DiscreteTimeHazardSpec",
    "Endpoint",
    "EvaluationSpec",
    "ExperimentConfig",
    "ExponentialSpec",
    "FileData",
    "FineGraySpec",
    "ForestSpec",
    "GeneralisedGammaSpec",
    "GroupedKFold",
    "HierarchicalCoxSpec",
    "HierarchicalHazardSpec",
    "Horizon",
    "ImputationSpec",
    "KaplanMeierSpec",
    "Landmark",
    "LeaveOneCohortOut",
    "LogLogisticSpec",
    "LogNormalSpec",
    "LogisticSpec",
    "ModelName",
    "ModelSpec",
    "OpenData",
    "RangeSpec",
    "SchemeSpec",
    "Seed",
    "SnapshotData",
    "SplineSpec",
    "StackedSpec",
    "SyntheticData",
    "TableName",
    "TableSpec",
    "TemporalSplit",
    "TrackingSpec",
    "TuningSpec",
    "WeibullSpec",
]

Endpoint = Literal["left_nhs", "left_scheme", "post_scheme"]
Horizon = Annotated[float, Field(gt=0, le=1200)]
Landmark = Annotated[int, Field(ge=0, le=1200)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
At = Literal["start", "scheme_end"] | Landmark | Day


# ---------------------------------------------------------- evaluation


class LeaveOneCohortOut(Spec):
    """Each cohort is predicted by models that never saw it."""

    kind: Literal["leave_one_cohort_out"] = "leave_one_cohort_out"
    min_size: Annotated[int, Field(ge=1)] = 1
    """Cohorts with fewer people are never held out; they always train."""


class TemporalSplit(Spec):
    """Later cohorts are predicted by models of earlier ones."""

    kind: Literal["temporal"] = "temporal"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """The latest cohorts that hold about this share of the people are the test."""


class GroupedKFold(Spec):
    """K folds of whole people."""

    kind: Literal["k_fold"] = "k_fold"
    folds: Annotated[int, Field(ge=2)] = 10


SchemeSpec = Annotated[
    LeaveOneCohortOut | TemporalSplit | GroupedKFold, Field(discriminator="kind")
]


class EvaluationSpec(Spec):
    """How models are judged."""

    scheme: SchemeSpec = LeaveOneCohortOut()
    bootstrap: Annotated[int, Field(ge=0, le=10_000)] = 500
    """Repetitions behind each interval; 0 = no intervals."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


# ---------------------------------------------------------- experiment


class DisclosureSpec(Spec):
    """Which counts may be shown."""

    threshold: Annotated[int, Field(ge=1)] = 5


class TrackingSpec(Spec):
    """Where the run lands in MLflow."""

    enabled: bool = True
    uri: str | None = None
    """Default: sqlite in ``store`` where that is said, else MLFLOW_TRACKING_URI, else sqlite in the
    store folder that is found."""
    experiment: str | None = None
    """Default: the experiment's name."""


class ExperimentConfig(Spec):
    """One experiment: data, endpoint, models, how they are judged, where results go."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][\w .-]*$")]
    question: str = ""
    seed: Seed = 1
    data: DataSpec
    endpoint: Endpoint = "left_nhs"
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1)] = (12, 24, 36, 60)
    features: Literal["default"] | tuple[str, ...] = "default"
    at: At = "start"
    """The prediction date: what is known the day before it is what models learn from, and risk is
    from it on. A day, ``start``, ``scheme_end``, or whole months since each one's start."""
    landmarks: Annotated[tuple[Landmark, ...], Field(min_length=1)] | None = None
    """Several prediction dates in place of ``at``, in whole months since the start; increasing. A
    person is a row at each that finds them there."""
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1)]
    evaluation: EvaluationSpec = EvaluationSpec()
    strict: bool = False
    """Whether too few people for a model's features stop the run, before anything is fitted; else
    the report says so."""
    disclosure: DisclosureSpec = DisclosureSpec()
    tracking: TrackingSpec = TrackingSpec()
    store: Path | None = None
    """The store of runs; default: found as ``docs/config.md`` says."""
    jobs: Annotated[int, Field(ge=-1)] = -1
    """Processes for the folds; -1 = one a core. The numbers are the same for any."""

    @field_validator("horizons")
    @classmethod
    def _increasing(cls, horizons: tuple[float, ...]) -> tuple[float, ...]:
        if list(horizons) != sorted(set(horizons)):
            raise ValueError("horizons must increase: for instance [12, 24, 36, 60]")
        return horizons

    @field_validator("landmarks")
    @classmethod
    def _landmarks_increase(cls, landmarks: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if landmarks is not None and list(landmarks) != sorted(set(landmarks)):
            raise ValueError("landmarks must increase: for instance [0, 6, 12, 18, 24]")
        return landmarks

    @model_validator(mode="after")
    def _at_or_landmarks(self) -> ExperimentConfig:
        if self.landmarks is not None and self.at != "start":
            raise ValueError("say either 'at' or 'landmarks'")
        return self

    @model_validator(mode="after")
    def _one_name_each(self) -> ExperimentConfig:
        names = [model.name for model in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two models are called {twice[0]}: give each its own 'name'")
        return self

    def resolved(self) -> dict[str, Any]:
        """Return everything said and every default, as plain values."""
        return self.model_dump(mode="json")
