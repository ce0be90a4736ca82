"""Quadrature over the standard deviations of the terms.

One term: Gauss and Legendre's nodes where the posterior is not negligible. Several: first the
posterior of each standard deviation given the others at a centre; then points for the product of
these, by Gauss's rule for each (two or three terms) or a lattice (more); each point weighs as much
more or less as the posterior there differs from the product. So the product only places the points.

Source: Golub & Welsch (1969), Mathematics of Computation 23:221-230 (Gauss's rule for a given
density); Rue, Martino & Chopin (2009), JRSS B 71:319-392 (integration over few variances).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.integrate import trapezoid

from gmts_models.outcome import Floats
from gmts_models.stats.hierarchy.laplace import LaplaceFit
from gmts_models.stats.hierarchy.slices import (
    Explorer,
    Fit,
    Slice,
    coarse_mean,
    normalise,
    quantiles,
    slice_of,
)

_ALONE, _EACH = 14, 10
"""Nodes for one term; for each of several, given the others."""
_TENSOR = {2: 10, 3: 5}
"""Nodes of Gauss's rule by number of terms."""
_LATTICE = 240
"""Points where terms are more."""
_FORGOTTEN = 1e-6
"""Shares below which a node is left out."""


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
        only = slice_of(explorer, centre, 0, _ALONE)
        share, log_marginal = normalise(only.log_shares)
        marginal = (only.sd, np.exp(only.log_density))
        return _kept(only.nodes, share, (marginal,), log_marginal)
    for j in range(k):
        centre[j] = coarse_mean(explorer, centre, j)
    slices = [slice_of(explorer, centre, j, _EACH) for j in range(k)]
    points, base = _tensor(slices, _TENSOR[k]) if k in _TENSOR else _lattice(slices)
    nodes = tuple(explorer.at(point) for point in points)
    product = sum(each.log_density_at(points[:, j]) for j, each in enumerate(slices))
    ratio = np.array([explorer.log_density(node) for node in nodes]) - product
    share, log_marginal = normalise(np.log(base) + ratio)
    marginals = tuple(_marginal(each, points[:, j], base, share) for j, each in enumerate(slices))
    return _kept(nodes, share, marginals, log_marginal)


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
