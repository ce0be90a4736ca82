"""People around a prediction date, drawn by Hypothesis, and the same people with another future.

Hypothesis draws how many there are, the kind of prediction date, and the seed of the rest: many
people and records at once cost an attribute no more than few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.months import add_months
from gmts_models.data.people import People
from gmts_models.features.known import Known, known_on

DAY = np.timedelta64(1, "D")
NAT = np.datetime64("NaT", "D")

NEAR = np.array([0, 0, 0, -1, -1, 1, 1, -2, 2, -31, 40, -200, -366, -800, 400])
"""Days from the day on which the future begins; ties with it are the most likely."""
AHEAD = np.array([0, 0, 1, 2, 40, 400])

OWN = {
    "reason": Column(name="reason", kind="category", meaning="", known="leave_scheme_date"),
    "motto": Column(name="motto", kind="category", meaning="", known="start"),
}
OWN_OF_TABLES = {
    "placements": {"verdict": Column(name="verdict", kind="number", meaning="", known="end_date")},
    "surveys": {"belonging": Column(name="belonging", kind="number", meaning="", known="date")},
    "labour_market": {"hiring": Column(name="hiring", kind="number", meaning="", known="date")},
}

Random = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Case:
    """People, and what else may come of them, which nobody can know yet.

    Attributes
    ----------
    people, other : alike in what is dated before `cut`, and free from then on.
    rows, other_rows : (n,) the same people in both.
    on : (n,) their prediction dates, none of which lets a fact of `cut` or later be known.
    lag_days : of the attributes.
    """

    people: People
    other: People
    rows: Any
    other_rows: Any
    on: Any
    lag_days: int

    def known(self) -> tuple[Known, Known]:
        """Return what is known of the rows in either future."""
        return known_on(self.people, self.rows, self.on), known_on(
            self.other, self.other_rows, self.on
        )


def _fill(rng: Random, columns: Sequence[Column], n: int) -> pd.DataFrame:
    """Draw all columns but ids and dates; a fifth is missing."""
    made: dict[str, Any] = {}
    for column in columns:
        missing = rng.random(n) < 0.2
        if column.kind == "category":
            labels = (column.allowed or ("x", "y", "z"))[:3]
            drawn = rng.choice(np.array(labels, dtype=object), n)
            made[column.name] = np.where(missing & (not column.required), None, drawn)
        elif column.kind == "flag":
            drawn = pd.Series(rng.random(n) < 0.5, dtype="boolean")
            made[column.name] = drawn.mask(missing)
        elif column.kind == "number":
            least = column.least or 0
            drawn = least + rng.integers(1, 5, n) * ((column.most or 10) - least) / 5
            made[column.name] = np.where(missing, np.nan, drawn)
    return pd.DataFrame(made, index=range(n))


def _dates(days: Any) -> pd.Series:
    return pd.Series(np.asarray(days, dtype="datetime64[D]").astype("datetime64[ns]"))


def _near(rng: Random, cut: Any, n: int, least: Any) -> Any:
    """Draw days around the cut, not before `least`; some are missing."""
    days = cut + rng.choice(NEAR, n) * DAY
    return np.where(rng.random(n) < 0.3, NAT, np.maximum(days, least))


def _trainees(rng: Random, start: Any, cut: Any, first: int) -> pd.DataFrame:
    n = len(start)
    columns = [each for each in TRAINEES if each.name not in ("destination", "event", "cohort")]
    frame = _fill(rng, [*columns, *OWN.values()], n)
    frame.insert(0, "trainee_id", [f"t{first + i}" for i in range(n)])
    frame["cohort"] = rng.choice(np.array(["2019-03", "2019-09"], dtype=object), n)
    frame["start_date"] = _dates(start)
    end = add_months(start, rng.choice([24, 30], n))
    frame["scheme_end_date"] = _dates(np.where(rng.random(n) < 0.1, NAT, end))
    left = _near(rng, cut, n, start)
    withdrew = np.fmin(np.fmin(_near(rng, cut, n, start), left), end)
    frame["leave_nhs_date"] = _dates(left)
    frame["leave_scheme_date"] = _dates(np.where(rng.random(n) < 0.5, NAT, withdrew))
    return _ends(rng, frame)


def _ends(rng: Random, frame: pd.DataFrame) -> pd.DataFrame:
    """Draw what is never known to a feature."""
    n = len(frame)
    return frame.assign(
        destination=rng.choice(np.array(["other", None], dtype=object), n),
        last_seen_date=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
        first_seen_date=pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
    )


def _records(
    rng: Random, table: str, owners: Sequence[str], offsets: Any, cut: Any
) -> pd.DataFrame:
    """Draw records, so many days from the cut."""
    contract, n = TABLES[table], len(offsets)
    own = OWN_OF_TABLES.get(table, {})
    frame = _fill(rng, [*contract.columns, *own.values()], n)
    day = cut + offsets * DAY
    frame.insert(0, contract.date, _dates(day))
    if contract.personal:
        frame.insert(0, "trainee_id", rng.choice(np.array(owners, dtype=object), n))
    if contract.end:
        last = day + rng.choice([0, 1, 25, 180], n) * DAY
        frame[contract.end] = _dates(np.where(rng.random(n) < 0.5, last, _near(rng, cut, n, day)))
    return frame


def _spread(rng: Random, size: int) -> Any:
    """Draw days from the cut; a quarter of the tables begin around it."""
    return rng.choice(NEAR[NEAR >= -1] if rng.random() < 0.25 else NEAR, size)


def _settled(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the first of records that the contract holds for a conflict."""
    return frame.drop_duplicates(list(TABLES[table].unique)).reset_index(drop=True)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw people, prediction dates of every kind, and another future."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, size = draw(st.integers(1, 40)), draw(st.integers(0, 120))
    first = np.datetime64(draw(st.sampled_from(["2019-09-02", "2019-08-31", "2020-02-29"])))
    start = first + np.append(0, rng.choice(NEAR, n - 1)) * DAY
    end = add_months(start, 24)
    kind = draw(st.sampled_from(["start", "12 months", "day", "scheme end"]))
    on = {
        "start": start,
        "12 months": add_months(start, 12),
        "day": np.full(len(start), first + rng.choice(NEAR) * DAY),
        "scheme end": end,
    }[kind]
    lag_days = draw(st.sampled_from([0, 0, 0, 1, 30]))
    cut = on[0] - lag_days * DAY
    trainees = _trainees(rng, start, cut, 0)
    if kind == "scheme end":
        trainees["scheme_end_date"] = _dates(end)
    ids = trainees["trainee_id"].tolist()
    tables = {
        name: _settled(name, _records(rng, name, ids, _spread(rng, size), cut)) for name in TABLES
    }
    people = People(
        trainees=trainees,
        attributes=OWN,
        tables=tables,
        table_attributes=OWN_OF_TABLES,
        census_date=pd.Timestamp("2024-01-01"),
    )
    other = _another_future(rng, people, cut, size)
    rows = np.tile(np.arange(len(start)), 2)
    on = np.append(on, np.full(len(start), on[0]))
    place = pd.Index(other.trainees["trainee_id"]).get_indexer(trainees["trainee_id"])[rows]
    kept = (on <= on[0]) & (place >= 0)
    return Case(
        people=people,
        other=other,
        rows=rows[kept],
        other_rows=place[kept],
        on=on[kept],
        lag_days=lag_days,
    )


