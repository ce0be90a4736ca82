"""Fine-Gray: what attributes do to the incidence of each way to leave."""

from __future__ import annotations

from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError
from gmts_models.models.coefficients import at_least, wald_table
from gmts_models.models.encoding import Design
from gmts_models.models.exits.seen_causes import causes_seen, of_all_causes
from gmts_models.models.exits.stays import stays_of
from gmts_models.models.exits.unknown_causes import (
    CauseRows,
    UnknownCauses,
    covariance_with_shares,
    rows_by_cause,
)
from gmts_models.models.protocol import (
    RiskMixin,
    censored_together,
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
    label_codes,
    ridge,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.competing.fine_gray import FineGrayFit, fit_fine_gray
from gmts_models.stats.competing.fine_gray_prediction import fine_gray_curves
from gmts_models.stats.competing.fine_gray_together import predict_fine_gray_together
from gmts_models.stats.competing.fine_gray_variance import score_influence
from gmts_models.stats.competing.fine_gray_weights import CensoringTies
from gmts_models.stats.cox.baseline import CoxCurves
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.options import check_option


class FineGray(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A model of the subdistribution hazard of each cause, whose ratios order its incidence.

    Parameters
    ----------
    alpha, strata, ties, encoder : as in `CauseSpecificCox`.
    unknown_causes : as in `CauseSpecificCox`.
    censoring_groups : column of X whose labels are censored alike: people who left for another
        cause are weighted by how far their own group would still be seen. None for all together,
        which is biased where an attribute tells when somebody is censored, as the cohort does
        where follow-up ends with a census. "auto": the cohort year, where X has it.
    censoring_ties : whether those who leave in a month could be censored in it: "events first"
        (no, as ``finegray``), or "together" (yes, as ``crr``).

    Attributes
    ----------
    causes_ : (k,) names of the causes.
    coef_ : (k, p) log ratios of the subdistribution hazard of each cause, per unit of each column
        of the encoded X; NaN for a cause from which nobody left in training: its incidence is 0.
    covariance_ : (k, p, p), robust, with the estimation of the censoring weights and, where causes
        were shared out, with how well the shares are known.
    terms_ : (p,) names of the encoded columns.
    strata_ : labels of the strata.
    unknown_ : share of the departures, by weight, whose cause was unknown.

    Notes
    -----
    The fits of the causes know nothing of each other, so that one person's incidences may add up to
    more than 1. From the month in which they would, they stop growing: the risk is 1 in that month,
    and no horizon has more. Up to there they are those of the separate fits. Of the 2,158 trainees
    of the synthetic scheme (11 attributes, four causes) it befalls none by month 36, one by 60 and
    seven by 96. Risk is NaN past the last time observed in the stratum.

    The rows of one person may begin anew after a gap, or on another clock: each stretch is a stay
    of its own.

    There is no interval of its own: the weights, baselines and coefficients of all causes move
    together, and only refits to people drawn again show by how much (`Bootstrapped`).

    Source: Fine & Gray (1999), JASA 94:496-509; Geskus (2011), Biometrics 67:39-49, for late
    entry. Agrees with ``survival::finegray`` and ``coxph``, and by Breslow's ties and censoring
    "together" with ``cmprsk::crr``.
    """

    causes_: tuple[str, ...]
    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    unknown_: float

    def __init__(
        self,
        alpha: float = 0.0,
        strata: str | None = None,
        ties: Ties = "efron",
        encoder: Any = None,
        unknown_causes: UnknownCauses = "refuse",
        censoring_groups: str | None = "auto",
        censoring_ties: CensoringTies = "events first",
    ) -> None:
        self.alpha = alpha
        self.strata = strata
        self.ties = ties
        self.encoder = encoder
        self.unknown_causes = unknown_causes
        self.censoring_groups = censoring_groups
        self.censoring_ties = censoring_ties

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the (penalised) partial likelihood of each cause's subdistribution."""
        name = type(self).__name__
        rows = training_rows(X, y, sample_weight, model=name)
        alpha = check_penalty(self.alpha, name)
        check_ties(self.ties, name)
        check_option(self.censoring_ties, get_args(CensoringTies), "censoring_ties", name)
        by = self.censoring_groups
        if by == "auto" and by not in rows.X:
            by = next(iter(censored_together(rows.X) or ()), None)
        groups = label_codes(rows.X, by, f"{name}(censoring_groups=...)")
        remember_columns(self, rows.X)
        self._learned: CoxDesign
        self._learned, matrix, strata = fit_cox_design(
            rows.X, rows.weight, strata=self.strata, encoder=self.encoder, model=name
        )
        self.terms_, self.causes_ = self.design_.names, rows.y.causes
        stays = stays_of(rows.y, name)
        ready = rows_by_cause(
            matrix,
            rows.y,
            rows.weight,
            self.unknown_causes,
            groups=strata,
            stays=stays,
            model=name,
        )
        self.unknown_ = ready.unknown
        self._seen, event = causes_seen(ready.event)
        k, p, spread = len(self.causes_), len(self.terms_), self.design_.spread
        self.coef_, self.covariance_ = np.full((k, p), np.nan), np.full((k, p, p), np.nan)
        fits = [
            self._fit_cause(
                ready,
                event,
                number,
                self.causes_[cause],
                strata[ready.row],
                groups[ready.row],
                stays[ready.row] * (1 + k) + ready.part,
                ridge(alpha, p),
            )
            for number, cause in enumerate(self._seen, start=1)
        ]
        for cause, found in zip(self._seen, fits, strict=True):
            self.coef_[cause] = found.coefficients / spread
            self.covariance_[cause] = _covariance(found, ready, penalised=bool(alpha)) / np.outer(
                spread, spread
            )
        self._curves: tuple[CoxCurves, ...] = tuple(fine_gray_curves(found) for found in fits)
        return self

    def _fit_cause(
        self,
        ready: CauseRows,
        event: Ints,
        number: int,
        cause: str,
        strata: Ints,
        groups: Ints,
        stays: Ints,
        penalty: Floats | None,
    ) -> FineGrayFit:
        try:
            return fit_fine_gray(
                ready.X,
                ready.exit,
                event,
                ready.entry,
                ready.weight,
                strata,
                ready.people,
                cause=number,
                ids=stays,
                censoring_strata=groups,
                ties=self.ties,
                censoring_ties=self.censoring_ties,
                penalty=penalty,
                names=self.terms_,
            )
        except FitError as error:
            where = f"{cause}: {error.where}"
            raise FitError(error.what, where=where, fix=error.fix) from None

    @property
    def design_(self) -> Design:
        """How the columns of X are encoded and scaled."""
        return self._learned.design

    @property
    def strata_(self) -> tuple[str, ...]:
        """Labels of the strata."""
        return self._learned.labels

    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) P(left for the cause by the horizon); NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        incidence = predict_fine_gray_together(self._curves, matrix, months, strata=strata)
        return of_all_causes(incidence, self._seen, len(self.causes_))

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks of leaving from any cause: the sum of the incidences."""
        return np.asarray(np.minimum(self.predict_incidence(X, horizons).sum(axis=2), 1.0))

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a cause and term: coefficient, ratio, SE, interval of the ratio, p (Wald).

        Ratios are of subdistribution hazards.
        """
        check_is_fitted(self)
        tables = []
        for cause in self._seen:
            table = wald_table(self.terms_, self.coef_[cause], self.covariance_[cause], level)
            table.insert(0, "cause", self.causes_[cause])
            tables.append(table)
        return pd.concat(tables, ignore_index=True)


def _covariance(fit: FineGrayFit, rows: CauseRows, *, penalised: bool) -> Floats:
    """Return the (p, p) robust covariance of the coefficients, NaN where there is one person."""
    if len(np.unique(rows.people)) == 1:
        return np.full_like(fit.covariance, np.nan)
    if rows.shared is None:
        robust = fit.covariance
    else:
        scores = score_influence(fit.cox, fit.seen, fit.curves, fit.weighted, "estimated")
        robust = covariance_with_shares(rows, scores, fit.cox.covariance)
    return at_least(robust, fit.cox.covariance) if penalised else robust
