"""Models of libraries that are not installed here: stand-ins with their methods, and the real ones.

The real ones run where they are installed, as in the environment of the benchmarks.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.errors import InputError
from gmts_models.models.adapters.wrapped import wrap
from gmts_models.outcome import Outcome

RATE = 1 / 30
MONTHS = [0, 2.5, 5, 12, 40, 41]


def _people(n: int = 80) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"score": rng.normal(size=n), "part_time": rng.integers(0, 2, n) * 1.0})
    time = np.ceil(rng.exponential(20 * np.exp(-0.5 * X["score"].to_numpy())))
    lost = rng.integers(5, 40, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost)


def _stays(X: Any, months: Any) -> np.ndarray:
    """Retention (n, m) of the stand-ins: a hazard by score, of the first column."""
    score = np.asarray(X, dtype=float)[:, [0]]
    return np.exp(-RATE * np.asarray(months, dtype=float)[None] * np.exp(score))


# ------------------------------------------------------------ stand-ins


class Step:
    """As scikit-survival's StepFunction."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y, self.domain = x, y, (0.0, float(x[-1]))

    def __call__(self, at: np.ndarray) -> np.ndarray:
        assert set(at) <= set(self.x)
        return self.y[np.searchsorted(self.x, at)]


class LikeScikitSurvival:
    unique_times_ = np.arange(1.0, 41)
    n_features_in_ = 2

    def __init__(self, arrays: bool = False, names: tuple[str, ...] | None = None) -> None:
        self.arrays = arrays
        if names is not None:
            self.feature_names_in_ = np.array(names)

    def predict_survival_function(self, X: Any) -> Any:
        assert isinstance(X, pd.DataFrame) is hasattr(self, "feature_names_in_")
        stays = _stays(X, self.unique_times_)
        return stays if self.arrays else [Step(self.unique_times_, each) for each in stays]


class LikeSurPyval:
    feature_names = ("score", "part_time")
    formula = None
    dist_params = (1.0,)

    def sf(self, x: Any, Z: Any, *, grid: bool = False) -> np.ndarray:
        assert grid
        assert isinstance(Z, np.ndarray)
        return np.where(np.asarray(x)[None] == 0, np.nan, _stays(Z, x))


class LikeSurPyvalSteps:
    feature_names, formula = None, None
    x, H0 = np.arange(1.0, 41), np.arange(1.0, 41)

    def sf(self, x: Any, Z: Any) -> np.ndarray:
        return _stays(np.atleast_2d(Z), np.floor(x))[0]


class LikeGreenwood:
    term_names_ = ("score", "part_time")
    event_times_ = np.arange(1.0, 39)

    def predict(
        self,
        newdata: Any,
        *,
        type: str,  # noqa: A002 - its names
        times: Any,
        format: str,  # noqa: A002
    ) -> pd.DataFrame:
        assert (type, format) == ("survival", "pandas")
        found = pd.DataFrame(_stays(newdata, np.floor(times)).T)
        return found.rename(columns=lambda i: f"subject_{i + 1}").assign(time=times)


def _expected(X: pd.DataFrame, last: float) -> np.ndarray:
    risk = 1 - _stays(X, np.floor(MONTHS))
    return np.where(np.array(MONTHS) > last, np.nan, risk)


@pytest.mark.parametrize(
    ("fitted", "options", "last"),
    [
        (LikeScikitSurvival(names=("score", "part_time")), {}, 40),
        (LikeScikitSurvival(arrays=True), {"columns": ["score", "part_time"]}, 40),
        (LikeSurPyvalSteps(), {"columns": ["score", "part_time"]}, 40),
        (LikeGreenwood(), {}, 38),
        (LikeGreenwood(), {"last": 40}, 40),
    ],
)
def test_steps_are_right_continuous_and_end_with_the_follow_up(
    fitted: Any, options: dict[str, Any], last: float
) -> None:
    X, _ = _people()
    model = wrap(fitted, **options)
    np.testing.assert_allclose(model.predict_risk(X, MONTHS), _expected(X, last), rtol=1e-12)
    # The order asked for, and one row alone, change nothing.
    np.testing.assert_allclose(
        model.predict_risk(X.iloc[[7]], [12, 5]), _expected(X, last)[[7]][:, [3, 2]], rtol=1e-12
    )


