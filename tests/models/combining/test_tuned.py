"""A search for parameters: its scores, its budgets, and that it goes on where it was stopped."""

from __future__ import annotations

import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from joblib import parallel_config
from sklearn.base import clone
from trainees_drawn import cox, people, split_rows

import gmts_models as gm
from gmts_models.errors import FitError, InputError, InputTypeError, NotEstimableError
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.combining.cross_validation import fold_of_rows
from gmts_models.models.combining.trial_file import TrialFile
from gmts_models.models.combining.trials import Trial, search_trials
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.protocol import TrainingRows
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Outcome
from gmts_models.stats.censoring import CensoringWeights, censoring_weights
from gmts_models.stats.scores import auc, brier_score

ALPHAS = [0.1, 10.0, 1e6]


class Counting(CoxPH):
    """Counts its fits, stops at one of them, and has no maximum for a negative penalty."""

    fits: ClassVar[list[float]] = []
    stop_after: ClassVar[int] = 10**6

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: Any = None) -> Self:
        if len(Counting.fits) >= Counting.stop_after:
            raise KeyboardInterrupt
        Counting.fits.append(self.alpha)
        if self.alpha < 0:
            raise FitError("the likelihood has no maximum")
        return super().fit(X, y, sample_weight)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    monkeypatch.setattr(Counting, "fits", [])
    monkeypatch.setattr(Counting, "stop_after", 10**6)
    return Counting(ties="breslow", encoder=cox().encoder)


def test_every_check_of_scikit_learn() -> None:
    model = Tuned(cox().set_params(encoder=None), {"alpha": [0.1, 1.0]}, horizons=(1,), folds=2)
    found = run_checks(model)
    assert {name for name, (status, _) in found.items() if status == "failed"} == set()


@pytest.mark.parametrize("criterion", ["brier", "auc"])
def test_scores_are_those_of_people_not_seen(criterion: Any) -> None:
    """By hand: fits to the other folds, one censoring curve, the mean over horizons and folds."""
    X, y = people(150)
    tuned = Tuned(
        cox(), {"alpha": ALPHAS}, horizons=(24, 12), folds=3, seed=5, criterion=criterion
    ).fit(X, y)
    fold = fold_of_rows(y, 3, 5, "")
    score = {"brier": brier_score, "auc": auc}[criterion]
    expected = np.empty((3, 3))
    for i, alpha in enumerate(ALPHAS):
        for k in range(3):
            seen, new = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            risk = cox(alpha).fit(X.iloc[seen], y[seen]).predict_risk(X.iloc[new], [12, 24])
            values = []
            for j, horizon in enumerate((12, 24)):
                at = censoring_weights(y, horizon)
                at = CensoringWeights(
                    left=at.left[new], counted=at.counted[new], weight=at.weight[new]
                )
                values.append(score(risk[:, j], at)[0])
            expected[i, k] = np.mean(values)
    table = tuned.trials_
    found = table[["fold_1", "fold_2", "fold_3"]].to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(table["value"], expected.mean(axis=1), rtol=1e-10)
    assert table["param_alpha"].tolist() == ALPHAS
    best = (
        expected.mean(axis=1).argmin() if criterion == "brier" else expected.mean(axis=1).argmax()
    )
    assert tuned.best_params_ == {"alpha": ALPHAS[best]}
    assert tuned.best_value_ == pytest.approx(expected.mean(axis=1)[best])
    whole = cox(ALPHAS[best]).fit(X, y)
    np.testing.assert_array_equal(tuned.predict_risk(X, [12]), whole.predict_risk(X, [12]))
    limits = tuned.predict_risk_interval(X, [12], 0.9)
    np.testing.assert_array_equal(limits.upper, whole.predict_risk_interval(X, [12], 0.9).upper)
    pd.testing.assert_frame_equal(tuned.summary(), whole.summary())


@pytest.mark.parametrize("criterion", ["brier", "log", "ipa", "auc"])
def test_every_criterion_prefers_the_model_that_knows(criterion: Any) -> None:
    X, y = people(400, 3)
    space = {"alpha": [1e8, 1.0]}
    tuned = Tuned(cox(), space, criterion=criterion, horizons=(12, 24), folds=3).fit(X, y)
    assert tuned.best_params_ == {"alpha": 1.0}


def test_people_are_whole_in_folds() -> None:
    y = split_rows(*people(50), at=12.0)[1]
    fold = fold_of_rows(y, 5, 0, "")
    for person in np.unique(y.people):
        assert len(np.unique(fold[y.people == person])) == 1
    last = ~pd.Series(y.people).duplicated(keep="last").to_numpy()
    assert np.bincount(fold[last]).tolist() == [10] * 5
    leavers = np.bincount(fold[last], weights=y.left[last])
    assert leavers.max() - leavers.min() <= 1


