"""Multiple imputation as a model: what it promises, whatever the gaps."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

import gmts_models as gm
from gmts_models.errors import FitError, GmtsError, InputError
from gmts_models.models.encoding import make_encoder
from gmts_models.models.missing.imputation import MOST_LABELS, lay_out
from gmts_models.models.missing.imputed import impute
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.missing.pooled_fits import pool_limits
from gmts_models.models.protocol import IncidenceModel, RiskInterval
from gmts_models.outcome import Outcome
from gmts_models.stats.missing.pooling import pool

HORIZONS = np.array([0, 6, 12, 24, 36.0])
M = 4


def _people(n: int = 160, seed: int = 3) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "specialism": rng.choice(["Finance", "HR", "Informatics"], n),
            "score": rng.normal(size=n).round(1),
            "survey": rng.integers(0, 11, n).astype(float),
            "prior": rng.random(n) < 0.3,
            "route": rng.choice(["new graduate", "career changer", "reserve"], n),
        },
        index=np.arange(100, 100 + n),
    )
    time = np.ceil(rng.exponential(40 * np.exp(-0.6 * X["score"])))
    lost = rng.integers(6, 61, n)
    time[0], lost[0] = 99, 61  # someone is still there at the end
    X["prior"] = X["prior"].astype("boolean")
    for name, step in (("score", 7), ("survey", 4), ("prior", 9), ("route", 5)):
        X.loc[X.index[::step], name] = None if name == "route" else pd.NA
    X["score"] = X["score"].astype(float)
    return X, Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)


MODELS: list[Any] = [
    gm.CoxPH(),
    gm.CoxPH(strata="specialism"),
    gm.WeibullAFT(alpha=0.1),
    gm.KaplanMeier(by="route"),
    gm.HorizonClassifier(horizons=(12, 24, 36)),
]
NAMES = [f"{type(model).__name__}{number}" for number, model in enumerate(MODELS)]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_risk_is_a_growing_probability_that_order_and_company_do_not_change(model: Any) -> None:
    X, y = _people()
    fitted = MultipleImputation(model, m=M).fit(X, y)
    risk = fitted.predict_risk(X, HORIZONS)
    assert risk.shape == (len(X), len(HORIZONS))
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= -1e-12).all()
    np.testing.assert_array_equal(risk[:, 0], 0)
    np.testing.assert_allclose(fitted.predict_retention(X, HORIZONS), 1 - risk)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(fitted.predict_risk(X.iloc[order], HORIZONS), risk[order])
    np.testing.assert_allclose(fitted.predict_risk(X.iloc[:1], HORIZONS), risk[:1])
    assert fitted.predict_risk(X.iloc[:0], HORIZONS).shape == (0, len(HORIZONS))


def test_scikit_learn_can_clone_set_score_and_pickle() -> None:
    X, y = _people()
    model = MultipleImputation(gm.CoxPH(alpha=0.1), m=M, seed=7)
    scores = cross_val_score(model, X, y, cv=GroupKFold(2), groups=y.people)
    assert np.isfinite(scores).all()
    other = clone(model).set_params(estimator__alpha=5.0)
    assert other.get_params()["estimator__alpha"] == 5
    assert model.estimator.alpha == 0.1
    fitted = clone(model).fit(X, y)
    assert not hasattr(model, "coef_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), fitted.predict_risk(X, [12]))
    np.testing.assert_array_equal(clone(fitted).fit(X, y).coef_, fitted.coef_)
    different = clone(fitted).set_params(seed=8).fit(X, y)
    assert (different.coef_ != fitted.coef_).any()


def test_coefficients_are_those_of_the_fits_pooled() -> None:
    X, y = _people()
    fitted = MultipleImputation(gm.CoxPH(), m=M).fit(X, y)
    terms = fitted.terms_
    assert set(terms) == set(gm.CoxPH().fit(impute(X, y, m=2).frames[0], y).terms_)
    assert not any("missing" in term for term in terms)
    by_hand = pool(
        [fit.coef_ for fit in fitted.estimators_],
        [fit.covariance_ for fit in fitted.estimators_],
        n_complete_df=int(y.left.sum()) - len(terms),
        level=0.9,
    )
    table = fitted.summary(level=0.9)
    assert tuple(table["term"]) == terms
    np.testing.assert_allclose(table["coefficient"], by_hand.estimate)
    np.testing.assert_allclose(table["lower"], np.exp(by_hand.lower))
    np.testing.assert_allclose(table["p"], by_hand.p)
    np.testing.assert_allclose(table["fmi"], by_hand.fmi)
    np.testing.assert_allclose(fitted.covariance_, by_hand.covariance)
    np.testing.assert_allclose(np.sqrt(np.diag(fitted.covariance_)), table["se"])
    fmi = table.set_index("term")["fmi"]
    assert fmi["survey"] > fmi["specialism_HR"]  # a quarter is missing of one, none of the other


@pytest.mark.slow
def test_pooled_coefficients_are_those_of_mice(r_values: Callable[[str], dict[str, Any]]) -> None:
    """Draws differ, so the estimates agree to their Monte Carlo errors; variances to a few %."""
    out = r_values("m_impute_lung")["pmm"]
    lung = pd.read_csv(Path(__file__).parents[2] / "reference" / "data" / "lung.csv")
    X = lung[out["terms"]].astype(float)
    y = Outcome(0, lung["time"], lung["status"] == lung["status"].max(), index=X.index)
    m = 60
    fitted = MultipleImputation(gm.CoxPH(), m=m, seed=1).fit(X, y)
    assert list(fitted.terms_) == out["terms"]
    between = np.array(out["b"])
    error = np.sqrt(between / out["m"] + between / m)
    assert (np.abs(fitted.coef_ - out["estimate"]) < 4 * error).all()
    np.testing.assert_allclose(fitted.pooled_.within, out["ubar"], rtol=0.02)
    np.testing.assert_allclose(fitted.pooled_.between, between, rtol=4 * np.sqrt(2 / m))
    np.testing.assert_allclose(fitted.pooled_.variance, out["t"], rtol=0.05)


def test_the_fits_are_those_to_the_imputed_frames() -> None:
    X, y = _people()
    fitted = MultipleImputation(gm.CoxPH(), m=M, seed=3).fit(X, y)
    frames = impute(X, y, m=M, seed=3).frames
    np.testing.assert_allclose(gm.CoxPH().fit(frames[2], y).coef_, fitted.estimators_[2].coef_)


def test_without_gaps_it_is_the_model_itself() -> None:
    X, y = _people()
    whole = X.dropna()
    own = y[np.flatnonzero(X.notna().all(axis=1))]
    plain = gm.CoxPH().fit(whole, own)
    fitted = MultipleImputation(gm.CoxPH(), m=M).fit(whole, own)
    np.testing.assert_allclose(fitted.coef_, plain.coef_)
    np.testing.assert_allclose(fitted.covariance_, plain.covariance_)
    np.testing.assert_allclose(fitted.predict_risk(whole, [12]), plain.predict_risk(whole, [12]))
    assert len(fitted.convergence_) == 0
    assert fitted.converged_
    # New people may have gaps all the same.
    assert np.isfinite(fitted.predict_risk(X, [12])).all()


def test_the_outcome_helps_to_explain_unless_it_is_left_out() -> None:
    X, y = _people()
    with_it = MultipleImputation(gm.CoxPH(), m=M).fit(X, y)
    without = MultipleImputation(gm.CoxPH(), m=M, include_outcome=False).fit(X, y)
    assert (with_it.coef_ != without.coef_).any()
    frames = impute(X, None, m=M).frames
    np.testing.assert_allclose(gm.CoxPH().fit(frames[0], y).coef_, without.estimators_[0].coef_)


def test_imputed_frames_hold_what_was_seen_and_values_of_the_same_kind() -> None:
    X, y = _people()
    imputed = impute(X, y, m=3)
    assert "m=3" in repr(imputed)
    for frame in imputed.frames:
        assert list(frame.columns) == list(X.columns)
        assert frame.index.equals(X.index)
        assert frame.notna().all(axis=None)
        for name in X:
            known = X[name].notna()
            assert (frame.loc[known, name] == X.loc[known, name]).all()
            assert set(frame[name]) <= set(X.loc[known, name])
    assert imputed.to_frame() is imputed.convergence
    assert imputed.convergence["column"].tolist() == ["score", "survey", "prior", "route"]
    assert imputed.convergence["missing"].tolist() == X.isna().sum().iloc[1:].tolist()
    share = imputed.traces.query("column == 'route'").groupby(["imputation", "iteration"])["mean"]
    np.testing.assert_allclose(share.sum(), 1)  # shares of its labels
    prior = imputed.traces.query("column == 'prior'")["mean"]
    assert prior.between(0, 1).all()
    assert len(prior) == 3 * 10


def test_a_row_is_imputed_from_what_it_holds() -> None:
    """Risk of a row with a gap is the mean of risks over values that it may have."""
    rng = np.random.default_rng(2)
    score = rng.normal(size=300)
    X = pd.DataFrame({"score": score, "twin": score + 0.1 * rng.normal(size=300)})
    month = np.ceil(rng.exponential(20 * np.exp(-1.0 * score)))
    y = Outcome(0, np.minimum(month, 40), month <= 40)
    fitted = MultipleImputation(gm.CoxPH(alpha=1.0), m=M).fit(X, y)
    high, low = X.iloc[[int(score.argmax())]], X.iloc[[int(score.argmin())]]
    gap = high.assign(score=np.nan)
    risk = [fitted.predict_risk(each, [12])[0, 0] for each in (high, gap, low)]
    assert abs(risk[0] - risk[1]) < 0.1  # the twin tells
    assert risk[1] > risk[2] + 0.3


def test_new_rows_may_hold_anything_of_the_same_kind() -> None:
    X, y = _people()
    fitted = MultipleImputation(gm.CoxPH(), m=M).fit(X, y)
    new = X.head(4).copy()
    new["specialism"] = ["Law", None, "HR", "HR"]  # complete in training, and a new label
    new["survey"] = [np.nan, 99.0, -1.0, 5.0]
    assert np.isfinite(fitted.predict_risk(new, [12])).all()
    nothing = pd.DataFrame({name: [None, None] for name in X})
    risk = fitted.predict_risk(nothing, HORIZONS)
    assert np.isfinite(risk).all()
    np.testing.assert_array_equal(risk[0], risk[1])  # who tells alike is told alike
    with pytest.raises(InputError, match="when the model was fitted"):
        fitted.predict_risk(new.assign(score="high"), [12])
    with pytest.raises(InputError, match="lacks"):
        fitted.predict_risk(new.drop(columns="score"), [12])


@pytest.mark.parametrize("kind", ["none", "one value", "one person", "constant"])
def test_columns_that_say_little_are_survived(kind: str) -> None:
    X, y = _people()
    X["odd"] = np.nan
    if kind == "one value":
        X.loc[X.index[:80], "odd"] = 3.0
    elif kind == "one person":
        X.loc[X.index[5], "odd"] = 3.0
    elif kind == "constant":
        X["odd"] = pd.Series([None, *["only"] * (len(X) - 1)], index=X.index, dtype=object)
    fitted = MultipleImputation(gm.CoxPH(), m=M).fit(X, y)
    assert not any("odd" in term for term in fitted.terms_)
    assert np.isfinite(fitted.coef_).all()
    assert np.isfinite(fitted.predict_risk(X, [12])).all()
    assert ("odd" in fitted.convergence_["column"].tolist()) is (kind != "none")
    if kind == "one value":
        assert fitted.convergence_.set_index("column").loc["odd", "r_hat"] == 1


def test_gaps_that_are_no_unknown_values_are_left_to_the_model() -> None:
    X, y = _people()
    model = MultipleImputation(gm.CoxPH(), m=M, columns=["score", "prior"])
    fitted = model.fit(X, y)
    assert {"missing: survey", "missing: route"} <= set(fitted.terms_)
    assert not {"missing: score", "missing: prior"} & set(fitted.terms_)
    assert fitted.convergence_["column"].tolist() == ["score", "prior"]
    frame = impute(X, y, m=2, columns=["score", "prior"]).frames[0]
    assert frame[["score", "prior"]].notna().all(axis=None)
    assert (frame[["survey", "route"]].isna() == X[["survey", "route"]].isna()).all(axis=None)
    risk = fitted.predict_risk(X, [12])
    assert np.isfinite(risk).all()
    np.testing.assert_allclose(fitted.predict_risk(X.iloc[:5], [12]), risk[:5])
    nothing = pd.DataFrame({name: [None, None] for name in X})
    assert np.isfinite(fitted.predict_risk(nothing, [12])).all()
    with pytest.raises(InputError, match="'scores'"):
        MultipleImputation(gm.CoxPH(), columns=["scores"]).fit(X, y)
    none = MultipleImputation(gm.CoxPH(), m=M, columns=[]).fit(X, y)
    np.testing.assert_allclose(none.coef_, gm.CoxPH().fit(X, y).coef_)


def test_a_gap_that_stays_helps_to_explain_the_others() -> None:
    rng = np.random.default_rng(2)
    n = 400
    away = rng.random(n) < 0.5
    X = pd.DataFrame({"months": np.where(away, np.nan, 5.0), "level": away * 10.0})
    X["level"] += rng.normal(size=n)
    X.loc[::4, "level"] = np.nan
    y = Outcome(0, rng.integers(1, 30, n), rng.random(n) < 0.5)
    frame = impute(X, y, m=2, columns=["level"]).frames[0]
    filled = frame["level"].iloc[::4]
    assert filled[away[::4]].mean() == pytest.approx(10, abs=0.5)
    assert filled[~away[::4]].mean() == pytest.approx(0, abs=0.5)


def test_rare_labels_share_a_column_and_stay_labels() -> None:
    X, y = _people()
    rng = np.random.default_rng(1)
    X["town"] = [f"town {i:02d}" for i in rng.integers(0, 60, len(X))]
    X.loc[X.index[::10], "town"] = None
    layout = lay_out(X)
    assert len(layout.parts[-1].labels) == MOST_LABELS
    for frame in impute(X, y, m=2).frames:
        assert set(frame["town"]) <= set(X["town"].dropna())
    fitted = MultipleImputation(gm.KaplanMeier(by="specialism"), m=2).fit(X, y)
    assert np.isfinite(fitted.predict_risk(X, [12])).all()


@pytest.mark.parametrize("n", [6, 12])
def test_few_people_with_more_columns_than_rows(n: int) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 15)), columns=[f"x{i}" for i in range(15)])
    X = X.mask(rng.random(X.shape) < 0.3)
    y = Outcome(0, rng.integers(1, 30, n), np.arange(n) % 2 == 0)
    fitted = MultipleImputation(gm.CoxPH(alpha=10), m=2).fit(X, y)
    assert np.isfinite(fitted.coef_).all()
    assert fitted.pooled_.df.max() <= 1  # departures less terms, and one at least


def test_late_entry_start_stop_rows_and_causes_are_taken() -> None:
    X, y = _people()
    late = Outcome(np.where(np.arange(len(X)) % 3 == 0, 0.5, 0), y.exit, y.event, index=X.index)
    causes = Outcome(0, y.exit, y.event * (1 + np.arange(len(X)) % 2), ["a", "b"], index=X.index)
    people = Outcome(0, y.exit, y.event, ids=np.arange(len(X)), index=X.index)
    for each in (late, causes, people):
        assert np.isfinite(MultipleImputation(gm.CoxPH(), m=2).fit(X, each).coef_).all()
    one, two = (impute(X, causes, m=2, by_cause=which).frames[0] for which in (False, True))
    pd.testing.assert_frame_equal(one, impute(X, y, m=2).frames[0])
    assert not one.equals(two)


class _ByCause(gm.KaplanMeier):
    """A model of two causes, half the risk each."""

    def predict_incidence(self, X: pd.DataFrame, horizons: Any) -> np.ndarray:
        return np.stack([self.predict_risk(X, horizons) / 2] * 2, axis=2)


def test_risks_by_cause_are_averaged_too() -> None:
    X, y = _people()
    causes = Outcome(0, y.exit, y.event * (1 + np.arange(len(X)) % 2), ["a", "b"], index=X.index)
    fitted = MultipleImputation(_ByCause(by="route"), m=2).fit(X, causes)
    by_cause = fitted.predict_incidence(X, HORIZONS)
    assert by_cause.shape == (len(X), len(HORIZONS), 2)
    np.testing.assert_allclose(by_cause.sum(axis=2), fitted.predict_risk(X, HORIZONS))


def test_around_a_model_of_causes_it_is_one() -> None:
    X, y = _people()
    causes = Outcome(0, y.exit, y.event * (1 + np.arange(len(X)) % 2), ["a", "b"], index=X.index)
    model = MultipleImputation(gm.CauseSpecificCox(alpha=1.0), m=2)
    assert not hasattr(model, "causes_")
    fitted = model.fit(X, causes)
    assert fitted.causes_ == ("a", "b")
    assert isinstance(fitted, IncidenceModel)
    assert not isinstance(MultipleImputation(gm.CoxPH(), m=2).fit(X, y), IncidenceModel)
    with pytest.raises(InputError, match="one a term"):  # it has coefficients of each cause
        fitted.summary()
    found = fitted.predict_risk_interval(X, [12, 24])
    by_cause = fitted.predict_incidence(X, [12, 24])
    np.testing.assert_allclose(by_cause.sum(axis=2), found.risk, atol=1e-9)
    assert ((found.lower < found.risk) & (found.risk < found.upper)).all()


class _Selects(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """An encoder that keeps the columns of few levels in the rows it was fitted to."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> _Selects:
        self.inner_ = make_encoder().fit(X)
        self.kept_ = ["score"] + (["survey"] if X["survey"].mean() > self._limit(X) else [])
        return self

    def _limit(self, X: pd.DataFrame) -> float:
        return LIMIT[0]

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return self.inner_.transform(X)[self.kept_]