def test_a_family_goes_on_and_everyone_is_there_at_first() -> None:
    X, y = _people()
    model = wrap(LikeSurPyval())
    assert list(model.feature_names_in_) == ["score", "part_time"]
    want = 1 - _stays(X, MONTHS)
    np.testing.assert_allclose(model.predict_risk(X[["part_time", "score"]], MONTHS), want)
    assert model.score(X, y) > 0.55


def test_who_does_not_know_its_columns_or_follow_up_is_asked() -> None:
    with pytest.raises(InputError, match=r"names of its columns(.|\n)*columns="):
        wrap(LikeScikitSurvival())
    with pytest.raises(InputError, match="takes 2 columns, and 1 are named"):
        wrap(LikeScikitSurvival(), columns=["score"])
    silent = type("Silent", (), {"sf": LikeSurPyvalSteps.sf, "feature_names": ("score",)})()
    with pytest.raises(InputError, match=r"how long people were followed(.|\n)*last="):
        wrap(silent)
    assert np.isnan(wrap(silent, last=12).predict_risk(_people()[0], [13])).all()
    stratified = LikeGreenwood()
    stratified._strata_labels = ("a", "b")  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="strata"):
        wrap(stratified)


def test_text_and_gaps_are_refused() -> None:
    X, _ = _people()
    for fitted in (LikeScikitSurvival(names=("score", "part_time")), LikeSurPyval()):
        with pytest.raises(InputError, match=r"hold text(.|\n)*score"):
            wrap(fitted).predict_risk(X.assign(score="high"), [12])
    with pytest.raises(InputError, match="missing values"):
        wrap(LikeSurPyval()).predict_risk(X.assign(score=np.nan), [12])
    # pandas' own numbers and flags are numbers.
    numbers = X.assign(score=X["score"].astype("Float64"), part_time=X["part_time"] == 1)
    got = wrap(LikeScikitSurvival(names=("score", "part_time"))).predict_risk(numbers, [12])
    np.testing.assert_allclose(got[:, 0], _expected(X, 40)[:, 3])


@pytest.mark.parametrize("nonsense", ["one row", "above 1", "falls"])
def test_what_is_no_risk_is_refused(nonsense: str) -> None:
    class Wrong(LikeSurPyval):
        def sf(self, x: Any, Z: Any, *, grid: bool = False) -> np.ndarray:
            stays = _stays(Z, x)
            if nonsense == "one row":
                return stays[:1]
            return stays + 0.5 if nonsense == "above 1" else stays[:, ::-1]

    with pytest.raises(InputError, match=r"no growing probabilities|ValueError"):
        wrap(Wrong()).predict_risk(_people()[0], [5, 12])


# ------------------------------------------------------- the real ones


