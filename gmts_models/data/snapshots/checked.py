"""What reading snapshots returns: the people, the rows that do not count, and what was noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from gmts_models.data.checking.rejections import Violation
from gmts_models.data.people import Checked, Resolution

_TABLE = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Histories:
    """What rows of snapshots, or of a panel, come to.

    Attributes
    ----------
    rejected, noted : rows that do not count, and rows of which not everything counts.
    trainees : (n, c) frame, one row a trainee in the columns of the contract.
    tables : dated records beside it, by name.
    census : the day up to which follow-up is known; None of a panel.
    resolution : how finely times are told.
    counts : what -> how many.
    """

    rejected: Sequence[Violation]
    noted: Sequence[Violation]
    trainees: pd.DataFrame = field(default_factory=pd.DataFrame)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    census: pd.Timestamp | None = None
    resolution: Resolution = "unknown"
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CheckedSnapshots(Checked):
    """The people that snapshots show, and every row of which not everything counts.

    Attributes
    ----------
    rejected : as of `Checked`; `source` tells the file, the date or the number of the frame in
        which `row` is. These rows do not count.
    noted : frame of the same columns: rows that are no mistakes but do not count (a second post),
        and rows that count but for one cell (an unknown band, a start date that differs).
    counts : frame with `what` and `count`: dates, people, departures, returners, absences, rows.
        They are exact: apply disclosure control before publishing them.
    n_rows : rows read.
    """

    noted: pd.DataFrame
    counts: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {_TABLE: self.n_rows})

    @property
    def n_rejected(self) -> int:
        """How many rows (not reasons) were rejected."""
        return len(self.rejected[["source", "row"]].drop_duplicates())

    def summary(self) -> pd.DataFrame:
        """Return `table`, and its numbers of rows read, `valid` and `rejected`."""
        rejected = self.n_rejected
        values = {"rows": self.n_rows, "valid": self.n_rows - rejected, "rejected": rejected}
        return pd.DataFrame([{"table": _TABLE, **values}])

    def __repr__(self) -> str:
        return (
            f"CheckedSnapshots({self.n_rows} rows: {self.n_rows - self.n_rejected} valid, "
            f"{self.n_rejected} rejected; {len(self.valid)} people)"
        )
