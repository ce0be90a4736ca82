"""What the placements so far tell: how many, where, under whom, and what changed between them.

Attributes of "the latest placement" are of the one that goes on, or between placements of the last
one (``posts.py``). Counts are 0 for someone known to have had none, and missing where placements
may not be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.tables import PLACEMENTS
from gmts_models.data.months import months_between, to_days
from gmts_models.features.attribute import Attribute
from gmts_models.features.built_in.posts import (
    began,
    changes,
    counted,
    different,
    goes_on,
    label,
    latest,
    number,
    posts,
)
from gmts_models.features.known import Known
from gmts_models.outcome import Floats

_TABLE = PLACEMENTS.name
_DAY = np.timedelta64(1, "D")
_END = (f"{_TABLE}.end_date",)


# --------------------------------------------------------------- counts


def _so_far(known: Known) -> Floats:
    found = posts(known, _TABLE)
    return counted(known, _TABLE, found, found["row"].to_numpy(np.int64))


def _different(column: str, known: Known) -> Floats:
    return different(known, _TABLE, posts(known, _TABLE), column)


def _changes(column: str, known: Known) -> Floats:
    return changes(known, _TABLE, posts(known, _TABLE), column)


def _gap_months(known: Known) -> Floats:
    found = posts(known, _TABLE)
    row, start = found["row"].to_numpy(np.int64), to_days(found["start_date"])
    # The first day that none of the placements before covers; one that goes on covers all.
    free = np.where(goes_on(found), np.datetime64("9999-12-31", "D"), to_days(found["end_date"]))
    until = pd.Series(free.astype("datetime64[D]").astype(np.int64) + 1).groupby(row).cummax()
    begins = until.to_numpy(np.int64)[:-1].astype("datetime64[D]")
    gap = (row[1:] == row[:-1]) & (begins < start[1:])
    months = months_between(begins[gap], start[1:][gap])
    total = np.bincount(row[1:][gap], weights=months, minlength=len(known))
    return np.where(np.isnan(counted(known, _TABLE, found, row)), np.nan, total)


# -------------------------------------------------- the latest placement


def _months_in(known: Known) -> Floats:
    found = posts(known, _TABLE)
    going = found[goes_on(found)].reset_index(drop=True)
    return months_between(began(going, latest(going, len(known))), known.on)


def _label(column: str, known: Known) -> pd.Series[Any]:
    found = posts(known, _TABLE)
    return label(found, column, latest(found, len(known)))


def _commute(known: Known) -> Floats:
    found = posts(known, _TABLE)
    return number(found, "commute_minutes", latest(found, len(known)))


def _commute_change(known: Known) -> Floats:
    found = posts(known, _TABLE)
    told = np.flatnonzero(found["commute_minutes"].notna())
    first = np.full(len(known), -1, dtype=np.int64)
    first[found["row"].to_numpy()[told][::-1]] = told[::-1]  # the first of equal rows stays
    now = number(found, "commute_minutes", latest(found, len(known)))
    return np.subtract(now, number(found, "commute_minutes", first))


def _same_manager(known: Known) -> Floats:
    found = posts(known, _TABLE)
    now = latest(found, len(known))
    row = found["row"].to_numpy(np.int64)
    code = np.asarray(pd.factorize(found["manager"])[0], dtype=np.int64)
    of_latest = np.append(code, -1)[now]
    other = (code >= 0) & (np.arange(len(found)) != now[row])
    again = other & (code == of_latest[row])
    others = np.bincount(row[other], minlength=len(known))
    same = np.bincount(row[again], minlength=len(known)) > 0
    return np.where((others > 0) & (of_latest >= 0), same, np.nan)


def _operational_share(known: Known) -> Floats:
    found = posts(known, _TABLE)
    row = found["row"].to_numpy(np.int64)
    until = np.where(goes_on(found), known.on[row], to_days(found["end_date"]) + _DAY)
    days = (until - to_days(found["start_date"])).astype(float)
    told = np.asarray(found["focus"].notna(), dtype=bool)
    operational = np.asarray(found["focus"].isin(["operational"]), dtype=bool)
    total = np.bincount(row[told], weights=days[told], minlength=len(known))
    part = np.bincount(row[operational], weights=days[operational], minlength=len(known))
    share = np.full(len(known), np.nan)
    np.divide(part, total, out=share, where=total > 0)
    return share


# ------------------------------------------------------------ attributes


def _count(
    name: str, meaning: str, unit: str, column: str, derive: Callable[[Known], Any]
) -> Attribute:
    return Attribute(
        name=name,
        kind="number",
        meaning=meaning,
        unit=unit,
        sources=("start_date", f"{_TABLE}.{column}"),
        derive=derive,
    )


ATTRIBUTES: tuple[Attribute, ...] = (
    _count("placements_so_far", "placements begun so far", "placements", "start_date", _so_far),
    _count(
        "organisations_so_far",
        "different organisations of the placements so far",
        "organisations",
        "organisation",
        partial(_different, "organisation"),
    ),
    *(
        _count(
            f"{name}_changes",
            f"placements so far at another {what} than the one before",
            "changes",
            name,
            partial(_changes, name),
        )
        for name, what in (
            ("organisation", "organisation"),
            ("organisation_type", "type of organisation"),
        )
    ),
    _count(
        "region_changes",
        "placements so far in another region than the one before",
        "changes",
        "region",
        partial(_changes, "region"),
    ),
    _count(
        "gap_months",
        "time without a placement between the placements so far",
        "months",
        "end_date",
        _gap_months,
    ),
    Attribute(
        name="months_in_placement",
        kind="number",
        meaning="time since the current placement began; missing between placements",
        unit="months",
        sources=(f"{_TABLE}.start_date",),
        optional=_END,
        derive=_months_in,
        moves=True,
    ),
    *(
        Attribute(
            name=f"placement_{column}",
            kind="category",
            meaning=f"{PLACEMENTS.by_name[column].meaning}, of the latest placement",
            sources=(f"{_TABLE}.{column}",),
            optional=_END,
            derive=partial(_label, column),
        )
        for column in ("organisation_type", "region")
    ),
    Attribute(
        name="operational_share",
        kind="number",
        meaning="share of the time in placements so far that was operational, of the time whose "
        "kind of work is known",
        unit="share",
        sources=(f"{_TABLE}.end_date", f"{_TABLE}.focus"),
        derive=_operational_share,
        moves=True,
    ),
    Attribute(
        name="same_manager",
        kind="number",
        meaning="the manager of the latest placement was that of another one before; 1 = yes, "
        "missing for the first placement",
        sources=(f"{_TABLE}.manager",),
        optional=_END,
        derive=_same_manager,
    ),
    Attribute(
        name="placement_commute_minutes",
        kind="number",
        meaning="one-way commute to the latest placement",
        unit="minutes",
        sources=(f"{_TABLE}.commute_minutes",),
        optional=_END,
        derive=_commute,
    ),
    Attribute(
        name="commute_change",
        kind="number",
        meaning="one-way commute to the latest placement less that to the first",
        unit="minutes",
        sources=(f"{_TABLE}.commute_minutes",),
        optional=_END,
        derive=_commute_change,
    ),
)

ON_REQUEST = ("organisations_so_far", "placement_region", "placement_commute_minutes")
"""They are nearly the changes of organisation, the region of the scheme, and the first commute with
its change."""
