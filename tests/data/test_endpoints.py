"""Endpoints, one hand-worked trainee at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import DESTINATIONS
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import Checked, People
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

CENSUS = pd.Timestamp("2022-09-01")

# Everyone starts on 1 September 2018 with an end planned for 1 September 2020.
STORY: dict[str, dict[str, Any]] = {
    "still there": {},
    "left in month 6": {
        "leave_nhs_date": "2019-03-01",
        "leave_scheme_date": "2019-03-01",
        "destination": "private sector",
    },
    "left in month 6, scheme date not given": {"leave_nhs_date": "2019-03-01"},
    "withdrew in month 9, stayed": {"leave_scheme_date": "2019-06-01"},
    "left on the last day": {"leave_nhs_date": "2020-09-01", "destination": "other"},
    "left in month 36": {"leave_nhs_date": "2021-09-01", "destination": "further study"},
    "lost in month 12": {"last_seen_date": "2019-09-01"},
    "lost in month 30": {"last_seen_date": "2021-03-01"},
    "seen from month 12": {"first_seen_date": "2019-09-01"},
    "left on the first day": {"leave_nhs_date": "2018-09-01", "destination": "other"},
}
DATES = ["first_seen_date", "leave_nhs_date", "leave_scheme_date", "last_seen_date"]


@pytest.fixture
def people() -> People:
    frame = pd.DataFrame(
        [
            {
                "trainee_id": name,
                "specialism": "Finance",
                "start_date": "2018-09-01",
                "scheme_end_date": "2020-09-01",
                "destination": None,
                **dict.fromkeys(DATES),
                **facts,
            }
            for name, facts in STORY.items()
        ]
    )
    for column in ("start_date", "scheme_end_date", *DATES):
        frame[column] = pd.to_datetime(frame[column])
    return People(trainees=frame, census_date=CENSUS)


def _rows(people: People, endpoint: Any, **how: Any) -> dict[str, tuple[float, float, int]]:
    followed = build_outcome(people, endpoint, **how)
    names = people.trainees["trainee_id"].iloc[followed.rows]
    y = followed.y
    return {
        name: (float(a), float(b), int(e))
        for name, a, b, e in zip(names, y.entry, y.exit, y.event, strict=True)
    }


def test_leaving_the_nhs(people: People) -> None:
    private, study, other = (
        DESTINATIONS.index(name) + 1 for name in ("private sector", "further study", "other")
    )
    assert _rows(people, "left_nhs") == {
        "still there": (0, 48, 0),
        "left in month 6": (0, 6, private),
        "left in month 6, scheme date not given": (0, 6, UNKNOWN_CAUSE),
        "withdrew in month 9, stayed": (0, 48, 0),
        "left on the last day": (0, 24, other),
        "left in month 36": (0, 36, study),
        "lost in month 12": (0, 12, 0),
        "lost in month 30": (0, 30, 0),
        "seen from month 12": (12, 48, 0),
        "left on the first day": (0, 0, other),
    }


def test_leaving_the_scheme(people: People) -> None:
    """Those who completed can no longer withdraw: they stay counted until the census."""
    assert _rows(people, "left_scheme") == {
        "still there": (0, 48, 0),
        "left in month 6": (0, 6, 1),
        "left in month 6, scheme date not given": (0, 6, 1),
        "withdrew in month 9, stayed": (0, 9, 1),
        "left on the last day": (0, 48, 0),
        "left in month 36": (0, 48, 0),
        "lost in month 12": (0, 12, 0),
        "lost in month 30": (0, 48, 0),
        "seen from month 12": (12, 48, 0),
        "left on the first day": (0, 0, 1),
    }


def test_leaving_after_completion(people: People) -> None:
    other = DESTINATIONS.index("other") + 1
    study = DESTINATIONS.index("further study") + 1
    assert _rows(people, "post_scheme") == {
        "still there": (0, 24, 0),
        "left on the last day": (0, 0, other),
        "left in month 36": (0, 12, study),
        "lost in month 30": (0, 6, 0),
        "seen from month 12": (0, 24, 0),
    }


def test_the_census_limits_follow_up(people: People) -> None:
    assert set(build_outcome(people, "left_nhs").follow_up) == {48.0}
    assert set(build_outcome(people, "post_scheme").follow_up) == {24.0}


def test_the_index_is_that_of_the_people(people: People) -> None:
    followed = build_outcome(people, "post_scheme")
    assert followed.y.index is not None
    assert list(followed.y.index) == list(people.trainees.index[followed.rows])


def test_whoever_left_before_being_seen_was_never_at_risk(people: People) -> None:
    frame = people.trainees.assign(first_seen_date=pd.Timestamp("2019-09-01"))
    rows = _rows(People(trainees=frame, census_date=CENSUS), "left_nhs")
    assert "left in month 6" not in rows
    assert rows["left in month 36"][0] == 12


def test_ready_durations_know_only_one_endpoint() -> None:
    frame = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c"],
            "specialism": "x",
            "duration_months": [3.0, 9.0, 5.0],
            "event": [1.0, 0.0, 1.0],
            "destination": ["Death", None, None],
        }
    )
    people = People(trainees=frame, scheme="any")
    followed = build_outcome(people)
    np.testing.assert_array_equal(followed.y.event, [1, 0, UNKNOWN_CAUSE])
    assert followed.y.causes == ("Death",)
    assert np.isnan(followed.follow_up).all()
    for endpoint in ("left_scheme", "post_scheme"):
        with pytest.raises(InputError, match="dates of start and scheme end"):
            build_outcome(people, endpoint)


def test_a_missing_scheme_end_is_not_guessed(people: People) -> None:
    frame = people.trainees.copy()
    frame.loc[2, "scheme_end_date"] = pd.NaT
    with pytest.raises(InputError, match="1 trainees have no scheme end date"):
        build_outcome(People(trainees=frame, census_date=CENSUS), "left_scheme")


def test_completing_competes_with_withdrawing(people: People) -> None:
    assert build_outcome(people, "left_scheme", competing=True).y.causes == (
        "withdrew",
        "completed",
    )
    assert _rows(people, "left_scheme", competing=True) == {
        "still there": (0, 24, 2),
        "left in month 6": (0, 6, 1),
        "left in month 6, scheme date not given": (0, 6, 1),
        "withdrew in month 9, stayed": (0, 9, 1),
        "left on the last day": (0, 24, 2),
        "left in month 36": (0, 24, 2),
        "lost in month 12": (0, 12, 0),
        "lost in month 30": (0, 24, 2),
        "seen from month 12": (12, 24, 2),
        "left on the first day": (0, 0, 1),
    }


@pytest.mark.parametrize("endpoint", ["left_nhs", "post_scheme"])
def test_the_other_endpoints_have_no_further_exit(people: People, endpoint: Any) -> None:
    assert _rows(people, endpoint, competing=True) == _rows(people, endpoint)


def test_the_incidence_of_withdrawing_is_the_same_either_way() -> None:
    """Without loss to follow-up, staying at risk after completion is the subdistribution."""
    everyone = simulate_trainees(3, census_date="2026-09-01", cohorts=range(2014, 2020))
    frame = everyone.trainees
    frame = frame[
        frame["last_seen_date"].eq(everyone.census_date) | frame["leave_nhs_date"].notna()
    ]
    kept = replace(everyone, trainees=frame.reset_index(drop=True), tables={})
    one = build_outcome(kept, "left_scheme").y
    two = build_outcome(kept, "left_scheme", competing=True).y
    curve = kaplan_meier(one.exit, one.left, one.entry)
    causes = aalen_johansen(two.exit, two.event, two.entry)
    at = np.array([6.0, 12, 18, 24])
    risk = 1 - survival_at(curve, at).survival
    np.testing.assert_allclose(risk, incidence_at(causes, at).incidence[:, 0], rtol=1e-12)


def test_what_is_no_people_is_refused() -> None:
    people = simulate_trainees(seed=1, cohorts=[2020])
    with pytest.raises(InputError, match="no people, but DataFrame"):
        build_outcome(people.trainees)  # type: ignore[arg-type]
    held = Checked(valid=people, rejected=pd.DataFrame(columns=["row"]), n_rows=len(people))
    with pytest.raises(InputError, match="no people, but Checked") as caught:
        build_outcome(held)  # type: ignore[arg-type]
    assert "pass its .valid" in str(caught.value)
