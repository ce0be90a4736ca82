"""The variance of Cox coefficients that does not trust the model, or independence of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.residuals import dfbeta
from gmts_models.stats.rows import code_labels


@on_one_thread
def robust_covariance(fit: CoxFit, clusters: npt.ArrayLike | None = None) -> Floats:
    """Return the (p, p) sandwich variance of the coefficients.

    Parameters
    ----------
    fit : of `fit_cox`.
    clusters : (n,) labels of people or larger clusters, whose rows may depend on each other;
        default those given to the fit, else each row by itself.

    Raises
    ------
    InputError : as many labels as rows are needed, none missing.
    NotEstimableError : there is one cluster only.

    Notes
    -----
    With few clusters (under some 30) it is too small, the more so the fewer.

    Source: Lin & Wei (1989), JASA 84:1074-1078; Binder (1992), Biometrika 79:139-147, for case
    weights. Agrees with ``survival::coxph(..., robust = TRUE)`` and ``cluster = ``, under ties too.
    """
    given = fit.data.given
    moved = dfbeta(fit)
    codes = given.clusters
    if clusters is not None:
        shape = np.shape(clusters)
        if shape != (len(given),):
            raise InputError(
                f"there are {len(given)} rows, clusters has shape {shape}",
                where="robust_covariance, clusters",
            )
        codes = code_labels(clusters, "clusters", "robust_covariance")
    if codes is not None:
        if codes.max() == 0:
            raise NotEstimableError(
                "one cluster says nothing of how clusters differ",
                where="robust_covariance, clusters",
            )
        moved = sum_by_cluster(moved, codes)
    return np.asarray(moved.T @ moved)
