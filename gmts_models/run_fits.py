"""What models fitted to everyone say: of attributes, of groups, of parameters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.base import clone

from gmts_models.disclosure import is_small, suppress_counts
from gmts_models.errors import GmtsError
from gmts_models.features.table import FeatureTable
from gmts_models.models.coefficients import LINEAR
from gmts_models.models.combining.trials import search_trials
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.encoding import TermSource, column_kinds, reference_labels, term_sources
from gmts_models.models.grouped import Grouped
from gmts_models.models.hierarchical.groups import by_columns, group_labels
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.hierarchical.partially_pooled import PartiallyPooled
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.survival.cox_elastic_net import CoxElasticNet
from gmts_models.outcome import Outcome
from gmts_models.rare_terms import hide_rare_causes, hide_rare_terms
from gmts_models.reporting.retention import hidden_groups
from gmts_models.run_folder import GroupTables

log = logging.getLogger(__name__)

_RATIO_OF: Mapping[str, str] = {
    **LINEAR,
    "CoxTimeEffects": "hazard",
    "CauseSpecificCox": "hazard",
    "FineGray": "subdistribution hazard",
    "HierarchicalCox": "hazard",
}
_MOST_RANKED = 50
"""Groups from which on the chance of each place says nothing, and takes thousands of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFits:
    """What fits to everyone say, after disclosure control.

    Attributes
    ----------
    coefficients : by model, its `summary()` with attribute, label, reference and ratio_of; those
        of rare labels are blank.
    groups : of models in which groups borrow strength; None where there are none.
    trials : of all searches, those in the folds of the evaluation too; None without any.
    """

    coefficients: dict[str, pd.DataFrame]
    groups: GroupTables | None
    trials: pd.DataFrame | None


def fit_to_everyone(
    models: Mapping[str, Any],
    table: FeatureTable,
    *,
    level: float,
    threshold: int,
    trials: pd.DataFrame | None = None,
) -> WholeFits:
    """Fit the models that have coefficients, groups or a search; those that fail are left out.

    Parameters
    ----------
    models : unfitted, by name; they stay so.
    table : of everyone.
    level : of the limits of coefficients.
    threshold : of disclosure control.
    trials : of the searches in the folds of the evaluation.
    """
    coefficients, groups = {}, []
    searched = [] if trials is None else [trials]
    for name, model in models.items():
        if not isinstance(model, Tuned) and not hasattr(_inside(model), "summary"):
            continue
        try:
            fitted = clone(model).fit(table.X, table.y)
            if (found := search_trials(name, fitted)) is not None:
                searched.append(found)
            inner = _inside(fitted)
            if isinstance(inner, PartiallyPooled):
                groups.append(group_tables(name, inner, table.X, table.y, threshold))
            if hasattr(inner, "summary"):
                coefficients[name] = hide_rare_terms(
                    hide_rare_causes(coefficient_table(inner, level), table.X, table.y, threshold),
                    table.X,
                    threshold,
                    table.y.people,
                )
        except GmtsError as error:
            log.info("%s has no coefficients: %s", name, error.what)
    return WholeFits(
        coefficients=coefficients,
        groups=GroupTables.join(groups),
        trials=pd.concat(searched, ignore_index=True) if searched else None,
    )


def _inside(model: Any) -> Any:
    """Return the model that has the coefficients: the best of a search, the one of all groups."""
    while True:
        if isinstance(model, Tuned):
            model = getattr(model, "best_estimator_", model.estimator)
        elif isinstance(model, Grouped) and model.pooling != "none":
            model = getattr(model, "estimator_", model.estimator)
        else:
            return model


# ---------------------------------------------------------- coefficients