def test_late_entry_is_scored_from_entry() -> None:
    """The score of the risk given that the person was still there at entry, by hand."""
    X, y = people(150, late=True)
    tuned = Tuned(KaplanMeier(by=None), {"by": [None]}, horizons=(12,), folds=2, seed=1).fit(X, y)
    fold = fold_of_rows(y, 2, 1, "")
    for k in range(2):
        seen, new = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        km = KaplanMeier(by=None).fit(X.iloc[seen], y[seen])
        stays = np.array([1 - km.predict_risk(X[:1], [t])[0, 0] for t in y.entry[new]])
        risk = 1 - (1 - km.predict_risk(X[:1], [12])[0, 0]) / stays
        at = censoring_weights(y, 12)
        value = (np.square(at.left[new] - risk) * at.weight[new, 0]).sum()
        value /= at.counted[new].sum()
        assert tuned.trials_[f"fold_{k + 1}"][0] == pytest.approx(value, rel=1e-10)


def test_weights_are_rows_of_people() -> None:
    X, y = people()
    tuned = Tuned(cox(), {"alpha": ALPHAS}, horizons=(12,), folds=3)
    kept = np.flatnonzero(X["noise"] < 1)
    some = clone(tuned).fit(X.iloc[kept], y[kept])
    zero = clone(tuned).fit(X, y, sample_weight=np.isin(np.arange(len(X)), kept).astype(float))
    columns = ["fold_1", "fold_2", "fold_3"]
    pd.testing.assert_frame_equal(some.trials_[columns], zero.trials_[columns])
    half = clone(tuned).set_params(estimator=KaplanMeier(), space={"by": [None]})
    one, two = (clone(half).fit(X, y, sample_weight=np.full(len(X), w)) for w in (1.0, 2.0))
    assert one.best_value_ == pytest.approx(two.best_value_)


@pytest.mark.parametrize("search", ["grid", "random", "optuna"])
def test_numbers_do_not_depend_on_processes_or_time(search: Any) -> None:
    X, y = people()
    values: Any = ALPHAS if search == "grid" else {"low": 0.01, "high": 100.0, "log": True}
    tuned = Tuned(cox(), {"alpha": values}, search=search, trials=7, horizons=(12,), folds=3)
    one, again = clone(tuned).fit(X, y), clone(tuned).fit(X, y)
    with parallel_config(backend="threading"):
        two = clone(tuned).set_params(n_jobs=2).fit(X, y)
    for other in (again, two):
        pd.testing.assert_frame_equal(
            one.trials_.drop(columns="seconds"), other.trials_.drop(columns="seconds")
        )
    assert len(one.trials_) == (3 if search == "grid" else 7)


# ------------------------------------------------------------ budgets and failures


def test_a_trial_that_fails_is_recorded(counting: Counting) -> None:
    X, y = people()
    tuned = Tuned(counting, {"alpha": [1.0, -1.0, 0.1]}, horizons=(12,), folds=3).fit(X, y)
    assert tuned.trials_["error"].tolist() == [None, "fold 1: the likelihood has no maximum", None]
    assert tuned.trials_["value"].isna().tolist() == [False, True, False]
    for search in ("random", "optuna"):
        clone(tuned).set_params(search=search).fit(X, y)


def test_all_trials_fail(counting: Counting) -> None:
    X, y = people()
    with pytest.raises(FitError, match=r"every trial failed: .* no maximum \(2 of 2\)"):
        Tuned(counting, {"alpha": [-1.0, -2.0]}, horizons=(12,), folds=3).fit(X, y)
    with pytest.raises(InputError, match="X has no column 'route'"):
        Tuned(cox(), {"strata": ["route"]}, horizons=(12,), folds=3).fit(X, y)
    with pytest.raises(NotEstimableError, match="nobody was followed for 90 months"):
        Tuned(cox(), {"alpha": ALPHAS}, horizons=(90, 120), folds=3).fit(X, y)


def test_horizons_without_a_score_in_a_fold_are_left_out() -> None:
    X, y = people()
    longest = y.exit.max()
    only = np.flatnonzero(y.exit == longest)[1:]  # one person is followed for as long
    exit_ = np.where(np.isin(np.arange(len(X)), only), longest - 1, y.exit)
    y = Outcome(0, exit_, y.left, index=X.index)
    tuned = Tuned(cox(), {"alpha": ALPHAS}, horizons=(12, longest, 90), folds=3).fit(X, y)
    assert tuned.horizons_.tolist() == [12]
    short = clone(tuned).set_params(horizons=(12,)).fit(X, y)
    pd.testing.assert_frame_equal(
        tuned.trials_.drop(columns="seconds"), short.trials_.drop(columns="seconds")
    )
    with pytest.raises(FitError, match=f"brier cannot be given at {longest:g} months"):
        clone(tuned).set_params(horizons=(longest,)).fit(X, y)


