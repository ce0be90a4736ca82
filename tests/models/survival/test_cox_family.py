"""The Cox family: against R, as limits of each other, and on rows that change with time."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from gmts_models.errors import FitError, InputError
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.cox_elastic_net import CoxElasticNet
from gmts_models.models.survival.cox_firth import CoxFirth
from gmts_models.models.survival.cox_time_effects import CoxTimeEffects
from gmts_models.outcome import Outcome
from gmts_models.stats.cox.time_effects import split_rows

DATA = Path(__file__).parents[2] / "reference" / "data"
ITERATED = 1e-8  # relative; both sides iterate to the last digits
R = Callable[[str], dict[str, Any]]


def _people(n: int = 300, seed: int = 3) -> tuple[pd.DataFrame, Outcome]:
    """Text, a gap, tied whole months, late entry, follow-up that ends with a census."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "specialism": rng.choice(["Finance", "HR", "Informatics"], n, p=[0.5, 0.3, 0.2]),
            "score": rng.normal(size=n),
            "route": rng.choice(["graduate", "career changer"], n),
        }
    )
    time = np.ceil(rng.exponential(30 * np.exp(-0.5 * X["score"].to_numpy())))
    census = rng.choice([24, 36, 48], n)
    exit_ = np.minimum(time, census)
    entry = np.where(rng.random(n) < 0.2, np.minimum(exit_ - 1, 3), 0)
    X.loc[::17, "score"] = np.nan
    return X, Outcome(entry, exit_, time <= census)


MODELS: list[Any] = [
    CoxPH(strata="specialism"),
    CoxElasticNet(alpha=0.01, strata="specialism"),
    CoxElasticNet(folds=3, rule="1se"),
    CoxFirth(strata="specialism", profile=False),
    CoxTimeEffects({"score": "log", "route": (6, 12)}, strata="specialism"),
]
NAMES = [f"{type(model).__name__}{i}" for i, model in enumerate(MODELS)]


# What every model promises


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_risks_grow_within_their_limits(model: Any) -> None:
    X, y = _people()
    fitted = clone(model).fit(X, y)
    horizons = [0, 3, 6, 12, 24, 36]
    risk = fitted.predict_risk(X, horizons)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= 0).all()
    np.testing.assert_array_equal(risk[:, 0], 0)
    assert np.isnan(fitted.predict_risk(X, [60])).all()
    assert len(fitted.predict_risk(X.iloc[:0], horizons)) == 0
    again = pickle.loads(pickle.dumps(fitted)).predict_risk(X, horizons)
    np.testing.assert_array_equal(again, risk)
    if isinstance(model, CoxElasticNet):
        with pytest.raises(InputError, match="no interval of its own"):
            fitted.predict_risk_interval(X, horizons)
        return
    limits = fitted.predict_risk_interval(X, horizons)
    np.testing.assert_allclose(limits.risk, risk, atol=1e-14)
    known = risk > 0
    assert (limits.lower[known] < risk[known]).all()
    assert (risk[known] < limits.upper[known]).all()
    narrow = fitted.predict_risk_interval(X, horizons, level=0.5)
    assert (narrow.upper[known] < limits.upper[known]).all()


@pytest.mark.parametrize("model", [MODELS[i] for i in (0, 1, 3, 4)])
def test_weights_are_rows_repeated_and_none_is_no_row(model: Any) -> None:
    X, y = _people(150)
    X = X.assign(score=X["score"].fillna(0.0))  # the encoder's mean for gaps has no weights
    model = clone(model).set_params(ties="breslow")
    count = np.random.default_rng(0).integers(0, 3, len(X))
    rows = np.repeat(np.arange(len(X)), count)
    weighted = clone(model).fit(X, y, sample_weight=count)
    repeated = clone(model).fit(X.iloc[rows].reset_index(drop=True), y[rows])
    np.testing.assert_allclose(
        weighted.predict_risk(X, [12, 24]), repeated.predict_risk(X, [12, 24]), atol=1e-7
    )


@pytest.mark.parametrize("model", [MODELS[i] for i in (0, 3, 4)])
def test_following_a_person_in_pieces_changes_nothing(model: Any) -> None:
    """Not so for the elastic net, whose penalty counts for each row."""
    X, y = _people(150)
    X = X.assign(score=X["score"].fillna(0.0))  # a mean to fill gaps with would be of rows
    pieces = split_rows(y.exit, y.left, [5.0, 11.0], y.entry)
    cut = Outcome(pieces.entry, pieces.exit, pieces.left, ids=pieces.row)
    whole = clone(model).fit(X, y).predict_risk(X, [12, 24])
    parts = clone(model).fit(X.iloc[pieces.row].reset_index(drop=True), cut)
    np.testing.assert_allclose(parts.predict_risk(X, [12, 24]), whole, atol=1e-7)


