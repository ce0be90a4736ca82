"""Shapley values of the risk at a horizon, by the library shap, which is optional."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.protocol import as_frame, check_horizons
from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ShapleyValues:
    """What each attribute adds to the risk of each person.

    Attributes
    ----------
    attributes : (q,) columns of X.
    contribution : (n, q); over the attributes they add up to the risk less `average`.
    risk : (n,) at the horizon.
    average : mean risk of the background.
    horizon : months.
    """

    attributes: tuple[str, ...]
    contribution: Floats
    risk: Floats
    average: float
    horizon: float

    def to_frame(self) -> pd.DataFrame:
        """Return a row an attribute: attribute, mean size of its contribution, biggest first."""
        size = np.abs(self.contribution).mean(axis=0)
        frame = pd.DataFrame({"attribute": self.attributes, "mean_size": size})
        return frame.sort_values("mean_size", ascending=False, ignore_index=True)


def shapley_values(
    model: Any,
    X: pd.DataFrame,
    horizon: float,
    *,
    background: pd.DataFrame,
    draws: int = 50,
    permutations: int = 10,
    seed: int = 0,
) -> ShapleyValues:
    """Share the risk of each person out over attributes, for any model.

    Parameters
    ----------
    model : fitted.
    X : (n, p) people.
    horizon : months.
    background : people whose values stand in for attributes that are left out.
    draws : of them, that are used.
    permutations : orders of the attributes that each person is explained in, and as many back.
    seed : of the draws.

    Raises
    ------
    InputError : shap is not installed, or there are no people.

    Notes
    -----
    Attributes that are left out are taken from the background without regard to the others, so
    that combinations that never occur count too. What a model goes by is not a cause.

    Source: Lundberg & Lee (2017), NeurIPS 30; permutations: Castro, Gómez & Tejada (2009),
    Computers & Operations Research 36:1726-1730.
    """
    shap = _library()
    frame, others = as_frame(X), as_frame(background)
    months = check_horizons([horizon])
    names = [str(name) for name in model.feature_names_in_]
    if not len(frame) or not len(others):
        raise InputError("there are no people to explain, or to compare with", where="X")
    rng = np.random.default_rng(seed)
    stand_in = others[names].iloc[rng.permutation(len(others))[:draws]]
    both = pd.concat([frame[names], stand_in], ignore_index=True)
    # shap mixes rows of numbers: each column's values are numbered, and read back by number.
    levels = [pd.factorize(both[name], use_na_sentinel=False) for name in names]
    coded = np.column_stack([code for code, _ in levels]).astype(float)

    def risk_of(rows: npt.NDArray[Any]) -> Floats:
        columns = {
            name: pd.Series(known)[rows[:, j].astype(int)].to_numpy()
            for j, (name, (_, known)) in enumerate(zip(names, levels, strict=True))
        }
        return np.asarray(model.predict_risk(pd.DataFrame(columns), months)[:, 0], dtype=float)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about its dependencies
        explainer = shap.PermutationExplainer(
            risk_of, shap.maskers.Independent(coded[len(frame) :], len(stand_in)), seed=seed
        )
        most = permutations * (2 * len(names) + 1)
        found = explainer(coded[: len(frame)], max_evals=most, silent=True)
    return ShapleyValues(
        attributes=tuple(names),
        contribution=np.asarray(found.values, dtype=float),
        risk=risk_of(coded[: len(frame)]),
        average=float(np.mean(found.base_values)),
        horizon=float(months[0]),
    )


def _library() -> Any:
    try:
        import shap
    except ImportError:
        raise InputError(
            "Shapley values need the library shap, which is not installed",
            where="shapley_values",
            fix='pip install "gmts-models[shap]"; or use explain, which needs nothing',
        ) from None
    return shap
