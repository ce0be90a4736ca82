"""What pooling groups partially is worth: log score of new people, coverage of intervals.

    .venv/bin/python -m benchmarks.partial_pooling --repetitions 2000    # half an hour on two cores

Groups of 10 to 100 people leave in whole months, 29 % of them within 36 months; their log hazards
differ by a normal effect of standard deviation 0.1, 0.3 or 0.5. Each repetition draws groups and
people, fits, and is held against the truth that it was drawn from: the log score of a new person's
having left by month 24 is its expectation under the true risk, so that no draw of new people adds
noise, and each group counts once. Figures are means over repetitions with their Monte Carlo error.

Results are written to ``results/partial_pooling.json`` after every 100 repetitions; a run that is
stopped goes on from there, and a larger number of repetitions adds to it. `--only` takes cells
whose name contains a word.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from gmts_models.stats.hierarchy.cox import fit_hierarchical_cox
from gmts_models.stats.hierarchy.effects import log_hazard_ratio
from gmts_models.stats.hierarchy.hazard import fit_hierarchical_hazard
from gmts_models.stats.hierarchy.period_baseline import SmoothBaseline, SteppedBaseline
from gmts_models.stats.hierarchy.predict import hierarchical_risk
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm, random_term
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

RESULTS = Path(__file__).parent / "results" / "partial_pooling.json"
HORIZON, LAST = 24, 36
MONTHLY = np.repeat([0.006, 0.010, 0.016, 0.012], [12, 12, 12, 24])
"""Hazard of each month at an effect of 0: 17 % leave by month 24, 29 % by month 36."""
SCALES = (0.5, 1.0)
NO_POOLING = 2.0
"""Fixed standard deviation that hardly draws effects in, and keeps them finite."""
CHUNK = 100


@dataclass(frozen=True)
class Cell:
    """A setting: groups of each term, standard deviations of their effects, how they are seen."""

    name: str
    groups: tuple[int, ...]
    sds: tuple[float, ...]
    model: str = "cox"
    late: bool = False


CELLS = (
    *(
        Cell(f"{groups} groups, sd {sd}", (groups,), (sd,))
        for groups in (6, 12)
        for sd in (0.1, 0.3, 0.5)
    ),
    Cell("6 groups, sd 0.3, late entry", (6,), (0.3,), late=True),
    Cell("12 groups, sd 0.5, late entry", (12,), (0.5,), late=True),
    Cell("6 groups, sd 0.3, periods", (6,), (0.3,), model="hazard"),
    Cell("6 groups, sd 0.3, periods, late entry", (6,), (0.3,), model="hazard", late=True),
    Cell("6 x 9 groups, sd 0.3 and 0.2", (6, 9), (0.3, 0.2)),
    Cell("6 groups, sd 0.3, periods in bands", (6,), (0.3,), model="bands"),
)
"""The hazard jumps at months 13 and 25: bands of a year can follow, a smooth baseline cannot."""


@dataclass(frozen=True)
class People:
    """Drawn rows: codes (k, n) of groups, months; effects of each term's groups."""

    codes: tuple[np.ndarray, ...]
    entry: np.ndarray
    exit: np.ndarray
    left: np.ndarray
    effects: tuple[np.ndarray, ...]


def draw(rng: np.random.Generator, cell: Cell) -> People:
    """Draw people: all seen from the start to month 36, or with late entry and a census."""
    first = np.repeat(np.arange(cell.groups[0]), rng.integers(10, 101, cell.groups[0]))
    codes = [first, *(rng.integers(0, g, len(first)) for g in cell.groups[1:])]
    effects = [rng.normal(size=g) * sd for g, sd in zip(cell.groups, cell.sds, strict=True)]
    eta = sum(effect[code] for effect, code in zip(effects, codes, strict=True))
    reached = rng.exponential(size=len(first)) / np.exp(eta)  # hazard at which each leaves
    month = np.searchsorted(np.cumsum(MONTHLY), reached) + 1.0
    entry, census = np.zeros(len(first)), np.full(len(first), float(LAST))
    if cell.late:
        entry = np.where(rng.random(len(first)) < 0.4, rng.integers(1, 19, len(first)), 0.0)
        census = rng.integers(20, 49, len(first)).astype(float)
    seen = month > entry
    return People(
        codes=tuple(code[seen] for code in codes),
        entry=entry[seen],
        exit=np.minimum(month, census)[seen],
        left=(month <= census)[seen],
        effects=tuple(effects),
    )