def coefficient_table(model: Any, level: float = 0.95) -> pd.DataFrame:
    """Return the summary of a fitted model, with what each of its terms is about.

    Parameters
    ----------
    model : fitted, with ``summary()``.
    level : of the limits.

    Returns
    -------
    The summary with further columns: attribute (column of X), label (of text; None of a number),
    reference (the label that it is compared with), ratio_of: hazard, odds, time or subdistribution
    hazard.

    Raises
    ------
    InputError : the model has no coefficients, or no limits of the level.
    """
    # Its limits would be those of a model that was told which terms to keep.
    table = model.summary() if isinstance(model, CoxElasticNet) else model.summary(level)
    first = _inside(model.estimators_[0]) if isinstance(model, MultipleImputation) else model
    design = getattr(first, "design_", None)
    if design is None:
        sources, references = {}, {}
    else:
        sources = dict(zip(design.names, term_sources(design), strict=True))
        references = reference_labels(design)
    found = [_source(str(term), sources) for term in table["term"]]
    is_text = [each.column in references and each.label is not None for each in found]
    return table.assign(
        attribute=[
            each.column or str(term) for each, term in zip(found, table["term"], strict=True)
        ],
        label=pd.Series([each.label for each in found], dtype=object, index=table.index),
        reference=pd.Series(
            [
                references[str(each.column)] if known else None
                for each, known in zip(found, is_text, strict=True)
            ],
            dtype=object,
            index=table.index,
        ),
        ratio_of=_ratio_of(first),
    )


def _source(term: str, sources: Mapping[str, TermSource]) -> TermSource:
    """Return what a term is about; a product with time is about its first factor."""
    fits = [name for name in sources if term == name or term.startswith(f"{name} x ")]
    return sources[max(fits, key=len)] if fits else TermSource(column=None, label=None)


def _ratio_of(model: Any) -> str:
    if isinstance(model, HierarchicalHazard):
        return "odds" if model.link == "logit" else "hazard"
    return _RATIO_OF.get(type(model).__name__, "")


# ---------------------------------------------------------------- groups


def group_tables(
    name: str, model: PartiallyPooled, X: pd.DataFrame, y: Outcome, threshold: int
) -> GroupTables:
    """Return what a fitted model with partial pooling says of its groups, without small ones.

    Parameters
    ----------
    name : of the model in the experiment.
    model : fitted to X and y.
    threshold : of disclosure control. A group of fewer people is left out, and so is one of whom
        fewer left, or stayed: the width of its limits tells how many. Effects of one term add up
        to 0, and chances of one rank to 1; so a group is never left out alone.
    """
    labels = {term: group_labels(X, columns) for term, columns in _columns_of(model, X).items()}
    hidden = {term: hidden_labels(each, y, threshold) for term, each in labels.items()}
    groups = model.groups_
    shown = [
        group not in hidden[term]
        for term, group in zip(groups["term"], groups["group"], strict=True)
    ]
    main = str(model.variance_["term"].iloc[0])
    return GroupTables(
        groups=groups[shown].assign(model=name),
        spread=model.variance_.assign(model=name),
        ranks=_ranks(model, hidden[main]).assign(model=name),
    )


def _ranks(model: PartiallyPooled, hidden: frozenset[str]) -> pd.DataFrame:
    """Return a row a group and rank: group, rank, probability."""
    ranks = model.rank_probabilities()
    if len(ranks) > _MOST_RANKED:
        ranks = ranks.iloc[:0]
    table = ranks.rename_axis("group").reset_index()
    table = table[~table["group"].isin(hidden)]
    return table.melt(id_vars="group", var_name="rank", value_name="probability").sort_values(
        ["group", "rank"], ignore_index=True
    )


def _columns_of(model: PartiallyPooled, X: pd.DataFrame) -> dict[str, list[str]]:
    """Return by term the columns whose labels name its groups."""
    by = by_columns(model.by, "by")
    main = " | ".join(by)
    columns = {main: by}
    columns |= {name: [name] for name in _several(model.crossed)}
    for name in _several(model.slopes):
        is_text = column_kinds(X[[name]])[name] == "text"
        columns[f"{name} by {main}"] = [*by, name] if is_text else by
    return columns


def _several(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def hidden_labels(labels: Any, y: Outcome, threshold: int) -> frozenset[str]:
    """Return the groups that may not be shown: small ones, and those that would tell of them.

    Parameters
    ----------
    labels : (n,) text, of the rows of y. A person counts once a label.
    """
    rows = pd.DataFrame({"label": labels, "person": y.people, "left": y.left})
    person = rows.groupby(["label", "person"])["left"].any()
    left = person.groupby(level="label").sum()
    people = person.groupby(level="label").size()
    few = is_small(left, threshold) | is_small(people - left, threshold)
    # A group that other tables hide is hidden here too.
    few |= hidden_groups(people, threshold)
    shown = suppress_counts(people, threshold, total_published=True, also=few)
    return frozenset(str(label) for label in people.index[shown.isna()])
