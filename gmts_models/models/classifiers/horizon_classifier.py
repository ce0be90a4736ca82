"""Classifiers as models of risk: one a horizon, the censored made up for.

Dropping those who are censored before the horizon would keep the leavers and lose the stayers,
and overstate risk. Here those whose state is known stand for the others (``stats/censoring.py``,
``stats/cox_censoring.py``), or each row has a number that stands for its state
(``stats/pseudo_observations.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.classifiers.calibration import (
    Calibration,
    Curve,
    calibrated,
    fit_curve,
    people_in_folds,
)
from gmts_models.models.classifiers.horizon_targets import (
    Censoring,
    HorizonTarget,
    horizon_targets,
    strata_codes,
)
from gmts_models.models.classifiers.learners import (
    check_learner,
    fit_learner,
    learned_risk,
    risk_limits,
)
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.intervals import normal_quantile
from gmts_models.stats.isotonic import isotonic_rows
from gmts_models.stats.options import check_option
from gmts_models.stats.regression.horizon_logistic import HorizonLogistic


class HorizonClassifier(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A probability of having left by each of a few horizons.

    Parameters
    ----------
    estimator : scikit-learn classifier with `predict_proba` and `sample_weight`; None for
        LogisticRegression(C=1). It sees standardised columns. With ``censoring="pseudo"``: None,
        LogisticRegression (ridge or no penalty), or a regressor that minimises squared error,
        whose answers are cut to 0 and 1.
    horizons : months, increasing; between them the cumulative hazard is interpolated linearly,
        from 0 at 0. Past the last nothing is predicted.
    censoring : how the censored are made up for. "kaplan_meier": rows of known state are weighed
        by one over the chance that their state would be seen; whoever is lost at the horizon
        itself is known to have stayed. "cox": that chance depends on the columns of X, by
        proportional hazards (ridge penalty 1, ties by Efron). "pseudo": nothing is weighed, and
        Kaplan-Meier's pseudo-observations take the place of the states.
    censoring_by : column of X whose labels are censored together (the cohort year), or several,
        such as ("cohort_year", "landmark"); None for one censoring curve. "auto": the cohort year
        where X has it, with the landmark where X has that. With "cox" each has a baseline of its
        own, with "pseudo" a jackknife of its own. Cohorts followed for different times must not
        share a curve where X tells them apart: of those not followed to a horizon only leavers
        are known, and the cohort would seem to be why they left.
    calibration : None; "platt" or "isotonic": risks by each horizon are mapped to those observed,
        as learned from predictions for people whom the predicting model, with its encoder and
        weights, had not seen. Isotonic wants hundreds of people who left.
    folds : into which people are dealt for the calibration, at least 2.
    seed : of the dealing.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    estimators_ : one a horizon: a fitted estimator; of LogisticRegression with a ridge penalty or
        none a `HorizonLogistic`, which has the same maximum (intercept first); a float where only
        one class was seen, None where nobody was followed for as long.
    curves_ : calibration by horizon; None where there is none.
    largest_weight_ : (m,) the largest censoring weight; weights are not bounded. NaN where nobody
        was followed for as long.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    Risks by several horizons come from several fits; where they fall along the horizons,
    neighbours become their mean (isotonic regression, each horizon counting alike). That brings
    them nearer to whatever happens, in squares added up over horizons.

    Late entry is refused: a classifier at a horizon has no risk set to put it in.

    The interval of logistic regression is by the sandwich over people, as if weights or
    pseudo-observations were known. Other classifiers, and calibrated ones, have none of their own.

    Source: Vock et al. (2016), Journal of Biomedical Informatics 61:119-131, for weights; Andersen,
    Klein & Rosthøj (2003), Biometrika 90:15-27, for pseudo-observations; Robins & Finkelstein
    (2000), Biometrics 56:779-788, for the Cox model of censoring.
    """

    design_: Design
    estimators_: list[Any]
    curves_: list[Curve | None]
    largest_weight_: Floats
    terms_: tuple[str, ...]

    def __init__(
        self,
        estimator: Any = None,
        horizons: Sequence[float] = (12, 24, 36, 60),
        censoring: Censoring = "kaplan_meier",
        censoring_by: str | Sequence[str] | None = "auto",
        calibration: Calibration | None = None,
        folds: int = 5,
        seed: int = 0,
        encoder: Any = None,
    ) -> None:
        self.estimator = estimator
        self.horizons = horizons
        self.censoring = censoring
        self.censoring_by = censoring_by
        self.calibration = calibration
        self.folds = folds
        self.seed = seed
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit an estimator at each horizon, and its calibration."""
        rows = training_rows(X, y, sample_weight, model="HorizonClassifier")
        frame, y = rows.X, rows.y
        months = self._check()
        if y.delayed:
            raise FitError(
                "a classifier at a horizon cannot take late entry into account",
                where=f"y, {int((y.entry > 0).sum())} rows with entry > 0",
                fix="use a survival model: CoxPH or WeibullAFT",
            )
        remember_columns(self, frame)
        self.horizons_ = months
        self.design_, targets, self.estimators_ = self._learn(frame, y, rows.weight)
        self.terms_ = self.design_.names
        if all(each is None for each in self.estimators_):
            raise NotEstimableError(
                f"nobody was followed for {months[0]:g} months",
                where="HorizonClassifier(horizons=...)",
                fix="ask for shorter horizons",
            )
        largest = np.array([each.factor.max() for each in targets])
        self.largest_weight_ = np.where(largest > 0, largest, np.nan)
        self.curves_ = [None] * len(months)
        if self.calibration is not None:
            self._calibrate(frame, y, rows.weight, targets)
        return self

    def _check(self) -> Floats:
        """Return (m,) horizons, or raise InputError where a parameter is not what it should be."""
        where = "HorizonClassifier"
        months = check_horizons(self.horizons)
        if (np.diff(months) <= 0).any() or months[0] <= 0:
            raise InputError("horizons must increase, from above 0", where=where)
        check_option(self.censoring, get_args(Censoring), "censoring", where)
        if self.calibration is not None:
            check_option(self.calibration, get_args(Calibration), "calibration", where)
        numbers: list[tuple[str, Any, int]] = [("folds", self.folds, 2), ("seed", self.seed, 0)]
        for name, value, least in numbers:
            if not isinstance(value, Integral) or int(value) < least:
                raise InputError(f"{name} must be a whole number, at least {least}", where=where)
        check_learner(self.estimator, pseudo=self.censoring == "pseudo")
        return months

    def _learn(
        self, frame: pd.DataFrame, y: Outcome, weight: Floats | None
    ) -> tuple[Design, list[HorizonTarget], list[Any]]:
        """Encode, make up for the censored and fit, from these rows alone."""
        design, matrix = fit_design(self.encoder, frame, weight)
        strata = strata_codes(frame, self.censoring_by)
        targets = horizon_targets(self.censoring, y, self.horizons_, matrix, weight, strata)
        pseudo = self.censoring == "pseudo"
        learners = [
            fit_learner(self.estimator, matrix, each, weight, y.people, design.names, pseudo=pseudo)
            for each in targets
        ]
        return design, targets, learners

    def _calibrate(
        self, frame: pd.DataFrame, y: Outcome, weight: Floats | None, targets: list[HorizonTarget]
    ) -> None:
        """Set `curves_`, by horizon, from predictions out of fold."""
        risk = self._out_of_fold(frame, y, weight)
        case = np.ones(len(y)) if weight is None else weight
        for j, (learner, target) in enumerate(zip(self.estimators_, targets, strict=True)):
            if learner is None or isinstance(learner, float):
                continue  # there is no classifier to calibrate
            if np.isnan(risk[:, j]).any():
                raise FitError(
                    f"the risk by {self.horizons_[j]:g} months cannot be calibrated: without "
                    "the people of one fold nobody was followed for as long",
                    where="HorizonClassifier",
                    fix="calibration=None, or shorter horizons",
                )
            rows = target.factor > 0
            self.curves_[j] = fit_curve(
                self.calibration,  # type: ignore[arg-type]
                risk[rows, j],
                target.value[rows],
                (target.factor * case)[rows],
            )

    def _out_of_fold(self, frame: pd.DataFrame, y: Outcome, weight: Floats | None) -> Floats:
        """Return (n, m) risks of each row by models of other people."""
        fold = people_in_folds(y, int(self.folds), int(self.seed))
        risk = np.empty((len(y), len(self.horizons_)))
        for number in range(int(self.folds)):
            others, own = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            design, _, learners = self._learn(
                frame.iloc[others], y.keep(others), None if weight is None else weight[others]
            )
            matrix = apply_design(design, frame.iloc[own])
            risk[own] = np.column_stack([learned_risk(each, matrix) for each in learners])
        return risk

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the last horizon that anyone was followed to.

        Raises
        ------
        NotEstimableError : a horizon is past the last one of the fit.
        """
        months, matrix = self._asked(X, horizons)
        return self._along(self._by_horizon(matrix), months)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks of logistic regression with limits, by the delta method on the log odds.

        Raises
        ------
        InputError : the classifier is another one, or calibrated, or only one class was seen at a
            horizon: then fit a `Bootstrapped`.
        """
        months, matrix = self._asked(X, horizons)
        learners = [each for each in self.estimators_ if each is not None]
        own = all(isinstance(each, HorizonLogistic) for each in learners)
        if not own or any(curve is not None for curve in self.curves_):
            return super().predict_risk_interval(X, months, level)
        z = normal_quantile(level)
        gap = np.full((len(matrix), len(self.estimators_) - len(learners)), np.nan)
        limits = [risk_limits(each, matrix, z) for each in learners]
        lower, upper = (np.column_stack([*side, gap]) for side in zip(*limits, strict=True))
        return RiskInterval(
            horizons=months,
            risk=self._along(self._by_horizon(matrix), months),
            lower=self._along(lower, months),
            upper=self._along(upper, months),
            level=level,
            method="sandwich",
        )

    def _asked(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> tuple[Floats, Floats]:
        check_is_fitted(self)
        months = check_horizons(horizons)
        if (months > self.horizons_[-1]).any():
            raise NotEstimableError(
                f"the classifiers were fitted up to {self.horizons_[-1]:g} months",
                where=f"horizons, {months.max():g}",
                fix="fit with a longer last horizon",
            )
        return months, apply_design(self.design_, new_rows(self, X))

    def _by_horizon(self, matrix: Floats) -> Floats:
        """Return (n, k) risks by the horizons of the fit, each as its own classifier has it."""
        risk = np.column_stack([learned_risk(each, matrix) for each in self.estimators_])
        for j, curve in enumerate(self.curves_):
            if curve is not None:
                risk[:, j] = calibrated(curve, risk[:, j])
        return risk

    def _along(self, risk: Floats, months: Floats) -> Floats:
        """Return (n, m) risks at `months` from those at the horizons of the fit."""
        followed = [each is not None for each in self.estimators_]
        last = followed.index(False) if False in followed else len(followed)
        steps = np.column_stack([isotonic_rows(risk[:, :last]), risk[:, last:]])
        with np.errstate(divide="ignore"):
            hazard = -np.log1p(-np.minimum(steps, 1 - 1e-15))
        values = np.column_stack([np.zeros(len(risk)), hazard])
        knots = np.concatenate([[0.0], self.horizons_])
        right = np.clip(np.searchsorted(knots, months, side="left"), 1, len(knots) - 1)
        share = (months - knots[right - 1]) / (knots[right] - knots[right - 1])
        between = values[:, right - 1] * (1 - share) + values[:, right] * share
        return np.asarray(-np.expm1(-between), dtype=float)
