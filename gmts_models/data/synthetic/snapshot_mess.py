"""What real extracts hold besides one clean row a person: for teaching."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.data.months import add_months, to_days
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.attributes import draw_labels
from gmts_models.data.synthetic.organisations import (
    N_ORGANISATIONS,
    organisation_codes,
    organisation_types,
    region_numbers,
)
from gmts_models.outcome import Bools, Floats


def make_mess(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Return extracts with second posts, absences and missing start dates.

    Parameters
    ----------
    frame : rows of `simulate_snapshots`, those of a person together and in order.
    """
    code, ids = pd.factorize(frame["trainee_id"])
    # Of each person: three uniform numbers, when something begins, and how long it lasts.
    chance, when = rng.random((len(ids), 3)), rng.random((len(ids), 2))
    second_months = rng.integers(*assumed.SECOND_POST_MONTHS, len(ids), endpoint=True)
    absent_months = rng.integers(*assumed.ABSENT_MONTHS, len(ids), endpoint=True)
    second = (chance[:, 0] < assumed.SECOND_POST)[code]
    second &= _within(frame, code, when[:, 0], second_months)
    absent = (chance[:, 1] < assumed.ABSENT)[code]
    absent &= _within(frame, code, when[:, 1], absent_months)
    ends = np.diff(code, prepend=-1, append=-1) != 0
    absent &= ~(ends[:-1] | ends[1:])  # the first and the last row of a person stay
    extra = _second_posts(rng, frame[second])
    unknown = (chance[:, 2] < assumed.NEVER_START_DATE)[code]
    frame = pd.concat([frame.assign(_unknown=unknown)[~absent], extra.assign(_unknown=False)])
    frame = frame.reset_index(drop=True)
    unknown = frame.pop("_unknown").to_numpy(bool)
    unknown |= rng.random(len(frame)) < assumed.NO_START_DATE
    return frame.assign(start_date=frame["start_date"].mask(unknown))


def _within(frame: pd.DataFrame, code: np.ndarray, when: Floats, months: np.ndarray) -> Bools:
    """Tell which rows are in a stretch of some months, placed within each person's extracts."""
    on = to_days(frame["snapshot_date"])
    last = np.flatnonzero(np.diff(code, append=-1) != 0)
    first = np.append(0, last[:-1] + 1)
    span = (on[last] - on[first]).astype(np.int64)
    begin = on[first] + np.floor(when * span).astype("timedelta64[D]")
    end = add_months(begin, months)
    return np.asarray((on >= begin[code]) & (on < end[code]))


def _second_posts(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a second row for each of these, with fewer hours and elsewhere in the region."""
    code, ids = pd.factorize(frame["trainee_id"])
    number = rng.integers(0, N_ORGANISATIONS, len(ids))[code]
    hours = draw_labels(rng, assumed.SECOND_POST_FTE, len(ids))[code].astype(float)
    region = region_numbers(frame["region"].to_numpy(object))
    return frame.assign(
        organisation=organisation_codes(region, number),
        organisation_type=organisation_types(number),
        role="bank staff",
        fte=hours,
    )
