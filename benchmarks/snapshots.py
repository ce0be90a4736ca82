"""Staff-in-post extracts of simulated people, and two readings of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.simulate import CENSUS, Data
from gmts_models.data.snapshots import from_snapshots

MONTHS = int(CENSUS)
FIRST = np.datetime64("2015-01", "M")
Run = Callable[[], Sequence[float]]


def staff_in_post(d: Data) -> pd.DataFrame:
    """Return a row for each person and month in post, in no order; one row in a hundred is lost.

    Half of the people start before the first extract.
    """
    n = len(d.time)
    rng = np.random.default_rng(n)
    start = rng.integers(-MONTHS // 2, MONTHS // 2, n)
    begin, end = np.maximum(start, 0), np.minimum(start + 2 * d.time.astype(int) + 12, MONTHS)
    months = np.maximum(end - begin, 0)
    who = np.repeat(np.arange(n), months)
    when = begin[who] + np.arange(len(who)) - np.repeat(np.cumsum(months) - months, months)
    order = rng.permutation(np.flatnonzero(rng.random(len(who)) < 0.99))
    who, when = who[order], when[order]

    def labels(text: str, count: int, codes: np.ndarray) -> np.ndarray:
        return np.array([f"{text}{i}" for i in range(count)], dtype=object)[codes % count]

    return pd.DataFrame(
        {
            "trainee_id": labels("E", n, who),
            "snapshot_date": (FIRST + when).astype("datetime64[D]"),
            "start_date": (FIRST + start[who]).astype("datetime64[D]"),
            "specialism": labels("Stream ", 6, who),
            "organisation": labels("Trust ", 200, who * 7 + when // 13),
            "region": labels("Region ", 7, who),
            "band": labels("Band ", 4, when // 20),
            "fte": np.where((who + when // 24) % 5 == 0, 0.8, 1.0),
            "gender": labels("", 2, who),
        }
    )


def snapshots(d: Data) -> Run:
    frame = staff_in_post(d)

    def run() -> Sequence[float]:
        people = from_snapshots(frame, scheme="any").valid
        left = people.trainees["leave_nhs_date"].notna().sum()
        return [len(people), left, *map(len, people.tables.values())]

    return run


def groupby(d: Data) -> Run:
    """First and last date of each person: no absences, no late entry, no roles."""
    frame = staff_in_post(d)

    def run() -> Sequence[float]:
        seen = frame.groupby("trainee_id", sort=False).agg(
            start=("start_date", "first"),
            specialism=("specialism", "first"),
            first=("snapshot_date", "min"),
            last=("snapshot_date", "max"),
        )
        return [len(seen), (seen["last"] < frame["snapshot_date"].max()).sum()]

    return run
