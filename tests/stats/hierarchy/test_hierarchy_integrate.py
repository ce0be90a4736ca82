"""Quadrature over standard deviations: against grids, and against the frailty's own integral."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pooled_people import draw
from scipy.integrate import trapezoid
from scipy.special import ndtr

from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import cox_data
from gmts_models.stats.cox.gaussian_frailty import fit_gaussian_frailty
from gmts_models.stats.hierarchy.cox import CoxLogLikelihood, fit_hierarchical_cox
from gmts_models.stats.hierarchy.integrate import integrate_sds
from gmts_models.stats.hierarchy.laplace import LaplaceFit, laplace_fit
from gmts_models.stats.hierarchy.mixture import mean_risk, mixture_moments, mixture_quantile
from gmts_models.stats.hierarchy.posterior import layout_of
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.slices import log_half_normal
from gmts_models.stats.hierarchy.terms import RandomTerm, group_columns, random_term


def crossed(seed: int, sizes: tuple[int, ...], sds: tuple[float, ...], n: int) -> Any:
    """Draw terms and (exit_, left) of people in crossed groups."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, g, n) for g in sizes]
    eta = sum(rng.normal(size=g)[code] * sd for g, code, sd in zip(sizes, codes, sds, strict=True))
    month = np.ceil(rng.exponential(60 * np.exp(-eta)))
    terms = [random_term(f"t{j}", code) for j, code in enumerate(codes)]
    return terms, np.minimum(month, 36), month <= 36


def on_a_grid(
    terms: list[RandomTerm], exit_: Floats, left: Floats, count: int, top: float
) -> dict[str, Floats]:
    """Integrate by Gauss and Legendre's rule from 0 to `top`, the same for every axis."""
    n, k = len(exit_), len(terms)
    data = cox_data(group_columns(terms, n), exit_, left)
    model, layout = CoxLogLikelihood(data), layout_of(np.zeros(0), terms)
    near = model.evaluate(np.zeros(len(layout.component)))
    axis, weight = np.polynomial.legendre.leggauss(count)
    points = np.stack(np.meshgrid(*[top * (axis + 1) / 2] * k, indexing="ij"), axis=-1)
    weights = np.stack(np.meshgrid(*[top * weight / 2] * k, indexing="ij")).prod(axis=0).ravel()
    scale = np.array([term.scale for term in terms])
    logs, means, std_errs = [], [], []
    for sd in points.reshape(-1, k):
        fit = laplace_fit(model, layout, sd, near)
        near = fit.near
        logs.append(fit.log_marginal + log_half_normal(sd, scale))
        means.append(fit.mode)
        std_errs.append(np.sqrt(np.diag(fit.covariance_scaled())) * fit.scale)
    share = weights * np.exp(np.array(logs) - max(logs))
    log_marginal = max(logs) + np.log(share.sum())
    share = share / share.sum()
    mean, std_err = mixture_moments(np.array(means), np.array(std_errs), share)
    sds = points.reshape(-1, k)
    return {
        "estimate": mean,
        "std_err": std_err,
        "lower": mixture_quantile(np.array(means), np.array(std_errs), share, 0.025),
        "upper": mixture_quantile(np.array(means), np.array(std_errs), share, 0.975),
        "sd": share @ sds,
        "sd_sd": np.sqrt(share @ (sds - share @ sds) ** 2),
        "log_marginal": np.array(log_marginal),
    }


def agree(fit: HierarchicalFit, want: dict[str, Floats], tolerance: float) -> None:
    """Compare effects in standard errors, standard deviations as they are."""
    for name in ("estimate", "std_err", "lower", "upper"):
        got = np.concatenate([getattr(each, name) for each in fit.effects])
        off = np.abs(got - want[name]) / want["std_err"]
        assert off.max() < tolerance, name
    np.testing.assert_allclose([each.mean for each in fit.spreads], want["sd"], atol=tolerance / 4)
    spreads = [
        np.sqrt(trapezoid(each.density * (each.sd - each.mean) ** 2, each.sd))
        for each in fit.spreads
    ]
    np.testing.assert_allclose(spreads, want["sd_sd"], atol=tolerance / 4)
    assert fit.log_marginal == pytest.approx(want["log_marginal"], abs=2 * tolerance)


@pytest.mark.parametrize(
    ("seed", "sizes", "sds", "n", "count", "tolerance"),
    [
        (1, (6,), (0.3,), 300, 60, 0.01),
        (2, (5,), (0.0,), 100, 60, 0.01),
        (3, (40,), (0.7,), 1500, 60, 0.01),
        (4, (6, 8), (0.3, 0.3), 400, 20, 0.02),
        (5, (6, 9), (0.6, 0.05), 600, 20, 0.02),
        pytest.param(6, (6, 9, 8), (0.3, 0.2, 0.3), 250, 10, 0.1, marks=pytest.mark.slow),
    ],
)
def test_nodes_do_what_a_fine_grid_does(
    seed: int,
    sizes: tuple[int, ...],
    sds: tuple[float, ...],
    n: int,
    count: int,
    tolerance: float,
) -> None:
    terms, exit_, left = crossed(seed, sizes, sds, n)
    fit = fit_hierarchical_cox(np.zeros((n, 0)), terms, exit_, left)
    agree(fit, on_a_grid(terms, exit_, left, count, 2.0), tolerance)
    assert len(fit.mixture.share) <= 125


