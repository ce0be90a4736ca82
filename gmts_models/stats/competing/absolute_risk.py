"""From hazards by cause to the risk of leaving by cause, and what a change of a hazard moves.

The hazards of a Cox fit are jumps at the months at which people leave. What becomes of a jump of
some size has no single answer, and R alone has three (`SurvivalForm`); they agree as jumps shrink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gmts_models.outcome import Floats, Ints

SurvivalForm = Literal["exponential", "product-limit", "left sum"]
"""How survival passes a month with hazard h of all causes, and what leaves by cause c:

- "exponential": exp(-h), and the share h_c / h of 1 - exp(-h). Never outside [0, 1]; causes and
  survival add up to 1. As ``survival::survfit`` of a multi-state ``coxph``.
- "product-limit": 1 - h and h_c, which add up too; where h passes 1 everyone leaves, by cause as
  h_c / h. As ``predict(CSC(...), product.limit = TRUE)``; the Aalen-Johansen estimate where there
  are no columns.
- "left sum": exp(-h), but h_c. They do not add up, and the sum, here cut to 1, may pass it. As
  ``predict(CSC(...), product.limit = FALSE)``.
"""


_EVERYONE = 1 - 1e-9
"""A hazard from which on everyone leaves: the last person at risk is 1 but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSteps:
    """Risk of b people by c causes at k times.

    Attributes
    ----------
    hazard : (b, c, k) what was given, or less where everyone leaves.
    before : (b, k) survival just before each time.
    leaving : (b, c, k) share of those who leave then by cause.
    incidence : (b, c, k + 1) risk by cause, before the first time and after each.
    """

    hazard: Floats
    before: Floats
    leaving: Floats
    incidence: Floats


def risk_steps(hazard: Floats, form: SurvivalForm) -> RiskSteps:
    """Turn hazards by cause (b, c, k) at k times into risks."""
    total = hazard.sum(axis=1)
    if form == "product-limit":
        everyone = total > _EVERYONE
        hazard = hazard / np.where(everyone, total, 1.0)[:, None]
        passing = np.where(everyone, 0.0, 1 - total)
    else:
        passing = np.exp(-total)
    before = np.ones_like(total)
    np.cumprod(passing[:, :-1], axis=1, out=before[:, 1:])
    leaving = hazard * _share(total)[:, None] if form == "exponential" else hazard
    incidence = np.zeros((*hazard.shape[:2], hazard.shape[2] + 1))
    np.cumsum(before[:, None] * leaving, axis=2, out=incidence[:, :, 1:])
    return RiskSteps(hazard=hazard, before=before, leaving=leaving, incidence=incidence)


def _share(total: Floats) -> Floats:
    """Return (1 - exp(-h)) / h, which is 1 at 0."""
    safe = np.where(total > 0, total, 1.0)
    return np.where(total > 0, -np.expm1(-safe) / safe, 1.0)


def _share_slope(total: Floats) -> Floats:
    """Return the derivative of `_share`: -1/2 at 0."""
    small = total < 1e-3
    safe, near = np.where(small, 1.0, total), np.where(small, total, 0.0)
    exact = (np.exp(-safe) + np.expm1(-safe) / safe) / safe
    return np.where(small, -0.5 + near / 3 - near**2 / 8 + near**3 / 30, exact)


def risk_gradient(steps: RiskSteps, form: SurvivalForm, place: Ints) -> Floats:
    """Differentiate risks at m times by the logarithm of each hazard.

    Parameters
    ----------
    place : (m,) how many of the k times are over at each.

    Returns
    -------
    (b, m, c, c, k) : of the risk by the first cause, by the log hazard of the second.

    Notes
    -----
    More hazard at v adds departures then, and takes its share from all later ones.
    """
    b, causes, k = steps.hazard.shape
    total = steps.hazard.sum(axis=1)
    fall = np.full_like(total, -1.0)
    if form == "product-limit":
        with np.errstate(divide="ignore"):
            fall = np.where(total > _EVERYONE, 0.0, -1 / (1 - total))  # or nobody is left
    until = steps.incidence[:, :, place].transpose(0, 2, 1)  # (b, m, c)
    later = until[..., None] - steps.incidence[:, None, :, 1:]
    own = np.eye(causes)[None, :, :, None] * np.ones((b, 1, 1, k))
    if form == "exponential":
        own = own * _share(total)[:, None, None]
        own = own + (steps.hazard * _share_slope(total)[:, None])[:, :, None]
    elif form == "product-limit":
        everyone = (total > _EVERYONE)[:, None, None]
        own = np.where(everyone, own - steps.hazard[:, :, None], own)  # shares add up to 1
    now = own * steps.before[:, None, None]
    gradient = now[:, None] + (later * fall[:, None, None])[:, :, :, None]
    gradient = gradient * steps.hazard[:, None, None]
    over = np.arange(k) < place[:, None]  # (m, k)
    return np.where(over[None, :, None, None], gradient, 0.0)
