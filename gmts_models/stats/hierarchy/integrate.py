"""Quadrature over the standard deviations of the terms.

One term: Gauss and Legendre's nodes where the posterior is not negligible. Several: first the
posterior of each standard deviation given the others at a centre; then points for the product of
these, by Gauss's rule for each (two or three terms) or a lattice (more); each point weighs as much
more or less as the posterior there differs from the product. So the product only places the points.

Source: Golub & Welsch (1969), Mathematics of Computation 23:221-230 (Gauss's rule for a given
density); Rue, Martino & Chopin (2009), JRSS B 71:319-392 (integration over few variances).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import interpolate, linalg
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
_FINE = 14
_EACH = 10
"""Nodes for one term; for each of several, given the others."""
_TENSOR = {2: 10, 3: 5}
"""Nodes of Gauss's rule by number of terms."""
_LATTICE = 240
"""Points where terms are more."""
_GRID = 401
_FORGOTTEN = 1e-6
"""Shares below which a node is left out."""
_REFINED = 12
_CUT = 5.0
"""Fall below the maximum that the log density must have at the ends of an interval."""
_SEEN = 6.0
"""Effective nodes that the posterior of one must have; else the interval is taken narrower."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated:
    """Nodes for the posterior of all standard deviations.

    Attributes
    ----------
    nodes : (t,) fits.
    share : (t,) probabilities; sum to 1.
    marginals : (k,) pairs of a grid (d,) and the density on it (d,).
    log_marginal : log of the integral.
    """

    nodes: tuple[LaplaceFit, ...]
    share: Floats
    marginals: tuple[tuple[Floats, Floats], ...]
    log_marginal: float


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


def integrate_sds(fit: Fit, scale: Floats) -> Integrated:
    """Choose nodes for the posterior of the standard deviations.

    Parameters
    ----------
    fit : the Laplace fit given the standard deviations.
    scale : (k,) of their half-normal priors.
    """
    explorer, k = Explorer(fit, scale), len(scale)
    centre = scale / 2
    if k == 1:
        only = _slice(explorer, centre, 0, _FINE)
        share, log_marginal = _normalise(only.log_shares)
        marginal = (only.sd, np.exp(only.log_density))
        return _kept(only.nodes, share, (marginal,), log_marginal)
    for j in range(k):
        centre[j] = _coarse_mean(explorer, centre, j)
    slices = [_slice(explorer, centre, j, _EACH) for j in range(k)]
    points, base = _tensor(slices, _TENSOR[k]) if k in _TENSOR else _lattice(slices)
    nodes = tuple(explorer.at(point) for point in points)
    product = sum(each.log_density_at(points[:, j]) for j, each in enumerate(slices))
    ratio = np.array([explorer.log_density(node) for node in nodes]) - product
    share, log_marginal = _normalise(np.log(base) + ratio)
    marginals = tuple(_marginal(each, points[:, j], base, share) for j, each in enumerate(slices))
    return _kept(nodes, share, marginals, log_marginal)


def _normalise(logs: Floats) -> tuple[Floats, float]:
    """Return shares (t,) that sum to 1, and the log of the sum before."""
    top = logs.max()
    parts = np.exp(logs - top)
    return parts / parts.sum(), float(top + np.log(parts.sum()))


def _kept(
    nodes: tuple[LaplaceFit, ...],
    share: Floats,
    marginals: tuple[tuple[Floats, Floats], ...],
    log_marginal: float,
) -> Integrated:
    kept = np.flatnonzero(share > _FORGOTTEN)
    return Integrated(
        nodes=tuple(nodes[t] for t in kept),
        share=share[kept] / share[kept].sum(),
        marginals=marginals,
        log_marginal=log_marginal,
    )


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


def _coarse_mean(explorer: Explorer, centre: Floats, j: int) -> float:
    sd, logs = _coarse(explorer, centre, j)
    grid = np.linspace(0, sd[-1], _GRID)
    density = np.exp(interpolate.PchipInterpolator(sd, logs)(grid) - logs.max())
    return float(density @ grid / density.sum())


def _slice(explorer: Explorer, centre: Floats, j: int, count: int) -> Slice:
    """Return the posterior of standard deviation j, the others at `centre`."""
    seen, logs_seen = _coarse(explorer, centre, j)
    for _ in range(_REFINED):
        low, high = _interval(seen, logs_seen)
        points, weights = _legendre(count)
        sd = low + (high - low) * (points + 1) / 2
        nodes = _along(explorer, centre, j, sd)
        logs = np.array([explorer.log_density(each) for each in nodes])
        log_shares = logs + np.log(weights * (high - low) / 2)
        share = _normalise(log_shares)[0]
        cut = (low > 0 and logs[0] > logs.max() - _CUT) or logs[-1] > logs.max() - _CUT
        if not cut and 1 / (share @ share) >= min(_SEEN, count / 3):
            break
        seen, first = np.unique(np.append(seen, sd), return_index=True)
        logs_seen = np.append(logs_seen, logs)[first]
    grid = np.linspace(low, high, _GRID)
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
    grid = np.linspace(sd[ends][0], sd[ends][-1], 2 * _GRID)
    values = interpolate.PchipInterpolator(sd, logs)(grid)
    inside = np.flatnonzero(values > logs.max() - _NEGLIGIBLE)
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(grid) - 1)
    return float(grid[first]), float(grid[last])


def _gauss(each: Slice, count: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss's rule for a density, exact for polynomials."""
    mass = np.exp(each.log_density)
    mass = mass / mass.sum()
    basis, before = [np.sqrt(mass)], np.zeros(len(mass))
    diagonal, off = np.zeros(count), np.zeros(count - 1)
    for step in range(count):  # Lanczos, orthogonalised anew
        now = basis[-1]
        diagonal[step] = now @ (each.sd * now)
        if step == count - 1:
            break
        ahead = (each.sd - diagonal[step]) * now - (off[step - 1] if step else 0.0) * before
        for other in basis:
            ahead = ahead - (other @ ahead) * other
        off[step] = np.sqrt(ahead @ ahead)
        before = now
        basis.append(ahead / off[step])
    nodes, vectors = linalg.eigh_tridiagonal(diagonal, off)
    return np.asarray(nodes, dtype=float), np.asarray(vectors[0], dtype=float) ** 2