LIMIT = [0.0]


def test_terms_that_only_some_fits_have_are_named_and_not_pooled() -> None:
    X, y = _people()
    means = [frame["survey"].mean() for frame in impute(X, y, m=M).frames]
    LIMIT[0] = float(np.median(means))
    fitted = MultipleImputation(gm.CoxPH(encoder=_Selects()), m=M).fit(X, y)
    assert {len(fit.terms_) for fit in fitted.estimators_} == {1, 2}
    assert fitted.terms_ == ("score",)
    assert fitted.not_pooled_ == ("survey",)
    assert fitted.covariance_.shape == (1, 1)
    assert np.isfinite(fitted.predict_risk(X, [12])).all()


def test_what_has_no_coefficients_has_no_summary() -> None:
    X, y = _people()
    fitted = MultipleImputation(gm.KaplanMeier(by=None), m=2).fit(X, y)
    assert not hasattr(fitted, "coef_")
    assert not hasattr(fitted, "predict_incidence")
    with pytest.raises(InputError, match="no coefficients"):
        fitted.summary()


def test_chains_that_stick_are_told() -> None:
    """Two columns that are nearly one and missing together: each repeats what the other was."""
    rng = np.random.default_rng(4)
    n = 200
    x = rng.normal(size=n)
    X = pd.DataFrame({"a": x, "b": x + 0.001 * rng.normal(size=n), "c": rng.normal(size=n)})
    X.loc[100:, ["a", "b"]] = np.nan
    y = Outcome(0, rng.integers(1, 30, n), rng.random(n) < 0.6)
    stuck = MultipleImputation(gm.KaplanMeier(by=None), m=5, donors=1).fit(X, y)
    assert not stuck.converged_
    assert (stuck.convergence_["r_hat"] > 1.2).any()
    assert MultipleImputation(gm.KaplanMeier(by=None), m=10).fit(*_people()).converged_


