"""Proportional hazards in which groups borrow strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.hierarchical.groups import group_labels, require_columns
from gmts_models.models.hierarchical.partially_pooled import PartiallyPooled
from gmts_models.models.protocol import TrainingRows
from gmts_models.models.survival.cox_design import check_ties
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.hierarchy.cox import fit_hierarchical_cox
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm


class HierarchicalCox(PartiallyPooled):
    """Proportional hazards with an effect of each group, drawn to the mean as far as it is unsure.

    Parameters
    ----------
    by : column of X that names the group, or several whose labels name it together. The log
        hazards of groups are normal around a mean; so small groups borrow from large ones.
    slopes : columns of X whose coefficients differ between the groups of `by` likewise. Numbers
        and flags have a slope a group, a gap counting as the mean; of text, each pair of a group
        and a label has an effect of its own.
    crossed : columns of X that each name a grouping of its own, beside `by`, such as
        ("cohort_year", "region").
    prior_sd : scale of the half-normal prior of the standard deviation between groups, of log
        hazards. At 0.5 it is below 0.98 with 95 % probability. For slopes, per standard deviation
        of the column, and for pairs, half of it.
    strata : column of X; each of its labels has a baseline hazard of its own.
    ties : "efron" or "breslow".
    encoder : transformer from the other columns of X to numbers; None for `make_encoder`'s.
    alpha : ridge penalty on the coefficients, as for `CoxPH`.

    Attributes
    ----------
    coef_, covariance_ : (p,), (p, p) mean and covariance of the posterior of the coefficients, log
        hazard ratios per unit. The columns `by` and `crossed` have none.
    terms_ : (p,) names of the encoded columns.
    groups_ : a row a term and group: term, group, estimate and se (log hazard ratio against the
        mean of the term's groups, each counting once; of a slope, per unit of its column), ratio
        with its 95 % limits lower and upper, and shrinkage: 0 where the group's own people decide,
        1 where they say nothing.
    variance_ : a row a term: sd of the groups' effects, with 95 % limits lower and upper. The
        lower one is above 0 by construction: it does not say that groups differ.
    feature_names_in_ : columns of X.

    Notes
    -----
    The terms are called by their columns: "specialism", "region", and "score by specialism" for a
    slope. A missing label is a group of its own, "missing", where training had any. For a group
    that was not in training the risk is averaged over what such groups are like, and its limits
    are wider. Late entry is respected. Risk is NaN past the last time observed in the stratum.

    The standard deviations between groups are integrated over, so that limits know that they are
    not known. In 2,000 simulations of 400 people in six groups of 4 to 30 % (standard deviation
    0.3), 95 % limits of the risk covered it in 95.2 (error 0.2) % of large groups, 94.3 (0.3) % of
    small ones and 95.0 (0.5) % of groups that were not seen; those of ratios against the mean in
    93.7 (0.3) and 94.0 (0.4) %, and of the smallest against the largest in 93.9 (0.5) %. An effect
    is drawn to the mean, so one that is far from it is covered less often than others.

    Source: ``stats/hierarchy``; Gelman (2006), Bayesian Analysis 1:515-534, for the prior.
    """

    strata_: tuple[str, ...]

    def __init__(
        self,
        by: str | Sequence[str] = "specialism",
        slopes: str | Sequence[str] = (),
        crossed: str | Sequence[str] = (),
        prior_sd: float = 0.5,
        strata: str | None = None,
        ties: Ties = "efron",
        encoder: Any = None,
        alpha: float = 0.0,
    ) -> None:
        self.by = by
        self.slopes = slopes
        self.crossed = crossed
        self.prior_sd = prior_sd
        self.strata = strata
        self.ties = ties
        self.encoder = encoder
        self.alpha = alpha

    def _maximise(
        self, matrix: Floats, effects: list[RandomTerm], rows: TrainingRows, penalty: Floats | None
    ) -> HierarchicalFit:
        check_ties(self.ties, "HierarchicalCox")
        labels = self._stratum(rows.X)
        self.strata_ = tuple(sorted(set(labels)))
        y = rows.y
        return fit_hierarchical_cox(
            matrix,
            effects,
            y.exit,
            y.left,
            y.entry,
            rows.weight,
            strata=self._codes(labels),
            clusters=y.people,
            ties=self.ties,
            penalty=penalty,
            names=self.terms_,
        )

    def _attributes(self, frame: pd.DataFrame) -> pd.DataFrame:
        attributes = super()._attributes(frame)
        if self.strata is None:
            return attributes
        require_columns(frame, [self.strata], "HierarchicalCox(strata=...)")
        layout = self._layout
        if layout.by == (self.strata,) or self.strata in layout.crossed:
            raise InputError(
                "the strata are groups too: their baseline hazards take up the groups' effects",
                where=f"HierarchicalCox(strata=...), {self.strata}",
                fix="leave out the strata, or group by another column",
            )
        return attributes.drop(columns=self.strata, errors="ignore")

    def _stratum(self, frame: pd.DataFrame) -> list[str]:
        if self.strata is None:
            return ["all"] * len(frame)
        return list(group_labels(frame, [self.strata]))

    def _strata(self, frame: pd.DataFrame) -> Ints:
        labels = self._stratum(frame)
        if unseen := set(labels) - set(self.strata_):
            raise InputError(
                f"{len(unseen)} strata were not in the training rows, so their hazard is unknown",
                where=f"X, {self.strata}",
                fix="use the column as an attribute or in crossed instead of a stratum",
            )
        return self._codes(labels)

    def _codes(self, labels: list[str]) -> Ints:
        code = {label: number for number, label in enumerate(self.strata_)}
        return np.array([code[label] for label in labels], dtype=np.int64)