def risk_of(effect: np.ndarray) -> np.ndarray:
    """Return the true risk by the horizon."""
    return -np.expm1(-MONTHLY[:HORIZON].sum() * np.exp(effect))


def fit(
    people: People, cell: Cell, scale: float, sd: list[float] | None = None
) -> tuple[HierarchicalFit, list[RandomTerm]]:
    terms = [
        random_term(f"term {j}", code, scale=scale, labels=tuple(str(each) for each in range(g)))
        for j, (code, g) in enumerate(zip(people.codes, cell.groups, strict=True))
    ]
    rows = (np.zeros((len(people.exit), 0)), terms, people.exit, people.left, people.entry)
    if cell.model == "cox":
        return fit_hierarchical_cox(*rows, sd=sd), terms
    smooth = SmoothBaseline(knots=(1.0, 12.0, 24.0, 36.0))
    baseline = smooth if cell.model == "hazard" else SteppedBaseline((12, 24))
    return fit_hierarchical_hazard(*rows, baseline=baseline, link="cloglog", sd=sd), terms


def predict(
    fitted: HierarchicalFit, cell: Cell, codes: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return risk and limits of people with `codes` of each term."""
    terms = [
        RandomTerm(name=kept.name, labels=kept.labels, codes=code, scale=kept.scale)
        for kept, code in zip(fitted.terms, codes, strict=True)
    ]
    found = hierarchical_risk(fitted, np.zeros((len(codes[0]), 0)), terms, [HORIZON])
    return found.risk[:, 0], found.lower[:, 0], found.upper[:, 0]


def score(truth: np.ndarray, risk: np.ndarray) -> float:
    """Return the expected log score per person, each row counting once."""
    risk = np.clip(risk, 1e-12, 1 - 1e-12)
    return float(np.mean(truth * np.log(risk) + (1 - truth) * np.log1p(-risk)))


def separate(people: People, groups: int) -> np.ndarray:
    """Return each group's own Kaplan-Meier risk, half a leaver added to each side."""
    risk = np.empty(groups)
    for g in range(groups):
        rows = people.codes[0] == g
        curve = kaplan_meier(people.exit[rows], people.left[rows], people.entry[rows])
        n, at = rows.sum(), survival_at(curve, [min(HORIZON, people.exit[rows].max())])
        risk[g] = (n * (1 - at.survival[0]) + 0.5) / (n + 1)
    return risk


def repeat(cell: Cell, seed: int, scales: tuple[float, ...] = SCALES) -> dict[str, float]:
    """Draw, fit and judge once."""
    rng = np.random.default_rng([CELLS.index(cell), seed])
    people = draw(rng, cell)
    crossed = [code.ravel() for code in np.meshgrid(*(np.arange(g) for g in cell.groups))]
    truth = risk_of(sum(e[c] for e, c in zip(people.effects, crossed, strict=True)))
    found: dict[str, float] = {}
    none, _ = fit(people, cell, 1.0, [NO_POOLING] * len(cell.groups))
    full, _ = fit(people, cell, 1.0, [0.0] * len(cell.groups))
    found["score none"] = score(truth, predict(none, cell, crossed)[0])
    found["score full"] = score(truth, predict(full, cell, crossed)[0])
    found["score separate"] = score(truth, separate(people, cell.groups[0])[crossed[0]])
    for scale in scales:
        fitted, _ = fit(people, cell, scale)
        risk, lower, upper = predict(fitted, cell, crossed)
        own = {"score": score(truth, risk), "risk": np.mean((lower <= truth) & (truth <= upper))}
        own["risk width"] = np.mean(upper - lower)
        unseen = [*(np.arange(g) for g in cell.groups[:-1]), np.array([-1])]
        unseen = [code.ravel() for code in np.meshgrid(*unseen)]
        new = rng.normal(size=len(unseen[0])) * cell.sds[-1]
        known = sum((e[c] for e, c in zip(people.effects[:-1], unseen[:-1], strict=True)), new * 0)
        ahead, low, high = predict(fitted, cell, unseen)
        own["risk of unseen"] = np.mean(
            (low <= risk_of(known + new)) & (risk_of(known + new) <= high)
        )
        draws = risk_of(known[:, None] + cell.sds[-1] * np.sqrt(2) * _ROOTS) @ _SHARES
        own["score of unseen"] = score(draws, ahead)
        for j, effects in enumerate(fitted.effects):
            b, spread = people.effects[j], fitted.spreads[j]
            name = fitted.terms[j].name
            own[f"effect, {name}"] = np.mean((effects.lower <= b) & (b <= effects.upper))
            ratio, off = log_hazard_ratio(fitted, name), b - b.mean()
            own[f"effect against the mean, {name}"] = np.mean(
                (ratio.lower <= off) & (off <= ratio.upper)
            )
            own[f"sd, {name}"] = float(spread.lower <= cell.sds[j] <= spread.upper)
            own[f"mean sd, {name}"] = spread.mean
        found |= {f"{name} [{scale}]": float(value) for name, value in own.items()}
        found |= {
            f"gain over {other} [{scale}]": 1000 * (own["score"] - found[f"score {other}"])
            for other in ("none", "full", "separate")
        }
    return found


_ROOTS, _SHARES = np.polynomial.hermite.hermgauss(30)
_SHARES = _SHARES / _SHARES.sum()


def chunk(cell: Cell, number: int) -> dict[str, list[float]]:
    """Return sum and sum of squares over the repetitions of a chunk, by measure."""
    rows = [repeat(cell, seed) for seed in range(number * CHUNK, (number + 1) * CHUNK)]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: [float(each.sum()), float((each**2).sum())] for name, each in values.items()}


