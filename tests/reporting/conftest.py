"""Run folders as an experiment leaves them, without running one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.disclosure import suppress_counts
from gmts_models.stats.survival.kaplan_meier import exact_limits, kaplan_meier, survival_at

SIZES = (410, 655, 95, 240, 380, 61)
COHORTS = ("2018-09", "2019-09", "2020-09", "2021-09", "2022-09")
HORIZONS = (12.0, 24.0, 36.0, 60.0)
THRESHOLD = 5
MODELS = ("cox", "logistic", "kaplan_meier", "weibull_aft")
SCORES = {"brier": 0.14, "ipa": 0.04, "auc": 0.63, "observed_expected": 1.02}

MakeRun = Callable[..., Path]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Give the function that writes a new run folder; `facts` go over those of run.json."""

    def make(
        groups: Sequence[str] = SPECIALISMS,
        sizes: Sequence[int] = SIZES,
        *,
        models: Sequence[str] = MODELS,
        seed: int = 7,
        **facts: Any,
    ) -> Path:
        folder = tmp_path_factory.mktemp("run")
        (folder / "tables").mkdir()
        for table, frame in _tables(groups, sizes, models, np.random.default_rng(seed)).items():
            frame.to_csv(folder / "tables" / f"{table}.csv", index=False)
        run = _facts(sum(sizes), models) | facts
        (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
        (folder / "config.yaml").write_text("name: gmts\n", encoding="utf-8")
        return folder

    return make


def _facts(n: int, models: Sequence[str]) -> dict[str, Any]:
    return {
        "format": 1,
        "run_name": "gmts-20261124-101530-3fa2",
        "run_key": "0f" * 16,
        "experiment": "gmts",
        "question": "Who is still in the NHS one, two, three and five years after starting on the "
        "Graduate Management Training Scheme, by specialism?",
        "created": "2026-11-24T10:15:30+00:00",
        "seconds": 31.2,
        "synthetic": True,
        "source": "synthetic scheme, seed 7",
        "leaving": "leaving the NHS",
        "endpoint": "left_nhs",
        "horizons": list(HORIZONS),
        "threshold": THRESHOLD,
        "level": 0.95,
        "scheme": "leave_one_cohort_out",
        "config_sha256": "5e" * 32,
        "data_sha256": "c4" * 32,
        "seed": 1,
        "git_commit": "a2ff4502946f46366b44da4d8fbcd635fd68c7ea",
        "git_dirty": False,
        "versions": {"gmts_models": "0.1.0", "python": "3.11.7", "pandas": "2.3.3"},
        "counts": {"rows": n + 10, "valid": n, "rejected": 10, "left": n // 4},
        "models": [
            {"name": model, "kind": model, "params": {"alpha": 0.1, "strata": None}, "seconds": 3.2}
            for model in models
        ],
        "limits": [
            "Retention at 60 months is not estimable for the cohorts of 2022: nobody of them has "
            "been followed for as long."
        ],
    }


def _tables(
    groups: Sequence[str], sizes: Sequence[int], models: Sequence[str], rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    people = _people(groups, sizes, rng)
    scores = _scores(people, groups, models, rng)
    n = len(people)
    return {
        "retention": _retention(people, groups, HORIZONS, "horizon_months"),
        "curves": _curves(people, groups),
        "scores": scores,
        "leaderboard": _leaderboard(models, rng),
        "calibration": _calibration(people, models, rng),
        "data": pd.DataFrame(
            {
                "item": ["rows", "rejected", "valid", "followed", "left", "late entry"],
                "count": [n + 10, 10, n, n, people["left"].sum(), 0],
            }
        ),
        "rejected": pd.DataFrame(
            {
                "reason": ["leaves before the start", "no start date", "a second row of a person"],
                "rows": [7, np.nan, 5],
            }
        ),
        "cohorts": _cohorts(people, groups),
    }


def _people(groups: Sequence[str], sizes: Sequence[int], rng: np.random.Generator) -> pd.DataFrame:
    """Everybody of a cohort is censored together; the census is in September 2026."""
    group = np.repeat(np.arange(len(groups)), sizes)
    cohort = rng.integers(0, len(COHORTS), len(group))
    scale = 150 + 40 * np.sin(1 + group)
    leaves = scale * rng.weibull(1.2, len(group))
    census = 12.0 * (8 - cohort) - 24
    return pd.DataFrame(
        {
            "group": np.array(groups, dtype=object)[group],
            "cohort": np.array(COHORTS)[cohort],
            "exit": np.minimum(np.ceil(leaves), census),
            "left": leaves < census,
        }
    )


def _retention(
    people: pd.DataFrame, groups: Sequence[str], months: Sequence[float], clock: str
) -> pd.DataFrame:
    parts = []
    for group in ("All", *groups):
        mine = people if group == "All" else people[people["group"] == group]
        exit_, left = mine["exit"].to_numpy(float), mine["left"].to_numpy(bool)
        times = np.array(months, dtype=float)
        at_risk = (exit_[:, None] >= times).sum(axis=0)
        at = survival_at(kaplan_meier(exit_, left, interval="log-log"), times)
        part = pd.DataFrame(
            {
                "group": group,
                "n": float(len(mine)),
                clock: times,
                "retention": at.survival,
                "lower": np.where(at.survival == 1, exact_limits(len(mine))[0], at.lower),
                "upper": np.where(at.survival == 1, 1.0, at.upper),
                "at_risk": at_risk,
            }
        )
        part.loc[at_risk < THRESHOLD, ["retention", "lower", "upper"]] = np.nan
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame["at_risk"] = suppress_counts(frame["at_risk"], THRESHOLD)
    sizes = frame.drop_duplicates("group").set_index("group")["n"]
    hidden = suppress_counts(sizes.iloc[1:], THRESHOLD, total_published=True)
    frame["n"] = frame["group"].map(hidden).where(frame["group"] != "All", sizes.iloc[0])
    return frame


def _curves(people: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    grid = np.arange(0, people["exit"].max() + 1, 3.0)
    frame = _retention(people, groups, grid, "months").drop(columns="n")
    return frame[frame["retention"].notna()]


def _scores(
    people: pd.DataFrame, groups: Sequence[str], models: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    rows = []
    for model in models:
        for group in ("All", *groups):
            n = float(len(people) if group == "All" else (people["group"] == group).sum())
            for score, centre in SCORES.items():
                for horizon in HORIZONS:
                    half = 0.9 * centre / np.sqrt(max(n, 1)) * 3
                    estimate = centre + rng.normal(0, half / 3)
                    row = [model, score, horizon, group, estimate, half / 2]
                    row += [estimate - half, estimate + half, n]
                    rows.append(row)
            rows.append([model, "c_index", np.nan, group, 0.62, 0.01, 0.6, 0.64, n])
    columns = ["model", "score", "horizon_months", "group", "estimate", "se", "lower", "upper", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    small = frame["n"] < THRESHOLD
    frame.loc[small, ["estimate", "se", "lower", "upper", "n"]] = np.nan
    return frame


def _leaderboard(models: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    differences = np.linspace(-0.006, 0.004, len(models))
    half = 0.003
    rows = []
    for rank, (model, difference) in enumerate(zip(models, differences, strict=True), start=1):
        reference = model == "kaplan_meier"
        if reference:
            difference = 0.0
        verdict = "not distinguishable from the reference"
        if difference + half < 0:
            verdict = "better than the reference"
        if difference - half > 0:
            verdict = "worse than the reference"
        width = 0.0 if reference else half
        rows.append(
            {
                "rank": rank,
                "model": model,
                "kind": model,
                "mean_brier": 0.142 + difference,
                "lower": 0.131 + difference,
                "upper": 0.153 + difference,
                "difference": difference,
                "difference_lower": difference - width,
                "difference_upper": difference + width,
                "mean_ipa": 0.02 - 5 * difference,
                "mean_auc": 0.6 - 4 * difference,
                "c_index": 0.6 - 3 * difference,
                "verdict": "the reference" if reference else verdict,
            }
        )
    return pd.DataFrame(rows, columns=LEADERBOARD)


LEADERBOARD = [
    "rank",
    "model",
    "kind",
    "mean_brier",
    "lower",
    "upper",
    "difference",
    "difference_lower",
    "difference_upper",
    "mean_ipa",
    "mean_auc",
    "c_index",
    "verdict",
]


def _calibration(
    people: pd.DataFrame, models: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    rows = []
    for model in models:
        for horizon in HORIZONS:
            centre = 1 - np.exp(-((horizon / 150) ** 1.2))
            for number in range(5):
                predicted = centre * (0.5 + 0.25 * number)
                observed = predicted * rng.normal(1, 0.1)
                half = 1.5 * observed / np.sqrt(len(people) / 60)
                low, n = max(observed - half, 0), len(people) // 5
                row = [model, horizon, number + 1, predicted, observed, low, observed + half, n]
                rows.append(row)
    columns = ["model", "horizon_months", "bin", "predicted", "observed", "lower", "upper", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    small = frame["n"] < THRESHOLD
    frame.loc[small, ["predicted", "observed", "lower", "upper", "n"]] = np.nan
    return frame


def _cohorts(people: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    counts = people.groupby(["cohort", "group"]).size()
    full = pd.MultiIndex.from_product([COHORTS, groups], names=["cohort", "specialism"])
    filled = counts.reindex(full, fill_value=0)
    parts = [
        suppress_counts(part, THRESHOLD, total_published=True)
        for _, part in filled.groupby(level=1, sort=False)
    ]
    return pd.concat(parts).reindex(full).rename("n").reset_index()


TOLD_MODELS = (
    "hierarchical_cox",
    "kaplan_meier",
    "cox",
    "weibull_aft",
    "discrete_time_hazard",
    "cause_specific_cox",
    "cox_tuned",
)
_RATIO_OF = {"weibull_aft": "time", "discrete_time_hazard": "odds"}
_CHOSEN = {"fold 1": 10, "fold 2": 10, "fold 3": 1.0, "": 10}


@pytest.fixture(scope="session")
def make_told_run(make_run: MakeRun) -> MakeRun:
    """Give the function that writes a run folder in which models tell of groups and attributes.

    The last of the groups is hidden, and so is the one before it.
    """

    def make(
        groups: Sequence[str] = SPECIALISMS, *, models: Sequence[str] = TOLD_MODELS, **given: Any
    ) -> Path:
        sizes = given.pop("sizes", [300] * len(groups))
        folder = make_run(groups, sizes, models=models, **given)
        shown = list(groups)[:-2]
        tables = {
            "groups": _groups(shown),
            "ranks": _ranks(shown, len(groups)),
            "trials": _trials(),
        }
        tables["group_spread"] = pd.DataFrame(
            {"model": "hierarchical_cox", "term": "specialism", "sd": 0.2, "lower": 0.01}
            | {"upper": [0.55]}
        )
        tables |= {f"coefficients_{name}": _coefficients(name, groups) for name in models[2:]}
        for table, frame in tables.items():
            frame.to_csv(folder / "tables" / f"{table}.csv", index=False)
        return folder

    return make


def _groups(groups: Sequence[str]) -> pd.DataFrame:
    ratio = np.linspace(0.8, 1.25, len(groups))
    return pd.DataFrame(
        {
            "model": "hierarchical_cox",
            "term": "specialism",
            "group": list(groups),
            "ratio": ratio,
            "lower": ratio / 1.5,
            "upper": ratio * 1.5,
            "shrinkage": np.linspace(0.4, 0.6, len(groups)),
        }
    )


def _ranks(groups: Sequence[str], places: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("hierarchical_cox", group, place, 0.4 if place == at else 0.6 / (places - 1))
            for at, group in enumerate(groups, start=1)
            for place in range(1, places + 1)
        ],
        columns=["model", "group", "rank", "probability"],
    )


def _trials() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                "cox_tuned",
                fold,
                number,
                json.dumps({"estimator__alpha": alpha}),
                "brier",
                value,
                0.1,
            )
            for fold, best in _CHOSEN.items()
            for number, alpha in enumerate((1.0, 10))
            for value in [0.14 if alpha == best else 0.15]
        ],
        columns=["model", "fold", "trial", "params", "score", "value", "seconds"],
    ).assign(error="")


def _coefficients(model: str, groups: Sequence[str]) -> pd.DataFrame:
    others = list(groups)[1:]
    labels = [None, None, *others]
    terms = ["commute_minutes", "missing: commute_minutes"]
    table = pd.DataFrame(
        {
            "term": [*terms, *(f"specialism_{group}" for group in others)],
            "ratio": np.linspace(0.5, 2, len(labels)),
            "lower": np.linspace(0.3, 1.2, len(labels)),
            "upper": np.linspace(0.9, 4, len(labels)),
            "p": 0.04,
            "attribute": ["commute_minutes"] * 2 + ["specialism"] * len(others),
            "label": ["", "missing", *others],
            "reference": ["", "", *([groups[0]] * len(others))],
            "ratio_of": _RATIO_OF.get(model, "hazard"),
        }
    )
    table.loc[table.index[-1], ["ratio", "lower", "upper", "p"]] = np.nan  # few have the label
    if model != "cause_specific_cox":
        return table
    return pd.concat([table.assign(cause=cause) for cause in ("private sector", "further study")])
