"""Trees that lead nowhere: scikit-learn follows their numbers without looking.

The nodes of a tree say which node comes next and which feature decides. Compiled code follows them
unchecked, so that a forged file could make a prediction read anywhere in memory, or never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_LEAF = -1


def check_trees(estimator: Any) -> None:
    """Look through everything in an estimator.

    Raises
    ------
    ValueError : a tree has a node that leads out of it or back, or asks for a feature that the
        estimator does not have; or there is a cache on disc.
    """
    for value, features in walk(estimator):
        match type(value).__name__:
            case "Tree":
                _check_tree(value, features)
            case "TreePredictor":
                _check_predictor(value, features)


def walk(estimator: Any) -> Iterator[tuple[Any, int | None]]:
    """Give everything in an estimator, with how many features it may ask for, where that is known.

    Raises
    ------
    ValueError : as `check_trees`, of what lies in one another.
    """
    todo: list[tuple[Any, int | None]] = [(estimator, None)]
    seen: set[tuple[int, int | None]] = set()
    while todo:
        value, features = todo.pop()
        if (id(value), features) in seen:
            continue
        seen.add((id(value), features))
        yield value, features
        inside = _features(value, features)
        todo += [(each, inside) for each in _parts(value)]


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set):
        return list(value)
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype == object else []
    return list(getattr(value, "__dict__", {}).values())


def _features(value: Any, features: int | None) -> int | None:
    """Return how many features the parts of a value may ask for."""
    if not isinstance(value, BaseEstimator):
        return features
    own = vars(value).get("n_features_in_")
    if getattr(value, "memory", None) is not None:
        raise ValueError("a cache on disc")
    if not isinstance(own, Integral):
        return None
    # A forest does not let its trees look at X again, so theirs must be its own.
    is_tree = hasattr(value, "tree_")
    if is_tree and features is not None and own != features:
        raise ValueError("a tree has other features than its forest")
    return int(own)


def _check_tree(tree: Any, features: int | None) -> None:
    if not 0 < tree.node_count <= tree.capacity:
        raise ValueError("a tree with more nodes than it has")
    left, right = tree.children_left, tree.children_right
    inner = left != _LEAF
    if tree.n_features != features or ((right == _LEAF) == inner).any():
        raise ValueError("a tree of other features")
    _check_steps(inner, left, right, tree.feature, features)


def _check_predictor(predictor: Any, features: int | None) -> None:
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    if (nodes["is_categorical"] != 0).any():
        raise ValueError("splits of a column by category are not kept; encode the column")
    _check_steps(inner, nodes["left"], nodes["right"], nodes["feature_idx"], features)


def _check_steps(inner: Any, left: Any, right: Any, feature: Any, features: int | None) -> None:
    n = len(inner)
    places = np.flatnonzero(inner)
    if not n or features is None:
        raise ValueError("a tree without nodes")
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        # Children come after their parent, so that every walk ends.
        if ((child <= places) | (child >= n)).any():
            raise ValueError("a node that leads out of its tree, or back")
    chosen = feature[inner].astype(np.int64)
    if ((chosen < 0) | (chosen >= features)).any():
        raise ValueError("a feature that is not there")
