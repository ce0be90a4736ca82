"""What an experiment's configuration may say: frozen, closed, typed.

Reading YAML, with errors that name file, line and key, is in ``file.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Endpoint = Literal["left_nhs", "left_scheme", "post_scheme"]
Horizon = Annotated[float, Field(gt=0, le=1200)]
Landmark = Annotated[int, Field(ge=0, le=1200)]
At = Literal["start", "scheme_end"] | Landmark | str
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)]


class _Spec(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


# ---------------------------------------------------------------- data


class AttributeSpec(_Spec):
    """A column of the user's own, beyond the contract."""

    kind: Literal["category", "number", "flag"]
    unit: str | None = None
    meaning: str = ""
    protected: bool = False
    known: str | None = None
    """When the fact is known: ``start`` (before the first day), or a date column of the same table,
    from the day after it on. Default: not said, and then refused for prediction dates after the
    start."""


class SyntheticData(_Spec):
    """The synthetic scheme."""

    source: Literal["synthetic"] = "synthetic"
    first_cohort: Annotated[int, Field(ge=1956, le=2100)] = 2011
    last_cohort: Annotated[int, Field(ge=1956, le=2100)] = 2022
    seed: Seed | None = None
    """Default: the experiment's seed."""


class _Layout(_Spec):
    """How the columns of a table are to be read."""

    columns: dict[str, str] = {}
    """Name in the contract: name in the table."""
    labels: dict[str, dict[str, str]] = {}
    """Column: {label in the table: label in the contract}."""
    attributes: dict[str, AttributeSpec] = {}
    date_format: str | None = None
    sheet: str | None = None
    encoding: str = "utf-8"


class TableSpec(_Layout):
    """A table beside that of the trainees: placements, surveys, assessments, roles, a series."""

    path: Path | None = None
    """Relative to the folder of the configuration file; default: found beside the trainees."""
    table: str | None = None
    """Of the database, where the trainees come from one."""
    query: str | None = None
    """A SELECT of the database, in place of a table."""


TableName = Literal["placements", "surveys", "assessments", "roles", "labour_market"]


class FileData(_Layout):
    """A user's own CSV, Excel or Parquet file, or a folder of them."""

    source: Literal["file"] = "file"
    path: Path
    """Of a file, or of a folder that holds trainees.csv (or .xlsx, .parquet) and the other tables;
    relative to the folder of the configuration file; ``${NAME}`` is an environment variable."""
    tables: dict[TableName, TableSpec] = {}
    """Tables beside the trainees, by name."""
    scheme: Literal["gmts", "any"] = "gmts"
    census_date: str | None = None
    leaving: str | None = None


class DatabaseData(_Layout):
    """Tables or queries of an SQL database."""

    source: Literal["database"] = "database"
    url: str
    """Of SQLAlchemy: ``postgresql+pg8000://user@host/database``; ``${NAME}`` is an environment
    variable, the place for a password. It is never kept with the results."""
    table: str | None = None
    """With the trainees."""
    query: str | None = None
    """A SELECT that gives the trainees, in place of a table."""
    tables: dict[TableName, TableSpec] = {}
    """Tables beside the trainees, by name."""
    scheme: Literal["gmts", "any"] = "gmts"
    census_date: str | None = None
    leaving: str | None = None


class SnapshotData(_Layout):
    """Staff-in-post extracts: a row a person in post on each date."""

    source: Literal["snapshots"] = "snapshots"
    path: Path
    """Of a folder with a file for each date, or of one file with all; relative to the folder of the
    configuration file; ``${NAME}`` is an environment variable."""
    grace_months: Annotated[int, Field(ge=0, le=120)] = 3
    """Who is missing for no longer than this and comes back has not left."""
    scheme: Literal["gmts", "any"] = "gmts"
    leaving: str | None = None


class OpenData(_Spec):
    """An open data set, by name; see ``docs/open-data.md``."""

    source: Literal["open"] = "open"
    name: Literal["canadian_senators", "heads_of_government", "nlswork", "unemployment_mccall"]
    path: Path | None = None
    """Of the CSV, for the sets that do not come with an installed package."""


DataSpec = Annotated[
    SyntheticData | FileData | DatabaseData | SnapshotData | OpenData,
    Field(discriminator="source"),
]


# -------------------------------------------------------------- models


class KaplanMeierSpec(_Spec):
    """Kaplan-Meier by specialism: the reference that a model has to beat."""

    kind: Literal["kaplan_meier"] = "kaplan_meier"
    name: ModelName = "kaplan_meier"
    by: str | tuple[str, ...] | None = "specialism"


