"""What a configuration may say of models: a class a kind, tagged by it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gmts_models.config.data import Spec

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)]
Columns = str | tuple[str, ...]
Penalty = Annotated[float, Field(ge=0)]
PositivePenalty = Annotated[float, Field(gt=0)]
Values = tuple[bool | int | float | str | None, ...]
Folds = Annotated[int, Field(ge=2, le=100)]


# -------------------------------------------------------------- around a model


class RangeSpec(Spec):
    """Values of a parameter from low to high."""

    low: float
    """The least."""
    high: float
    """The most."""
    log: bool = False
    """Evenly on the log scale."""
    int: bool = False
    """Whole numbers only."""


class TuningSpec(Spec):
    """A search for parameters, made anew inside each fold of the evaluation."""

    search: Literal["grid", "random", "optuna"] = "grid"
    values: dict[str, Values] = Field(default={})
    """By parameter of the estimator, such as alpha, or estimator__C of a classifier inside, the
    values to try."""
    ranges: dict[str, RangeSpec] = Field(default={})
    """By parameter, from where to where (random and optuna)."""
    trials: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most trials; default: all of a grid, else 30."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """No trial begins later than this after the first; results then depend on the machine."""
    criterion: Literal["brier", "log", "ipa", "auc"] = "brier"
    """Of people out of fold, averaged over the horizons."""
    folds: Folds = 5

    @model_validator(mode="after")
    def _something_to_try(self) -> TuningSpec:
        if not self.values and not self.ranges:
            raise ValueError("say in 'values' or 'ranges' what to try: values: {alpha: [0.1, 1]}")
        if twice := sorted(set(self.values) & set(self.ranges)):
            raise ValueError(f"{twice[0]} has both values and a range; keep one")
        if self.search == "grid" and self.ranges:
            raise ValueError("a grid takes values only; say 'search: random' for ranges")
        return self


class ImputationSpec(Spec):
    """Multiple imputation of gaps, in each fold of the evaluation."""

    m: Annotated[int, Field(ge=2, le=200)] = 20
    """Completed data sets."""
    iterations: Annotated[int, Field(ge=4, le=200)] = 10
    columns: tuple[str, ...] | None = None
    """Whose gaps are filled; default: all."""
    include_outcome: bool = True


class Fitted(Spec):
    """What every model that is fitted may have around it."""

    pooling: Literal["none", "full", "partial"] | None = None
    """none: each specialism by itself; full: no differences between them; partial: each drawn
    towards the average as far as its people are few (cox and discrete_time_hazard). Default: the
    specialism is a feature like others."""
    pooling_by: Columns | None = None
    """Feature that names the groups, or several; default: specialism."""
    impute: ImputationSpec | None = None
    tune: TuningSpec | None = None


# -------------------------------------------------------------- survival


class KaplanMeierSpec(Spec):
    """Kaplan-Meier by specialism: the reference that a model has to beat."""

    kind: Literal["kaplan_meier"] = "kaplan_meier"
    name: ModelName = "kaplan_meier"
    by: Columns | None = "specialism"


class CoxSpec(Fitted):
    """Cox proportional hazards."""

    kind: Literal["cox"] = "cox"
    name: ModelName = "cox"
    alpha: Penalty = 0.0
    """Ridge penalty: alpha / 2 times the sum of squared coefficients of standardised columns."""
    strata: str | None = None
    robust: bool = False
    """Standard errors from the spread between people, which does not trust the model; a person
    who stands at several landmarks counts once."""


class CoxElasticNetSpec(Fitted):
    """Cox with a lasso or elastic-net penalty, which leaves features out."""

    kind: Literal["cox_elastic_net"] = "cox_elastic_net"
    name: ModelName = "cox_elastic_net"
    alpha: Penalty | None = None
    """Penalty as glmnet's lambda; default: chosen by cross-validation."""
    l1_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """1: lasso; less: the rest of the penalty is ridge."""
    folds: Folds = 10
    rule: Literal["min", "1se"] = "min"
    """The penalty of least error, or the largest within one standard error of it."""
    strata: str | None = None


class CoxFirthSpec(Fitted):
    """Cox with Firth's penalty, finite where a rare label separates leavers from stayers."""

    kind: Literal["cox_firth"] = "cox_firth"
    name: ModelName = "cox_firth"
    strata: str | None = None


