"""How many people a model of risk needs, for the number of columns that it may choose from.

Source: Riley, Snell, Ensor et al. (2019), Statistics in Medicine 38:1276-1296. Agrees with
``pmsampsize::pmsampsize(type = "s")`` (R).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from gmts_models.errors import InputError

SHRINKAGE = 0.9
"""By how much effects may have to be shrunk, for new people, at least."""
OPTIMISM = 0.05
"""By how much Nagelkerke's R squared may look better than it is, at most."""
MARGIN = 0.05
"""Half the width of the interval of the overall risk, at most."""
NAGELKERKE = 0.15
"""Nagelkerke's R squared that is expected where nothing is known: the authors' cautious advice."""
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """What the criteria ask for, and what there is.

    Attributes
    ----------
    people, events, parameters : int, what there is.
    horizon : months at which the overall risk is to be known.
    r2 : Cox and Snell's R squared that is expected.
    needed_shrinkage : people for effects to shrink by no more than `SHRINKAGE`.
    needed_optimism : people for R squared to be no more than `OPTIMISM` too good.
    needed_risk : people for the overall risk at the horizon to be known within `MARGIN`.
    needed : the most of the three.
    events_per_parameter : events / parameters.
    shrinkage : factor that effects learned from the people there are have to be shrunk by: 1 = not
        at all.
    """

    people: int
    events: int
    parameters: int
    horizon: float
    r2: float
    needed_shrinkage: int
    needed_optimism: int
    needed_risk: int
    needed: int
    events_per_parameter: float
    shrinkage: float

    @property
    def enough(self) -> bool:
        """Whether there are as many people as are needed."""
        return self.people >= self.needed


def sample_size(
    people: int,
    events: int,
    person_months: float,
    parameters: int,
    horizon: float,
    r2: float | None = None,
) -> SampleSize:
    """Compare the people there are with those that a model of so many parameters needs.

    Parameters
    ----------
    people, events : n people, of whom so many left.
    person_months : of follow-up, all people together.
    parameters : columns that the model may choose from, each degree of freedom counted.
    horizon : months at which the overall risk is to be known.
    r2 : Cox and Snell's R squared that is expected, of an earlier study for instance; default
        `NAGELKERKE` of the highest that is possible with these events.

    Raises
    ------
    InputError : a number is out of its range, or nobody left.
    """
    if people < 1 or not 0 < events <= people or person_months <= 0 or horizon <= 0:
        raise InputError(
            "people, events, person-months and horizon must be above 0, with events among people",
            where="sample_size",
        )
    if parameters < 1:
        raise InputError("a model has one parameter at least", where="sample_size, parameters")
    share = events / people
    highest = -np.expm1(2 * (share * np.log(share) - share))
    expected = NAGELKERKE * highest if r2 is None else r2
    if not 0 < expected < highest:
        raise InputError(
            f"r2 must lie between 0 and {highest:.3f}, the highest with these events",
            where="sample_size, r2",
        )
    per_parameter = _people_per_parameter(SHRINKAGE, expected)
    tolerated = expected / (expected + OPTIMISM * highest)
    needed = (
        _whole(parameters * per_parameter),
        _whole(parameters * _people_per_parameter(tolerated, expected)),
        _people_for_risk(events / person_months, person_months / people, horizon),
    )
    return SampleSize(
        people=people,
        events=events,
        parameters=parameters,
        horizon=horizon,
        r2=float(expected),
        needed_shrinkage=needed[0],
        needed_optimism=needed[1],
        needed_risk=needed[2],
        needed=max(needed),
        events_per_parameter=events / parameters,
        shrinkage=_shrinkage(people / parameters, expected),
    )


def _people_per_parameter(shrinkage: float, r2: float) -> float:
    """Return n / p at which effects have to be shrunk by `shrinkage`."""
    return float(1 / ((shrinkage - 1) * np.log1p(-r2 / shrinkage)))


def _shrinkage(per_parameter: float, r2: float) -> float:
    """Return the shrinkage at n / p, which rises with it from R squared to 1."""
    low, high = r2 * (1 + 1e-9), 1 - 1e-12
    if _people_per_parameter(low, r2) >= per_parameter:
        return low
    return float(optimize.brentq(lambda s: _people_per_parameter(s, r2) - per_parameter, low, high))


def _people_for_risk(rate: float, months: float, horizon: float) -> int:
    """Return people followed for `months` each, for the risk at the horizon to be known."""

    def half_width(people: float) -> float:
        se = np.sqrt(rate / (people * months))
        low, high = max(rate - _Z * se, 0.0), rate + _Z * se
        risk = -np.expm1(-rate * horizon)
        return float(max(risk + np.expm1(-low * horizon), -np.expm1(-high * horizon) - risk))

    few, many = 1.0, 1e9
    if half_width(few) <= MARGIN:
        return 1
    return _whole(optimize.brentq(lambda n: half_width(n) - MARGIN, few, many, xtol=1e-6))


def _whole(people: float) -> int:
    return int(np.ceil(people - 1e-9))