def test_a_trial_that_lacks_a_horizon_of_the_first_fails(counting: Counting) -> None:
    X, y = people()
    stops = pd.Series("long", X.index).mask((y.exit < 24) & (np.arange(len(X)) < 40), "short")
    X = X.assign(group=stops)
    estimator = counting.set_params(encoder=None)
    space = {"strata": [None, "group"]}
    tuned = Tuned(estimator, space, horizons=(6, 24), folds=2).fit(X, y)
    assert tuned.trials_["error"].tolist() == [
        None,
        "brier cannot be given at 24 months in every fold",
    ]
    assert tuned.horizons_.tolist() == [6, 24]
    other = clone(tuned).set_params(space={"strata": ["group", None]}).fit(X, y)
    assert other.trials_["error"].tolist() == [None, None]
    assert other.horizons_.tolist() == [6]
    with parallel_config(backend="threading"):
        both = clone(other).set_params(n_jobs=2).fit(X, y)
    assert both.trials_["value"].tolist() == other.trials_["value"].tolist()


def test_time_ends_a_search() -> None:
    X, y = people()
    space = {"alpha": {"low": 0.1, "high": 10.0}}
    tuned = Tuned(cox(), space, search="random", seconds=1e-9, horizons=(12,), folds=3).fit(X, y)
    assert len(tuned.trials_) == 1
    began = time.monotonic()
    tuned = clone(tuned).set_params(seconds=0.3).fit(X, y)
    assert len(tuned.trials_) > 1
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimator": CoxPH}, InputTypeError, "predict_risk"),
        ({"search": "bayes"}, InputError, "no such search"),
        ({"criterion": "accuracy"}, InputError, "no such criterion"),
        ({"trials": 0}, InputError, "trials"),
        ({"seconds": 0}, InputError, "seconds"),
        ({"resume": 7}, InputError, "resume"),
        ({"folds": 1}, InputError, "folds"),
        ({"horizons": ()}, InputError, "horizons"),
        ({"space": {"penalty": [1]}}, InputError, "no parameter 'penalty'"),
    ],
)
def test_what_is_refused(change: dict[str, Any], error: type, match: str) -> None:
    X, y = people()
    options: dict[str, Any] = {"estimator": cox(), "space": {"alpha": ALPHAS}, "horizons": (12,)}
    with pytest.raises(error, match=match):
        Tuned(**(options | change)).fit(X, y)


# ------------------------------------------------------------ stopped and resumed


@pytest.mark.parametrize("search", ["grid", "optuna"])
def test_a_search_goes_on_where_it_was_stopped(
    counting: Counting, search: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = people()
    folder = tmp_path / "trials"
    tuned = Tuned(
        counting,
        {"alpha": [1.0, -1.0, 0.1, 10.0, 0.01, 100.0]},
        search=search,
        trials=6,
        horizons=(12,),
        folds=2,
        seed=2,
    )
    whole = clone(tuned).fit(X, y)
    before = len(Counting.fits)
    monkeypatch.setattr(Counting, "fits", [])
    monkeypatch.setattr(Counting, "stop_after", 5)  # within the third trial
    with pytest.raises(KeyboardInterrupt):
        clone(tuned).set_params(resume=folder).fit(X, y)
    (file,) = folder.iterdir()
    assert len(file.read_text().splitlines()) == 2
    with file.open("a", encoding="utf-8") as stream:  # what a kill in the midst of writing leaves
        stream.write('{"params": "{\\"alpha\\": 0.1')
    monkeypatch.setattr(Counting, "stop_after", 10**6)
    for _ in range(2):
        monkeypatch.setattr(Counting, "fits", [])
        resumed = clone(tuned).set_params(resume=folder).fit(X, y)
        pd.testing.assert_frame_equal(
            resumed.trials_.drop(columns="seconds"), whole.trials_.drop(columns="seconds")
        )
        assert resumed.best_params_ == whole.best_params_
        before -= 4  # fits of two trials less; the second time none but the last
        assert len(Counting.fits) <= before
    assert len(Counting.fits) == 1


def test_other_data_folds_or_models_are_other_searches(counting: Counting, tmp_path: Path) -> None:
    X, y = people()
    tuned = Tuned(counting, {"alpha": [1.0]}, horizons=(12,), folds=2, resume=tmp_path)
    first = clone(tuned).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1
    changed = X.copy()
    changed.iloc[3, 0] += 0.01
    other = Outcome(0, y.exit + 1, y.event, index=y.index)
    tuned.fit(changed, y)
    tuned.fit(X, other)
    tuned.fit(X, y, sample_weight=np.full(len(X), 2.0))
    clone(tuned).set_params(estimator__robust=True).fit(X, y)
    clone(tuned).set_params(seed=1).fit(X, y)
    clone(tuned).set_params(folds=3).fit(X, y)
    clone(tuned).set_params(criterion="log").fit(X, y)
    clone(tuned).set_params(horizons=(24,)).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 9
    # More trials of the same search are the same search.
    more = clone(tuned).set_params(space={"alpha": [2.0, 1.0]}).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 9
    assert more.trials_["value"][1] == first.trials_["value"][0]


def test_no_row_of_people_is_kept(tmp_path: Path) -> None:
    X, y = people()
    X = X.assign(route="CANARY-90210")
    X.loc[X.index[::2], "route"] = "other"
    X["x"] = X["x"] + 1234.5
    tuned = Tuned(CoxPH(), {"alpha": [1.0, 2.0]}, horizons=(12,), folds=2, resume=tmp_path)
    tuned.fit(X, y)
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line.keys() for line in lines] == [{"params", "scores", "seconds", "error"}] * 2
    content = pickle.dumps(tuned)
    assert b"1234.5" not in file.read_bytes()
    assert X["x"].to_numpy()[:1].tobytes() not in content