def add(cell: dict[str, Any], sums: dict[str, list[float]]) -> None:
    """Add a chunk to a cell's results, and work out mean and Monte Carlo error of each measure."""
    before = cell.get("sums", {})
    cell["repetitions"] = n = cell.get("repetitions", 0) + CHUNK
    cell["sums"] = {
        name: [a + b for a, b in zip(each, before.get(name, (0.0, 0.0)), strict=True)]
        for name, each in sums.items()
    }
    cell["figures"] = {}
    for name, (total, squares) in cell["sums"].items():
        mean = total / n
        error = np.sqrt(max(squares / n - mean**2, 0.0) / (n - 1))
        cell["figures"][name] = {"mean": round(mean, 6), "error": round(float(error), 6)}


def write(content: dict[str, Any]) -> None:
    new = RESULTS.with_suffix(".new")
    new.write_text(json.dumps(content) + "\n", encoding="utf-8")
    new.replace(RESULTS)


def show(content: dict[str, Any]) -> None:
    for name, cell in content["cells"].items():
        print(f"{name}: {cell['repetitions']} repetitions")
        for measure, each in cell["figures"].items():
            print(f"  {measure:45} {each['mean']:9.4f} (error {each['error']:.4f})")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.partial_pooling", description=__doc__
    )
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    content: dict[str, Any] = {"cells": {}}
    if RESULTS.exists():
        content = json.loads(RESULTS.read_text(encoding="utf-8"))
    cells: dict[str, Any] = content["cells"]
    todo = [
        (cell, number)
        for number in range(-(-given.repetitions // CHUNK))
        for cell in CELLS
        if given.only in cell.name
        and number * CHUNK >= cells.get(cell.name, {}).get("repetitions", 0)
    ]
    run = Parallel(n_jobs=given.jobs, return_as="generator")
    found = run(delayed(chunk)(cell, number) for cell, number in todo)
    for (cell, number), sums in zip(todo, found, strict=True):  # in this order
        add(cells.setdefault(cell.name, {}), sums)
        write(content)
        print(f"{cell.name}: {(number + 1) * CHUNK} repetitions", flush=True)
    show(content)


if __name__ == "__main__":
    main()
