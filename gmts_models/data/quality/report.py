"""The data-quality report: what a check of the rows one by one does not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import Checked, People, Resolution
from gmts_models.data.quality.drift import DRIFT_COLUMNS, find_drift
from gmts_models.data.quality.gaps import count_gaps
from gmts_models.data.quality.suspicious import SUSPICIOUS_COLUMNS, find_suspicious
from gmts_models.errors import InputError

HORIZONS = (12, 24, 36, 60)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QualityReport:
    """What was found in checked records. Counts are exact: a page of it applies disclosure control.

    Attributes
    ----------
    source : where the records came from.
    synthetic : whether they are made by a simulation.
    census_date : of follow-up; None where durations came ready.
    resolution : how finely times are told.
    tables : table, rows, valid, rejected.
    reasons : table, reason, rows: the rejected rows by reason.
    filled : table, column, rows, filled_with.
    gaps : table, column, cohort ("All" first), n, missing, share. Only of what has a gap
        somewhere, and of the trainees by cohort.
    suspicious : table, column, what, rows, fix: values that are possible and unlikely.
    cohorts : cohort, n, left, followed_months (the longest follow-up that the census allows),
        immature_at (the horizons that it does not reach, as text).
    duplicates : what, rows: rejected copies, and people who are alike in all that is recorded.
    drift : column, cohort, what, n, fewest (people that the words tell of), size, p: where a cohort
        differs from the others by more than chance (p after Holm).
    horizons : (m,) months that cohorts are held against.
    """

    source: str
    synthetic: bool
    census_date: pd.Timestamp | None
    resolution: Resolution
    tables: pd.DataFrame
    reasons: pd.DataFrame
    filled: pd.DataFrame
    gaps: pd.DataFrame
    suspicious: pd.DataFrame
    cohorts: pd.DataFrame
    duplicates: pd.DataFrame
    drift: pd.DataFrame
    horizons: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return a line for each finding: section, table, column, what, rows."""
        parts = [
            self.reasons.rename(columns={"reason": "what"}).assign(section="rejected"),
            self.gaps[self.gaps["cohort"] == "All"]
            .rename(columns={"missing": "rows"})
            .assign(
                section="missing",
                what=lambda gap: "missing of " + gap["n"].map("{:,}".format).astype(str),
            ),
            self.suspicious.assign(section="suspicious"),
            self.duplicates.assign(
                section="duplicates",
                table=lambda found: found["what"].str.split(": ", n=1).str[0],
                what=lambda found: found["what"].str.split(": ", n=1).str[1],
            ),
            self.drift.rename(columns={"n": "rows"}).assign(
                section="drift",
                table="trainees",
                what=lambda found: found["cohort"].astype(str) + ": " + found["what"],
            ),
        ]
        columns = ["section", "table", "column", "what", "rows"]
        made = [part.reindex(columns=columns) for part in parts if len(part)]
        if not made:
            return pd.DataFrame(columns=columns)
        return pd.concat(made, ignore_index=True)

    def __repr__(self) -> str:
        return (
            f"QualityReport(rejected={int(self.tables['rejected'].sum())}, "
            f"suspicious={len(self.suspicious)}, drift={len(self.drift)})"
        )


def quality_report(checked: Checked, *, horizons: Sequence[float] = HORIZONS) -> QualityReport:
    """Look over checked records: gaps, odd values, immature cohorts, duplicates, drift.

    Parameters
    ----------
    checked : of `load_trainees` or `from_snapshots`.
    horizons : months since the start at which retention will be asked for; a cohort that has not
        been followed for as long is immature there.

    Raises
    ------
    InputError : a horizon is not a month above 0, or what is given is not `Checked`.
    """
    if not hasattr(checked, "valid"):
        raise InputError(
            f"the report is about checked records, and this is {type(checked).__name__}",
            where="checked",
            fix="pass what load_trainees or from_snapshots returned, not its .valid",
        )
    months = tuple(float(each) for each in horizons)
    if not months or not all(np.isfinite(each) and each > 0 for each in months):
        raise InputError("horizons must be months above 0", where="quality_report(horizons=)")
    people = checked.valid
    suspicious = list(find_suspicious(people))
    drift = list(find_drift(people))
    return QualityReport(
        source=people.source,
        synthetic=people.synthetic,
        census_date=people.census_date,
        resolution=people.resolution,
        tables=checked.summary(),
        reasons=_reasons(checked),
        filled=checked.filled,
        gaps=count_gaps(people),
        suspicious=pd.DataFrame(suspicious, columns=list(SUSPICIOUS_COLUMNS)),
        cohorts=_cohorts(people, months),
        duplicates=_duplicates(checked),
        drift=pd.DataFrame(drift, columns=list(DRIFT_COLUMNS)),
        horizons=months,
    )


def _reasons(checked: Checked) -> pd.DataFrame:
    counted = summarise_rejected(checked)
    if "table" not in counted:
        counted.insert(0, "table", "trainees")
    return counted


def _cohorts(people: People, horizons: tuple[float, ...]) -> pd.DataFrame:
    """Return a row a cohort; none where there are no cohorts or no dates."""
    columns = ["cohort", "n", "left", "followed_months", "immature_at"]
    if "cohort" not in people.trainees or people.census_date is None:
        return pd.DataFrame(columns=columns)
    followed = build_outcome(people, "left_nhs")
    frame = pd.DataFrame(
        {
            "cohort": people.trainees["cohort"].to_numpy(object)[followed.rows],
            "left": followed.y.left,
            "followed_months": followed.follow_up,
        }
    )
    # The shortest possible follow-up: within a cohort people may start on different days.
    made = frame.groupby("cohort", dropna=True).agg(
        n=("left", "size"), left=("left", "sum"), followed_months=("followed_months", "min")
    )
    late = [
        ", ".join(f"{each:g}" for each in horizons if each > reached + 1e-9)
        for reached in made["followed_months"]
    ]
    return made.assign(immature_at=late).reset_index()[columns]


def _duplicates(checked: Checked) -> pd.DataFrame:
    copies = checked.rejected["reason"].isin(
        ["the row repeats an earlier one", "trainee_id is shared by rows that differ"]
    )
    found = (
        checked.rejected[copies]
        .groupby(["table", "reason"], sort=True)["row"]
        .nunique()
        .rename("rows")
        .reset_index()
    )
    what = found["table"] + ": " + found["reason"]
    lines = [{"what": each, "rows": rows} for each, rows in zip(what, found["rows"], strict=True)]
    if alike := _alike(checked.valid.trainees):
        told = "trainees: two ids, and everything else that is recorded is the same"
        lines.append({"what": told, "rows": alike})
    return pd.DataFrame(lines, columns=["what", "rows"])


def _alike(trainees: pd.DataFrame) -> int:
    """Return how many trainees share every recorded value with another, of four or more.

    Where attributes are few or coarse, people are alike by chance: the count is told only if it is
    far more than the pairs that chance would make, were the columns independent.
    """
    facts = trainees.drop(columns="trainee_id")
    told = facts.notna().sum(axis=1) >= 4
    same = told & facts.duplicated(keep=False)
    if not same.any():
        return 0
    shares = [facts[name].value_counts(normalize=True, dropna=False) for name in facts]
    chance = float(np.prod([float((share**2).sum()) for share in shares]))
    n = len(facts)
    return int(same.sum()) if same.sum() > 5 * n * (n - 1) * chance else 0
