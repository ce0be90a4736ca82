"""What the command line prints: tables that read well, on a screen and in a log."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.checking.tables import ORPHANED
from gmts_models.disclosure import show_count
from gmts_models.reporting.words import in_words
from gmts_models.run_record import event_words

if TYPE_CHECKING:
    from gmts_models.data.people import Checked
    from gmts_models.data.quality.report import QualityReport
    from gmts_models.experiment import Run
    from gmts_models.reporting.retention import RetentionTable

MOST_REJECTED = 50
_LOG_WIDTH = 120  # columns, where there is no screen to ask


def console() -> Console:
    """Return a console on standard output."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=_LOG_WIDTH)


def say(text: str) -> None:
    """Print a sentence."""
    console().print(text, markup=False, soft_wrap=True)


def print_run(run: Run, store: Path | None = None) -> None:
    """Print retention, the leaderboard, and where everything is."""
    out = console()
    people = run.checked.valid
    if people.synthetic:
        out.print("SYNTHETIC DATA: these people were made by a simulation.\n", markup=False)
    out.print(retention_text_table(run.retention, event_words(run.config.endpoint, people.leaving)))
    if np.isnan(run.retention.retention).any():
        few = f"fewer than {run.retention.threshold} people left to follow"
        out.print(f"- not estimable, or {few}.   {show_count(np.nan)} suppressed.\n", markup=False)
    out.print(_leaderboard(run))
    for name, why in run.evaluation.predictions.failed.items():
        out.print(f"{name} could not be fitted: {why}", markup=False, soft_wrap=True)
    if told := _rejected_in_words(run.checked):
        out.print(
            f"{told} rejected; the report counts them by reason, and gmts-models validate names "
            "each row of a file.",
            markup=False,
            soft_wrap=True,
        )
    lines = [f"Results  {run.folder}", f"Report   {run.folder / 'report.html'}"]
    if run.published is not None:
        lines.append(f"MLflow   run {run.published.run_id}")
        lines.append(f"Look     {_ui_command(run, store)}")
    out.print("\n" + "\n".join(lines), markup=False, soft_wrap=True)
    out.print(f"Done in {run.seconds:.0f} s.", markup=False)


def _rejected_in_words(checked: Checked) -> str:
    """Return "3 of 20 rows were", with the other tables' rows where there are any, or nothing."""
    told = [
        f"{rejected:,} of {rows:,} rows" + ("" if table == "trainees" else f" of {table}")
        for table, rows, _, rejected in checked.summary().itertuples(index=False)
        if rejected
    ]
    return f"{in_words(told)} were" if told else ""


def _ui_command(run: Run, store: Path | None) -> str:
    """Return the command that opens MLflow's pages, as it has to be typed here."""
    script = "gmts-models"
    if shutil.which(script) is None and Path(sys.argv[0]).stem == script:
        script = os.path.relpath(sys.argv[0])
    folder = store if store is not None else run.config.store
    return shlex.join([script, "ui", *(["--store", str(folder)] if folder else [])])


def retention_text_table(retention: RetentionTable, leaving: str) -> Table:
    """Return a row a group, a column a horizon: percent and interval."""
    percent = f"{retention.level:.0%}".replace("%", " %")
    title = f"Retention (not {leaving}) in %, with {percent} intervals"
    table = Table(title=title, title_justify="left")
    table.add_column("Group")
    table.add_column("People", justify="right", no_wrap=True)
    for horizon in retention.horizons:
        table.add_column(f"{horizon:g} months", justify="right", no_wrap=True)
    for i, group in enumerate(retention.groups):
        cells = [
            share_text(*values)
            for values in zip(
                retention.retention[i], retention.lower[i], retention.upper[i], strict=True
            )
        ]
        table.add_row(group, show_count(retention.n[i]), *cells, end_section=i == 0)
    return table


def share_text(share: float, lower: float, upper: float) -> str:
    """Return percentages as "89 (84 to 93)", or a dash where not estimable."""
    if np.isnan(share):
        return "-"
    if np.isnan(lower):
        return f"{100 * share:.0f}"
    return f"{100 * share:.0f} ({100 * lower:.0f} to {100 * upper:.0f})"


