"""What the posts of a trainee tell: band, hours, time in the post, moves between employers.

Posts begun on or after the first day on the scheme count; those begun before it are
`earlier_nhs_posts` and nothing else, even if they go on. "The latest post" is the one that goes
on; of several, or where none goes on, the one that began last (``posts.py``).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.tables import ROLES
from gmts_models.data.months import months_between, to_days
from gmts_models.features.attribute import Attribute
from gmts_models.features.built_in.posts import (
    began,
    changes,
    goes_on,
    label,
    latest,
    number,
    posts,
)
from gmts_models.features.known import Known
from gmts_models.outcome import Floats

_TABLE = ROLES.name


def _found(known: Known) -> pd.DataFrame:
    return posts(known, _TABLE, since_start=True)


def _band(known: Known) -> pd.Series[Any]:
    found = _found(known)
    return label(found, "band", latest(found, len(known)))


def _fte(known: Known) -> Floats:
    found = _found(known)
    return number(found, "fte", latest(found, len(known)))


def _part_time(known: Known) -> Floats:
    fte = _fte(known)
    return np.where(np.isnan(fte), np.nan, fte < 1)


def _months_in(known: Known) -> Floats:
    found = _found(known)
    going = found[goes_on(found)].reset_index(drop=True)
    return months_between(began(going, latest(going, len(known))), known.on)


def _employer_changes(known: Known) -> Floats:
    return changes(known, _TABLE, _found(known), "organisation")


def _earlier(known: Known) -> Floats:
    found, start = known.records(_TABLE), known.start
    row = found["row"].to_numpy(np.int64)
    earlier = to_days(found["start_date"]) < start[row]
    count = np.bincount(row[earlier], minlength=len(known)).astype(float)
    # Nobody's posts of that time may be recorded.
    recorded = known.first_record(_TABLE) < start
    return np.where(recorded, count, np.nan)


_of_latest = partial(Attribute, optional=(f"{_TABLE}.end_date",))

ATTRIBUTES: tuple[Attribute, ...] = (
    _of_latest(
        name="role_band",
        kind="category",
        meaning="pay band of the latest post since the start",
        sources=("start_date", f"{_TABLE}.band"),
        derive=_band,
    ),
    _of_latest(
        name="role_fte",
        kind="number",
        meaning="contracted hours of the latest post since the start",
        unit="full-time equivalents",
        sources=("start_date", f"{_TABLE}.fte"),
        derive=_fte,
    ),
    _of_latest(
        name="part_time",
        kind="number",
        meaning="the latest post since the start is part-time; 1 = yes",
        sources=("start_date", f"{_TABLE}.fte"),
        derive=_part_time,
    ),
    _of_latest(
        name="months_in_role",
        kind="number",
        meaning="time since the current post began; missing between posts",
        unit="months",
        sources=("start_date", f"{_TABLE}.start_date"),
        derive=_months_in,
        moves=True,
    ),
    Attribute(
        name="employer_changes",
        kind="number",
        meaning="posts since the start at another organisation than the one before",
        unit="changes",
        sources=("start_date", f"{_TABLE}.organisation"),
        derive=_employer_changes,
    ),
    Attribute(
        name="earlier_nhs_posts",
        kind="number",
        meaning="NHS posts begun before the start",
        unit="posts",
        sources=("start_date", f"{_TABLE}.start_date"),
        derive=_earlier,
    ),
)

ON_REQUEST = ("part_time", "earlier_nhs_posts")
"""They are told by the hours, and nearly by `prior_nhs`."""