CHECKED: list[tuple[Any, set[str]]] = [
    (CoxPH(alpha=1.0, ties="breslow"), set()),
    (CoxElasticNet(alpha=0.01, ties="breslow"), set()),
    # Columns that are sums of others, which Firth's penalty does not tell apart.
    (
        CoxFirth(ties="breslow", profile=False),
        {"check_sample_weight_equivalence_on_dense_data", "check_pipeline_consistency"},
    ),
    # The check's frame has columns 0 and 1, and no x0.
    (
        CoxTimeEffects({"x0": "log"}, alpha=1.0, ties="breslow"),
        {"check_sample_weights_pandas_series"},
    ),
]


@pytest.mark.parametrize(("model", "but"), CHECKED, ids=[type(m).__name__ for m, _ in CHECKED])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(model: Any, but: set[str]) -> None:
    results = run_checks(model)
    assert {name for name, (status, _) in results.items() if status == "failed"} == but


# CoxPH where attributes change


def _heart() -> tuple[pd.DataFrame, Outcome]:
    d = pd.read_csv(DATA / "heart.csv")
    y = Outcome(d["start"], d["stop"], d["event"], ids=d["id"])
    return d[["age", "year", "surgery", "transplant"]].astype(float), y


def test_start_stop_rows_agree_with_r(r_values: R) -> None:
    X, y = _heart()
    plain, clustered = (
        r_values("d_cox_tvc_heart")[name] for name in ("tvc_efron", "tvc_cluster_id")
    )
    model = CoxPH().fit(X, y)
    np.testing.assert_allclose(model.coef_, plain["coef"], rtol=ITERATED)
    np.testing.assert_allclose(model.covariance_, plain["var"], rtol=ITERATED, atol=1e-9)
    robust = CoxPH(robust=True).fit(X, y)
    np.testing.assert_allclose(robust.covariance_, clustered["var"], rtol=ITERATED, atol=1e-9)
    # Rows that are taken for people give another sandwich.
    alone = CoxPH(robust=True).fit(X, Outcome(y.entry, y.exit, y.event))
    assert np.abs(alone.covariance_ / robust.covariance_ - 1).max() > 0.01


def test_a_path_agrees_with_r(r_values: R) -> None:
    X, y = _heart()
    out = r_values("d_cox_tvc_heart")["survfit_covariate_path"]
    path = pd.DataFrame(out["path"])
    model = CoxPH().fit(X, y)
    for person, rows in path.groupby("id"):
        mine = np.array(out["id"]) == str(person)
        times = np.array(out["time"], dtype=float)[mine]
        known = times <= rows["stop"].max()
        got = model.predict_path(rows[list(X)].astype(float), rows["start"], rows["stop"], times)
        np.testing.assert_allclose(
            1 - got.risk[0, known], np.array(out["surv"])[mine][known], rtol=ITERATED
        )
        assert np.isnan(got.risk[0, ~known]).all()


def test_a_path_that_does_not_change_is_a_row() -> None:
    X, y = _people()
    model = CoxPH(strata="specialism").fit(X, y)
    row = X.iloc[[4]]
    path = model.predict_path(pd.concat([row] * 3), [0, 5, 11], [5, 11, 30], [6, 12, 24])
    alone = model.predict_risk_interval(row, [6, 12, 24])
    for name in ("risk", "lower", "upper"):
        np.testing.assert_allclose(getattr(path, name), getattr(alone, name), rtol=1e-10)
    # From month 5 on: given still there then.
    later = model.predict_path(pd.concat([row] * 2), [5, 11], [11, 30], [12, 24])
    risk = model.predict_risk(row, [5, 12, 24])[0]
    np.testing.assert_allclose(later.risk[0], 1 - (1 - risk[1:]) / (1 - risk[0]))
    with pytest.raises(InputError, match="follow each other"):
        model.predict_path(pd.concat([row] * 2), [0, 4], [5, 9], [6])


