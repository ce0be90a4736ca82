"""From the data section of a configuration to checked people, whatever the source."""

from __future__ import annotations

from typing import assert_never

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
from gmts_models.data.synthetic.scheme import simulate_trainees


def load_source(data: DataSpec, *, seed: int) -> Checked:
    """Read, draw or fetch the people that a configuration names.

    Parameters
    ----------
    data : the configuration's data section.
    seed : of the synthetic scheme, where the section has none.
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
            return load_trainees(
                data.path,
                scheme=data.scheme,
                columns=data.columns,
                labels=data.labels,
                attributes=data.attributes,
                date_format=data.date_format,
                census_date=data.census_date,
                sheet=data.sheet,
                encoding=data.encoding,
                leaving=data.leaving,
            )
        case DatabaseData():
            raise NotImplementedError
        case SnapshotData():
            raise NotImplementedError
        case OpenData():
            return load_dataset(data.name, data.path)
    assert_never(data)
