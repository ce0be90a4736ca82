"""Sums within clusters."""

from __future__ import annotations

import numpy as np

from gmts_models.stats.clusters import sum_by_cluster

VALUES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
CODES = np.array([1, 0, 1], dtype=np.int64)


def test_rows_of_a_cluster_add_up() -> None:
    np.testing.assert_array_equal(sum_by_cluster(VALUES, CODES), [[3, 4], [6, 8]])
    np.testing.assert_array_equal(sum_by_cluster(VALUES[:, 0], CODES), [3, 6])


def test_without_clusters_each_row_is_one() -> None:
    assert sum_by_cluster(VALUES, None) is VALUES
