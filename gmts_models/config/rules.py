"""What does not fit together in a configuration, as far as it is certain before data are read.

The values may be of wrong types or missing: that is reported elsewhere, and no rule is applied to
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gmts_models.config.problems import KeyPath, Problem, clip, did_you_mean
from gmts_models.config.tree import Tree
from gmts_models.data.contract.columns import BY_NAME

NEED_PATH = frozenset({"nlswork", "unemployment_mccall"})
"""Open data sets that are read from the user's copy; the others come with lifelines."""

WITHOUT_COHORTS = frozenset({"unemployment_mccall"})
"""Open data sets that no scheme of evaluation by cohorts can split."""

FIRST_COHORT, LAST_COHORT = 2011, 2022
"""Of the synthetic scheme, where the configuration does not say."""

_FEATURE_KEYS = ("by", "strata", "censoring_by")


def check_rules(tree: Tree) -> list[Problem]:
    """Return what contradicts itself."""
    return [problem for rule in _RULES for problem in rule(tree)]


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
        yield _problem(
            tree,
            key,
            f"models.{first[name]} is called '{clip(name)}' too; give each a 'name' of its own",
        )


def _features_differ(tree: Tree) -> Iterator[Problem]:
    features = _list(tree.get("features"))
    for number, name in enumerate(features):
        if isinstance(name, str) and name in features[:number]:
            yield _problem(tree, ("features", number), f"'{clip(name)}' is named twice; keep one")


def _grouped_by_a_feature(tree: Tree) -> Iterator[Problem]:
    features = tree.get("features")
    if not isinstance(features, list):
        return
    for number, model in enumerate(_list(tree.get("models"))):
        if not isinstance(model, dict):
            continue
        groups = {"by": "specialism"} if model.get("kind") == "kaplan_meier" else {}
        groups |= {key: model[key] for key in _FEATURE_KEYS if key in model}
        for key, name in groups.items():
            if isinstance(name, str) and name not in features:
                hint = did_you_mean(name, [each for each in features if isinstance(each, str)])
                yield _problem(
                    tree,
                    ("models", number, key),
                    f"'{clip(name)}' is not among the features{hint or '; add it to them'}",
                )


def _endpoint_fits_the_data(tree: Tree) -> Iterator[Problem]:
    endpoint = tree.get("endpoint")
    if endpoint not in ("left_scheme", "post_scheme"):
        return
    if tree.get("data", "source") == "open":
        yield _problem(
            tree,
            ("endpoint",),
            f"{endpoint} needs the end of a scheme, which open data do not have; use left_nhs",
        )
    elif tree.get("data", "source") == "file" and tree.get("data", "columns", "duration_months"):
        yield _problem(
            tree,
            ("endpoint",),
            f"{endpoint} needs the dates of start and scheme end, and data.columns has "
            "duration_months in place of dates; use left_nhs, or read the dates",
        )


def _open_data_have_a_path(tree: Tree) -> Iterator[Problem]:
    name = tree.get("data", "name")
    if tree.get("data", "source") != "open" or not isinstance(name, str):
        return
    given = tree.get("data", "path") is not None
    if name in NEED_PATH and not given:
        yield _problem(
            tree,
            ("data", "path"),
            f"missing: {name} is read from your own copy; docs/open-data.md says how to get it",
        )
    elif name not in NEED_PATH and given and isinstance(tree.get("data", "path"), str):
        yield _problem(
            tree,
            ("data", "path"),
            f"{clip(name)} comes with lifelines and is not read from a file; leave it out",
            of_key=True,
        )


def _cohorts_in_order(tree: Tree) -> Iterator[Problem]:
    first, last = _cohorts(tree)
    if first > last:
        key = "first_cohort" if tree.get("data", "first_cohort") is not None else "last_cohort"
        yield _problem(
            tree, ("data", key), f"the first cohort ({first}) is after the last ({last})"
        )


def _cohorts_to_hold_out(tree: Tree) -> Iterator[Problem]:
    said = tree.get("evaluation", "scheme") is not None
    kind = tree.get("evaluation", "scheme", "kind") if said else "leave_one_cohort_out"
    if kind not in ("leave_one_cohort_out", "temporal"):
        return
    first, last = _cohorts(tree)
    name = tree.get("data", "name")
    if tree.get("data", "source") == "open" and name in WITHOUT_COHORTS:
        why = f"{name} has no cohorts"
    elif tree.get("data", "source") == "synthetic" and first == last:
        why = "there is one cohort only"
    else:
        return
    yield _problem(
        tree,
        ("evaluation", "scheme", "kind"),
        f"{kind} needs at least two cohorts, and {why}; say 'scheme: {{kind: k_fold}}'",
        at=None if said else ("data",),
    )


def _columns_exist(tree: Tree) -> Iterator[Problem]:
    data = tree.get("data")
    if tree.get("data", "source") != "file":
        return
    own = data.get("attributes") if isinstance(data.get("attributes"), dict) else {}
    known = [*BY_NAME, *own]
    columns = data.get("columns") if isinstance(data.get("columns"), dict) else {}
    labels = data.get("labels") if isinstance(data.get("labels"), dict) else {}
    for name in own:
        if name in BY_NAME:
            yield _problem(
                tree,
                ("data", "attributes", name),
                "is a column of the contract already; leave it out here",
                of_key=True,
            )
    for name, theirs in columns.items():
        if name not in known:
            turned = f"; turn it round: '{theirs}: {clip(name)}'" if theirs in known else ""
            hint = turned or did_you_mean(name, known) or "; declare others as attributes"
            yield _unknown_column(tree, ("data", "columns", name), hint)
    for name in labels:
        if name not in known:
            yield _unknown_column(tree, ("data", "labels", name), did_you_mean(name, known))
        elif name in BY_NAME and BY_NAME[name].kind == "id":
            yield _problem(
                tree, ("data", "labels", name), "an id has no labels; leave it out", of_key=True
            )


def _unknown_column(tree: Tree, key: KeyPath, hint: str) -> Problem:
    what = f"not a column of the contract (docs/data.md){hint}"
    return _problem(tree, key, what, of_key=True)


_RULES: tuple[Callable[[Tree], Iterator[Problem]], ...] = (
    _names_differ,
    _features_differ,
    _grouped_by_a_feature,
    _endpoint_fits_the_data,
    _open_data_have_a_path,
    _cohorts_in_order,
    _cohorts_to_hold_out,
    _columns_exist,
)


def _cohorts(tree: Tree) -> tuple[int, int]:
    """Return the first and last cohort of the synthetic scheme; 0, 1 where they are not known."""
    if tree.get("data", "source") != "synthetic":
        return 0, 1
    said = (
        tree.get("data", "first_cohort") or FIRST_COHORT,
        tree.get("data", "last_cohort") or LAST_COHORT,
    )
    known = all(isinstance(each, int) and not isinstance(each, bool) for each in said)
    return said if known else (0, 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _problem(
    tree: Tree, key: KeyPath, what: str, *, of_key: bool = False, at: KeyPath | None = None
) -> Problem:
    return Problem(key=key, what=what, place=tree.place(at or key, of_key=of_key))
