"""The run folder: the results of one execution, written whole or not at all.

Everything in it but ``private/`` has passed disclosure control and may be shared; the report and
the tracker read nothing else. ``docs/run-folder.md`` lists the files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gmts_models.disclosure import is_small, suppress_counts, suppress_rows
from gmts_models.errors import DataError
from gmts_models.evaluation.evaluate import Evaluation
from gmts_models.evaluation.scoring import landmark_group
from gmts_models.reporting.retention import hidden_groups
from gmts_models.run_record import RunRecord, write_record

TRIALS = ("model", "fold", "trial", "params", "score", "value", "seconds", "error")
"""Columns of the table of trials: fold is missing where everyone was searched, params are JSON."""

_GROUPS = ("model", "term", "group", "ratio", "lower", "upper", "shrinkage")
_SPREAD = ("model", "term", "sd", "lower", "upper")
_RANKS = ("model", "group", "rank", "probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTables:
    """What models say of groups that borrow strength, small groups left out already.

    Attributes
    ----------
    groups : model, term, group, ratio (hazard, or odds, against the average of the term's groups)
        with its 95 % limits lower and upper, shrinkage.
    spread : model, term, sd (standard deviation of the groups' log ratios) with 95 % limits.
    ranks : model, group, rank (1 = stays best), probability; of each model's first term.
    """

    groups: pd.DataFrame
    spread: pd.DataFrame
    ranks: pd.DataFrame

    @classmethod
    def join(cls, tables: Sequence[GroupTables]) -> GroupTables | None:
        """Put the tables of several models under each other; None where there are no models."""
        if not tables:
            return None
        return cls(
            groups=pd.concat([each.groups for each in tables], ignore_index=True),
            spread=pd.concat([each.spread for each in tables], ignore_index=True),
            ranks=pd.concat([each.ranks for each in tables], ignore_index=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """What goes into a run folder, before disclosure control.

    Attributes
    ----------
    record : for run.json; counts in it are suppressed already.
    config : text of config.yaml.
    retention, curves : frames of ``reporting/retention.py``, suppressed already.
    incidence : frame of ``reporting/incidence.py``, suppressed already; None where there is only
        one way to leave, or no cause is known.
    evaluation : scores, leaderboard, calibration and predictions.
    coefficients : by model, its `summary()` and what the terms are about, rare terms blank already.
    kinds : by model, its kind.
    cohorts : (n,) cohort and specialism of each person, once.
    rejected : reason and rows.
    trials : of models whose parameters were searched for: `TRIALS`, as ``search_trials`` gives
        them; None where there are none.
    groups : of models in which groups borrow strength; None where there are none.
    """

    record: RunRecord
    config: str
    retention: pd.DataFrame
    curves: pd.DataFrame
    incidence: pd.DataFrame | None
    evaluation: Evaluation
    coefficients: Mapping[str, pd.DataFrame]
    kinds: Mapping[str, str]
    cohorts: pd.DataFrame
    rejected: pd.DataFrame
    trials: pd.DataFrame | None = None
    groups: GroupTables | None = None


def write_run_folder(runs: Path, content: RunContent) -> Path:
    """Write everything under a temporary name, then rename; return the folder.

    Raises
    ------
    DataError : the folder cannot be written.
    """
    # Imported here: a report needs matplotlib, reading a run folder does not.
    from gmts_models.reporting.report import write_figures, write_report

    name = content.record.run_name
    building, finished = runs / f".building-{name}", runs / name
    try:
        (building / "tables").mkdir(parents=True)
        (building / "private").mkdir(mode=0o700)  # for the account that ran it alone
        for file, table in shareable_tables(content).items():
            path = building / "tables" / f"{file}.csv"
            _whole_counts(table).to_csv(path, index=False, lineterminator="\n")
        content.evaluation.losses.to_parquet(
            building / "private" / "predictions.parquet", index=False
        )
        (building / "config.yaml").write_text(content.config, encoding="utf-8")
        write_record(content.record, building)
        write_figures(building)
        write_report(building)
        building.rename(finished)  # the same disc, so whole or not at all
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        raise _not_writable(runs, error) from error
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return finished


def check_writable(runs: Path) -> None:
    """Raise DataError now rather than after the work where run folders cannot be made."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=runs, prefix=".building-"):
            pass
    except OSError as error:
        raise _not_writable(runs, error) from error


def _not_writable(runs: Path, error: OSError) -> DataError:
    return DataError(
        f"the results cannot be written: {error.strerror}",
        where=str(runs),
        fix="choose another folder with --store, and see that the disc has room",
    )


def shareable_tables(content: RunContent) -> dict[str, pd.DataFrame]:
    """Return the tables as they are published, by file name."""
    threshold = content.record.threshold
    found = content.evaluation
    leaderboard = found.leaderboard.copy()
    leaderboard.insert(2, "kind", leaderboard["model"].map(content.kinds))
    sizes = content.cohorts["specialism"].value_counts()
    hidden = frozenset(sizes.index[hidden_groups(sizes, threshold)])
    tables = {
        "retention": content.retention,
        "curves": content.curves,
        "scores": _scores(found.scores, threshold, hidden, content.record.landmarks),
        "leaderboard": leaderboard,
        "calibration": _calibration(found.calibration, threshold),
        "data": pd.DataFrame(list(content.record.counts.items()), columns=["item", "count"]),
        "rejected": _rejected(content.rejected, threshold),
        "cohorts": _cohort_sizes(content.cohorts, threshold, hidden),
    }
    if content.incidence is not None:
        tables["incidence"] = content.incidence
    if content.trials is not None and len(content.trials):
        tables["trials"] = content.trials[list(TRIALS)]
    if content.groups is not None:
        tables["groups"] = content.groups.groups[list(_GROUPS)]
        tables["group_spread"] = content.groups.spread[list(_SPREAD)]
        tables["ranks"] = content.groups.ranks[list(_RANKS)]
    tables |= {f"coefficients_{name}": table for name, table in content.coefficients.items()}
    return tables


def _rejected(counts: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return reason and rows; the reason names the table where it is not that of the trainees."""
    table = counts.get("table", pd.Series("trainees", counts.index, dtype=object))
    rows = counts["rows"].astype(float)
    for _, part in rows.groupby(table):
        # Each table by itself: how many trainees were rejected is shown in data.csv.
        rows[part.index] = suppress_counts(part, threshold, total_published=True)
    reason = counts["reason"].where(table == "trainees", table + ": " + counts["reason"])
    return pd.DataFrame({"reason": reason, "rows": rows})


def _whole_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Write counts as 12, not 12.0; suppressed ones stay empty."""
    counts = [name for name in ("n", "at_risk", "count", "rows") if name in table]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _scores(
    scores: pd.DataFrame, threshold: int, hidden: frozenset[str], landmarks: Sequence[int]
) -> pd.DataFrame:
    values = ["estimate", "se", "lower", "upper"]
    shown = suppress_rows(scores, "n", values, threshold)
    # How well a handful of leavers or stayers is predicted would tell of them, and how many
    # they are.
    few = is_small(scores["left"], threshold) | is_small(scores["stayed"], threshold)
    out = scores["group"].isin(hidden)
    shown.loc[few | out, values] = np.nan
    shown["n"] = shown["n"].astype(float)
    # People stand at several landmarks, so that those counts do not add up to a total.
    whole = shown["group"].isin(["All", *map(landmark_group, landmarks)])
    parts = ~whole
    by = [shown.loc[parts, "model"], shown.loc[parts, "score"], _months(shown[parts])]
    for rows in shown[parts].groupby(by).groups.values():
        shown.loc[rows, "n"] = suppress_counts(
            shown.loc[rows, "n"], threshold, total_published=True, also=out[rows]
        )
    shown.loc[whole, "n"] = suppress_counts(shown.loc[whole, "n"], threshold)
    return shown.drop(columns=["left", "stayed"])


def _calibration(calibration: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Blank small groups of similar predictions, and those that would tell of them."""
    shown = calibration.astype({"n": float})
    for rows in shown.groupby(["model", "horizon_months"]).groups.values():
        shown.loc[rows, "n"] = suppress_counts(
            shown.loc[rows, "n"], threshold, total_published=True
        )
    shown.loc[shown["n"].isna(), ["predicted", "observed", "lower", "upper"]] = np.nan
    return shown


def _cohort_sizes(cohorts: pd.DataFrame, threshold: int, hidden: frozenset[str]) -> pd.DataFrame:
    sizes = cohorts.value_counts(["specialism", "cohort"], sort=False).rename("n").reset_index()
    sizes["n"] = sizes.groupby("specialism", group_keys=False)["n"].transform(
        lambda n: suppress_counts(n, threshold, total_published=True)
    )
    sizes["n"] = sizes["n"].mask(sizes["specialism"].isin(hidden))
    return sizes.sort_values(["cohort", "specialism"])[["cohort", "specialism", "n"]]


def _months(scores: pd.DataFrame) -> pd.Series[float]:
    return scores["horizon_months"].fillna(-1)
