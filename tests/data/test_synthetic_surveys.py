"""Synthetic surveys and assessments: drawn as assumed, and telling what they should."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.months import add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.data.synthetic.surveys import draw_decline


@cache
def simulated() -> People:
    return simulate_trainees(7)


@cache
def many() -> People:
    """Some 17,000 trainees."""
    return simulate_trainees(11, scale=8.0)


def of_trainees(people: People, name: str) -> pd.DataFrame:
    """Return a table with the dates of its trainees, as columns t_..."""
    dates = people.trainees.set_index("trainee_id").add_prefix("t_")
    return people.tables[name].join(dates, on="trainee_id")


# ------------------------------------------------------------- surveys


def survey_frame(people: People) -> pd.DataFrame:
    """Return the surveys with their wave, the true log hazard and the true decline."""
    lives = people.tables.lives
    frame = people.tables["surveys"].copy()
    person = pd.Index(lives.trainee_id).get_indexer(pd.Index(frame["trainee_id"]))
    served = months_between(lives.roster.start[person], frame["date"])
    wave = np.searchsorted(np.array(assumed.SURVEY_MONTHS), served, side="right") - 1
    decline = draw_decline(people.tables._stream("surveys"), lives)
    return frame.assign(
        person=person, wave=wave, log_hazard=lives.log_hazard[person], decline=decline[person, wave]
    )


def test_surveys_come_every_six_months() -> None:
    frame = survey_frame(simulated())
    sent = np.array(assumed.SURVEY_MONTHS)[frame["wave"]]
    start = simulated().tables.lives.roster.start[frame["person"]]
    after = (to_days(frame["date"]) - add_months(start, sent)).astype(int)
    answered = frame["engagement"].notna().to_numpy()
    assert (after[~answered] == assumed.SURVEY_DAYS).all()
    assert set(after[answered]) == set(range(assumed.SURVEY_DAYS))
    assert not frame.duplicated(["trainee_id", "wave"]).any()
    assert (np.diff(sent)[np.diff(frame["person"]) == 0] == 6).all()
    scores = frame[list(assumed.SURVEY_ITEMS)]
    assert (scores.isna().all(axis=1) | scores.notna().all(axis=1)).all()
    given = scores.dropna().to_numpy()
    assert (2 * given % 1 == 0).all()
    assert (given.min(), given.max()) == (0, 10)


def test_who_is_about_to_leave_answers_less_often() -> None:
    frame = survey_frame(many())
    silent = frame["engagement"].isna()
    # The part that is far from leaving, with a log hazard of about 0: expit(-1.2).
    calm = (frame["decline"] == 0) & (frame["log_hazard"].abs() < 0.1)
    share = 1 / (1 + np.exp(-assumed.NO_ANSWER))
    assert abs(silent[calm].mean() - share) < 4 * np.sqrt(share * (1 - share) / calm.sum())
    assert 0.20 < silent.mean() < 0.28
    near = frame["decline"] > 0.4
    assert near.sum() > 1000
    assert silent[near].mean() - silent[calm].mean() > 0.1


@pytest.mark.parametrize("item", ["engagement", "support", "work_flexibly"])
def test_effects_on_the_scores_are_found_again(item: str) -> None:
    """Least squares with standard errors by trainee; these scores are hardly cut at 0 or 10."""
    frame = survey_frame(many()).dropna(subset=[item])
    design = np.column_stack([np.ones(len(frame)), frame["log_hazard"], frame["decline"]])
    bread = np.linalg.inv(design.T @ design)
    found = bread @ design.T @ frame[item].to_numpy()
    residual = frame[item].to_numpy() - design @ found
    by_person = pd.DataFrame(design * residual[:, None]).groupby(frame["person"].to_numpy()).sum()
    se = np.sqrt(np.diag(bread @ (by_person.T @ by_person).to_numpy() @ bread))
    told = assumed.SURVEY_ITEMS[item]
    difference = found - [told.mean, told.log_hazard, told.decline]
    assert (np.abs(difference) < 4 * se + 0.03).all()  # cutting takes a little
    assert se[2] < 0.06  # else the test could not fail
    spread = residual.std()
    total = np.sqrt(assumed.MOOD_SD**2 + assumed.WAVE_SD**2 + assumed.ITEM_SD**2)
    assert abs(spread - total) < 0.03


def auc_of_latest(people: People, item: str, at: int, within: int) -> float:
    """Area under the curve of the latest known score at a month, for leaving soon after it."""
    frame = people.trainees.set_index("trainee_id")
    start = to_days(frame["start_date"])
    on = pd.Series(add_months(start, at), frame.index)
    until = pd.Series(add_months(start, at + within), frame.index)
    surveys = people.tables["surveys"].dropna(subset=[item])
    known = surveys[surveys["date"] < surveys["trainee_id"].map(on)]
    latest = known.groupby("trainee_id")[item].last()
    left = frame["leave_nhs_date"]
    there = ~(left <= on) & (frame["last_seen_date"] >= on)
    told = (left <= until) | (frame["last_seen_date"] >= until)
    latest = latest[(there & told)[latest.index]]
    event = (left <= until)[latest.index].to_numpy()
    rank = latest.rank().to_numpy()
    n_1, n_0 = event.sum(), (~event).sum()
    return float((rank[event].sum() - n_1 * (n_1 + 1) / 2) / (n_1 * n_0))


def test_surveys_tell_something_of_who_leaves_but_not_much() -> None:
    intention = auc_of_latest(many(), "intention_to_leave", 18, 12)
    assert 0.60 < intention < 0.66
    assert 0.53 < 1 - auc_of_latest(many(), "engagement", 18, 12) < 0.62
    drawn = [
        auc_of_latest(simulate_trainees(seed), "intention_to_leave", 18, 12) for seed in range(5)
    ]
    assert all(0.55 < each < 0.8 for each in drawn)


def test_scores_fall_in_the_last_months_only() -> None:
    frame = survey_frame(many())
    leaving = many().tables.lives.leaving[frame["person"]]
    to_go = leaving - np.array(assumed.SURVEY_MONTHS)[frame["wave"]]
    assert (frame["decline"] == 0)[to_go >= 9].all()
    assert (frame["decline"] > 0)[to_go < 6].all()
    scores = frame[["morale", "intention_to_leave"]]
    mean = scores.groupby(np.digitize(to_go, [3, 6, 9])).mean()
    assert mean["morale"].is_monotonic_increasing
    assert mean["intention_to_leave"].is_monotonic_decreasing


# --------------------------------------------------------- assessments


def test_the_published_aims_of_signing_off_are_met_on_average() -> None:
    people = many()
    frame = of_trainees(people, "assessments")
    signed = frame[frame["signed_off"].fillna(False).astype(bool)]
    trainees = people.trainees.set_index("trainee_id")
    size = frame.groupby("trainee_id")["framework_size"].max()
    start = to_days(trainees["start_date"])
    first = pd.Series(add_months(start, 12), trainees.index)
    there = trainees["leave_scheme_date"].isna() & (
        trainees["last_seen_date"] >= trainees["scheme_end_date"]
    )
    ids = trainees.index[there].intersection(size.index)
    for end, aim in ((first, 0.40), (trainees["scheme_end_date"], 0.90)):
        done = signed[signed["date"] < signed["trainee_id"].map(end)]
        share = done.groupby("trainee_id").size().reindex(ids, fill_value=0) / size[ids]
        error = share.std() / np.sqrt(len(ids))
        assert error < 0.003
        assert abs(share.mean() - aim) < 4 * error + 0.006  # stayers are a little abler


def test_competencies_are_rated_until_they_are_signed_off() -> None:
    frame = of_trainees(many(), "assessments")
    rated = frame[frame["assessment_type"] == "competency"]
    assert rated["rating"].between(1, 5).all()
    assert (rated["rating"] % 1 == 0).all()
    assert rated["passed"].isna().all()
    signed = rated["signed_off"].astype(bool)
    assert (rated.loc[signed, "rating"] >= 3).all()
    assert (rated.loc[~signed, "rating"] <= 3).all()
    key = [rated["trainee_id"], rated["subject"]]
    assert signed.groupby(key).sum().max() == 1
    assert (signed.groupby(key).cumsum() - signed).max() == 0  # nothing after the sign-off
    assert rated.groupby(key).size().max() == 3
    finance = rated["t_specialism"] == "Finance"
    assert set(rated.loc[finance, "framework_size"]) == {12.0}
    assert set(rated.loc[~finance, "framework_size"]) == {10.0}
    assert rated.loc[finance, "subject"].nunique() == 12
    assert rated.loc[~finance, "subject"].nunique() == 10
    served = months_between(rated["t_start_date"], rated["date"])
    to_quarter = 3 - served % 3
    assert (to_quarter < 0.52).all()  # in the last two weeks of a quarter
    days = rated.groupby(["trainee_id", np.floor(served / 3)])["date"].nunique()
    assert days.max() == 1


def test_exams_are_sat_again_until_passed() -> None:
    frame = of_trainees(many(), "assessments")
    exams = frame[frame["assessment_type"] == "exam"]
    assert exams[["rating", "signed_off", "framework_size"]].isna().all(axis=None)
    passed = exams["passed"].astype(bool)
    key = [exams["trainee_id"], exams["subject"]]
    assert (passed.groupby(key).cumsum() - passed).max() == 0  # nothing after a pass
    assert exams.groupby(key).size().max() == assumed.SITTINGS
    first = passed[~exams.duplicated(["trainee_id", "subject"])]
    assert 0.74 < first.mean() < 0.82
    subjects = exams.groupby("t_specialism")["subject"].unique()
    assert sum("accountancy" in each for each in subjects["Finance"]) == 6
    assert sum("people" in each for each in subjects["Human Resources"]) == 3
    assert set(subjects["Health Analysis"]) == {name for name, _ in assumed.CERTIFICATE}


def test_ability_goes_with_the_hazard_as_told() -> None:
    people = many()
    frame = people.tables["assessments"]
    rating = frame.groupby("trainee_id")["rating"].mean().dropna()
    lives = people.tables.lives
    hazard = pd.Series(lives.log_hazard, lives.trainee_id)
    assert -0.15 < rating.corr(hazard[rating.index]) < -0.02
