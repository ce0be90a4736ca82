"""Time since the start, and where a trainee stands on the scheme.

On the day on which the scheme ends a trainee has completed it. The end is a plan, known at the
start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.months import months_between, to_days
from gmts_models.features.attribute import Attribute
from gmts_models.features.built_in.posts import label, latest, posts
from gmts_models.features.known import Known
from gmts_models.outcome import Bools, Floats

_MONTHS_AFTER = 6  # contracts end with the scheme, so the months right after it are a phase
_PLACEMENT = {"first": "first placement", "second": "second placement"}


def _months(known: Known) -> Floats:
    return known.months


def _months_to_end(known: Known) -> Floats:
    return months_between(known.on, known.trainee("scheme_end_date"))


def _has_withdrawn(known: Known) -> Bools:
    """Return (n,) bool: who left before the end; who left on its day has completed."""
    day = to_days(known.trainee("leave_scheme_date"))
    withdrew = ~np.isnat(day)
    if known.has("scheme_end_date"):
        withdrew &= ~(day >= to_days(known.trainee("scheme_end_date")))
    return withdrew


def _withdrew(known: Known) -> Floats:
    return np.where(np.isnat(known.start), np.nan, _has_withdrawn(known))


def _phase(known: Known) -> pd.Series[Any]:
    ahead = _months_to_end(known)
    on_scheme = pd.Series("on the scheme", range(len(known)), dtype=object)
    if known.has("placements.placement_type"):
        found = posts(known, "placements")
        kind = label(found, "placement_type", latest(found, len(known)))
        kind = kind.map(lambda each: _PLACEMENT.get(each, each), na_action="ignore")
        on_scheme = kind.where(kind.notna(), on_scheme)
    phase = on_scheme.where(ahead > 0, None)
    phase[ahead <= 0] = f"0 to {_MONTHS_AFTER} months after the scheme"
    phase[ahead <= -_MONTHS_AFTER] = "later"
    if known.has("leave_scheme_date"):
        phase[_has_withdrawn(known)] = "withdrew"
    return phase


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        name="tenure_months",
        kind="number",
        meaning="time since the start",
        unit="months",
        sources=("start_date",),
        derive=_months,
        moves=True,
    ),
    Attribute(
        name="scheme_phase",
        kind="category",
        meaning="type of the latest placement while on the scheme, where it is known, else "
        '"on the scheme"; after it "0 to 6 months after the scheme" and "later"; of those who '
        'left before its end "withdrew"',
        sources=("scheme_end_date",),
        optional=("placements.placement_type", "placements.end_date", "leave_scheme_date"),
        derive=_phase,
        moves=True,
    ),
    Attribute(
        name="months_to_scheme_end",
        kind="number",
        meaning="time until the scheme ends as planned; negative after it",
        unit="months",
        sources=("scheme_end_date",),
        derive=_months_to_end,
        moves=True,
    ),
    Attribute(
        name="withdrew",
        kind="number",
        meaning="left the scheme before its end; 1 = yes",
        sources=("start_date", "leave_scheme_date"),
        optional=("scheme_end_date",),
        derive=_withdrew,
    ),
)

ON_REQUEST = ("tenure_months", "months_to_scheme_end", "withdrew")
"""At one time since the start the first is the same for everyone, on one day it follows from the
cohort, and at the scheme's end from the specialism; so does the second. The third is a label of the
phase."""
