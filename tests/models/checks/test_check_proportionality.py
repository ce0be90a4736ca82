"""Effects that change in time are seen, and said without hazard ratios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.errors import InputError
from gmts_models.features.table import FeatureTable
from gmts_models.models.checks.proportionality import check_proportional_hazards
from gmts_models.stats.survival.restricted_mean import restricted_mean


def _table(seed: int, *, crossing: bool, n: int = 1500) -> FeatureTable:
    """Return a table in which the route leaves early, the others late; or no such thing."""
    rng = np.random.default_rng(seed)
    early = rng.random(n) < 0.5
    shape = np.where(early & crossing, 0.6, 2.0)
    months = np.ceil(30 * rng.weibull(shape))
    left = months <= 36
    trainees = pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(n)],
            "specialism": rng.choice(["Finance", "Human Resources"], n),
            "start_date": pd.Timestamp("2015-09-01"),
            "entry_route": np.where(early, "career_changer", "new_graduate"),
        }
    )
    people = gm.simulate_trainees(seed=1, cohorts=[2015])
    base = gm.build_features(people, features=["specialism"])
    # The checks look at X and y alone: those of a made-up table stand in for a scheme's.
    X = trainees[["specialism", "entry_route"]]
    y = gm.Outcome(0, np.minimum(months, 36), left)
    return FeatureTable(
        X=X,
        y=y,
        ids=trainees["trainee_id"],
        specialism=X["specialism"],
        cohort=pd.Series(["2015"] * n),
        start=np.full(n, 2015.0),
        follow_up=np.full(n, 36.0),
        on=np.full(n, "2015-09-01", dtype="datetime64[ns]"),
        landmark=np.zeros(n),
        recipe=base.recipe,
    )


def test_an_effect_that_changes_is_seen_and_told_in_months() -> None:
    table = _table(3, crossing=True)
    found = check_proportional_hazards(table, until=24)
    assert found.breached == ("entry_route",)
    assert "changes in time" in str(found)
    means = found.restricted_means.set_index("group")
    rows = table.X["entry_route"].to_numpy() == "career_changer"
    by_hand = restricted_mean(table.y.exit[rows], table.y.left[rows], until=24)
    assert means.loc["career_changer", "months"] == pytest.approx(by_hand.mean, rel=1e-12)
    apart = means.loc["new_graduate"]
    assert apart["difference"] == pytest.approx(means["months"].iloc[1] - means["months"].iloc[0])
    assert apart["difference_lower"] > 0  # career changers leave early
    assert pd.isna(means.iloc[0]["difference"])


@pytest.mark.slow
def test_effects_that_do_not_change_are_rarely_noted(repetitions: int) -> None:
    runs = min(repetitions, 100)
    noted = [
        bool(check_proportional_hazards(_table(s, crossing=False, n=400)).breached)
        for s in range(runs)
    ]
    error = np.sqrt(0.05 * 0.95 / runs)
    said = f"noted in {np.mean(noted):.3f} of {runs} (Monte Carlo error {error:.3f})"
    assert np.mean(noted) <= 0.05 + 3 * error, said


def test_columns_of_one_attribute_are_tested_together() -> None:
    table = gm.build_features(gm.simulate_trainees(seed=7))
    found = check_proportional_hazards(table, gm.CoxPH(alpha=1, strata="specialism"))
    tests = found.to_frame().set_index("attribute")
    assert "specialism" not in tests.index
    assert tests.loc["region", "df"] == table.X["region"].nunique() - 1
    assert tests.index[-1] == "GLOBAL"
    rest = tests.iloc[:-1]
    assert (rest["p_holm"] >= rest["p"]).all()


def test_numbers_are_cut_at_their_quartiles() -> None:
    table = gm.build_features(gm.load_dataset("canadian_senators").valid)
    found = check_proportional_hazards(table, gm.CoxPH(alpha=1))
    means = found.restricted_means
    assert "cohort_year" in found.breached
    groups = means.loc[means["attribute"] == "cohort_year", "group"].tolist()
    assert groups[0].startswith("up to")
    assert groups[-1].startswith("above")


def test_only_cox_models_are_checked() -> None:
    with pytest.raises(InputError, match="not WeibullAFT"):
        check_proportional_hazards(_table(1, crossing=False), gm.WeibullAFT())  # type: ignore[arg-type]