def _tensor(slices: list[Slice], count: int) -> tuple[Floats, Floats]:
    """Return (m, k) points and (m,) weights of Gauss's rules, crossed."""
    rules = [_gauss(each, count) for each in slices]
    points = np.stack(np.meshgrid(*(rule[0] for rule in rules), indexing="ij"), axis=-1)
    weights = np.ones(1)
    for rule in rules:
        weights = np.outer(weights, rule[1]).ravel()
    return points.reshape(-1, len(slices)), weights


def _lattice(slices: list[Slice]) -> tuple[Floats, Floats]:
    """Return (m, k) points of a lattice, brought to the slices' densities, and equal weights.

    Steps are powers of the root of x^(k + 1) = x + 1 (of k = 1 the golden ratio).
    """
    k = len(slices)
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (k + 1))
    shares = (0.5 + np.outer(np.arange(1, _LATTICE + 1), root ** -np.arange(1.0, k + 1))) % 1
    points = np.empty_like(shares)
    for j, each in enumerate(slices):
        points[:, j] = quantiles(each.sd, np.exp(each.log_density), shares[:, j])
    return points, np.full(_LATTICE, 1 / _LATTICE)


def quantiles(grid: Floats, density: Floats, shares: Floats) -> Floats:
    """Return quantiles (m,) of a density on an even grid (d,)."""
    below = np.append(0.0, np.cumsum(density[1:] + density[:-1]))
    return np.asarray(np.interp(shares * below[-1], below, grid), dtype=float)


def _marginal(each: Slice, at: Floats, base: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return the posterior of one standard deviation: the slice, times what the points add to it.

    That is their ratio to the product, regressed on a parabola.
    """
    middle, width = each.sd.mean(), np.ptp(each.sd)

    def parabola(sd: Floats) -> Floats:
        x = (sd - middle) / width
        return np.column_stack([np.ones_like(x), x, x**2])

    root = np.sqrt(base)[:, None]
    fitted = np.linalg.lstsq(parabola(at) * root, (share / base)[:, None] * root, rcond=None)[0]
    density = np.exp(each.log_density) * np.maximum(parabola(each.sd) @ fitted[:, 0], 0.0)
    return each.sd, density / trapezoid(density, each.sd)
