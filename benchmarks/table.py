"""The page docs/benchmarks.md, made from a file of results: python -m benchmarks.table FILE."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OURS = "gmts_models"

HEAD = """# Benchmarks

`make bench` measures the statistical core against R and Python libraries, in one run on one
machine, and writes this page; [benchmarks/README.md](../benchmarks/README.md) says how.
Each side runs in a process of its own on the same simulated data, the sides of a case by turns.
"""


def table(found: dict[str, Any]) -> str:
    """Return the page."""
    machine, cases = found["machine"], found["cases"]
    lines = [
        HEAD,
        f"Measured on {found['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']}, {machine['system']}; "
        f"threads of BLAS for every side: {found['threads']}. "
        f"Load of the machine at the start: {machine['load']}.{found.get('note', '')}",
        ", ".join(f"{name} {version}" for name, version in found["versions"].items()) + ".",
        "",
        "## What was aimed at",
        "",
        "| case | measure | aim | found | |",
        "|---|---|---|---|---|",
        *_targets(cases),
        "",
        "## Seconds",
        "",
        "Medians, by the clock and of the processors (where the machine does other things, the",
        "latter tell more). The ratio is of the clock, to ours: above 1, the other side is slower.",
        "Memory is the growth of the process at its peak in its first run, over what it held with",
        "the data read. Much of coxph's time is its formula and frame: coxph.fit is the same fit",
        "of a matrix, and nearer to ours.",
        "",
        "| case | side | seconds | ratio | processors | memory, MB | difference | runs |",
        "|---|---|---|---|---|---|---|---|",
        *(line for name, case in cases.items() if not _of_rows(name) for line in _sides(case)),
        "",
        "The difference is the largest relative one of the figures compared (coefficients and",
        "errors; curves at five times) from ours; those below a hundredth of the largest figure",
        "are held against that. A run fails where a side that should agree does not.",
        "",
        *_rows(cases),
    ]
    return "\n".join(lines) + "\n"


def _targets(cases: dict[str, Any]) -> Iterator[str]:
    for case in cases.values():
        title = case["title"]
        for each in case["targets"]:
            met = "met" if each["met"] else "**missed**"
            yield f"| {title} | {each['what']} | {each['bound']} | {each['value']:.2f} | {met} |"
        missed = any(not each["met"] for each in case["targets"])
        if missed and case["why"]:
            yield f"| | *{case['why']}* | | | |"


def _sides(case: dict[str, Any]) -> Iterator[str]:
    title, ours = case["title"], case["sides"][OURS]["median"]
    for side, each in case["sides"].items():
        if "trouble" in each:
            yield f"| {title} | {side} | {each['trouble']} | | | | | |"
        else:
            memory = "" if each["growth"] is None else f"{each['growth'] / 1e6:,.0f}"
            ratio = f"{each['median'] / ours:.2f}" if side != OURS else ""
            apart = f"{each['difference']:.0e}" if side != OURS else ""
            yield (
                f"| {title} | {side} | {each['median']:.3g} | {ratio} | {each['cpu']:.3g} "
                f"| {memory} | {apart} | {len(each['seconds'])} |"
            )
        title = ""
    if case["notes"]:
        yield f"| | *{case['notes']}* | | | | | | |"


def _of_rows(name: str) -> re.Match[str] | None:
    return re.match(r"cox-rows-(\w+)-\d+", name)


def _rows(cases: dict[str, Any]) -> Iterator[str]:
    """Say how the time of a fit grows with the rows."""
    kinds: dict[str, list[tuple[int, float]]] = {}
    for name, case in cases.items():
        if kind := _of_rows(name):
            point = case["rows"], case["sides"][OURS]["median"]
            kinds.setdefault(kind[1], []).append(point)
    if not kinds:
        return
    yield "## Growth with rows"
    yield ""
    yield "Seconds of a Cox fit of 20 columns. Linear growth has the slope 1 (of log seconds by log"
    yield "rows, between the first and the last)."
    yield ""
    sizes = [rows for rows, _ in next(iter(kinds.values()))]
    yield "| rows | " + " | ".join(f"{rows:,}" for rows in sizes) + " | slope |"
    yield "|---" * (len(sizes) + 2) + "|"
    for kind, points in kinds.items():
        (first, quick), (last, slow) = points[0], points[-1]
        slope = math.log(slow / quick) / math.log(last / first)
        yield f"| {kind} | " + " | ".join(f"{s:.3g}" for _, s in points) + f" | {slope:.2f} |"


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    page = Path(__file__).parent.parent / "docs" / "benchmarks.md"
    page.write_text(table(found), encoding="utf-8")
