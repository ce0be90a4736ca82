"""How a model's risk at a horizon goes with one attribute, over all people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.encoding import column_kinds
from gmts_models.models.protocol import as_frame, check_horizons
from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """Risk at a horizon along an attribute.

    Attributes
    ----------
    attribute : its name.
    values : (k,) where it is read off: numbers, or labels.
    effect : (k,) mean risk of all rows with this value (partial dependence); or what risk gains
        along the attribute, 0 on average over the rows (accumulated local effects).
    share : (k,) of the rows at or next to each value: where there are few, the model guesses.
    horizon : months.
    method : "partial dependence" or "accumulated local effects".
    """

    attribute: str
    values: npt.NDArray[Any]
    effect: Floats
    share: Floats
    horizon: float
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return a row a value: attribute, value, effect, share, horizon_months."""
        return pd.DataFrame(
            {
                "attribute": self.attribute,
                "value": self.values,
                "effect": self.effect,
                "share": self.share,
                "horizon_months": self.horizon,
            }
        )


def partial_dependence(
    model: Any, X: pd.DataFrame, attribute: str, horizon: float, *, values: Any = None
) -> Dependence:
    """Average the risk of all rows as if each had the same value of an attribute.

    Parameters
    ----------
    model : fitted.
    X : (n, p) rows, for instance those of the fit.
    attribute : column of X.
    horizon : months.
    values : at which it is read off; default the labels, or numbers at 20 quantiles.

    Raises
    ------
    InputError : X has no such column, or it is empty.

    Notes
    -----
    Rows with values that never go together count too. Where attributes are related,
    `accumulated_local_effects` keeps to what is near.

    Source: Friedman (2001), Annals of Statistics 29:1189-1232.
    """
    frame, months, kind = _check(X, attribute, horizon)
    column = frame[attribute]
    given = _values(column, kind) if values is None else np.asarray(values)
    effect = [_mean_risk(model, frame.assign(**{attribute: v}), months) for v in given.tolist()]
    return Dependence(
        attribute=attribute,
        values=given,
        effect=np.array(effect),
        share=_shares(column, given, kind),
        horizon=float(months[0]),
        method="partial dependence",
    )


def accumulated_local_effects(
    model: Any, X: pd.DataFrame, attribute: str, horizon: float, *, bins: int = 20
) -> Dependence:
    """Add up how risk changes along a number, each time among rows that are near.

    Parameters
    ----------
    model, X, horizon : as for `partial_dependence`.
    attribute : column of numbers.
    bins : between quantiles, in each of which the change is taken.

    Returns
    -------
    Dependence at the (k,) edges of the bins; rows without a value are left out.

    Raises
    ------
    InputError : X has no such column, or its values are labels, which have no order.

    Source: Apley & Zhu (2020), JRSS B 82:1059-1086.
    """
    frame, months, kind = _check(X, attribute, horizon)
    if kind != "number":
        raise InputError(
            "labels have no order to accumulate along",
            where=f"accumulated_local_effects, {attribute}",
            fix="use partial_dependence",
        )
    known = frame[frame[attribute].notna()]
    x = known[attribute].to_numpy(float)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1), method="inverted_cdf"))
    if len(edges) < 2:
        raise InputError("the attribute does not vary", where=f"X, {attribute}")
    place = np.clip(np.searchsorted(edges, x, side="left"), 1, len(edges) - 1)
    low, high = (
        model.predict_risk(known.assign(**{attribute: edges[at]}), months)[:, 0]
        for at in (place - 1, place)
    )
    count = np.bincount(place, minlength=len(edges))[1:]
    step = np.bincount(place, weights=high - low, minlength=len(edges))[1:] / count
    curve = np.concatenate([[0.0], np.cumsum(step)])
    centre = float(count @ (curve[1:] + curve[:-1]) / 2 / count.sum())
    return Dependence(
        attribute=attribute,
        values=edges,
        effect=curve - centre,
        share=np.concatenate([[0.0], count / len(frame)]),
        horizon=float(months[0]),
        method="accumulated local effects",
    )


def _check(X: pd.DataFrame, attribute: str, horizon: float) -> tuple[pd.DataFrame, Floats, str]:
    frame, months = as_frame(X), check_horizons([horizon])
    if attribute not in frame:
        raise InputError(f"X has no column {attribute!r}", where="attribute")
    kind = column_kinds(frame[[attribute]])[attribute]
    if kind == "empty":
        raise InputError("the attribute has no values", where=f"X, {attribute}")
    return frame, months, kind


def _values(column: pd.Series[Any], kind: str) -> npt.NDArray[Any]:
    known = column.dropna()
    if kind == "text" or known.nunique() <= 20:
        return np.array(sorted(known.unique()), dtype=object if kind == "text" else float)
    shares: Sequence[float] = np.linspace(0.02, 0.98, 20).tolist()
    return np.unique(np.quantile(known.to_numpy(float), shares))


def _shares(column: pd.Series[Any], values: npt.NDArray[Any], kind: str) -> Floats:
    """Return the share of rows whose value is each, or nearest to it."""
    if kind == "text":
        return np.array([float((column == value).mean()) for value in values])
    x = column.dropna().to_numpy(float)
    given = values.astype(float)
    order = np.argsort(given)
    edges = (given[order][1:] + given[order][:-1]) / 2
    counts = np.bincount(np.searchsorted(edges, x), minlength=len(given))
    shares = np.empty(len(given))
    shares[order] = counts / len(column)
    return shares


def _mean_risk(model: Any, frame: pd.DataFrame, months: Floats) -> float:
    return float(np.mean(model.predict_risk(frame, months)[:, 0]))
