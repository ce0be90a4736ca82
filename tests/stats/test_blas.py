"""The threads of BLAS: one while an estimator runs, what they were before and after."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gmts_models.stats.blas import on_one_thread


def _threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))  # the library is there
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_one_thread_within_and_the_others_after() -> None:
    @on_one_thread
    def count(fail: bool) -> set[int]:
        if fail:
            raise ValueError("no")
        return _threads()

    with threadpool_limits(2, user_api="blas"):
        before = _threads()
        assert count(False) == {1}
        assert _threads() == before
        with pytest.raises(ValueError, match="no"):
            count(True)
        assert _threads() == before
    assert count.__name__ == "count"
