"""Cox regression of many attributes: few of them are kept."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.encoding import Design
from gmts_models.models.protocol import (
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.survival.cox_design import (
    CoxDesign,
    apply_cox_design,
    check_penalty,
    check_ties,
    fit_cox_design,
)
from gmts_models.models.survival.cox_risk import cox_risk
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.cox.baseline import CoxCurves, curves_of
from gmts_models.stats.cox.elastic_net import path_of_data
from gmts_models.stats.cox.elastic_net_cv import ElasticNetChoice, choose_cox_elastic_net
from gmts_models.stats.cox.fit import cox_data
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.regression.elastic_net import ElasticNet

Rule = Literal["min", "1se"]
"""Which penalty cross-validation chooses: the best, or the largest within one standard error."""


class CoxElasticNet(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Proportional hazards of attributes of which only those that help are kept.

    Parameters
    ----------
    alpha : weight of the penalty (lambda of glmnet); None to choose it by cross-validation, people
        kept whole, by the deviance.
    l1_ratio : 1 is the lasso, which sets coefficients to 0; 0 is ridge, which only shrinks; between
        them columns that go together stay together (alpha of glmnet).
    folds : of the cross-validation, at least 3. Leavers are spread evenly over them.
    rule : "min" takes the penalty with the best deviance, "1se" the largest whose deviance is
        within one standard error of it: fewer attributes.
    strata, ties, encoder : as in `CoxPH`. glmnet's ties are "breslow".
    seed : of the folds.

    Attributes
    ----------
    alpha_ : the penalty of the fit.
    coef_ : (p,) log hazard ratio per unit of each column of the encoded X; 0 for those left out.
    terms_ : (p,) names of the encoded columns.
    strata_ : labels of the strata.
    cross_validation_ : a row a penalty, alpha, deviance, std_err and terms (how many are not 0);
        None where `alpha` was given.

    Notes
    -----
    There is no interval of its own, and no covariance: coefficients that were chosen and shrunk by
    the same data have no normal distribution, and a standard error of those that are left would
    leave out the choice. `Bootstrapped` repeats the choice for people drawn again.

    Minus the log partial likelihood over the sum of weights, plus alpha times (l1_ratio |b| +
    (1 - l1_ratio) / 2 b^2) summed over columns of unit variance, is least. The weights are of rows:
    with start-stop rows a given alpha is a stronger penalty. Risk is NaN past the last time
    observed in the stratum.

    Source: Simon, Friedman, Hastie & Tibshirani (2011), J. Statistical Software 39(5). Agrees
    with ``glmnet(family = "cox")``, by Breslow's ties.
    """

    alpha_: float
    coef_: Floats
    terms_: tuple[str, ...]
    cross_validation_: pd.DataFrame | None

    def __init__(
        self,
        alpha: float | None = None,
        l1_ratio: float = 1.0,
        folds: int = 10,
        rule: Rule = "min",
        strata: str | None = None,
        ties: Ties = "efron",
        seed: int = 0,
        encoder: Any = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.folds = folds
        self.rule = rule
        self.strata = strata
        self.ties = ties
        self.seed = seed
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose the penalty where none is given, and fit under it."""
        rows = training_rows(X, y, sample_weight, model="CoxElasticNet")
        self._check()
        remember_columns(self, rows.X)
        self._learned: CoxDesign
        self._learned, matrix, strata = fit_cox_design(
            rows.X, rows.weight, strata=self.strata, encoder=self.encoder, model="CoxElasticNet"
        )
        self.terms_ = self.design_.names
        y = rows.y
        given = (matrix, y.exit, y.left, y.entry, rows.weight, strata)
        data = cox_data(*given, ties=self.ties, names=self.terms_)
        if self.alpha is None:
            choice = self._choose(matrix, rows, strata)
            position = choice.best if self.rule == "min" else choice.simplest
            path = choice.path
            self.cross_validation_ = _table(choice)
        else:
            net = ElasticNet(alpha=self.l1_ratio, lambdas=[float(self.alpha)])
            path, position = path_of_data(matrix, data, net), 0
            self.cross_validation_ = None
        self.alpha_ = float(path.lambdas[position])
        coefficients = path.coefficients[position]
        self._curves: CoxCurves = curves_of(data, coefficients)
        self.coef_ = coefficients / self.design_.spread
        return self

    def _check(self) -> None:
        name = "CoxElasticNet"
        if self.alpha is not None:
            check_penalty(self.alpha, name)
        ratio: Any = self.l1_ratio
        if not isinstance(ratio, Real) or not 0 <= float(ratio) <= 1:
            raise InputError("l1_ratio lies between 0 and 1", where=f"{name}(l1_ratio=...)")
        if self.rule not in get_args(Rule):
            raise InputError('rule must be "min" or "1se"', where=f"{name}(rule=...)")
        folds: Any = self.folds
        if not isinstance(folds, Integral) or int(folds) < 3:
            raise InputError("folds must be 3 or more", where=f"{name}(folds=...)")
        check_ties(self.ties, name)

    def _choose(self, matrix: Floats, rows: TrainingRows, strata: Ints) -> ElasticNetChoice:
        y = rows.y
        return choose_cox_elastic_net(
            matrix,
            y.exit,
            y.left,
            y.entry,
            rows.weight,
            strata,
            y.people,
            penalty=ElasticNet(alpha=self.l1_ratio),
            folds=_folds(y, self.folds, np.random.default_rng(self.seed)),
            ties=self.ties,
            names=self.terms_,
        )

    @property
    def design_(self) -> Design:
        """How the columns of X are encoded and scaled."""
        return self._learned.design

    @property
    def strata_(self) -> tuple[str, ...]:
        """Labels of the strata."""
        return self._learned.labels

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        return cox_risk(self._curves, matrix, months, strata)

    def summary(self) -> pd.DataFrame:
        """Return a row a term that was kept: coefficient and hazard ratio, the strongest first."""
        check_is_fitted(self)
        strength = np.abs(self.coef_ * self.design_.spread)
        kept = np.argsort(-strength, kind="stable")[: int((strength > 0).sum())]
        return pd.DataFrame(
            {
                "term": np.array(self.terms_, dtype=object)[kept],
                "coefficient": self.coef_[kept],
                "ratio": np.exp(self.coef_[kept]),
            }
        )


def _folds(y: Outcome, folds: int, rng: np.random.Generator) -> Ints:
    """Return (n,) codes of folds: people whole, those who leave spread evenly.

    Raises
    ------
    InputError : fewer people leave than there are folds.
    """
    labels, person = np.unique(y.people, return_inverse=True)
    leaves = np.zeros(len(labels), dtype=bool)
    leaves[person[y.left]] = True
    if leaves.sum() < folds:
        raise InputError(
            f"{int(leaves.sum())} people leave, too few for {folds} folds",
            where="CoxElasticNet(folds=...)",
            fix="use fewer folds, or give alpha",
        )
    mixed = rng.permutation(len(labels))
    order = mixed[np.argsort(~leaves[mixed], kind="stable")]  # those who leave first
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % folds
    return fold[person]


def _table(choice: ElasticNetChoice) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "alpha": choice.path.lambdas,
            "deviance": choice.mean,
            "std_err": choice.std_err,
            "terms": choice.path.df,
        }
    )
