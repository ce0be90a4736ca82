"""What the model says of people as they are, and as they would be with another attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.protocol import as_frame, check_horizons
from gmts_models.outcome import Floats

ASSOCIATION = (
    "This compares people who differ, in the data that the model learned from. It is not what "
    "would happen if somebody's attribute were changed."
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RiskContrast:
    """Risks as things are, and as if attributes were others.

    Attributes
    ----------
    risk, risk_if : (n,) at the horizon.
    difference : (n,) risk_if - risk.
    lower, upper : (n,) limits of the difference; NaN where the model is not `Bootstrapped`.
    mean : mean difference, with mean_lower and mean_upper.
    horizon : months.
    changed : the attributes and their values.
    note : what it is not.
    """

    risk: Floats
    risk_if: Floats
    difference: Floats
    lower: Floats
    upper: Floats
    mean: float
    mean_lower: float
    mean_upper: float
    horizon: float
    changed: dict[str, Any]
    note: str = ASSOCIATION

    def to_frame(self) -> pd.DataFrame:
        """Return a row a person: risk, risk_if, difference, lower, upper."""
        return pd.DataFrame(
            {
                "risk": self.risk,
                "risk_if": self.risk_if,
                "difference": self.difference,
                "lower": self.lower,
                "upper": self.upper,
            }
        )

    def __str__(self) -> str:
        changed = ", ".join(f"{name} = {value}" for name, value in self.changed.items())
        limits = ""
        if np.isfinite(self.mean_lower):
            limits = f" ({100 * self.mean_lower:+.1f} to {100 * self.mean_upper:+.1f})"
        return (
            f"With {changed} the mean risk by {self.horizon:g} months is "
            f"{100 * self.mean:+.1f} points apart{limits}. {self.note}"
        )

    def __repr__(self) -> str:
        return f"RiskContrast({self})"


def contrast(
    model: Any,
    X: pd.DataFrame,
    changed: Mapping[str, Any],
    horizon: float,
    *,
    level: float = 0.95,
) -> RiskContrast:
    """Compare the risks of people with those of people who differ in some attributes only.

    Parameters
    ----------
    model : fitted. Fitted as `Bootstrapped` it gives limits.
    X : (n, p) people.
    changed : by column of X, the value in place of everyone's, such as ``{"placement_rating": 4}``.
    horizon : months.
    level : of the limits.

    Raises
    ------
    InputError : X has no such column, or nothing is changed.
    """
    frame, months = as_frame(X), check_horizons([horizon])
    if missing := [name for name in changed if name not in frame]:
        raise InputError(f"X has no column {missing[0]!r}", where="contrast, changed")
    if not changed or not len(frame):
        raise InputError("there is nothing to compare", where="contrast")
    other = frame.assign(**dict(changed))
    risk, risk_if = (model.predict_risk(each, months)[:, 0] for each in (frame, other))
    nothing = np.full(len(frame), np.nan)
    limits, mean_limits = (nothing, nothing), (np.nan, np.nan)
    if isinstance(model, Bootstrapped):
        drawn = np.array(
            [
                each.predict_risk(other, months)[:, 0] - each.predict_risk(frame, months)[:, 0]
                for each in model.refits_
            ]
        )
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(drawn, tails, axis=0)
        limits = low, high
        mean_low, mean_high = np.quantile(drawn.mean(axis=1), tails)
        mean_limits = float(mean_low), float(mean_high)
    difference = risk_if - risk
    return RiskContrast(
        risk=risk,
        risk_if=risk_if,
        difference=difference,
        lower=limits[0],
        upper=limits[1],
        mean=float(difference.mean()),
        mean_lower=mean_limits[0],
        mean_upper=mean_limits[1],
        horizon=float(months[0]),
        changed=dict(changed),
    )
