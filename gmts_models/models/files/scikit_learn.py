"""scikit-learn's estimators, kept by skops: those listed here, and nothing else.

skops writes what an estimator holds as JSON and arrays. What it may build is its own list and what
the caller trusts, which includes every public estimator and hundreds of functions. Ours is shorter,
and is checked before skops sees the file: estimators that keep no rows of people, and whose
predictions read no memory beyond the arrays that `check_trees` has looked at.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator

from gmts_models.errors import DataError, InputError
from gmts_models.models.files.arrays import AS_SAVED, read_array, read_members
from gmts_models.models.files.trees import check_trees, walk

LISTED = {
    "sklearn.calibration": ("CalibratedClassifierCV",),
    "sklearn.compose": ("ColumnTransformer",),
    "sklearn.decomposition": ("PCA",),
    "sklearn.discriminant_analysis": (
        "LinearDiscriminantAnalysis",
        "QuadraticDiscriminantAnalysis",
    ),
    "sklearn.dummy": ("DummyClassifier",),
    "sklearn.ensemble": (
        "ExtraTreesClassifier",
        "HistGradientBoostingClassifier",
        "RandomForestClassifier",
    ),
    "sklearn.feature_selection": ("VarianceThreshold",),
    "sklearn.impute": ("MissingIndicator", "SimpleImputer"),
    "sklearn.linear_model": (
        "ElasticNet",
        "Lasso",
        "LinearRegression",
        "LogisticRegression",
        "LogisticRegressionCV",
        "Ridge",
        "SGDClassifier",
    ),
    "sklearn.naive_bayes": ("BernoulliNB", "CategoricalNB", "GaussianNB"),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing": (
        "FunctionTransformer",
        "KBinsDiscretizer",
        "LabelEncoder",
        "MaxAbsScaler",
        "MinMaxScaler",
        "OneHotEncoder",
        "OrdinalEncoder",
        "PolynomialFeatures",
        "PowerTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
    "sklearn.tree": ("DecisionTreeClassifier", "ExtraTreeClassifier"),
}
"""Public estimators, by module. Left out are those that keep training rows (neighbours, support
vector machines, Gaussian processes, quantile transforms, isotonic curves), and those that hold a
generator of random numbers that can be set to read beyond its state (GradientBoostingClassifier).
"""

_A_ROW_A_PERSON = ("_sample_weight", "oob_decision_function_", "oob_prediction_")
"""What forests keep of their training rows: the weights, and predictions out of the bag."""

_PARTS = (
    # Sigmoid calibration: two numbers a class, and the classifier that they are of.
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    # Names of columns by type, in a ColumnTransformer; holds three texts.
    "sklearn.compose._column_transformer.make_column_selector",
    # Histogram boosting: the losses and links of classes, edges of bins, and its trees.
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""Parts of these estimators that are rebuilt from their attributes."""

TRUSTED = (
    *_PARTS,
    "sklearn.tree._tree.Tree",  # arrays of a tree, which `check_trees` looks at
    "numpy.dtype",  # of numbers
)
"""What skops is told to trust beyond what it trusts by itself, of a file that `_check` has seen."""

_BY_LOADER: dict[str, tuple[str, ...]] = {
    "DictNode": ("builtins.dict", "collections.OrderedDict"),
    "ListNode": ("builtins.list",),
    "TupleNode": ("builtins.tuple",),
    "SetNode": ("builtins.set",),
    "SliceNode": ("builtins.slice",),
    "JsonNode": ("builtins.str",),
    "DTypeNode": ("numpy.dtype",),
    "RandomGeneratorNode": ("numpy.random._generator.Generator",),
    "TreeNode": ("sklearn.tree._tree.Tree",),
    "LossNode": (
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
    ),
}
_PROTOCOL = 2
"""Of skops' format. How older ones are read is not looked at here."""

_NUMBERS = frozenset(
    f"numpy.{name}{size}"
    for name, sizes in {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (32, 64)}.items()
    for size in sizes
) | {"numpy.bool", "numpy.bool_", "numpy.str_"}
_PLAIN_TYPES = frozenset(f"builtins.{name}" for name in ("bool", "float", "int", "str", "NoneType"))


