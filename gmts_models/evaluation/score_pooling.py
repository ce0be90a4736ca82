"""Scores of m imputed data sets as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.evaluation.evaluate import Evaluation
from gmts_models.stats.missing.scales import Scale, pool_on_scale

SCALES: dict[str, Scale] = {
    "brier": "log",
    "ipa": "plain",
    "auc": "logit",
    "c_index": "logit",
    "observed_expected": "log",
}
"""On which each score is pooled."""
KEYS = ["model", "score", "horizon_months", "group"]


def pool_scores(
    scores: Sequence[Evaluation | pd.DataFrame], *, level: float = 0.95
) -> pd.DataFrame:
    """Pool the scores of evaluations of m imputed data sets.

    It answers how well a model would do for people without gaps. How well `MultipleImputation`
    does for people as they are is one evaluation of it, and needs no pooling.

    Parameters
    ----------
    scores : m evaluations, or their `scores`, of the same models, horizons and groups; m >= 2.
    level : of the intervals.

    Returns
    -------
    The columns of `Evaluation.scores`, with `fmi`; n and left are the least of the m. A score is
    missing where it is missing in one data set, its interval where an error is.

    Raises
    ------
    InputError : fewer than two, a score of unknown name, or evaluations of different things.

    Source: Marshall, Altman, Holder & Royston (2009), BMC Medical Research Methodology 9:57.
    """
    frames = [each.scores if isinstance(each, Evaluation) else each for each in scores]
    if len(frames) < 2:
        raise InputError("give the scores of at least two data sets", where="pool_scores")
    for number, frame in enumerate(frames):
        if lacking := {*KEYS, "estimate", "se", "n", "left"} - set(frame.columns):
            raise InputError(
                f"scores lack {', '.join(sorted(lacking))}",
                where=f"pool_scores, data set {number + 1}",
                fix="give what evaluate(...).scores is",
            )
        if not frame[KEYS].reset_index(drop=True).equals(frames[0][KEYS].reset_index(drop=True)):
            raise InputError(
                "scores are not of the same models, horizons and groups in the same order",
                where=f"pool_scores, data set {number + 1}",
                fix="evaluate the same models on each data set",
            )
    if unknown := set(frames[0]["score"]) - set(SCALES):
        raise InputError(
            f"how to pool {', '.join(sorted(map(str, unknown)))} is not known",
            where="pool_scores",
            fix=f"pool {', '.join(SCALES)}",
        )
    result = frames[0][KEYS].reset_index(drop=True).copy()
    estimates = np.array([frame["estimate"].to_numpy(float) for frame in frames])
    errors = np.array([frame["se"].to_numpy(float) for frame in frames])
    for score, scale in SCALES.items():
        at = np.flatnonzero(result["score"] == score)
        pooled = pool_on_scale(estimates[:, at], errors[:, at], scale, level=level)
        parts = {"estimate": pooled.estimate, "se": pooled.std_err, "lower": pooled.lower}
        for name, values in (parts | {"upper": pooled.upper, "fmi": pooled.fmi}).items():
            result.loc[at, name] = values
    for name in ("n", "left"):
        result[name] = np.min([frame[name].to_numpy() for frame in frames], axis=0)
    return result[[*KEYS, "estimate", "se", "lower", "upper", "n", "left", "fmi"]]
