"""By what unit people are said to have left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.load import load_trainees
from gmts_models.data.resolution import infer_resolution


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        ([12, 24, 24, 36, 0], "year"),
        ([12, 24, 24, 36, 6], "month"),
        ([12, 24, 24, 36, 6.5], "day"),
        ([12, 24, 24, 36 + 1e-9, 11.9999999], "year"),
        ([12, 24, 24, 36], "unknown"),
        ([12, 24, 24, 36, np.nan], "unknown"),
        ([], "unknown"),
        ([np.nan, 1, 2, 3, 4, 5], "month"),
    ],
)
def test_the_finest_unit_that_every_time_is_whole_in(months, expected):
    assert infer_resolution(np.array(months, dtype=float)) == expected


def test_it_is_found_on_loading_from_those_who_left():
    leave = ["2020-09-02", "2020-10-02", "2021-01-02", "2021-09-02", "2022-03-02", None]
    frame = pd.DataFrame(
        {"trainee_id": list("abcdef"), "specialism": "Finance", "start_date": "2019-09-02"}
    )
    dated = frame.assign(leave_nhs_date=leave)
    assert load_trainees(dated, census_date="2022-09-15").valid.resolution == "month"
    dated.loc[1, "leave_nhs_date"] = "2020-10-03"
    assert load_trainees(dated, census_date="2022-09-15").valid.resolution == "day"
    assert load_trainees(frame, census_date="2022-09-15").valid.resolution == "unknown"
    ready = frame.drop(columns="start_date").assign(
        duration_months=[12, 24, 12, 36, 48, 7.3], event=[1, 1, 1, 1, 1, 0]
    )
    assert load_trainees(ready).valid.resolution == "year"
