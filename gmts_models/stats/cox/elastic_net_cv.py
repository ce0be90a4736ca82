"""The choice of lambda by cross-validation, people kept whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.concordance import concordance
from gmts_models.stats.cox.elastic_net import path_of_data, saturated
from gmts_models.stats.cox.fit import CoxData, cox_data
from gmts_models.stats.cox.risk_sums import Ties, increments, linear_predictor, risk_sums
from gmts_models.stats.options import check_option
from gmts_models.stats.regression.elastic_net import ElasticNet, ElasticNetPath, coefficients_at
from gmts_models.stats.rows import Rows

Measure = Literal["deviance", "concordance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticNetChoice:
    """A path with its cross-validated measure.

    Attributes
    ----------
    path : of all rows.
    mean, std_err : (m,) the measure at each lambda, averaged over folds, with its standard error.
    by_fold : (folds, m).
    folds : (n,) int codes 0, 1, ... of the fold of each row.
    best, simplest : positions in the path: of the best mean, and of the largest lambda whose mean
        is within one standard error of it.
    lambda_min, lambda_1se : the lambdas there.
    """

    path: ElasticNetPath
    mean: Floats
    std_err: Floats
    by_fold: Floats
    folds: Ints
    best: int
    simplest: int
    lambda_min: float
    lambda_1se: float


def choose_cox_elastic_net(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    penalty: ElasticNet | None = None,
    measure: Measure = "deviance",
    grouped: bool = True,
    folds: npt.ArrayLike | None = None,
    n_folds: int = 10,
    rng: np.random.Generator | None = None,
    ties: Ties = "breslow",
    names: Sequence[str] | None = None,
) -> ElasticNetChoice:
    """Fit the path of all rows, and of all but each fold, to choose lambda.

    Each fold has lambdas of its own unless the penalty gives them; its coefficients are then
    linear in lambda between them.

    Parameters
    ----------
    X, exit_, left, entry, weights, strata, penalty, ties, names : as for `cox_elastic_net`.
    clusters : (n,) labels of people; the rows of one stay in one fold.
    measure : "deviance", twice the fall of the log partial likelihood per event, or "concordance"
        in the fold left out (within strata), which is to be large.
    grouped : whether the deviance of a fold is that of all rows less that of the others (so that
        everyone's risk set is full), or that of its own rows.
    folds : (n,) labels; default `n_folds` of equal size, at random.
    rng : what the folds are drawn with; needed where `folds` is not given.

    Raises
    ------
    InputError : as for `cox_elastic_net`; or fewer than 3 folds, a fold in which nobody leaves or
        no two people can be compared, a person in two folds, or neither `folds` nor `rng`.
    FitError : as for `cox_elastic_net`.

    Source: Verweij & van Houwelingen (1993), Statistics in Medicine 12:2305-2314 (grouped); Simon
    et al. (2011), J. Statistical Software 39(5). Agrees with ``cv.glmnet(X, Surv(entry, exit,
    left), family = "cox", foldid, grouped, type.measure = "deviance" or "C")``, but for its
    concordance across strata. With weights its deviance by fold is not that of replicated rows;
    this one is.
    """
    check_option(measure, get_args(Measure), "measure", "choose_cox_elastic_net")
    matrix, net = np.asarray(X, dtype=float), ElasticNet() if penalty is None else penalty
    data = cox_data(matrix, exit_, left, entry, weights, strata, clusters, ties=ties, names=names)
    codes = assign_folds(len(matrix), folds, n_folds, rng, data.given.clusters)
    path = path_of_data(matrix, data, net)
    rows, scores, sizes = data.given, [], []
    for fold in range(int(codes.max()) + 1):
        inside = codes == fold
        others = _subset(matrix, data, ~inside)
        beta = coefficients_at(path_of_data(matrix[~inside], others, net), path.lambdas)
        size = rows.weights[inside] @ rows.left[inside]
        if size == 0:
            raise InputError(
                "nobody of a fold leaves", where=f"folds, {fold}", fix="use fewer folds"
            )
        if measure == "concordance":
            scores.append([_concordance(matrix[inside] @ b, rows, inside) for b in beta])
            sizes.append(rows.weights[inside].sum())
            continue
        deviance = (
            _deviances(data, beta) - _deviances(others, beta)
            if grouped
            else _deviances(_subset(matrix, data, inside), beta)
        )
        scores.append(deviance / size)
        sizes.append(size)
    return _choice(path, np.array(scores), np.array(sizes), codes, measure)


def assign_folds(
    n: int,
    folds: npt.ArrayLike | None,
    n_folds: int,
    rng: np.random.Generator | None,
    clusters: Ints | None = None,
) -> Ints:
    """Return (n,) codes 0, 1, ... of the fold of each row, as given or drawn.

    Parameters
    ----------
    n : number of rows.
    folds, n_folds, rng : as for `choose_cox_elastic_net`.
    clusters : (n,) int codes of people; the rows of one stay together.
    """
    where = "elastic net, folds"
    people = np.arange(n) if clusters is None else clusters
    if folds is not None:
        codes = np.unique(np.asarray(folds), return_inverse=True)[1].astype(np.int64)
        if codes.shape != (n,):
            raise InputError(f"there are {n} rows, folds has shape {codes.shape}", where=where)
        order = np.argsort(people, kind="stable")
        same = people[order][1:] == people[order][:-1]
        if (codes[order][1:] != codes[order][:-1])[same].any():
            raise InputError("rows of one person lie in several folds", where=where)
    else:
        if rng is None:
            raise InputError("folds are drawn at random", where=where, fix="give rng, or folds")
        labels, person = np.unique(people, return_inverse=True)
        drawn = rng.permutation(np.arange(len(labels)) % max(1, n_folds))
        codes = np.unique(drawn[person], return_inverse=True)[1].astype(np.int64)
    if codes.max() < 2:
        raise InputError(f"there are {codes.max() + 1} folds, 3 are the least", where=where)
    return codes


def _subset(X: Floats, data: CoxData, which: Bools) -> CoxData:
    rows = data.given
    return cox_data(
        X[which],
        rows.exit[which],
        rows.left[which],
        rows.entry[which],
        rows.weights[which],
        rows.strata[which],
        ties=data.ties,
        names=data.names,
        merge_ties=False,
    )


def _deviances(data: CoxData, coefficients: Floats) -> Floats:
    """Return (m,) twice what the log likelihood of each row of coefficients lacks."""
    values = []
    for beta in coefficients:
        _, sums = risk_sums(data.rows, data.grid, linear_predictor(data.rows, beta))
        values.append(increments(data.grid, sums, data.ties).log_likelihood)
    return 2 * (saturated(data.grid, data.ties) - np.array(values))


def _concordance(score: Floats, rows: Rows, which: Bools) -> float:
    found = concordance(
        score,
        rows.exit[which],
        rows.left[which],
        rows.entry[which],
        rows.weights[which],
        rows.strata[which],
    )
    if np.isnan(found.concordance):
        raise InputError(
            "a fold has no pair of people to compare", where="folds", fix="use fewer folds"
        )
    return found.concordance


def _choice(
    path: ElasticNetPath, scores: Floats, sizes: Floats, codes: Ints, measure: Measure
) -> ElasticNetChoice:
    share = sizes / sizes.sum()
    mean = share @ scores
    std_err = np.sqrt(share @ (scores - mean) ** 2 / (len(scores) - 1))
    loss = -mean if measure == "concordance" else mean
    best = int(np.argmin(loss))
    simplest = int(np.argmax(loss <= loss[best] + std_err[best]))
    return ElasticNetChoice(
        path=path,
        mean=mean,
        std_err=std_err,
        by_fold=scores,
        folds=codes,
        best=best,
        simplest=simplest,
        lambda_min=float(path.lambdas[best]),
        lambda_1se=float(path.lambdas[simplest]),
    )
