"""Kaplan-Meier by hand, against more of R, and by its identities.

R's published cases are held against it in tests/conformance/check_kaplan_meier.py. "R" below is
survival 3.5-3; `d` is pitfalls/tr.csv with e = status > 0 and cl = id %% 100.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.survival.kaplan_meier import (
    SurvivalCurve,
    conditional_survival,
    kaplan_meier,
    survival_at,
)
from gmts_models.stats.times import merge_near_ties

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"
EXACT = 1e-12  # relative; R and we do the same few operations


def _trainees(**options: Any) -> SurvivalCurve:
    d = pd.read_csv(TRAINEES)
    arguments: dict[str, Any] = {"entry": d["entry"]}
    if options.pop("robust", False):
        arguments |= {"weights": d["w"], "clusters": d["id"] % 100}
    return kaplan_meier(d["time"], d["status"], **arguments, **options)


def _agrees(at: Any, *want: list[float]) -> None:
    for got, expected in zip((at.survival, at.std_err, at.lower, at.upper), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=EXACT)


def test_by_hand() -> None:
    # Five people: one leaves on the first day, one at 2 where another is censored, one at 4.
    curve = kaplan_meier(np.array([0, 2, 2, 4, 5.0]), np.array([True, True, False, True, False]))
    np.testing.assert_allclose(curve.survival, [4 / 5, 3 / 5, 3 / 10, 3 / 10])
    np.testing.assert_array_equal(curve.at_risk, [5, 4, 2, 1])
    greenwood = 0.3 * np.sqrt(1 / (5 * 4) + 1 / (4 * 3) + 1 / (2 * 1))
    np.testing.assert_allclose(curve.std_err[-1], greenwood)
    np.testing.assert_allclose(curve.hazard, np.cumsum([1 / 5, 1 / 4, 1 / 2, 0]))
    np.testing.assert_allclose(curve.hazard_std_err[-1] ** 2, 1 / 25 + 1 / 16 + 1 / 4)


def test_tied_departures_one_by_one_by_hand() -> None:
    # Three of four leave together: 1/4 + 1/3 + 1/2, and the squares of each.
    rows = np.array([1, 1, 1, 2.0]), np.array([True, True, True, False])
    curve = kaplan_meier(*rows, hazard="fleming-harrington", exponential=True)
    np.testing.assert_allclose(curve.hazard, 13 / 12)
    np.testing.assert_allclose(curve.hazard_std_err**2, 1 / 16 + 1 / 9 + 1 / 4)
    np.testing.assert_allclose(curve.survival, np.exp(-13 / 12))
    np.testing.assert_allclose(curve.std_err, curve.survival * curve.hazard_std_err)


def test_late_entrants_are_at_risk_after_their_entry() -> None:
    curve = kaplan_meier([2, 2, 4], [True, False, True], entry=[0, 0, 2])
    np.testing.assert_array_equal(curve.at_risk, [2, 1])
    np.testing.assert_array_equal(curve.survival, [0.5, 0])


def test_robust_errors_of_weighted_clustered_late_entrants_agree_with_r() -> None:
    """survfit(Surv(entry, time, e) ~ 1, d, weights = w, cluster = cl, conf.type = "log-log")."""
    curve = _trainees(robust=True, interval="log-log")
    assert curve.robust
    _agrees(
        survival_at(curve, [6, 12, 24]),
        [0.750767940681672297, 0.609197436097768219, 0.435275526889354447],
        [0.017040980667636787, 0.016425903064313168, 0.018278662952632047],
        [0.715492716168874665, 0.576154098537823733, 0.399200588526928746],
        [0.782351237327648219, 0.640512924379436077, 0.470757713823533985],
    )
    at = np.searchsorted(curve.time, [6, 12, 24])
    np.testing.assert_allclose(
        curve.hazard[at], [0.279424619076787895, 0.484673383847669281, 0.815799155392109010]
    )
    np.testing.assert_allclose(
        curve.hazard_std_err[at],
        [0.021536779320399203, 0.025748986732716951, 0.040502664457484905],
        rtol=EXACT,
    )


def test_robust_errors_one_by_one_agree_with_r() -> None:
    """survfit(Surv(entry, time, e) ~ 1, d, weights = w, cluster = cl, stype = 2, ctype = 2)."""
    curve = _trainees(robust=True, exponential=True, hazard="fleming-harrington")
    _agrees(
        survival_at(curve, [6, 12, 24]),
        [0.750868979743426257, 0.609351641432433255, 0.435561994902167182],
        [0.017027180769040629, 0.016413435665133546, 0.018254909353749831],
        [0.718227082724112953, 0.578016325213552284, 0.401213125587258579],
        [0.784994381724677504, 0.642385702132578729, 0.472851557698839964],
    )


def test_given_a_start_agrees_with_r() -> None:
    """survfit(Surv(entry, time, e) ~ 1, d, start.time = 6.5), also with weights and cluster."""
    survival = [0.803703690313869679, 0.57335696049994933]
    se_of_log = [0.016116482057056368, 0.03259974864249901]  # std.err of the fit
    model_based = [
        survival,
        [survival[0] * se_of_log[0], survival[1] * se_of_log[1]],
        [0.778713292438196647, 0.53786852728426637],
        [0.829496077820449096, 0.61118691181572060],
    ]
    _agrees(survival_at(_trainees(start=6.5), [12, 24]), *model_based)
    _agrees(conditional_survival(_trainees(), [12, 24], since=6.5), *model_based)
    _agrees(
        survival_at(_trainees(robust=True, start=6.5), [12, 24]),
        [0.811432405524185274, 0.579773726744563511],
        [0.013955070347484229, 0.020866255319191496],
        [0.784536809694480586, 0.540285727673396665],
        [0.839250039766997080, 0.622147795150486238],
    )


SMALL: dict[str, Any] = {
    "exit_": [1, 2, 2, 3, 3, 3, 4, 5, 5, 6],
    "left": [1, 1, 0, 1, 1, 0, 1, 1, 1, 1],
    "weights": [1, 2, 0.5, 1, 3, 1, 2, 1, 0.7, 1.3],
}


def test_limits_do_not_depend_on_a_hazard_that_the_curve_does_not_use() -> None:
    """In R they do: survfit(..., weights = w, robust = TRUE, stype = 1, ctype = 2).

    The same curve and influence as with ctype = 1 (upper limit .8240 at time 4, error .1542), yet
    an upper limit of .3788, as if the error of S (.1542) were that of log S (.1542 / .28).
    """
    by_one = kaplan_meier(**SMALL)
    by_two = kaplan_meier(**SMALL, hazard="fleming-harrington")
    np.testing.assert_allclose(by_one.upper[3], 0.8239975658, rtol=1e-9)  # ctype = 1
    np.testing.assert_allclose(by_one.std_err[3], 0.15419968669, rtol=1e-9)  # both
    np.testing.assert_allclose(by_two.std_err, by_one.std_err, rtol=0)
    np.testing.assert_allclose(by_two.upper, by_one.upper, rtol=0)
    np.testing.assert_allclose(0.28 * np.exp(1.959963984540054 * 0.15419968669), 0.3788026797)


def test_exponential_limits_are_those_of_the_hazard() -> None:
    """In R not: survfit(..., weights = w, robust = TRUE, stype = 2, ctype = 1).

    It takes the error of the hazard (.3419 at time 4) for that of S and shows limits .0540 and 1.
    """
    curve = kaplan_meier(**SMALL, exponential=True)
    np.testing.assert_allclose(curve.survival[3], 0.3555554463, rtol=1e-9)
    np.testing.assert_allclose(curve.hazard_std_err[3], 0.34185518793, rtol=1e-9)
    z = 1.959963984540054
    np.testing.assert_allclose(
        -np.log([curve.upper[3], curve.lower[3]]),
        curve.hazard[3] + z * curve.hazard_std_err[3] * np.array([-1, 1]),
    )
    as_in_r = np.exp(-z * 0.34185518793 / 0.3555554463) * 0.3555554463
    np.testing.assert_allclose(as_in_r, 0.05401374393, rtol=1e-8)


def test_broken_weights_make_errors_robust_unless_asked_otherwise() -> None:
    assert kaplan_meier(**SMALL).robust
    assert not kaplan_meier(**SMALL, robust=False).robust
    assert not kaplan_meier(SMALL["exit_"], SMALL["left"]).robust
    assert kaplan_meier(SMALL["exit_"], SMALL["left"], clusters=np.arange(10)).robust


def test_a_risk_set_that_empties_takes_the_curve_to_0_whatever_the_weights() -> None:
    # Sums of weights over the same people differ in their last digits: 0.1 + 0.7 is not
    # 0.1 + 0.7 + 0.3 + 0.6 - (0.3 + 0.6), and the curve would end below 0.
    weights = [0.1, 0.7, 0.3, 0.6]
    curve = kaplan_meier([2, 2, 5, 6], [1, 1, 1, 1], [0, 0, 3, 3], weights, robust=False)
    np.testing.assert_array_equal(curve.survival, 0)
    robust = kaplan_meier([2, 2, 5, 6], [1, 1, 1, 1], [0, 0, 3, 3], weights)
    np.testing.assert_array_equal(robust.survival, 0)
    np.testing.assert_array_equal(robust.std_err, 0)


def test_causes_are_all_ways_of_leaving() -> None:
    by_cause = kaplan_meier([1, 2, 3, 4], [2, -1, 0, 1])
    np.testing.assert_array_equal(
        by_cause.survival, kaplan_meier([1, 2, 3, 4], [True, True, False, True]).survival
    )


def test_past_follow_up_is_not_estimable() -> None:
    curve = kaplan_meier(np.array([1, 2, 3.0]), np.array([True, False, False]))
    at = survival_at(curve, np.array([3, 3.5]))
    assert at.survival[0] == pytest.approx(2 / 3)
    assert np.isnan([at.survival[1], at.std_err[1], at.lower[1], at.upper[1]]).all()
    assert survival_at(curve, [3.5], last=4).survival[0] == pytest.approx(2 / 3)
    everyone_left = kaplan_meier(np.array([1, 2.0]), np.array([True, True]))
    assert survival_at(everyone_left, np.array([3.5])).survival[0] == 0


def test_before_the_start_is_not_estimable() -> None:
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0], start=1)
    at = survival_at(curve, [0.5, 1, 2])
    assert np.isnan(at.survival[0])
    np.testing.assert_allclose(at.survival[1:], [1, 2 / 3])  # the departure at 1 is before


def test_conditional_survival_of_people_of_different_tenure() -> None:
    curve = kaplan_meier([1, 2, 3, 4, 5], [1, 1, 1, 1, 0], interval="plain")
    at = conditional_survival(curve, [1, 3, 2, 6, 5], since=[0, 1, 2, 4, 5])
    np.testing.assert_allclose(at.survival, [4 / 5, 2 / 4, 1, np.nan, 1])
    np.testing.assert_allclose(at.std_err[1] ** 2, 0.25 * (1 / (4 * 3) + 1 / (3 * 2)))
    np.testing.assert_array_equal(at.time, [1, 3, 2, 6, 5])
    gone = kaplan_meier([1, 2.0], [1, 1])
    assert np.isnan(conditional_survival(gone, 3, since=2).survival)


def test_errors() -> None:
    rows = [1.0, 2.0], [True, False]
    with pytest.raises(InputError, match="no rows"):
        kaplan_meier([], [])
    with pytest.raises(InputError, match="has shape"):
        kaplan_meier([1, 2], [True])
    with pytest.raises(InputError, match="no such hazard"):
        kaplan_meier(*rows, hazard="nelson")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such interval"):
        kaplan_meier(*rows, interval="loglog")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="between 0 and 1"):
        kaplan_meier(*rows, level=95)
    with pytest.raises(InputError, match="ignores the clusters"):
        kaplan_meier(*rows, clusters=[1, 1], robust=False)
    with pytest.raises(InputError, match="after the start"):
        kaplan_meier(*rows, start=2)
    with pytest.raises(InputError, match="do not split by time"):
        conditional_survival(kaplan_meier(*rows, robust=True), 1, since=0)
    with pytest.raises(InputError, match="before since"):
        conditional_survival(kaplan_meier(*rows), 0, since=1)


people = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 12), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=40,
)
KINDS = st.fixed_dictionaries(
    {
        "exponential": st.booleans(),
        "hazard": st.sampled_from(["nelson-aalen", "fleming-harrington"]),
        "robust": st.booleans(),
    }
)


def _columns(rows: list[tuple[int, int, bool, int]]) -> tuple[np.ndarray, ...]:
    entry, length, left, weight = (np.array(column) for column in zip(*rows, strict=True))
    return entry.astype(float), (entry + length).astype(float), left, weight.astype(float)


def _same(one: SurvivalCurve, other: SurvivalCurve, at: np.ndarray) -> None:
    # Errors: a robust variance of 0, of clusters that cancel, is left with rounding of 1e-16.
    noise = 1e-7 if one.robust else 1e-12
    a, b = survival_at(one, at), survival_at(other, at)
    for which in ("survival", "std_err", "lower", "upper"):
        atol = 1e-12 if which == "survival" else noise
        np.testing.assert_allclose(getattr(a, which), getattr(b, which), rtol=1e-9, atol=atol)
    for which, atol in (("hazard", 1e-12), ("hazard_std_err", noise)):
        got, want = (
            np.append(0, getattr(each, which))[np.searchsorted(each.time, at, side="right")]
            for each in (one, other)
        )
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=atol)


@given(people)
def test_weights_are_replicated_rows(rows: list[tuple[int, int, bool, int]]) -> None:
    entry, exit_, left, weight = _columns(rows)
    repeat = np.repeat(np.arange(len(rows)), weight.astype(int))
    copies = exit_[repeat], left[repeat], entry[repeat]
    _same(kaplan_meier(exit_, left, entry, weight), kaplan_meier(*copies), np.unique(exit_))
    # Robust: the copies of a row are one person, whose influences add up.
    _same(
        kaplan_meier(exit_, left, entry, weight, robust=True),
        kaplan_meier(*copies, clusters=repeat),
        np.unique(exit_),
    )


@given(people, st.randoms(), KINDS)
def test_row_order_scale_and_labels_change_nothing(
    rows: list[Any], random: Any, kind: dict[str, Any]
) -> None:
    entry, exit_, left, weight = _columns(rows)
    order = np.array(random.sample(range(len(rows)), len(rows)))
    labels = np.arange(len(rows)) % 7
    clusters = labels if kind["robust"] else None
    whole = kaplan_meier(exit_, left, entry, weight, clusters, **kind)
    shuffled = kaplan_meier(
        exit_[order],
        left[order],
        entry[order],
        weight[order],
        None if clusters is None else np.array(list("gfedcba"))[labels[order]],
        **kind,
    )
    _same(shuffled, whole, whole.time)
    days = kaplan_meier(exit_ * 30.4375, left, entry * 30.4375, weight, clusters, **kind)
    np.testing.assert_allclose(days.survival, whole.survival, rtol=1e-12)
    np.testing.assert_allclose(days.upper, whole.upper, rtol=1e-9, atol=1e-7)


@given(people, KINDS)
def test_splitting_a_person_into_rows_changes_nothing(
    rows: list[Any], kind: dict[str, Any]
) -> None:
    entry, exit_, left, weight = _columns(rows)
    person = np.arange(len(rows))
    whole = kaplan_meier(exit_, left, entry, weight, **kind)
    middle = (entry + exit_) / 2
    split = kaplan_meier(
        np.r_[middle, exit_],
        np.r_[np.zeros(len(left), bool), left],
        np.r_[entry, middle],
        np.r_[weight, weight],
        np.r_[person, person] if kind["robust"] else None,
        **kind,
    )
    _same(split, whole, whole.time)


@given(people, st.integers(1, 20))
def test_shifting_entry_and_exit_shifts_the_curve(rows: list[Any], shift: int) -> None:
    entry, exit_, left, weight = _columns(rows)
    entry += 1  # an entry of 0 is no delayed entry, and would become one
    exit_ += 1
    whole = kaplan_meier(exit_, left, entry, weight)
    moved = kaplan_meier(exit_ + shift, left, entry + shift, weight)
    np.testing.assert_array_equal(moved.time, whole.time + shift)
    np.testing.assert_array_equal(moved.survival, whole.survival)
    np.testing.assert_array_equal(moved.lower, whole.lower)


@given(people)
def test_robust_errors_are_greenwoods_without_weights_and_late_entry(rows: list[Any]) -> None:
    _, exit_, left, _ = _columns(rows)
    model, robust = kaplan_meier(exit_, left), kaplan_meier(exit_, left, robust=True)
    above = model.survival > 0
    np.testing.assert_allclose(robust.std_err[above], model.std_err[above], rtol=1e-9)


@given(people)
def test_without_censoring_it_is_the_share_that_stayed(rows: list[Any]) -> None:
    _, exit_, _, _ = _columns(rows)
    curve = kaplan_meier(exit_, np.ones(len(exit_), bool))
    share = (exit_ > curve.time[:, None]).mean(axis=1)
    np.testing.assert_allclose(curve.survival, share, atol=1e-12)
    binomial = np.sqrt(share * (1 - share) / len(exit_))
    np.testing.assert_allclose(curve.std_err[share > 0], binomial[share > 0], rtol=1e-9)


@given(people, st.integers(0, 10))
def test_a_start_gives_the_ratio_of_the_curve(rows: list[Any], start: int) -> None:
    entry, exit_, left, weight = _columns(rows)
    whole = kaplan_meier(exit_, left, entry, weight)
    before = survival_at(whole, [start], last=np.inf).survival[0]
    if before == 0 or not (exit_ > start).any():
        return
    given_start = kaplan_meier(exit_, left, entry, weight, start=start)
    ratio = conditional_survival(whole, given_start.time, since=start)
    np.testing.assert_allclose(given_start.survival, ratio.survival, rtol=1e-12)
    np.testing.assert_allclose(given_start.std_err, ratio.std_err, rtol=1e-7, atol=1e-9)
    dropped = exit_ > start
    again = kaplan_meier(
        exit_[dropped], left[dropped], np.maximum(entry, start)[dropped], weight[dropped]
    )
    np.testing.assert_allclose(given_start.survival, again.survival, rtol=1e-12)
    np.testing.assert_allclose(given_start.upper, again.upper, rtol=1e-12)


def test_near_ties_are_one_time() -> None:
    noisy = np.array([0.1 + 0.2, 0.3, 1.0])
    assert len(np.unique(noisy)) == 3
    assert len(np.unique(merge_near_ties(noisy))) == 2
    apart = np.array([1.0, 1.0 + 1e-6])
    np.testing.assert_array_equal(merge_near_ties(apart), apart)
    np.testing.assert_allclose(kaplan_meier(noisy, [1, 1, 0]).survival, [1 / 3, 1 / 3])