def print_checked(checked: Checked) -> None:
    """Print counts, rejected rows by reason, and the first rejected rows themselves."""
    several = len(checked.rows) > 1
    for each in checked.summary().itertuples():
        name = f"{each.table}: " if several else ""
        say(f"{name}{each.rows:,} rows: {each.valid:,} valid, {each.rejected:,} rejected.")
    for each in checked.filled.itertuples():
        rows = "1 row" if each.rows == 1 else f"{each.rows:,} rows"
        say(f"{each.table}: {each.column} filled in for {rows}: {each.filled_with}.")
    if len(checked.rejected):
        out = console()
        out.print(_by_reason(checked, several))
        # What follows from a trainee's row is mended with it.
        own = checked.rejected[checked.rejected["reason"] != ORPHANED]
        out.print(_each_rejected(own.head(MOST_REJECTED), several))
        if more := len(checked.rejected) - min(len(own), MOST_REJECTED):
            say(f"... and {more:,} more: --rows rejected.csv writes all of them.")


def print_quality(report: QualityReport) -> None:
    """Print what is worth a look: gaps, unlikely values, immature cohorts, copies, drift."""
    found = report.to_frame().query("section != 'rejected'")
    young = report.cohorts[report.cohorts["immature_at"] != ""]
    for name, late in zip(young["cohort"], young["immature_at"], strict=True):
        say(f"Cohort {name} has not been followed for {late} months yet.")
    if not len(found):
        say("Nothing else is worth a look.")
        return
    table = Table(title="Worth a look", title_justify="left")
    table.add_column("Where")
    table.add_column("What")
    table.add_column("Rows", justify="right", no_wrap=True)
    for each in found.to_dict("records"):
        place = [each["table"], *([] if pd.isna(each["column"]) else [each["column"]])]
        table.add_row(_plain(": ".join(place)), _plain(each["what"]), f"{each['rows']:,}")
    console().print(table)


def _by_reason(checked: Checked, several: bool) -> Table:
    table = Table(title="Rejected rows by reason", title_justify="left", show_lines=True)
    if several:
        table.add_column("Table", no_wrap=True)
    table.add_column("Reason")
    table.add_column("Rows", justify="right", no_wrap=True)
    table.add_column("How to mend it")
    for *where, reason, rows in summarise_rejected(checked).itertuples(index=False):
        same = checked.rejected["reason"] == reason
        if several:
            same &= checked.rejected["table"] == where[0]
        fixes = checked.rejected.loc[same, "fix"].unique()
        more = f"\n... and {len(fixes) - 3} more" if len(fixes) > 3 else ""
        mend = _plain("\n".join(fixes[:3]) + more)
        table.add_row(*where, _plain(reason), f"{rows:,}", mend)
    return table


def _each_rejected(rejected: pd.DataFrame, several: bool) -> Table:
    table = Table(title="Each of them", title_justify="left")
    if several:
        table.add_column("Table", no_wrap=True)
    table.add_column("Row", justify="right", no_wrap=True)
    table.add_column("Column")
    table.add_column("Reason")
    columns = [*(["table"] if several else []), "row", "column", "reason"]
    for row in rejected[columns].itertuples(index=False):
        table.add_row(*(_plain(value) for value in row))
    return table


def _leaderboard(run: Run) -> Table:
    table = Table(title="Models, best first (out-of-fold predictions)", title_justify="left")
    table.add_column("Model", no_wrap=True)
    for name in ("Brier score", "IPA", "AUC", "C"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Verdict")
    for row in run.evaluation.leaderboard.to_dict("records"):
        brier = _number(row["mean_brier"])
        if np.isfinite(row["lower"]):
            brier += f" ({_number(row['lower'])} to {_number(row['upper'])})"
        verdict = str(row["verdict"]).partition(":")[0]
        table.add_row(
            str(row["model"]),
            brier,
            _number(row["mean_ipa"]),
            _number(row["mean_auc"], 2),
            _number(row["c_index"], 2),
            verdict,
        )
    return table


def _number(value: float, digits: int = 3) -> str:
    return "-" if pd.isna(value) else f"{value:.{digits}f}"


def _plain(value: object) -> str:
    """Return text with rich's markup made harmless."""
    from rich.markup import escape

    return escape("" if value is None or value is pd.NA else str(value))
