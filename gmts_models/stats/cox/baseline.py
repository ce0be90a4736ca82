"""The baseline hazard of a Cox fit, by the fit's own method for ties, and its uncertainty.

Efron's increments share the tied out over the risk set as the coefficients' likelihood does.
Breslow's beside Efron's coefficients, as several libraries have it, are too small.

Source: Efron (1977), JASA 72:557-565; Therneau & Grambsch (2000), Modeling Survival Data, section
10.2; Tsiatis (1981), Annals of Statistics 9:93-108, for the variance. Agrees with
``survival::survfit(coxph(...), newdata)`` and ``basehaz``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gmts_models.outcome import Floats
from gmts_models.stats.cox.event_grid import cumulate_up
from gmts_models.stats.cox.fit import CoxData, CoxFit, likelihood_at
from gmts_models.stats.cox.residuals import risk_set_means
from gmts_models.stats.times import TIE_TOLERANCE, count_until


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineHazard:
    """Cumulative hazard in one stratum of someone whose columns are all at the fit's centre.

    Attributes
    ----------
    time : (k,) distinct times of leaving, months, increasing.
    cumulative : (k,) cumulative hazard just after each.
    variance : (k,) of `cumulative`, for known coefficients.
    mean : (k, p) integral of the risk set's mean (centred columns) over the cumulative hazard.
    last : last month at which anyone of the stratum (of weight > 0) was observed; beyond it
        nothing is estimable. -inf where nobody was.
    """

    time: Floats
    cumulative: Floats
    variance: Floats
    mean: Floats
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAt:
    """A baseline hazard read off at m times: NaN where not estimable.

    Attributes
    ----------
    cumulative, variance : (m,). mean : (m, p).
    """

    cumulative: Floats
    variance: Floats
    mean: Floats

    def since(self, earlier: HazardAt) -> HazardAt:
        """Return the hazard between an earlier time and this one."""
        return HazardAt(
            cumulative=self.cumulative - earlier.cumulative,
            variance=self.variance - earlier.variance,
            mean=self.mean - earlier.mean,
        )


def baseline_hazards(fit: CoxFit) -> tuple[BaselineHazard, ...]:
    """Return the baseline hazard of each stratum, in the order of the strata's codes."""
    grid, at, given = fit.data.grid, fit.likelihood.at, fit.data.given
    variance = cumulate_up(at.squares[:, 0], grid.starts)
    mean = risk_set_means(fit).passed
    strata = int(given.strata.max()) + 1
    last = np.full(strata, -np.inf)
    counted = given.weights > 0
    np.maximum.at(last, given.strata[counted], given.exit[counted])
    edges = np.searchsorted(grid.stratum, np.arange(strata + 1))
    return tuple(
        BaselineHazard(
            time=grid.time[begin:end],
            cumulative=at.passed[begin:end],
            variance=variance[begin:end],
            mean=mean[begin:end],
            last=float(last[stratum]),
        )
        for stratum, (begin, end) in enumerate(pairwise(edges))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxCurves:
    """What prediction needs of a fit, without the rows of people that it was made from.

    Attributes
    ----------
    coefficients : (p,). covariance : (p, p), of whatever kind was asked for.
    centre : (p,) of the columns; offset_centre : of the offset, None where the fit had none.
    baselines : one a stratum, in the order of the strata's codes.
    """

    coefficients: Floats
    covariance: Floats
    centre: Floats
    offset_centre: float | None
    baselines: tuple[BaselineHazard, ...]


def cox_curves(fit: CoxFit, covariance: Floats | None = None) -> CoxCurves:
    """Keep what prediction needs of a fit; `covariance` (p, p) by default the fit's."""
    return CoxCurves(
        coefficients=fit.coefficients,
        covariance=fit.covariance if covariance is None else covariance,
        centre=fit.data.rows.centre,
        offset_centre=fit.data.offset_centre,
        baselines=baseline_hazards(fit),
    )


def curves_of(data: CoxData, coefficients: Floats, covariance: Floats | None = None) -> CoxCurves:
    """Return what prediction needs of coefficients (p,) that were found under another penalty.

    `covariance` (p, p) is that of the coefficients; NaN where there is none.
    """
    p = len(coefficients)
    likelihood = likelihood_at(data, coefficients)
    return cox_curves(
        CoxFit(
            coefficients=coefficients,
            covariance=np.full((p, p), np.nan) if covariance is None else covariance,
            information=likelihood.information,
            log_likelihood=likelihood.value,
            log_likelihood_null=np.nan,
            score_test=np.nan,
            steps=0,
            data=data,
            likelihood=likelihood,
        )
    )


def hazard_at(baseline: BaselineHazard, times: Floats) -> HazardAt:
    """Read a baseline hazard off at `times` (m,); NaN beyond the stratum's follow-up."""
    position = count_until(baseline.time, times)
    beyond = times - TIE_TOLERANCE * np.maximum(1.0, np.abs(times)) > baseline.last

    def read(values: Floats) -> Floats:
        steps = np.concatenate([np.zeros((1, *values.shape[1:])), values])[position]
        steps[beyond] = np.nan
        return steps

    return HazardAt(
        cumulative=read(baseline.cumulative),
        variance=read(baseline.variance),
        mean=read(baseline.mean),
    )
