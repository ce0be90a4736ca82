"""What models with partial pooling share: how they are laid out, and what they say of groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError
from gmts_models.models.coefficients import wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.hierarchical.effect_tables import (
    GroupComparison,
    compare_groups,
    group_table,
    rank_table,
    spread_table,
)
from gmts_models.models.hierarchical.layout import Layout, lay_out, random_terms
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    check_horizons,
    group_label,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.survival.cox_design import check_penalty, ridge
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.hierarchy.predict import hierarchical_risk
from gmts_models.stats.hierarchy.result import HierarchicalFit, HierarchicalRisk
from gmts_models.stats.hierarchy.terms import RandomTerm

_CELLS = 1 << 21
"""People times horizons times nodes of the posterior that are predicted at a time."""


class PartiallyPooled(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Attributes act on the hazard, and so do groups, whose effects are drawn to their mean.

    A subclass has the parameters by, slopes, crossed, prior_sd, encoder and alpha, and fits.
    """

    by: str | Sequence[str]
    slopes: str | Sequence[str]
    crossed: str | Sequence[str]
    prior_sd: float
    encoder: Any
    alpha: float

    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    groups_: pd.DataFrame
    variance_: pd.DataFrame
    design_: Design | None

    _layout: Layout
    _fitted: HierarchicalFit

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Find the posterior of coefficients and groups' effects.

        Raises
        ------
        InputError : X, y and the columns named do not fit together.
        FitError : nobody leaves, or an effect has no finite estimate.
        """
        name = type(self).__name__
        rows = training_rows(X, y, sample_weight, model=name)
        alpha, scale = check_penalty(self.alpha, name), _check_prior(self.prior_sd, name)
        remember_columns(self, rows.X)
        self._layout = lay_out(rows.X, self.by, self.slopes, self.crossed, scale, rows.weight, name)
        attributes = self._attributes(rows.X)
        matrix = np.empty((len(attributes), 0))
        self.design_ = None
        if attributes.shape[1]:
            self.design_, matrix = fit_design(self.encoder, attributes, rows.weight)
        self.terms_ = () if self.design_ is None else self.design_.names
        effects = random_terms(self._layout, rows.X)
        try:
            self._fitted = self._maximise(matrix, effects, rows, ridge(alpha, len(self.terms_)))
        except FitError as error:
            if error.fix is None:
                raise
            fix = f"leave out or merge these columns, or add a ridge penalty: {name}(alpha=1.0)"
            raise FitError(error.what, where=error.where, fix=fix) from error
        spread = np.empty(0) if self.design_ is None else self.design_.spread
        self.coef_ = self._fitted.coefficients.estimate / spread
        self.covariance_ = self._fitted.coefficients.covariance / np.outer(spread, spread)
        self.groups_ = group_table(self._fitted, self._layout.units())
        self.variance_ = spread_table(self._fitted, self._layout.units())
        return self

    @abstractmethod
    def _maximise(
        self, matrix: Floats, effects: list[RandomTerm], rows: TrainingRows, penalty: Floats | None
    ) -> HierarchicalFit:
        """Fit to standardised columns (n, p) and the groups of the rows."""

    def _strata(self, frame: pd.DataFrame) -> Ints | None:
        """Return codes of the strata of new rows."""
        return None

    def _attributes(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that have coefficients."""
        return self._layout.attributes(frame)

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks, averaged over the posterior; NaN past the follow-up."""
        return self._predicted(X, horizons, 0.95).risk

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with equal-tailed limits of the posterior."""
        found = self._predicted(X, horizons, level)
        return RiskInterval(
            horizons=found.horizons,
            risk=found.risk,
            lower=found.lower,
            upper=found.upper,
            level=level,
            method="posterior",
        )

    def _predicted(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float
    ) -> HierarchicalRisk:
        frame, months = new_rows(self, X), check_horizons(horizons)
        size = max(1, _CELLS // (len(months) * len(self._fitted.mixture.share)))
        begins = range(0, max(1, len(frame)), size)
        parts = [self._part(frame.iloc[i : i + size], months, level) for i in begins]
        return replace(
            parts[0],
            risk=np.concatenate([part.risk for part in parts]),
            lower=np.concatenate([part.lower for part in parts]),
            upper=np.concatenate([part.upper for part in parts]),
        )

    def _part(self, frame: pd.DataFrame, months: Floats, level: float) -> HierarchicalRisk:
        matrix = np.empty((len(frame), 0))
        if self.design_ is not None:
            matrix = apply_design(self.design_, self._attributes(frame))
        labels = [term.labels for term in self._fitted.terms]
        effects = random_terms(self._layout, frame, labels)
        return hierarchical_risk(
            self._fitted, matrix, effects, months, strata=self._strata(frame), level=level
        )

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row an attribute: coefficient, ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def rank_probabilities(self, term: str | None = None) -> pd.DataFrame:
        """Return P(the group has the rank): a row a group, a column a rank.

        Rank 1 is the lowest hazard, of the group whose people stay best.

        Parameters
        ----------
        term : of `groups_`; default that of `by`.

        Raises
        ------
        InputError : there is no such term.
        """
        name = self._term(term, "rank_probabilities")
        return rank_table(self._fitted, name)

    def compare(
        self, group_a: object, group_b: object, term: str | None = None, level: float = 0.95
    ) -> GroupComparison:
        """Compare the hazard of a group with that of another.

        Parameters
        ----------
        group_a, group_b : labels, as in `groups_`; the ratio is of the first to the second.
        term : of `groups_`; default that of `by`.
        level : of the limits.

        Raises
        ------
        InputError : there is no such term or group.
        """
        name = self._term(term, "compare")
        unit = dict(zip(self.variance_["term"], self._layout.units(), strict=True))[name]
        return compare_groups(
            self._fitted, name, unit, group_label(group_a), group_label(group_b), level
        )

    def _term(self, term: str | None, where: str) -> str:
        check_is_fitted(self)
        known = [each.name for each in self._fitted.terms]
        if term is None:
            return known[0]
        if term not in known:
            raise InputError(
                f"the model has no term {term!r}", where=where, fix=f"one of {', '.join(known)}"
            )
        return term


def _check_prior(prior_sd: Any, model: str) -> float:
    if not isinstance(prior_sd, Real) or not 0 < float(prior_sd) < np.inf:
        raise InputError("prior_sd must be a number, above 0", where=f"{model}(prior_sd=...)")
    return float(prior_sd)
