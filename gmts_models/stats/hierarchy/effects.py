"""What the posterior says of a term's groups: samples, ranks, comparisons."""

from __future__ import annotations

from gmts_models.outcome import Floats
from gmts_models.stats.hierarchy.result import HazardRatios, HierarchicalFit, Ranks


def group_samples(fit: HierarchicalFit, term: str, draws: int, seed: int) -> Floats:
    """Return (draws, g) effects of a term's groups, drawn from the posterior."""
    raise NotImplementedError


def rank_probabilities(
    fit: HierarchicalFit, term: str, *, draws: int = 10_000, seed: int = 0
) -> Ranks:
    """Return the probability of each rank of each group, by `draws` from the posterior."""
    raise NotImplementedError


def log_hazard_ratio(
    fit: HierarchicalFit, term: str, against: str | None = None, *, level: float = 0.95
) -> HazardRatios:
    """Compare a term's groups with the mean of those seen, or with one of them.

    Parameters
    ----------
    term : its name.
    against : label of a group; None = the mean of the groups, each counting once.
    level : of the limits.

    Raises
    ------
    InputError : there is no such term or group.
    """
    raise NotImplementedError
