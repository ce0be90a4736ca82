"""Sixty made-up people and their surveys in whole months, as R was given them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.months import add_months
from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known

DATA = Path(__file__).parents[1] / "reference" / "data"
START = np.datetime64("2015-01-01")


def _on(months: pd.Series) -> pd.Series:
    start = np.full(len(months), START, dtype="datetime64[D]")
    return pd.Series(pd.to_datetime(add_months(start, months.to_numpy())))


def stays() -> People:
    """Everyone starts on one day, so that R's months are ours."""
    given = pd.read_csv(DATA / "stays.csv")
    ends = _on(given["months"])
    trainees = pd.DataFrame(
        {
            "trainee_id": given["id"].astype(str),
            "specialism": "one",
            "start_date": pd.Timestamp(START),
            "leave_nhs_date": ends.where(given["left"] == 1),
            "last_seen_date": ends,
            "joining_survey": given["joining"].astype(float),
        }
    )
    given = pd.read_csv(DATA / "stays_surveys.csv")
    surveys = pd.DataFrame(
        {
            "trainee_id": given["id"].astype(str),
            "date": _on(given["month"]),
            "morale": given["morale"].astype(float),
        }
    )
    census = pd.Timestamp("2019-06-01")
    return People(trainees=trainees, tables={"surveys": surveys}, census_date=census, scheme="any")


def _count(known: Known) -> Any:
    return known.records("surveys").groupby("row").size().reindex(range(len(known)), fill_value=0)


def _last(known: Known) -> Any:
    found = known.records("surveys").groupby("row")["morale"].last()
    return found.reindex(range(len(known))).fillna(5.0)


SURVEYS = Attribute(
    name="surveys", kind="number", meaning="so far", sources=("surveys.morale",), derive=_count
)
MORALE = Attribute(
    name="morale", kind="number", meaning="the last", sources=("surveys.morale",), derive=_last
)
