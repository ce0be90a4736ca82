"""Simulated people, written once per case in a form that every side reads before it is timed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CENSUS = 60.0
"""Months after which nobody is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to simulate.

    Attributes
    ----------
    people : number of people.
    columns : half of them standard normal, half 0 or 1.
    monthly : whole months, so that many people tie; else continuous times.
    rows_each : rows of one person, (entry, exit], whose columns change over time.
    causes : of leaving.
    groups : number of groups; 0 = each person alone.
    group_variance : of a gamma frailty with mean 1 that each group shares.
    draws : bootstrap draws of all people, by position.
    """

    people: int
    columns: int = 0
    monthly: bool = True
    rows_each: int = 1
    causes: int = 1
    groups: int = 0
    group_variance: float = 0.0
    draws: int = 0


def columns_of(recipe: Recipe) -> Iterator[tuple[str, Floats]]:
    """Yield named columns; those of X are x1, x2, ..."""
    rng = np.random.default_rng(zlib.crc32(repr(recipe).encode()))
    n, p, rows = recipe.people, recipe.columns, recipe.rows_each
    X = rng.standard_normal((n, p))
    X[:, p // 2 :] = X[:, p // 2 :] > 0.3
    effect = rng.normal(0, 0.3, p) * (np.arange(p) % 5 < 3)
    group = rng.integers(0, recipe.groups, n) if recipe.groups else np.arange(n)
    shared = np.ones(n)
    if recipe.group_variance:
        shape = 1 / recipe.group_variance
        shared = rng.gamma(shape, 1 / shape, recipe.groups)[group]
    hazard = shared * np.exp(X @ effect - effect[p // 2 :].sum() * 0.38) / 50
    leaves = rng.exponential(1 / hazard)
    seen = np.minimum(rng.uniform(rows, 1.5 * CENSUS, n), CENSUS)
    if recipe.monthly:
        leaves, seen = np.ceil(leaves), np.ceil(seen)
    else:  # half a minute apart, or R takes some for one time, and others do not
        leaves, seen = np.round(leaves, 5), np.round(seen, 5)
    leaves = np.maximum(leaves, rows if rows > 1 else 0)
    time, left = np.minimum(leaves, seen), leaves <= seen
    event = np.where(left, rng.integers(1, recipe.causes + 1, n), 0)
    # Rows of one person part the follow-up evenly, at whole months where times are whole.
    part = np.tile(np.arange(rows), n)
    person = np.repeat(np.arange(n), rows)
    begin, end = (time[person] * (part + more) / rows for more in (0, 1))
    if recipe.monthly:
        begin, end = np.floor(begin), np.floor(end)
    yield "entry", begin
    yield "time", end
    yield "event", np.where(part == rows - 1, event[person], 0).astype(float)
    yield "person", person.astype(float)
    yield "group", group[person].astype(float)
    yield "score", X[person] @ effect if p else (-np.log(leaves) + rng.standard_normal(n))[person]
    for j in range(p):
        noise = rng.normal(0, 0.3, n * rows) if rows > 1 and j < p // 2 else 0.0
        yield f"x{j + 1}", X[person, j] + noise
    for draw in range(recipe.draws):
        yield f"draw{draw + 1}", rng.integers(0, n, n).astype(float)


def write(recipe: Recipe, folder: Path) -> None:
    """Write data.bin (columns of doubles, one after the other) and columns.txt (their names)."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with (folder / "data.bin").open("wb") as file:
        for name, values in columns_of(recipe):
            names.append(name)
            np.ascontiguousarray(values, dtype="<f8").tofile(file)
    (folder / "columns.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


class Data:
    """Columns read back; X as the rows of a matrix."""

    def __init__(self, folder: Path) -> None:
        self.names = (folder / "columns.txt").read_text(encoding="utf-8").split()
        table = np.fromfile(folder / "data.bin", dtype="<f8").reshape(len(self.names), -1)
        of_X = [name[0] == "x" for name in self.names]
        self.X = np.ascontiguousarray(table[of_X].T)
        self.column = {
            name: values.copy()
            for name, values, is_x in zip(self.names, table, of_X, strict=True)
            if not is_x
        }
        self.time, self.entry = self.column["time"], self.column["entry"]
        self.event = self.column["event"].astype(np.int64)
        self.left = self.event > 0

    def draws(self) -> npt.NDArray[np.int64]:
        """Return (draws, n) positions."""
        drawn = [values for name, values in self.column.items() if name.startswith("draw")]
        return np.array(drawn, dtype=np.int64)