def test_strata_of_one_person_of_no_label_and_unseen() -> None:
    X, y = _people()
    X = X.astype({"specialism": object})
    alone = int(np.flatnonzero(~y.left)[0])
    X.loc[alone, "specialism"] = "Policy"
    X.loc[[7, 8], "specialism"] = [None, np.nan]
    X.loc[9, "specialism"] = pd.NA
    model = CoxPH(strata="specialism").fit(X, y)
    assert model.strata_ == ("(missing)", "Finance", "HR", "Informatics", "Policy")
    # Nobody left in the stratum: no risk was seen, and no limits can be.
    limits = model.predict_risk_interval(X.iloc[[alone]], [y.exit[alone], 48.0])
    assert limits.risk[0, 0] == 0
    assert np.isnan(limits.upper[0, 0])
    with pytest.raises(InputError, match="1 strata were not in the training rows"):
        model.predict_risk(X.iloc[[0]].assign(specialism="Estates"), [6])
    with pytest.raises(InputError, match="X has no column 'cohort'"):
        CoxPH(strata="cohort").fit(X, y)
    with pytest.raises(InputError, match="no column beside the strata"):
        CoxPH(strata="specialism").fit(X[["specialism"]], y)


# Elastic net


def test_elastic_net_agrees_with_glmnet(open_data: Callable[[str], Path], r_values: R) -> None:
    d = pd.read_csv(open_data("reference/data/glmnet_turnover.csv"))
    X, y = d.loc[:, "genderm":"novator"].astype(float), Outcome(0, d["stag"], d["event"])
    for case, ratio, weights in (
        ("cox_given_lambdas", 0.9, None),
        ("cox_ridge", 0.0, None),
        ("cox_weights", 1.0, d["w"]),
    ):
        out = r_values("g_glmnet_turnover")[case]
        for index, want in list(zip(out["at_index"], out["coef_at_index"], strict=True))[1::2]:
            model = CoxElasticNet(out["lambda"][index], ratio, ties="breslow")
            model.fit(X, y, sample_weight=weights)
            got = pd.Series(model.coef_, model.terms_)
            want = pd.Series(want if isinstance(want, dict) else dict(zip(X, want, strict=True)))
            np.testing.assert_allclose(got[want.index], want, rtol=1e-4, atol=3e-5)


def test_elastic_net_of_strata_agrees_with_glmnet(
    open_data: Callable[[str], Path], r_values: R
) -> None:
    d = pd.read_csv(open_data("reference/data/glmnet_physicians.csv"))
    out = r_values("g_glmnet_lefttrunc_strata")["cox_stratified_enet"]
    X = d[[*out["var_names"], "late"]].astype(dict.fromkeys(out["var_names"], float))
    y = Outcome(0, d["exit"], d["event"])
    model = CoxElasticNet(out["lambda"][out["at_index"][4]], 0.5, strata="late", ties="breslow")
    np.testing.assert_allclose(model.fit(X, y).coef_, out["coef_at_index"][4], rtol=1e-4, atol=3e-5)


def test_elastic_net_without_a_penalty_is_cox() -> None:
    X, y = _people()
    cox, net = CoxPH().fit(X, y), CoxElasticNet(alpha=0.0).fit(X, y)
    np.testing.assert_allclose(net.coef_, cox.coef_, atol=1e-6)
    np.testing.assert_allclose(net.predict_risk(X, [24]), cox.predict_risk(X, [24]), atol=1e-6)
    # Ridge of weight alpha per row is CoxPH's of weight alpha n, but for n - 1 in the spread.
    n = len(X)
    ridge = CoxElasticNet(alpha=0.05, l1_ratio=0.0).fit(X, y)
    same = CoxPH(alpha=0.05 * (n - 1)).fit(X, y)
    np.testing.assert_allclose(ridge.coef_, same.coef_, atol=1e-6)


def test_cross_validation_keeps_people_whole_and_finds_the_strong_attribute() -> None:
    X, y = _people(700)
    rng = np.random.default_rng(1)
    X = X.assign(**{f"noise{j}": rng.normal(size=len(X)) for j in range(8)})
    best, simple = (CoxElasticNet(folds=4, rule=rule).fit(X, y) for rule in ("min", "1se"))
    table = best.cross_validation_
    assert table is not None
    assert best.alpha_ == table["alpha"][table["deviance"].argmin()]
    assert simple.alpha_ > best.alpha_
    assert simple.summary()["term"].iloc[0] == "score"
    assert (simple.coef_ != 0).sum() < (best.coef_ != 0).sum()
    # The same seed draws the same folds.
    table = simple.cross_validation_
    assert best.alpha_ == table["alpha"][table["deviance"].argmin()]
    # Rows of the same people in two halves tell the same.
    halves = split_rows(y.exit, y.left, [10.0], y.entry)
    cut = Outcome(halves.entry, halves.exit, halves.left, ids=halves.row)
    cut_model = CoxElasticNet(folds=4).fit(X.iloc[halves.row].reset_index(drop=True), cut)
    assert cut_model.summary()["term"].iloc[0] == "score"


