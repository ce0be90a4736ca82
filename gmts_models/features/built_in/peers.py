"""What happens around a trainee: how many others there are, and how many of them leave.

Oneself is never counted. "Peers" are the others of the same cohort and specialism.

What the counts mean: they are of the people on record. A peer counts from the start date on, also
where observation of them begins later (late entry), and whoever left before the records begin is
not in them: for years before the records, the counts are too small and nobody seems to leave. A
peer who is lost (last seen, not known to have left) counts as still there. A peer who left on the
prediction date is still there, as everyone is whose departure is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known
from gmts_models.outcome import Floats

PEERS = ("cohort", "specialism")
REGION = ("region",)
_MONTHS = 6


def _size(known: Known) -> Floats:
    return known.others_dated(PEERS, "start_date")


def _there(known: Known) -> Floats:
    return known.others_there(PEERS)


@dataclass(frozen=True, slots=True)
class _Left:
    """Count the others who left in the months before, or their share of those there in them."""

    by: tuple[str, ...]
    as_share: bool = False

    def __call__(self, known: Known) -> Floats:
        left = known.others_dated(self.by, "leave_nhs_date", within_months=_MONTHS)
        return _share(left, known.others_there(self.by) + left) if self.as_share else left


def _share_of_region(known: Known) -> Floats:
    own = known.others_there((*REGION, "specialism"))
    return _share(own, known.others_there(REGION))


def _share(part: Floats, whole: Floats) -> Floats:
    """Return (n,) part / whole; NaN where there is nobody."""
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


_DATES = ("start_date", "leave_nhs_date")

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        name="cohort_size",
        kind="number",
        meaning="others of the cohort and specialism who have started",
        unit="trainees",
        sources=(*PEERS, "start_date"),
        derive=_size,
    ),
    Attribute(
        name="peers_there",
        kind="number",
        meaning="others of the cohort and specialism who have started and not left the NHS",
        unit="trainees",
        sources=(*PEERS, *_DATES),
        derive=_there,
    ),
    Attribute(
        name="peers_left_6_months",
        kind="number",
        meaning="others of the cohort and specialism who left the NHS in the 6 months before",
        unit="trainees",
        sources=(*PEERS, *_DATES),
        derive=_Left(PEERS),
        moves=True,
    ),
    Attribute(
        name="peers_left_6_months_rate",
        kind="number",
        meaning="share of the others of the cohort and specialism, there at some time in the 6"
        " months before, who left the NHS in them",
        unit="share",
        sources=(*PEERS, *_DATES),
        derive=_Left(PEERS, as_share=True),
        moves=True,
    ),
    Attribute(
        name="specialism_share_of_region",
        kind="number",
        meaning="share of the own specialism among the others of the region who have started and"
        " not left the NHS",
        unit="share",
        sources=(*REGION, "specialism", *_DATES),
        derive=_share_of_region,
    ),
    Attribute(
        name="region_left_6_months",
        kind="number",
        meaning="others of the region who left the NHS in the 6 months before",
        unit="trainees",
        sources=(*REGION, *_DATES),
        derive=_Left(REGION),
        moves=True,
    ),
    Attribute(
        name="region_left_6_months_rate",
        kind="number",
        meaning="share of the others of the region, there at some time in the 6 months before, who"
        " left the NHS in them",
        unit="share",
        sources=(*REGION, *_DATES),
        derive=_Left(REGION, as_share=True),
        moves=True,
    ),
)