def test_the_fitted_model_keeps_no_rows() -> None:
    def size(n: int) -> int:
        fitted = MultipleImputation(gm.WeibullAFT(alpha=1), m=2).fit(*_people(n))
        return len(pickle.dumps((fitted._layout, fitted._equations)))

    assert size(600) == pytest.approx(size(150), rel=0.02)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"m": 1}, "m must"),
        ({"m": 2.5}, "m must"),
        ({"m": True}, "m must"),
        ({"iterations": 3}, "iterations must"),
        ({"donors": 0}, "donors must"),
        ({"seed": -1}, "seed must"),
        ({"seed": None}, "seed must"),
        ({"estimator": None}, "predict_risk"),
        ({"estimator": gm.CoxPH}, "predict_risk"),
        ({"estimator": LogisticRegression()}, "predict_risk"),
    ],
)
def test_numbers_out_of_range_are_refused(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        MultipleImputation(**{"estimator": gm.CoxPH(), **changed}).fit(*_people())


def test_what_cannot_be_fitted_is_refused() -> None:
    X, y = _people()
    with pytest.raises(FitError, match="nobody leaves"):
        MultipleImputation(gm.CoxPH()).fit(X, Outcome(0, y.exit, np.zeros(len(X), dtype=int)))
    with pytest.raises(InputError, match="no rows"):
        MultipleImputation(gm.CoxPH()).fit(X.iloc[:0], y[np.arange(0)])
    with pytest.raises(InputError, match="no rows"):
        impute(X.iloc[:0], None)
    with pytest.raises(InputError, match="neither numbers"):
        MultipleImputation(gm.CoxPH()).fit(X.assign(day=pd.Timestamp("2020-01-01")), y)
    X["who left"] = y.left.astype(float)
    X.loc[X.index[::9], "who left"] = np.nan
    with pytest.raises(FitError) as error:
        MultipleImputation(gm.CoxPH(), m=2).fit(X.assign(copy=X["who left"]), y)
    assert "imputation 1 of 2" in str(error.value)


# ------------------------------------------------------------ limits and weights


def _limits(risk: float, lower: float, upper: float) -> RiskInterval:
    at = [np.array([[value]]) for value in (risk, lower, upper)]
    return RiskInterval(
        horizons=np.array([12.0]), risk=at[0], lower=at[1], upper=at[2], level=0.95, method=""
    )


def test_limits_are_pooled_by_rubins_rules_by_hand() -> None:
    """On the scale log(-log(1 - risk)): -1.2 and -0.8, each with an error of 0.3."""

    def risk(log_hazard: float) -> float:
        return 1 - np.exp(-np.exp(log_hazard))

    half = stats.norm.ppf(0.975) * 0.3
    found = [_limits(risk(at), risk(at - half), risk(at + half)) for at in (-1.2, -0.8)]
    lower, upper = pool_limits(found, 0.95)
    within, between = 0.3**2, 0.08
    variance = within + 1.5 * between
    df = 1 / (1.5 * between / variance) ** 2  # (m - 1) / lambda^2
    wide = stats.t.ppf(0.975, df) * np.sqrt(variance)
    mean = (risk(-1.2) + risk(-0.8)) / 2
    centre = np.log(-np.log(1 - mean))
    np.testing.assert_allclose(
        [lower[0, 0], upper[0, 0]], [risk(centre - wide), risk(centre + wide)]
    )


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ([(0.0, 0.0, 0.1), (0.0, 0.0, 0.2)], (0.0, 0.2)),  # nobody left
        ([(1.0, 0.7, 1.0), (0.9, 0.8, 0.95)], (0.7, 1.0)),
        ([(0.0, np.nan, np.nan), (0.1, 0.05, 0.2)], (0.05, 0.2)),
        ([(0.0, np.nan, np.nan), (0.3, 0.25, 0.32)], (0.15, 0.32)),  # the mean is within
        ([(0.0, np.nan, np.nan), (0.0, np.nan, np.nan)], (np.nan, np.nan)),
        ([(np.nan, np.nan, np.nan), (0.1, 0.05, 0.2)], (np.nan, np.nan)),
    ],
)
def test_limits_off_the_scale_are_the_widest(fits: Any, expected: Any) -> None:
    lower, upper = pool_limits([_limits(*each) for each in fits], 0.95)
    np.testing.assert_allclose([lower[0, 0], upper[0, 0]], expected)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_limits_hold_the_risk_and_are_wider_where_there_are_gaps(model: Any) -> None:
    X, y = _people()
    months = HORIZONS[2:]
    fitted = MultipleImputation(model, m=M).fit(X, y)
    found = fitted.predict_risk_interval(X, months, level=0.8)
    np.testing.assert_allclose(found.risk, fitted.predict_risk(X, months), atol=1e-12)
    assert (found.level, found.method) == (0.8, "Rubin's rules")
    assert (found.lower <= found.risk).all()
    assert (found.risk <= found.upper).all()
    wider = fitted.predict_risk_interval(X, months)
    assert (wider.upper - wider.lower >= found.upper - found.lower - 1e-12).all()
    assert fitted.predict_risk_interval(X.iloc[:0], months).lower.shape == (0, len(months))