def test_scikit_survival() -> None:
    pytest.importorskip("sksurv")
    from sklearn.pipeline import make_pipeline
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.preprocessing import OneHotEncoder
    from sksurv.util import Surv

    X, y = _people()
    seen = Surv.from_arrays(y.left, y.exit)
    cox = CoxPHSurvivalAnalysis(ties="efron").fit(X, seen)
    at = np.unique(y.exit)
    want = 1 - cox.predict_survival_function(X, return_array=True)
    np.testing.assert_allclose(wrap(cox).predict_risk(X, at), want, rtol=1e-12)
    np.testing.assert_allclose(wrap(cox).predict_risk(X, at[:-1] + 0.01), want[:, :-1], rtol=1e-12)
    assert np.isnan(wrap(cox).predict_risk(X, [at[-1] + 1])).all()
    bare = wrap(CoxPHSurvivalAnalysis(ties="efron").fit(X.to_numpy(), seen), columns=list(X))
    np.testing.assert_allclose(bare.predict_risk(X, at), want, rtol=1e-12)
    gaps = X.assign(score=X["score"].where(X["score"] > -1))
    forest = RandomSurvivalForest(n_estimators=5, random_state=0).fit(gaps, seen)
    assert np.isfinite(wrap(forest).predict_risk(gaps, [12])).all()
    text = X.assign(group=pd.Categorical(np.where(np.arange(len(X)) % 2, "a", "b")))
    coded = make_pipeline(OneHotEncoder(), CoxPHSurvivalAnalysis()).fit(text, seen)
    assert np.isfinite(wrap(coded).predict_risk(text, [12])).all()
    with pytest.raises(InputError, match="not fitted"):
        wrap(CoxPHSurvivalAnalysis())


def test_surpyval() -> None:
    surpyval = pytest.importorskip("surpyval")
    X, y = _people()
    censored = 1 - y.left.astype(int)
    cox = surpyval.CoxPH.fit(y.exit, X.to_numpy(), c=censored)
    model = wrap(cox, columns=list(X))
    risk = model.predict_risk(X, [3, 12.5, y.exit.max() + 1])
    want = [1 - cox.sf([3, 12.5], row) for row in X.to_numpy()]
    np.testing.assert_allclose(risk[:, :2], want, rtol=1e-12)
    assert np.isnan(risk[:, 2]).all()
    group = np.where(np.arange(len(X)) % 2, "a", "b")
    data = X.assign(time=y.exit, c=censored, group=group)
    family = surpyval.WeibullAFT.fit_from_df(
        data, x_col="time", formula="score + C(group)", c_col="c"
    )
    risk = wrap(family).predict_risk(data, [0, 12, 240])
    np.testing.assert_array_equal(risk[:, 0], 0)
    np.testing.assert_allclose(risk[5, 1:], 1 - family.sf([12, 240], data.iloc[[5]]), rtol=1e-9)
    with pytest.raises(InputError, match="not fitted"):
        wrap(surpyval.WeibullAFT)
    strata = surpyval.CoxPH.fit_from_df(
        data, x_col="time", Z_cols=["score"], c_col="c", strata_col="group"
    )
    with pytest.raises(InputError, match="strata"):
        wrap(strata)


def test_greenwood() -> None:
    greenwood = pytest.importorskip("greenwood")
    X, y = _people()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = greenwood.Surv(y.exit, y.left)
        text = X.assign(group=np.where(np.arange(len(X)) % 2, "a", "b"))
        cox = greenwood.CoxPH().fit(seen, text)
        aft = greenwood.AFT().fit(seen, X)
        bare = greenwood.CoxPH().fit(seen, X.to_numpy())
    model = wrap(cox)
    assert list(model.feature_names_in_) == ["score", "part_time", "group"]
    risk = model.predict_risk(text.iloc[:, ::-1], [3, 12.5, y.exit.max() + 1])
    want = cox.predict(text, type="survival", times=[3, 12.5], format="pandas")
    np.testing.assert_allclose(risk[:, :2], 1 - want.drop(columns="time").to_numpy().T, rtol=1e-12)
    assert np.isnan(risk[:, 2]).all()
    with pytest.raises(InputError) as caught:
        model.predict_risk(text.assign(group="zebra"), [12])
    assert "zebra" not in str(caught.value)
    risk = wrap(aft).predict_risk(X, [0, 12, 240])
    np.testing.assert_array_equal(risk[:, 0], 0)
    assert np.isfinite(risk).all()
    with pytest.raises(InputError, match="names of its columns"):
        wrap(bare)
    assert wrap(bare, columns=list(X)).predict_risk(X, [12]).shape == (len(X), 1)
    with pytest.raises(InputError, match="not fitted"):
        wrap(greenwood.CoxPH())
