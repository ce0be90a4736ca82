"""The posterior of one standard deviation, the others fixed: where it lies, and nodes on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import interpolate
from scipy.integrate import trapezoid

from gmts_models.errors import FitError
from gmts_models.outcome import Floats
from gmts_models.stats.hierarchy.laplace import Evaluation, LaplaceFit

Fit = Callable[[Floats, Evaluation | None], LaplaceFit]
"""From the standard deviations (k,) and an evaluation near (None = there is none): the fit."""

_COARSE = np.array([0.0, 0.07, 0.2, 0.4, 0.7, 1.1, 1.8, 2.7])
"""Standard deviations first looked at, in scales of the prior."""
_LARGEST = 1e3
"""In scales of the prior: the posterior ends before."""
_NEGLIGIBLE = 12.0
"""Fall of the log density below its maximum beyond which nothing is integrated."""
_CUT = 5.0
"""Fall that the log density must have at the ends of an interval; else it is taken wider."""
_SEEN = 1 / 3
"""Share of the nodes that must count; else the interval is taken narrower."""
_REFINED = 12
GRID = 401
"""Points of a density."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The posterior of one standard deviation, the others fixed.

    Attributes
    ----------
    sd : (d,) grid.
    log_density : (d,) normalised: its exponential has area 1.
    nodes, log_shares : fits (t,) on it, and the logs of weight times density; not normalised.
    """

    sd: Floats
    log_density: Floats
    nodes: tuple[LaplaceFit, ...]
    log_shares: Floats

    def log_density_at(self, sd: Floats) -> Floats:
        """Return the log density at `sd`, (m,)."""
        return np.interp(sd, self.sd, self.log_density)


def log_half_normal(sd: Floats, scale: Floats) -> float:
    """Return the log density of independent half-normal standard deviations (k,)."""
    each = -((sd / scale) ** 2) / 2 + np.log(np.sqrt(2 / np.pi) / scale)
    return float(each.sum())


_legendre = cache(np.polynomial.legendre.leggauss)


class Explorer:
    """The log posterior of the standard deviations; remembers fits, and starts from the nearest."""

    def __init__(self, fit: Fit, scale: Floats) -> None:
        self._fit, self.scale = fit, scale
        self._known: list[LaplaceFit] = []
        self._places: list[Floats] = []

    def at(self, sd: Floats) -> LaplaceFit:
        """Return the fit at `sd` (k,)."""
        place = np.log(sd / self.scale + 0.05)
        near = None
        if self._known:
            apart = np.abs(np.array(self._places) - place).sum(axis=1)
            if apart.min() == 0:
                return self._known[int(apart.argmin())]
            near = self._known[int(apart.argmin())].near
        found = self._fit(sd, near)
        self._known.append(found)
        self._places.append(place)
        return found

    def log_density(self, fit: LaplaceFit) -> float:
        """Return the log posterior density, but for its constant."""
        return fit.log_marginal + log_half_normal(fit.sd, self.scale)


def normalise(logs: Floats) -> tuple[Floats, float]:
    """Return shares (t,) that sum to 1, and the log of the sum before."""
    top = logs.max()
    parts = np.exp(logs - top)
    return parts / parts.sum(), float(top + np.log(parts.sum()))


def _along(explorer: Explorer, centre: Floats, j: int, values: Floats) -> list[LaplaceFit]:
    fits = []
    for value in values:
        sd = centre.copy()
        sd[j] = value
        fits.append(explorer.at(sd))
    return fits


def _coarse(explorer: Explorer, centre: Floats, j: int) -> tuple[Floats, Floats]:
    """Return standard deviations j (c,), as far up as the posterior reaches, and log densities."""
    sd = list(_COARSE * explorer.scale[j])
    logs = [explorer.log_density(each) for each in _along(explorer, centre, j, np.array(sd))]
    while logs[-1] > max(logs) - _NEGLIGIBLE:
        sd.append(1.5 * sd[-1])
        if sd[-1] > _LARGEST * explorer.scale[j]:
            raise FitError("the standard deviation of a term has no end", where="partial pooling")
        logs += [
            explorer.log_density(each) for each in _along(explorer, centre, j, np.array(sd[-1:]))
        ]
    return np.array(sd), np.array(logs)


def coarse_mean(explorer: Explorer, centre: Floats, j: int) -> float:
    """Return about the mean of standard deviation j, the others at `centre`."""
    sd, logs = _coarse(explorer, centre, j)
    grid = np.linspace(0, sd[-1], GRID)
    density = np.exp(interpolate.PchipInterpolator(sd, logs)(grid) - logs.max())
    return float(density @ grid / density.sum())


def slice_of(explorer: Explorer, centre: Floats, j: int, count: int) -> Slice:
    """Return the posterior of standard deviation j, the others at `centre`."""
    seen, logs_seen = _coarse(explorer, centre, j)
    for _ in range(_REFINED):
        low, high = _interval(seen, logs_seen)
        points, weights = _legendre(count)
        sd = low + (high - low) * (points + 1) / 2
        nodes = _along(explorer, centre, j, sd)
        logs = np.array([explorer.log_density(each) for each in nodes])
        log_shares = logs + np.log(weights * (high - low) / 2)
        share = normalise(log_shares)[0]
        cut = (low > 0 and logs[0] > logs.max() - _CUT) or logs[-1] > logs.max() - _CUT
        if not cut and 1 / (share @ share) >= _SEEN * count:
            break
        seen, first = np.unique(np.append(seen, sd), return_index=True)
        logs_seen = np.append(logs_seen, logs)[first]
    grid = np.linspace(low, high, GRID)
    log_density = interpolate.CubicSpline(sd, logs)(grid)
    area = trapezoid(np.exp(log_density - log_density.max()), grid)
    return Slice(
        sd=grid,
        log_density=log_density - log_density.max() - np.log(area),
        nodes=tuple(nodes),
        log_shares=log_shares,
    )


def _interval(sd: Floats, logs: Floats) -> tuple[float, float]:
    """Return where a log density lies less than `_NEGLIGIBLE` below its maximum.

    Parameters
    ----------
    sd, logs : (c,) points of it.
    """
    near = np.flatnonzero(logs > logs.max() - _NEGLIGIBLE)
    ends = slice(max(near[0] - 1, 0), near[-1] + 2)
    grid = np.linspace(sd[ends][0], sd[ends][-1], 2 * GRID)
    values = interpolate.PchipInterpolator(sd, logs)(grid)
    inside = np.flatnonzero(values > logs.max() - _NEGLIGIBLE)
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(grid) - 1)
    return float(grid[first]), float(grid[last])


def quantiles(grid: Floats, density: Floats, shares: Floats) -> Floats:
    """Return quantiles (m,) of a density on an even grid (d,)."""
    below = np.append(0.0, np.cumsum(density[1:] + density[:-1]))
    return np.asarray(np.interp(shares * below[-1], below, grid), dtype=float)