class CoxTimeEffectsSpec(Fitted):
    """Cox with effects that change in time."""

    kind: Literal["cox_time_effects"] = "cox_time_effects"
    name: ModelName = "cox_time_effects"
    trends: dict[str, Literal["log", "linear"]] = Field(default={})
    """By feature, whether its effect changes with log months or with months."""
    cut_points: dict[str, tuple[float, ...]] = Field(default={})
    """By feature, months between which it has effects of their own."""
    strata: str | None = None

    @model_validator(mode="after")
    def _some_effect(self) -> CoxTimeEffectsSpec:
        if not self.trends and not self.cut_points:
            raise ValueError("say in 'trends' or 'cut_points' which effects change")
        if twice := sorted(set(self.trends) & set(self.cut_points)):
            raise ValueError(f"{twice[0]} has both a trend and cut points; keep one")
        return self


class HierarchicalCoxSpec(Spec):
    """Cox in which groups borrow strength: effects of specialisms, cohorts, regions."""

    kind: Literal["hierarchical_cox"] = "hierarchical_cox"
    name: ModelName = "hierarchical_cox"
    by: Columns = "specialism"
    slopes: tuple[str, ...] = ()
    """Features whose effect may differ between the groups."""
    crossed: tuple[str, ...] = ()
    """Further features whose values have effects of their own, such as cohort_year and region."""
    prior_sd: Annotated[float, Field(gt=0)] = 0.5
    """Scale of the half-normal prior on the standard deviations of the groups' effects."""
    alpha: Penalty = 0.0
    strata: str | None = None
    impute: ImputationSpec | None = None
    tune: TuningSpec | None = None


class WeibullSpec(Fitted):
    """Weibull accelerated failure time; it extrapolates."""

    kind: Literal["weibull_aft"] = "weibull_aft"
    name: ModelName = "weibull_aft"
    alpha: Penalty = 0.0


class ExponentialSpec(Fitted):
    """Constant hazards; it extrapolates."""

    kind: Literal["exponential_aft"] = "exponential_aft"
    name: ModelName = "exponential_aft"
    alpha: Penalty = 0.0


class LogNormalSpec(Fitted):
    """Log-normal times of leaving; it extrapolates."""

    kind: Literal["log_normal_aft"] = "log_normal_aft"
    name: ModelName = "log_normal_aft"
    alpha: Penalty = 0.0


class LogLogisticSpec(Fitted):
    """Log-logistic times of leaving; it extrapolates."""

    kind: Literal["log_logistic_aft"] = "log_logistic_aft"
    name: ModelName = "log_logistic_aft"
    alpha: Penalty = 0.0


class GeneralisedGammaSpec(Fitted):
    """Generalised gamma times of leaving, of which Weibull and log-normal are cases."""

    kind: Literal["generalised_gamma_aft"] = "generalised_gamma_aft"
    name: ModelName = "generalised_gamma_aft"
    alpha: Penalty = 0.0


class SplineSpec(Fitted):
    """A spline of the log cumulative hazard in log time, which features shift; it extrapolates."""

    kind: Literal["spline_aft"] = "spline_aft"
    name: ModelName = "spline_aft"
    alpha: Penalty = 0.0
    knots: Annotated[int, Field(ge=2, le=8)] = 3
    """Knots of the spline; 2: Weibull."""


# -------------------------------------------------------------- discrete time


class DiscreteTimeHazardSpec(Fitted):
    """The chance to leave in each month, by any classifier."""

    kind: Literal["discrete_time_hazard"] = "discrete_time_hazard"
    name: ModelName = "discrete_time_hazard"
    classifier: Literal["logistic", "hist_gradient_boosting", "random_forest"] = "logistic"
    alpha: Penalty = 1.0
    """Ridge penalty of the logistic regression."""
    width: Annotated[float, Field(gt=0)] = 1.0
    """Months in a period."""
    time_basis: Literal["spline", "steps", "log", "linear", "months"] | None = None
    """How the hazard changes with time; default: spline, and linear for trees."""
    time_varying: tuple[str, ...] = ()
    """Features whose effect changes with time."""
    by_cause: bool = False
    """Whether causes of leaving are told apart."""


