"""Scorers of risks for scikit-learn's searches: greater is better.

They weigh the rows that they score for censoring by those rows alone (``stats/censoring.py``), by
cohort where X has the cohort year. Of late entrants the risk given that they were still there at
entry is scored. ``evaluate`` is what judges models for publication.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.models.protocol import (
    as_frame,
    check_horizons,
    check_rows,
    risk_from_entry,
    together_codes,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.scores import auc, brier_score, null_brier_score

Score = Literal["brier", "ipa", "auc", "log"]
"""Brier score, index of prediction accuracy, time-dependent AUC, and the log score of having left;
the first and the last with their sign turned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScorer:
    """A score averaged over horizons, as ``scoring=`` of a search takes it.

    Attributes
    ----------
    score : which.
    horizons : (m,) months.
    """

    score: Score
    horizons: tuple[float, ...]

    def __call__(self, estimator: Any, X: pd.DataFrame, y: Outcome) -> float:
        """Return the mean over the horizons; greater is better."""
        check_rows(X, y)
        frame = as_frame(X)
        risk = risk_from_entry(estimator, frame, y.entry, np.array(self.horizons))
        strata = together_codes(frame)
        values = [self._at(risk[:, j], y, h, strata) for j, h in enumerate(self.horizons)]
        if not np.isfinite(values).all():
            missing = [f"{h:g}" for h, v in zip(self.horizons, values, strict=True) if v != v]
            raise NotEstimableError(
                f"the score {self.score} cannot be given at {', '.join(missing)} months: a risk is "
                "not estimable, or nobody's state is known",
                where="risk_scorer(horizons=...)",
                fix="ask for horizons within the follow-up of every fold",
            )
        return float(np.mean(values))

    def _at(self, risk: Floats, y: Outcome, horizon: float, strata: Ints | None) -> float:
        at = censoring_weights(y, horizon, strata=strata)
        scored = at.counted[:, 0] > 0
        if not scored.any() or np.isnan(risk[scored]).any():
            return np.nan
        risk = np.where(scored, risk, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            match self.score:
                case "brier":
                    return -float(brier_score(risk, at)[0])
                case "ipa":
                    return float(1 - brier_score(risk, at)[0] / null_brier_score(at)[0])
                case "auc":
                    return float(auc(risk, at)[0])
                case "log":
                    chance = np.clip(np.where(at.left, risk, 1 - risk), 1e-15, 1)
                    return float((np.log(chance) @ at.weight)[0] / at.counted.sum())


def risk_scorer(score: Score, horizons: Any) -> RiskScorer:
    """Return a scorer for ``GridSearchCV(scoring=...)`` and ``cross_val_score``.

    Parameters
    ----------
    score : "brier", "ipa", "auc" or "log".
    horizons : (m,) months over which it is averaged.

    Raises
    ------
    InputError : there is no such score, or a horizon is not above 0.
    """
    if score not in get_args(Score):
        raise InputError(
            f"unknown score {score!r}", where="risk_scorer", fix=f"one of {get_args(Score)}"
        )
    months = check_horizons(horizons)
    if (months <= 0).any():
        raise InputError("horizons must be above 0", where="risk_scorer")
    return RiskScorer(score=score, horizons=tuple(map(float, months)))
