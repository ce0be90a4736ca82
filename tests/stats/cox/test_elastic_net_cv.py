"""The choice of lambda: R's values, by hand, people kept whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.cox.elastic_net_cv import assign_folds, choose_cox_elastic_net
from gmts_models.stats.cox.fit import cox_data, likelihood_at
from gmts_models.stats.regression.elastic_net import ElasticNet

LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"


@pytest.mark.parametrize(
    ("options", "mean", "error", "lambdas"),
    [
        (
            {},
            [9.951728607815, 9.9280588109389, 9.9425758417154, 9.9580104772969],
            [0.18012912878576, 0.19949259587398, 0.21456606096914, 0.22476389811589],
            (0.05, 0.15),
        ),
        (
            {"grouped": False},
            [6.069202508403, 6.0398723287226, 6.0496368565161, 6.0614339195613],
            [0.10750653274058, 0.10765221209699, 0.11739104728541, 0.12551499414002],
            (0.05, 0.15),
        ),
        (
            {"measure": "concordance"},
            [0.56869343771504, 0.63347999121558, 0.6361580007586, 0.6300982104102],
            [0.023548708197937, 0.02446970517534, 0.027367741352263, 0.025813694436688],
            (0.02, 0.05),
        ),
    ],
)
def test_lung_as_r(options: Any, mean: list[float], error: list[float], lambdas: Any) -> None:
    """R 4.2.2, glmnet 4.1-6: t <- time + ifelse(status == 1, 0, 0.25), k <- (0:211) %% 4 + 1.

    cv.glmnet(X, Surv(t, status), family = "cox", lambda = c(.15, .05, .02, .005), foldid = k,
    thresh = 1e-16, grouped, type.measure); why t: see `test_departures_come_before_censorings`.
    """
    d = pd.read_csv(LUNG)
    found = choose_cox_elastic_net(
        d[["age", "female", "ph.karno", "wt.loss"]],
        d["time"],
        d["status"] == 1,
        penalty=ElasticNet(lambdas=[0.15, 0.05, 0.02, 0.005]),
        folds=np.arange(len(d)) % 4,
        **options,
    )
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(found.std_err, error, rtol=1e-8)
    assert (found.lambda_min, found.lambda_1se) == lambdas
    assert found.path.lambdas[[found.best, found.simplest]].tolist() == list(lambdas)


def _draw(seed: int, n: int = 90) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    entry = rng.integers(0, 4, n) * rng.integers(0, 2, n)
    time = entry + np.ceil(rng.exponential(8 * np.exp(-X @ [0.7, -0.5, 0, 0])))
    return {
        "X": X,
        "exit_": np.minimum(time, 24 + entry),
        "left": time <= 24,
        "entry": entry.astype(float),
        "weights": rng.integers(1, 3, n).astype(float),
        "strata": rng.integers(0, 2, n),
    }


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(["deviance", "concordance"]))
def test_weights_replicate_rows(seed: int, grouped: bool, measure: Any) -> None:
    """They do not in cv.glmnet 4.1-6: 8.254 for two weights where replicated rows give 12.378."""
    d, folds = _draw(seed), np.arange(90) % 3
    net = ElasticNet(n_lambdas=5)
    options: Any = {"penalty": net, "grouped": grouped, "measure": measure}
    found = choose_cox_elastic_net(**d, folds=folds, **options)
    times = d["weights"].astype(int)
    whole = {name: np.repeat(each, times, axis=0) for name, each in d.items()}
    again = choose_cox_elastic_net(
        **whole | {"weights": None}, folds=np.repeat(folds, times), **options
    )
    np.testing.assert_allclose(found.mean, again.mean, rtol=1e-7)
    np.testing.assert_allclose(found.std_err, again.std_err, rtol=1e-6)


def test_deviance_of_a_fold_written_out() -> None:
    """Twice the likelihood that the fold's rows add, at coefficients found without them."""
    d, folds = _draw(1), np.arange(90) % 3
    d["weights"] = np.ones(90)
    net = ElasticNet(lambdas=[0.05])
    found = choose_cox_elastic_net(**d, penalty=net, folds=folds, ties="efron")
    data = cox_data(**d, ties="efron")
    for fold in range(3):
        others = {name: each[folds != fold] for name, each in d.items()}
        beta = choose_cox_elastic_net(
            **others, penalty=net, folds=np.arange(60) % 3, ties="efron"
        ).path.coefficients[0]
        at_all = likelihood_at(data, beta).value
        at_others = likelihood_at(cox_data(**others, ties="efron"), beta).value
        # The saturated likelihood, by the counts that leave at a time.
        full, part = (_saturated_efron(each) for each in (d, others))
        deviance = 2 * (full - at_all) - 2 * (part - at_others)
        assert found.by_fold[fold, 0] == pytest.approx(deviance / d["left"][folds == fold].sum())


