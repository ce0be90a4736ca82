"""Several models as one, weighed by how well each predicts people it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.utils.metaestimators import _BaseComposition, available_if

from gmts_models.errors import GmtsError, InputError, NotEstimableError
from gmts_models.models.combining.cross_validation import (
    check_scored_horizons,
    fold_of_rows,
    part,
    weigh,
)
from gmts_models.models.combining.inner_models import check_model, fit_clone
from gmts_models.models.combining.pool_weights import pool_weights
from gmts_models.models.protocol import (
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    risk_from_entry,
    training_rows,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.options import check_option

Weights = Literal["brier", "equal"]


def _all_have_causes(model: StackedRisk) -> bool:
    return all(hasattr(each, "predict_incidence") for _, each in model.estimators)


class StackedRisk(RiskMixin, _BaseComposition):  # type: ignore[misc]
    """The average of the risks of several models, with weights chosen by cross-validation.

    Parameters
    ----------
    estimators : (name, model) pairs; clones of them are fitted.
    horizons : months, above 0, over which the Brier score is averaged.
    folds : of the cross-validation; people are whole in them.
    seed : of the folds.
    weights : "brier": at least 0, 1 in sum, and such that the cross-validated Brier score of the
        average is least. "equal": all alike.
    n_jobs : processes for the fits; the numbers are the same for any.

    Attributes
    ----------
    weights_ : frame: model, weight, brier_cv (its cross-validated Brier score, averaged over
        `horizons_`).
    brier_cv_ : the same score of the average; with "brier" not above that of any model. It is a
        little too good, since the weights were chosen by it: judge the stack with ``evaluate``.
    horizons_ : (m,) those of `horizons` at which every model has a risk for everyone that is
        scored, and somebody is followed for as long; the others are left out.
    estimators_ : the models fitted to everyone, in the order of `estimators`.
    causes_ : names of the causes, where all models are models of causes.
    feature_names_in_ : columns of X.

    Notes
    -----
    Risks are averaged, not hazards (the linear opinion pool), with one set of weights for all
    horizons, so that the average grows with the horizon. Models of weight 0 are fitted, and not
    asked for predictions. Where several weights are equally good, the fewest models are taken.

    The score weighs rows for censoring as ``stats/censoring.py`` says, by cohort where X has
    the cohort year.
    Of late entrants the risk given that they were still there at entry is scored and averaged.

    Source: Breiman (1996), Machine Learning 24:49-64; Graf et al. (1999), Statistics in Medicine
    18:2529-2545; Golmakani & Polley (2020), International Journal of Biostatistics 16:20190065, for
    stacked survival models.
    """

    estimators_: list[Any]
    weights_: pd.DataFrame
    brier_cv_: float
    horizons_: Floats

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]],
        horizons: Sequence[float] = (12, 24, 36),
        folds: int = 5,
        seed: int = 0,
        weights: Weights = "brier",
        n_jobs: int | None = 1,
    ) -> None:
        self.estimators = estimators
        self.horizons = horizons
        self.folds = folds
        self.seed = seed
        self.weights = weights
        self.n_jobs = n_jobs

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the models as ``name__parameter``."""
        found: dict[str, Any] = self._get_params("estimators", deep=deep)
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the models as ``name__parameter``."""
        self._set_params("estimators", **params)
        return self

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit every model in every fold, choose the weights, and fit the models to everyone.

        Raises
        ------
        FitError, InputError, NotEstimableError : of a model, whose name and fold are said.
        NotEstimableError : no horizon can be scored.
        """
        rows = training_rows(X, y, sample_weight, model="StackedRisk")
        names = self._check()
        months = check_scored_horizons(self.horizons, "StackedRisk")
        fold = fold_of_rows(rows.y, self.folds, self.seed, "StackedRisk")
        remember_columns(self, rows.X)
        parallel = Parallel(n_jobs=self.n_jobs)
        self.estimators_ = parallel(
            delayed(_fit_one)(name, model, rows, "to everyone") for name, model in self.estimators
        )
        if _all_have_causes(self):
            self.causes_ = self._common_causes()
        tasks = [(name, model, k) for name, model in self.estimators for k in range(self.folds)]
        found = parallel(
            delayed(_predict_fold)(name, model, rows, fold, k, months) for name, model, k in tasks
        )
        risk = np.full((len(names), len(rows.X), len(months)), np.nan)
        for (name, _, k), values in zip(tasks, found, strict=True):
            risk[names.index(name), fold == k] = values
        self._choose(names, rows, risk, months)
        return self

    def _check(self) -> list[str]:
        """Return the names of the models, or raise InputError where they are not as they should."""
        where = "StackedRisk(estimators=...)"
        given: Any = self.estimators
        if not isinstance(given, list | tuple) or not given:
            raise InputError(
                "estimators must be a list of pairs of a name and a model",
                where=where,
                fix='for instance [("cox", CoxPH()), ("weibull", WeibullAFT())]',
            )
        for each in given:
            pair = isinstance(each, list | tuple) and len(each) == 2 and isinstance(each[0], str)
            if not pair:
                raise InputError("each of estimators must be a name and a model", where=where)
            check_model(each[1], f"{where}, {each[0]}")
        names = [name for name, _ in given]
        if len(set(names)) < len(names) or any("__" in name or not name for name in names):
            raise InputError("names must differ, and hold no double underscore", where=where)
        if clash := set(names) & set(self.get_params(deep=False)):
            raise InputError(f"a model is called as a parameter: {min(clash)}", where=where)
        check_option(self.weights, get_args(Weights), "weights", "StackedRisk")
        return names

    def _common_causes(self) -> tuple[str, ...]:
        causes = {tuple(each.causes_) for each in self.estimators_}
        if len(causes) > 1:
            raise InputError(
                "the models do not know the same causes", where="StackedRisk(estimators=...)"
            )
        return causes.pop()

    def _choose(self, names: list[str], rows: TrainingRows, risk: Floats, months: Floats) -> None:
        """Set the weights and the scores, from (k, n, m) risks out of fold."""
        parts = [_errors(rows, risk[:, :, j], float(h)) for j, h in enumerate(months)]
        kept = [j for j, each in enumerate(parts) if each is not None]
        if not kept:
            raise NotEstimableError(
                "at none of the horizons has every model a risk for everyone, out of fold",
                where="StackedRisk(horizons=...)",
                fix="ask for horizons within the follow-up of every fold",
            )
        self.horizons_ = months[kept]
        errors = np.concatenate([each for each in parts if each is not None]) / np.sqrt(len(kept))
        count = len(names)
        weight = np.full(count, 1 / count) if self.weights == "equal" else pool_weights(errors)
        self.weights_ = pd.DataFrame(
            {"model": names, "weight": weight, "brier_cv": np.square(errors).sum(axis=0)}
        )
        self.brier_cv_ = float(np.square(errors @ weight).sum())

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) averaged risks; NaN where a model that counts has none."""
        return self._averaged("predict_risk", X, horizons)

    @available_if(_all_have_causes)  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) averaged incidences, where all models have them."""
        return self._averaged("predict_incidence", X, horizons)

    def _averaged(self, name: str, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        weights = self.weights_["weight"].to_numpy(float)
        return np.asarray(
            sum(
                weight * getattr(fitted, name)(frame, months)
                for weight, fitted in zip(weights, self.estimators_, strict=True)
                if weight > 0
            ),
            dtype=float,
        )


def _fit_one(name: str, model: Any, rows: TrainingRows, to: str) -> Any:
    try:
        return fit_clone(model, rows)
    except GmtsError as error:
        raise _of(name, error, f"fitted {to}") from error


def _predict_fold(
    name: str, model: Any, rows: TrainingRows, fold: Ints, k: int, months: Floats
) -> Floats:
    """Return the risks of the people of a fold, from a fit to the others."""
    fitted = _fit_one(name, model, part(rows, fold != k), f"without fold {k + 1}")
    new = part(rows, fold == k)
    try:
        return risk_from_entry(fitted, new.X, new.y.entry, months)
    except GmtsError as error:
        raise _of(name, error, f"asked of fold {k + 1}") from error


def _of(name: str, error: GmtsError, when: str) -> GmtsError:
    """Return an error of the same kind that names the model."""
    where = f"StackedRisk, {when}"
    return type(error)(
        f"model {name}: {error.what}",
        where=f"{where}; {error.where}" if error.where else where,
        fix=error.fix,
    )


def _errors(rows: TrainingRows, risk: Floats, horizon: float) -> Floats | None:
    """Return (n, k) errors whose squares sum to the Brier score of each model.

    None where a model has no risk for someone who is scored, or nobody is.
    """
    at = weigh(rows, horizon)
    scored = at.counted[:, 0] > 0
    if not at.weight.any() or np.isnan(risk[:, scored]).any():
        return None
    share = at.weight[scored, 0] / at.counted[:, 0].sum()
    return np.asarray(np.sqrt(share)[:, None] * (risk[:, scored].T - at.left[scored, None]))
