"""Quantiles by hand, against R, and where R looks them up in the wrong order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.intervals import Interval
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at
from gmts_models.stats.survival.quantiles import survival_quantiles

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"
NAN = np.nan


def test_a_flat_part_at_one_half_gives_its_middle() -> None:
    """quantile(survfit(Surv(1:4, c(1, 1, 1, 1)) ~ 1, conf.type = "plain"), ...), survival 3.5-3.

    Times 1, 2, 3, 4: survival is 0.5 from 2 to 3.
    """
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1], interval="plain")
    got = survival_quantiles(curve, [0, 0.1, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(got.value, [0, 1, 1.5, 2.5, 3.5, 4])
    np.testing.assert_array_equal(got.lower, [0, 1, 1, 1, 2, NAN])
    np.testing.assert_array_equal(got.upper, [0, 3, 3, NAN, NAN, NAN])


def test_a_flat_part_lasts_to_the_end_of_follow_up() -> None:
    """As above with Surv(1:4, c(1, 1, 0, 0)): flat from 2 to 4."""
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0], interval="plain")
    got = survival_quantiles(curve, [0.25, 0.3, 0.5, 0.75])
    np.testing.assert_array_equal(got.value, [1.5, 2, 3, NAN])
    np.testing.assert_array_equal(got.lower, [1, 1, 1, 2])
    np.testing.assert_array_equal(got.upper, NAN)


def test_limits_that_are_missing_at_1_are_skipped() -> None:
    """As above with Surv(1:5, c(1, 1, 0, 1, 0)) and conf.type = "log-log"."""
    curve = kaplan_meier([1, 2, 3, 4, 5], [1, 1, 0, 1, 0], interval="log-log")
    got = survival_quantiles(curve, [0.25, 0.3, 0.5, 0.6, 0.75, 1])
    np.testing.assert_array_equal(got.value, [2, 2, 4, 4, NAN, NAN])
    np.testing.assert_array_equal(got.lower, [1, 1, 1, 1, 1, NAN])
    np.testing.assert_array_equal(got.upper, [4, NAN, NAN, NAN, NAN, NAN])


def test_leaving_on_the_first_day() -> None:
    """As above with Surv(0:5, c(1, 0, 1, 0, 1, 0)): flat at 5/6 from 0 to 2."""
    curve = kaplan_meier([0, 1, 2, 3, 4, 5], [1, 0, 1, 0, 1, 0])
    got = survival_quantiles(curve, [1 / 6, 0.25, 0.5, 0.6, 0.75])
    np.testing.assert_array_equal(got.value, [1, 2, 4, 4, NAN])
    np.testing.assert_array_equal(got.lower, [0, 0, 2, 2, 4])
    np.testing.assert_array_equal(got.upper, NAN)


def test_weights_late_entry_clusters_and_a_start_agree_with_r() -> None:
    """quantile(survfit(Surv(entry, time, e) ~ 1, d, ...), c(.1, .25, .5)), d of pitfalls/tr.csv.

    Weighted, clustered by id %% 100 with conf.type = "log-log"; then with start.time = 6.5.
    """
    d = pd.read_csv(TRAINEES)
    share = [0.1, 0.25, 0.5]
    weighted = kaplan_meier(
        d["time"], d["status"], d["entry"], d["w"], d["id"] % 100, interval="log-log"
    )
    got = survival_quantiles(weighted, share)
    np.testing.assert_array_equal(got.value, [2, 7, 19])
    np.testing.assert_array_equal(got.lower, [2, 5, 17])
    np.testing.assert_array_equal(got.upper, [3, 8, 21])
    later = survival_quantiles(
        kaplan_meier(d["time"], d["status"], d["entry"], start=6.5), [0, *share]
    )
    np.testing.assert_array_equal(later.value, [6.5, 10, 15, 31])
    np.testing.assert_array_equal(later.lower, [6.5, 9, 13, 27])
    np.testing.assert_array_equal(later.upper, [6.5, 10, 16, 34])


def test_a_limit_that_rises_again_is_crossed_where_it_first_falls() -> None:
    """R's quantile gives 12 for this upper limit, its print 10.

    The upper limit is .478 at 10 and .481 at 12: R sorts 1 - upper (.522, .519) before it looks
    for .5, and so takes the later time for the first. Seen in survival 3.5-3.
    """
    entry = [0, 8, 0, 8, 5, 1, 1, 0, 0, 7, 4, 0, 5, 0, 7, 1, 0, 0, 4, 0, 0, 0, 8, 0]
    exit_ = [1, 9, 5, 9, 6, 9, 10, 8, 3, 12, 9, 4, 10, 1, 9, 2, 8, 7, 8, 3, 3, 1, 12, 5]
    left = [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    curve = kaplan_meier(exit_, left, entry)
    np.testing.assert_allclose(
        curve.upper[-3:], [0.53753149026451785, 0.47816335599542031, 0.48118985428210087]
    )
    assert survival_quantiles(curve, 0.5).upper == 10


rows = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=2, max_size=40)


@given(rows, st.floats(0.01, 0.99), st.sampled_from(["plain", "log", "log-log", "logit"]))
def test_the_curve_is_at_or_below_the_level_from_the_quantile_on(
    people: list[tuple[int, bool]], share: float, interval: Interval
) -> None:
    exit_, left = (np.array(column) for column in zip(*people, strict=True))
    curve = kaplan_meier(exit_, left, interval=interval)
    got = survival_quantiles(curve, share)
    if np.isnan(got.value[0]):
        assert curve.survival[-1] > 1 - share - 1e-6
        return
    assert survival_at(curve, got.value).survival[0] <= 1 - share + 1e-6
    before = survival_at(curve, got.value - 0.25).survival[0]
    assert before >= 1 - share - 1e-6
    assert not got.lower[0] > got.value[0]
    assert not got.upper[0] < got.value[0]


def test_a_share_outside_0_and_1_is_refused() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        survival_quantiles(kaplan_meier([1, 2], [1, 1]), 50)
