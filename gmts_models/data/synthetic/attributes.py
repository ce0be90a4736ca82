"""The attributes of synthetic trainees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.synthetic import assumptions as assumed
from gmts_models.outcome import Bools, Floats

Labels = npt.NDArray[np.object_]


def draw_attributes(rng: np.random.Generator, specialism: Labels) -> pd.DataFrame:
    """Return (n, q) attributes as they are: those of the contract, without gaps."""
    n = len(specialism)
    region = np.where(
        np.isin(specialism, assumed.TWO_REGION_SPECIALISMS),
        draw_labels(rng, {name: assumed.REGION[name] for name in assumed.TWO_REGIONS}, n),
        draw_labels(rng, assumed.REGION, n),
    )
    in_service = rng.random(n) < assumed.IN_SERVICE
    prior_nhs = in_service | (rng.random(n) < assumed.PRIOR_NHS)
    return pd.DataFrame(
        {
            "age_at_start": _draw_ages(rng, prior_nhs, in_service),
            "gender": draw_labels(rng, assumed.GENDER, n),
            "ethnicity": np.where(
                region == "London",
                draw_labels(rng, assumed.LONDON_ETHNICITY, n),
                draw_labels(rng, assumed.ETHNICITY, n),
            ),
            "disability": pd.array(rng.random(n) < assumed.DISABILITY, dtype="boolean"),
            "degree_subject": np.where(
                specialism == "Health Analysis",
                draw_labels(rng, assumed.NUMERATE_SUBJECT, n),
                draw_labels(rng, assumed.DEGREE_SUBJECT, n),
            ),
            "degree_class": draw_labels(rng, assumed.DEGREE_CLASS, n),
            "entry_route": draw_labels(rng, assumed.ENTRY_ROUTE, n),
            "region": region,
            "prior_nhs": pd.array(prior_nhs, dtype="boolean"),
            "in_service": pd.array(in_service, dtype="boolean"),
            "commute_minutes": draw_commutes(rng, n),
            "joining_survey": np.clip(
                np.round(rng.normal(assumed.SURVEY_MEAN, assumed.SURVEY_SD, n)), 0, 10
            ),
        }
    )


def draw_labels(rng: np.random.Generator, shares: assumed.Shares, n: int) -> Labels:
    """Return (n,) labels drawn with these shares, which need not add up to 1."""
    weights = np.array(list(shares.values()))
    return rng.choice(np.array(list(shares), dtype=object), n, p=weights / weights.sum())


def _draw_ages(rng: np.random.Generator, prior_nhs: Bools, in_service: Bools) -> Floats:
    n = len(prior_nhs)
    ages = assumed.YOUNGEST + rng.gamma(*assumed.AGE_GAMMA, n)
    ages += prior_nhs * rng.gamma(*assumed.PRIOR_NHS_AGE_GAMMA, n)
    ages += in_service * rng.gamma(*assumed.IN_SERVICE_AGE_GAMMA, n)
    return np.asarray(np.minimum(np.floor(ages), assumed.OLDEST), dtype=float)


def draw_commutes(rng: np.random.Generator, n: int) -> Floats:
    """Return (n,) minutes, one way."""
    minutes = assumed.COMMUTE_MEDIAN * np.exp(rng.normal(0, assumed.COMMUTE_LOG_SD, n))
    return np.asarray(np.round(np.clip(minutes, *assumed.COMMUTE_RANGE)), dtype=float)
