"""What a configuration may say, as a JSON schema, and the words for it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

from gmts_models.config import ExperimentConfig
from gmts_models.config.problems import KeyPath

Schema = dict[str, Any]

PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]*$": "small letters, digits, _ and -, beginning with a letter or digit",
    r"^\d{4}-\d{2}-\d{2}$": "the form 2021-09-01",
    r"^[A-Za-z0-9][\w .-]*$": "letters, digits, spaces and . _ -, beginning with a letter or digit",
}
"""Each pattern of the schema in words."""

EXAMPLES = {
    "data": "{source: synthetic}",
    "high": "100",
    "kind": "cox",
    "low": "0.01",
    "models": "[{kind: kaplan_meier}, {kind: cox}]",
    "name": "my-experiment",
    "of": "[cox, logistic]",
    "path": "trainees.csv",
    "url": "${DATABASE_URL}",
}
"""Of keys that must be given and have no list of valid values."""

MEANINGS = {
    "AttributeSpec.kind": "What the column holds.",
    "AttributeSpec.unit": "Of a number.",
    "AttributeSpec.meaning": "One line for reports.",
    "AttributeSpec.protected": "A protected characteristic: no feature unless it is named.",
    "BoostingSpec.max_iter": "Number of trees.",
    "BoostingSpec.learning_rate": "Share of each tree's answer that is taken.",
    "BoostingSpec.max_leaf_nodes": "Leaves of a tree.",
    "BoostingSpec.min_samples_leaf": "People in a leaf, at least.",
    "DiscreteTimeHazardSpec.classifier": "Which.",
    "ForestSpec.trees": "Number of trees.",
    "ForestSpec.min_samples_leaf": "People in a leaf, at least.",
    "DisclosureSpec.threshold": "Counts from 1 to one less are not shown.",
    "EvaluationSpec.level": "Of intervals.",
    "EvaluationSpec.scheme": "Who is predicted by models fitted to whom.",
    "ExperimentConfig.data": "Where the people come from.",
    "ExperimentConfig.disclosure": "Which counts may be shown.",
    "ExperimentConfig.endpoint": "What counts as leaving.",
    "ExperimentConfig.evaluation": "How models are judged.",
    "ExperimentConfig.features": "What models learn from; the default is what the data have, "
    "without the user's own protected characteristics; among other names `default` stands for all "
    "of it; see docs/features.md.",
    "ExperimentConfig.horizons": "Months at which retention and risk are stated; increasing.",
    "ExperimentConfig.models": "What is compared; names differ.",
    "ExperimentConfig.name": "Of the experiment, here and in MLflow.",
    "ExperimentConfig.question": "What the experiment is to answer; it heads the report.",
    "ExperimentConfig.seed": "Of everything that is drawn.",
    "ExperimentConfig.tracking": "Where the run lands in MLflow.",
    "GroupedKFold.folds": "Number of folds.",
    "KaplanMeierSpec.by": "Feature whose values each have a curve, or a list of them whose "
    "combinations do; null: one curve for all.",
    "OpenData.name": "Which set.",
    "SyntheticData.first_cohort": "Year of the first September intake.",
    "SyntheticData.last_cohort": "Year of the last one.",
    "TrackingSpec.enabled": "false: the run folder is written, and MLflow is not told.",
    "TableSpec.date_format": "How dates are written; default: as those of the trainees.",
    "TableSpec.encoding": "Of a CSV file; default: as that of the trainees.",
    "HierarchicalHazardSpec.link": "logit, or cloglog for proportional hazards.",
    "ImputationSpec.iterations": "How often each gap is drawn before a data set counts as done.",
    "ImputationSpec.include_outcome": "Whether who left helps to explain what is missing.",
    "StackedSpec.folds": "Of the cross-validation of the weights; people are whole in them.",
    "TuningSpec.search": "How: every combination, drawn, or learning from the trials before.",
}
"""Of the keys that have no docstring of their own; see also `_SHARED_MEANINGS`."""

_SHARED_MEANINGS = {
    "alpha": "Ridge penalty on the coefficients, as for cox.",
    "by": "Feature that names the groups, or several whose values name them together.",
    "folds": "Of the cross-validation inside; people are whole in them.",
    "impute": "Multiple imputation of gaps; default: the training mean, and a column that says so.",
    "strata": "Feature whose values each have a baseline hazard of their own.",
    "tune": "A search for parameters.",
    "attributes": "Columns beyond the contract that are read, by name.",
    "census_date": "Last day of follow-up, such as 2023-09-30; default: the latest last_seen_date.",
    "date_format": "How dates are written, such as %d/%m/%Y; default: only dates that can be read "
    "in one way are taken.",
    "encoding": "Of a CSV file; cp1252 for many that Excel on Windows wrote.",
    "kind": "Which kind.",
    "leaving": "What leaving means, as reports say it.",
    "name": "In tables and in MLflow; must be given where a kind is there twice.",
    "scheme": "any: groups and destinations may have any name.",
    "sheet": "Of a workbook with several.",
    "source": "Which kind of source.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What the schema says of one key.

    Attributes
    ----------
    path : of the key in the file.
    schema : of its value; empty where there is no such key.
    owner : of the mapping that the key stands in.
    owner_name : what to call that mapping: a kind, or the key that it is the value of; empty for
        the whole.
    options : schemas of all kinds that the mapping could have been, by name; it may be empty.
    """

    path: KeyPath
    schema: Schema
    owner: Schema
    owner_name: str
    options: dict[str, Schema]