def test_elastic_net_refuses_what_it_cannot_do() -> None:
    X, y = _people(60)
    few = Outcome(0, y.exit, np.arange(60) < 4)
    with pytest.raises(InputError, match="4 people leave, too few for 10 folds"):
        CoxElasticNet().fit(X, few)
    for wrong in ({"l1_ratio": 2}, {"rule": "best"}, {"folds": 2}, {"alpha": -1.0}):
        with pytest.raises(InputError):
            CoxElasticNet(**wrong).fit(X, y)


# Firth


def test_firth_agrees_with_r(open_data: Callable[[str], Path], r_values: R) -> None:
    d = pd.read_csv(open_data("reference/data/firth_turnover.csv"))
    for ties in ("breslow", "efron"):
        out = r_values("h_firth_turnover")[f"cox_monotone_{ties}"]
        X, y = d[out["coef_names"]].astype(float), Outcome(0, d["stag"], d["event"])
        with pytest.raises(FitError, match="separates"):
            CoxPH(ties=ties).fit(X, y)
        table = CoxFirth(ties=ties).fit(X, y).summary()
        for name, want in (
            ("coefficient", out["coef"]),
            ("se", out["se"]),
            ("lower", np.exp(out["profile_lower"])),
            ("upper", np.exp(out["profile_upper"])),
            ("p", out["profile_p"]),
        ):
            np.testing.assert_allclose(table[name], want, rtol=2e-5, atol=1e-6)


def test_firth_is_finite_where_a_label_has_no_departures() -> None:
    X, y = _people(80)
    rare = np.flatnonzero(~y.left)[:4]
    X["rare"] = np.isin(np.arange(80), rare).astype(float)
    model = CoxFirth(profile=False).fit(X, y)
    table = model.summary().set_index("term")
    assert table.loc["rare", "coefficient"] < -0.5
    assert np.isfinite(table["se"]).all()
    assert table["lower"].isna().all()
    limits = model.predict_risk_interval(X.iloc[rare], [24])
    assert (limits.upper - limits.lower > 0.1).all()
    with pytest.raises(InputError, match=r"level 0\.95"):
        model.summary(level=0.9)


# Effects that change with time


def test_time_effects_agree_with_r(r_values: R) -> None:
    d = pd.read_csv(DATA / "lung_cc.csv").astype({"female": float, "age": float})
    out = r_values("d_cox_timedependent_effects")["tt_age_logt"]
    # R's x log(t + 20) is, in units of 20 days, x log(1 + t) and x times a constant.
    X, y = d[["female", "age"]], Outcome(0, d["time"] / 20, d["status"])
    model = CoxTimeEffects({"age": "log"}, ties="breslow").fit(X, y)
    b = out["coef"]
    np.testing.assert_allclose(model.coef_, [b[0], b[1] + np.log(20) * b[2], b[2]], rtol=ITERATED)
    moved = np.array([[1, 0, 0], [0, 1, np.log(20)], [0, 0, 1]])
    np.testing.assert_allclose(
        model.covariance_, moved @ np.array(out["var"]) @ moved.T, rtol=1e-7, atol=1e-9
    )


def test_cut_points_agree_with_r(r_values: R) -> None:
    d = pd.read_csv(DATA / "lung_cc.csv").astype({"female": float, "age": float})
    out = r_values("d_cox_timedependent_effects")["survSplit_cut"]
    model = CoxTimeEffects({"female": (90, 180, 365)})
    model.fit(d[["age", "ph.ecog", "female"]], Outcome(0, d["time"], d["status"]))
    at = model.effect_at([90, 180, 365, 366])
    np.testing.assert_allclose(at["coefficient"], out["coef"][2:], rtol=ITERATED)
    np.testing.assert_allclose(at["se"], out["se"][2:], rtol=1e-7)
    np.testing.assert_allclose(model.coef_[:2], out["coef"][:2], rtol=ITERATED)