class HierarchicalHazardSpec(Spec):
    """Discrete-time hazards in which groups borrow strength."""

    kind: Literal["hierarchical_hazard"] = "hierarchical_hazard"
    name: ModelName = "hierarchical_hazard"
    by: Columns = "specialism"
    slopes: tuple[str, ...] = ()
    """Features whose effect may differ between the groups."""
    crossed: tuple[str, ...] = ()
    """Further features whose values have effects of their own, such as cohort_year and region."""
    prior_sd: Annotated[float, Field(gt=0)] = 0.5
    """Scale of the half-normal prior on the standard deviations of the groups' effects."""
    link: Literal["logit", "cloglog"] = "logit"
    alpha: Penalty = 0.0
    width: Annotated[float, Field(gt=0)] = 1.0
    """Months in a period."""
    impute: ImputationSpec | None = None
    tune: TuningSpec | None = None


# -------------------------------------------------------------- several exits


class CauseSpecificCoxSpec(Fitted):
    """A Cox model for each cause of leaving; together they give the risk by cause."""

    kind: Literal["cause_specific_cox"] = "cause_specific_cox"
    name: ModelName = "cause_specific_cox"
    alpha: Penalty = 0.0
    strata: str | None = None
    unknown_causes: Literal["refuse", "share"] = "share"
    """share: a departure of unknown cause counts for each cause by its chance."""


class FineGraySpec(Fitted):
    """A Fine-Gray model of the incidence of each cause of leaving."""

    kind: Literal["fine_gray"] = "fine_gray"
    name: ModelName = "fine_gray"
    alpha: Penalty = 0.0
    censoring_by: str | None = "auto"
    """Feature whose values are censored together; auto: cohort_year, where it is a feature."""
    unknown_causes: Literal["refuse", "share"] = "share"
    """share: a departure of unknown cause counts for each cause by its chance."""


# -------------------------------------------------------------- classifiers at horizons


class ClassifierSpec(Fitted):
    """A classifier of having left by each horizon; the censored are made up for."""

    censoring: Literal["kaplan_meier", "cox", "pseudo"] = "kaplan_meier"
    """How: by weights of a censoring curve, of a Cox model of censoring, or by
    pseudo-observations."""
    censoring_by: Columns | None = "auto"
    """Feature whose values are censored together, or a list of them; auto: cohort_year, with the
    landmark, where they are features."""
    calibration: Literal["isotonic", "platt"] | None = None
    """Made out of fold, inside each training set."""


class LogisticSpec(ClassifierSpec):
    """Logistic regression at each horizon; the censored are made up for."""

    kind: Literal["logistic"] = "logistic"
    name: ModelName = "logistic"
    alpha: PositivePenalty = 1.0
    """Ridge penalty, as for Cox."""


class BoostingSpec(ClassifierSpec):
    """Histogram gradient boosting at each horizon; the censored are made up for."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    name: ModelName = "hist_gradient_boosting"
    max_iter: Annotated[int, Field(ge=1)] = 60
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    max_leaf_nodes: Annotated[int, Field(ge=2)] = 6
    min_samples_leaf: Annotated[int, Field(ge=1)] = 20


class ForestSpec(ClassifierSpec):
    """A random forest at each horizon; the censored are made up for."""

    kind: Literal["random_forest"] = "random_forest"
    name: ModelName = "random_forest"
    trees: Annotated[int, Field(ge=1, le=10_000)] = 200
    min_samples_leaf: Annotated[int, Field(ge=1)] = 10


# -------------------------------------------------------------- made of others


class StackedSpec(Spec):
    """The average of other models' risks, with weights chosen by cross-validation."""

    kind: Literal["stacked"] = "stacked"
    name: ModelName = "stacked"
    of: Annotated[tuple[ModelName, ...], Field(min_length=2)]
    """Names of models of this configuration."""
    weights: Literal["brier", "equal"] = "brier"
    """brier: those with which the average errs least, people out of fold."""
    folds: Folds = 5

    @model_validator(mode="after")
    def _once_each(self) -> StackedSpec:
        if len(set(self.of)) < len(self.of):
            raise ValueError("names a model twice: a stack takes each once")
        return self


ModelSpec = Annotated[
    KaplanMeierSpec
    | CoxSpec
    | CoxElasticNetSpec
    | CoxFirthSpec
    | CoxTimeEffectsSpec
    | HierarchicalCoxSpec
    | WeibullSpec
    | ExponentialSpec
    | LogNormalSpec
    | LogLogisticSpec
    | GeneralisedGammaSpec
    | SplineSpec
    | DiscreteTimeHazardSpec
    | HierarchicalHazardSpec
    | CauseSpecificCoxSpec
    | FineGraySpec
    | LogisticSpec
    | BoostingSpec
    | ForestSpec
    | StackedSpec,
    Field(discriminator="kind"),
]
