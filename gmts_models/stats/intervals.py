"""Pointwise limits of probabilities, on the scale on which they are taken to be normal."""

from __future__ import annotations

from typing import Literal, assert_never, get_args

import numpy as np
from scipy.special import ndtri

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.options import check_option

Interval = Literal["plain", "log", "log-log", "logit", "arcsin"]


def limits(
    estimate: Floats,
    std_err: Floats,
    level: float,
    interval: Interval,
    *,
    se_of_log: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Wald limits of a probability, made on a scale and taken back.

    Parameters
    ----------
    estimate : (...) float in [0, 1], a survival, a state's probability or a cumulative incidence.
    std_err : (...) float, its standard error; NaN gives NaN limits.
    level : of the interval, in (0, 1).
    interval : the scale: p ("plain"), log p ("log"), log(-log p) ("log-log"), log(p / (1 - p))
        ("logit") or asin(sqrt p) ("arcsin"). "plain" and the upper limit of "log" are cut to
        [0, 1]; the others stay within by themselves.
    se_of_log : (...) float, standard error of log p, where it is what was computed; it then takes
        the place of std_err / estimate, and `std_err` is not read.

    Returns
    -------
    lower, upper : (...) float. As in R they are NaN where the estimate is 0 (but 0 for "plain"
        with an error of 0), and where it is 1 for "log-log", "logit" and "arcsin" (but 1 for
        "plain" and "log"): a normal interval has no width there. See `exact_limits`.

    Raises
    ------
    InputError : the level is not in (0, 1), or the interval has no such name.

    Source: Kalbfleisch & Prentice (1980), The Statistical Analysis of Failure Time Data, 1.3;
    Borgan & Liestol (1990), Scand. J. Stat. 17:35-41. Agrees with
    ``survfit(..., conf.type = interval)``.
    """
    check_level(level)
    check_interval(interval)
    p = np.asarray(estimate, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if se_of_log is None:
            se = np.where(np.equal(std_err, 0), 0.0, np.asarray(std_err, dtype=float) / p)
        else:
            se = np.asarray(se_of_log, dtype=float)
        return _on_scale(p, normal_quantile(level) * se, interval)


def _on_scale(p: Floats, half: Floats, interval: Interval) -> tuple[Floats, Floats]:
    """Go `half` (an error of log p) down and up."""
    inside = np.where(p == 0, np.nan, p)
    match interval:
        case "plain":
            return np.clip(p - half * p, 0, 1), np.clip(p + half * p, 0, 1)
        case "log":
            return inside * np.exp(-half), np.minimum(inside * np.exp(half), 1)
        case "log-log":
            log_p = np.log(np.where(p == 1, np.nan, inside))
            width = half / log_p  # below 0
            return np.exp(log_p * np.exp(-width)), np.exp(log_p * np.exp(width))
        case "logit":
            odds, width = inside / (1 - inside), half / (1 - inside)
            return 1 - 1 / (1 + odds * np.exp(-width)), 1 - 1 / (1 + odds * np.exp(width))
        case "arcsin":
            angle = np.arcsin(np.sqrt(inside))
            width = 0.5 * half * np.sqrt(inside / (1 - inside))
            lower, upper = np.maximum(angle - width, 0), np.minimum(angle + width, np.pi / 2)
            return np.sin(lower) ** 2, np.sin(upper) ** 2
        case _:
            assert_never(interval)


def normal_quantile(level: float) -> float:
    """Return z with P(-z < Z < z) = level for a standard normal Z."""
    check_level(level)
    return float(ndtri((1 + level) / 2))


def check_level(level: float) -> None:
    """Refuse a level of an interval that is not in (0, 1)."""
    if not 0 < level < 1:
        raise InputError(
            "the level of an interval lies between 0 and 1", where="level", fix="for instance 0.95"
        )


def check_interval(interval: str) -> None:
    """Refuse a name that is none of `Interval`."""
    check_option(interval, get_args(Interval), "interval", "limits")


def exact_limits(count: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact lower limit where nobody of `count` left, and upper where all did.

    Where a curve still stands at 1, approximate intervals have no width. If `count` people were
    followed so far and none left, retention below ``lower`` would have shown a departure with
    probability above 1 - (1 - level) / 2; likewise ``upper`` where `count` people all left.

    Source: Clopper & Pearson (1934), Biometrika 26:404-413, for 0 of n.
    """
    check_level(level)
    edge = ((1 - level) / 2) ** (1 / count) if count > 0 else 0.0
    return edge, 1 - edge