def test_prediction_of_cut_points_is_that_of_a_path() -> None:
    """Rows split at the cuts, with a column a stretch, are a Cox model whose columns change."""
    X, y = _people()
    X = X.assign(score=X["score"].fillna(0.0))
    effects = CoxTimeEffects({"score": (6, 12)}, strata="specialism").fit(X, y)
    pieces = split_rows(y.exit, y.left, [6.0, 12.0], y.entry)

    def at(frame: pd.DataFrame, begins: Any) -> pd.DataFrame:
        return frame.assign(
            late=frame["score"] * (begins >= 6), later=frame["score"] * (begins >= 12)
        ).reset_index(drop=True)

    cut = Outcome(pieces.entry, pieces.exit, pieces.left, ids=pieces.row)
    path_model = CoxPH(strata="specialism").fit(at(X.iloc[pieces.row], pieces.entry), cut)
    horizons = [3, 6, 9, 24]
    for person in (0, 5, 11):
        path = at(X.iloc[[person] * 3], np.array([0, 6, 12]))
        want = path_model.predict_path(path, [0, 6, 12], [6, 12, 30], horizons)
        got = effects.predict_risk_interval(X.iloc[[person]], horizons)
        for name in ("risk", "lower", "upper"):
            np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-7)


def test_a_fading_effect_is_found_and_its_risk_is_right() -> None:
    """The log hazard ratio is 1 - 0.4 log(1 + months); the truth by adding up the hazard."""
    rng = np.random.default_rng(5)
    n, grid = 4000, np.arange(1, 61)
    x = rng.choice([-1.0, 1.0], n)
    hazard = 0.02 * np.exp(np.outer(x, 1 - 0.4 * np.log1p(grid)))
    leaves = rng.random((n, 60)) < 1 - np.exp(-hazard)
    time = np.where(leaves.any(axis=1), 1 + leaves.argmax(axis=1), 60)
    y = Outcome(0, time, leaves.any(axis=1))
    X = pd.DataFrame({"x": x})
    model = CoxTimeEffects({"x": "log"}).fit(X, y)
    assert np.all(np.abs(model.coef_ - [1, -0.4]) < 3 * np.sqrt(np.diag(model.covariance_)))
    new = pd.DataFrame({"x": [-1.0, 1.0]})
    truth = 1 - np.exp(-np.cumsum(0.02 * np.exp(np.outer(new["x"], 1 - 0.4 * np.log1p(grid))), 1))
    limits = model.predict_risk_interval(new, [6, 24, 48])
    assert np.all(np.abs(limits.risk - truth[:, [5, 23, 47]]) < 0.03)
    assert ((limits.lower < truth[:, [5, 23, 47]]) & (truth[:, [5, 23, 47]] < limits.upper)).all()
    # A model of proportional hazards is further away.
    flat = CoxPH().fit(X, y).predict_risk(new, [6])
    assert np.abs(flat - truth[:, [5]]).max() > np.abs(limits.risk[:, [0]] - truth[:, [5]]).max()


def test_a_ridge_draws_effects_to_none() -> None:
    X, y = _people()
    model = CoxTimeEffects({"score": "linear"}, alpha=1e9).fit(X, y)
    assert np.abs(model.effect_at([1, 24])["coefficient"]).max() < 1e-5


def test_time_effects_are_refused_by_name() -> None:
    X, y = _people(60)
    for effects in (None, {}, {"height": "log"}, {"score": "cubic"}, {"score": ()}, {"score": 3}):
        with pytest.raises(InputError):
            CoxTimeEffects(effects).fit(X, y)
    with pytest.raises(InputError, match="it is the strata's"):
        CoxTimeEffects({"route": "log"}, strata="route").fit(X, y)
    with pytest.raises(FitError, match="constant"):
        CoxTimeEffects({"score": (47.5,)}).fit(X, y)


# Coverage


@pytest.mark.slow
def test_limits_of_risk_cover_the_truth(repetitions: int) -> None:
    """Risk at 24 months of 100 people, months tied, follow-up by a census of cohorts.

    Of 4,000 repetitions 94.0 to 95.0 % were covered, over months and people (+- 0.3).
    """
    rng, covered = np.random.default_rng(11), 0
    new, truth = pd.DataFrame({"x": [0.5]}), 1 - np.exp(-0.016 * np.exp(0.25) * 24)
    for _ in range(repetitions):
        X = pd.DataFrame({"x": rng.normal(size=100)})
        time = np.ceil(rng.exponential(1 / (0.016 * np.exp(0.5 * X["x"]))))
        census = rng.choice([30, 42, 54, 66], 100)
        y = Outcome(0, np.minimum(time, census), time <= census)
        limits = CoxPH(encoder=FunctionTransformer()).fit(X, y).predict_risk_interval(new, [24])
        covered += int(limits.lower[0, 0] <= truth <= limits.upper[0, 0])
    share, error = covered / repetitions, np.sqrt(0.95 * 0.05 / repetitions)
    assert abs(share - 0.95) < 3 * error + 0.01, f"covered {share:.3f}, +- {error:.3f}"
