"""One side of one case in a process of its own: runs when told to, and answers with figures.

python -m benchmarks.worker SIDE KIND FOLDER. Says "@@ ready"; then, for each line that comes in,
"@@ seconds cpu_seconds figure figure ..." or "@@ error: ...".
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.simulate import Data


def find(side: str, kind: str) -> Callable[[Data], Callable[[], object]]:
    """Return the side's function; libraries are imported only where they are asked for."""
    if side.startswith(("gmts_models", "X'X", "pandas")):
        from benchmarks.ours import SIDES
    else:
        from benchmarks.peers import SIDES
    return SIDES[side][kind]


def main(side: str, kind: str, folder: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes with their warnings
    warnings.simplefilter("ignore")
    try:
        run = find(side, kind)(Data(Path(folder)))
    except Exception as error:  # noqa: BLE001 (a missing library is an answer too)
        print(f"@@ error: {type(error).__name__}: {error}", file=answers, flush=True)
        return
    print("@@ ready", file=answers, flush=True)
    for _ in sys.stdin:
        try:
            begin, cpu_begin = time.perf_counter(), time.process_time()
            figures = run()
            spent = time.perf_counter() - begin, time.process_time() - cpu_begin
            answer = " ".join(map(repr, [*spent, *map(float, figures)]))
        except Exception as error:  # noqa: BLE001
            answer = f"error: {type(error).__name__}: {error}".replace("\n", " ")[:300]
        print(f"@@ {answer}", file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
