"""Why the model says this of this person: reasons in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.coefficients import LINEAR, Scale
from gmts_models.models.encoding import apply_design, term_sources
from gmts_models.models.protocol import as_frame, check_horizons, new_rows
from gmts_models.outcome import Floats

Method = Literal["exact", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reasons:
    """What each attribute does to the prediction of each person.

    Attributes
    ----------
    attributes : (q,) names.
    values : (n, q) frame of what the persons have.
    contribution : (n, q). "exact": what the attribute adds to the linear predictor, from that of
        someone average; over the attributes they add up to the whole. "replaced": how much higher
        the risk at the horizon is than with the attributes of others in this one's place; they
        do not add up.
    risk : (n,) at the horizon.
    average : mean of `risk` over the background.
    horizon : months.
    method, scale : how contributions were made; the scale of "exact" ones ("hazard", "odds",
        "time").
    """

    attributes: tuple[str, ...]
    values: pd.DataFrame
    contribution: Floats
    risk: Floats
    average: float
    horizon: float
    method: Method
    scale: Scale | None

    def to_frame(self) -> pd.DataFrame:
        """Return a row a person and attribute: row, attribute, value, contribution."""
        n, q = self.contribution.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), q),
                "attribute": np.tile(np.array(self.attributes, dtype=object), n),
                "value": self.values.astype(object).to_numpy().ravel(),
                "contribution": self.contribution.ravel(),
            }
        )

    def in_words(self, row: int, most: int = 3) -> str:
        """Say the `most` strongest reasons of a person; the text is of a person, not to publish."""
        strength = self.contribution[row]
        order = np.argsort(-np.abs(strength), kind="stable")[:most]
        said = [self._one(row, int(j)) for j in order if abs(strength[j]) > 1e-9]
        head = (
            f"Risk of leaving by {self.horizon:g} months: {self.risk[row]:.0%} (average "
            f"{self.average:.0%})."
        )
        if not said:
            return f"{head} Nothing sets this person apart."
        return f"{head} Most of it: {'; '.join(said)}."

    def _one(self, row: int, j: int) -> str:
        value: Any = self.values.iloc[row, j]
        amount = float(self.contribution[row, j])
        shown = "missing" if pd.isna(value) else f"{value:g}" if _is_number(value) else str(value)
        name = f"{self.attributes[j].replace('_', ' ')} {shown}"
        if self.method == "exact":
            return f"{name} ({self.scale} x {np.exp(amount):.2f})"
        return f"{name} ({100 * amount:+.1f} points)"


def explain(
    model: Any,
    X: pd.DataFrame,
    horizon: float,
    *,
    background: pd.DataFrame | None = None,
    draws: int = 50,
    seed: int = 0,
) -> Reasons:
    """Give the reasons for the risks of people.

    Parameters
    ----------
    model : fitted.
    X : (n, p) people.
    horizon : months.
    background : people to compare with, such as the rows of the fit; default X itself. Models
        with a linear predictor compare with the average of their training rows.
    draws, seed : of people of the background whose values stand in, where the model is not linear.

    Returns
    -------
    Reasons. They say what the model goes by, not what keeps or drives somebody: attributes stand
    for others that go with them.

    Raises
    ------
    InputError : there are no people.

    Notes
    -----
    Exact for models with one linear predictor: Cox models, accelerated failure time, logistic
    hazards of months. A label counts against the average person, not against the reference.
    """
    check_is_fitted(model)
    frame, months = as_frame(X), check_horizons([horizon])
    if not len(frame):
        raise InputError("there are no people to explain", where="explain, X")
    others = frame if background is None else as_frame(background)
    risk = model.predict_risk(frame, months)[:, 0]
    average = float(np.mean(model.predict_risk(others, months)[:, 0]))
    scale = linear_scale(model)
    names: tuple[str, ...]
    if scale is not None:
        names, contribution = _exact(model, frame)
    else:
        names, contribution = _replaced(model, frame, others, months, risk, draws, seed)
    return Reasons(
        attributes=names,
        values=frame.reindex(columns=list(names)),
        contribution=contribution,
        risk=risk,
        average=average,
        horizon=float(months[0]),
        method="replaced" if scale is None else "exact",
        scale=scale,
    )


def linear_scale(model: Any) -> Scale | None:
    """Return what a model's coefficients are logarithms of; None where it is not linear."""
    scale = LINEAR.get(type(model).__name__)
    if scale is None or not hasattr(model, "coef_") or model.design_ is None:
        return None
    return scale if np.shape(model.coef_) == (len(model.design_.names),) else None


def _exact(model: Any, frame: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
    design = model.design_
    known = new_rows(model, frame)[list(design.kinds)]
    parts = apply_design(design, known) * (model.coef_ * design.spread)
    sources = [
        source.column or name
        for source, name in zip(term_sources(design), design.names, strict=True)
    ]
    names = tuple(dict.fromkeys(sources))
    place = np.array([names.index(source) for source in sources])
    total = np.zeros((len(frame), len(names)))
    np.add.at(total.T, place, parts.T)
    return names, total


def _replaced(
    model: Any,
    frame: pd.DataFrame,
    others: pd.DataFrame,
    months: Floats,
    risk: Floats,
    draws: int,
    seed: int,
) -> tuple[tuple[str, ...], Floats]:
    rng = np.random.default_rng(seed)
    stand_in = others.iloc[rng.integers(len(others), size=draws)]
    names = tuple(map(str, model.feature_names_in_))
    repeated = frame.loc[:, list(names)].iloc[np.repeat(np.arange(len(frame)), draws)]
    contribution = np.empty((len(frame), len(names)))
    for j, name in enumerate(names):
        values = np.tile(stand_in[name].to_numpy(), len(frame))
        mixed = model.predict_risk(repeated.assign(**{name: values}), months)[:, 0]
        contribution[:, j] = risk - mixed.reshape(len(frame), draws).mean(axis=1)
    return names, contribution


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
