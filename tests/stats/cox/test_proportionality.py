"""The test of proportional hazards: R's, its invariances, and its size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.proportionality import proportionality_test
from gmts_models.stats.cox.time_effects import TimeEffect, fit_cox_time_effects

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"


def test_rank_transform_does_not_depend_on_row_order() -> None:
    """R: cox.zph(coxph(Surv(time, status > 0) ~ age + sex), "rank"), p of age .772."""
    d = pd.read_csv(TRAINEES)
    for seed in range(3):
        e = d.sample(frac=1, random_state=seed)
        fit = fit_cox(e[["age", "sex"]], e["time"], e["status"] > 0)
        assert proportionality_test(fit, "rank").p[0] == pytest.approx(0.77199937, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_it_is_the_score_test_of_a_changing_effect(seed: int, ties: str) -> None:
    """Against the fit with x t written out, whose null is the fit: its score at coefficient 0."""
    rows = draw(seed, 60)
    del rows["offset"]
    fit = fit_cox(**rows, ties=ties)  # type: ignore[arg-type]
    got = proportionality_test(fit, "identity")
    effect = TimeEffect(column=0, function=lambda x, t: x * t, name="x t")
    wide = fit_cox_time_effects(**rows, effects=[effect], ties=ties)  # type: ignore[arg-type]
    from gmts_models.stats.cox.fit import likelihood_at

    here = likelihood_at(wide.data, np.append(fit.coefficients, 0.0))
    chi2 = here.gradient @ np.linalg.solve(here.information, here.gradient)
    assert got.chi2[0] == pytest.approx(chi2, rel=1e-6, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["km", "rank", "identity", "log"]))
def test_whole_weights_are_replicated_rows(seed: int, transform: str) -> None:
    rows = draw(seed, 60)
    number = np.random.default_rng(seed).integers(1, 4, 60)
    again = np.repeat(np.arange(60), number)
    weighted = fit_cox(**rows | {"weights": number.astype(float)}, ties="breslow")
    rows["weights"] = np.ones(60)
    replicated = fit_cox(**{name: each[again] for name, each in rows.items()}, ties="breslow")
    one, other = (
        proportionality_test(fit, transform)  # type: ignore[arg-type]
        for fit in (weighted, replicated)
    )
    np.testing.assert_allclose(one.chi2, other.chi2, rtol=1e-6, atol=1e-9)


def test_terms_of_several_columns() -> None:
    rows = draw(3, 120)
    fit = fit_cox(**rows, names=["a", "b", "c"])
    got = proportionality_test(fit, "km", terms=[("ab", [0, 1]), ("c", [2])])
    assert got.terms == ("ab", "c", "GLOBAL")
    np.testing.assert_array_equal(got.df, [2, 1, 3])
    each = proportionality_test(fit, "km")
    assert got.chi2[1] == pytest.approx(each.chi2[2])
    assert got.chi2[2] == pytest.approx(each.chi2[3])


def test_bad_transforms() -> None:
    exit_, left = np.array([0, 1, 2, 3.0]), np.array([True, True, False, True])
    fit = fit_cox([[1], [0], [1], [1.0]], exit_, left)
    with pytest.raises(InputError, match="log of a time of 0"):
        proportionality_test(fit, "log")
    with pytest.raises(InputError, match="finite numbers"):
        proportionality_test(fit, np.ones(2))


@pytest.mark.slow
def test_size_is_nominal_and_a_reversed_effect_is_found(repetitions: int) -> None:
    rng = np.random.default_rng(9)
    n = 150
    rejected = np.zeros((repetitions, 2), dtype=bool)
    for r in range(repetitions):
        x = rng.normal(size=n)
        for j, turn in enumerate((False, True)):
            early, late = (
                rng.exponential(20 * np.exp(-0.6 * x)),
                rng.exponential(20 * np.exp(0.6 * x if turn else -0.6 * x)),
            )
            time = np.ceil(np.where(early < 12, early, 12 + late))
            fit = fit_cox(x[:, None], np.minimum(time, 48), time <= 48)
            rejected[r, j] = proportionality_test(fit).p[0] < 0.05
    size, power = rejected.mean(axis=0)
    assert abs(size - 0.05) < 4 * np.sqrt(0.05 * 0.95 / repetitions) + 0.005, size
    assert power > 0.9


def test_what_cannot_be_tested_is_said() -> None:
    rows = draw(3, 60)
    fit = fit_cox(**rows)
    with pytest.raises(NotEstimableError, match="one value"):
        proportionality_test(fit, np.ones(len(fit.data.grid)))
    with pytest.raises(NotEstimableError, match="one value"):
        proportionality_test(fit_cox(rows["X"], np.ones(60), rows["left"]))
    with pytest.raises(InputError, match="no such transform"):
        proportionality_test(fit, "Rank")  # type: ignore[arg-type]
    for columns in ([7], [], [0, 0]):
        with pytest.raises(InputError, match="each once"):
            proportionality_test(fit, terms=[("a", columns)])


def test_a_column_that_differs_at_one_time_only_has_no_trend() -> None:
    # The last two of the first column's kind leave or stay at month 1; later all are alike in it.
    x = np.array([[1, 0], [1, 1], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]], dtype=float)
    exit_ = np.array([1, 1, 1, 2, 3, 4, 5.0])
    fit = fit_cox(x, exit_, [True, False, True, True, True, True, True])
    got = proportionality_test(fit, "identity")
    np.testing.assert_array_equal(np.isnan(got.p), [True, False, True])


def test_columns_that_a_penalty_tells_apart_are_not_tested() -> None:
    rows = draw(3, 60)
    fit = fit_cox(**rows | {"X": rows["X"][:, [0, 0]]}, penalty=np.ones(2))
    with pytest.raises(NotEstimableError, match="penalty"):
        proportionality_test(fit)
