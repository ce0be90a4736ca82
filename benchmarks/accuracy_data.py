"""The data of benchmarks/accuracy.py, for Python and for R.

They have names in R's calls: `d` are the simulated trainees, `d$e` whether they left, `v` the last
500 of them with a `score` that the first 1,000 gave, the others as in `R_DATA`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).parents[1] / "tests" / "reference"
TRAINEES = "tests/reference/pitfalls/tr.csv"
MONTHS = [6.0, 12.0, 24.0]

Figures = Sequence[float]

BOOK = """time,left,x,w
1,1,2,1
1,0,0,2
2,1,1,3
2,1,1,4
2,1,0,3
2,0,1,2
3,0,0,1
4,1,1,2
5,0,0,1
"""
"""Test data 3 of Therneau & Grambsch (2000), appendix E."""

R_DATA = """
library(survival)
d <- read.csv("tests/reference/pitfalls/tr.csv")
d$e <- d$status > 0
d$ev <- factor(d$status, 0:2, c("censored", "one", "two"))
d$stays <- as.numeric(!d$e & d$id %% 10 == 0)
d$other <- 1 - d$sex
d$one <- 1
v <- cbind(d[1001:1500, ], score = read.csv("tests/reference/pitfalls/pred.csv")$lp)
fine <- transform(d, time = time + id / 10000)
kidney <- read.csv("tests/reference/data/kidney.csv")
lung <- read.csv("tests/reference/data/lung.csv")
four <- data.frame(time = 1:4, left = 1)
book <- read.csv(text = BOOK)
se <- function(fit) sqrt(diag(vcov(fit)))
"""


@cache
def trainees() -> pd.DataFrame:
    """Return `d`: 1,500 simulated trainees, in whole months, two causes."""
    d = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv", float_precision="round_trip")
    d = d.assign(e=d["status"] > 0, other=1.0 - d["sex"], one=1.0)
    return d.assign(stays=(~d["e"] & (d["id"] % 10 == 0)).astype(float))


@cache
def scored() -> pd.DataFrame:
    """Return `v`."""
    score = pd.read_csv(REFERENCE / "pitfalls" / "pred.csv", float_precision="round_trip")["lp"]
    return trainees().iloc[1000:].reset_index(drop=True).assign(score=score)


@cache
def fine() -> pd.DataFrame:
    """Return the trainees with times that do not tie."""
    return trainees().assign(time=trainees()["time"] + trainees()["id"] / 10000)


@cache
def kidney() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / "kidney.csv")


@cache
def lung() -> pd.DataFrame:
    columns = ["time", "status", "age", "sex", "ph.ecog"]
    return pd.read_csv(REFERENCE / "data" / "lung.csv")[columns].dropna()


@cache
def book() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(BOOK))


@cache
def four() -> pd.DataFrame:
    """Return four trainees who leave at 1, 2, 3 and 4 months."""
    return pd.DataFrame({"time": [1.0, 2.0, 3.0, 4.0], "left": 1})
