"""What a hierarchical fit results in: plain arrays, and no rows of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hierarchy.terms import TermGroups


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The posterior: normal given the standard deviations, mixed over t nodes of these.

    Attributes
    ----------
    sd : (t, k) standard deviations of the k terms.
    share : (t,) probabilities of the nodes; sum to 1.
    mean : (t, q) of the parameters: the baseline's b columns (hazards of periods only), the p
        coefficients, the effects of the first term's groups, of the second's, ...
    covariance : (t, q, q).
    """

    sd: Floats
    share: Floats
    mean: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Coefficients of the columns of X, all (p,).

    Attributes
    ----------
    estimate, std_err : mean and standard deviation of the posterior.
    lower, upper : equal-tailed limits.
    covariance : (p, p).
    """

    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Posterior of the standard deviation of one term's effects.

    Attributes
    ----------
    name : of the term.
    mean, lower, upper : of the standard deviation. The lower limit is above 0 by construction: it
        says nothing of whether groups differ at all.
    sd, density : (d,) the posterior's density on a grid; its area is 1.
    """

    name: str
    mean: float
    lower: float
    upper: float
    sd: Floats
    density: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effects of one term's groups on the log hazard (a slope: per unit of its column).

    They are relative to the mean of all groups that there might be, not to the mean of those seen:
    how far these two lie apart is not known either, and widens the limits. `log_hazard_ratio` is
    against the mean of those seen, or against another group.

    Attributes
    ----------
    name : of the term.
    labels : (g,).
    members : (g,) int people (distinct clusters; rows where none are given) of positive weight.
    departures : (g,) float weight of those who leave.
    estimate, std_err : (g,) mean and standard deviation of the posterior.
    lower, upper : (g,) equal-tailed limits.
    shrinkage : (g,) from 0, the group's own data alone decide, to 1, they say nothing; see
        `effects.shrinkage`.
    """

    name: str
    labels: tuple[str, ...]
    members: Ints
    departures: Floats
    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    shrinkage: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHazard:
    """Cumulative baseline hazards of a Cox fit in one stratum, at each of t nodes.

    Attributes
    ----------
    time : (j,) distinct times of leaving, months, increasing.
    cumulative, variance : (t, j) as in `cox.baseline.BaselineHazard`.
    mean : (t, j, q) likewise.
    last : last month at which anyone of the stratum was observed.
    """

    time: Floats
    cumulative: Floats
    variance: Floats
    mean: Floats
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxBase:
    """Baselines of a Cox fit.

    Attributes
    ----------
    centre : (q,) of the columns of X and of the groups.
    strata : one `NodeHazard` a stratum, in the order of the strata's codes.
    """

    centre: Floats
    strata: tuple[NodeHazard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodBase:
    """Baseline of a fit of periods.

    Attributes
    ----------
    link : "logit" or "cloglog".
    columns : (m, b) the baseline's columns in the periods 1..m, m the last that anyone was
        followed in.
    width : months in a period.
    """

    link: Literal["logit", "cloglog"]
    columns: Floats
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchicalFit:
    """A hazard model with partial pooling.

    Attributes
    ----------
    names : (p,) of the columns of X.
    coefficients : of the columns of X.
    terms : what the k terms are.
    spreads : (k,) the standard deviations of the terms' effects.
    effects : (k,) the effects of the terms' groups.
    log_marginal : log of the (partial) likelihood with all integrated out but for constants that
        no standard deviation changes: comparable between priors, not between other models.
    effective_nodes : of the quadrature, 1 / sum of squared shares.
    mixture : the joint posterior.
    base : what prediction needs of the baseline.
    level : of all limits.
    """

    names: tuple[str, ...]
    coefficients: Coefficients
    terms: tuple[TermGroups, ...]
    spreads: tuple[Spread, ...]
    effects: tuple[Effects, ...]
    log_marginal: float
    effective_nodes: float
    mixture: Mixture
    base: CoxBase | PeriodBase
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """How the groups of a term may stand in order; 1 is the lowest hazard.

    Attributes
    ----------
    labels : (g,).
    probability : (g, g) [i, r - 1] of group i having rank r; rows and columns sum to 1.
    lowest, highest : (g,) of having the lowest and the highest hazard.
    mean : (g,) mean rank.
    """

    labels: tuple[str, ...]
    probability: Floats
    lowest: Floats
    highest: Floats
    mean: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardRatios:
    """Log hazard ratios of the groups of a term.

    Attributes
    ----------
    labels : (g,).
    against : label of the group of comparison; None = the mean of the groups seen.
    estimate, std_err, lower, upper : (g,) of the log hazard ratio; exp of them are the ratio's.
    higher : (g,) probability that the group's hazard is the higher; NaN against itself.
    level : of the limits.
    """

    labels: tuple[str, ...]
    against: str | None
    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    higher: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchicalRisk:
    """Risks of n new people by m horizons; NaN past the follow-up.

    Attributes
    ----------
    horizons : (m,) months.
    risk : (n, m) mean of the posterior. For a group that is not seen the effects of such a group
        are integrated over.
    lower, upper : (n, m) equal-tailed limits of the person's probability of having left.
    level : of the limits.
    """

    horizons: Floats
    risk: Floats
    lower: Floats
    upper: Floats
    level: float
