"""Censoring weights by a Cox model of censoring: against R, and what ties are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gmts_models.errors import FitError
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.cox_censoring import cox_censoring_weights

LUNG = Path(__file__).parents[1] / "reference" / "data" / "lung_cc.csv"
SOME_ROWS = [0, 3, 14, 17, 149]

# R 4.2.2, survival 3.5-3. Months, so that departures and censorings tie; departures come before:
#   d$m <- ceiling(d$time / 30.4375); d$t <- d$m - ifelse(d$status == 1, 0.5, 0)
#   f <- coxph(Surv(t, 1 - status) ~ age + female + ph.ecog, d, ties = ties)
#   1 / summary(survfit(f, newdata = d[i, ]), times = pmin(d$m[i], h) - 0.75)$surv   # if known
EFRON = [
    [1.00784207758, 1.26603503175, 1.37423630731],
    [1.00916953585, 1.31737124279, 1.56288314972],
    [1.00644535481, 1.21410983483, 1.36929619509],
    [1.00683426893, 1.14018374324, 1.14018374324],
    [1.01630764304, 1.62984213957, 0],
]
BRESLOW = [
    [1.00787492779, 1.25926575746, 1.36574287541],
    [1.00914499195, 1.30674541524, 1.54692444098],
    [1.00652935563, 1.21078235070, 1.36600827452],
    [1.00690557985, 1.13839970010, 1.13839970010],
    [1.01618159790, 1.60280055164, 0],
]
# ~ age + ph.ecog + strata(female), ties = "efron"
STRATA = [
    [1.00000000000, 1.33774479738, 1.42811450972],
    [1.00000000000, 1.40585170506, 1.67899870434],
    [1.00000000000, 1.26944062210, 1.43753528909],
    [1.00000000000, 1.14975437251, 1.14975437251],
    [1.02748931528, 1.52893687073, 0],
]


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    d = pd.read_csv(LUNG)
    return d.assign(months=np.ceil(d["time"] / 30.4375), left=d["status"] == 1)


@pytest.mark.parametrize(
    ("ties", "weights", "sums"),
    [
        ("efron", EFRON, [211.996954812, 211.670267439, 211.689980422]),
        ("breslow", BRESLOW, [211.991200283, 210.300161054, 210.057622513]),
    ],
)
def test_agrees_with_r(
    lung: pd.DataFrame, ties: Ties, weights: list[list[float]], sums: list[float]
) -> None:
    X = lung[["age", "female", "ph.ecog"]]
    found = cox_censoring_weights(X, lung["months"], lung["left"], [6, 12, 18], ties=ties)
    np.testing.assert_allclose(found[SOME_ROWS], weights, rtol=1e-8)
    np.testing.assert_allclose(found.sum(axis=0), sums, rtol=1e-8)


def test_strata_agree_with_r(lung: pd.DataFrame) -> None:
    found = cox_censoring_weights(
        lung[["age", "ph.ecog"]],
        lung["months"],
        lung["left"],
        [6, 12, 18],
        strata=lung["female"],
    )
    np.testing.assert_allclose(found[SOME_ROWS], STRATA, rtol=1e-8)
    np.testing.assert_allclose(
        found.sum(axis=0), [212.000591971, 211.003951151, 210.655979104], rtol=1e-8
    )


def _people(n: int = 400, seed: int = 2) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    time = np.ceil(rng.exponential(40, n))
    lost = np.ceil(rng.exponential(40 * np.exp(-0.8 * x[:, 0]))).clip(1, 60)
    return x, np.minimum(time, lost), time <= lost


def test_a_column_that_says_nothing_gives_nearly_kaplan_meiers_weights() -> None:
    _, end, left = _people()
    even = np.tile([[1.0], [-1.0]], (200, 1))
    both = (np.repeat(end[:200], 2), np.repeat(left[:200], 2))
    found = cox_censoring_weights(even, *both, [24.5])[:, 0]  # nobody is lost at 24.5 itself
    km = censoring_weights(Outcome(0, *both), 24.5).weight[:, 0]
    np.testing.assert_allclose(found, km, rtol=5e-3)


def test_a_departure_is_not_at_risk_of_being_lost_at_its_own_time() -> None:
    # Three leave at 5, where one is lost too: of seven who are there after that one is lost.
    end = np.array([5.0, 5, 5, 5, 9, 9, 9, 9, 9, 9])
    left = np.array([1, 1, 1, 0, 1, 1, 1, 0, 0, 0], bool)
    even = np.zeros((10, 1))
    even[::2] = 1
    found = cox_censoring_weights(even, end, left, [5, 6], penalty=np.array([1e9]))
    np.testing.assert_array_equal(found[:3], 1)  # gone before the first was lost
    np.testing.assert_array_equal(found[3:, 0], 1)  # there until 5, and lost at 5 is known at 5
    np.testing.assert_allclose(found[3, 1], 0)
    np.testing.assert_allclose(found[4:, 1], np.exp(1 / 7), rtol=1e-6)


def test_a_weight_of_two_is_the_row_twice_with_breslows_ties() -> None:
    x, end, left = _people()
    times = np.random.default_rng(1).integers(1, 4, len(end))
    once = cox_censoring_weights(x, end, left, [12, 36], times, ties="breslow")
    again = cox_censoring_weights(
        *(np.repeat(each, times, axis=0) for each in (x, end, left)), [12, 36], ties="breslow"
    )
    np.testing.assert_allclose(np.repeat(once, times, axis=0), again, rtol=1e-9)


def test_who_is_followed_by_nobody_weighs_nothing() -> None:
    x, end, left = _people()
    short = np.arange(len(end)) < 150
    cut, gone = np.where(short, np.minimum(end, 10), end), left & ~(short & (end > 10))
    found = cox_censoring_weights(x, cut, gone, [6, 24], strata=short)
    assert (found[short, 0] > 0).any()
    assert (found[short, 1] == 0).all()  # those of them who left before 10 months too
    assert (found[~short, 1] > 0).any()
    assert (cox_censoring_weights(x, cut, gone, [70.0]) == 0).all()


def test_nobody_is_lost() -> None:
    x, end, _ = _people()
    found = cox_censoring_weights(x, end, np.ones(len(end), bool), [12, 600])
    np.testing.assert_array_equal(found, 1)


def test_a_weight_without_bound_is_refused() -> None:
    rng = np.random.default_rng(3)
    certain = np.repeat([0.0, 1.0], [200, 200])
    lost = np.where(certain == 1, rng.integers(2, 6, 400), rng.integers(5, 60, 400)).astype(float)
    time = np.where(certain == 1, 1.0, 90.0)
    lost[399], time[399] = 40, 40  # seen to 40 months, where hardly anyone like them could be
    end, left = np.minimum(time, lost), time <= lost
    end[200:330], left[200:330] = lost[200:330], False
    with pytest.raises(FitError, match="weight would be infinite"):
        cox_censoring_weights(certain[:, None], end, left, [40.0])


@pytest.mark.slow
def test_they_undo_a_bias_that_kaplan_meiers_weights_leave(repetitions: int) -> None:
    """The risk by 24 months, where those who leave sooner are lost later."""
    rng = np.random.default_rng(11)
    n, h, found = 600, 24.0, []
    for _ in range(repetitions):
        x = rng.normal(size=(n, 1))
        time = np.ceil(rng.exponential(40 * np.exp(-0.8 * x[:, 0])))
        lost = np.ceil(rng.exponential(40 * np.exp(0.8 * x[:, 0])))
        end, left = np.minimum(time, lost), time <= lost
        truth = (time <= h).mean()
        gone = left & (end <= h)
        cox = cox_censoring_weights(x, end, left, [h])[:, 0]
        km = censoring_weights(Outcome(0, end, left), h).weight[:, 0]
        found.append([np.average(gone, weights=each) - truth for each in (km, cox)])
    bias = np.mean(found, axis=0)
    error = np.std(found, axis=0) / np.sqrt(repetitions)
    said = f"bias {bias[0]:+.4f} and {bias[1]:+.4f}, errors {error[0]:.4f} and {error[1]:.4f}"
    assert abs(bias[0]) > 0.02 + 3 * error[0], said
    assert abs(bias[1]) < 0.004 + 3 * error[1], said
