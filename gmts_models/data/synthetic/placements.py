"""Synthetic placements: where a trainee spends the time on the scheme.

A placement ends the day before the next begins, the last one the day before the scheme ends. Who
withdraws from the scheme or leaves the NHS has that day as the last of the placement: neither is
known before the other. An end that nobody has seen yet is missing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.data.contract.tables import PLACEMENT_TYPES, PLACEMENTS
from gmts_models.data.months import Days, add_months
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.attributes import draw_commutes
from gmts_models.data.synthetic.lives import DAY, NAT, Lives
from gmts_models.data.synthetic.organisations import (
    N_ORGANISATIONS,
    another,
    manager_codes,
    organisation_codes,
    organisation_types,
    region_numbers,
)
from gmts_models.outcome import Ints


def draw_hosts(rng: np.random.Generator, lives: Lives) -> Ints:
    """Return (n, 4) numbers of the organisations of the four placements.

    Orientation is at the first host; the second is another one; flexi may be anywhere.
    """
    first = rng.integers(0, N_ORGANISATIONS, len(lives))
    flexi = rng.integers(0, N_ORGANISATIONS, len(lives))
    return np.column_stack([first, first, flexi, another(rng, first)])


def draw_placements(rng: np.random.Generator, lives: Lives, hosts: Ints) -> pd.DataFrame:
    """Return the table of placements.

    Parameters
    ----------
    lives : n people.
    hosts : (n, 4) from `draw_hosts`.
    """
    n = len(lives)
    begin, planned = _planned(lives)
    stops = np.minimum(lives.left, lives.withdrew)[:, None]
    end = np.minimum(planned, stops)
    seen = lives.dated(begin, lives.off_scheme)
    operational = rng.random(n) < 0.5
    strategic_flexi = rng.random(n) < 0.5
    focus = np.full((n, 4), None, dtype=object)
    for column, first in ((1, operational), (2, ~strategic_flexi), (3, ~operational)):
        focus[:, column] = np.where(first, "operational", "strategic")
    commute = lives.attributes["commute_minutes"].to_numpy()
    commutes = np.column_stack([commute, commute, draw_commutes(rng, n), draw_commutes(rng, n)])
    manager = rng.integers(0, assumed.MANAGERS, (n, 4))
    manager[:, 0] = manager[:, 1]
    person, which = np.nonzero(seen)
    region = region_numbers(lives.attributes["region"].to_numpy(object))[person]
    host, last = hosts[seen], end[seen]
    frame = pd.DataFrame(
        {
            "trainee_id": lives.trainee_id[person],
            "start_date": begin[seen].astype("datetime64[ns]"),
            "end_date": np.where(last <= lives.seen[person], last, NAT).astype("datetime64[ns]"),
            "placement_type": np.array(PLACEMENT_TYPES, dtype=object)[which],
            "organisation": organisation_codes(region, host),
            "organisation_type": organisation_types(host),
            "region": lives.attributes["region"].to_numpy(object)[person],
            "focus": focus[seen],
            "manager": manager_codes(region, host, manager[seen]),
            "commute_minutes": commutes[seen],
        }
    )
    return frame[[column.name for column in PLACEMENTS.columns]]


def _planned(lives: Lives) -> tuple[Days, Days]:
    """Return (n, 4) first and last days of the four placements, as planned."""
    start = lives.roster.start
    begin = np.column_stack(
        [
            start,
            start + assumed.ORIENTATION_DAYS * DAY,
            add_months(start, assumed.FLEXI_START),
            add_months(start, assumed.FLEXI_START + assumed.FLEXI_MONTHS),
        ]
    )
    following: Days = np.column_stack([begin[:, 1:], lives.scheme_end])
    return begin, following - DAY