def _another_future(rng: Random, people: People, cut: Any, size: int) -> People:
    """Draw anew whatever is dated on the cut or later."""
    old, n = people.trainees, len(people.trainees)
    started = old["start_date"].to_numpy("datetime64[D]") <= cut
    # Those who start later are other people, or none; and there may be more of them.
    later = _trainees(rng, cut + rng.integers(1, 400, n) * DAY, cut, 0)
    same = _ends(rng, old)
    for name in ("leave_scheme_date", "leave_nhs_date"):
        same = _later(rng, same, name, cut)
    there = same["leave_scheme_date"] < pd.Timestamp(cut)
    same["reason"] = same["reason"].where(there, later["reason"])
    trainees = same.where(pd.Series(started), later)
    more = _trainees(rng, cut + rng.integers(1, 50, rng.integers(4)) * DAY, cut, n)
    trainees = pd.concat([trainees, more], ignore_index=True).astype(old.dtypes)
    tables = {}
    for name, frame in people.tables.items():
        past = frame[frame[TABLES[name].date] < pd.Timestamp(cut)].reset_index(drop=True)
        if TABLES[name].end:
            past = _later(rng, past, "end_date", cut)
        if name == "placements":
            ended = past["end_date"] < pd.Timestamp(cut)
            past["verdict"] = past["verdict"].where(ended, rng.random())
        ids = trainees["trainee_id"].tolist()
        future = _records(rng, name, ids, rng.choice(AHEAD, rng.integers(size + 1)), cut)
        tables[name] = _settled(name, pd.concat([past, future]).astype(frame.dtypes))
    with_past = pd.concat(
        [frame["trainee_id"] for name, frame in tables.items() if TABLES[name].personal]
    )
    gone = ~trainees["trainee_id"].isin(with_past) & (rng.random(len(trainees)) < 0.5)
    gone[:n] &= ~started
    return replace(people, trainees=trainees[~gone].reset_index(drop=True), tables=tables)


def _later(rng: Random, frame: pd.DataFrame, name: str, cut: Any) -> pd.DataFrame:
    """Draw a date anew where it is not before the cut."""
    n = len(frame)
    fresh = np.where(rng.random(n) < 0.4, NAT, cut + rng.choice([0, 0, 1, 50], n) * DAY)
    ahead = ~(frame[name] < pd.Timestamp(cut))
    return frame.assign(**{name: frame[name].mask(ahead, _dates(fresh))})
