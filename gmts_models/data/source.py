"""From the data section of a configuration to checked people, whatever the source."""

from __future__ import annotations

from typing import Any, assert_never

import pandas as pd

from gmts_models.config import (
    DatabaseData,
    DataSpec,
    FileData,
    OpenData,
    SnapshotData,
    SyntheticData,
)
from gmts_models.data.load import load_trainees
from gmts_models.data.open.datasets import load_dataset
from gmts_models.data.people import Checked
from gmts_models.data.reading.database import Database
from gmts_models.data.synthetic.scheme import simulate_trainees


def load_source(data: DataSpec, *, seed: int) -> Checked:
    """Read, draw or fetch the people that a configuration names.

    Parameters
    ----------
    data : the configuration's data section.
    seed : of the synthetic scheme, where the section has none.

    Raises
    ------
    DataError, InputError : see `load_trainees`, `from_snapshots` and `load_dataset`.
    """
    match data:
        case SyntheticData():
            people = simulate_trainees(
                seed if data.seed is None else data.seed,
                cohorts=range(data.first_cohort, data.last_cohort + 1),
            )
            nothing = pd.DataFrame(columns=["row", "column", "reason", "fix"])
            return Checked(valid=people, rejected=nothing, n_rows=len(people))
        case FileData():
            return load_trainees(data.path, **_arguments(data, "path"))
        case DatabaseData():
            url = data.url.get_secret_value()
            database = Database(url, table=data.table, query=data.query)
            return load_trainees(database, **_arguments(data, "url", "table", "query"))
        case SnapshotData():
            from gmts_models.data.snapshots import from_snapshots

            return from_snapshots(data.path, **_arguments(data, "path"))
        case OpenData():
            return load_dataset(data.name, data.path)
    assert_never(data)


def _arguments(data: FileData | DatabaseData | SnapshotData, *place: str) -> dict[str, Any]:
    """Return all keys but those that say where the data are: the arguments are called alike."""
    return {name: value for name, value in data if name not in ("source", *place)}
