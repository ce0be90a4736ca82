"""The invented organisations of the synthetic scheme, by region and number."""

from __future__ import annotations

import numpy as np

from gmts_models.data.contract.columns import REGIONS
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.attributes import Labels
from gmts_models.outcome import Ints

_TYPES = np.repeat(
    np.array(list(assumed.ORGANISATION_TYPES), dtype=object),
    list(assumed.ORGANISATION_TYPES.values()),
)
N_ORGANISATIONS = len(_TYPES)
"""In each region; they are numbered from 0, and their codes from 01."""

_REGIONS = np.array(REGIONS, dtype=object)
_CODES = np.array(
    [
        [f"{assumed.REGION_CODES[region]}-{number + 1:02d}" for number in range(N_ORGANISATIONS)]
        for region in REGIONS
    ],
    dtype=object,
)
_MANAGERS = np.array(
    [[[f"{code}-M{k + 1}" for k in range(assumed.MANAGERS)] for code in row] for row in _CODES],
    dtype=object,
)


def region_numbers(region: Labels) -> Ints:
    """Return positions in the contract's regions."""
    return np.asarray(np.searchsorted(_REGIONS.astype(str), region.astype(str)), dtype=np.int64)


def region_names(region: Ints) -> Labels:
    """Return the contract's names of regions."""
    return np.asarray(_REGIONS[region])


def organisation_codes(region: Ints, number: Ints) -> Labels:
    """Return codes such as LON-07."""
    return np.asarray(_CODES[region, number])


def organisation_types(number: Ints) -> Labels:
    """Return what kind of organisation each is; the same numbers are the same in every region."""
    return np.asarray(_TYPES[number])


def manager_codes(region: Ints, number: Ints, manager: Ints) -> Labels:
    """Return codes such as LON-07-M2."""
    return np.asarray(_MANAGERS[region, number, manager])


def another(rng: np.random.Generator, number: Ints) -> Ints:
    """Return numbers of organisations that differ from these."""
    return np.asarray((number + rng.integers(1, N_ORGANISATIONS, number.shape)) % N_ORGANISATIONS)
