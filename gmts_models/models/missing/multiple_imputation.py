"""Multiple imputation around any model: m completed data sets, m fits, one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError
from gmts_models.models.combining.inner_models import fit_clone
from gmts_models.models.encoding import prepare_columns
from gmts_models.models.missing.imputation import (
    Layout,
    complete_new_rows,
    convergence_table,
    impute_frames,
    lay_out,
    to_matrix,
    trace_table,
)
from gmts_models.models.missing.imputed import check_counts, explaining
from gmts_models.models.missing.pooled_fits import (
    PooledFits,
    collect_fits,
    has_coefficients,
    pool_limits,
)
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    as_frame,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.intervals import check_level
from gmts_models.stats.missing.chained import MIXED
from gmts_models.stats.missing.new_rows import Equations, draw_equations
from gmts_models.stats.missing.pooling import Pooled


def _has(name: str) -> Callable[[Any], bool]:
    return lambda model: hasattr(model.estimator, name)


class MultipleImputation(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a model to m completed data sets, and pool what the fits say.

    Parameters
    ----------
    estimator : model to be fitted, for instance ``CoxPH()``; it sees no gaps of `columns`.
    m : completed data sets, at least 2.
    iterations : how often each gap is drawn before a data set counts as done, at least 4.
    donors : people of nearest prediction, of whom one gives the value; 5 as in mice.
    seed : of all draws, at least 0.
    columns : of X whose gaps are filled; None for all. Name them where other gaps are no unknown
        values but values that do not exist, such as the length of a placement before there is one:
        such columns keep their gaps, and the estimator does about them what it does by itself.
    include_outcome : whether who left (by cause, for a model of causes), and the Nelson-Aalen
        hazard until then, help to explain what is missing in the training rows. Without them
        effects are drawn towards none.

    Attributes
    ----------
    estimators_ : m fits; the same one m times where no training row has a gap.
    coef_, covariance_ : (p,), (p, p) pooled by Rubin's rules; `terms_` are their names. They, and
        `pooled_`, are there where the estimator has `coef_` and `covariance_`, one a term; of
        models of causes the coefficients are not pooled, only the risks.
    not_pooled_ : terms that only some of the m fits have, such as those of an encoder that
        selects; they count in predictions.
    convergence_ : a row a column with gaps: column, missing, share_missing, r_hat (rough where m
        is below 10).
    converged_ : whether all r_hat are below 1.2. If not, raise `iterations`.
    traces_ : the means that r_hat is made of, by imputation and iteration.
    causes_ : names of the causes, where the estimator is a model of causes.
    feature_names_in_ : columns of X.

    Notes
    -----
    Missing at random is assumed: what is missing may depend on what is known of the person, the
    outcome included, but not on the missing value itself beyond that. Interactions are not in the
    imputation. Rows of one person are completed each by itself.

    Numbers, flags and text are imputed alike, by predictive mean matching: a gap takes the value
    of someone like them. Where hardly anyone like them is known, it takes that of others, and
    effects are biased. A label that was not seen in training is no gap.

    New rows have no outcome. Their gaps are drawn from regressions learned, without the outcome,
    on the m completed training sets; the risk is the mean over the m draws and fits, which is
    P(left by the horizon | what is known). A row's draws follow from its values and the seed, not
    from the rows beside it. The fitted model holds coefficients, ranges and labels; no training
    rows.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys; White & Royston (2009),
    Statistics in Medicine 28:1982-1998, for the outcome; Wood, Royston & White (2015), Biometrical
    Journal 57:614-632, and Hoogland et al. (2020), Statistics in Medicine 39:3591-3607, for
    predictions from new rows with gaps; Mertens, Banzato & de Wreede (2020), Biometrical Journal
    62:724-741, for the mean of the risks.
    """

    _fits: PooledFits
    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    not_pooled_: tuple[str, ...]
    pooled_: Pooled
    estimators_: list[Any]
    convergence_: pd.DataFrame
    traces_: pd.DataFrame
    converged_: bool

    def __init__(
        self,
        estimator: Any,
        m: int = 20,
        iterations: int = 10,
        donors: int = 5,
        seed: int = 0,
        columns: Sequence[str] | None = None,
        include_outcome: bool = True,
    ) -> None:
        self.estimator = estimator
        self.m = m
        self.iterations = iterations
        self.donors = donors
        self.seed = seed
        self.columns = columns
        self.include_outcome = include_outcome

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Complete the training rows m times, fit to each by case weights, and pool.

        The imputation itself does not see the weights, only that those of weight 0 are no rows.

        Raises
        ------
        FitError : nobody left, or a fit fails, with the number of the data set.
        """
        rows = training_rows(X, y, sample_weight, model="MultipleImputation")
        frame, y = rows.X, rows.y
        self._check()
        remember_columns(self, frame)
        self._layout: Layout = lay_out(frame, self.columns)
        prepared = prepare_columns(frame, self._layout.kinds)
        missing = to_matrix(self._layout, prepared)[1]
        by_cause = hasattr(self.estimator, "predict_incidence")
        given = explaining(frame, y if self.include_outcome else None, by_cause=by_cause)
        root = np.random.default_rng(self.seed)
        rngs = root.spawn(self.m)
        self._salts = [int(salt) for salt in root.integers(2**63, size=self.m)]
        self._equations: list[Equations] = []
        self.estimators_, traces = [], []
        frames = impute_frames(
            self._layout, frame, given, rngs, iterations=self.iterations, nearest=self.donors
        )
        for number, (completed, chain) in enumerate(frames):
            traces.append(chain.trace)
            self._equations.append(
                draw_equations(chain.values, self._layout.variables, rngs[number])
            )
            if number == 0 or missing.any():
                self.estimators_.append(self._fit_one(completed, y, rows.weight, number))
            else:
                self.estimators_.append(self.estimators_[0])
        self.convergence_ = convergence_table(self._layout, missing, np.array(traces))
        self.traces_ = trace_table(self._layout, np.array(traces))
        self.converged_ = not (self.convergence_["r_hat"] > MIXED).any()
        self._pool(y)
        return self

    def _check(self) -> None:
        check_counts(
            "MultipleImputation",
            m=(self.m, 2),
            iterations=(self.iterations, 4),
            donors=(self.donors, 1),
            seed=(self.seed, 0),
        )
        if isinstance(self.estimator, type) or not hasattr(self.estimator, "predict_risk"):
            raise InputError(
                "the estimator must be a model with predict_risk",
                where="MultipleImputation(estimator=...)",
                fix="for instance MultipleImputation(CoxPH()); a classifier of scikit-learn goes "
                "into HorizonClassifier first",
            )

    def _fit_one(
        self, completed: pd.DataFrame, y: Outcome, weight: Floats | None, number: int
    ) -> Any:
        try:
            return fit_clone(self.estimator, TrainingRows(X=completed, y=y, weight=weight))
        except FitError as error:
            raise FitError(
                error.what,
                where=f"imputation {number + 1} of {self.m}; {error.where}",
                fix=error.fix,
            ) from error

    def _pool(self, y: Outcome) -> None:
        """Pool the coefficients, where the fits have any."""
        if all(has_coefficients(fit) for fit in self.estimators_):
            self._fits = collect_fits(self.estimators_, int(y.left.sum()))
            self.terms_, self.not_pooled_ = self._fits.terms, self._fits.not_pooled
            self.pooled_ = self._fits.at(0.95)
            self.coef_ = self.pooled_.estimate
            self.covariance_ = np.asarray(self.pooled_.covariance)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, ratio, SE, interval of the ratio, p, df and fmi.

        Limits and p are of t with `df` degrees of freedom (without gaps: departures less terms);
        `fmi` is the fraction of information that the gaps cost.

        Raises
        ------
        InputError : the estimator has no coefficients.
        """
        check_is_fitted(self)
        if not hasattr(self, "_fits"):
            raise InputError(
                f"{type(self.estimator).__name__} has no coefficients to pool, one a term",
                where="MultipleImputation.summary",
                fix="use an estimator with coef_ and covariance_, such as CoxPH or WeibullAFT",
            )
        return self._fits.table(level)

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks, the mean over draws and fits; NaN where one of the fits has none."""
        check_is_fitted(self)
        if not len(as_frame(X)):
            return np.empty((0, len(check_horizons(horizons))))
        return self._averaged("predict_risk", X, horizons)

    @available_if(_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) risks by cause, where the estimator has them."""
        return self._averaged("predict_incidence", X, horizons)

    @property
    def causes_(self) -> tuple[str, ...]:
        """Names of the k causes, where the estimator has them."""
        causes: tuple[str, ...] = self.estimators_[0].causes_
        return causes

    def _averaged(self, name: str, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        total: Any = 0.0
        for fit, completed in zip(self.estimators_, self._completed(frame), strict=True):
            total = total + getattr(fit, name)(completed, months)
        return np.asarray(total / len(self.estimators_), dtype=float)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by Rubin's rules, from the limits of the m fits.

        They are about the risk that the person has with the values behind the gaps, which nobody
        knows: a row with gaps has wider limits. Without gaps in the training rows and in X they
        are the estimator's own, if those are even on the scale ``log(-log(1 - risk))``.

        Raises
        ------
        InputError : the estimator has no interval.

        Notes
        -----
        In 2,000 simulated studies of 500 people (CoxPH, m = 10, half of the rows with gaps) limits
        at 95 % held the true risk by 12 and 24 months of new people with gaps in 94.4 and 94.5 %,
        and of those without in 95.2 and 95.3 % (Monte Carlo error 0.1 and 0.2).
        """
        check_is_fitted(self)
        check_level(level)
        months = check_horizons(horizons)
        frame = new_rows(self, X)
        risk = lower = upper = np.empty((len(frame), len(months)))
        if len(frame):
            try:
                found = [
                    fit.predict_risk_interval(completed, months, level)
                    for fit, completed in zip(self.estimators_, self._completed(frame), strict=True)
                ]
            except (AttributeError, InputError):
                self.predict_risk(X, months)  # raises what is wrong with X or the horizons
                return super().predict_risk_interval(X, months, level)
            risk = np.mean([each.risk for each in found], axis=0)
            lower, upper = pool_limits(found, level)
        return RiskInterval(
            horizons=months,
            risk=risk,
            lower=lower,
            upper=upper,
            level=level,
            method="Rubin's rules",
        )

    def _completed(self, frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Give new rows completed, once for each fit."""
        for equations, salt in zip(self._equations, self._salts, strict=True):
            yield complete_new_rows(
                self._layout, frame, equations, salt, iterations=self.iterations
            )
