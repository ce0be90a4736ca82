"""Synthetic posts: after the scheme, of those who stay, and before it, of those who came from one.

The first post begins on the day the scheme ends, or the day after a withdrawal. A post ends the
day before the next begins, or on the day of leaving the NHS; an end nobody has seen is missing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import REGIONS
from gmts_models.data.contract.tables import ROLES
from gmts_models.data.months import Days, add_months
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.attributes import Labels, draw_labels
from gmts_models.data.synthetic.lives import DAY, FAR, NAT, Lives
from gmts_models.data.synthetic.organisations import (
    N_ORGANISATIONS,
    another,
    organisation_codes,
    organisation_types,
    region_names,
    region_numbers,
)
from gmts_models.outcome import Bools, Ints


def draw_roles(rng: np.random.Generator, lives: Lives, hosts: Ints) -> pd.DataFrame:
    """Return the table of posts, by trainee and date.

    Parameters
    ----------
    lives : n people.
    hosts : (n, 4) numbers of the placements' organisations.
    """
    frame = pd.concat([_draw_earlier(rng, lives), _draw_later(rng, lives, hosts)])
    order = np.lexsort((frame["start_date"].to_numpy(), frame["person"].to_numpy()))
    frame = frame.iloc[order].reset_index(drop=True)
    frame["trainee_id"] = lives.trainee_id[frame["person"].to_numpy()]
    region, number = frame["region"].to_numpy(), frame["number"].to_numpy()
    frame["organisation"] = organisation_codes(region, number)
    frame["organisation_type"] = organisation_types(number)
    frame["region"] = region_names(region)
    return frame[[column.name for column in ROLES.columns]]


def _draw_earlier(rng: np.random.Generator, lives: Lives) -> pd.DataFrame:
    """Return one earlier post of each who has worked in the NHS before."""
    n, start = len(lives), lives.roster.start
    in_service = lives.attributes["in_service"].to_numpy(bool)
    gap = np.where(in_service, 0, rng.integers(*assumed.EARLIER_GAP, n, endpoint=True))
    length = rng.integers(*assumed.EARLIER_MONTHS, n, endpoint=True)
    grown_up = 12 * (lives.attributes["age_at_start"].to_numpy(np.int64) - assumed.EARLIER_AGE)
    gap = np.minimum(gap, grown_up - assumed.EARLIER_MONTHS[0])
    length = np.minimum(length, grown_up - gap)
    frame = pd.DataFrame(
        {
            "person": np.arange(n),
            "start_date": add_months(start, -gap - length).astype("datetime64[ns]"),
            "end_date": (add_months(start, -gap) - DAY).astype("datetime64[ns]"),
            "role": draw_labels(rng, assumed.EARLIER_ROLE, n),
            "band": draw_labels(rng, assumed.EARLIER_BAND, n),
            "region": region_numbers(lives.attributes["region"].to_numpy(object)),
            "number": rng.integers(0, N_ORGANISATIONS, n),
            "fte": draw_labels(rng, assumed.FTE, n).astype(float),
        }
    )
    return frame[lives.attributes["prior_nhs"].to_numpy(bool)]


def _draw_later(rng: np.random.Generator, lives: Lives, hosts: Ints) -> pd.DataFrame:
    withdrew = lives.withdrew < lives.left
    first = np.where(withdrew, lives.withdrew + DAY, lives.scheme_end)
    begin = _draw_moves(rng, first)
    following = np.column_stack([begin[:, 1:], np.full(len(lives), FAR)])
    gone = lives.left[:, None]
    end = np.where(following < gone, following - DAY, gone)
    seen = lives.dated(begin, lives.left)
    band = _draw_bands(rng, begin.shape, withdrew)
    region, number = _draw_places(rng, lives, hosts)
    person = np.nonzero(seen)[0]
    fte = draw_labels(rng, assumed.FTE, begin.size).reshape(begin.shape)[seen].astype(float)
    last = end[seen]
    return pd.DataFrame(
        {
            "person": person,
            "start_date": begin[seen].astype("datetime64[ns]"),
            "end_date": np.where(last <= lives.seen[person], last, NAT).astype("datetime64[ns]"),
            "role": _role_names(lives.roster.specialism[person], band[seen]),
            "band": np.array(assumed.BANDS, dtype=object)[band[seen]],
            "region": region[seen],
            "number": number[seen],
            "fte": fte,
        }
    )


def _draw_moves(rng: np.random.Generator, first: Days) -> Days:
    """Return (n, k) first days of posts, whole months apart."""
    shape = (len(first), assumed.ROLES - 1)
    months = assumed.ROLE_LEAST_MONTHS + np.floor(rng.exponential(assumed.ROLE_MORE_MONTHS, shape))
    since = np.column_stack([np.zeros(len(first)), np.cumsum(months, axis=1)]).astype(np.int64)
    repeated = np.repeat(first, assumed.ROLES)
    return add_months(repeated, since.ravel()).reshape(since.shape)


def _draw_bands(rng: np.random.Generator, shape: tuple[int, ...], withdrew: Bools) -> Ints:
    """Return (n, k) positions in the bands; a move may be a promotion."""
    n = shape[0]
    label = np.where(
        withdrew,
        draw_labels(rng, assumed.WITHDRAWN_BAND, n),
        draw_labels(rng, assumed.FIRST_BAND, n),
    )
    first = pd.Index(assumed.BANDS).get_indexer(pd.Index(label))
    promoted = np.cumsum(rng.random((n, shape[1] - 1)) < assumed.PROMOTED, axis=1)
    steps = np.column_stack([np.zeros(n, dtype=np.int64), promoted])
    return np.asarray(np.minimum(first[:, None] + steps, len(assumed.BANDS) - 1))


def _draw_places(rng: np.random.Generator, lives: Lives, hosts: Ints) -> tuple[Ints, Ints]:
    """Return (n, k) regions and numbers of the organisations of posts."""
    n = len(lives)
    region = region_numbers(lives.attributes["region"].to_numpy(object))
    number = hosts[:, -1]
    regions, numbers = [], []
    for post in range(assumed.ROLES):
        staying = 1 - assumed.NEW_ORGANISATION if post else assumed.STAYS_WITH_HOST
        stays = rng.random(n) < staying
        moves = ~stays & (rng.random(n) < assumed.NEW_REGION)
        shift = rng.integers(1, len(REGIONS), n)
        region = np.where(moves, (region + shift) % len(REGIONS), region)
        number = np.where(stays, number, another(rng, number))
        regions.append(region)
        numbers.append(number)
    return np.column_stack(regions), np.column_stack(numbers)


def _role_names(specialism: Labels, band: Ints) -> Labels:
    names, codes = np.unique(specialism.astype(str), return_inverse=True)
    junior = np.array([assumed.ROLE[name] for name in names], dtype=object)[codes]
    senior = np.array([f"senior {assumed.ROLE[name]}" for name in names], dtype=object)[codes]
    return np.where(band >= assumed.BANDS.index(assumed.SENIOR_BAND), senior, junior)
