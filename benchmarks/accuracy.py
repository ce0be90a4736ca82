"""How far ours and Python peers are from R's values: python benchmarks/accuracy.py.

It reruns R's calls (R with survival and cmprsk must be there), ours and those of the peers that
are installed, and writes benchmarks/results/accuracy.json. A peer that is not installed is left
out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
import sys
import warnings
from collections.abc import Sequence
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "accuracy.json"
LIBRARIES = ("lifelines", "scikit-survival", "greenwood", "comprisk", "SurPyval")
DIGITS = 12

Value = float | str | None


def ask_r(calls: dict[str, str], data: str) -> tuple[dict[str, list[Value]], dict[str, str]]:
    """Run R's calls, each in the place where `data` was read; return values and versions."""
    asked = "".join(
        f'tell("{name}", tryCatch({{ {call} }}, error = conditionMessage))\n'
        for name, call in calls.items()
    )
    code = f"""
    options(warn = -1)
    tell <- function(name, x) cat("@@", name, if (is.character(x)) x else
      paste(c("", sprintf("%.17g", x)), collapse = " "), sep = "\\t", fill = FALSE, "\\n")
    {data}
    {asked}
    tell("version of R", as.character(getRversion()))
    for (p in c("survival", "cmprsk"))
      tell(paste("version of", p), as.character(packageVersion(p)))
    """
    command = ["Rscript", "--vanilla", "-"]
    try:
        told = subprocess.run(
            command, input=code, capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
    except FileNotFoundError:
        sys.exit("Rscript is not here: the right values come from R")
    found = {}
    for line in told.splitlines():
        if line.startswith("@@\t"):
            _, name, value = line.split("\t")[:3]
            found[name] = [value.strip()] if value[:1] != " " else [_of_r(x) for x in value.split()]
    names = ("R", "survival", "cmprsk")
    versions = {name: str(found.pop(f"version of {name}")[0]) for name in names}
    return found, versions


def _of_r(text: str) -> Value:
    return None if text in {"NA", "NaN"} else float(text) + 0.0  # no minus before a 0


def values(got: Sequence[float] | str) -> list[Value]:
    """Return plain values; None is not estimable."""
    if isinstance(got, str):
        return [got]
    return [float(f"{each:.{DIGITS}g}") + 0.0 if math.isfinite(each) else None for each in got]


def difference(got: list[Value], right: list[Value]) -> float | None:
    """Return the largest relative difference, from 0 the absolute one; None for words."""
    found = 0.0
    for ours, theirs in zip(got, right, strict=False):
        if isinstance(ours, str) or isinstance(theirs, str) or (ours is None) != (theirs is None):
            return None
        if ours is not None and theirs is not None:
            found = max(found, abs(ours - theirs) / (abs(theirs) or 1.0))
    return float(f"{found:.2g}")


def installed() -> dict[str, str]:
    """Return the versions of the peers that are here; say which are not."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed: its values are left out", file=sys.stderr)
    return found


def _peer(label: str, number: str, got: list[Value], right: list[Value]) -> dict[str, Any]:
    name, _, how = label.partition(", ")
    return {
        "name": name,
        "version": f"{number} ({how})" if how else number,
        "got": got,
        "difference": difference(got, right),
    }


def measure() -> dict[str, Any]:
    """Return all rows with what they were measured with."""
    from benchmarks.accuracy_data import BOOK, R_DATA
    from benchmarks.accuracy_peers import PEERS
    from benchmarks.accuracy_rows import ROWS

    for name in ("lifelines", "others", "greenwood", "surpyval"):
        import_module(f"benchmarks.accuracy_{name}")

    calls = {row.key: row.call for row in ROWS}
    calls |= {f"{row.key}/{name}": call for row in ROWS for name, call in row.r_too.items()}
    r, r_versions = ask_r(calls, R_DATA.replace("BOOK", json.dumps(BOOK)))
    peers = installed()
    rows = []
    for row in ROWS:
        right = r[row.key]
        others = [
            (f"R survival, {name}", r_versions["survival"], r[f"{row.key}/{name}"])
            for name in row.r_too
        ]
        for label, peer in PEERS.get(row.key, {}).items():
            if (name := label.split(",")[0]) in peers:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    others.append((label, peers[name], values(peer())))
        ours = values(row.ours())
        rows.append(
            {
                "key": row.key,
                "quantity": row.quantity,
                "data": row.data,
                "call": row.call,
                "right": right,
                "ours": ours,
                "difference": difference(ours, right),
                "peers": [_peer(*each, right) for each in others],
                "note": row.note,
            }
        )
    versions = {name: version(name) for name in ("gmts_models", "numpy", "scipy", "pandas")}
    return {
        "date": date.today().isoformat(),
        "versions": {"Python": platform.python_version()} | versions | r_versions | peers,
        "left out": [name for name in LIBRARIES if name not in peers],
        "rows": rows,
    }


def main() -> None:
    """Measure, write and show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="file to write")
    out = parser.parse_args().out
    found = measure()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for row in found["rows"]:
        print(f"\n{row['quantity']}\n  right {row['right']}\n  ours  {row['ours']}")
        for each in row["peers"]:
            said = "" if each["difference"] is None else f"  off by {each['difference']:g}"
            print(f"  {each['name']} {each['version']}  {each['got']}{said}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the script's own folder is there, the project's is not
    main()