def _saturated_efron(d: dict[str, Any]) -> float:
    frame = pd.DataFrame({"time": d["exit_"], "stratum": d["strata"]})[d["left"]]
    sizes = frame.groupby(["time", "stratum"]).size()
    return -float(sum(np.log(np.arange(1, size + 1)).sum() for size in sizes))


def test_order_and_labels_of_folds_change_nothing() -> None:
    d, folds = _draw(2), np.arange(90) % 3
    net = ElasticNet(n_lambdas=5)
    found = choose_cox_elastic_net(**d, penalty=net, folds=folds)
    order = np.random.default_rng(0).permutation(90)
    moved = choose_cox_elastic_net(
        **{name: each[order] for name, each in d.items()},
        penalty=net,
        folds=np.array(["z", "m", "a"])[folds[order]],
    )
    np.testing.assert_allclose(moved.mean, found.mean, rtol=1e-8)
    np.testing.assert_allclose(moved.std_err, found.std_err, rtol=1e-6)
    assert moved.best == found.best


def test_drawn_folds_keep_people_whole_and_are_of_one_size() -> None:
    people = np.repeat(np.arange(50), np.arange(50) % 4 + 1)
    codes = assign_folds(len(people), None, 7, np.random.default_rng(1), people)
    assert _whole(codes, people)
    by_person = pd.Series(codes).groupby(people)
    sizes = by_person.first().value_counts()
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == 7
    again = assign_folds(len(people), None, 7, np.random.default_rng(1), people)
    np.testing.assert_array_equal(codes, again)
    other = assign_folds(len(people), None, 7, np.random.default_rng(2), people)
    assert (codes != other).any()


def _whole(codes: Any, people: Any) -> bool:
    return len({*zip(people, codes, strict=True)}) == len({*people})


def test_rows_of_one_person_are_drawn_together() -> None:
    d = _draw(3)
    people = np.repeat(np.arange(30), 3)
    rng = np.random.default_rng(0)
    net = ElasticNet(n_lambdas=4)
    found = choose_cox_elastic_net(**d, clusters=people, n_folds=4, rng=rng, penalty=net)
    assert _whole(found.folds, people)
    assert found.by_fold.shape == (4, 4)


def test_bad_folds_are_refused() -> None:
    d = _draw(0)
    lonely = np.arange(90) % 2
    lonely[np.argmax(d["left"])] = 2
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "at random"),
        ({"folds": np.zeros(3)}, "folds has shape"),
        ({"folds": np.arange(90) % 2}, "3 are the least"),
        ({"rng": np.random.default_rng(0), "n_folds": 2}, "3 are the least"),
        ({"folds": np.arange(90) % 3, "clusters": np.arange(90) // 2}, "several folds"),
        ({"folds": np.where(d["left"], np.arange(90) % 2, 2)}, "nobody of a fold leaves"),
        ({"folds": lonely, "measure": "concordance"}, "no pair of people"),
    ]
    for options, what in cases:
        with pytest.raises(InputError, match=what):
            choose_cox_elastic_net(**d, **options)
