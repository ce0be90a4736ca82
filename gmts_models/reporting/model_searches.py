"""What the report says of searches for parameters: what was chosen, and how steadily."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd

from gmts_models.reporting import words
from gmts_models.reporting.model_sections import display_name
from gmts_models.reporting.run_folder import RunFolder
from gmts_models.reporting.sections import Table

_LOWER_IS_BETTER = ("brier", "log")
_NAMES = {"brier": "Brier score", "log": "log score", "ipa": "IPA", "auc": "AUC"}
_MOST_ROWS = 8


def searches(run: RunFolder) -> tuple[Table, ...]:
    """Return a table a model whose parameters were searched for: those chosen, and how often."""
    return tuple(
        _search(run, str(model), rows) for model, rows in run.trials.groupby("model", sort=False)
    )


def _search(run: RunFolder, model: str, rows: pd.DataFrame) -> Table:
    score = str(rows["score"].iloc[0])
    everyone = _best(rows[rows["fold"] == ""], score)
    folds = [
        best
        for _, part in rows[rows["fold"] != ""].groupby("fold", sort=False)
        if (best := _best(part, score)) is not None
    ]
    often = Counter(folds)
    chosen = dict.fromkeys(
        [*([everyone] if everyone else []), *(p for p, _ in often.most_common())]
    )
    shown = tuple(
        (
            _parameters(params),
            "chosen" if params == everyone else "",
            f"{often[params]} of {len(folds)}",
        )
        for params in list(chosen)[:_MOST_ROWS]
    )
    trials = rows.loc[rows["fold"] == "", "trial"].nunique()
    failed = int((rows.loc[rows["fold"] == "", "error"] != "").sum())
    notes = [
        f"{trials} sets of parameters were tried on everyone, by their {_NAMES.get(score, score)} "
        "on people left out. The scores above are of models that searched anew without the people "
        "they are judged by: that is what the folds chose."
    ]
    if failed:
        notes.append(f"{failed} of them could not be fitted; tables/trials.csv says why.")
    if len(chosen) > _MOST_ROWS:
        notes.append(f"{len(chosen) - _MOST_ROWS} more were chosen in a fold: tables/trials.csv.")
    if folds and everyone not in often:
        notes.append("No fold chose what everyone did: the data do not tell the parameters well.")
    return Table(
        caption=f"{display_name(run, model)}: the parameters chosen",
        head=("Parameters", "On everyone", "In folds of the evaluation"),
        rows=shown or (("none could be fitted", "", f"0 of {len(folds)}"),),
        text=(1,),
        notes=tuple(notes),
    )


def _best(rows: pd.DataFrame, score: str) -> str | None:
    """Return the parameters of the best trial, of equally good ones the first."""
    known = rows.dropna(subset=["value"]).sort_values("trial", kind="stable")
    if not len(known):
        return None
    value = known["value"].to_numpy(float)
    best = value.argmin() if score in _LOWER_IS_BETTER else value.argmax()
    return str(known["params"].iloc[int(best)])


def _parameters(params: str) -> str:
    """Return parameters as "alpha = 10"; of a model inside others by their own name."""
    try:
        read = json.loads(params)
    except ValueError:
        return params
    if not isinstance(read, dict):
        return params
    return ", ".join(
        f"{name.rpartition('__')[2]} = {_value(value)}" for name, value in read.items()
    )


def _value(value: object) -> str:
    if isinstance(value, float):
        return words.number(value, 0) if value.is_integer() else f"{value:.3g}"
    return "none" if value is None else str(value)
