"""From the specifications of models to estimators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_never

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from gmts_models.config import (
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
    KaplanMeierSpec,
    LogisticSpec,
    LogLogisticSpec,
    LogNormalSpec,
    ModelSpec,
    SplineSpec,
    StackedSpec,
    TuningSpec,
    WeibullSpec,
)
from gmts_models.errors import InputError
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.combining.stacked import StackedRisk
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.encoding import make_encoder
from gmts_models.models.exits.cause_specific import CauseSpecificCox
from gmts_models.models.exits.fine_gray import FineGray
from gmts_models.models.grouped import Grouped
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.cox_elastic_net import CoxElasticNet
from gmts_models.models.survival.cox_firth import CoxFirth
from gmts_models.models.survival.cox_time_effects import CoxTimeEffects
from gmts_models.models.survival.flexible import GeneralisedGammaAFT, SplineAFT
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import (
    ExponentialAFT,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
)


def make_models(
    specs: Sequence[ModelSpec],
    horizons: Sequence[float],
    seed: int = 0,
    *,
    resume: Path | None = None,
) -> dict[str, Any]:
    """Return unfitted estimators by name, in the order of their specifications.

    Parameters
    ----------
    specs : of the configuration.
    horizons : months at which classifiers are fitted, and over which searches and stacks score.
    seed : of estimators that draw.
    resume : folder in which searches for parameters keep their finished trials.

    Raises
    ------
    InputError : a stack is made of a model that is not there, or of a stack.
    """
    months = tuple(horizons)
    single = {
        each.name: make_model(each, months, seed, resume=resume)
        for each in specs
        if not isinstance(each, StackedSpec)
    }
    return {
        each.name: _stack(each, single, months, seed)
        if isinstance(each, StackedSpec)
        else single[each.name]
        for each in specs
    }


def make_model(
    spec: ModelSpec, horizons: Sequence[float], seed: int = 0, *, resume: Path | None = None
) -> Any:
    """Return an unfitted estimator, with pooling, imputation and tuning around it.

    Raises
    ------
    InputError : the specification is of a stack, which needs others: `make_models`.
    """
    model, around = _bare(spec, tuple(horizons), seed), 0
    if (pooling := getattr(spec, "pooling", None)) is not None:
        model, around = Grouped(model, pooling, by=spec.pooling_by or "specialism"), around + 1  # type: ignore[union-attr]
    if (impute := getattr(spec, "impute", None)) is not None:
        model = MultipleImputation(
            model,
            m=impute.m,
            iterations=impute.iterations,
            seed=seed,
            columns=impute.columns,
            include_outcome=impute.include_outcome,
        )
        around += 1
    if (tune := getattr(spec, "tune", None)) is not None:
        model = _tuned(model, tune, "estimator__" * around, tuple(horizons), seed, resume)
    return model


def _bare(spec: ModelSpec, horizons: tuple[float, ...], seed: int) -> Any:
    match spec:
        case KaplanMeierSpec():
            return KaplanMeier(by=spec.by)
        case CoxSpec():
            return CoxPH(alpha=spec.alpha, strata=spec.strata, robust=spec.robust)
        case CoxElasticNetSpec():
            return CoxElasticNet(
                alpha=spec.alpha,
                l1_ratio=spec.l1_ratio,
                folds=spec.folds,
                rule=spec.rule,
                strata=spec.strata,
                seed=seed,
            )
        case CoxFirthSpec():
            return CoxFirth(strata=spec.strata)
        case CoxTimeEffectsSpec():
            return CoxTimeEffects(effects={**spec.trends, **spec.cut_points}, strata=spec.strata)
        case HierarchicalCoxSpec():
            return HierarchicalCox(
                by=spec.by,
                slopes=spec.slopes,
                crossed=spec.crossed,
                prior_sd=spec.prior_sd,
                strata=spec.strata,
                alpha=spec.alpha,
            )
        case WeibullSpec():
            return WeibullAFT(alpha=spec.alpha)
        case ExponentialSpec():
            return ExponentialAFT(alpha=spec.alpha)
        case LogNormalSpec():
            return LogNormalAFT(alpha=spec.alpha)
        case LogLogisticSpec():
            return LogLogisticAFT(alpha=spec.alpha)
        case GeneralisedGammaSpec():
            return GeneralisedGammaAFT(alpha=spec.alpha)
        case SplineSpec():
            return SplineAFT(knots=spec.knots, alpha=spec.alpha)
        case DiscreteTimeHazardSpec():
            return _hazard(spec, seed)
        case HierarchicalHazardSpec():
            return HierarchicalHazard(
                by=spec.by,
                slopes=spec.slopes,
                crossed=spec.crossed,
                prior_sd=spec.prior_sd,
                link=spec.link,
                width=spec.width,
                alpha=spec.alpha,
            )
        case CauseSpecificCoxSpec():
            return CauseSpecificCox(
                alpha=spec.alpha, strata=spec.strata, unknown_causes=spec.unknown_causes
            )
        case FineGraySpec():
            return FineGray(
                alpha=spec.alpha,
                unknown_causes=spec.unknown_causes,
                censoring_groups=spec.censoring_by,
            )
        case LogisticSpec() | BoostingSpec() | ForestSpec():
            return _at_horizons(spec, horizons, seed)
        case StackedSpec():
            raise InputError("a stack is made together with its models", where="make_models")
    assert_never(spec)


def _at_horizons(
    spec: LogisticSpec | BoostingSpec | ForestSpec, horizons: tuple[float, ...], seed: int
) -> HorizonClassifier:
    classifier: Any
    match spec:
        case LogisticSpec():
            classifier = LogisticRegression(C=1 / spec.alpha, max_iter=1000)
        case BoostingSpec():
            classifier = HistGradientBoostingClassifier(
                max_iter=spec.max_iter,
                learning_rate=spec.learning_rate,
                max_leaf_nodes=spec.max_leaf_nodes,
                min_samples_leaf=spec.min_samples_leaf,
                early_stopping=False,
                random_state=seed,
            )
        case ForestSpec():
            classifier = RandomForestClassifier(
                n_estimators=spec.trees, min_samples_leaf=spec.min_samples_leaf, random_state=seed
            )
    return HorizonClassifier(
        classifier,
        horizons,
        censoring=spec.censoring,
        censoring_by=spec.censoring_by,
        calibration=spec.calibration,
        seed=seed,
        encoder=None if isinstance(spec, LogisticSpec) else make_encoder(impute=False),
    )


def _hazard(spec: DiscreteTimeHazardSpec, seed: int) -> DiscreteTimeHazard:
    classifier: Any
    match spec.classifier:
        case "logistic":
            classifier = None
        case "hist_gradient_boosting":
            classifier = HistGradientBoostingClassifier(
                max_iter=60, learning_rate=0.05, max_leaf_nodes=6, random_state=seed
            ).set_params(early_stopping=False, min_samples_leaf=200)
        case "random_forest":
            classifier = RandomForestClassifier(
                n_estimators=100, min_samples_leaf=200, random_state=seed
            )
    return DiscreteTimeHazard(
        classifier,
        alpha=spec.alpha,
        width=spec.width,
        time_basis=spec.time_basis or ("spline" if classifier is None else "linear"),
        time_varying=spec.time_varying,
        by_cause=spec.by_cause,
        unknown_causes="share",
        encoder=None if classifier is None else make_encoder(impute=False),
    )


def _tuned(
    model: Any,
    spec: TuningSpec,
    inside: str,
    horizons: tuple[float, ...],
    seed: int,
    resume: Path | None,
) -> Tuned:
    space: dict[str, Any] = {inside + name: list(each) for name, each in spec.values.items()}
    space |= {inside + name: each.model_dump() for name, each in spec.ranges.items()}
    known = model.get_params()
    if unknown := [name for name in (*spec.values, *spec.ranges) if inside + name not in known]:
        own = sorted(name[len(inside) :] for name in known if name.startswith(inside))
        raise InputError(
            f"a search cannot try {unknown[0]!r}: it is no parameter of the model",
            where="models, tune",
            fix=f"name some of {', '.join(own)}",
        )
    return Tuned(
        model,
        space,
        search=spec.search,
        trials=spec.trials,
        seconds=spec.seconds,
        criterion=spec.criterion,
        horizons=horizons,
        folds=spec.folds,
        seed=seed,
        resume=resume,
    )


def _stack(
    spec: StackedSpec, single: dict[str, Any], horizons: tuple[float, ...], seed: int
) -> StackedRisk:
    if missing := [name for name in spec.of if name not in single]:
        raise InputError(
            f"there is no model {missing[0]!r} to stack",
            where=f"models, {spec.name}, of",
            fix=f"name some of {', '.join(single)}; a stack of stacks is not made",
        )
    return StackedRisk(
        [(name, single[name]) for name in spec.of],
        horizons=horizons,
        folds=spec.folds,
        seed=seed,
        weights=spec.weights,
    )
