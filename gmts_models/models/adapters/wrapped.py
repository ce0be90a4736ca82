"""Models that were fitted elsewhere, as models of risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from gmts_models.errors import GmtsError, InputError
from gmts_models.features.table import FeatureTable
from gmts_models.models.adapters.curves import Curves, cut, name_of
from gmts_models.models.adapters.lifelines_models import read_lifelines
from gmts_models.models.adapters.other_libraries import read_other
from gmts_models.models.fitted import FittedModel
from gmts_models.models.protocol import RiskInterval, RiskMixin, as_frame, check_horizons
from gmts_models.outcome import Floats, Outcome

_ROUNDING = 1e-9


class WrappedModel(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A model that another library fitted, which answers as ours do; made by `wrap`.

    Parameters
    ----------
    fitted : it.
    columns : of X, in its order, where it does not know their names.
    last : months past which it may not be asked; default what it tells of its follow-up.

    Attributes
    ----------
    feature_names_in_ : the columns that it takes; missing where it picks them itself.

    Notes
    -----
    It is fitted for good: ``clone`` returns it as it is, and ``fit`` refuses. It holds the model
    itself, and with it what that holds: lifelines, SurPyval and greenwood keep rows of people.
    """

    def __init__(
        self, fitted: Any, columns: Sequence[str] | None = None, last: float | None = None
    ) -> None:
        self.fitted = fitted
        self.columns = columns
        self.last = last

    def fit(
        self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None
    ) -> NoReturn:
        """Refuse: it is fitted."""
        raise InputError(
            f"{name_of(self.fitted)} was fitted elsewhere and is not fitted again",
            where="WrappedModel.fit",
            fix='judge it on rows that it has not seen: evaluate(..., scheme="new_rows")',
        )

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the follow-up of a model that does not extrapolate.

        Raises
        ------
        InputError : X lacks a column, or has text or gaps that the model does not take; or the
            other library raises, or answers with what are no growing probabilities.
        """
        months = check_horizons(horizons)
        curves = self._curves()
        frame = _pick(as_frame(X), curves.columns)
        if not len(frame):
            return np.empty((0, len(months)))
        asked, place = np.unique(months, return_inverse=True)
        try:
            with np.errstate(all="ignore"):
                stays = curves.retention(frame, asked)
        except GmtsError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the other library raises
            # Its message may hold values of these rows.
            raise InputError(
                f"{name_of(self.fitted)} raised {type(error).__name__} when asked of these rows",
                where="X",
                fix="see what its own methods say of them; it may give no risk at all as it was "
                "fitted",
            ) from None
        if self.last is not None:
            stays = cut(stays, asked, self.last)
        return self._risk(stays, (len(frame), len(asked)))[:, place]

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Refuse: libraries differ in what limits they give, and it cannot be fitted again.

        Raises
        ------
        InputError : always.
        """
        raise InputError(
            f"{name_of(self.fitted)}, fitted elsewhere, has no interval here",
            where="WrappedModel.predict_risk_interval",
            fix="ask the library for its own",
        )

    @property
    def feature_names_in_(self) -> npt.NDArray[np.object_]:
        """Columns of X that it takes."""
        columns = self._curves().columns
        if columns is None:
            raise AttributeError("the wrapped model picks its columns itself")
        return np.array(columns, dtype=object)

    def _curves(self) -> Curves:
        if _is_of(self.fitted, "lifelines"):
            return read_lifelines(self.fitted)
        found = read_other(self.fitted, self.columns, self.last)
        if found is None:
            raise _unknown(self.fitted)
        return found

    def _risk(self, stays: Floats, shape: tuple[int, int]) -> Floats:
        risk = 1 - stays
        known = risk[~np.isnan(risk)]
        sound = risk.shape == shape and bool(
            ((known >= -_ROUNDING) & (known <= 1 + _ROUNDING)).all()
        )
        if not sound or (np.diff(risk, axis=1) < -_ROUNDING).any():
            raise InputError(
                f"{name_of(self.fitted)} answers with what are no growing probabilities of having "
                "left, one a row and horizon",
                where="WrappedModel.predict_risk",
                fix="see what its own predict says of these rows",
            )
        # Without what rounding left. Behind NaN nothing is known.
        return np.asarray(np.maximum.accumulate(np.clip(risk, 0, 1), axis=1), dtype=float)

    def __sklearn_clone__(self) -> WrappedModel:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:  # scikit-learn's name for it
        return f"WrappedModel({name_of(self.fitted)})"