def test_a_lattice_serves_many_terms() -> None:
    """Four terms by points of a lattice; the fourth is nearly none, so three by a grid compare."""
    terms, exit_, left = crossed(7, (6, 9, 8, 30), (0.4, 0.2, 0.3, 0.0), 300)
    four = [*terms[:3], random_term("t3", terms[3].codes, scale=1e-3)]
    fit = fit_hierarchical_cox(np.zeros((300, 0)), four, exit_, left)
    want = fit_hierarchical_cox(np.zeros((300, 0)), terms[:3], exit_, left)
    for a, b in zip(fit.effects, want.effects, strict=False):
        for name in ("estimate", "std_err", "lower", "upper"):
            off = np.abs(getattr(a, name) - getattr(b, name)) / b.std_err
            assert off.max() < 0.1, name
    got = [each.mean for each in fit.spreads[:3]]
    np.testing.assert_allclose(got, [each.mean for each in want.spreads], atol=0.02)
    assert fit.effective_nodes > 80


def test_a_wide_prior_gives_the_integral_of_the_frailty() -> None:
    people = draw(30, groups=12, sd=0.6, late=True)
    term = random_term("group", [f"{each:02}" for each in people["group"]], scale=1e3)
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    fit = fit_hierarchical_cox(people["X"], [term], **rows)
    want = fit_gaussian_frailty(people["X"], groups=people["group"], **rows)
    effects = fit.effects[0]
    std_err = want.groups.std_err_integrated
    for got, other in (
        (effects.lower, want.groups.lower),
        (effects.upper, want.groups.upper),
        (effects.std_err, std_err),
    ):
        assert (np.abs(got - other) / std_err).max() < 0.02
    covariance = want.covariance_integrated
    np.testing.assert_allclose(fit.coefficients.covariance, covariance, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(fit.coefficients.lower, want.lower_integrated, atol=1e-4)
    spread = fit.spreads[0]
    assert spread.lower**2 == pytest.approx(want.theta_lower_integrated, rel=0.02)
    assert spread.upper**2 == pytest.approx(want.theta_upper_integrated, rel=0.02)
    assert trapezoid(spread.density, spread.sd) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("true", [0.06, 0.3, 3.0])
def test_the_likelihood_is_found_far_from_the_prior(true: float) -> None:
    """Of a known density: a likelihood that is even in the standard deviation, and narrow."""

    def log_likelihood(sd: Floats) -> Floats:
        return -(((sd**2 / true**2 - 1) / 0.1) ** 2) / 2

    def fit(sd: Floats, near: object) -> LaplaceFit:
        nothing = np.zeros((1, 1))
        return LaplaceFit(
            sd=sd,
            mode=np.zeros(1),
            log_marginal=float(log_likelihood(sd).sum()),
            near=None,  # type: ignore[arg-type]
            scaled=nothing,
            scale=np.ones(1),
        )

    fine = np.linspace(0, 2 * true, 20_001)
    density = np.exp(log_likelihood(fine) - (fine / 0.5) ** 2 / 2 + (true / 0.5) ** 2 / 2)
    mean = density @ fine / density.sum()
    variance = density @ (fine - mean) ** 2 / density.sum()
    for k in (1, 2):
        found = integrate_sds(fit, np.full(k, 0.5))
        sds = np.array([node.sd for node in found.nodes])
        np.testing.assert_allclose(found.share @ sds, mean, rtol=1e-3)
        np.testing.assert_allclose(found.share @ (sds - mean) ** 2, variance, rtol=0.02)
        grid, marginal = found.marginals[0]
        assert trapezoid(marginal * grid, grid) == pytest.approx(mean, rel=1e-3)


def test_quantiles_of_mixtures() -> None:
    rng = np.random.default_rng(1)
    mean, std_err = rng.normal(size=(9, 40)), rng.uniform(0.01, 2, (9, 40))
    std_err[:, 0] = 0.0
    std_err[1:, 1] = 1e-8
    share = rng.dirichlet(np.ones(9))
    for q in (1e-6, 0.025, 0.5, 0.975):
        at = mixture_quantile(mean, std_err, share, q)
        below = share @ ndtr((at - mean)[:, 2:] / std_err[:, 2:])
        np.testing.assert_allclose(below, q, rtol=1e-6)
    order = np.argsort(mean[:, 0])
    steps = np.cumsum(share[order])
    want = mean[order, 0][np.searchsorted(steps, 0.5)]
    assert mixture_quantile(mean, std_err, share, 0.5)[0] == pytest.approx(want, abs=1e-6)
    one = mixture_quantile(mean[:1], std_err[:1], np.ones(1), 0.975)
    np.testing.assert_allclose(one, mean[0] + 1.959963984540054 * std_err[0], atol=1e-9)


def test_mean_risk_of_a_mixture() -> None:
    rng = np.random.default_rng(2)
    mean, variance = np.array([[-3.0, -1.0, 0.5]] * 2), np.array([[0.01, 0.3, 1.0]] * 2)
    got = mean_risk(mean, variance, np.array([0.4, 0.6]))
    draws = mean[0] + np.sqrt(variance[0]) * rng.normal(size=(400_000, 3))
    risk = -np.expm1(-np.exp(draws))
    error = risk.std(axis=0) / np.sqrt(400_000)
    assert (np.abs(got - risk.mean(axis=0)) < 4 * error + 1e-5).all()