class CoxSpec(_Spec):
    """Cox proportional hazards."""

    kind: Literal["cox"] = "cox"
    name: ModelName = "cox"
    alpha: Annotated[float, Field(ge=0)] = 0.0
    """Ridge penalty: alpha / 2 times the sum of squared coefficients of standardised columns."""
    strata: str | None = None
    robust: bool = False
    """Standard errors from the spread between people, which does not trust the model; a person
    who stands at several landmarks counts once."""


class WeibullSpec(_Spec):
    """Weibull accelerated failure time."""

    kind: Literal["weibull_aft"] = "weibull_aft"
    name: ModelName = "weibull_aft"
    alpha: Annotated[float, Field(ge=0)] = 0.0


class LogisticSpec(_Spec):
    """Logistic regression at each horizon, with censoring weights."""

    kind: Literal["logistic"] = "logistic"
    name: ModelName = "logistic"
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Ridge penalty, as for Cox."""
    censoring_by: str | tuple[str, ...] | None = None
    """Feature whose values are censored together, such as cohort_year; or a list of them."""


class BoostingSpec(_Spec):
    """Histogram gradient boosting at each horizon, with censoring weights."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    name: ModelName = "hist_gradient_boosting"
    max_iter: Annotated[int, Field(ge=1)] = 60
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    max_leaf_nodes: Annotated[int, Field(ge=2)] = 6
    min_samples_leaf: Annotated[int, Field(ge=1)] = 20
    censoring_by: str | tuple[str, ...] | None = None
    """Feature whose values are censored together, such as cohort_year; or a list of them."""


ModelSpec = Annotated[
    KaplanMeierSpec | CoxSpec | WeibullSpec | LogisticSpec | BoostingSpec,
    Field(discriminator="kind"),
]


# ---------------------------------------------------------- evaluation


class LeaveOneCohortOut(_Spec):
    """Each cohort is predicted by models that never saw it."""

    kind: Literal["leave_one_cohort_out"] = "leave_one_cohort_out"
    min_size: Annotated[int, Field(ge=1)] = 1
    """Cohorts with fewer people are never held out; they always train."""


class TemporalSplit(_Spec):
    """Later cohorts are predicted by models of earlier ones."""

    kind: Literal["temporal"] = "temporal"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """The latest cohorts that hold about this share of the people are the test."""


class GroupedKFold(_Spec):
    """K folds of whole people."""

    kind: Literal["k_fold"] = "k_fold"
    folds: Annotated[int, Field(ge=2)] = 10


SchemeSpec = Annotated[
    LeaveOneCohortOut | TemporalSplit | GroupedKFold, Field(discriminator="kind")
]


class EvaluationSpec(_Spec):
    """How models are judged."""

    scheme: SchemeSpec = LeaveOneCohortOut()
    bootstrap: Annotated[int, Field(ge=0, le=10_000)] = 500
    """Repetitions behind each interval; 0 = no intervals."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


# ---------------------------------------------------------- experiment


class DisclosureSpec(_Spec):
    """Which counts may be shown."""

    threshold: Annotated[int, Field(ge=1)] = 5


class TrackingSpec(_Spec):
    """Where the run lands in MLflow."""

    enabled: bool = True
    uri: str | None = None
    """Default: sqlite in ``store`` where that is said, else MLFLOW_TRACKING_URI, else sqlite in the
    store folder that is found."""
    experiment: str | None = None
    """Default: the experiment's name."""


class ExperimentConfig(_Spec):
    """One experiment: data, endpoint, models, how they are judged, where results go."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][\w .-]*$")]
    question: str = ""
    seed: Seed = 1
    data: DataSpec
    endpoint: Endpoint = "left_nhs"
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1)] = (12, 24, 36, 60)
    features: Literal["default"] | tuple[str, ...] = "default"
    at: At = "start"
    landmarks: Annotated[tuple[Landmark, ...], Field(min_length=1)] | None = None
    """Several prediction dates stacked, in months since the start: each is a row of a person.
    In place of ``at``."""
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1)]
    evaluation: EvaluationSpec = EvaluationSpec()
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

    @model_validator(mode="after")
    def _one_name_each(self) -> ExperimentConfig:
        names = [model.name for model in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two models are called {twice[0]}: give each its own 'name'")
        return self

    def resolved(self) -> dict[str, Any]:
        """Return everything said and every default, as plain values."""
        return self.model_dump(mode="json")
