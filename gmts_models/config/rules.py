"""What does not fit together in a configuration, as far as it is certain before data are read.

The values may be of wrong types or missing: that is reported elsewhere, and no rule is applied to
them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

from gmts_models.config.data_rules import DATA_RULES, cohorts, problem
from gmts_models.config.problems import Problem, clip, did_you_mean
from gmts_models.config.tree import Tree

WITHOUT_COHORTS = frozenset({"unemployment_mccall"})
"""Open data sets that no scheme of evaluation by cohorts can split."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FEATURE_KEYS = (
    "by",
    "strata",
    "censoring_by",
    "pooling_by",
    "slopes",
    "crossed",
    "time_varying",
    "trends",
    "cut_points",
)
_GROUPED_KINDS = ("kaplan_meier", "hierarchical_cox", "hierarchical_hazard")
_PARTIAL_KINDS = ("cox", "discrete_time_hazard")


def check_rules(tree: Tree) -> list[Problem]:
    """Return what contradicts itself."""
    return [found for rule in (*_RULES, *DATA_RULES) for found in rule(tree)]


def _names_differ(tree: Tree) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, model in enumerate(_list(tree.get("models"))):
        if not isinstance(model, dict):
            continue
        name = model.get("name", model.get("kind"))
        if not isinstance(name, str):
            continue
        if name not in first:
            first[name] = number
            continue
        key = ("models", number, "name" if "name" in model else "kind")
        yield problem(
            tree,
            key,
            f"models.{first[name]} is called '{clip(name)}' too; give each a 'name' of its own",
        )


def _features_differ(tree: Tree) -> Iterator[Problem]:
    features = _list(tree.get("features"))
    for number, name in enumerate(features):
        if isinstance(name, str) and name in features[:number]:
            yield problem(tree, ("features", number), f"'{clip(name)}' is named twice; keep one")


def _grouped_by_a_feature(tree: Tree) -> Iterator[Problem]:
    features = tree.get("features")
    if not isinstance(features, list) or "default" in features:
        return
    for number, model in enumerate(_list(tree.get("models"))):
        if not isinstance(model, dict):
            continue
        groups: dict[str, Any] = {}
        if model.get("kind") in _GROUPED_KINDS:
            groups["by"] = "specialism"
        if model.get("pooling") is not None and "pooling_by" not in model:
            groups["pooling"] = "specialism"
        groups |= {key: model[key] for key in _FEATURE_KEYS if key in model}
        for key, said in groups.items():
            for name in said if isinstance(said, list | dict) else [said]:
                automatic = key == "censoring_by" and name == "auto"
                if isinstance(name, str) and name not in features and not automatic:
                    hint = did_you_mean(name, [each for each in features if isinstance(each, str)])
                    yield problem(
                        tree,
                        ("models", number, key),
                        f"'{clip(name)}' is not among the features{hint or '; add it to them'}",
                    )


def _imputed_columns_are_features(tree: Tree) -> Iterator[Problem]:
    features = tree.get("features")
    if not isinstance(features, list) or "default" in features:
        return
    for number, model in enumerate(_list(tree.get("models"))):
        impute = model.get("impute") if isinstance(model, dict) else None
        columns = _list(impute.get("columns")) if isinstance(impute, dict) else []
        for place, name in enumerate(columns):
            if isinstance(name, str) and name not in features:
                hint = did_you_mean(name, [each for each in features if isinstance(each, str)])
                yield problem(
                    tree,
                    ("models", number, "impute", "columns", place),
                    f"'{clip(name)}' is not among the features{hint or '; add it to them'}",
                )


def _partial_pooling_is_there(tree: Tree) -> Iterator[Problem]:
    for number, model in enumerate(_list(tree.get("models"))):
        if not isinstance(model, dict) or model.get("pooling") != "partial":
            continue
        kind = model.get("kind")
        trees = kind == "discrete_time_hazard" and model.get("classifier", "logistic") != "logistic"
        if isinstance(kind, str) and (kind not in _PARTIAL_KINDS or trees):
            yield problem(
                tree,
                ("models", number, "pooling"),
                f"{clip(kind)}{' with trees' if trees else ''} has no partial pooling; "
                "cox has, and discrete_time_hazard with logistic regression",
            )


