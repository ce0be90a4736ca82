"""A fitted estimator, and what is needed to ask it of new people."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from gmts_models.data.people import People, check_people
from gmts_models.errors import FitError, InputError, SampleSizeWarning
from gmts_models.features.matrix import make_features
from gmts_models.features.prediction_date import AskedAt, At, ask, at_risk, pick, read_at
from gmts_models.features.table import FeatureTable, Recipe
from gmts_models.models.checks.sample_size import check_sample_size
from gmts_models.models.protocol import IncidenceModel, RiskInterval, RiskModel, check_horizons
from gmts_models.outcome import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FittedModel:
    """An estimator with its feature recipe, prediction date and endpoint.

    Attributes
    ----------
    estimator : fitted.
    recipe : how its X was made.
    n : rows it learned from.
    """

    estimator: RiskModel
    recipe: Recipe
    n: int

    def predict_risk(
        self, people: People, horizons: npt.ArrayLike, at: AskedAt | None = None
    ) -> Floats:
        """Return (n, m) risks of people, from their prediction date.

        Parameters
        ----------
        people : n, new or old.
        horizons : (m,) months from the prediction date.
        at : the prediction date; default that of the recipe. Of a model of a day it may be any
            other day. A model of stacked landmarks has no default: say one of its landmarks, or a
            date between the first and the last of them.

        Returns
        -------
        Risks from what is known on the prediction date alone. NaN for those who are not at risk
        then, since they have not started, have left, or were last seen before it; and, of a stack,
        for those whose service is then outside its landmarks. At the start everyone has a risk.

        Raises
        ------
        InputError : the model does not speak of this prediction date, or these are no people.
        """
        months = check_horizons(horizons)
        rows, X = self._features(people, at)
        risk = np.full((len(people), len(months)), np.nan)
        if len(rows):
            risk[rows] = self.estimator.predict_risk(X, months)
        return risk

    def predict_risk_interval(
        self,
        people: People,
        horizons: npt.ArrayLike,
        at: AskedAt | None = None,
        level: float = 0.95,
    ) -> RiskInterval:
        """Return the risks of `predict_risk` with limits, by the estimator's own method.

        Raises
        ------
        InputError : as `predict_risk`; or the estimator has no interval, and was not fitted as
            `Bootstrapped`.
        """
        months = check_horizons(horizons)
        rows, X = self._features(people, at)
        values = np.full((3, len(people), len(months)), np.nan)
        method = ""
        if len(rows):
            found = self.estimator.predict_risk_interval(X, months, level)  # type: ignore[attr-defined]
            values[:, rows] = found.risk, found.lower, found.upper
            method = found.method
        return RiskInterval(
            horizons=months,
            risk=values[0],
            lower=values[1],
            upper=values[2],
            level=level,
            method=method,
        )

    def predict_incidence(
        self, people: People, horizons: npt.ArrayLike, at: AskedAt | None = None
    ) -> Floats:
        """Return (n, m, k) P(left for each of the estimator's ``causes_``), which sum to the risk.

        Raises
        ------
        InputError : as `predict_risk`; or the estimator knows one kind of leaving only.
        """
        if not isinstance(self.estimator, IncidenceModel):
            raise InputError(
                f"{type(self.estimator).__name__} knows one kind of leaving only",
                where="predict_incidence",
                fix="fit a model of several causes: CauseSpecificCox, FineGray or "
                "DiscreteTimeHazard(by_cause=True)",
            )
        months = check_horizons(horizons)
        rows, X = self._features(people, at)
        incidence = np.full((len(people), len(months), len(self.estimator.causes_)), np.nan)
        if len(rows):
            incidence[rows] = self.estimator.predict_incidence(X, months)
        return incidence

    def _features(self, people: People, at: AskedAt | None) -> tuple[Ints, pd.DataFrame]:
        """Return the rows of those who are at risk on the prediction date, and their X."""
        check_people(people)
        when, recipe = self._date(at), self.recipe
        asked = ask(people, when)
        rows = np.flatnonzero(at_risk(people, recipe.endpoint, when) & self._within(asked.months))
        if not len(rows):
            return rows, pd.DataFrame(columns=list(recipe.names))
        X = make_features(people, recipe.names, pick(asked, rows), recipe.attributes)
        return rows, X.set_axis(people.trainees.index[rows], axis=0)

    def predict_retention(
        self, people: People, horizons: npt.ArrayLike, at: AskedAt | None = None
    ) -> pd.DataFrame:
        """Return P(still there): a row a person by trainee_id, a column a horizon in months.

        The parameters are those of `predict_risk`, and so is what is missing.
        """
        months = check_horizons(horizons)
        return pd.DataFrame(
            1 - self.predict_risk(people, months, at),
            index=pd.Index(people.trainees["trainee_id"], name="trainee_id"),
            columns=pd.Index(months, name="months"),
        )

    def _date(self, at: AskedAt | None) -> At:
        """Return the prediction date that is asked for, where the model speaks of it."""
        recipe = self.recipe
        if recipe.landmarks is None:
            when = recipe.at if at is None else read_at(at)
            if when != recipe.at and not (_is_day(when) and _is_day(recipe.at)):
                raise InputError(
                    f"the model speaks of the prediction date {recipe.at!r}",
                    where=f"at={when!r}",
                    fix="leave at= out, or fit a model for that date, or one of landmarks",
                )
            return when
        first, last = recipe.landmarks[0], recipe.landmarks[-1]
        if at is not None:
            asked = read_at(at)
            months = 0 if asked == "start" else asked
            if not isinstance(months, int) or first <= months <= last:
                return asked
        raise InputError(
            "the model has several prediction dates: months since the start "
            + ", ".join(map(str, recipe.landmarks)),
            where=f"at={at!r}",
            fix=f"say one of them, or a date from {first} to {last} months after the start",
        )

    def _within(self, months: Floats) -> Bools:
        marks = self.recipe.landmarks
        if marks is None:
            return np.ones(len(months), dtype=bool)
        return np.asarray((months >= marks[0]) & (months <= marks[-1]))

    def __repr__(self) -> str:
        return f"FittedModel({self.estimator!r}, endpoint={self.recipe.endpoint!r}, n={self.n})"


def _is_day(at: At) -> bool:
    return isinstance(at, str) and at not in ("start", "scheme_end")


def fit(model: RiskModel, table: FeatureTable, *, strict: bool | None = False) -> FittedModel:
    """Fit a clone of `model` to a table, and keep what prediction on new people needs.

    Parameters
    ----------
    model : unfitted estimator; it stays so.
    table : of `build_features`.
    strict : whether too few people for so many columns (`check_sample_size`) are an error instead
        of a warning; None = not looked at.

    Raises
    ------
    InputError : the table is of episodes, from which no new person can be predicted.
    FitError : under `strict`, there are too few people.

    Warns
    -----
    SampleSizeWarning : there are too few people.
    """
    if table.recipe.episodes:
        raise InputError(
            "episodes follow people as their features change, and of new people nobody knows how "
            "they will",
            where="table",
            fix="fit the estimator itself, model.fit(table.X, table.y), for its coefficients; or "
            "predict from build_features(..., landmarks=[...])",
        )
    if strict is not None:
        _mind_sample_size(model, table, strict)
    return FittedModel(
        estimator=clone(model).fit(table.X, table.y), recipe=table.recipe, n=len(table)
    )


def _mind_sample_size(model: RiskModel, table: FeatureTable, strict: bool) -> None:
    size = check_sample_size(table, model) if table.y.left.any() else None
    if size is None or size.enough:
        return
    if strict:
        raise FitError(
            str(size),
            where=type(model).__name__,
            fix="name fewer features, pool specialisms partially, or say strict=False",
        )
    warnings.warn(str(size), SampleSizeWarning, stacklevel=3)
