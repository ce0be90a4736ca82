"""Hazard ratios as a table for readers: by attribute, with the label they are against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.encoding import reference_labels, term_sources


def ratio_table(model: Any, level: float = 0.95) -> pd.DataFrame:
    """Return the ratios of a fitted model, each against its reference.

    Parameters
    ----------
    model : fitted, with ``summary()``: hazard ratios of Cox models, time ratios of accelerated
        failure time, odds ratios of hazards of months.
    level : of the limits.

    Returns
    -------
    A row a label, the reference first, or a row an attribute that is a number: attribute, label,
    ratio, lower, upper, p, per (what the ratio is for: "against Finance", "per unit", "missing"),
    and cause where the model has several. A reference has the ratio 1 and no limits.

    Raises
    ------
    InputError : the model has no coefficients.
    """
    check_is_fitted(model)
    if not hasattr(model, "summary") or not hasattr(model, "design_"):
        raise InputError(
            f"{type(model).__name__} has no coefficients to make ratios of",
            where="ratio_table",
            fix="see partial_dependence and permutation_importance, which any model has",
        )
    design = model.design_
    sources = dict(zip(design.names, term_sources(design), strict=True))
    references = reference_labels(design)
    summary = model.summary(level)
    tables = summary.groupby("cause", sort=False) if "cause" in summary else [(None, summary)]
    rows = []
    for cause, table in tables:
        begun: set[str] = set()
        for row in table.to_dict("records"):
            source = sources.get(row["term"])
            attribute = row["term"] if source is None or source.column is None else source.column
            label = None if source is None else source.label
            reference = references.get(attribute)
            if reference is not None and attribute not in begun:
                begun.add(attribute)
                rows.append(_row(cause, attribute, reference, 1.0, "reference"))
            per = "per unit" if label is None else f"against {reference or 'the others'}"
            if label == "missing" and reference is None:
                per = "gap filled with the mean"
            limits = row["lower"], row["upper"], row["p"]
            rows.append(_row(cause, attribute, label, row["ratio"], per, *limits))
    frame = pd.DataFrame(rows)
    return frame if "cause" in summary else frame.drop(columns="cause")


def _row(
    cause: Any,
    attribute: str,
    label: str | None,
    ratio: float,
    per: str,
    lower: float = np.nan,
    upper: float = np.nan,
    p: float = np.nan,
) -> dict[str, Any]:
    return {
        "cause": cause,
        "attribute": attribute,
        "label": label,
        "ratio": ratio,
        "lower": lower,
        "upper": upper,
        "p": p,
        "per": per,
    }
