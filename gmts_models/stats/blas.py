"""How many threads BLAS may take.

Estimators here multiply long, narrow matrices a chunk at a time. One thread of BLAS does that
quickest: with two, chunks of some thousand rows and products with a vector wait for each other,
the more so on a busy machine (a Cox fit of a million rows by 20 columns then took over twice as
long, one of 100,000 rows five times), and under joblib's workers each would start its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Let BLAS take one thread while `function` runs; it costs some 10 microseconds."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return run
