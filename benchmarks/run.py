"""Measure all cases in one run and write what was found; see README.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import CASES, FRACTION, OURS, PEERS, Case, Target
from benchmarks.machine import machine, r_packages, versions
from benchmarks.simulate import write
from benchmarks.table import table

HERE = Path(__file__).parent
PATIENCE = 75.0
"""Seconds after which a run is given up."""
SLOW, VERY_SLOW = 2.0, 12.0
"""Seconds from which a side has three runs, and one."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What one side did.

    Attributes
    ----------
    seconds, cpu : of its runs, by the clock and of the processors.
    figures : of the last run.
    growth : bytes at the peak of the first run over those before it; None where the system does
        not tell.
    trouble : why there is nothing.
    """

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    growth: int | None = None
    trouble: str = ""


def median(seconds: Sequence[float]) -> float:
    """Leave out the first run, which loads and compiles, where there are others."""
    return statistics.median(seconds[1:] or seconds)


class Worker:
    """A side in a process of its own."""

    def __init__(self, side: str, kind: str, folder: Path, threads: int) -> None:
        self.found = Found()
        number = {"X'X, one thread": 1, "X'X, two threads": 2}.get(side, threads)
        names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
        environment = os.environ | {f"{name}_NUM_THREADS": str(number) for name in names}
        command = (
            ["Rscript", "--vanilla", str(HERE / "sides.R"), side, kind, str(folder)]
            if side.startswith("R ")
            else [sys.executable, "-m", "benchmarks.worker", side, kind, str(folder)]
        )
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=HERE.parent,
        )
        self.listen()

    def listen(self) -> str:
        """Return the answer, or "" with the trouble noted."""
        assert self.process.stdout is not None
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        answer = next((line[3:].strip() for line in self.process.stdout if line[:3] == "@@ "), None)
        slow = not timer.is_alive()
        timer.cancel()
        if answer is None:
            self.found.trouble = f"over {PATIENCE:.0f} s" if slow else "ended by itself"
        elif answer.startswith("error: "):
            self.found.trouble = answer
        return "" if self.found.trouble else str(answer)

    def run(self) -> None:
        assert self.process.stdin is not None
        before = self._memory("VmRSS") if not self.found.seconds else None
        print("run", file=self.process.stdin, flush=True)
        answer = self.listen()
        if not answer:
            return
        seconds, cpu, *figures = map(float, answer.split())
        self.found.seconds.append(seconds)
        self.found.cpu.append(cpu)
        self.found.figures = figures
        if before is not None:
            peak = self._memory("VmHWM")
            self.found.growth = None if peak is None else peak - before

    def wants(self, round_: int, runs: int) -> bool:
        """Whether another run is worth its time."""
        if self.found.trouble:
            return False
        first = self.found.seconds[0] if self.found.seconds else 0.0
        return round_ < (1 if first > VERY_SLOW else min(3, runs) if first > SLOW else runs)

    def _memory(self, what: str) -> int | None:
        """Return bytes held now (VmRSS; the peak is forgotten) or at the peak (VmHWM)."""
        proc = Path(f"/proc/{self.process.pid}")
        try:
            if what == "VmRSS":
                (proc / "clear_refs").write_text("5")
            lines = (proc / "status").read_text().splitlines()
        except OSError:
            return None
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def measure(case: Case, sides: Sequence[str], threads: int) -> dict[str, Found]:
    """Run the sides of a case by turns."""
    with tempfile.TemporaryDirectory() as folder:
        write(case.recipe, Path(folder))
        workers = {side: Worker(side, case.kind, Path(folder), threads) for side in sides}
        try:
            for round_ in range(case.runs):
                for worker in workers.values():
                    if worker.wants(round_, case.runs):
                        worker.run()
        finally:
            for worker in workers.values():
                worker.close()
    return {side: worker.found for side, worker in workers.items()}


def difference(figures: Sequence[float], ours: Sequence[float]) -> float:
    """Return the largest difference over the size of ours, of the figures that both give."""
    both = min(len(figures), len(ours))
    if both == 0:
        return 0.0
    a, b = np.array(figures[:both]), np.array(ours[:both])
    return float((np.abs(a - b) / np.maximum(np.abs(b), 0.01 * np.abs(b).max())).max())


def summarise(case: Case, found: dict[str, Found]) -> dict[str, Any]:
    """Return what is kept of a case."""
    ours, sides = found[OURS], {}
    if ours.trouble:
        raise RuntimeError(f"{case.name}: {ours.trouble}")
    for side, each in found.items():
        if each.trouble:
            sides[side] = {"trouble": each.trouble}
            continue
        apart = difference(each.figures, ours.figures)
        allowed = case.agree.get(side, FRACTION)
        sides[side] = {
            "median": median(each.seconds),
            "cpu": median(each.cpu),
            "seconds": each.seconds,
            "growth": each.growth,
            "difference": apart,
            "allowed": allowed,
            "agrees": allowed is None or apart <= allowed,
        }
    return {
        "title": case.title,
        "rows": case.recipe.people * case.recipe.rows_each,
        "columns": case.recipe.columns,
        "notes": case.notes,
        "why": case.why,
        "sides": sides,
        "targets": [reached for t in case.targets if (reached := _reached(t, case, sides))],
    }


def _reached(target: Target, case: Case, sides: dict[str, Any]) -> dict[str, Any] | None:
    """Hold what was found against a target; None where the other side is not there."""
    if target.alone:
        found = sides[OURS]["median" if target.alone == "seconds" else "growth"]
        if found is None:
            return None
        value = found / (1 if target.alone == "seconds" else 1e6)
        what = target.alone if target.alone == "seconds" else "peak memory, MB"
    elif target.memory:
        growth = sides[OURS]["growth"]
        if growth is None:
            return None
        X = case.recipe.people * case.recipe.rows_each * case.recipe.columns * 8
        value, what = (growth + X) / X, "peak memory over that of X"
    else:
        fastest = min(
            (side for side in sides if side != OURS and "median" in sides[side]),
            key=lambda side: sides[side]["median"],
            default=None,
        )
        side, other = (fastest if s == "any" else s for s in (target.side, target.other))
        if side is None or other is None or "median" not in sides.get(side, {}):
            return None
        value = sides[side]["median"] / sides[other]["median"]
        what = f"{side} / {other}"
    met = value >= target.at_least if target.at_least is not None else value <= target.at_most
    bound = f">= {target.at_least:g}" if target.at_least is not None else f"<= {target.at_most:g}"
    return {"what": what, "bound": bound, "value": value, "met": bool(met)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", help="cases whose name contains this text")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the rows, two runs")
    parser.add_argument("--ours", action="store_true", help="without R and the peers")
    parser.add_argument("--threads", type=int, default=2, help="of BLAS and OpenMP; default 2")
    parser.add_argument("--output", type=Path, help="where to write the JSON; quick runs do not")
    asked = parser.parse_args(arguments)
    cases = [case for case in CASES if asked.only is None or asked.only in case.name]
    with_R = shutil.which("Rscript") is not None and not asked.ours
    if not with_R and not asked.ours:
        print("Rscript is not there: R is left out.")
    output = asked.output
    if output is None and not asked.quick and asked.only is None:
        output = HERE / "results" / f"{date.today().isoformat()}.json"
    results: dict[str, Any] = {}
    everything = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions() | (r_packages() if with_R else {}),
        "threads": asked.threads,
        "cases": results,
    }
    for case in cases:
        case = _smaller(case) if asked.quick else case
        sides = _sides(case, with_R=with_R, peers=not asked.ours)
        found = measure(case, sides, asked.threads)
        results[case.name] = summarise(case, found)
        _say(results[case.name])
        if output is not None:  # what is there by then is kept if a later case fails
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    if output is not None and output.parent == HERE / "results":
        (HERE.parent / "docs" / "benchmarks.md").write_text(table(everything), encoding="utf-8")
    apart = [
        f"{name}: {side}"
        for name, result in results.items()
        for side, each in result["sides"].items()
        if not each.get("agrees", True)
    ]
    if apart:
        print("Sides differ that should agree: " + "; ".join(apart))
    return 1 if apart else 0


def _smaller(case: Case) -> Case:
    recipe = case.recipe
    people = max(1_000, recipe.people // 50)
    return replace(case, recipe=replace(recipe, people=people, draws=recipe.draws // 50), runs=2)


def _sides(case: Case, *, with_R: bool, peers: bool) -> list[str]:
    def takes_part(side: str) -> bool:
        if side.startswith("R "):
            return with_R
        return peers or side not in PEERS

    return [side for side in case.sides if takes_part(side)]


def _say(result: dict[str, Any]) -> None:
    print(f"{result['title']} ({result['rows']:,} rows)", flush=True)
    for side, each in result["sides"].items():
        if "trouble" in each:
            print(f"  {side:40} {each['trouble']}")
            continue
        ratio = each["median"] / result["sides"][OURS]["median"]
        growth = "" if each["growth"] is None else f"{each['growth'] / 1e6:8.0f} MB"
        print(
            f"  {side:40} {each['median']:9.4f} s {ratio:7.2f} x  cpu {each['cpu']:9.4f} s {growth}"
            f" differs {each['difference']:.0e}{'' if each['agrees'] else ' TOO MUCH'}"
            f", {len(each['seconds'])} runs",
            flush=True,
        )
    for each in result["targets"]:
        met = "met" if each["met"] else "MISSED"
        print(f"  {each['what']}: {each['value']:.2f}, aim {each['bound']}: {met}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
