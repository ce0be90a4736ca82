"""People drawn again, whole, with replacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.models.protocol import TrainingRows
from gmts_models.outcome import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPeople:
    """How often each of q people is drawn.

    Attributes
    ----------
    person : (n,) number of each row's person, from 0.
    weight : (q,) of each person: the mean weight of their rows.
    copies : (b, q) how often each person is drawn in each of b samples.
    """

    person: Ints
    weight: Floats
    copies: Ints

    def weights(self, sample: int, rows: TrainingRows) -> Floats:
        """Return (n,) case weights that say the same as a sample's rows."""
        copies = self.copies[sample][self.person].astype(float)
        given = 1.0 if rows.weight is None else rows.weight / self.weight[self.person]
        return np.asarray(copies * given, dtype=float)

    def rows(self, sample: int) -> Ints:
        """Return the rows of a sample, those of a person as often as they are drawn."""
        return np.repeat(np.arange(len(self.person)), self.copies[sample][self.person])


def draw_people(
    rows: TrainingRows, stratum: Ints, repetitions: int, rng: np.random.Generator
) -> DrawnPeople:
    """Draw as many people as there are, within strata.

    Parameters
    ----------
    rows : n; a person of weight w stands for w people, so that they are drawn as often.
    stratum : (n,) codes; a person is in that of their first row.
    repetitions : number of samples.
    rng : where the draws come from.
    """
    first, person = np.unique(rows.y.people, return_index=True, return_inverse=True)[1:]
    size = np.bincount(person)
    weight = np.bincount(person, weights=rows.weight) / size
    copies = np.zeros((repetitions, len(size)), dtype=np.int64)
    for each in np.unique(stratum):
        members = np.flatnonzero(stratum[first] == each)
        if total := float(weight[members].sum()):
            drawn = max(round(total), 1)
            copies[:, members] = rng.multinomial(drawn, weight[members] / total, size=repetitions)
    return DrawnPeople(person=person, weight=weight, copies=copies)
