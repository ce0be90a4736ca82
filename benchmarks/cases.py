"""What is measured: the data, the sides, what they must agree on, and what is aimed at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benchmarks.simulate import Recipe

OURS = "gmts_models"
PEERS = ("lifelines", "scikit-survival", "greenwood", "comprisk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound on seconds of `side` / seconds of `other`, or on seconds or memory alone.

    Attributes
    ----------
    side, other : "any" stands for the fastest of all other than ours.
    at_least, at_most : whichever is asked for.
    memory : instead, (growth of the process in the first run + X) / X of `side`.
    alone : instead, the "seconds" of `side`, or the "megabytes" by which its process grows.
    """

    side: str = OURS
    other: str = OURS
    at_least: float | None = None
    at_most: float | None = None
    memory: bool = False
    alone: Literal["", "seconds", "megabytes"] = ""


def times_faster_than(side: str, times: float = 1.0) -> Target:
    return Target(side=side, at_least=times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One comparison.

    Attributes
    ----------
    name, title : for the command line, for people.
    kind : name of the functions in ours.py, peers.py and sides.R.
    recipe : of the data.
    sides : in the order in which each round runs them; the first is ours.
    runs : of each side; fewer for slow ones (see run.py).
    targets : see `Target`.
    agree : (side, difference allowed): the largest difference of a figure from ours, over the size
        of ours (or 1e-2 of the largest figure where ours is smaller). None: known to be off.
    notes : said under the case in the table.
    why : what keeps a target from being met; said where one is missed.
    """

    name: str
    title: str
    kind: str
    recipe: Recipe
    sides: tuple[str, ...]
    runs: int = 5
    targets: tuple[Target, ...] = ()
    agree: dict[str, float | None] = field(default_factory=dict)
    notes: str = ""
    why: str = ""


R_COX = ("R coxph", "R coxph.fit")
FRACTION = 1e-6
"""Difference allowed where a case says nothing of a side."""

CASES = (
    Case(
        name="cox-100k-monthly",
        title="Cox, 100,000 x 20, monthly",
        kind="cox",
        recipe=Recipe(people=100_000, columns=20),
        sides=(OURS, *R_COX, "lifelines", "scikit-survival", "greenwood"),
        runs=9,
        targets=(times_faster_than("R coxph", 10), times_faster_than("lifelines", 10)),
        agree={"lifelines": 2e-3},
    ),
    Case(
        name="cox-1m-monthly",
        title="Cox, 1,000,000 x 20, monthly",
        kind="cox",
        recipe=Recipe(people=1_000_000, columns=20),
        sides=(OURS, *R_COX, "lifelines", "scikit-survival"),
        targets=(
            times_faster_than("R coxph", 10),
            times_faster_than("lifelines", 6),
            Target(memory=True, at_most=2.5),
        ),
        agree={"lifelines": 2e-3},
    ),
    Case(
        name="cox-100k-daily",
        title="Cox, 100,000 x 20, continuous times",
        kind="cox",
        recipe=Recipe(people=100_000, columns=20, monthly=False),
        sides=(OURS, *R_COX, "lifelines", "scikit-survival"),
        runs=9,
        targets=(times_faster_than("R coxph", 8),),
        agree={"lifelines": 2e-3},
        notes="greenwood's time grows with the square of the rows: minutes here.",
        why="Half of the rows leave at a time of their own: sums by time cost what sums by row do.",
    ),
    Case(
        name="cox-1m-daily",
        title="Cox, 1,000,000 x 20, continuous times",
        kind="cox",
        recipe=Recipe(people=1_000_000, columns=20, monthly=False),
        sides=(OURS, *R_COX),
        targets=(times_faster_than("R coxph", 8),),
        why="Half of the rows leave at a time of their own: sums by time cost what sums by row do.",
    ),
    Case(
        name="cox-start-stop",
        title="Cox, 100,000 people in 5 rows each x 20, monthly",
        kind="start_stop",
        recipe=Recipe(people=100_000, columns=20, rows_each=5),
        sides=(OURS, "R coxph", "R agreg.fit", "lifelines"),
        targets=(times_faster_than("R coxph", 5),),
        agree={"lifelines": 2e-3},
        notes="greenwood, most of a minute, is left out.",
    ),
    Case(
        name="cox-robust",
        title="Cox, 100,000 x 20, monthly, errors robust to 2,000 clusters",
        kind="cluster_robust",
        recipe=Recipe(people=100_000, columns=20, groups=2_000),
        sides=(OURS, "gmts_models, plain fit", "R coxph", "lifelines", "greenwood"),
        runs=9,
        targets=(Target(side=OURS, other="gmts_models, plain fit", at_most=2.0),),
        agree={"gmts_models, plain fit": None, "lifelines": None, "greenwood": None},
        notes="lifelines and greenwood share out tied leavers otherwise in the robust errors, "
        "so theirs differ from R's.",
    ),
    Case(
        name="cox-bootstrap",
        title="1,000 bootstrap refits of Cox, 1,500 x 12, monthly",
        kind="bootstrap",
        recipe=Recipe(people=1_500, columns=12, draws=1_000),
        sides=(
            OURS,
            "gmts_models, fit_cox",
            *R_COX,
            "lifelines",
            "scikit-survival",
        ),
        targets=(times_faster_than("R coxph", 5),),
        agree={"lifelines": 2e-3},
        notes="Ours first is bootstrap_cox, which sorts and checks once; then, as for the others, "
        "fits of the drawn rows from scratch, which is slower than R's coxph.fit. The aim is held "
        "against bootstrap_cox. greenwood, a minute, is left out.",
    ),
    Case(
        name="newton-step",
        title="One Newton step of Cox beside X'X, 1,000,000 x 20, monthly",
        kind="newton_step",
        recipe=Recipe(people=1_000_000, columns=20),
        sides=(OURS, "X'X, one thread", "X'X, two threads"),
        runs=9,
        targets=(Target(side=OURS, other="any", at_most=6.0),),
    ),
    *(
        Case(
            name=f"cox-rows-{kind}-{rows:07d}",
            title=f"Cox, {rows:,} x 20, {kind}",
            kind="cox",
            recipe=Recipe(people=rows, columns=20, monthly=kind == "monthly"),
            sides=(OURS,),
        )
        for kind in ("monthly", "daily")
        for rows in (10_000, 31_623, 100_000, 316_228, 1_000_000)
    ),
    Case(
        name="concordance",
        title="Concordance with its error, 1,000,000, monthly",
        kind="c_index",
        recipe=Recipe(people=1_000_000),
        sides=(OURS, "R survival", "lifelines"),
        targets=(times_faster_than("any"),),
        notes="lifelines gives no error. The next case has those whose time grows with the square "
        "of the rows.",
    ),
    Case(
        name="concordance-20k",
        title="Concordance with its error, 20,000, monthly",
        kind="c_index",
        recipe=Recipe(people=20_000),
        sides=(OURS, "R survival", "lifelines", "scikit-survival", "greenwood"),
        targets=(times_faster_than("any"),),
        notes="Python peers give no error.",
    ),
    Case(
        name="concordance-daily",
        title="Concordance with its error, 1,000,000, continuous times",
        kind="c_index",
        recipe=Recipe(people=1_000_000, monthly=False),
        sides=(OURS, "R survival", "lifelines"),
        targets=(times_faster_than("any"),),
    ),
    Case(
        name="incidence",
        title="Aalen-Johansen of three causes with errors, 1,000,000, monthly",
        kind="incidence",
        recipe=Recipe(people=1_000_000, causes=3),
        sides=(
            *(OURS, "R survival", "R cmprsk"),
            *("lifelines", "scikit-survival", "greenwood", "comprisk"),
        ),
        targets=(times_faster_than("any"),),
        agree={"lifelines": None},
        notes="lifelines moves tied times apart at random where its check finds them; not here.",
    ),
    Case(
        name="incidence-daily",
        title="Aalen-Johansen of three causes with errors, 20,000, continuous times",
        kind="incidence",
        recipe=Recipe(people=20_000, causes=3, monthly=False),
        sides=(
            *(OURS, "R survival", "R cmprsk"),
            *("lifelines", "scikit-survival", "greenwood", "comprisk"),
        ),
        targets=(times_faster_than("any"),),
        notes="The errors of R's survival take a time that grows with the square of the rows.",
    ),
    Case(
        name="survival",
        title="Kaplan-Meier with errors, 1,000,000, monthly",
        kind="survival",
        recipe=Recipe(people=1_000_000),
        sides=(OURS, "R survival", "lifelines", "scikit-survival", "greenwood"),
        targets=(times_faster_than("any"),),
    ),
    Case(
        name="survival-daily",
        title="Kaplan-Meier with errors, 1,000,000, continuous times",
        kind="survival",
        recipe=Recipe(people=1_000_000, monthly=False),
        sides=(OURS, "R survival", "lifelines", "scikit-survival", "greenwood"),
        targets=(times_faster_than("any"),),
    ),
    Case(
        name="log-rank",
        title="Log-rank test of six groups, 1,000,000, monthly",
        kind="log_rank",
        recipe=Recipe(people=1_000_000, groups=6),
        sides=(OURS, "R survival", "lifelines", "scikit-survival", "greenwood"),
        targets=(times_faster_than("any"),),
    ),
    Case(
        name="elastic-net",
        title="Lasso path of Cox, 10,000 x 50, 100 lambdas, monthly",
        kind="elastic_net",
        recipe=Recipe(people=10_000, columns=50),
        sides=(OURS, "R glmnet", "scikit-survival"),
        targets=(times_faster_than("any"),),
        agree={"R glmnet": 1e-2, "scikit-survival": 5e-2},
        notes="glmnet with fdev = 0, so that it fits all 100; scikit-survival ends its path "
        "earlier. Both stop each fit earlier than ours, whose conditions hold to 1e-10.",
        why="scikit-survival fits fewer lambdas, each to a looser condition.",
    ),
    Case(
        name="frailty",
        title="Gamma frailty of 100 groups, 5,000 x 5, monthly",
        kind="frailty",
        recipe=Recipe(people=5_000, columns=5, groups=100, group_variance=0.3),
        sides=(OURS, "R coxph", "greenwood"),
        agree={"R coxph": None, "greenwood": None},
        notes="R's search for the variance stops before the maximum; greenwood has Breslow ties "
        "only. Ours also gives limits, errors with the variance integrated over, and a test.",
    ),
    Case(
        name="frailty-given",
        title="The same, the variance given as 0.3",
        kind="frailty_given",
        recipe=Recipe(people=5_000, columns=5, groups=100, group_variance=0.3),
        sides=(OURS, "R coxph"),
    ),
    Case(
        name="weibull",
        title="Weibull regression, 100,000 x 10, continuous times",
        kind="weibull",
        recipe=Recipe(people=100_000, columns=10, monthly=False),
        sides=(OURS, "R survival", "lifelines", "greenwood"),
        targets=(times_faster_than("any"),),
        agree={"lifelines": 1e-3, "greenwood": 1e-3},
    ),
    Case(
        name="snapshots",
        title="Histories of 26,000 people from 60 monthly extracts: a million rows, 9 columns",
        kind="snapshots",
        recipe=Recipe(people=27_000),
        sides=(OURS, "pandas groupby"),
        targets=(
            Target(alone="seconds", at_most=10),
            Target(alone="megabytes", at_most=1_500),
        ),
        agree={"pandas groupby": None},
        notes="From a frame in memory of 0.4 gigabytes. The groupby gives the first and the last "
        "date alone: no checks, no absences, no roles.",
    ),
)