def test_searches_that_write_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    X, y = people(30)

    def open_file() -> TrialFile:
        return TrialFile(tmp_path, TrainingRows(X=X, y=y, weight=None), cox(), {})

    def write(start: int) -> None:
        file = open_file()
        for i in range(start, start + 40):
            file.add(
                Trial(
                    params={"alpha": i}, scores=((0.1, np.nan), (0.2, 0.3)), seconds=1.0, error=None
                )
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (0, 20, 40, 60)))
    (file,) = tmp_path.iterdir()
    assert len([line for line in file.read_text().splitlines() if line]) == 160
    kept = open_file()
    found = [kept.get({"alpha": i}) for i in range(100)]
    assert [trial.horizons().tolist() for trial in found if trial] == [[True, False]] * 100


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    X, y = people()
    (tmp_path / "file").write_text("")
    tuned = Tuned(cox(), {"alpha": [1.0]}, horizons=(12,), resume=tmp_path / "file")
    with pytest.raises(InputError, match="trials cannot be kept there"):
        tuned.fit(X, y)


# ------------------------------------------------------------ as a model


def test_inside_an_evaluation_each_fold_tunes_on_its_own_rows(tmp_path: Path) -> None:
    table = gm.build_features(gm.simulate_trainees(seed=7), features=["specialism", "age_at_start"])
    rows = np.arange(300)
    tuned = Tuned(
        CoxPH(), {"alpha": [1.0, 100.0]}, horizons=(12, 24), folds=2, resume=str(tmp_path)
    )
    some = table.X.iloc[rows], table.y[rows]
    found = clone(tuned).fit(*some)
    assert found.best_params_["alpha"] in (1.0, 100.0)
    evaluation = gm.evaluate(
        {"tuned": tuned, "cox": CoxPH(alpha=1.0)}, table, "temporal", horizons=[12], bootstrap=0
    )
    assert np.isfinite(evaluation.leaderboard["mean_brier"]).all()
    assert len(list(tmp_path.iterdir())) == 2  # of the rows above, and of the training rows


def test_it_is_a_model_like_others() -> None:
    X, y = people()
    tuned = Tuned(cox(), {"alpha": ALPHAS}, horizons=(12,), folds=2)
    fitted = clone(tuned).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), fitted.predict_risk(X, [12]))
    assert fitted.score(X, y) > 0.55
    assert not hasattr(fitted, "predict_incidence")
    limits = Bootstrapped(tuned, repetitions=20).fit(X, y).predict_risk_interval(X[:3], [12])
    assert (limits.lower < limits.upper).all()


def test_trials_for_a_run_folder() -> None:
    X, y = people()
    tuned = Tuned(
        cox(), {"alpha": [1, 2.5], "strata": [None]}, horizons=(12,), folds=2, criterion="auc"
    )
    pipeline = RiskPipeline([("model", tuned)]).fit(X, y)
    table = search_trials("cox", pipeline, "2019-09")
    assert table is not None
    assert table.columns.tolist() == [
        "model",
        "fold",
        "trial",
        "params",
        "score",
        "value",
        "seconds",
        "error",
    ]
    assert table["params"].tolist() == [
        '{"alpha": 1, "strata": null}',
        '{"alpha": 2.5, "strata": null}',
    ]
    assert table["fold"].tolist() == ["2019-09"] * 2
    assert table["score"].tolist() == ["auc"] * 2
    everyone = search_trials("cox", tuned.fit(X, y))
    assert everyone is not None
    assert everyone["fold"].isna().all()
    assert search_trials("cox", cox().fit(X, y)) is None
