"""What is known of a trainee at the start: the specialism, the intake, where they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME
from gmts_models.features.attribute import Attribute, from_column
from gmts_models.features.known import Known

AGE_BANDS = (
    (0, 22, "under 22"),
    (22, 25, "22 to 24"),
    (25, 30, "25 to 29"),
    (30, 200, "30 and over"),
)


def _cohort_year(known: Known) -> pd.Series[Any]:
    cohort = known.trainee("cohort").astype("string")
    return cohort.str.extract(r"^(\d{4})", expand=False).astype(float)


def _age_band(known: Known) -> pd.Series[Any]:
    age = known.trainee("age_at_start").to_numpy(float)
    band = np.full(len(age), None, dtype=object)
    for least, below, label in AGE_BANDS:
        band[(age >= least) & (age < below)] = label
    return pd.Series(band)


ATTRIBUTES: tuple[Attribute, ...] = (
    from_column(BY_NAME["specialism"]),
    Attribute(
        name="cohort_year",
        kind="number",
        meaning="calendar year of the intake",
        unit="year",
        sources=("cohort",),
        derive=_cohort_year,
    ),
    Attribute(
        name="age_band",
        kind="category",
        meaning="age on the start date, in bands",
        sources=("age_at_start",),
        protected=True,
        derive=_age_band,
    ),
    *(
        from_column(BY_NAME[name])
        for name in (
            "degree_subject",
            "degree_class",
            "entry_route",
            "region",
            "prior_nhs",
            "in_service",
            "commute_minutes",
            "joining_survey",
        )
    ),
)
"""Age is a protected characteristic and the only one among them; name the features yourself to
leave it out."""