def wrap(
    fitted: Any, *, columns: Sequence[str] | None = None, last: float | None = None
) -> WrappedModel:
    """Make a model of risk of one that another library fitted.

    Parameters
    ----------
    fitted : a fitted model of

        - lifelines: CoxPHFitter, the accelerated failure time and other regression fitters, with or
          without formulas; KaplanMeierFitter and the other univariate fitters;
        - scikit-survival: whatever has ``predict_survival_function``, pipelines among it;
        - SurPyval: regression models (``sf(x, Z)``);
        - greenwood: models with ``predict(type="survival")``.
    columns : of X, in its order; needed where it was fitted to an array without names.
    last : months past which its risk is missing. Needed where it does not tell how long people were
        followed; by default models of steps end with their follow-up, families of times never do.

    Raises
    ------
    InputError : it is none of these, is not fitted, or does not tell enough of itself.

    Notes
    -----
    Its clock must be months from the prediction date, and its event any departure. Nothing is
    encoded: columns of text are refused, unless the model codes them itself (a formula, greenwood,
    a pipeline), and so are labels that it has not seen. Steps are read as right-continuous ones:
    between its times lifelines' Cox draws lines, and before the first it gives the first step.
    Where Aalen's additive hazards fall below 0 the risk stays what it was.

    What a library gets wrong is left as it is: the baseline hazard of lifelines, and of
    scikit-survival with ties="efron", is Breslow's beside Efron's coefficients (November 2026:
    0.30.3, 0.28.0), and greenwood's weighted Cox coefficients are not R's (0.8.0).
    """
    if _is_of(fitted, "gmts_models"):
        raise InputError(
            f"{type(fitted).__name__} is a model of this package already",
            where="wrap",
            fix="use it as it is",
        )
    if last is not None and not (np.isfinite(last) and last > 0):
        raise InputError("last must be a number of months above 0", where="wrap(last=...)")
    model = WrappedModel(fitted, columns=columns, last=last)
    model._curves()
    return model


def adopt(
    fitted: Any,
    table: FeatureTable,
    *,
    columns: Sequence[str] | None = None,
    last: float | None = None,
) -> FittedModel:
    """Keep a model that another library fitted with what prediction on new people needs.

    Parameters
    ----------
    fitted, columns, last : as for `wrap`.
    table : of `build_features`, made as the rows were that it was fitted to: its features,
        prediction date and endpoint are taken to be the model's.

    Raises
    ------
    InputError : as `wrap`; or the table's features lack a column that it takes, or are of another
        kind; or the table is of episodes.
    """
    if table.recipe.episodes:
        raise InputError(
            "episodes follow people as their features change, and of new people nobody knows how "
            "they will",
            where="table",
            fix="give a table of one prediction date, or of landmarks",
        )
    model = wrap(fitted, columns=columns, last=last)
    wanted = model._curves().columns
    if missing := [name for name in wanted or () if name not in table.X]:
        raise InputError(
            f"the table's features lack {len(missing)} of the columns that the model takes",
            where=", ".join(missing[:5]),
            fix="build_features(..., features=[...], attributes=[...]) with them",
        )
    return FittedModel(estimator=model, recipe=table.recipe, n=len(table))


def _pick(frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    if columns is None:
        return frame
    if missing := [name for name in columns if name not in frame]:
        raise InputError(
            f"X lacks {len(missing)} of the columns that the model was fitted with",
            where=f"X, {', '.join(missing[:5])}",
            fix="make X by the same recipe as for the fit, or name its columns: wrap(columns=...)",
        )
    return frame[list(columns)]


def _is_of(fitted: Any, library: str) -> bool:
    return any(each.__module__.split(".")[0] == library for each in type(fitted).__mro__)


def _unknown(fitted: Any) -> InputError:
    return InputError(
        f"{name_of(fitted)} cannot be wrapped",
        where="wrap",
        fix="give a fitted model of lifelines (regression or univariate), scikit-survival "
        "(predict_survival_function), SurPyval (sf(x, Z)) or greenwood (predict(type=...)); "
        "scikit-learn's classifiers go into HorizonClassifier",
    )
