"""Concordance of a given score against survival::concordance."""

from __future__ import annotations

from typing import Any

import numpy as np
from reference import CLOSED_FORM, Case, against

from gmts_models.stats.concordance import Concordance, concordance

OPTIONS: dict[str, dict[str, Any]] = {
    "timewt_n": {},
    "timewt_S": {"time_weight": "S"},
    "timewt_S/G": {"time_weight": "S/G"},
    "timewt_n/G2": {"time_weight": "n/G2"},
    "timewt_I": {"time_weight": "I"},
    "ymax_36": {"until": 36},
    "uno_ymax_60": {"time_weight": "n/G2", "until": 60},
    "weights": {"weights": "w"},
    "cluster_industry": {"clusters": "industry"},
    "strata_industry": {"strata": "industry"},
}


def agree_with_concordance(case: Case, got: Concordance, want: dict[str, Any]) -> None:
    """Hold a concordance against what R's ``concordance`` returned."""
    case.agree("concordance", got.concordance, want["concordance"], rtol=CLOSED_FORM)
    case.agree("se", got.std_err, want["se"], rtol=CLOSED_FORM)
    case.agree("var", got.std_err**2, want["var"], rtol=CLOSED_FORM)
    count = want["count"]
    if "m" in count:  # by stratum
        count = dict(zip(count["cols"], np.sum(count["m"], axis=0), strict=True))
    for name, ours in (
        ("concordant", got.concordant),
        ("discordant", got.discordant),
        ("tied.x", got.tied_score),
        ("tied.y", got.tied_time),
        ("tied.xy", got.tied_both),
    ):
        case.agree(f"count of {name}", ours, count[name], rtol=CLOSED_FORM)
    case.agree("n", len(got.influence), want["n"])


@against("d_concordance_turnover", *OPTIONS, estimator="concordance")
def given_score(case: Case) -> None:
    data = case.data()
    options: dict[str, Any] = {
        name: data[value].to_numpy() if isinstance(value, str) and value in data else value
        for name, value in OPTIONS[case.name].items()
    }
    got = concordance(data["score"], data["stag"], data["event"] == 1, **options)
    agree_with_concordance(case, got, case.out)
