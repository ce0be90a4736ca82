"""The trials of a model whose parameters were searched for, as its page shows them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gmts_models.errors import DataError
from gmts_models.tracking.runs import Row, number

TABLE = "trials"
_BEFORE, _AFTER = ("fold", "trial"), ("score", "value", "seconds", "error")


def trial_scores(rows: Sequence[Row]) -> Iterator[tuple[str, int, float]]:
    """Give score, number and value of the trials of the search among everyone.

    The searches inside the folds of the evaluation are in the table only: each has trials of the
    same numbers.
    """
    for row in rows:
        if not row["fold"]:
            yield row["score"], round(number(row, "trial")), number(row, "value")


def trial_table(rows: Sequence[Row]) -> str:
    """Return the trials of one model as CSV, with a column for each parameter."""
    parameters = [_parameters(row) for row in rows]
    names = list(dict.fromkeys(f"param_{name}" for each in parameters for name in each))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_BEFORE, *names, *_AFTER], lineterminator="\n")
    writer.writeheader()
    for row, each in zip(rows, parameters, strict=True):
        own = {name: row.get(name, "") for name in (*_BEFORE, *_AFTER)}
        writer.writerow(own | {f"param_{name}": value for name, value in each.items()})
    return text.getvalue()


def _parameters(row: Row) -> dict[str, Any]:
    try:
        content = json.loads(row["params"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise DataError(
            "the parameters of a trial are not a JSON object", where=f"tables/{TABLE}.csv, params"
        )
    return content
