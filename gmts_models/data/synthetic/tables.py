"""The synthetic records beside the trainees, drawn when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gmts_models.data.contract.tables import TABLES
from gmts_models.data.synthetic.assessments import draw_assessments
from gmts_models.data.synthetic.labour_market import draw_labour_market
from gmts_models.data.synthetic.lives import Lives
from gmts_models.data.synthetic.placements import draw_hosts, draw_placements
from gmts_models.data.synthetic.roles import draw_roles
from gmts_models.data.synthetic.surveys import draw_surveys

_STREAMS = ("hosts", "placements", "surveys", "assessments", "roles", "labour_market")
"""Each has numbers of its own. The order matters: it decides who draws what."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class SyntheticTables(Mapping[str, pd.DataFrame]):
    """The tables of the contract by name, each drawn once, at the first look at it.

    Attributes
    ----------
    lives : what happens to whom, already drawn: no table has any influence on it.
    entropy : decides what is drawn, whatever the order in which tables are looked at.
    """

    lives: Lives
    entropy: int
    _drawn: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in TABLES:
            raise KeyError(name)
        if name not in self._drawn:
            self._drawn[name] = self._draw(name)
        return self._drawn[name]

    def __contains__(self, name: object) -> bool:
        return name in TABLES

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def __repr__(self) -> str:
        return f"SyntheticTables({', '.join(self)})"

    def _draw(self, name: str) -> pd.DataFrame:
        rng, lives = self._stream(name), self.lives
        match name:
            case "placements":
                return draw_placements(rng, lives, draw_hosts(self._stream("hosts"), lives))
            case "surveys":
                return draw_surveys(rng, lives)
            case "assessments":
                return draw_assessments(rng, lives)
            case "roles":
                return draw_roles(rng, lives, draw_hosts(self._stream("hosts"), lives))
            case "labour_market":
                return draw_labour_market(rng, lives.roster.start.min(), lives.census)
        raise KeyError(name)

    def _stream(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.entropy, _STREAMS.index(name)])