@cache
def _allowed() -> dict[str, frozenset[str]]:
    """Return the classes that each of skops' loaders may name."""
    public = [
        getattr(import_module(module), name) for module, names in LISTED.items() for name in names
    ]
    estimators = frozenset(f"{each.__module__}.{each.__qualname__}" for each in public)
    return {name: frozenset(kinds) for name, kinds in _BY_LOADER.items()} | {
        "ObjectNode": estimators.union(_PARTS),
        "NdArrayNode": _NUMBERS | {"numpy.ndarray"},
        "TypeNode": _NUMBERS | _PLAIN_TYPES,
    }


def write_estimator(estimator: Any, path: str) -> bytes:
    """Return an estimator as a skops file.

    Raises
    ------
    InputError : it is not listed, or holds something that is not.
    """
    from skops.io import dumps

    try:
        check_trees(estimator)
        content: bytes = dumps(_without_people(estimator))
        _check(content, path)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = error.what if isinstance(error, DataError) else str(error)[:100]
        raise InputError(
            f"scikit-learn's {type(estimator).__name__} cannot be kept: {reason}",
            where=path,
            fix="use one of those that docs/model-files.md lists, with plain parameters: numbers, "
            "text, and a whole number for random_state",
        ) from None
    return content


def _without_people(estimator: Any) -> Any:
    """Return a copy that lacks what has a row a person and is not needed for predictions."""
    copied = deepcopy(estimator)
    for part in [each for each, _ in walk(copied) if isinstance(each, BaseEstimator)]:
        for name in _A_ROW_A_PERSON:
            vars(part).pop(name, None)
    return copied


def read_estimator(content: bytes, file: str) -> Any:
    """Return the estimator of a skops file.

    Raises
    ------
    DataError : the file is damaged, or names a type that is not listed.
    """
    from skops.io import loads

    _check(content, file)
    try:
        with warnings.catch_warnings():
            # Of patch releases; those of other versions are refused before.
            warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
            estimator = loads(content, trusted=TRUSTED)
        check_trees(estimator)
    except (
        *(TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError),
        *(ImportError, RecursionError, zipfile.BadZipFile, MemoryError),
    ):
        raise DataError(
            "an estimator of scikit-learn cannot be read", where=file, fix=AS_SAVED
        ) from None
    return estimator


def _check(content: bytes, where: str) -> None:
    """Refuse a skops file that holds anything but numbers, text and what is listed."""
    members = read_members(content, where)
    try:
        schema = json.loads(members.pop("schema.json"))
        nodes = list(_nodes(schema))
        known = schema["protocol"] >= _PROTOCOL
    except (KeyError, TypeError, ValueError, RecursionError):
        raise DataError("a file of the model is damaged", where=where, fix=AS_SAVED) from None
    for name, member in members.items():
        if not name.endswith(".npy"):
            raise DataError("it holds a file that is no array", where=where, fix=AS_SAVED)
        read_array(member, where, records=True)
    if not known:
        raise DataError("it was written by a skops before 0.16", where=where, fix=AS_SAVED)
    allowed = _allowed()
    for node in nodes:
        loader, kind = node.get("__loader__"), f"{node.get('__module__')}.{node.get('__class__')}"
        if kind not in allowed.get(str(loader), ()):
            raise DataError(f"it holds a {kind[:80]} ({str(loader)[:40]})", where=where)
        if loader == "RandomGeneratorNode" and not _is_default_generator(node):
            raise DataError("it holds a generator of random numbers", where=where)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every node of a skops file: whatever says how, or of which class, it is loaded."""
    todo = [schema]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            if {"__loader__", "__class__", "__module__"} & part.keys():
                yield part
            todo += part.values()
        elif isinstance(part, list):
            todo += part


def _is_default_generator(node: dict[str, Any]) -> bool:
    try:
        name = node["content"]["bit_generator"]["content"]["bit_generator"]["content"]
    except (KeyError, TypeError):
        return False
    return bool(name == '"PCG64"')