def json_schema() -> Schema:
    """Return the JSON schema of a configuration file, for editors that complete and check.

    Every key has a description. An editor checks a file as it is written: what ``--set`` adds
    and what a reader checks beyond the schema (different names of models, increasing horizons)
    is not in it.
    """
    return copy.deepcopy(_schema())


def find(location: KeyPath) -> Spot:
    """Follow a location as pydantic reports it, in which kinds of unions are steps too."""
    node: Schema = _schema()
    path: KeyPath = ()
    owner, owner_name, options = node, "", dict[str, Schema]()
    for number, step in enumerate(location):
        if step == "[key]":  # it is about the key of a mapping, not about its value
            break
        node = plain(node)
        kinds = variants(node)
        if kinds and isinstance(step, str) and step in kinds:
            node, owner_name, options = kinds[step], step, kinds
        elif "anyOf" in node:
            if number == len(location) - 1:
                break  # it is about the whole, not about one of its types
            wanted = "array" if str(step).startswith("tuple") else "string"
            node = next(each for each in node["anyOf"] if each.get("type") == wanted)
        elif "properties" in node:
            if options.get(owner_name) is not node:
                owner_name, options = (str(path[-1]) if path else owner_name), {}
            owner, node, path = node, node["properties"].get(step, {}), (*path, step)
        else:
            node = node.get("items") or node.get("additionalProperties") or {}
            path = (*path, step)
    return Spot(path=path, schema=plain(node), owner=owner, owner_name=owner_name, options=options)


def plain(node: Schema) -> Schema:
    """Return a schema without its reference, and without the null of an optional value."""
    if "$ref" in node:
        return plain(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    several = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    return plain(several[0]) if len(several) == 1 else node


def variants(node: Schema) -> dict[str, Schema]:
    """Return the kinds of a tagged union by name; empty for anything else."""
    mapping = node.get("discriminator", {}).get("mapping", {})
    return {name: plain({"$ref": reference}) for name, reference in mapping.items()}


def tag_key(node: Schema) -> str:
    """Return the key that says which kind of a tagged union it is."""
    return str(node["discriminator"]["propertyName"])


def choices(node: Schema) -> list[str]:
    """Return the texts that a value is chosen from; empty where it is not."""
    parts = node.get("anyOf", [node])
    return [
        text
        for part in parts
        for text in ([part["const"]] if "const" in part else part.get("enum", []))
    ]


def homes(key: str, node: Schema | None = None, at: str = "") -> list[str]:
    """Return where a key may stand, in words."""
    node = plain(_schema() if node is None else node)
    if node.get("type") == "array":
        return homes(key, node["items"], at)
    parts = list(variants(node).values()) or [node]
    found = []
    if any(key in part.get("properties", {}) for part in parts):
        found.append(f"under {at}" if at else "at the top level")
    for part in parts:
        for name, child in part.get("properties", {}).items():
            found += homes(key, child, f"{at}.{name}".strip("."))
    return list(dict.fromkeys(found))


def words(node: Schema) -> str:
    """Say what a value must be: "a whole number from 0 to 10000"."""
    node = plain(node)
    if variants(node):
        return f"a mapping with the key '{tag_key(node)}'"
    if "anyOf" in node:
        parts = [each for each in node["anyOf"] if each.get("type") != "null"]
        return _listed([each for part in parts for each in choices(part) or [words(part)]])
    if allowed := choices(node):
        return _listed(allowed)
    match node.get("type"):
        case "integer":
            return f"a whole number{_range(node)}"
        case "number":
            return f"a number{_range(node)}"
        case "boolean":
            return "true or false"
        case "string":
            return _text_words(node)
        case "array":
            least = f"at least {node['minItems']} item; " if node.get("minItems") else ""
            return f"a list ({least}each item {words(node['items'])})"
        case "object" if "properties" in node:
            return f"a mapping (keys: {', '.join(sorted(node['properties']))})"
        case "object":
            return f"a mapping (each value {words(node['additionalProperties'])})"
    return "another value"


def _listed(values: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def example(key: str, node: Schema) -> str:
    """Return a value that a key could have."""
    allowed, known = choices(plain(node)), EXAMPLES.get(key)
    if allowed and known not in allowed:
        return allowed[0]
    return known or "..."


def _range(node: Schema) -> str:
    low, above = node.get("minimum"), node.get("exclusiveMinimum")
    high, below = node.get("maximum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low:.10g} to {high:.10g}"
    parts = (("of at least", low), ("above", above), ("at most", high), ("below", below))
    said = [f"{word} {bound:.10g}" for word, bound in parts if bound is not None]
    return f" {' and '.join(said)}" if said else ""


def _text_words(node: Schema) -> str:
    if node.get("format") == "path":
        return "a path"
    text = "text"
    if "pattern" in node:
        text = f"text of {PATTERNS.get(node['pattern'], 'the form ' + node['pattern'])}"
    return text + (f", at most {node['maxLength']} characters" if "maxLength" in node else "")


@cache
def _schema() -> Schema:
    schema: Schema = ExperimentConfig.model_json_schema()
    for name, part in {"ExperimentConfig": schema, **schema["$defs"]}.items():
        for key, node in part.get("properties", {}).items():
            meaning = MEANINGS.get(f"{name}.{key}") or _SHARED_MEANINGS.get(key)
            if meaning:
                node.setdefault("description", meaning)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
