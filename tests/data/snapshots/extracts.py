"""Small extracts, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

MONTHS = [f"{day:%Y-%m-%d}" for day in pd.date_range("2020-09-30", periods=12, freq="ME")]
"""The last days of September 2020 to August 2021."""


def rows(who: str, months: Iterable[int], **columns: Any) -> pd.DataFrame:
    """Return a person's rows, in post at the ends of some months (0 = September 2020)."""
    frame = pd.DataFrame({"trainee_id": who, "snapshot_date": [MONTHS[i] for i in months]})
    told = {"start_date": "2020-09-01", "specialism": "Finance", **columns}
    return frame.assign(**told)


def staff(*people: pd.DataFrame) -> pd.DataFrame:
    """Put rows below each other, with a person who is there throughout."""
    return pd.concat([rows("always", range(12)), *people], ignore_index=True)


def of(frame: pd.DataFrame, who: str) -> pd.DataFrame:
    """Return the rows of a person, dates as text."""
    found = frame[frame["trainee_id"] == who].copy()
    for name in found:
        if found[name].dtype.kind == "M":
            found[name] = found[name].dt.strftime("%Y-%m-%d")
    return found.reset_index(drop=True)


def history(checked: Any, who: str) -> dict[str, Any]:
    """Return what became of a person; None where missing."""
    found = of(checked.valid.trainees, who)
    assert len(found) == 1
    return {name: None if pd.isna(v) else v for name, v in found.iloc[0].items()}