def _stacks_are_of_models(tree: Tree) -> Iterator[Problem]:
    models = [each for each in _list(tree.get("models")) if isinstance(each, dict)]
    known = [each.get("name", each.get("kind")) for each in models if each.get("kind") != "stacked"]
    names = [each for each in known if isinstance(each, str)]
    for number, model in enumerate(_list(tree.get("models"))):
        if not isinstance(model, dict) or model.get("kind") != "stacked":
            continue
        of = _list(model.get("of"))
        for place, name in enumerate(of):
            if not isinstance(name, str):
                continue
            if name not in names:
                hint = did_you_mean(name, names) or "; a stack takes models of this file, no stacks"
                what = f"there is no model '{clip(name)}' to stack{hint}"
                yield problem(tree, ("models", number, "of", place), what)
            elif name in of[:place]:
                what = f"'{clip(name)}' is named twice; keep one"
                yield problem(tree, ("models", number, "of", place), what)


def _endpoint_fits_the_data(tree: Tree) -> Iterator[Problem]:
    endpoint = tree.get("endpoint")
    if endpoint in ("left_scheme", "post_scheme") and (why := _no_scheme_end(tree)):
        yield problem(tree, ("endpoint",), f"{endpoint} needs {why}; use left_nhs{_or_read(tree)}")


def _no_scheme_end(tree: Tree) -> str:
    """Say why the day on which the scheme ends is not known; nothing where it may be."""
    columns = _columns(tree)
    if tree.get("data", "source") == "open":
        return "the end of a scheme, which open data do not have"
    if columns.get("duration_months"):
        return (
            "the dates of start and scheme end, and data.columns has duration_months in place of "
            "dates"
        )
    if columns.get("scheme_end_date") == "":
        return "the end of the scheme, and data.columns says not to read scheme_end_date"
    return ""


def _or_read(tree: Tree) -> str:
    return "" if tree.get("data", "source") == "open" else ", or read the dates"


def _columns(tree: Tree) -> dict[str, Any]:
    columns = tree.get("data", "columns")
    read = tree.get("data", "source") in ("file", "database", "snapshots")
    return columns if read and isinstance(columns, dict) else {}


def _prediction_dates_fit(tree: Tree) -> Iterator[Problem]:
    at, landmarks = tree.get("at"), tree.get("landmarks")
    if landmarks is not None and at not in (None, "start"):
        what = "is in place of 'at', which is given too; keep one"
        yield problem(tree, ("landmarks",), what, of_key=True)
    if _is_months(landmarks) and landmarks != sorted(set(landmarks)):
        what = "must increase: for instance [0, 6, 12, 18, 24]"
        yield problem(tree, ("landmarks",), what, of_key=True)
    if at == "scheme_end":
        if why := _no_scheme_end(tree):
            yield problem(tree, ("at",), f"scheme_end needs {why}; say months since the start")
        elif tree.get("endpoint") == "left_scheme":
            what = "nobody withdraws on the day the scheme ends; say an earlier date"
            yield problem(tree, ("at",), f"{what}, or use another endpoint")
    elif isinstance(at, str) and _DAY.fullmatch(at):
        if not _is_day(at):
            yield problem(tree, ("at",), f"there is no day {at}")
        elif _columns(tree).get("duration_months"):
            what = "a day needs dates, and data.columns has duration_months in their place"
            yield problem(tree, ("at",), f"{what}; say months since the start")


def _is_months(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _cohorts_to_hold_out(tree: Tree) -> Iterator[Problem]:
    said = tree.get("evaluation", "scheme") is not None
    kind = tree.get("evaluation", "scheme", "kind") if said else "leave_one_cohort_out"
    if kind not in ("leave_one_cohort_out", "temporal"):
        return
    first, last = cohorts(tree)
    name = tree.get("data", "name")
    if tree.get("data", "source") == "open" and name in WITHOUT_COHORTS:
        why = f"{name} has no cohorts"
    elif tree.get("data", "source") == "synthetic" and first == last:
        why = "there is one cohort only"
    else:
        return
    yield problem(
        tree,
        ("evaluation", "scheme", "kind"),
        f"{kind} needs at least two cohorts, and {why}; say 'scheme: {{kind: k_fold}}'",
        at=None if said else ("data",),
    )


_RULES: tuple[Callable[[Tree], Iterator[Problem]], ...] = (
    _names_differ,
    _features_differ,
    _grouped_by_a_feature,
    _imputed_columns_are_features,
    _partial_pooling_is_there,
    _stacks_are_of_models,
    _endpoint_fits_the_data,
    _prediction_dates_fit,
    _cohorts_to_hold_out,
)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
