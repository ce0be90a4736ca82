"""A synthetic labour market: an invented series with no effect on who leaves."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pandas as pd

from gmts_models.data.synthetic import record_assumptions as assumed


def draw_labour_market(
    rng: np.random.Generator, first_start: np.datetime64, census: np.datetime64
) -> pd.DataFrame:
    """Return the publications of a monthly series up to the census.

    Parameters
    ----------
    first_start : of the earliest trainee.
    census : last day on which something may be published.
    """
    begin = first_start.astype("datetime64[M]") - assumed.MARKET_LEAD_MONTHS
    months = np.arange(begin, census.astype("datetime64[M]") + 1)
    published = (months + assumed.PUBLICATION_MONTHS).astype("datetime64[D]")
    published = published + (assumed.PUBLICATION_DAY - 1)
    steps, of_vacancies, of_pay = rng.normal(size=(len(months), 3)).T  # a later census adds rows
    ar, sd = assumed.UNEMPLOYMENT_AR, assumed.UNEMPLOYMENT_SD
    first = steps[0] * sd / np.sqrt(1 - ar**2)
    path = accumulate(sd * steps[1:], lambda level, step: ar * level + step, initial=first)
    gap = np.array(list(path))
    vacancies = assumed.VACANCIES_MEAN + assumed.VACANCIES_SLOPE * gap
    pay = assumed.PAY_MEAN + assumed.PAY_SLOPE * gap + assumed.PAY_SD * of_pay
    frame = pd.DataFrame(
        {
            "date": published.astype("datetime64[ns]"),
            "unemployment_rate": np.clip(assumed.UNEMPLOYMENT_MEAN + gap, 0.5, None).round(1),
            "vacancies": np.maximum(vacancies + assumed.VACANCIES_SD * of_vacancies, 0).round(),
            "pay_growth": pay.round(1),
        }
    )
    return frame[published <= census].reset_index(drop=True)
