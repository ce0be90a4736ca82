"""A model whose parameters are chosen by cross-validation on the rows that it is fitted to."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, GmtsError, InputError
from gmts_models.models.combining.cross_validation import (
    check_scored_horizons,
    fold_of_rows,
)
from gmts_models.models.combining.inner_models import check_model, fit_clone, inner_has
from gmts_models.models.combining.search_space import (
    Params,
    Search,
    most_trials,
    proposing,
    read_space,
)
from gmts_models.models.combining.trial_file import TrialFile
from gmts_models.models.combining.trials import (
    Judged,
    Trial,
    TrialPlan,
    judge,
    plan_trials,
    score_fold,
    to_trial,
    trials_table,
)
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.scorers import LOWER_IS_BETTER, Score
from gmts_models.outcome import Bools, Floats, Outcome
from gmts_models.stats.options import check_option


class Tuned(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Search for the parameters of a model, and fit it with the best.

    Parameters
    ----------
    estimator : model to be tuned; clones of it are fitted.
    space : by parameter (of a model inside: ``estimator__C``) a list of values, or a range
        ``{"low": 0.01, "high": 100, "log": True, "int": False}``.
    search : "grid": every combination of lists, the last parameter changing fastest. "random":
        drawn alike from lists and evenly from ranges; where all are lists, each combination once.
        "optuna": a tree-structured Parzen estimator, which learns from the trials before; it needs
        ``pip install "gmts-models[optuna]"``.
    trials : most trials; default all of a grid, else 30, or as many as there is time for.
    seconds : no trial begins later than this after the first. Results then depend on the machine.
    criterion : "brier" or "log" (lower is better), "ipa" or "auc" (higher is), of people out of
        fold, averaged over `horizons`.
    horizons : months, above 0.
    folds : of the cross-validation; people are whole in them.
    seed : of the folds and of the search.
    n_jobs : processes; without `seconds` the numbers are the same for any.
    resume : folder in which finished trials are kept, so that a search that was stopped goes on:
        scores and parameters, under a digest of the data, the estimator and the folds; no rows.

    Attributes
    ----------
    trials_ : frame: trial, param_NAME of each parameter, value (mean of the folds), fold_1, ...,
        seconds, error (why a trial failed).
    best_params_ : of the best trial; of equally good ones the first.
    best_value_ : its mean score. It is a little too good, since it was chosen by: judge the model
        with ``evaluate``, in which each fold tunes on its own training rows.
    horizons_ : those of `horizons` that the scores are averaged over.
    best_estimator_ : the model with these parameters, fitted to everyone.
    causes_ : names of the causes, where the estimator is a model of causes.
    feature_names_in_ : columns of X.

    Notes
    -----
    Rows are weighed for censoring as ``stats/censoring.py`` says, by cohort where X has
    the cohort year. Of late entrants the risk given that they were still there at entry is scored.
    Horizons at which the first trial that could be fitted has no score in some fold, since someone
    has no risk there or nobody was followed for as long, are left out for all trials. A later trial
    fails where it lacks one of the others, and any where a fit fails.

    Intervals of predictions are those of the best estimator, as if its parameters had been known;
    ``Bootstrapped(Tuned(...))`` tunes anew to people drawn again.

    Source: Bergstra & Bengio (2012), JMLR 13:281-305, for random search; Bergstra et al. (2011),
    NeurIPS 24, for the estimator; Varma & Simon (2006), BMC Bioinformatics 7:91, for tuning inside
    the folds of an evaluation.
    """

    trials_: pd.DataFrame
    best_params_: dict[str, Any]
    best_value_: float
    horizons_: Floats
    best_estimator_: Any

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        search: Search = "grid",
        trials: int | None = None,
        seconds: float | None = None,
        criterion: Score = "brier",
        horizons: Sequence[float] = (12, 24, 36),
        folds: int = 5,
        seed: int = 0,
        n_jobs: int | None = 1,
        resume: str | os.PathLike[str] | None = None,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.search = search
        self.trials = trials
        self.seconds = seconds
        self.criterion = criterion
        self.horizons = horizons
        self.folds = folds
        self.seed = seed
        self.n_jobs = n_jobs
        self.resume = resume

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Search in folds of the training rows, then fit the best to all of them.

        Raises
        ------
        FitError : every trial failed; with the reasons.
        """
        rows = training_rows(X, y, sample_weight, model="Tuned")
        self._check()
        months = check_scored_horizons(self.horizons, "Tuned")
        fold = fold_of_rows(rows.y, self.folds, self.seed, "Tuned")
        remember_columns(self, rows.X)
        done = self._search(rows, plan_trials(rows, fold, months), months)
        self.trials_ = trials_table(done, self.folds)
        worked = [trial for trial in done if trial.error is None]
        if not worked:
            self._refuse(rows, done)
        sign = 1 if self.criterion in LOWER_IS_BETTER else -1
        best = min(worked, key=lambda trial: sign * trial.value)
        self.best_params_, self.best_value_ = best.params, best.value
        self.best_estimator_ = fit_clone(_with(self.estimator, best.params), rows)
        return self

    def _refuse(self, rows: TrainingRows, done: list[Judged]) -> NoReturn:
        """Say why every trial failed."""
        try:
            fit_clone(_with(self.estimator, done[0].params), rows)
        except InputError:  # of X or a parameter, and says better what to mend
            raise
        except GmtsError:
            pass
        reasons = Counter(str(trial.error) for trial in done).most_common(3)
        told = "; ".join(f"{reason} ({count} of {len(done)})" for reason, count in reasons)
        raise FitError(
            f"every trial failed: {told}",
            where="Tuned",
            fix="widen the space, or ask for horizons within the follow-up of every fold",
        )

    def _check(self) -> None:
        check_model(self.estimator, "Tuned(estimator=...)")
        check_option(self.search, get_args(Search), "search", "Tuned")
        check_option(self.criterion, get_args(Score), "criterion", "Tuned")
        trials: Any = self.trials
        if trials is not None and (not isinstance(trials, int) or trials < 1):
            raise InputError("trials must be a whole number, at least 1", where="Tuned(trials=...)")
        seconds: Any = self.seconds
        if seconds is not None and (not isinstance(seconds, int | float) or not seconds > 0):
            raise InputError("seconds must be a number above 0", where="Tuned(seconds=...)")
        if self.resume is not None and not isinstance(self.resume, str | os.PathLike):
            raise InputError("resume must be the path of a folder", where="Tuned(resume=...)")

    def _search(self, rows: TrainingRows, plan: TrialPlan, months: Floats) -> list[Judged]:
        """Return the trials in the order in which they were proposed."""
        space = read_space(self.space, self.estimator.get_params())
        most = most_trials(self.search, space, self.trials, timed=self.seconds is not None)
        settings = {"fold": plan.fold, "criterion": self.criterion, "horizons": months}
        kept = TrialFile(self.resume, rows, self.estimator, settings)
        parallel = Parallel(n_jobs=self.n_jobs)
        at_once = effective_n_jobs(self.n_jobs)
        last = np.inf if self.seconds is None else time.monotonic() + self.seconds
        done: list[Judged] = []
        used: Bools | None = None
        lower = self.criterion in LOWER_IS_BETTER
        with proposing(self.search, space, self.seed, lower_is_better=lower) as proposer:
            while not done or time.monotonic() < last:
                asked = proposer.ask(min(at_once, most - len(done)))
                if not asked:
                    break
                new = [params for params in asked if kept.get(params) is None]
                for trial in self._try(new, parallel, rows, plan):
                    kept.add(trial)
                found = []
                for trial in filter(None, map(kept.get, asked)):
                    if used is None and trial.horizons().any():
                        used = trial.horizons()
                    found.append(judge(trial, months, used, self.criterion))
                proposer.tell([None if trial.error else trial.value for trial in found])
                done += found
        self.horizons_ = months if used is None else months[used]
        return done

    def _try(
        self, asked: list[Params], parallel: Parallel, rows: TrainingRows, plan: TrialPlan
    ) -> list[Trial]:
        """Score sets of parameters in every fold."""
        results = parallel(
            delayed(score_fold)(model, rows, plan, k, self.criterion)
            for model in [_with(self.estimator, params) for params in asked]
            for k in range(self.folds)
        )
        each = [results[i : i + self.folds] for i in range(0, len(results), self.folds)]
        return [to_trial(params, parts) for params, parts in zip(asked, each, strict=True)]

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks of the best estimator."""
        risk: Floats = self._best().predict_risk(new_rows(self, X), horizons)
        return risk

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks of the best estimator with its limits."""
        found: RiskInterval = self._best().predict_risk_interval(new_rows(self, X), horizons, level)
        return found

    @available_if(inner_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) incidences of the best estimator, where it has them."""
        incidence: Floats = self._best().predict_incidence(new_rows(self, X), horizons)
        return incidence

    @available_if(inner_has("summary"))  # type: ignore[untyped-decorator]
    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return the coefficients of the best estimator, where it has them."""
        table: pd.DataFrame = self._best().summary(level)
        return table

    @property
    def causes_(self) -> tuple[str, ...]:
        """Names of the k causes of the best estimator."""
        causes: tuple[str, ...] = self.best_estimator_.causes_
        return causes

    def _best(self) -> Any:
        check_is_fitted(self)
        return self.best_estimator_


def _with(estimator: Any, params: Params) -> Any:
    return clone(estimator).set_params(**params)
