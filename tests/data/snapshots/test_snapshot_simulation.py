"""Known truth: Kaplan-Meier from the histories is unbiased, and naive readings are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_extracts import MONTHS, RATE, extract, presence

import gmts_models as gm
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.synthetic.snapshots import simulate_snapshots
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

AT = np.array([6.0, 12.0, 24.0, 36.0])
TRUTH = np.exp(-RATE * AT)


def curve(entry: Floats, exit_: Floats, left: Bools) -> Floats:
    """Return retention at `AT`, without the rows that are never at risk."""
    kept = (exit_ > entry) | (entry == 0)
    return survival_at(kaplan_meier(exit_[kept], left[kept], entry[kept]), AT).survival


def of_histories(frame: pd.DataFrame, **arguments) -> Floats:
    y = build_outcome(gm.from_snapshots(frame, specialism="Finance", **arguments).valid).y
    return curve(y.entry, y.exit, y.event != 0)


def naive(start: Floats, seen: Bools) -> dict[str, Floats]:
    """Return what a plain groupby of first and last dates would give."""
    there = seen.any(axis=1)
    start, seen = start[there], seen[there]
    first, last = seen.argmax(axis=1), MONTHS - 1 - seen[:, ::-1].argmax(axis=1)
    entry = np.maximum(first - start, 0).astype(float)
    away = last < MONTHS - 1
    known = last + 3 <= MONTHS - 1
    missed = (np.where(away, last + 1, last) - start).astype(float)
    cautious = (np.where(away & known, last + 1, last) - start).astype(float)
    return {
        "absent at the end = left": curve(entry, missed, away),
        "absent at the end = censored when last seen": curve(entry, cautious, away & known),
        "late entry ignored": curve(np.zeros(len(missed)), missed, away),
    }


@pytest.mark.slow
def test_kaplan_meier_is_unbiased_where_naive_readings_are_not(repetitions: int) -> None:
    rng = np.random.default_rng(20261125)
    found: dict[str, list[Floats]] = {}
    for _ in range(max(repetitions // 5, 40)):
        start, _, seen = presence(1500, rng)
        frame = extract(start, seen)
        estimates = {"from_snapshots": of_histories(frame), **naive(start, seen)}
        estimates["every absence = left"] = of_histories(frame, grace_months=0)
        for name, estimate in estimates.items():
            found.setdefault(name, []).append(estimate - TRUTH)
    told = {name: _bias(errors) for name, errors in found.items()}
    z = {name: np.abs(bias / error).max() for name, (bias, error) in told.items()}
    assert z.pop("from_snapshots") < 3.5, told
    assert min(z.values()) > 4, told


def _bias(errors: list[Floats]) -> tuple[Floats, Floats]:
    """Return the mean error at each time, and its Monte Carlo error."""
    return np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1) / len(errors) ** 0.5


def test_the_estimate_is_that_of_who_knows_the_truth_up_to_the_census() -> None:
    rng = np.random.default_rng(3)
    start, left, seen = presence(2000, rng)
    census = MONTHS - 3  # the date after the last one whose grace period is over
    known = (left > np.maximum(start, 0)) & (start <= census)
    gone = np.ceil(left) <= census
    truth = curve(
        np.maximum(-start, 0).astype(float)[known],
        (np.where(gone, np.ceil(left), census) - start)[known],
        gone[known],
    )
    np.testing.assert_array_equal(of_histories(extract(start, seen)), truth)


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "dates"), [(1, 60), (12, 8)])
def test_where_starts_fall_between_snapshots_spread_departures_are_nearly_unbiased(
    gap: int, dates: int, repetitions: int
) -> None:
    """First missed reads retention about one gap late then: docs/snapshots.md says why."""
    rng = np.random.default_rng(7)
    days = (np.datetime64("2010-01") + gap * np.arange(1, dates + 1)).astype("datetime64[D]") - 1
    day = days.astype(np.int64)
    found: dict[str, list[Floats]] = {"first_missed": [], "spread": []}
    for _ in range(max(repetitions // 10, 20)):
        start = rng.integers(day[0] - 1500, day[-1], 1500)
        left = start + rng.exponential(30.4375 / RATE, 1500)
        who, when = np.nonzero((day >= start[:, None]) & (day < left[:, None]))
        frame = pd.DataFrame(
            {
                "trainee_id": who,
                "snapshot_date": days[when],
                "start_date": start[who].astype("datetime64[D]"),
            }
        )
        for choice, errors in found.items():
            estimate = of_histories(frame, grace_months=0, leaving_date=choice)
            errors.append(estimate[1:] - TRUTH[1:])
    late, late_error = _bias(found["first_missed"])
    spread, spread_error = _bias(found["spread"])
    told = f"bias {late}, {spread}; Monte Carlo error {late_error}, {spread_error}"
    a_gap_late = np.exp(-RATE * np.maximum(AT[1:] - gap, 0)) - TRUTH[1:]
    assert (np.abs(late - a_gap_late) < 4 * late_error + 0.03).all(), told
    assert (late > a_gap_late / 2).all(), told
    assert (np.abs(spread) < 4 * spread_error + (0.002 if gap == 1 else 0.02)).all(), told


def test_the_synthetic_scheme_is_found_again_in_its_extracts_messy_or_not() -> None:
    people = gm.simulate_trainees(7, cohorts=range(2014, 2018))
    view = {"day": "first", "lost": "stay", "first": "2016-02-01"}
    checked = gm.from_snapshots(simulate_snapshots(people, **view))
    assert checked.n_rejected == len(checked.noted) == 0
    found = checked.valid.trainees.set_index("trainee_id")
    truth = people.trainees.set_index("trainee_id").loc[found.index]
    # Who has left on or before the first of a month is missed on it.
    missed = (truth["leave_nhs_date"] - pd.Timedelta(days=1)).dt.to_period("M") + 1
    missed = missed.dt.start_time.where(missed.dt.start_time <= checked.valid.census_date)
    pd.testing.assert_series_equal(found["leave_nhs_date"], missed, check_names=False)
    pd.testing.assert_series_equal(found["start_date"], truth["start_date"])
    assert missed.notna().sum() > 30
    messy = gm.from_snapshots(simulate_snapshots(people, mess=True, seed=3, **view))
    again = messy.valid.trainees.set_index("trainee_id")
    lost = found.index.difference(again.index)
    assert 0 < len(lost) < 10
    assert set(messy.rejected["column"]) == {"start_date"}
    pd.testing.assert_frame_equal(again, found.drop(lost))
    assert len(messy.noted) > 50