def test_limits_without_gaps_are_the_model_s_own() -> None:
    X, y = _people()
    kept = np.flatnonzero(X.notna().all(axis=1))
    whole, own = X.iloc[kept], y[kept]
    fitted = MultipleImputation(gm.CoxPH(alpha=0.1), m=M).fit(whole, own)
    found = fitted.predict_risk_interval(whole, [6, 12, 24], level=0.9)
    plain = gm.CoxPH(alpha=0.1).fit(whole, own).predict_risk_interval(whole, [6, 12, 24], 0.9)
    np.testing.assert_allclose(found.lower, plain.lower, rtol=1e-9)
    np.testing.assert_allclose(found.upper, plain.upper, rtol=1e-9)
    gaps = whole.assign(score=np.nan)
    unsure = fitted.predict_risk_interval(gaps, [12])
    sure = fitted.predict_risk_interval(whole, [12])
    assert (unsure.upper - unsure.lower).mean() > 1.2 * (sure.upper - sure.lower).mean()


def test_what_has_no_limits_says_so() -> None:
    X, y = _people()
    forest = gm.HorizonClassifier(RandomForestClassifier(5, random_state=0), horizons=(12, 24))
    fitted = MultipleImputation(forest, m=2).fit(X, y)
    with pytest.raises(InputError, match="MultipleImputation has no interval of its own"):
        fitted.predict_risk_interval(X, [12])
    own = MultipleImputation(gm.HorizonClassifier(horizons=(12, 24)), m=2).fit(X, y)
    with pytest.raises(GmtsError, match="36"):
        own.predict_risk_interval(X, [36])
    with pytest.raises(InputError, match="lacks"):
        own.predict_risk_interval(X.drop(columns="route"), [12])
    with pytest.raises(InputError, match="level"):
        own.predict_risk_interval(X, [12], level=95)
    with pytest.raises(NotFittedError):
        MultipleImputation(gm.CoxPH()).predict_risk_interval(X, [12])


def test_case_weights_go_to_each_fit() -> None:
    X, y = _people()
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    kept = np.flatnonzero(weight)
    fitted = MultipleImputation(gm.CoxPH(), m=M, seed=5).fit(X, y, sample_weight=weight)
    # The imputation sees the rows that there are, each once.
    frames = impute(X.iloc[kept], y.keep(kept), m=M, seed=5).frames
    for fit, frame in zip(fitted.estimators_, frames, strict=True):
        own = gm.CoxPH().fit(frame, y.keep(kept), sample_weight=weight[kept])
        np.testing.assert_allclose(fit.coef_, own.coef_)
    ones = MultipleImputation(gm.CoxPH(), m=M, seed=5).fit(X, y, sample_weight=np.ones(len(X)))
    plain = MultipleImputation(gm.CoxPH(), m=M, seed=5).fit(X, y)
    np.testing.assert_allclose(ones.coef_, plain.coef_)
    pipeline = gm.RiskPipeline([("cox", gm.CoxPH())])
    with pytest.raises(InputError, match="takes no weights"):
        MultipleImputation(pipeline, m=2).fit(X, y, sample_weight=weight)
